/*
 * One connection of an nginx worker to Redis, over nginx's own sockets and
 * timers: it dials, secures itself, sends, reads, is lost and dials again.
 * What is said over it is its owner's (ngx_http_vstream_redis.c); what comes
 * in is read by ngx_http_vstream_redis_reader.c.
 */

#ifndef NGX_HTTP_VSTREAM_REDIS_CONNECTION_H
#define NGX_HTTP_VSTREAM_REDIS_CONNECTION_H

#include <ngx_event_connect.h>

#include "ngx_http_vstream_redis.h"
#include "ngx_http_vstream_redis_reader.h"


typedef enum {
    NGX_HTTP_VSTREAM_REDIS_IDLE,
    NGX_HTTP_VSTREAM_REDIS_CONNECTING,
    NGX_HTTP_VSTREAM_REDIS_SECURING,
    NGX_HTTP_VSTREAM_REDIS_GREETING,
    NGX_HTTP_VSTREAM_REDIS_READY
} ngx_http_vstream_redis_state_t;

typedef struct ngx_http_vstream_redis_connection_s
    ngx_http_vstream_redis_connection_t;

/*
 * What the owner does.  Whatever it is called for, it may do anything but free
 * a connection: they live as long as the process.
 */
typedef struct {
    /* It stands: opens the reader and says the first words.  NGX_ERROR. */
    ngx_int_t (*greet)(ngx_http_vstream_redis_connection_t *redis);

    /* The reader was fed.  NULL, or what was wrong with it. */
    const char *(*read)(ngx_http_vstream_redis_connection_t *redis);

    /* The socket is empty. */
    void (*drained)(ngx_http_vstream_redis_connection_t *redis);

    /* Every 250 ms while READY. */
    void (*look)(ngx_http_vstream_redis_connection_t *redis);

    /* It is closed, and will be dialled again. */
    void (*lost)(ngx_http_vstream_redis_connection_t *redis,
                 ngx_uint_t                           was_ready);
} ngx_http_vstream_redis_owner_t;

struct ngx_http_vstream_redis_connection_s {
    ngx_http_vstream_redis_state_t        state;
    ngx_uint_t                            index; /* 0: commands */
    ngx_http_vstream_redis_conf_t        *conf;
    const ngx_http_vstream_redis_owner_t *owner;
    ngx_peer_connection_t                 peer;
    ngx_connection_t                     *c;     /* NULL: IDLE */
    ngx_connection_t                     *spare; /* NULL: none could be had */
    ngx_event_t                           timer;
    ngx_http_vstream_redis_reader_t       reader;
    u_char                               *out;
    size_t                                out_capacity;
    size_t                                out_length;
    size_t                                out_sent;
    ngx_msec_t                            since; /* the state was entered */
    ngx_msec_t                            away;  /* not READY since then */
    ngx_msec_t                            heard;
    ngx_msec_t                            retry;
    ngx_uint_t                            address;
    unsigned complained : 1; /* loss has been logged */
    unsigned distrusted : 1; /* so has its certificate */
    unsigned greeted : 1;    /* was READY once */
    unsigned old : 1;        /* of a version we cannot use */

    /* The owner's own. */
    ngx_queue_t calls;        /* of commands, oldest first */
    ngx_msec_t  asked;        /* a PING is out since; 0: none */
    unsigned    refusing : 1; /* the last PING, too */
};


/* Begins to dial at once, and whenever the connection was lost. */
void ngx_http_vstream_redis_connection_init(
    ngx_http_vstream_redis_connection_t *redis);
void ngx_http_vstream_redis_connection_exit(
    ngx_http_vstream_redis_connection_t *redis);

/* It has been greeted, and is of use from now on. */
void ngx_http_vstream_redis_connection_ready(
    ngx_http_vstream_redis_connection_t *redis);

/*
 * Sends a command of binary-safe arguments, or what can be sent of it now.
 * NGX_ERROR: no memory, the connection goes on; or it takes nothing any more,
 * and will be lost.
 */
ngx_int_t ngx_http_vstream_redis_connection_send(
    ngx_http_vstream_redis_connection_t *redis, ngx_uint_t argc,
    ngx_str_t *argv);

/*
 * Whatever state it was in: closes it and tries again soon.  Only for callers
 * that hold nothing that the owner's lost() takes away; others use fail(),
 * which lets the event loop do it.
 */
void ngx_http_vstream_redis_connection_lose(
    ngx_http_vstream_redis_connection_t *redis, const char *why, ngx_err_t err);
void ngx_http_vstream_redis_connection_fail(
    ngx_http_vstream_redis_connection_t *redis);


#endif /* NGX_HTTP_VSTREAM_REDIS_CONNECTION_H */
