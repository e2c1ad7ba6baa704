/*
 * The URL of vstream_redis, and parameters, one a line: what is shown of it in
 * logs holds neither user nor password, and what it is refused for does not
 * repeat it.
 */

#include "fuzz_nginx.h"

#include "ngx_http_vstream_redis_url.c"

#define SECRET "hunter2" /* seeds have it as the password */

static char said[4096];


/* nginx's own reads the host; here it stands as it is. */
ngx_int_t
ngx_parse_url(ngx_pool_t *pool, ngx_url_t *u)
{
    static ngx_addr_t address;

    (void) pool;
    u->addrs = &address;
    u->naddrs = 1;
    u->host = u->url;

    return NGX_OK;
}


/* The texts that a complaint names; how they are put is nginx's affair. */
void
ngx_conf_log_error(ngx_uint_t level, ngx_conf_t *cf, ngx_err_t err,
                   const char *format, ...)
{
    va_list    args;
    ngx_str_t *text;

    (void) level;
    (void) cf;
    (void) err;

    va_start(args, format);

    if (strncmp(format, "%s in the URL", 13) == 0) {
        snprintf(said, sizeof(said), "%s", va_arg(args, const char *));

    } else if (strstr(format, "\"%V\"") != NULL
               && strncmp(format, "%s in \"%V\"", 10) != 0)
    {
        text = va_arg(args, ngx_str_t *);
        fuzz_check(text->len == 0 || text->data != NULL);
    }

    va_end(args);
}


static void
check_url(ngx_http_vstream_redis_conf_t *redis, vstream_slice_t url)
{
    fuzz_check(redis->naddrs == 1 && redis->name.len > 0);
    fuzz_check(redis->database <= 1000000);

    if (url.data[0] == 'r') {
        fuzz_check(memchr(redis->name.data, '@', redis->name.len) == NULL);
        fuzz_check(memchr(redis->name.data, '/', redis->name.len) == NULL);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_str_t                     text, url;
    ngx_conf_t                    cf = { 0 };
    vstream_slice_t               line;
    ngx_http_vstream_redis_conf_t redis = { 0 };

    cf.pool = ngx_create_pool(0, NULL);
    fuzz_check(cf.pool != NULL);
    said[0] = '\0';

    line = fuzz_line(&data, &size);
    url = fuzz_ngx_str(line);
    url.data = ngx_pstrdup(cf.pool, &url); /* it is decoded in place */

    while (size > 0) {
        text = fuzz_ngx_str(fuzz_line(&data, &size));

        if (text.len < 14 || memcmp(text.data, "password_file=", 14) != 0) {
            (void) ngx_http_vstream_redis_parameter(&cf, &redis, &text);
        }
    }

    fuzz_check(redis.connections <= 64);
    fuzz_check(redis.prefix.len <= VSTREAM_PREFIX_MAX);

    if (ngx_http_vstream_redis_url(&cf, &redis, &url) == NGX_CONF_OK) {
        check_url(&redis, line);
    } else {
        fuzz_check(said[0] != '\0' && strstr(said, SECRET) == NULL);
    }

    ngx_destroy_pool(cf.pool);

    return 0;
}
