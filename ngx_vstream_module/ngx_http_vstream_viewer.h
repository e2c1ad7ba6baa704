/*
 * A viewer: an HTTP client that receives pictures of one camera
 * (stream.mjpg) or of several (the wall) until it leaves.
 *
 * Each camera of a viewer is a lane.  One part is in flight at a time; when
 * it has gone, the next lane in turn that has something newer sends.  So the
 * newest picture wins for a slow viewer, and nothing is ever queued.
 */

#ifndef NGX_HTTP_VSTREAM_VIEWER_H
#define NGX_HTTP_VSTREAM_VIEWER_H

#include "ngx_http_vstream_store.h"

#define NGX_HTTP_VSTREAM_LANES_MAX 64


/* What happens where a camera has not the rendition that was asked for. */
typedef enum {
    NGX_HTTP_VSTREAM_LACK_REFUSED, /* 404 */
    NGX_HTTP_VSTREAM_LACK_MAIN     /* it is shown as main */
} ngx_http_vstream_lack_t;

/*
 * Takes the request over: opens its cameras, sends the header as soon as the
 * store has answered, then parts.  With one camera, an unknown one is 404 and
 * one without a picture waits for it or gets the placeholder; with several,
 * those are left out.  Returns what the content handler is to return.
 */
ngx_int_t ngx_http_vstream_viewer_start(ngx_http_request_t *r, ngx_str_t *ids,
                                        ngx_uint_t              nids,
                                        ngx_http_vstream_lack_t lack);

/* In a draining worker: ends viewers between two parts, spread over time. */
ngx_int_t ngx_http_vstream_viewers_init(ngx_cycle_t *cycle);


#endif /* NGX_HTTP_VSTREAM_VIEWER_H */
