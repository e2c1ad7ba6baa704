/*
 * TLS between an nginx worker and Redis (rediss://), by nginx's own SSL.  The
 * server's certificate is always verified: its chain, its dates, its name.
 * Knows a connection and the configuration, but nothing of what is said.
 */

#ifndef NGX_HTTP_VSTREAM_REDIS_TLS_H
#define NGX_HTTP_VSTREAM_REDIS_TLS_H

#include "ngx_http_vstream_module.h"


/*
 * Makes the context that redis->tls asks for, out of the other parameters, or
 * refuses them where it does not.  Complains with file and line.
 */
char *ngx_http_vstream_redis_tls_init(ngx_conf_t                    *cf,
                                      ngx_http_vstream_redis_conf_t *redis);

/*
 * Begins the handshake on a connection that stands.  NGX_AGAIN: `handler` will
 * be called with the connection when it has ended, one way or the other.
 * NGX_OK or NGX_ERROR: it has ended already.
 */
ngx_int_t ngx_http_vstream_redis_tls_handshake(
    ngx_connection_t *c, ngx_http_vstream_redis_conf_t *redis,
    void (*handler)(ngx_connection_t *c));

/* After the handshake: NULL, or why this is not the Redis that we want. */
const char *ngx_http_vstream_redis_tls_refusal(
    ngx_connection_t *c, ngx_http_vstream_redis_conf_t *redis);

/* What OpenSSL has said since it was asked for, for a log; NULL: nothing. */
const char *ngx_http_vstream_redis_tls_said(void);

/* Before the connection is closed; the other end is not waited for. */
void ngx_http_vstream_redis_tls_close(ngx_connection_t *c);


#endif /* NGX_HTTP_VSTREAM_REDIS_TLS_H */
