/*
 * What the endpoints have in common: which requests they take, and how they
 * answer when they cannot do what was asked.
 */

#ifndef NGX_HTTP_VSTREAM_REPLY_H
#define NGX_HTTP_VSTREAM_REPLY_H

#include "ngx_http_vstream_frame.h"


/*
 * The content handler of all endpoints: lets GET and HEAD through to the
 * endpoint's own handler, without a body, and never a subrequest, which would
 * have skipped the access phase.
 */
ngx_int_t ngx_http_vstream_handler(ngx_http_request_t *r);

/*
 * Evaluates the location's camera, checks it, and gives the request its
 * context.  NGX_OK; NGX_DECLINED: that is no camera id; else a status code.
 */
ngx_int_t ngx_http_vstream_request_camera(ngx_http_request_t *r, ngx_str_t *id);

/* Answers a request whose camera was not NGX_OK. */
ngx_int_t ngx_http_vstream_refuse_camera(ngx_http_request_t *r, ngx_int_t rc);

/*
 * Gives the request its context; `camera` is what $vstream_camera shows.
 * NGX_OK, or what the handler is to return.
 */
ngx_int_t ngx_http_vstream_request_context(ngx_http_request_t *r,
                                           ngx_str_t          *camera);

/*
 * The rendition that the query names.  NGX_OK; NGX_DECLINED: it names none,
 * main is assumed; NGX_ERROR: there is no such one, the caller answers with
 * NGX_HTTP_VSTREAM_RENDITION_PROBLEM.
 */
ngx_int_t ngx_http_vstream_request_rendition(ngx_http_request_t  *r,
                                             vstream_rendition_t *rendition);

#define NGX_HTTP_VSTREAM_RENDITION_PROBLEM                                     \
    "rendition is main or small, as in ?rendition=small."
#define NGX_HTTP_VSTREAM_RENDITION_LACKED                                      \
    "This camera has no rendition small: it has no substream."

/*
 * For a request that waits, before its header is sent: it ends when its client
 * goes, even where the end came together with the request.  A body that is
 * still to come is not waited for: the connection closes after the answer.
 */
void ngx_http_vstream_await_close(ngx_http_request_t *r);

/* `detail` is one sentence: application/problem+json, RFC 9457. */
ngx_int_t ngx_http_vstream_problem(ngx_http_request_t *r, ngx_uint_t status,
                                   const char *detail);

/*
 * Sends a whole body.  `data` lives as long as r->pool.  NGX_HTTP_OK means
 * cacheable by nobody: every answer here is about this moment.
 */
ngx_int_t ngx_http_vstream_reply(ngx_http_request_t *r, ngx_uint_t status,
                                 const char *content_type, u_char *data,
                                 size_t length);

/* Sends a frame as it is, with its headers and ETag. */
ngx_int_t ngx_http_vstream_reply_frame(ngx_http_request_t       *r,
                                       ngx_http_vstream_frame_t *frame);

ngx_int_t ngx_http_vstream_add_header(ngx_http_request_t *r, const char *name,
                                      ngx_str_t *value);

/*
 * Frames per second as text, 0.01 to 1000 with at most 3 decimals, in
 * thousandths.  NGX_ERROR: something else.
 */
ngx_int_t ngx_http_vstream_fps_read(ngx_str_t *text);


#endif /* NGX_HTTP_VSTREAM_REPLY_H */
