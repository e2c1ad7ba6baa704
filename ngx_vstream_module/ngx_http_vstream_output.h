/*
 * How what a viewer gets leaves this worker.  Knows connections and nginx's
 * output filters; what is sent, and when, is the viewer's to decide
 * (ngx_http_vstream_viewer.c).
 *
 * Where nobody has to see the bytes, parts go straight to the connection,
 * already framed as chunks: for each viewer that spares the filters' copies of
 * the chain, and the memory that they touch.  TLS, HTTP/2, limit_rate and
 * filters that change bodies take the long way.
 */

#ifndef NGX_HTTP_VSTREAM_OUTPUT_H
#define NGX_HTTP_VSTREAM_OUTPUT_H

#include "ngx_http_vstream_lane.h"


/*
 * Called when the header of the response has left: decides how parts are sent
 * from now on.
 */
void ngx_http_vstream_output_begin(ngx_http_vstream_viewer_t *viewer);

/*
 * Sends a part, a text, or what is left of these.  The viewer must not be busy,
 * but with what is left.  NGX_OK: all has left; NGX_AGAIN: the rest waits for
 * the socket, the viewer is busy, and what it sends has to stay; NGX_ERROR.
 */
ngx_int_t ngx_http_vstream_output_part(ngx_http_vstream_viewer_t *viewer,
                                       ngx_http_vstream_part_t   *part);
ngx_int_t ngx_http_vstream_output_text(ngx_http_vstream_viewer_t *viewer,
                                       ngx_str_t                 *text);
ngx_int_t ngx_http_vstream_output_rest(ngx_http_vstream_viewer_t *viewer);

/* Sends a text as the end of the body; returns what finalizes the request. */
ngx_int_t ngx_http_vstream_output_last(ngx_http_vstream_viewer_t *viewer,
                                       ngx_str_t                 *text);


#endif /* NGX_HTTP_VSTREAM_OUTPUT_H */
