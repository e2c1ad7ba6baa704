/*
 * A connection to Redis: see ngx_http_vstream_redis_connection.h.
 *
 * DESIGN.  It goes IDLE -> CONNECTING -> (SECURING, with TLS) -> GREETING ->
 * READY and, whatever happens, back to IDLE, from where a jittered timer
 * starts the next try.  The socket is drained before its owner is told so: of
 * several frames of one camera only the newest is then handed out.
 *
 * While it is IDLE its descriptor and its place among nginx's connections are
 * held by a spare one: viewers who take whatever is free would keep Redis out
 * for as long as they stay.
 */

#include "ngx_http_vstream_redis_connection.h"
#include "ngx_http_vstream_redis_tls.h"


#define NGX_HTTP_VSTREAM_REDIS_TICK      250  /* ms between looks */
#define NGX_HTTP_VSTREAM_REDIS_CONNECT   1000 /* TCP, TLS, greeting, each */
#define NGX_HTTP_VSTREAM_REDIS_RETRY_MIN 50
#define NGX_HTTP_VSTREAM_REDIS_RETRY_MAX 500
#define NGX_HTTP_VSTREAM_REDIS_STEADY    1000 /* ms that make it a success */
#define NGX_HTTP_VSTREAM_REDIS_READ      (256 * 1024)
#define NGX_HTTP_VSTREAM_REDIS_TURN      (16 * 1024 * 1024)
#define NGX_HTTP_VSTREAM_REDIS_OUT_MAX   (12 * 1024 * 1024) /* a whole set */
#define NGX_HTTP_VSTREAM_REDIS_ARGS_MAX  (2 * VSTREAM_CAMERAS_MAX + 16)


static void ngx_http_vstream_redis_connection_dial(
    ngx_http_vstream_redis_connection_t *redis);
static void ngx_http_vstream_redis_connection_connected(
    ngx_http_vstream_redis_connection_t *redis);
static void ngx_http_vstream_redis_connection_secured(ngx_connection_t *c);
static void ngx_http_vstream_redis_connection_greet(
    ngx_http_vstream_redis_connection_t *redis);
static void ngx_http_vstream_redis_connection_close(
    ngx_http_vstream_redis_connection_t *redis);
static void ngx_http_vstream_redis_connection_hold_place(
    ngx_http_vstream_redis_connection_t *redis);
static void ngx_http_vstream_redis_connection_yield_place(
    ngx_http_vstream_redis_connection_t *redis);
static void      ngx_http_vstream_redis_spare_handler(ngx_event_t *ev);
static ngx_int_t ngx_http_vstream_redis_connection_flush(
    ngx_http_vstream_redis_connection_t *redis);
static void ngx_http_vstream_redis_timer_handler(ngx_event_t *ev);
static void ngx_http_vstream_redis_read_handler(ngx_event_t *rev);
static void ngx_http_vstream_redis_write_handler(ngx_event_t *wev);


static ngx_log_t ngx_http_vstream_redis_quiet; /* for dials: we log ourselves */


void
ngx_http_vstream_redis_connection_init(
    ngx_http_vstream_redis_connection_t *redis)
{
    ngx_http_vstream_redis_quiet = *ngx_cycle->log;
    ngx_http_vstream_redis_quiet.log_level = NGX_LOG_ALERT;

    redis->away = ngx_current_msec;
    redis->timer.data = redis;
    redis->timer.log = ngx_cycle->log;
    redis->timer.handler = ngx_http_vstream_redis_timer_handler;
    redis->timer.cancelable = 1;
    ngx_http_vstream_redis_connection_hold_place(redis);

    ngx_add_timer(&redis->timer, 1);
}


void
ngx_http_vstream_redis_connection_exit(
    ngx_http_vstream_redis_connection_t *redis)
{
    if (redis->timer.timer_set) {
        ngx_del_timer(&redis->timer);
    }

    ngx_http_vstream_redis_connection_close(redis);
    ngx_http_vstream_redis_connection_yield_place(redis);
}


static void
ngx_http_vstream_redis_connection_set_state(
    ngx_http_vstream_redis_connection_t *redis,
    ngx_http_vstream_redis_state_t       state)
{
    static const char *names[] = { "idle", "connecting", "securing", "greeting",
                                   "ready" };

    ngx_log_debug3(NGX_LOG_DEBUG_CORE, ngx_cycle->log, 0,
                   "vstream: redis connection %ui changed state %s -> %s",
                   redis->index, names[redis->state], names[state]);

    redis->state = state;
    redis->since = ngx_current_msec;
}


static void
ngx_http_vstream_redis_connection_dial(
    ngx_http_vstream_redis_connection_t *redis)
{
    ngx_int_t              rc;
    ngx_addr_t            *addr;
    ngx_connection_t      *c;
    ngx_peer_connection_t *peer;

    addr = &redis->conf->addrs[redis->address++ % redis->conf->naddrs];

    peer = &redis->peer;
    ngx_memzero(peer, sizeof(ngx_peer_connection_t));
    peer->sockaddr = addr->sockaddr;
    peer->socklen = addr->socklen;
    peer->name = &addr->name;
    peer->get = ngx_event_get_peer;
    peer->log = &ngx_http_vstream_redis_quiet;
    peer->log_error = NGX_ERROR_ERR;

    ngx_http_vstream_redis_connection_set_state(
        redis, NGX_HTTP_VSTREAM_REDIS_CONNECTING);

    ngx_http_vstream_redis_connection_yield_place(redis);
    rc = ngx_event_connect_peer(peer);

    if (rc == NGX_ERROR || rc == NGX_BUSY || rc == NGX_DECLINED) {
        ngx_http_vstream_redis_connection_lose(redis, "cannot connect",
                                               ngx_socket_errno);
        return;
    }

    c = peer->connection;
    c->data = redis;
    c->log = ngx_cycle->log;
    c->read->log = c->log;
    c->write->log = c->log;
    c->read->handler = ngx_http_vstream_redis_read_handler;
    c->write->handler = ngx_http_vstream_redis_write_handler;
    redis->c = c;

    if (rc == NGX_OK) {
        ngx_http_vstream_redis_connection_connected(redis);
    }
}


/* 0, or why the connection does not stand. */
static ngx_err_t
ngx_http_vstream_redis_connection_error(ngx_connection_t *c)
{
    int       err;
    socklen_t len;

    err = 0;
    len = sizeof(int);

    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, (void *) &err, &len) == -1) {
        return ngx_socket_errno;
    }

    return err;
}


/* Connecting has ended, well or not. */
static void
ngx_http_vstream_redis_connection_connected(
    ngx_http_vstream_redis_connection_t *redis)
{
    int       tcp_nodelay;
    ngx_err_t err;

    err = ngx_http_vstream_redis_connection_error(redis->c);

    if (err) {
        ngx_http_vstream_redis_connection_lose(redis, "cannot connect", err);
        return;
    }

    if (redis->peer.sockaddr->sa_family != AF_UNIX) {
        tcp_nodelay = 1;
        (void) setsockopt(redis->c->fd, IPPROTO_TCP, TCP_NODELAY,
                          (const void *) &tcp_nodelay, sizeof(int));
    }

    if (redis->conf->ssl == NULL) {
        ngx_http_vstream_redis_connection_greet(redis);
        return;
    }

    ngx_http_vstream_redis_connection_set_state(
        redis, NGX_HTTP_VSTREAM_REDIS_SECURING);

    if (ngx_http_vstream_redis_tls_handshake(
            redis->c, redis->conf, ngx_http_vstream_redis_connection_secured)
        != NGX_AGAIN)
    {
        ngx_http_vstream_redis_connection_secured(redis->c);
    }
}


/* The handshake has ended, well or not. */
static void
ngx_http_vstream_redis_connection_secured(ngx_connection_t *c)
{
    const char                          *refusal;
    ngx_http_vstream_redis_connection_t *redis;

    redis = c->data;
    c->read->handler = ngx_http_vstream_redis_read_handler;
    c->write->handler = ngx_http_vstream_redis_write_handler;

    refusal = c->ssl ? ngx_http_vstream_redis_tls_refusal(c, redis->conf)
                     : "no memory";

    if (refusal) {
        /* Of another Redis, perhaps, than the one whose loss was told. */
        redis->complained &= redis->distrusted;
        redis->distrusted = 1;
        ngx_http_vstream_redis_connection_lose(redis, refusal, 0);
        return;
    }

    ngx_http_vstream_redis_connection_greet(redis);
}


static void
ngx_http_vstream_redis_connection_greet(
    ngx_http_vstream_redis_connection_t *redis)
{
    ngx_http_vstream_redis_connection_set_state(
        redis, NGX_HTTP_VSTREAM_REDIS_GREETING);
    redis->heard = ngx_current_msec;

    /* A connection that has failed is lost by the event loop. */

    if (redis->owner->greet(redis) != NGX_OK && !redis->c->error) {
        ngx_http_vstream_redis_connection_lose(redis, "no memory", 0);
    }
}


void
ngx_http_vstream_redis_connection_ready(
    ngx_http_vstream_redis_connection_t *redis)
{
    ngx_http_vstream_redis_connection_set_state(redis,
                                                NGX_HTTP_VSTREAM_REDIS_READY);
    redis->greeted = 1;
    redis->old = 0;
    redis->distrusted = 0;
    ngx_http_vstream_counted->redis_connections++;

    if (redis->complained) {
        redis->complained = 0;
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "vstream: redis \"%V\" is there again, connection %ui",
                      &redis->conf->name, redis->index);
    }
}


static void
ngx_http_vstream_redis_connection_close(
    ngx_http_vstream_redis_connection_t *redis)
{
    ngx_pool_t       *pool;
    ngx_connection_t *c;

    ngx_http_vstream_redis_reader_close(&redis->reader);

    c = redis->c;

    if (c == NULL) {
        return;
    }

    pool = c->pool;
    redis->c = NULL;

    if (pool) {
        ngx_http_vstream_redis_tls_close(c);
    }

    ngx_close_connection(c);

    if (pool) {
        ngx_destroy_pool(pool);
    }
}


static void
ngx_http_vstream_redis_connection_hold_place(
    ngx_http_vstream_redis_connection_t *redis)
{
    ngx_socket_t      s;
    ngx_connection_t *c;

    s = ngx_socket(AF_UNIX, SOCK_STREAM, 0);
    if (s == (ngx_socket_t) -1) {
        return;
    }

    c = ngx_get_connection(s, &ngx_http_vstream_redis_quiet);
    if (c == NULL) {
        (void) ngx_close_socket(s);
        return;
    }

    c->data = redis;
    c->read->handler = ngx_http_vstream_redis_spare_handler;
    c->write->handler = ngx_http_vstream_redis_spare_handler;
    redis->spare = c;
}


static void
ngx_http_vstream_redis_connection_yield_place(
    ngx_http_vstream_redis_connection_t *redis)
{
    if (redis->spare) {
        ngx_close_connection(redis->spare);
        redis->spare = NULL;
    }
}


/* worker_shutdown_timeout has passed: nothing else happens to it. */
static void
ngx_http_vstream_redis_spare_handler(ngx_event_t *ev)
{
    ngx_connection_t *c;

    c = ev->data;
    ngx_http_vstream_redis_connection_yield_place(c->data);
}


/* Tells of a loss once, until it is there again. */
static void
ngx_http_vstream_redis_connection_complain(
    ngx_http_vstream_redis_connection_t *redis, const char *why, ngx_err_t err)
{
    /* Where one address of several refuses, another may tell more. */

    if (redis->complained
        || (redis->state <= NGX_HTTP_VSTREAM_REDIS_CONNECTING
            && redis->address % redis->conf->naddrs != 0))
    {
        return;
    }

    redis->complained = 1;
    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, err,
                  "vstream: redis \"%V\", connection %ui: %s; "
                  "trying again until it is there",
                  &redis->conf->name, redis->index, why);
}


void
ngx_http_vstream_redis_connection_lose(
    ngx_http_vstream_redis_connection_t *redis, const char *why, ngx_err_t err)
{
    ngx_uint_t was_ready;

    ngx_http_vstream_redis_connection_complain(redis, why, err);
    ngx_http_vstream_counted->redis_reconnects++;

    was_ready = redis->state == NGX_HTTP_VSTREAM_REDIS_READY;

    if (was_ready) {
        redis->away = ngx_current_msec;
        ngx_http_vstream_counted->redis_connections--;

        if (ngx_current_msec - redis->since >= NGX_HTTP_VSTREAM_REDIS_STEADY) {
            redis->retry = 0;
        }
    }

    if (redis->state < NGX_HTTP_VSTREAM_REDIS_GREETING) {
        redis->old = 0; /* whatever it was, now it is away */
    }

    ngx_http_vstream_redis_connection_close(redis);
    ngx_http_vstream_redis_connection_hold_place(redis);

    redis->out_length = 0;
    redis->out_sent = 0;
    redis->retry = redis->retry ? ngx_min(redis->retry * 2,
                                          NGX_HTTP_VSTREAM_REDIS_RETRY_MAX)
                                : NGX_HTTP_VSTREAM_REDIS_RETRY_MIN;

    ngx_http_vstream_redis_connection_set_state(redis,
                                                NGX_HTTP_VSTREAM_REDIS_IDLE);

    ngx_add_timer(&redis->timer,
                  redis->retry / 2
                      + (ngx_msec_t) ngx_random() % (redis->retry / 2 + 1));

    redis->owner->lost(redis, was_ready);
}


void
ngx_http_vstream_redis_connection_fail(
    ngx_http_vstream_redis_connection_t *redis)
{
    redis->c->error = 1;
    ngx_post_event(redis->c->read, &ngx_posted_events);
}


static const char *
ngx_http_vstream_redis_connection_late(ngx_http_vstream_redis_state_t state)
{
    switch (state) {
    case NGX_HTTP_VSTREAM_REDIS_CONNECTING:
        return "connecting takes too long";
    case NGX_HTTP_VSTREAM_REDIS_SECURING:
        return "the TLS handshake takes too long";
    default:
        return "does not answer";
    }
}


/* Every 250 ms, and when it is time to dial. */
static void
ngx_http_vstream_redis_timer_handler(ngx_event_t *ev)
{
    ngx_http_vstream_redis_connection_t *redis;

    redis = ev->data;

    ngx_add_timer(ev, NGX_HTTP_VSTREAM_REDIS_TICK);

    switch (redis->state) {
    case NGX_HTTP_VSTREAM_REDIS_IDLE:
        ngx_http_vstream_redis_connection_dial(redis);
        break;

    case NGX_HTTP_VSTREAM_REDIS_READY:
        redis->owner->look(redis);
        break;

    default:
        if (ngx_current_msec - redis->since >= NGX_HTTP_VSTREAM_REDIS_CONNECT) {
            ngx_http_vstream_redis_connection_lose(
                redis, ngx_http_vstream_redis_connection_late(redis->state), 0);
        }
    }
}


/* Makes room for a command.  NGX_DECLINED: Redis takes nothing any more. */
static ngx_int_t
ngx_http_vstream_redis_connection_reserve(
    ngx_http_vstream_redis_connection_t *redis, size_t length)
{
    u_char *out;
    size_t  capacity;

    if (redis->out_length + length <= redis->out_capacity) {
        return NGX_OK;
    }

    capacity = (redis->out_length + length) * 2;

    if (capacity > 2 * NGX_HTTP_VSTREAM_REDIS_OUT_MAX) {
        return NGX_DECLINED;
    }

    out = ngx_alloc(capacity, ngx_cycle->log);
    if (out == NULL) {
        return NGX_ERROR;
    }

    if (redis->out) {
        ngx_memcpy(out, redis->out, redis->out_length);
        ngx_free(redis->out);
    }

    redis->out = out;
    redis->out_capacity = capacity;

    return NGX_OK;
}


ngx_int_t
ngx_http_vstream_redis_connection_send(
    ngx_http_vstream_redis_connection_t *redis, ngx_uint_t argc,
    ngx_str_t *argv)
{
    int                length;
    char              *command;
    ngx_int_t          rc;
    ngx_uint_t         i;
    static const char *args[NGX_HTTP_VSTREAM_REDIS_ARGS_MAX];
    static size_t      lengths[NGX_HTTP_VSTREAM_REDIS_ARGS_MAX];

    if (argc > NGX_HTTP_VSTREAM_REDIS_ARGS_MAX) {
        return NGX_ERROR;
    }

    for (i = 0; i < argc; i++) {
        args[i] = (const char *) argv[i].data;
        lengths[i] = argv[i].len;
    }

    length = redisFormatCommandArgv(&command, (int) argc, args, lengths);
    if (length < 0) {
        return NGX_ERROR;
    }

    rc = ngx_http_vstream_redis_connection_reserve(redis, (size_t) length);

    if (rc == NGX_OK) {
        ngx_memcpy(redis->out + redis->out_length, command, (size_t) length);
        redis->out_length += (size_t) length;

    } else if (rc == NGX_DECLINED) {
        ngx_http_vstream_redis_connection_fail(redis);
    }

    redisFreeCommand(command);

    return rc == NGX_OK ? ngx_http_vstream_redis_connection_flush(redis)
                        : NGX_ERROR;
}


static ngx_int_t
ngx_http_vstream_redis_connection_flush(
    ngx_http_vstream_redis_connection_t *redis)
{
    ssize_t           n;
    ngx_connection_t *c;

    c = redis->c;

    while (redis->out_sent < redis->out_length) {
        n = c->send(c, redis->out + redis->out_sent,
                    redis->out_length - redis->out_sent);

        if (n == NGX_AGAIN) {
            break;
        }

        if (n <= 0) {
            ngx_http_vstream_redis_connection_fail(redis);
            return NGX_ERROR;
        }

        redis->out_sent += (size_t) n;
    }

    if (redis->out_sent == redis->out_length) {
        redis->out_sent = 0;
        redis->out_length = 0;
    }

    if (ngx_handle_write_event(c->write, 0) != NGX_OK) {
        ngx_http_vstream_redis_connection_fail(redis);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_vstream_redis_write_handler(ngx_event_t *wev)
{
    ngx_connection_t                    *c;
    ngx_http_vstream_redis_connection_t *redis;

    c = wev->data;
    redis = c->data;

    if (redis->state == NGX_HTTP_VSTREAM_REDIS_CONNECTING) {
        ngx_http_vstream_redis_connection_connected(redis);
        return;
    }

    (void) ngx_http_vstream_redis_connection_flush(redis);
}


/* Why it has ended. */
static const char *
ngx_http_vstream_redis_connection_cut(ngx_connection_t *c)
{
    u_char      byte;
    const char *said;

    /* The alert of a Redis that hung up tells more than a failed write. */
    if (c->ssl && c->error) {
        (void) c->recv(c, &byte, 1);
    }

    said = c->ssl ? ngx_http_vstream_redis_tls_said() : NULL;

    return said ? said : "connection was cut";
}


/* NGX_ERROR: the connection is lost, or it is another one. */
static ngx_int_t
ngx_http_vstream_redis_connection_feed(
    ngx_http_vstream_redis_connection_t *redis, u_char *data, size_t length)
{
    const char       *problem;
    ngx_connection_t *c;

    c = redis->c;
    redis->heard = ngx_current_msec;

    if (ngx_http_vstream_redis_reader_feed(&redis->reader, data, length)
        != NGX_OK) {
        ngx_http_vstream_redis_connection_lose(redis, "no memory", 0);
        return NGX_ERROR;
    }

    problem = redis->owner->read(redis);

    if (redis->c != c) {
        return NGX_ERROR; /* a handler's doing */
    }

    if (problem == NULL) {
        return NGX_OK;
    }

    ngx_http_vstream_counted->redis_errors++;
    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "vstream: redis_protocol_error on connection %ui: %s",
                  redis->index, problem);
    ngx_http_vstream_redis_connection_lose(redis, "broke the protocol", 0);

    return NGX_ERROR;
}


static void
ngx_http_vstream_redis_connection_receive(
    ngx_http_vstream_redis_connection_t *redis)
{
    size_t            turn;
    ssize_t           n;
    ngx_connection_t *c;
    static u_char     buffer[NGX_HTTP_VSTREAM_REDIS_READ];

    c = redis->c;
    turn = 0;

    do {
        n = c->recv(c, buffer, sizeof(buffer));

        if (n == NGX_AGAIN) {
            break;
        }

        if (n <= 0) {
            redis->owner->drained(redis);
            ngx_http_vstream_redis_connection_lose(
                redis, ngx_http_vstream_redis_connection_cut(c), 0);
            return;
        }

        turn += (size_t) n;

        if (ngx_http_vstream_redis_connection_feed(redis, buffer, (size_t) n)
            != NGX_OK) {
            return;
        }

    } while (turn < NGX_HTTP_VSTREAM_REDIS_TURN);

    redis->owner->drained(redis);

    if (redis->c != c) {
        return;
    }

    if (turn >= NGX_HTTP_VSTREAM_REDIS_TURN) {
        ngx_post_event(c->read, &ngx_posted_next_events);
    }

    if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
        ngx_http_vstream_redis_connection_lose(redis, "cannot wait for it", 0);
    }
}


static void
ngx_http_vstream_redis_read_handler(ngx_event_t *rev)
{
    ngx_connection_t                    *c;
    ngx_http_vstream_redis_connection_t *redis;

    c = rev->data;
    redis = c->data;

    if (c->close) {
        /* worker_shutdown_timeout has passed: nobody needs it any more */
        redis->complained = 1;
        ngx_http_vstream_redis_connection_lose(redis, "closed", 0);
        ngx_del_timer(&redis->timer);
        return;
    }

    if (c->error) {
        ngx_http_vstream_redis_connection_lose(
            redis, ngx_http_vstream_redis_connection_cut(c), 0);
        return;
    }

    if (redis->state == NGX_HTTP_VSTREAM_REDIS_CONNECTING) {
        ngx_http_vstream_redis_connection_connected(redis);
    }

    if (redis->c && redis->state >= NGX_HTTP_VSTREAM_REDIS_GREETING) {
        ngx_http_vstream_redis_connection_receive(redis);
    }
}
