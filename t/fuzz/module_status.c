/*
 * All cameras, as Redis tells of them, and what status makes of that: JSON
 * that jansson takes, with every camera once, one a line, and harmless within
 * HTML, whatever the texts are that stand in Redis.
 */

#include "module_replies.h"

#include <jansson.h>

#include "ngx_http_vstream_redis_survey.c"
#include "ngx_http_vstream_status.c"


static ngx_http_vstream_survey_t *surveyed;
static unsigned                   told;


/* What status asks of other rooms. */


ngx_uint_t
ngx_http_vstream_store_is_there(void)
{
    return 1;
}


ngx_uint_t
ngx_http_vstream_counters_find(ngx_str_t *id)
{
    return id->len;
}


uint64_t
ngx_http_vstream_counters_viewers(ngx_uint_t camera)
{
    return camera;
}


ngx_http_vstream_declared_t *
ngx_http_vstream_origin_find(ngx_http_vstream_main_conf_t *vmcf, ngx_str_t *id)
{
    static ngx_http_vstream_declared_t declared;

    (void) vmcf;

    return id->len % 2 ? &declared : NULL;
}


static void
on_surveyed(ngx_http_vstream_survey_t *survey)
{
    told++;
    surveyed = survey;
}


/* Nothing that HTML minds, but by the line breaks between cameras. */
static void
check_harmless(const ngx_str_t *text)
{
    size_t i, lines = 0;

    for (i = 0; i < text->len; i++) {
        fuzz_check(text->data[i] >= ' ' || text->data[i] == '\n');
        fuzz_check(text->data[i] != '<' && text->data[i] != '>');
        lines += text->data[i] == '\n';
    }

    fuzz_check(lines <= surveyed->nrows + 2);
}


static void
check_row(const json_t *camera, ngx_http_vstream_row_t *row)
{
    const json_t *id = json_object_get(camera, "id");

    fuzz_check(json_is_string(id) && json_string_length(id) == row->id.len);
    fuzz_check(memcmp(json_string_value(id), row->id.data, row->id.len) == 0);
    fuzz_check(vstream_camera_id_check(ngx_http_vstream_slice(&row->id))
               == VSTREAM_OK);
    fuzz_check(json_is_boolean(json_object_get(camera, "stale")));
    fuzz_check(json_is_string(json_object_get(camera, "state")));
    fuzz_check(json_is_array(json_object_get(camera, "renditions")));
    fuzz_check(json_is_string(json_object_get(camera, "name")));
}


static json_t *
check_json(ngx_pool_t *pool, ngx_http_vstream_main_conf_t *vmcf,
           ngx_http_vstream_row_t *row)
{
    json_t   *json;
    ngx_str_t text;

    fuzz_check(ngx_http_vstream_status_render(pool, vmcf, surveyed, row, &text)
               == NGX_OK);
    check_harmless(&text);
    json = json_loadb((char *) text.data, text.len,
                      JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    fuzz_check(json != NULL);

    return json;
}


static void
check_status(void)
{
    size_t                       i;
    json_t                      *all, *one;
    ngx_http_vstream_row_t      *row;
    ngx_pool_t                  *pool = ngx_create_pool(0, NULL);
    ngx_http_vstream_main_conf_t vmcf = { .origin = ngx_string("nginx") };

    fuzz_check(pool != NULL);
    all = check_json(pool, &vmcf, NULL);
    fuzz_check(json_array_size(json_object_get(all, "cameras"))
               == surveyed->nrows);

    for (i = 0; i < surveyed->nrows; i++) {
        row = &surveyed->rows[i];
        fuzz_check(row != NULL);
        check_row(json_array_get(json_object_get(all, "cameras"), i), row);
        one = check_json(pool, &vmcf, row);
        check_row(one, row);
        json_decref(one);
    }

    json_decref(all);
    ngx_destroy_pool(pool);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    told = 0;
    surveyed = NULL;
    fuzz_check(ngx_http_vstream_redis_survey(on_surveyed) == NGX_OK);
    replies_run(data, size);
    fuzz_check(told == 1);

    if (surveyed != NULL) {
        check_status();
        ngx_destroy_pool(surveyed->pool);
    }

    return 0;
}
