/*
 * vstream_redis: where Redis is.
 *
 *     redis[s]://[user[:password]@]host[:port][/db]
 *     unix:/path
 *
 * and the parameters of the table below.
 */

#include "ngx_http_vstream_redis_tls.h"


#define NGX_HTTP_VSTREAM_REDIS_PORT        6379
#define NGX_HTTP_VSTREAM_REDIS_CONNECTIONS 2
#define NGX_HTTP_VSTREAM_PASSWORD_MAX      512


static char *ngx_http_vstream_redis_url(ngx_conf_t                    *cf,
                                        ngx_http_vstream_redis_conf_t *redis,
                                        ngx_str_t                     *url);
static char *ngx_http_vstream_redis_parameter(
    ngx_conf_t *cf, ngx_http_vstream_redis_conf_t *redis, ngx_str_t *text);
static ngx_int_t ngx_http_vstream_redis_name_host(
    ngx_conf_t *cf, ngx_http_vstream_redis_conf_t *redis, ngx_str_t *host);
static char *ngx_http_vstream_redis_connections_set(
    ngx_conf_t *cf, ngx_http_vstream_redis_conf_t *redis, ngx_str_t *value);
static char *ngx_http_vstream_redis_prefix_set(
    ngx_conf_t *cf, ngx_http_vstream_redis_conf_t *redis, ngx_str_t *value);
static char *ngx_http_vstream_redis_text_set(ngx_conf_t *cf, ngx_str_t *text,
                                             ngx_str_t *value);
static char *ngx_http_vstream_redis_password_file(
    ngx_conf_t *cf, ngx_http_vstream_redis_conf_t *redis, ngx_str_t *name);


typedef struct {
    ngx_str_t name;
    char *(*set)(ngx_conf_t *cf, ngx_http_vstream_redis_conf_t *redis,
                 ngx_str_t *value);
    size_t offset; /* set is NULL: of the text that the value becomes */
} ngx_http_vstream_parameter_t;

#define ngx_http_vstream_text_parameter(name, field)                           \
    {                                                                          \
        ngx_string(name), NULL, offsetof(ngx_http_vstream_redis_conf_t, field) \
    }

static const ngx_http_vstream_parameter_t
    ngx_http_vstream_redis_parameters[] = {
        { ngx_string("connections="), ngx_http_vstream_redis_connections_set,
          0 },
        { ngx_string("prefix="), ngx_http_vstream_redis_prefix_set, 0 },
        { ngx_string("password_file="), ngx_http_vstream_redis_password_file,
          0 },
        ngx_http_vstream_text_parameter("user=", user),
        ngx_http_vstream_text_parameter("ca_file=", ca_file),
        ngx_http_vstream_text_parameter("certificate=", certificate),
        ngx_http_vstream_text_parameter("certificate_key=", certificate_key),
        ngx_http_vstream_text_parameter("server_name=", server_name),
        { ngx_null_string, NULL, 0 },
    };


char *
ngx_http_vstream_redis_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t                    *value;
    ngx_uint_t                    i;
    ngx_http_vstream_main_conf_t *vmcf;

    (void) cmd;

    vmcf = conf;
    value = cf->args->elts;

    if (vmcf->redis.addrs) {
        return "is duplicate";
    }

    ngx_str_set(&vmcf->redis.prefix, VSTREAM_PREFIX_DEFAULT);
    vmcf->redis.connections = NGX_HTTP_VSTREAM_REDIS_CONNECTIONS;

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_http_vstream_redis_parameter(cf, &vmcf->redis, &value[i])
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    if (ngx_http_vstream_redis_url(cf, &vmcf->redis, &value[1]) != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    return ngx_http_vstream_redis_tls_init(cf, &vmcf->redis);
}


static char *
ngx_http_vstream_redis_bad_url(ngx_conf_t *cf, const char *what)
{
    /* The URL itself is not shown: it may hold a password. */

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "%s in the URL of vstream_redis; it is "
                       "redis[s]://[user[:password]@]host[:port][/db] or "
                       "unix:/path",
                       what);

    return NGX_CONF_ERROR;
}


/* RFC 3986 section 2.1, in place: a password may hold any byte as %HH. */
static void
ngx_http_vstream_redis_decode(ngx_str_t *text)
{
    u_char *from, *to;

    from = text->data;
    to = text->data;
    ngx_unescape_uri(&to, &from, text->len, 0);
    text->len = (size_t) (to - text->data);
}


/* user, password and database, each cut off the URL's rest in turn. */
static char *
ngx_http_vstream_redis_authority(ngx_conf_t                    *cf,
                                 ngx_http_vstream_redis_conf_t *redis,
                                 ngx_str_t                     *rest)
{
    u_char   *p, *end, *at, *colon, *slash;
    ngx_int_t database;

    end = rest->data + rest->len;
    slash = ngx_strlchr(rest->data, end, '/');
    at = NULL;

    for (p = rest->data; p < (slash ? slash : end); p++) {
        if (*p == '@') {
            at = p; /* the last one: a password may hold others */
        }
    }

    if (at) {
        colon = ngx_strlchr(rest->data, at, ':');

        if (colon != rest->data) {
            redis->user.data = rest->data;
            redis->user.len = (size_t) ((colon ? colon : at) - rest->data);
            ngx_http_vstream_redis_decode(&redis->user);
        }

        if (colon) {
            redis->password.data = colon + 1;
            redis->password.len = (size_t) (at - colon - 1);
            ngx_http_vstream_redis_decode(&redis->password);
        }

        rest->data = at + 1;
        rest->len = (size_t) (end - rest->data);
    }

    if (slash) {
        if (slash + 1 < end) {
            database = ngx_atoi(slash + 1, (size_t) (end - slash - 1));

            if (database == NGX_ERROR || database > 1000000) {
                return ngx_http_vstream_redis_bad_url(
                    cf, "the database is not a number");
            }

            redis->database = (ngx_uint_t) database;
        }

        rest->len = (size_t) (slash - rest->data);
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_vstream_redis_url(ngx_conf_t *cf, ngx_http_vstream_redis_conf_t *redis,
                           ngx_str_t *url)
{
    size_t    scheme;
    ngx_url_t u;
    ngx_str_t rest;

    ngx_memzero(&u, sizeof(ngx_url_t));
    redis->tls = url->len >= 9 && ngx_strncmp(url->data, "rediss://", 9) == 0;
    scheme = redis->tls ? 9 : 8;

    if (redis->tls
        || (url->len >= 8 && ngx_strncmp(url->data, "redis://", 8) == 0)) {
        rest.data = url->data + scheme;
        rest.len = url->len - scheme;

        if (ngx_http_vstream_redis_authority(cf, redis, &rest) != NGX_CONF_OK) {
            return NGX_CONF_ERROR;
        }

        u.url = rest;
        u.default_port = NGX_HTTP_VSTREAM_REDIS_PORT;

    } else if (url->len > 5 && ngx_strncmp(url->data, "unix:", 5) == 0) {
        u.url = *url;

    } else {
        return ngx_http_vstream_redis_bad_url(cf, "unknown scheme");
    }

    if (u.url.len == 0) {
        return ngx_http_vstream_redis_bad_url(cf, "no host");
    }

    if (ngx_parse_url(cf->pool, &u) != NGX_OK || u.naddrs == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "%s in \"%V\" of the URL of vstream_redis",
                           u.err ? u.err : "no address", &u.url);
        return NGX_CONF_ERROR;
    }

    if (redis->tls && redis->server_name.len == 0
        && ngx_http_vstream_redis_name_host(cf, redis, &u.host) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    redis->name = u.url;
    redis->addrs = u.addrs;
    redis->naddrs = u.naddrs;

    return NGX_CONF_OK;
}


/* OpenSSL wants a zero at its end, and no brackets around an address. */
static ngx_int_t
ngx_http_vstream_redis_name_host(ngx_conf_t                    *cf,
                                 ngx_http_vstream_redis_conf_t *redis,
                                 ngx_str_t                     *host)
{
    if (host->len > 2 && host->data[0] == '[') {
        host->data++;
        host->len -= 2;
    }

    redis->server_name.len = host->len;
    redis->server_name.data = ngx_pnalloc(cf->pool, host->len + 1);
    if (redis->server_name.data == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_cpystrn(redis->server_name.data, host->data, host->len + 1);

    return NGX_OK;
}


static char *
ngx_http_vstream_redis_parameter(ngx_conf_t                    *cf,
                                 ngx_http_vstream_redis_conf_t *redis,
                                 ngx_str_t                     *text)
{
    ngx_str_t                           value;
    const ngx_http_vstream_parameter_t *p;

    for (p = ngx_http_vstream_redis_parameters; p->name.len; p++) {
        if (text->len >= p->name.len
            && ngx_strncmp(text->data, p->name.data, p->name.len) == 0)
        {
            value.data = text->data + p->name.len;
            value.len = text->len - p->name.len;

            return p->set ? p->set(cf, redis, &value)
                          : ngx_http_vstream_redis_text_set(
                              cf, (ngx_str_t *) ((u_char *) redis + p->offset),
                              &value);
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "unknown parameter \"%V\" of vstream_redis; there are "
                       "connections=, prefix=, user=, password_file=, "
                       "ca_file=, certificate=, certificate_key= and "
                       "server_name=",
                       text);

    return NGX_CONF_ERROR;
}


static char *
ngx_http_vstream_redis_connections_set(ngx_conf_t                    *cf,
                                       ngx_http_vstream_redis_conf_t *redis,
                                       ngx_str_t                     *value)
{
    ngx_int_t n;

    n = ngx_atoi(value->data, value->len);

    if (n < 1 || n > 64) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"connections=%V\": connections is a "
                           "number from 1 to 64",
                           value);
        return NGX_CONF_ERROR;
    }

    redis->connections = (ngx_uint_t) n;

    return NGX_CONF_OK;
}


static char *
ngx_http_vstream_redis_prefix_set(ngx_conf_t                    *cf,
                                  ngx_http_vstream_redis_conf_t *redis,
                                  ngx_str_t                     *value)
{
    if (value->len > VSTREAM_PREFIX_MAX
        || vstream_camera_id_check(ngx_http_vstream_slice(value)) != VSTREAM_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"prefix=%V\": prefix has 1 to %d "
                           "letters, digits, dots, dashes or underscores and "
                           "begins with a letter or digit",
                           value, VSTREAM_PREFIX_MAX);
        return NGX_CONF_ERROR;
    }

    redis->prefix = *value;

    return NGX_CONF_OK;
}


static char *
ngx_http_vstream_redis_text_set(ngx_conf_t *cf, ngx_str_t *text,
                                ngx_str_t *value)
{
    if (value->len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "a parameter of vstream_redis has no value");
        return NGX_CONF_ERROR;
    }

    *text = *value;

    return NGX_CONF_OK;
}


/* The file's first line. */
static char *
ngx_http_vstream_redis_password_file(ngx_conf_t                    *cf,
                                     ngx_http_vstream_redis_conf_t *redis,
                                     ngx_str_t                     *name)
{
    u_char         *data, *p;
    ssize_t         n;
    ngx_fd_t        fd;
    ngx_file_info_t info;

    if (ngx_conf_full_name(cf->cycle, name, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    data = ngx_pnalloc(cf->pool, NGX_HTTP_VSTREAM_PASSWORD_MAX);
    if (data == NULL) {
        return NGX_CONF_ERROR;
    }

    fd = ngx_open_file(name->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_open_file_n " \"%V\" failed", name);
        return NGX_CONF_ERROR;
    }

    if (ngx_fd_info(fd, &info) == NGX_FILE_ERROR
        || (ngx_file_access(&info) & S_IRWXO))
    {
        (void) ngx_close_file(fd);
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "password file \"%V\" is open to all users of "
                           "this host; chmod o-rwx it",
                           name);
        return NGX_CONF_ERROR;
    }

    n = ngx_read_fd(fd, data, NGX_HTTP_VSTREAM_PASSWORD_MAX);
    (void) ngx_close_file(fd);

    for (p = data; n > 0 && p < data + n && *p != LF && *p != CR; p++) {
        /* to the end of the line */
    }

    if (p == data || p == data + NGX_HTTP_VSTREAM_PASSWORD_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "password file \"%V\" has no password of 1 to %d "
                           "bytes in its first line",
                           name, NGX_HTTP_VSTREAM_PASSWORD_MAX - 1);
        return NGX_CONF_ERROR;
    }

    redis->password.data = data;
    redis->password.len = (size_t) (p - data);

    return NGX_CONF_OK;
}
