/*
 * Declarations: see ngx_http_vstream_redis_declaration.h.
 */

#include "ngx_http_vstream_redis_declaration.h"


static ngx_str_t
ngx_http_vstream_declaration_text(json_t *object, const char *member)
{
    json_t   *value;
    ngx_str_t text;

    value = json_object_get(object, member);
    text.data = (u_char *) json_string_value(value);
    text.len = json_string_length(value);

    return text;
}


ngx_int_t
ngx_http_vstream_declaration_read(ngx_http_vstream_declaration_t *declaration,
                                  redisReply                     *reply)
{
    json_t *object;

    object = json_loadb(reply->str, (size_t) reply->len, 0, NULL);
    if (object == NULL) {
        return NGX_ERROR;
    }

    declaration->object = object;
    declaration->name = ngx_http_vstream_declaration_text(object, "name");
    declaration->origin = ngx_http_vstream_declaration_text(object, "origin");
    declaration->has_small =
        ngx_http_vstream_declaration_text(object, "substream").len > 0;

    return NGX_OK;
}


void
ngx_http_vstream_declaration_free(ngx_http_vstream_declaration_t *declaration)
{
    json_decref(declaration->object);
}
