/*
 * A camera's declaration as Redis holds it (vstream_camera.h writes it): what
 * the module has to know of it.
 */

#ifndef NGX_HTTP_VSTREAM_REDIS_DECLARATION_H
#define NGX_HTTP_VSTREAM_REDIS_DECLARATION_H

#include <hiredis/hiredis.h>
#include <jansson.h>

#include "ngx_http_vstream_module.h"


typedef struct {
    json_t    *object;
    ngx_str_t  name; /* borrowed, as the origin; empty: there is none */
    ngx_str_t  origin;
    ngx_uint_t has_small; /* the rendition */
} ngx_http_vstream_declaration_t;


/*
 * Reads a declaration, which the caller frees.  NGX_ERROR: it is no JSON, or
 * there is no memory for it; then nothing is to be freed.
 */
ngx_int_t ngx_http_vstream_declaration_read(
    ngx_http_vstream_declaration_t *declaration, redisReply *reply);
void ngx_http_vstream_declaration_free(
    ngx_http_vstream_declaration_t *declaration);


#endif /* NGX_HTTP_VSTREAM_REDIS_DECLARATION_H */
