/*
 * Declarations: see ngx_http_vstream_redis_declaration.h.
 */

#include "ngx_http_vstream_redis_declaration.h"
#include "vstream_json.h"


static void
ngx_http_vstream_declaration_note(ngx_http_vstream_declaration_t *declaration,
                                  const vstream_json_member_t    *member)
{
    ngx_uint_t i;

    struct {
        vstream_slice_t  name;
        vstream_slice_t *value;
    } wanted[] = { { VSTREAM_SLICE("name"), &declaration->name },
                   { VSTREAM_SLICE("origin"), &declaration->origin },
                   { VSTREAM_SLICE("substream"), &declaration->substream } };

    for (i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        if (member->type == VSTREAM_JSON_TEXT
            && member->name.length == wanted[i].name.length
            && ngx_memcmp(member->name.data, wanted[i].name.data,
                          wanted[i].name.length)
                   == 0)
        {
            *wanted[i].value = member->value;
        }
    }
}


ngx_http_vstream_declaration_t
ngx_http_vstream_declaration_read(redisReply *reply)
{
    int                            rc;
    vstream_json_t                 json;
    vstream_slice_t                text;
    vstream_json_member_t          member;
    ngx_http_vstream_declaration_t declaration;

    text.data = reply->str;
    text.length = (size_t) reply->len;
    ngx_memzero(&declaration, sizeof(ngx_http_vstream_declaration_t));
    vstream_json_init(&json, text);
    rc = vstream_json_object_open(&json);

    while (rc == VSTREAM_OK) {
        rc = vstream_json_member_read(&json, &member);

        if (rc == VSTREAM_OK) {
            ngx_http_vstream_declaration_note(&declaration, &member);
        }
    }

    if (rc != VSTREAM_DECLINED) {
        ngx_memzero(&declaration, sizeof(ngx_http_vstream_declaration_t));
    }

    return declaration;
}


ngx_int_t
ngx_http_vstream_declaration_text(ngx_pool_t *pool, vstream_slice_t slice,
                                  ngx_str_t *text)
{
    int64_t length;

    if (slice.length == 0) {
        return NGX_OK;
    }

    text->data = ngx_pnalloc(pool, slice.length);
    if (text->data == NULL) {
        return NGX_ERROR;
    }

    length = vstream_json_text_write(slice, (char *) text->data);
    text->len = length > 0 ? (size_t) length : 0;

    return NGX_OK;
}
