/*
 * vstream_wall: several cameras over one response, each at its own pace.  The
 * value names them with commas between; each part says in X-Camera whose
 * picture it is.
 */

#include "ngx_http_vstream_reply.h"
#include "ngx_http_vstream_viewer.h"


/*
 * Splits `list` into at most NGX_HTTP_VSTREAM_LANES_MAX different ids.
 * Returns their number, or NGX_ERROR: too many, or one is no id.
 */
static ngx_int_t
ngx_http_vstream_wall_split(ngx_str_t *list, ngx_str_t *ids)
{
    u_char    *p, *end, *comma;
    ngx_str_t  id;
    ngx_uint_t i, n;

    n = 0;
    end = list->data + list->len;

    for (p = list->data; p < end; p = comma + 1) {
        comma = ngx_strlchr(p, end, ',');
        if (comma == NULL) {
            comma = end;
        }

        id.data = p;
        id.len = (size_t) (comma - p);

        if (vstream_camera_id_check(ngx_http_vstream_slice(&id)) != VSTREAM_OK)
        {
            return NGX_ERROR;
        }

        for (i = 0; i < n; i++) {
            if (ids[i].len == id.len
                && ngx_memcmp(ids[i].data, id.data, id.len) == 0) {
                break;
            }
        }

        if (i < n) {
            continue;
        }

        if (n == NGX_HTTP_VSTREAM_LANES_MAX) {
            return NGX_ERROR;
        }

        ids[n++] = id;
    }

    return (ngx_int_t) n;
}


/* `%2C` is what some programs make of a comma in a query. */
static ngx_int_t
ngx_http_vstream_wall_decode(ngx_http_request_t *r, ngx_str_t *list)
{
    u_char *from, *to;

    from = list->data;
    to = ngx_pnalloc(r->pool, list->len + 1);
    if (to == NULL) {
        return NGX_ERROR;
    }

    list->data = to;
    ngx_unescape_uri(&to, &from, list->len, 0);
    list->len = (size_t) (to - list->data);

    return NGX_OK;
}


ngx_int_t
ngx_http_vstream_wall_handler(ngx_http_request_t *r)
{
    ngx_int_t                    n, rc;
    ngx_str_t                    list, ids[NGX_HTTP_VSTREAM_LANES_MAX];
    ngx_http_vstream_loc_conf_t *conf;

    conf = ngx_http_get_module_loc_conf(r, ngx_vstream_module);

    if (ngx_http_complex_value(r, conf->camera, &list) != NGX_OK
        || ngx_http_vstream_wall_decode(r, &list) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    n = ngx_http_vstream_wall_split(&list, ids);

    if (n <= 0) {
        return ngx_http_vstream_problem(
            r, NGX_HTTP_BAD_REQUEST,
            "Name 1 to 64 cameras with commas between, as in "
            "?cameras=gate,yard.");
    }

    rc = ngx_http_vstream_request_context(r, &list);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_vstream_viewer_start(r, ids, (ngx_uint_t) n,
                                         NGX_HTTP_VSTREAM_LACK_MAIN);
}
