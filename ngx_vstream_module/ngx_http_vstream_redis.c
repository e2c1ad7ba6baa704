/*
 * Connections of an nginx worker to Redis, over nginx's own sockets and
 * timers; hiredis is used as a codec only.
 *
 * DESIGN.  One connection carries commands, whose answers come in order: a
 * queue of calls.  The others carry subscriptions (SSUBSCRIBE, Redis 7).  A
 * pushed frame is copied twice in user space: into the reader's buffer, and
 * from there into the frame that all viewers share; the reader's object
 * functions are ours, so that there is no third copy into a redisReply.
 *
 * A connection goes IDLE -> CONNECTING -> (SECURING, with TLS) -> GREETING ->
 * READY and, whatever happens, back to IDLE, from where a jittered timer
 * starts the next try.  A handler that is called from here may do anything but
 * free a connection: they are static for the life of the process.
 */

#include "ngx_http_vstream_redis.h"
#include "ngx_http_vstream_redis_tls.h"


#define NGX_HTTP_VSTREAM_REDIS_TICK      250  /* ms between looks */
#define NGX_HTTP_VSTREAM_REDIS_OVERDUE   500  /* no answer: seen as away */
#define NGX_HTTP_VSTREAM_REDIS_COMING    1000 /* away for less: worth waiting */
#define NGX_HTTP_VSTREAM_REDIS_HUNG      3000 /* no answer: dial again */
#define NGX_HTTP_VSTREAM_REDIS_CONNECT   1000 /* TCP, TLS, greeting, each */
#define NGX_HTTP_VSTREAM_REDIS_RETRY_MIN 50
#define NGX_HTTP_VSTREAM_REDIS_RETRY_MAX 500
#define NGX_HTTP_VSTREAM_REDIS_READ      (256 * 1024)
#define NGX_HTTP_VSTREAM_REDIS_TURN      (16 * 1024 * 1024)
#define NGX_HTTP_VSTREAM_REDIS_OUT_MAX   (12 * 1024 * 1024) /* a whole set */
#define NGX_HTTP_VSTREAM_REDIS_ARGS_MAX  (2 * VSTREAM_CAMERAS_MAX + 16)
#define NGX_HTTP_VSTREAM_REDIS_STEADY    1000 /* ms that make it a success */
#define NGX_HTTP_VSTREAM_REDIS_QUOTE_MAX 200
#define NGX_HTTP_VSTREAM_REDIS_OLDEST    7 /* version that has SSUBSCRIBE */

/* The answer that needs most: the hash of cameras of some dozen origins. */
#define NGX_HTTP_VSTREAM_REDIS_ELEMENTS_MAX (32 * VSTREAM_CAMERAS_MAX)

/* A reply may be this long, all its elements together: one frame and some. */
#define NGX_HTTP_VSTREAM_REDIS_REPLY_MAX                                       \
    (VSTREAM_FRAME_BYTES_MAX + NGX_HTTP_VSTREAM_REDIS_READ)

#if (HIREDIS_MAJOR >= 1)
typedef size_t ngx_http_vstream_redis_count_t;
#else
typedef int ngx_http_vstream_redis_count_t;
#endif


struct ngx_http_vstream_redis_call_s {
    ngx_queue_t                     queue;
    ngx_msec_t                      sent;
    ngx_http_vstream_redis_reply_pt handler; /* NULL: cancelled */
    void                           *data;
};

typedef enum {
    NGX_HTTP_VSTREAM_REDIS_IDLE,
    NGX_HTTP_VSTREAM_REDIS_CONNECTING,
    NGX_HTTP_VSTREAM_REDIS_SECURING,
    NGX_HTTP_VSTREAM_REDIS_GREETING,
    NGX_HTTP_VSTREAM_REDIS_READY
} ngx_http_vstream_redis_state_t;

typedef enum {
    NGX_HTTP_VSTREAM_PUSH_NONE,
    NGX_HTTP_VSTREAM_PUSH_ERROR,
    NGX_HTTP_VSTREAM_PUSH_STATUS,
    NGX_HTTP_VSTREAM_PUSH_MESSAGE,
    NGX_HTTP_VSTREAM_PUSH_SUBSCRIBED,
    NGX_HTTP_VSTREAM_PUSH_OTHER
} ngx_http_vstream_push_type_t;

/* What a subscribed connection has just received, as the reader builds it. */
typedef struct {
    ngx_http_vstream_push_type_t type;
    size_t                       length; /* of text: a channel, or an error */
    ngx_http_vstream_frame_t    *frame;
    u_char                       text[VSTREAM_KEY_MAX];
} ngx_http_vstream_push_t;

typedef struct {
    ngx_http_vstream_redis_state_t state;
    ngx_uint_t                     index; /* 0: commands */
    ngx_peer_connection_t          peer;
    ngx_connection_t              *c; /* NULL: IDLE */
    ngx_event_t                    timer;
    redisReader                   *reader;
    ngx_queue_t                    calls; /* of commands, oldest first */
    u_char                        *out;
    size_t                         out_capacity;
    size_t                         out_length;
    size_t                         out_sent;
    ngx_msec_t                     since; /* the state was entered */
    ngx_msec_t                     away;  /* not READY since then */
    ngx_msec_t                     heard;
    ngx_msec_t                     asked; /* a PING is out since; 0: none */
    ngx_msec_t                     retry;
    ngx_uint_t                     address;
    size_t                         unfinished; /* bytes of a reply under way */
    size_t                         elements;   /* of it, as announced */
    ngx_http_vstream_push_t        push;
    unsigned                       complained : 1; /* loss has been logged */
    unsigned                       distrusted : 1; /* so has its certificate */
    unsigned                       greeted : 1;    /* was READY once */
    unsigned                       refusing : 1;   /* the last PING, too */
    unsigned                       old : 1; /* of a version we cannot use */
} ngx_http_vstream_redis_t;


static void ngx_http_vstream_redis_connect(ngx_http_vstream_redis_t *redis);
static void ngx_http_vstream_redis_lost(ngx_http_vstream_redis_t *redis,
                                        const char *why, ngx_err_t err);
static void ngx_http_vstream_redis_timer_handler(ngx_event_t *ev);
static void ngx_http_vstream_redis_read_handler(ngx_event_t *rev);
static void ngx_http_vstream_redis_write_handler(ngx_event_t *wev);
static ngx_int_t ngx_http_vstream_redis_send(ngx_http_vstream_redis_t *redis,
                                             ngx_uint_t argc, ngx_str_t *argv);
static ngx_int_t ngx_http_vstream_redis_flush(ngx_http_vstream_redis_t *redis);
static void ngx_http_vstream_redis_connected(ngx_http_vstream_redis_t *redis);
static void ngx_http_vstream_redis_secured(ngx_connection_t *c);
static void ngx_http_vstream_redis_close(ngx_http_vstream_redis_t *redis);
static void ngx_http_vstream_redis_greet(ngx_http_vstream_redis_t *redis);
static void ngx_http_vstream_redis_ready(ngx_http_vstream_redis_t *redis);
static ngx_int_t ngx_http_vstream_redis_command_replies(
    ngx_http_vstream_redis_t *redis);
static ngx_int_t ngx_http_vstream_redis_pushes(ngx_http_vstream_redis_t *redis);
static ngx_http_vstream_redis_call_t *ngx_http_vstream_redis_enqueue(
    ngx_http_vstream_redis_t *redis, ngx_http_vstream_redis_reply_pt handler,
    void *data, ngx_uint_t argc, ngx_str_t *argv);
static void ngx_http_vstream_redis_ponged(void *data, redisReply *reply);
static redisReader *ngx_http_vstream_redis_command_reader(void);
static void        *ngx_http_vstream_reply_array(
           const redisReadTask *task, ngx_http_vstream_redis_count_t elements);

static void *ngx_http_vstream_push_string(const redisReadTask *task, char *data,
                                          size_t length);
static void *ngx_http_vstream_push_array(
    const redisReadTask *task, ngx_http_vstream_redis_count_t elements);
static void *ngx_http_vstream_push_integer(const redisReadTask *task,
                                           long long            value);
static void *ngx_http_vstream_push_nil(const redisReadTask *task);
static void  ngx_http_vstream_push_free(void *object);


static redisReplyObjectFunctions ngx_http_vstream_push_functions;
static redisReplyObjectFunctions ngx_http_vstream_reply_functions;
static redisReplyObjectFunctions ngx_http_vstream_reply_defaults;

static ngx_http_vstream_redis_conf_t         *ngx_http_vstream_redis_conf;
static const ngx_http_vstream_redis_events_t *ngx_http_vstream_redis_events;
static ngx_http_vstream_redis_t              *ngx_http_vstream_redis;
static ngx_uint_t                             ngx_http_vstream_redis_n;
static ngx_log_t                             *ngx_http_vstream_redis_log;
static ngx_log_t ngx_http_vstream_redis_quiet; /* for dials: we log ourselves */


ngx_int_t
ngx_http_vstream_redis_init(ngx_cycle_t                           *cycle,
                            ngx_http_vstream_redis_conf_t         *conf,
                            const ngx_http_vstream_redis_events_t *events)
{
    ngx_uint_t                i;
    ngx_http_vstream_redis_t *redis;

    ngx_http_vstream_redis_conf = conf;
    ngx_http_vstream_redis_events = events;
    ngx_http_vstream_redis_log = cycle->log;
    ngx_http_vstream_redis_quiet = *cycle->log;
    ngx_http_vstream_redis_quiet.log_level = NGX_LOG_ALERT;

    ngx_http_vstream_push_functions.createString = ngx_http_vstream_push_string;
    ngx_http_vstream_push_functions.createArray = ngx_http_vstream_push_array;
    ngx_http_vstream_push_functions.createInteger =
        ngx_http_vstream_push_integer;
    ngx_http_vstream_push_functions.createNil = ngx_http_vstream_push_nil;
    ngx_http_vstream_push_functions.freeObject = ngx_http_vstream_push_free;

    ngx_http_vstream_redis_n = conf->connections + 1;
    ngx_http_vstream_redis =
        ngx_pcalloc(cycle->pool, ngx_http_vstream_redis_n
                                     * sizeof(ngx_http_vstream_redis_t));
    if (ngx_http_vstream_redis == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < ngx_http_vstream_redis_n; i++) {
        redis = &ngx_http_vstream_redis[i];

        redis->index = i;
        redis->away = ngx_current_msec;
        redis->timer.data = redis;
        redis->timer.log = cycle->log;
        redis->timer.handler = ngx_http_vstream_redis_timer_handler;
        redis->timer.cancelable = 1;
        ngx_queue_init(&redis->calls);

        ngx_add_timer(&redis->timer, 1);
    }

    return NGX_OK;
}


void
ngx_http_vstream_redis_exit(void)
{
    ngx_uint_t                i;
    ngx_http_vstream_redis_t *redis;

    for (i = 0; i < ngx_http_vstream_redis_n; i++) {
        redis = &ngx_http_vstream_redis[i];

        if (redis->timer.timer_set) {
            ngx_del_timer(&redis->timer);
        }

        ngx_http_vstream_redis_close(redis);
    }
}


ngx_uint_t
ngx_http_vstream_redis_connections(void)
{
    return ngx_http_vstream_redis_conf->connections;
}


/* For how long an answer has been awaited, in ms; 0: none is. */
static ngx_msec_t
ngx_http_vstream_redis_waiting(ngx_http_vstream_redis_t *redis)
{
    ngx_msec_t                     since;
    ngx_http_vstream_redis_call_t *call;

    if (!ngx_queue_empty(&redis->calls)) {
        call = ngx_queue_data(ngx_queue_head(&redis->calls),
                              ngx_http_vstream_redis_call_t, queue);
        since = call->sent;

    } else if (redis->asked) {
        since = redis->asked;

    } else {
        return 0;
    }

    return ngx_max((ngx_msec_int_t) (ngx_current_msec - since), 0);
}


ngx_uint_t
ngx_http_vstream_redis_is_there(void)
{
    ngx_http_vstream_redis_t *redis;

    redis = &ngx_http_vstream_redis[0];

    return redis->state == NGX_HTTP_VSTREAM_REDIS_READY && !redis->refusing
           && ngx_http_vstream_redis_waiting(redis)
                  < NGX_HTTP_VSTREAM_REDIS_OVERDUE;
}


ngx_uint_t
ngx_http_vstream_redis_is_coming(void)
{
    ngx_http_vstream_redis_t *redis;

    redis = &ngx_http_vstream_redis[0];

    return redis->state != NGX_HTTP_VSTREAM_REDIS_READY
           && ngx_current_msec - redis->away < NGX_HTTP_VSTREAM_REDIS_COMING;
}


ngx_uint_t
ngx_http_vstream_redis_is_old(void)
{
    return ngx_http_vstream_redis[0].old;
}


ngx_uint_t
ngx_http_vstream_redis_is_starting(void)
{
    return !ngx_http_vstream_redis[0].greeted
           && ngx_http_vstream_redis_is_coming();
}


static void
ngx_http_vstream_redis_set_state(ngx_http_vstream_redis_t      *redis,
                                 ngx_http_vstream_redis_state_t state)
{
    static const char *names[] = { "idle", "connecting", "securing", "greeting",
                                   "ready" };

    ngx_log_debug3(NGX_LOG_DEBUG_CORE, ngx_http_vstream_redis_log, 0,
                   "vstream: redis connection %ui changed state %s -> %s",
                   redis->index, names[redis->state], names[state]);

    redis->state = state;
    redis->since = ngx_current_msec;
}


static void
ngx_http_vstream_redis_connect(ngx_http_vstream_redis_t *redis)
{
    ngx_int_t              rc;
    ngx_addr_t            *addr;
    ngx_connection_t      *c;
    ngx_peer_connection_t *peer;

    addr = &ngx_http_vstream_redis_conf
                ->addrs[redis->address++ % ngx_http_vstream_redis_conf->naddrs];

    peer = &redis->peer;
    ngx_memzero(peer, sizeof(ngx_peer_connection_t));
    peer->sockaddr = addr->sockaddr;
    peer->socklen = addr->socklen;
    peer->name = &addr->name;
    peer->get = ngx_event_get_peer;
    peer->log = &ngx_http_vstream_redis_quiet;
    peer->log_error = NGX_ERROR_ERR;

    ngx_http_vstream_redis_set_state(redis, NGX_HTTP_VSTREAM_REDIS_CONNECTING);

    rc = ngx_event_connect_peer(peer);

    if (rc == NGX_ERROR || rc == NGX_BUSY || rc == NGX_DECLINED) {
        ngx_http_vstream_redis_lost(redis, "cannot connect", ngx_socket_errno);
        return;
    }

    c = peer->connection;
    c->data = redis;
    c->log = ngx_http_vstream_redis_log;
    c->read->log = c->log;
    c->write->log = c->log;
    c->read->handler = ngx_http_vstream_redis_read_handler;
    c->write->handler = ngx_http_vstream_redis_write_handler;
    redis->c = c;

    if (rc == NGX_OK) {
        ngx_http_vstream_redis_connected(redis);
    }
}


/* NGX_ERROR: errno says why. */
static ngx_int_t
ngx_http_vstream_redis_test_connect(ngx_connection_t *c)
{
    int       err;
    socklen_t len;

    err = 0;
    len = sizeof(int);

    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, (void *) &err, &len) == -1) {
        return NGX_ERROR;
    }

    if (err) {
        ngx_set_socket_errno(err);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_vstream_redis_connected(ngx_http_vstream_redis_t *redis)
{
    int tcp_nodelay;

    if (redis->peer.sockaddr->sa_family != AF_UNIX) {
        tcp_nodelay = 1;
        (void) setsockopt(redis->c->fd, IPPROTO_TCP, TCP_NODELAY,
                          (const void *) &tcp_nodelay, sizeof(int));
    }

    if (ngx_http_vstream_redis_conf->ssl == NULL) {
        ngx_http_vstream_redis_greet(redis);
        return;
    }

    ngx_http_vstream_redis_set_state(redis, NGX_HTTP_VSTREAM_REDIS_SECURING);

    if (ngx_http_vstream_redis_tls_handshake(redis->c,
                                             ngx_http_vstream_redis_conf,
                                             ngx_http_vstream_redis_secured)
        != NGX_AGAIN)
    {
        ngx_http_vstream_redis_secured(redis->c);
    }
}


/* The handshake has ended, well or not. */
static void
ngx_http_vstream_redis_secured(ngx_connection_t *c)
{
    const char               *refusal;
    ngx_http_vstream_redis_t *redis;

    redis = c->data;
    c->read->handler = ngx_http_vstream_redis_read_handler;
    c->write->handler = ngx_http_vstream_redis_write_handler;

    refusal =
        c->ssl
            ? ngx_http_vstream_redis_tls_refusal(c, ngx_http_vstream_redis_conf)
            : "no memory";

    if (refusal) {
        /* Of another Redis, perhaps, than the one whose loss was told. */
        redis->complained &= redis->distrusted;
        redis->distrusted = 1;
        ngx_http_vstream_redis_lost(redis, refusal, 0);
        return;
    }

    ngx_http_vstream_redis_greet(redis);
}


static void
ngx_http_vstream_redis_close(ngx_http_vstream_redis_t *redis)
{
    ngx_pool_t       *pool;
    ngx_connection_t *c;

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


/*
 * AUTH and SELECT where configured, the versions of Redis and of the contract,
 * then PING: its answer makes us READY.
 */
static void
ngx_http_vstream_redis_greet(ngx_http_vstream_redis_t *redis)
{
    u_char                         number[NGX_INT_T_LEN];
    u_char                         key[VSTREAM_KEY_MAX];
    ngx_str_t                      argv[3];
    ngx_uint_t                     argc;
    ngx_http_vstream_redis_conf_t *conf;

    conf = ngx_http_vstream_redis_conf;

    redis->reader =
        redis->index == 0
            ? ngx_http_vstream_redis_command_reader()
            : redisReaderCreateWithFunctions(&ngx_http_vstream_push_functions);
    if (redis->reader == NULL) {
        ngx_http_vstream_redis_lost(redis, "no memory", 0);
        return;
    }

    redis->reader->privdata = redis;
    redis->reader->maxbuf = 0; /* keep the buffer, whatever it grew to */

    ngx_http_vstream_redis_set_state(redis, NGX_HTTP_VSTREAM_REDIS_GREETING);
    redis->heard = ngx_current_msec;
    redis->asked = 0;
    redis->refusing = 0;
    redis->unfinished = 0;
    redis->elements = 0;

    if (conf->password.len) {
        ngx_str_set(&argv[0], "AUTH");
        argc = 1;

        if (conf->user.len) {
            argv[argc++] = conf->user;
        }

        argv[argc++] = conf->password;

        if (ngx_http_vstream_redis_send(redis, argc, argv) != NGX_OK) {
            return;
        }
    }

    if (conf->database && redis->index == 0) {
        ngx_str_set(&argv[0], "SELECT");
        argv[1].data = number;
        argv[1].len =
            (size_t) (ngx_sprintf(number, "%ui", conf->database) - number);

        if (ngx_http_vstream_redis_send(redis, 2, argv) != NGX_OK) {
            return;
        }
    }

    if (redis->index == 0) {
        ngx_str_set(&argv[0], "HELLO");
        ngx_str_set(&argv[1], "2");

        if (ngx_http_vstream_redis_send(redis, 2, argv) != NGX_OK) {
            return;
        }

        ngx_str_set(&argv[0], "GET");
        argv[1] = ngx_http_vstream_redis_key(key, VSTREAM_KEY_SCHEMA, NULL);

        if (ngx_http_vstream_redis_send(redis, 2, argv) != NGX_OK) {
            return;
        }
    }

    ngx_str_set(&argv[0], "PING");
    (void) ngx_http_vstream_redis_send(redis, 1, argv);
}


static void
ngx_http_vstream_redis_ready(ngx_http_vstream_redis_t *redis)
{
    ngx_http_vstream_redis_set_state(redis, NGX_HTTP_VSTREAM_REDIS_READY);
    redis->greeted = 1;
    redis->old = 0;
    redis->distrusted = 0;
    ngx_http_vstream_counted->redis_connections++;

    if (redis->complained) {
        redis->complained = 0;
        ngx_log_error(NGX_LOG_NOTICE, ngx_http_vstream_redis_log, 0,
                      "vstream: redis \"%V\" is there again, connection %ui",
                      &ngx_http_vstream_redis_conf->name, redis->index);
    }

    if (redis->index == 0) {
        ngx_http_vstream_redis_events->ready();

    } else {
        ngx_http_vstream_redis_events->subscriber_ready(redis->index - 1);
    }
}


/* Whatever state the connection was in: closes it, and tries again soon. */
static void
ngx_http_vstream_redis_lost(ngx_http_vstream_redis_t *redis, const char *why,
                            ngx_err_t err)
{
    ngx_queue_t                   *q;
    ngx_uint_t                     was_ready;
    ngx_http_vstream_redis_call_t *call;

    was_ready = redis->state == NGX_HTTP_VSTREAM_REDIS_READY;

    if (was_ready) {
        redis->away = ngx_current_msec - ngx_http_vstream_redis_waiting(redis);
        ngx_http_vstream_counted->redis_connections--;
    }

    ngx_http_vstream_counted->redis_reconnects++;

    if (redis->state < NGX_HTTP_VSTREAM_REDIS_GREETING) {
        redis->old = 0; /* whatever it was, now it is away */
    }

    /* Where one address of several refuses, another may tell more. */
    if (!redis->complained
        && (redis->state > NGX_HTTP_VSTREAM_REDIS_CONNECTING
            || redis->address % ngx_http_vstream_redis_conf->naddrs == 0))
    {
        redis->complained = 1;
        ngx_log_error(NGX_LOG_ERR, ngx_http_vstream_redis_log, err,
                      "vstream: redis \"%V\", connection %ui: %s; "
                      "trying again until it is there",
                      &ngx_http_vstream_redis_conf->name, redis->index, why);
    }

    ngx_http_vstream_redis_close(redis);

    if (redis->reader) {
        redisReaderFree(redis->reader);
        redis->reader = NULL;
    }

    ngx_http_vstream_push_free(redis);

    if (was_ready
        && ngx_current_msec - redis->since >= NGX_HTTP_VSTREAM_REDIS_STEADY)
    {
        redis->retry = 0;
    }

    redis->out_length = 0;
    redis->out_sent = 0;
    redis->asked = 0;
    redis->retry = redis->retry ? ngx_min(redis->retry * 2,
                                          NGX_HTTP_VSTREAM_REDIS_RETRY_MAX)
                                : NGX_HTTP_VSTREAM_REDIS_RETRY_MIN;

    ngx_http_vstream_redis_set_state(redis, NGX_HTTP_VSTREAM_REDIS_IDLE);

    ngx_add_timer(&redis->timer,
                  redis->retry / 2
                      + (ngx_msec_t) ngx_random() % (redis->retry / 2 + 1));

    while (!ngx_queue_empty(&redis->calls)) {
        q = ngx_queue_head(&redis->calls);
        ngx_queue_remove(q);
        call = ngx_queue_data(q, ngx_http_vstream_redis_call_t, queue);

        if (call->handler) {
            call->handler(call->data, NULL);
        }

        ngx_free(call);
    }

    if (was_ready && redis->index) {
        ngx_http_vstream_redis_events->subscriber_lost(redis->index - 1);
    }
}


static const char *
ngx_http_vstream_redis_late(ngx_http_vstream_redis_state_t state)
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
    ngx_str_t                 ping;
    ngx_msec_t                age;
    ngx_http_vstream_redis_t *redis;

    redis = ev->data;

    if (redis->state == NGX_HTTP_VSTREAM_REDIS_IDLE) {
        ngx_add_timer(ev, NGX_HTTP_VSTREAM_REDIS_TICK);
        ngx_http_vstream_redis_connect(redis);
        return;
    }

    ngx_add_timer(ev, NGX_HTTP_VSTREAM_REDIS_TICK);

    age = ngx_current_msec - redis->since;

    if (redis->state != NGX_HTTP_VSTREAM_REDIS_READY) {
        if (age >= NGX_HTTP_VSTREAM_REDIS_CONNECT) {
            ngx_http_vstream_redis_lost(
                redis, ngx_http_vstream_redis_late(redis->state), 0);
        }

        return;
    }

    if (ngx_http_vstream_redis_waiting(redis) >= NGX_HTTP_VSTREAM_REDIS_HUNG) {
        ngx_http_vstream_redis_lost(redis, "does not answer any more", 0);
        return;
    }

    if (redis->asked == 0
        && ngx_current_msec - redis->heard >= NGX_HTTP_VSTREAM_REDIS_TICK)
    {
        redis->asked = ngx_current_msec;
        ngx_str_set(&ping, "PING");

        if (redis->index == 0) {
            (void) ngx_http_vstream_redis_enqueue(
                redis, ngx_http_vstream_redis_ponged, redis, 1, &ping);

        } else {
            (void) ngx_http_vstream_redis_send(redis, 1, &ping);
        }
    }
}


/* A Redis that is busy with a script, or loading, answers with errors. */
static void
ngx_http_vstream_redis_ponged(void *data, redisReply *reply)
{
    ngx_http_vstream_redis_t *redis;

    redis = data;

    redis->asked = 0;
    redis->refusing = reply && reply->type == REDIS_REPLY_ERROR;
}


/* Appends one command to what is to be sent, and sends what can be sent. */
static ngx_int_t
ngx_http_vstream_redis_send(ngx_http_vstream_redis_t *redis, ngx_uint_t argc,
                            ngx_str_t *argv)
{
    int                length;
    char              *command;
    u_char            *out;
    size_t             capacity;
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

    if (redis->out_length + (size_t) length > redis->out_capacity) {
        capacity = (redis->out_length + (size_t) length) * 2;

        if (capacity > 2 * NGX_HTTP_VSTREAM_REDIS_OUT_MAX) {
            redisFreeCommand(command);
            redis->c->error = 1; /* it takes nothing: dial again */
            ngx_post_event(redis->c->read, &ngx_posted_events);
            return NGX_ERROR;
        }

        out = ngx_alloc(capacity, ngx_http_vstream_redis_log);
        if (out == NULL) {
            redisFreeCommand(command);
            return NGX_ERROR;
        }

        if (redis->out) {
            ngx_memcpy(out, redis->out, redis->out_length);
            ngx_free(redis->out);
        }

        redis->out = out;
        redis->out_capacity = capacity;
    }

    ngx_memcpy(redis->out + redis->out_length, command, (size_t) length);
    redis->out_length += (size_t) length;
    redisFreeCommand(command);

    return ngx_http_vstream_redis_flush(redis);
}


static ngx_int_t
ngx_http_vstream_redis_flush(ngx_http_vstream_redis_t *redis)
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
            /* Not here: callers still hold what lost() would take away. */
            c->error = 1;
            ngx_post_event(c->read, &ngx_posted_events);
            return NGX_ERROR;
        }

        redis->out_sent += (size_t) n;
    }

    if (redis->out_sent == redis->out_length) {
        redis->out_sent = 0;
        redis->out_length = 0;
    }

    return ngx_handle_write_event(c->write, 0);
}


static void
ngx_http_vstream_redis_write_handler(ngx_event_t *wev)
{
    ngx_connection_t         *c;
    ngx_http_vstream_redis_t *redis;

    c = wev->data;
    redis = c->data;

    if (redis->state == NGX_HTTP_VSTREAM_REDIS_CONNECTING) {
        if (ngx_http_vstream_redis_test_connect(c) != NGX_OK) {
            ngx_http_vstream_redis_lost(redis, "cannot connect",
                                        ngx_socket_errno);
            return;
        }

        ngx_http_vstream_redis_connected(redis);
        return;
    }

    (void) ngx_http_vstream_redis_flush(redis);
}


static const char *
ngx_http_vstream_redis_cut(ngx_connection_t *c)
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


static void
ngx_http_vstream_redis_read_handler(ngx_event_t *rev)
{
    size_t                    turn;
    ssize_t                   n;
    ngx_int_t                 rc;
    ngx_connection_t         *c;
    ngx_http_vstream_redis_t *redis;
    static u_char             buffer[NGX_HTTP_VSTREAM_REDIS_READ];

    c = rev->data;
    redis = c->data;

    if (c->close) {
        /* worker_shutdown_timeout has passed: nobody needs it any more */
        redis->complained = 1;
        ngx_http_vstream_redis_lost(redis, "closed", 0);
        ngx_del_timer(&redis->timer);
        return;
    }

    if (c->error) {
        ngx_http_vstream_redis_lost(redis, ngx_http_vstream_redis_cut(c), 0);
        return;
    }

    if (redis->state == NGX_HTTP_VSTREAM_REDIS_CONNECTING) {
        if (ngx_http_vstream_redis_test_connect(c) != NGX_OK) {
            ngx_http_vstream_redis_lost(redis, "cannot connect",
                                        ngx_socket_errno);
            return;
        }

        ngx_http_vstream_redis_connected(redis);

        if (redis->c == NULL || redis->state == NGX_HTTP_VSTREAM_REDIS_SECURING)
        {
            return;
        }
    }

    turn = 0;

    do {
        n = c->recv(c, buffer, sizeof(buffer));

        if (n == NGX_AGAIN) {
            break;
        }

        if (n <= 0) {
            ngx_http_vstream_redis_events->drained();
            ngx_http_vstream_redis_lost(redis, ngx_http_vstream_redis_cut(c),
                                        0);
            return;
        }

        redis->heard = ngx_current_msec;
        turn += (size_t) n;
        redis->unfinished += (size_t) n;

        if (redisReaderFeed(redis->reader, (char *) buffer, (size_t) n)
            != REDIS_OK) {
            ngx_http_vstream_redis_lost(redis, "no memory", 0);
            return;
        }

        rc = redis->index == 0 ? ngx_http_vstream_redis_command_replies(redis)
                               : ngx_http_vstream_redis_pushes(redis);

        if (redis->c != c) {
            return; /* a handler's doing; the connection is a new one */
        }

        if (rc != NGX_OK
            || redis->unfinished > NGX_HTTP_VSTREAM_REDIS_REPLY_MAX) {
            ngx_http_vstream_counted->redis_errors++;
            ngx_log_error(NGX_LOG_ERR, ngx_http_vstream_redis_log, 0,
                          "vstream: redis_protocol_error on connection %ui: "
                          "%s",
                          redis->index,
                          redis->reader->err ? redis->reader->errstr
                          : rc == NGX_OK     ? "a reply is too long"
                                         : "a reply that was not asked for");
            ngx_http_vstream_redis_lost(redis, "broke the protocol", 0);
            return;
        }

    } while (turn < NGX_HTTP_VSTREAM_REDIS_TURN);

    ngx_http_vstream_redis_events->drained();

    if (redis->c != c) {
        return;
    }

    if (turn >= NGX_HTTP_VSTREAM_REDIS_TURN) {
        ngx_post_event(rev, &ngx_posted_next_events);
    }

    if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        ngx_http_vstream_redis_lost(redis, "cannot wait for it", 0);
    }
}


/* Its version, as far as it is told: HELLO is as new as Redis 6. */
static void
ngx_http_vstream_redis_refuse_old(ngx_http_vstream_redis_t *redis,
                                  ngx_str_t                *version)
{
    ngx_str_t said;

    if (!redis->complained) {
        redis->complained = 1;
        said =
            ngx_http_vstream_redis_quote((char *) version->data, version->len);
        ngx_log_error(NGX_LOG_ERR, ngx_http_vstream_redis_log, 0,
                      "vstream: redis \"%V\" is of version %V; it must be "
                      "Redis 7 or later",
                      &ngx_http_vstream_redis_conf->name, &said);
    }

    redis->old = 1;
    redis->c->error = 1;
    ngx_post_event(redis->c->read, &ngx_posted_events);
}


/* [server, redis, version, 7.0.15, ...] */
static void
ngx_http_vstream_redis_check_version(ngx_http_vstream_redis_t *redis,
                                     redisReply               *reply)
{
    size_t      i;
    u_char     *p;
    ngx_int_t   major;
    ngx_str_t   version;
    redisReply *name, *value;

    for (i = 0; i + 1 < reply->elements; i += 2) {
        name = reply->element[i];
        value = reply->element[i + 1];

        if (name->type != REDIS_REPLY_STRING
            || ngx_strcmp(name->str, "version") != 0
            || value->type != REDIS_REPLY_STRING)
        {
            continue;
        }

        version.data = (u_char *) value->str;
        version.len = (size_t) value->len;
        p = ngx_strlchr(version.data, version.data + version.len, '.');
        major = ngx_atoi(version.data,
                         p ? (size_t) (p - version.data) : version.len);

        if (major != NGX_ERROR && major < NGX_HTTP_VSTREAM_REDIS_OLDEST) {
            ngx_http_vstream_redis_refuse_old(redis, &version);
        }

        return;
    }
}


/* While greeting: any error ends it, PONG completes it. */
static void
ngx_http_vstream_redis_greeted(ngx_http_vstream_redis_t *redis,
                               ngx_uint_t is_error, ngx_str_t *text)
{
    ngx_str_t said, version;

    if (is_error && ngx_strncmp(text->data, "ERR unknown command", 19) == 0) {
        ngx_str_set(&version, "5 or older");
        ngx_http_vstream_redis_refuse_old(redis, &version);
        return;
    }

    if (is_error) {
        if (!redis->complained) {
            redis->complained = 1;
            said = ngx_http_vstream_redis_quote((char *) text->data, text->len);
            ngx_log_error(NGX_LOG_ERR, ngx_http_vstream_redis_log, 0,
                          "vstream: redis \"%V\" refuses: \"%V\"; check user, "
                          "password and database of vstream_redis",
                          &ngx_http_vstream_redis_conf->name, &said);
        }

        redis->c->error = 1;
        ngx_post_event(redis->c->read, &ngx_posted_events);
        return;
    }

    if (text->len == 4 && ngx_strncmp(text->data, "PONG", 4) == 0
        && !redis->c->error)
    {
        ngx_http_vstream_redis_ready(redis);
    }
}


/* The contract's version as Redis holds it; none yet is fine. */
static void
ngx_http_vstream_redis_check_schema(ngx_http_vstream_redis_t *redis,
                                    ngx_str_t                *text)
{
    ngx_int_t version;
    ngx_str_t said;

    version = ngx_atoi(text->data, text->len);

    if (version == VSTREAM_SCHEMA_VERSION
        || version == VSTREAM_SCHEMA_VERSION - 1) {
        return;
    }

    if (!redis->complained) {
        redis->complained = 1;
        said = ngx_http_vstream_redis_quote((char *) text->data, text->len);
        ngx_log_error(NGX_LOG_ERR, ngx_http_vstream_redis_log, 0,
                      "vstream: redis \"%V\" holds version \"%V\" of the "
                      "contract, this module speaks %d: upgrade the older "
                      "side",
                      &ngx_http_vstream_redis_conf->name, &said,
                      VSTREAM_SCHEMA_VERSION);
    }

    redis->c->error = 1;
    ngx_post_event(redis->c->read, &ngx_posted_events);
}


/* The oldest call gets its answer; one that nobody asked for is an error. */
static ngx_int_t
ngx_http_vstream_redis_answer(ngx_http_vstream_redis_t *redis,
                              redisReply               *reply)
{
    ngx_str_t                      text;
    ngx_queue_t                   *q;
    ngx_http_vstream_redis_call_t *call;

    if (redis->state == NGX_HTTP_VSTREAM_REDIS_GREETING) {
        text.data = (u_char *) reply->str;
        text.len = reply->str ? (size_t) reply->len : 0;

        if (reply->type == REDIS_REPLY_STRING) {
            ngx_http_vstream_redis_check_schema(redis, &text);

        } else if (reply->type == REDIS_REPLY_ARRAY) {
            ngx_http_vstream_redis_check_version(redis, reply);

        } else {
            ngx_http_vstream_redis_greeted(
                redis, reply->type == REDIS_REPLY_ERROR, &text);
        }

        return NGX_OK;
    }

    if (ngx_queue_empty(&redis->calls)) {
        return NGX_ERROR;
    }

    q = ngx_queue_head(&redis->calls);
    ngx_queue_remove(q);
    call = ngx_queue_data(q, ngx_http_vstream_redis_call_t, queue);

    if (call->handler) {
        call->handler(call->data, reply);
    }

    ngx_free(call);

    return NGX_OK;
}


static ngx_int_t
ngx_http_vstream_redis_command_replies(ngx_http_vstream_redis_t *redis)
{
    void             *reply;
    ngx_int_t         rc;
    ngx_connection_t *c;

    c = redis->c;

    for (;;) {
        if (redisReaderGetReply(redis->reader, &reply) != REDIS_OK) {
            return NGX_ERROR;
        }

        if (reply == NULL) {
            return NGX_OK;
        }

        redis->unfinished = redis->reader->len - redis->reader->pos;
        redis->elements = 0;
        rc = ngx_http_vstream_redis_answer(redis, reply);
        freeReplyObject(reply);

        if (rc != NGX_OK || redis->c != c) {
            return rc;
        }
    }
}


static void
ngx_http_vstream_redis_push_error(ngx_http_vstream_redis_t *redis,
                                  ngx_str_t                *text)
{
    ngx_str_t   said;
    const char *advice;

    advice = "";

    if (ngx_strncmp(text->data, "ERR unknown command", 19) == 0) {
        advice = "; it must be Redis 7 or later";

    } else if (ngx_strncmp(text->data, "NOPERM", 6) == 0) {
        advice = "; its ACL must grant the channels, as in &vs:*";
    }

    ngx_http_vstream_counted->redis_errors++;
    said = ngx_http_vstream_redis_quote((char *) text->data, text->len);
    ngx_log_error(NGX_LOG_ERR, ngx_http_vstream_redis_log, 0,
                  "vstream: redis \"%V\", connection %ui, refuses: \"%V\"%s",
                  &ngx_http_vstream_redis_conf->name, redis->index, &said,
                  advice);
}


static void
ngx_http_vstream_redis_pushed(ngx_http_vstream_redis_t *redis)
{
    ngx_str_t                text, id;
    vstream_slice_t          slice;
    vstream_rendition_t      rendition;
    ngx_http_vstream_push_t *push;

    push = &redis->push;
    text.data = push->text;
    text.len = push->length;

    if (redis->state == NGX_HTTP_VSTREAM_REDIS_GREETING) {
        ngx_http_vstream_redis_greeted(
            redis, push->type == NGX_HTTP_VSTREAM_PUSH_ERROR, &text);
        return;
    }

    redis->asked = 0;

    if (push->type == NGX_HTTP_VSTREAM_PUSH_ERROR) {
        ngx_http_vstream_redis_push_error(redis, &text);
        return;
    }

    if (push->type != NGX_HTTP_VSTREAM_PUSH_MESSAGE
        && push->type != NGX_HTTP_VSTREAM_PUSH_SUBSCRIBED)
    {
        return;
    }

    if (vstream_schema_frame_channel_read(
            ngx_http_vstream_slice(&ngx_http_vstream_redis_conf->prefix),
            ngx_http_vstream_slice(&text), &slice, &rendition)
        != VSTREAM_OK)
    {
        return;
    }

    id.data = (u_char *) slice.data;
    id.len = slice.length;

    if (push->type == NGX_HTTP_VSTREAM_PUSH_SUBSCRIBED) {
        ngx_http_vstream_redis_events->subscribed(&id, rendition);

    } else if (push->frame) {
        push->frame->rendition = rendition;
        ngx_http_vstream_redis_events->frame(&id, push->frame);
        push->frame = NULL;
    }
}


static ngx_int_t
ngx_http_vstream_redis_pushes(ngx_http_vstream_redis_t *redis)
{
    void             *reply;
    ngx_connection_t *c;

    c = redis->c;

    for (;;) {
        if (redisReaderGetReply(redis->reader, &reply) != REDIS_OK) {
            return NGX_ERROR;
        }

        if (reply == NULL) {
            return NGX_OK;
        }

        redis->unfinished = redis->reader->len - redis->reader->pos;
        ngx_http_vstream_redis_pushed(redis);
        ngx_http_vstream_push_free(redis);

        if (redis->c != c) {
            return NGX_OK;
        }
    }
}


/* The frame in the third element of a message; NULL: it is not one. */
static ngx_http_vstream_frame_t *
ngx_http_vstream_push_frame(const char *data, size_t length)
{
    size_t          line;
    vstream_frame_t info;
    vstream_slice_t slice;

    slice.data = data;
    slice.length = length;

    if (length > VSTREAM_FRAME_BYTES_MAX + VSTREAM_FRAME_LINE_MAX
        || vstream_frame_line_read(slice, &info, &line) != VSTREAM_OK
        || line >= length)
    {
        ngx_http_vstream_counted->redis_errors++;
        return NULL;
    }

    return ngx_http_vstream_frame_create(&info, (const u_char *) data + line,
                                         length - line,
                                         ngx_http_vstream_redis_log);
}


/*
 * The reader builds no tree: what it reads is noted in redis->push, and every
 * "object" is the connection itself.
 */
static void *
ngx_http_vstream_push_string(const redisReadTask *task, char *data,
                             size_t length)
{
    ngx_http_vstream_push_t  *push;
    ngx_http_vstream_redis_t *redis;

    redis = task->privdata;
    push = &redis->push;

    if (task->parent == NULL) {
        push->type = task->type == REDIS_REPLY_ERROR
                         ? NGX_HTTP_VSTREAM_PUSH_ERROR
                         : NGX_HTTP_VSTREAM_PUSH_STATUS;
        push->length = ngx_min(length, sizeof(push->text));
        ngx_memcpy(push->text, data, push->length);

    } else if (task->idx == 0) {
        if (length == 8 && ngx_memcmp(data, "smessage", 8) == 0) {
            push->type = NGX_HTTP_VSTREAM_PUSH_MESSAGE;

        } else if (length == 10 && ngx_memcmp(data, "ssubscribe", 10) == 0) {
            push->type = NGX_HTTP_VSTREAM_PUSH_SUBSCRIBED;

        } else {
            push->type = NGX_HTTP_VSTREAM_PUSH_OTHER;
        }

    } else if (task->idx == 1) {
        push->length = ngx_min(length, sizeof(push->text));
        ngx_memcpy(push->text, data, push->length);

    } else if (task->idx == 2 && push->type == NGX_HTTP_VSTREAM_PUSH_MESSAGE
               && push->frame == NULL)
    {
        push->frame = ngx_http_vstream_push_frame(data, length);
    }

    return redis;
}


static void *
ngx_http_vstream_push_array(const redisReadTask           *task,
                            ngx_http_vstream_redis_count_t elements)
{
    ngx_http_vstream_redis_t *redis;

    (void) elements;

    redis = task->privdata;
    redis->push.type = NGX_HTTP_VSTREAM_PUSH_OTHER;
    redis->push.length = 0;

    return redis;
}


static void *
ngx_http_vstream_push_integer(const redisReadTask *task, long long value)
{
    (void) value;

    return task->privdata;
}


static void *
ngx_http_vstream_push_nil(const redisReadTask *task)
{
    return task->privdata;
}


static void
ngx_http_vstream_push_free(void *object)
{
    ngx_http_vstream_redis_t *redis;

    redis = object;

    if (redis->push.frame) {
        ngx_http_vstream_frame_release(redis->push.frame);
        redis->push.frame = NULL;
    }

    redis->push.type = NGX_HTTP_VSTREAM_PUSH_NONE;
    redis->push.length = 0;
}


/* hiredis's own reader, with a bound on what an array may announce. */
static redisReader *
ngx_http_vstream_redis_command_reader(void)
{
    redisReader *reader;

    reader = redisReaderCreate();

    if (reader) {
        ngx_http_vstream_reply_defaults = *reader->fn;
        ngx_http_vstream_reply_functions = *reader->fn;
        ngx_http_vstream_reply_functions.createArray =
            ngx_http_vstream_reply_array;
        reader->fn = &ngx_http_vstream_reply_functions;
    }

    return reader;
}


static void *
ngx_http_vstream_reply_array(const redisReadTask           *task,
                             ngx_http_vstream_redis_count_t elements)
{
    ngx_http_vstream_redis_t *redis;

    redis = task->privdata;

    if (elements > 0) {
        redis->elements += (size_t) elements;
    }

    if (redis->elements > NGX_HTTP_VSTREAM_REDIS_ELEMENTS_MAX) {
        return NULL;
    }

    return ngx_http_vstream_reply_defaults.createArray(task, elements);
}


ngx_http_vstream_redis_call_t *
ngx_http_vstream_redis_call(ngx_http_vstream_redis_reply_pt handler, void *data,
                            ngx_uint_t argc, ngx_str_t *argv)
{
    if (ngx_http_vstream_redis[0].state != NGX_HTTP_VSTREAM_REDIS_READY) {
        return NULL;
    }

    return ngx_http_vstream_redis_enqueue(&ngx_http_vstream_redis[0], handler,
                                          data, argc, argv);
}


static ngx_http_vstream_redis_call_t *
ngx_http_vstream_redis_enqueue(ngx_http_vstream_redis_t       *redis,
                               ngx_http_vstream_redis_reply_pt handler,
                               void *data, ngx_uint_t argc, ngx_str_t *argv)
{
    ngx_http_vstream_redis_call_t *call;

    call = ngx_alloc(sizeof(ngx_http_vstream_redis_call_t),
                     ngx_http_vstream_redis_log);
    if (call == NULL) {
        return NULL;
    }

    call->sent = ngx_current_msec;
    call->handler = handler;
    call->data = data;

    if (ngx_http_vstream_redis_send(redis, argc, argv) != NGX_OK) {
        ngx_free(call);
        return NULL;
    }

    ngx_queue_insert_tail(&redis->calls, &call->queue);

    return call;
}


void
ngx_http_vstream_redis_cancel(ngx_http_vstream_redis_call_t *call)
{
    call->handler = NULL;
}


static ngx_int_t
ngx_http_vstream_redis_subscription(ngx_uint_t connection, ngx_str_t *id,
                                    vstream_rendition_t rendition,
                                    const char         *command)
{
    u_char                    key[VSTREAM_KEY_MAX];
    ngx_str_t                 argv[2];
    ngx_http_vstream_redis_t *redis;

    redis = &ngx_http_vstream_redis[connection + 1];

    if (redis->state != NGX_HTTP_VSTREAM_REDIS_READY) {
        return NGX_DECLINED;
    }

    argv[0].data = (u_char *) command;
    argv[0].len = ngx_strlen(command);
    argv[1] = ngx_http_vstream_redis_key(
        key, vstream_schema_frame_key(rendition), id);

    return ngx_http_vstream_redis_send(redis, 2, argv);
}


ngx_int_t
ngx_http_vstream_redis_subscribe(ngx_uint_t connection, ngx_str_t *id,
                                 vstream_rendition_t rendition)
{
    return ngx_http_vstream_redis_subscription(connection, id, rendition,
                                               "SSUBSCRIBE");
}


ngx_int_t
ngx_http_vstream_redis_unsubscribe(ngx_uint_t connection, ngx_str_t *id,
                                   vstream_rendition_t rendition)
{
    return ngx_http_vstream_redis_subscription(connection, id, rendition,
                                               "SUNSUBSCRIBE");
}


ngx_str_t
ngx_http_vstream_redis_quote(const char *data, size_t length)
{
    ngx_str_t        text;
    vstream_slice_t  slice;
    vstream_writer_t w;
    static char      buffer[4 * NGX_HTTP_VSTREAM_REDIS_QUOTE_MAX + 4];

    slice.data = data;
    slice.length = data ? length : 0;

    vstream_writer_init(&w, buffer, sizeof(buffer));
    vstream_writer_log_text(&w, slice, NGX_HTTP_VSTREAM_REDIS_QUOTE_MAX);

    text.data = (u_char *) buffer;
    text.len = w.length;

    return text;
}


ngx_str_t
ngx_http_vstream_redis_key(u_char *buffer, vstream_key_kind_t kind,
                           ngx_str_t *argument)
{
    ngx_str_t        key;
    vstream_slice_t  slice;
    vstream_writer_t w;

    slice.data = argument ? (const char *) argument->data : "";
    slice.length = argument ? argument->len : 0;

    vstream_writer_init(&w, (char *) buffer, VSTREAM_KEY_MAX);
    vstream_schema_key_write(
        &w, ngx_http_vstream_slice(&ngx_http_vstream_redis_conf->prefix), kind,
        slice);

    key.data = buffer;
    key.len = w.length;

    return key;
}
