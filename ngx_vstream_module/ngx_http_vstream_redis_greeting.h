/*
 * The first words to Redis: AUTH and SELECT where configured, on the
 * connection for commands the versions of Redis and of the contract, then
 * PING, whose answer makes the connection of use.
 */

#ifndef NGX_HTTP_VSTREAM_REDIS_GREETING_H
#define NGX_HTTP_VSTREAM_REDIS_GREETING_H

#include "ngx_http_vstream_redis_connection.h"


/* Says them.  NGX_ERROR: no memory, or the connection takes nothing. */
ngx_int_t ngx_http_vstream_redis_greeting_send(
    ngx_http_vstream_redis_connection_t *redis);

/*
 * An answer while GREETING, as a reply or, of a connection for subscriptions,
 * as a push.  NGX_OK: it was the last, all is well; NGX_AGAIN: more will come,
 * or the connection will be lost, and it has been said why.
 */
ngx_int_t ngx_http_vstream_redis_greeting_reply(
    ngx_http_vstream_redis_connection_t *redis, redisReply *reply);
ngx_int_t ngx_http_vstream_redis_greeting_push(
    ngx_http_vstream_redis_connection_t *redis, ngx_http_vstream_push_t *push);


#endif /* NGX_HTTP_VSTREAM_REDIS_GREETING_H */
