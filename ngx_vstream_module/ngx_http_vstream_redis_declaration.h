/*
 * A camera's declaration as Redis holds it (vstream_camera.h writes it): what
 * the module has to know of it.
 */

#ifndef NGX_HTTP_VSTREAM_REDIS_DECLARATION_H
#define NGX_HTTP_VSTREAM_REDIS_DECLARATION_H

#include <hiredis/hiredis.h>

#include "ngx_http_vstream_module.h"


/* Slices of the reply, as JSON has them; empty: the member is not there. */
typedef struct {
    vstream_slice_t name;
    vstream_slice_t origin;
    vstream_slice_t substream;
} ngx_http_vstream_declaration_t;


/* What is no JSON declares nothing. */
ngx_http_vstream_declaration_t ngx_http_vstream_declaration_read(
    redisReply *reply);

/*
 * One of its texts, as it is meant, in memory of the pool; empty where it is
 * not well formed.  NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_vstream_declaration_text(ngx_pool_t     *pool,
                                            vstream_slice_t slice,
                                            ngx_str_t      *text);


#endif /* NGX_HTTP_VSTREAM_REDIS_DECLARATION_H */
