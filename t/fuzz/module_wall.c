/*
 * The list of cameras of a wall: what is split is ids, each once, in their
 * order, 64 at the most; what is refused is not.
 */

#include "fuzz_nginx.h"

#include "ngx_http_vstream_wall.c"


/* Is this one of the first `n`? */
static int
is_among(const ngx_str_t *ids, ngx_uint_t n, vstream_slice_t id)
{
    ngx_uint_t i;

    for (i = 0; i < n; i++) {
        if (ids[i].len == id.length
            && memcmp(ids[i].data, id.data, id.length) == 0) {
            return 1;
        }
    }

    return 0;
}


/* The next item; a comma at the end is followed by nothing. */
static vstream_slice_t
item_take(vstream_slice_t *list)
{
    const char     *comma = memchr(list->data, ',', list->length);
    vstream_slice_t item = *list;

    if (comma != NULL) {
        item.length = (size_t) (comma - list->data);
        list->data = comma + 1;
        list->length -= item.length + 1;
    } else {
        list->length = 0;
    }

    return item;
}


static void
check_split(vstream_slice_t list, const ngx_str_t *ids, ngx_int_t n)
{
    int             is_right = 1;
    ngx_str_t       seen[NGX_HTTP_VSTREAM_LANES_MAX];
    ngx_uint_t      count = 0;
    vstream_slice_t item;

    while (list.length > 0 && is_right) {
        item = item_take(&list);

        if (vstream_camera_id_check(item) != VSTREAM_OK) {
            is_right = 0;

        } else if (!is_among(seen, count, item)) {
            is_right = count < NGX_HTTP_VSTREAM_LANES_MAX;

            if (is_right) {
                seen[count++] = fuzz_ngx_str(item);
            }
        }
    }

    fuzz_check((n != NGX_ERROR) == is_right);

    if (n != NGX_ERROR) {
        fuzz_check((ngx_uint_t) n == count);

        while (count-- > 0) {
            fuzz_check(ids[count].data == seen[count].data
                       && ids[count].len == seen[count].len);
        }
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_int_t          n;
    ngx_str_t          ids[NGX_HTTP_VSTREAM_LANES_MAX], list;
    ngx_pool_t        *pool = ngx_create_pool(0, NULL);
    ngx_http_request_t r = { .pool = pool };

    fuzz_check(pool != NULL);
    list = fuzz_ngx_str(fuzz_slice(data, size));
    fuzz_check(ngx_http_vstream_wall_decode(&r, &list) == NGX_OK);
    fuzz_check(list.len <= size);

    n = ngx_http_vstream_wall_split(&list, ids);
    check_split(ngx_http_vstream_slice(&list), ids, n);
    ngx_destroy_pool(pool);

    return 0;
}
