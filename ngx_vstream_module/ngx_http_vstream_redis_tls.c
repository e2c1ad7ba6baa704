/*
 * TLS to Redis, see ngx_http_vstream_redis_tls.h.
 *
 * DESIGN.  nginx logs what OpenSSL refuses by itself, some of it as "crit",
 * again at each try.  So a connection under TLS logs into a line of ours, and
 * whoever closes the connection tells it, once.  No session is resumed: a
 * certificate that has expired meanwhile would be accepted with it.
 */

#include "ngx_http_vstream_redis_tls.h"

#include <openssl/x509v3.h>


#define NGX_HTTP_VSTREAM_TLS_DEPTH     10
#define NGX_HTTP_VSTREAM_TLS_PROTOCOLS (NGX_SSL_TLSv1_2 | NGX_SSL_TLSv1_3)


static char *ngx_http_vstream_redis_tls_needless(
    ngx_conf_t *cf, ngx_http_vstream_redis_conf_t *redis);
static ngx_int_t ngx_http_vstream_redis_tls_trust(ngx_conf_t *cf,
                                                  ngx_ssl_t  *ssl,
                                                  ngx_str_t  *file);
static ngx_int_t ngx_http_vstream_redis_tls_identity(
    ngx_conf_t *cf, ngx_ssl_t *ssl, ngx_http_vstream_redis_conf_t *redis);
static ngx_int_t  ngx_http_vstream_redis_tls_private(ngx_conf_t *cf,
                                                     ngx_str_t  *file);
static ngx_uint_t ngx_http_vstream_redis_tls_is_address(ngx_str_t *name);
static ngx_int_t  ngx_http_vstream_redis_tls_check_address(ngx_connection_t *c,
                                                           ngx_str_t *name);
static void ngx_http_vstream_redis_tls_note(ngx_log_t *log, ngx_uint_t level,
                                            u_char *buf, size_t len);


static ngx_log_t  ngx_http_vstream_redis_tls_log;
static char       ngx_http_vstream_redis_tls_text[NGX_MAX_ERROR_STR];
static ngx_uint_t ngx_http_vstream_redis_tls_noted; /* and not told yet */


char *
ngx_http_vstream_redis_tls_init(ngx_conf_t                    *cf,
                                ngx_http_vstream_redis_conf_t *redis)
{
    ngx_ssl_t          *ssl;
    ngx_pool_cleanup_t *cln;

    if (!redis->tls) {
        return ngx_http_vstream_redis_tls_needless(cf, redis);
    }

    ssl = ngx_pcalloc(cf->pool, sizeof(ngx_ssl_t));
    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (ssl == NULL || cln == NULL) {
        return NGX_CONF_ERROR;
    }

    ssl->log = cf->log;

    if (ngx_ssl_create(ssl, NGX_HTTP_VSTREAM_TLS_PROTOCOLS, NULL) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    cln->handler = ngx_ssl_cleanup_ctx;
    cln->data = ssl;

    if (ngx_http_vstream_redis_tls_trust(cf, ssl, &redis->ca_file) != NGX_OK
        || ngx_http_vstream_redis_tls_identity(cf, ssl, redis) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    redis->ssl = ssl;

    return NGX_CONF_OK;
}


/* Whoever writes ca_file= means to be safe: without TLS he is not. */
static char *
ngx_http_vstream_redis_tls_needless(ngx_conf_t                    *cf,
                                    ngx_http_vstream_redis_conf_t *redis)
{
    if (redis->ca_file.len == 0 && redis->certificate.len == 0
        && redis->certificate_key.len == 0 && redis->server_name.len == 0)
    {
        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "ca_file=, certificate=, certificate_key= and "
                       "server_name= of vstream_redis need a URL of rediss://");

    return NGX_CONF_ERROR;
}


/* The CAs of the file; without one, those of the system. */
static ngx_int_t
ngx_http_vstream_redis_tls_trust(ngx_conf_t *cf, ngx_ssl_t *ssl,
                                 ngx_str_t *file)
{
    if (ngx_ssl_trusted_certificate(cf, ssl, file, NGX_HTTP_VSTREAM_TLS_DEPTH)
        != NGX_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the CA certificates \"%V\" of vstream_redis cannot "
                           "be used",
                           file);
        return NGX_ERROR;
    }

    if (file->len == 0 && SSL_CTX_set_default_verify_paths(ssl->ctx) == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the CA certificates of this host cannot be used; "
                           "name a ca_file= in vstream_redis");
        return NGX_ERROR;
    }

    /* nginx's own callback accepts all, and has it looked at afterwards. */
    SSL_CTX_set_verify(ssl->ctx, SSL_VERIFY_PEER, NULL);

    return NGX_OK;
}


/* What we show where Redis asks for a certificate. */
static ngx_int_t
ngx_http_vstream_redis_tls_identity(ngx_conf_t *cf, ngx_ssl_t *ssl,
                                    ngx_http_vstream_redis_conf_t *redis)
{
    if ((redis->certificate.len == 0) != (redis->certificate_key.len == 0)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "certificate= and certificate_key= of vstream_redis "
                           "go together");
        return NGX_ERROR;
    }

    if (redis->certificate.len == 0) {
        return NGX_OK;
    }

    if (ngx_http_vstream_redis_tls_private(cf, &redis->certificate_key)
        != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_ssl_certificate(cf, ssl, &redis->certificate,
                            &redis->certificate_key, NULL)
        != NGX_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "certificate \"%V\" and key \"%V\" of vstream_redis "
                           "cannot be used",
                           &redis->certificate, &redis->certificate_key);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_vstream_redis_tls_private(ngx_conf_t *cf, ngx_str_t *file)
{
    ngx_file_info_t info;

    if (ngx_conf_full_name(cf->cycle, file, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_file_info(file->data, &info) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_file_info_n " \"%V\" failed", file);
        return NGX_ERROR;
    }

    if (ngx_file_access(&info) & S_IRWXO) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "key file \"%V\" is open to all users of this "
                           "host; chmod o-rwx it",
                           file);
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_vstream_redis_tls_handshake(ngx_connection_t              *c,
                                     ngx_http_vstream_redis_conf_t *redis,
                                     void (*handler)(ngx_connection_t *c))
{
    ngx_int_t rc;

    ngx_http_vstream_redis_tls_noted = 0;
    ngx_http_vstream_redis_tls_log.log_level = NGX_LOG_INFO;
    ngx_http_vstream_redis_tls_log.writer = ngx_http_vstream_redis_tls_note;
    c->log = &ngx_http_vstream_redis_tls_log;

    c->pool = ngx_create_pool(512, ngx_cycle->log); /* ssl->log has gone */
    if (c->pool == NULL
        || ngx_ssl_create_connection(redis->ssl, c, NGX_SSL_CLIENT) != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* What waits to be sent may grow, and move, between two tries. */
    SSL_set_mode(c->ssl->connection, SSL_MODE_ENABLE_PARTIAL_WRITE
                                         | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);

    if (!ngx_http_vstream_redis_tls_is_address(&redis->server_name)
        && SSL_set_tlsext_host_name(c->ssl->connection,
                                    (char *) redis->server_name.data)
               == 0)
    {
        return NGX_ERROR;
    }

    rc = ngx_ssl_handshake(c);

    if (rc == NGX_AGAIN) {
        c->ssl->handler = handler;
    }

    return rc;
}


const char *
ngx_http_vstream_redis_tls_refusal(ngx_connection_t              *c,
                                   ngx_http_vstream_redis_conf_t *redis)
{
    long        verified;
    ngx_int_t   rc;
    const char *said;

    verified = SSL_get_verify_result(c->ssl->connection);

    if (verified != X509_V_OK) {
        (void) ngx_snprintf((u_char *) ngx_http_vstream_redis_tls_text,
                            sizeof(ngx_http_vstream_redis_tls_text),
                            "its certificate: %s%Z",
                            X509_verify_cert_error_string(verified));
        return ngx_http_vstream_redis_tls_text;
    }

    if (!c->ssl->handshaked) {
        said = ngx_http_vstream_redis_tls_said();

        return said ? said : "the handshake failed";
    }

    rc = ngx_http_vstream_redis_tls_is_address(&redis->server_name)
             ? ngx_http_vstream_redis_tls_check_address(c, &redis->server_name)
             : ngx_ssl_check_host(c, &redis->server_name);

    return rc == NGX_OK ? NULL : "its certificate is of another name";
}


static ngx_uint_t
ngx_http_vstream_redis_tls_is_address(ngx_str_t *name)
{
    u_char address[16];

    return ngx_inet_addr(name->data, name->len) != INADDR_NONE
           || ngx_inet6_addr(name->data, name->len, address) == NGX_OK;
}


/* Addresses are in certificates, too, but ngx_ssl_check_host() knows names. */
static ngx_int_t
ngx_http_vstream_redis_tls_check_address(ngx_connection_t *c, ngx_str_t *name)
{
    X509     *cert;
    ngx_int_t rc;

    cert = SSL_get_peer_certificate(c->ssl->connection);
    if (cert == NULL) {
        return NGX_ERROR;
    }

    rc = X509_check_ip_asc(cert, (char *) name->data, 0) == 1 ? NGX_OK
                                                              : NGX_ERROR;
    X509_free(cert);

    return rc;
}


const char *
ngx_http_vstream_redis_tls_said(void)
{
    if (!ngx_http_vstream_redis_tls_noted) {
        return NULL;
    }

    ngx_http_vstream_redis_tls_noted = 0;

    return ngx_http_vstream_redis_tls_text;
}


void
ngx_http_vstream_redis_tls_close(ngx_connection_t *c)
{
    if (c->ssl) {
        c->ssl->no_wait_shutdown = 1;
        c->ssl->no_send_shutdown = 1;
        (void) ngx_ssl_shutdown(c);
    }

    c->log = c->read->log;
}


/* "time [level] pid#tid: text"; the text alone is kept. */
static void
ngx_http_vstream_redis_tls_note(ngx_log_t *log, ngx_uint_t level, u_char *buf,
                                size_t len)
{
    u_char *p, *last;

    (void) log;
    (void) level;

    last = buf + len;
    p = ngx_strnstr(buf, ": ", len);
    p = p ? p + 2 : buf;

    while (last > p && last[-1] == LF) {
        last--;
    }

    (void) ngx_cpystrn((u_char *) ngx_http_vstream_redis_tls_text, p,
                       ngx_min((size_t) (last - p) + 1,
                               sizeof(ngx_http_vstream_redis_tls_text)));
    ngx_http_vstream_redis_tls_noted = 1;
}
