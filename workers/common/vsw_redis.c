/*
 * One connection to Redis, see vsw_redis.h.
 *
 * DESIGN  A state changes through vsw_redis_enter() alone:
 *
 *     DOWN -> CONNECTING -> (SECURING, with TLS) -> GREETING -> UP,
 *
 * and from each back to DOWN.  Replies match commands by order.  Whoever finds
 * the connection broken inside a callback only sets `broken`; the connection is
 * closed where no callback is on the stack.
 */

#include "vsw_redis.h"
#include "vsw_clock.h"
#include "vsw_log.h"
#include "vsw_redis_output.h"
#include "vsw_redis_reader.h"
#include "vsw_redis_socket.h"
#include "vsw_secret.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define VSW_REDIS_TICK_S    0.1
#define VSW_REDIS_LATE_MS   500 /* a tick this late: we ourselves slept */
#define VSW_REDIS_READ      65536
#define VSW_REDIS_READS     32 /* in one event, so that others get a turn */
#define VSW_REDIS_NUMBER    24
#define VSW_REDIS_GREETINGS 3
#define VSW_REDIS_OLDEST    7


typedef enum {
    VSW_REDIS_DOWN,
    VSW_REDIS_CONNECTING,
    VSW_REDIS_SECURING,
    VSW_REDIS_GREETING,
    VSW_REDIS_UP,
} vsw_redis_state_t;

typedef struct vsw_redis_pending_s vsw_redis_pending_t;

struct vsw_redis_pending_s {
    vsw_redis_pending_t *next;
    vsw_redis_reply_fn  *reply; /* NULL: forgotten, or nobody asked */
    void                *data;
    int64_t              sent_ms;
};

struct vsw_redis_s {
    struct ev_loop      *loop;
    vsw_redis_options_t  options;
    vsw_redis_handlers_t handlers;
    void                *data;

    vsw_redis_state_t state;
    int               fd;
    ev_io             readable;
    ev_io             writable;
    ev_timer          tick;
    redisReader      *reader;
    size_t            unfinished; /* bytes of the reply that is being read */
    vsw_redis_tls_t  *tls;        /* NULL: without */

    vsw_redis_output_t    output;
    vsw_redis_pending_t  *pending; /* oldest first */
    vsw_redis_pending_t **pending_end;

    int64_t            entered_ms; /* when the state was entered */
    int64_t            retry_ms;   /* DOWN: when to connect */
    int64_t            delay_ms;   /* of the next retry */
    int64_t            ticked_ms;
    vsw_redis_lookup_t lookup;
    unsigned           attempt;   /* picks one of the host's addresses */
    unsigned           greetings; /* replies still expected before UP */
    uint64_t           connections;
    const char        *broken; /* why the connection must be closed, or NULL */
    unsigned           hung : 1;
    unsigned           refused : 1;      /* try again slowly */
    unsigned           old : 1;          /* of a version that cannot be used */
    unsigned           told : 1;         /* this outage has been logged */
    unsigned           told_refused : 1; /* and that it refuses us, or we it */
    unsigned           reading_writes : 1; /* TLS reads on when it can write */
    unsigned           writing_reads : 1;  /* and the other way round */
};


static void vsw_redis_connect(vsw_redis_t *redis);
static int  vsw_redis_socket(vsw_redis_t *redis);
static void vsw_redis_enter(vsw_redis_t *redis, vsw_redis_state_t state);
static void vsw_redis_close(vsw_redis_t *redis, const char *why);
static void vsw_redis_connected(vsw_redis_t *redis);
static void vsw_redis_secure(vsw_redis_t *redis);
static void vsw_redis_watch(vsw_redis_t *redis);
static void vsw_redis_watch_io(vsw_redis_t *redis, ev_io *io, bool wanted);
static void vsw_redis_greet(vsw_redis_t *redis);
static void vsw_redis_introduced(void *data, const redisReply *reply);
static const char *vsw_redis_version(const redisReply *hello);
static void        vsw_redis_greeted(void *data, const redisReply *reply);
static void        vsw_redis_on_tick(struct ev_loop *loop, ev_timer *timer,
                                     int events);
static void        vsw_redis_excuse(vsw_redis_t *redis, int64_t late_ms);
static void vsw_redis_on_readable(struct ev_loop *loop, ev_io *io, int events);
static void vsw_redis_on_writable(struct ev_loop *loop, ev_io *io, int events);
static const char *vsw_redis_write(vsw_redis_t *redis);
static const char *vsw_redis_write_tls(vsw_redis_t *redis);
static ssize_t vsw_redis_receive(vsw_redis_t *redis, char *buffer, size_t size);
static const char *vsw_redis_read(vsw_redis_t *redis);
static const char *vsw_redis_read_some(vsw_redis_t *redis);
static const char *vsw_redis_refusal(vsw_redis_t *redis);
static const char *vsw_redis_replies(vsw_redis_t *redis);
static void vsw_redis_dispatch(vsw_redis_t *redis, const redisReply *reply);
static bool vsw_redis_is_push(const redisReply *reply);
static int  vsw_redis_send(vsw_redis_t *redis, vsw_redis_reply_fn *reply,
                           void *data, const vstream_slice_t *argv, size_t argc,
                           const vstream_slice_t *tail);
static void vsw_redis_clear(vsw_redis_t *redis);


vsw_redis_t *
vsw_redis_create(struct ev_loop *loop, const vsw_redis_options_t *options,
                 const vsw_redis_handlers_t *handlers, void *data)
{
    vsw_redis_t *redis;

    redis = calloc(1, sizeof(*redis));
    if (redis == NULL) {
        return NULL;
    }

    redis->loop = loop;
    redis->options = *options;
    redis->handlers = *handlers;
    redis->data = data;
    redis->fd = -1;
    redis->pending_end = &redis->pending;
    redis->delay_ms = VSW_REDIS_RETRY_MS;
    redis->ticked_ms = vsw_clock_ms();
    redis->retry_ms = redis->ticked_ms;

    ev_timer_init(&redis->tick, vsw_redis_on_tick, 0.0, VSW_REDIS_TICK_S);
    redis->tick.data = redis;
    ev_timer_start(loop, &redis->tick);

    return redis;
}


void
vsw_redis_destroy(vsw_redis_t *redis)
{
    vsw_redis_pending_t *pending;

    if (redis == NULL) {
        return;
    }

    for (pending = redis->pending; pending != NULL; pending = pending->next) {
        pending->reply = NULL;
    }

    vsw_redis_clear(redis);
    vsw_redis_lookup_clear(&redis->lookup);
    ev_timer_stop(redis->loop, &redis->tick);
    explicit_bzero(&redis->options, sizeof(redis->options));
    free(redis);
}


int
vsw_redis_command(vsw_redis_t *redis, vsw_redis_reply_fn *reply, void *data,
                  const vstream_slice_t *argv, size_t argc,
                  const vstream_slice_t *tail)
{
    if (redis->state != VSW_REDIS_UP || redis->broken != NULL) {
        return VSTREAM_DECLINED;
    }

    return vsw_redis_send(redis, reply, data, argv, argc, tail);
}


void
vsw_redis_forget(vsw_redis_t *redis, const void *data)
{
    vsw_redis_pending_t *pending;

    for (pending = redis->pending; pending != NULL; pending = pending->next) {
        if (pending->data == data) {
            pending->reply = NULL;
        }
    }
}


void
vsw_redis_refuse(vsw_redis_t *redis, const char *reason)
{
    redis->refused = 1;
    redis->broken = reason;
}


bool
vsw_redis_is_up(const vsw_redis_t *redis)
{
    return redis->state == VSW_REDIS_UP;
}


bool
vsw_redis_is_hung(const vsw_redis_t *redis)
{
    return redis->hung;
}


bool
vsw_redis_is_old(const vsw_redis_t *redis)
{
    return redis->old;
}


size_t
vsw_redis_unsent(const vsw_redis_t *redis)
{
    return redis->output.unsent;
}


uint64_t
vsw_redis_connections(const vsw_redis_t *redis)
{
    return redis->connections;
}


const char *
vsw_redis_error(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_ERROR ? reply->str : NULL;
}


vstream_slice_t
vsw_redis_string(const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_STRING && reply->type != REDIS_REPLY_STATUS)
    {
        return (vstream_slice_t) { NULL, 0 };
    }

    return (vstream_slice_t) { reply->str, (size_t) reply->len };
}


static void
vsw_redis_connect(vsw_redis_t *redis)
{
    redis->fd = vsw_redis_socket(redis);

    if (redis->fd == -1 && redis->broken == NULL) {
        return; /* its name is looked up; the next tick tries again */
    }

    redis->attempt++;

    if (redis->fd == -1) {
        vsw_redis_close(redis, redis->broken);
        return;
    }

    redis->reader = vsw_redis_reader_create();
    if (redis->reader == NULL) {
        vsw_redis_close(redis, "out of memory");
        return;
    }

    redis->unfinished = 0;
    ev_io_init(&redis->readable, vsw_redis_on_readable, redis->fd, EV_READ);
    ev_io_init(&redis->writable, vsw_redis_on_writable, redis->fd, EV_WRITE);
    redis->readable.data = redis;
    redis->writable.data = redis;

    vsw_redis_enter(redis, VSW_REDIS_CONNECTING);
    ev_io_start(redis->loop, &redis->writable);
}


/* -1: `broken` says why. */
static int
vsw_redis_socket(vsw_redis_t *redis)
{
    const char *error;

    if (redis->options.password_file != NULL) {
        error = vsw_secret_read(redis->options.password_file,
                                redis->options.address.password);
        if (error != NULL) {
            redis->broken = "the password file cannot be used";
            vsw_log(VSW_LOG_ERROR, "redis password file refused",
                    VSW_LOG_TEXT("file", redis->options.password_file),
                    VSW_LOG_TEXT("reason", error));
            redis->refused = 1;
            return -1;
        }
    }

    return vsw_redis_socket_connect(&redis->options.address, &redis->lookup,
                                    redis->attempt, &redis->broken);
}


static void
vsw_redis_enter(vsw_redis_t *redis, vsw_redis_state_t state)
{
    static const char *const names[] = { "down", "connecting", "securing",
                                         "greeting", "up" };

    vsw_log(VSW_LOG_DEBUG, "redis connection changed state",
            VSW_LOG_TEXT("connection", redis->options.name),
            VSW_LOG_TEXT("from", names[redis->state]),
            VSW_LOG_TEXT("to", names[state]));

    redis->state = state;
    redis->entered_ms = vsw_clock_ms();
}


static void
vsw_redis_close(vsw_redis_t *redis, const char *why)
{
    bool was_up = redis->state == VSW_REDIS_UP;

    if (!redis->told || was_up || (redis->refused && !redis->told_refused)) {
        vsw_log(redis->refused ? VSW_LOG_ERROR : VSW_LOG_WARN,
                redis->refused ? "redis refused" : "redis is away",
                VSW_LOG_TEXT("connection", redis->options.name),
                VSW_LOG_TEXT("reason", why));
        redis->told = 1;
        redis->told_refused = redis->refused;
    }

    if (was_up && vsw_clock_ms() - redis->entered_ms > VSW_REDIS_STEADY_MS) {
        redis->delay_ms = VSW_REDIS_RETRY_MS;
    }

    if (redis->state < VSW_REDIS_GREETING) {
        redis->old = 0; /* whatever it was, now it is away */
    }

    vsw_redis_enter(redis, VSW_REDIS_DOWN);
    redis->broken = NULL;
    redis->retry_ms =
        redis->entered_ms
        + (redis->refused ? VSW_REDIS_REFUSED_MS : redis->delay_ms);
    redis->delay_ms = redis->delay_ms * 2 < VSW_REDIS_RETRY_MAX
                          ? redis->delay_ms * 2
                          : VSW_REDIS_RETRY_MAX;
    redis->refused = 0;
    redis->hung = 0;

    vsw_redis_clear(redis);

    if (was_up && redis->handlers.down != NULL) {
        redis->handlers.down(redis->data);
    }
}


/* The socket is connected. */
static void
vsw_redis_connected(vsw_redis_t *redis)
{
    const char *error;

    if (!redis->options.address.tls) {
        vsw_redis_greet(redis);
        return;
    }

    redis->tls = vsw_redis_tls_create(
        &redis->options.tls, redis->options.address.host, redis->fd, &error);

    if (redis->tls == NULL) {
        vsw_log(VSW_LOG_ERROR, "redis certificates cannot be used",
                VSW_LOG_TEXT("connection", redis->options.name),
                VSW_LOG_TEXT("reason", error));
        redis->refused = 1;
        vsw_redis_close(redis, "a file of its certificates cannot be used");
        return;
    }

    vsw_redis_enter(redis, VSW_REDIS_SECURING);
    vsw_redis_secure(redis);
}


/* Goes on with the handshake. */
static void
vsw_redis_secure(vsw_redis_t *redis)
{
    int rc = vsw_redis_tls_handshake(redis->tls);

    if (rc == VSTREAM_ERROR) {
        redis->refused = vsw_redis_tls_is_refusal(redis->tls);
        vsw_redis_close(redis, vsw_redis_tls_error(redis->tls));
        return;
    }

    if (rc == VSTREAM_OK) {
        vsw_redis_greet(redis);
        return;
    }

    redis->writing_reads =
        vsw_redis_tls_wants(redis->tls) == VSW_REDIS_TLS_READABLE;
    vsw_redis_watch(redis);
}


/*
 * Waits for what can be gone on with, and for nothing else: a socket that is
 * ready for what nobody does would keep the loop busy.
 */
static void
vsw_redis_watch(vsw_redis_t *redis)
{
    bool reading, writing;

    if (redis->state == VSW_REDIS_SECURING) {
        reading = redis->writing_reads;
        writing = !reading;

    } else {
        reading = redis->state >= VSW_REDIS_GREETING && !redis->reading_writes;
        writing = redis->reading_writes
                  || (redis->output.first != NULL && !redis->writing_reads);
    }

    vsw_redis_watch_io(redis, &redis->readable, reading);
    vsw_redis_watch_io(redis, &redis->writable, writing);
}


static void
vsw_redis_watch_io(vsw_redis_t *redis, ev_io *io, bool wanted)
{
    if (wanted) {
        ev_io_start(redis->loop, io);
    } else {
        ev_io_stop(redis->loop, io);
    }
}


/*
 * AUTH and SELECT as needed; HELLO asks its version; PING shows whether Redis
 * will talk to us.
 */
static void
vsw_redis_greet(vsw_redis_t *redis)
{
    const vsw_redis_address_t *address = &redis->options.address;
    vstream_slice_t            argv[VSW_REDIS_GREETINGS];
    char                       db[VSW_REDIS_NUMBER];
    size_t                     argc;

    vsw_redis_enter(redis, VSW_REDIS_GREETING);
    redis->reading_writes = 0;
    redis->writing_reads = 0;
    redis->greetings = 1;
    vsw_redis_watch(redis);

    if (address->password[0] != '\0') {
        argc = 0;
        argv[argc++] = VSTREAM_SLICE("AUTH");
        if (address->user[0] != '\0') {
            argv[argc++] =
                (vstream_slice_t) { address->user, strlen(address->user) };
        }
        argv[argc++] =
            (vstream_slice_t) { address->password, strlen(address->password) };
        redis->greetings++;
        vsw_redis_send(redis, vsw_redis_greeted, redis, argv, argc, NULL);
    }

    if (address->db != 0) {
        argv[0] = VSTREAM_SLICE("SELECT");
        argv[1].data = db;
        argv[1].length = (size_t) snprintf(db, sizeof(db), "%u", address->db);
        redis->greetings++;
        vsw_redis_send(redis, vsw_redis_greeted, redis, argv, 2, NULL);
    }

    argv[0] = VSTREAM_SLICE("HELLO");
    argv[1] = VSTREAM_SLICE("2");
    redis->greetings++;
    vsw_redis_send(redis, vsw_redis_introduced, redis, argv, 2, NULL);

    argv[0] = VSTREAM_SLICE("PING");
    vsw_redis_send(redis, vsw_redis_greeted, redis, argv, 1, NULL);
}


/* The answer to HELLO, which Redis knows since its version 6. */
static void
vsw_redis_introduced(void *data, const redisReply *reply)
{
    vsw_redis_t *redis = data;
    const char  *error = reply == NULL ? NULL : vsw_redis_error(reply);
    const char  *version = "5 or older";

    if (reply == NULL || redis->broken != NULL) {
        return;
    }

    if (error == NULL) {
        version = vsw_redis_version(reply);
        redis->old =
            version != NULL && strtol(version, NULL, 10) < VSW_REDIS_OLDEST;
    } else {
        redis->old = strncmp(error, "ERR unknown command", 19) == 0;
    }

    if (!redis->old) {
        vsw_redis_greeted(data, reply);
        return;
    }

    if (!redis->told) {
        vsw_log(VSW_LOG_ERROR, "this Redis is older than 7 and cannot be used",
                VSW_LOG_TEXT("connection", redis->options.name),
                VSW_LOG_TEXT("version", version));
    }

    vsw_redis_refuse(redis, "Redis is older than 7");
}


/* NULL: it does not say. */
static const char *
vsw_redis_version(const redisReply *hello)
{
    size_t i;

    if (hello->type != REDIS_REPLY_ARRAY) {
        return NULL;
    }

    for (i = 0; i + 1 < hello->elements; i += 2) {
        if (hello->element[i]->type == REDIS_REPLY_STRING
            && strcmp(hello->element[i]->str, "version") == 0)
        {
            return vsw_redis_string(hello->element[i + 1]).data;
        }
    }

    return NULL;
}


static void
vsw_redis_greeted(void *data, const redisReply *reply)
{
    vsw_redis_t *redis = data;

    if (reply == NULL || redis->broken != NULL) {
        return;
    }

    if (vsw_redis_error(reply) != NULL) {
        if (!redis->told) {
            vsw_log(VSW_LOG_ERROR, "redis does not let us in",
                    VSW_LOG_TEXT("connection", redis->options.name),
                    VSW_LOG_TEXT("answer", vsw_redis_error(reply)));
        }

        redis->refused = strncmp(reply->str, "LOADING", 7) != 0;
        redis->broken =
            "its answer to AUTH, SELECT, HELLO or PING was an error";
        return;
    }

    if (--redis->greetings > 0) {
        return;
    }

    vsw_log(VSW_LOG_INFO, "redis is there",
            VSW_LOG_TEXT("connection", redis->options.name));

    redis->told = 0;
    redis->old = 0;
    redis->connections++;
    vsw_redis_enter(redis, VSW_REDIS_UP);

    if (redis->handlers.up != NULL) {
        redis->handlers.up(redis->data);
    }
}


static void
vsw_redis_on_tick(struct ev_loop *loop, ev_timer *timer, int events)
{
    vsw_redis_t *redis = timer->data;
    int64_t      age, now = vsw_clock_ms();
    int64_t      late = now - redis->ticked_ms;

    (void) loop;
    (void) events;

    redis->ticked_ms = now;

    if (redis->state == VSW_REDIS_DOWN) {
        if (now >= redis->retry_ms) {
            vsw_redis_connect(redis);
        }
        return;
    }

    /* Whoever slept himself must read before he complains of silence. */
    if (late > VSW_REDIS_LATE_MS) {
        vsw_redis_excuse(redis, late);
        return;
    }

    if (redis->broken != NULL) {
        vsw_redis_close(redis, redis->broken);
        return;
    }

    if (redis->state <= VSW_REDIS_SECURING) {
        if (now - redis->entered_ms > VSW_REDIS_CONNECT_MS) {
            vsw_redis_close(redis, redis->state == VSW_REDIS_SECURING
                                       ? "no TLS handshake in time"
                                       : "no connection in time");
        }
        return;
    }

    age = redis->pending == NULL ? 0 : now - redis->pending->sent_ms;

    if (age > VSW_REDIS_REPLY_MS) {
        vsw_redis_close(redis, "no reply in time");
        return;
    }

    /*
     * TCP tries a lost path ever more rarely.  A new connection is there soon
     * after the path is.
     */
    if (age > VSW_REDIS_HUNG_MS && vsw_redis_socket_is_cut(redis->fd)) {
        vsw_redis_close(redis, "its packets are lost");
        return;
    }

    if (age > VSW_REDIS_HUNG_MS && !redis->hung && redis->state == VSW_REDIS_UP)
    {
        vsw_log(VSW_LOG_WARN, "redis hangs",
                VSW_LOG_TEXT("connection", redis->options.name));
        redis->hung = 1;
    }
}


static void
vsw_redis_excuse(vsw_redis_t *redis, int64_t late_ms)
{
    vsw_redis_pending_t *pending;

    redis->entered_ms += late_ms;

    for (pending = redis->pending; pending != NULL; pending = pending->next) {
        pending->sent_ms += late_ms;
    }
}


static void
vsw_redis_on_readable(struct ev_loop *loop, ev_io *io, int events)
{
    vsw_redis_t *redis = io->data;
    const char  *error;

    (void) loop;
    (void) events;

    if (redis->state == VSW_REDIS_SECURING) {
        vsw_redis_secure(redis);
        return;
    }

    error = redis->writing_reads ? vsw_redis_write(redis) : NULL;
    if (error == NULL) {
        error = vsw_redis_read(redis);
    }

    if (error != NULL) {
        vsw_redis_close(redis, error);
    }
}


static void
vsw_redis_on_writable(struct ev_loop *loop, ev_io *io, int events)
{
    vsw_redis_t *redis = io->data;
    const char  *error;
    socklen_t    length = sizeof(int);
    int          failed = 0;

    (void) loop;
    (void) events;

    if (redis->state == VSW_REDIS_CONNECTING) {
        getsockopt(redis->fd, SOL_SOCKET, SO_ERROR, &failed, &length);
        if (failed != 0) {
            vsw_redis_close(redis, strerror(failed));
            return;
        }
        vsw_redis_connected(redis);
        return;
    }

    if (redis->state == VSW_REDIS_SECURING) {
        vsw_redis_secure(redis);
        return;
    }

    error = vsw_redis_write(redis);
    if (error == NULL && redis->reading_writes) {
        error = vsw_redis_read(redis);
    }

    if (error != NULL) {
        vsw_redis_close(redis, error);
    }
}


/*
 * Writes, and waits for the socket if there is more.  NULL, or why the
 * connection must be closed.
 */
static const char *
vsw_redis_write(vsw_redis_t *redis)
{
    const char *error = NULL;
    int         failed;

    if (redis->tls != NULL) {
        error = vsw_redis_write_tls(redis);

    } else {
        failed = vsw_redis_output_write(&redis->output, redis->fd);
        error = failed == 0 ? NULL : strerror(failed);
    }

    vsw_redis_watch(redis);

    return error;
}


static const char *
vsw_redis_write_tls(vsw_redis_t *redis)
{
    vstream_slice_t bytes;
    ssize_t         n;

    redis->writing_reads = 0;

    for (;;) {
        bytes = vsw_redis_output_oldest(&redis->output);
        if (bytes.length == 0) {
            return NULL;
        }

        n = vsw_redis_tls_write(redis->tls, bytes.data, bytes.length);

        if (n > 0) {
            vsw_redis_output_written(&redis->output, (size_t) n);
            continue;
        }

        if (n == -1 && errno == EAGAIN) {
            redis->writing_reads =
                vsw_redis_tls_wants(redis->tls) == VSW_REDIS_TLS_READABLE;
            return NULL;
        }

        return vsw_redis_tls_error(redis->tls);
    }
}


/* As recv(2). */
static ssize_t
vsw_redis_receive(vsw_redis_t *redis, char *buffer, size_t size)
{
    ssize_t n;

    if (redis->tls == NULL) {
        return recv(redis->fd, buffer, size, 0);
    }

    n = vsw_redis_tls_read(redis->tls, buffer, size);
    redis->reading_writes =
        n == -1 && errno == EAGAIN
        && vsw_redis_tls_wants(redis->tls) == VSW_REDIS_TLS_WRITABLE;

    return n;
}


/* Reads what there is.  NULL, or why the connection must be closed. */
static const char *
vsw_redis_read(vsw_redis_t *redis)
{
    const char *error = vsw_redis_read_some(redis);

    if (error == NULL && redis->tls != NULL) {
        vsw_redis_watch(redis);

        /* The socket knows nothing of what OpenSSL has already. */
        if (vsw_redis_tls_unread(redis->tls) > 0) {
            ev_feed_event(redis->loop, &redis->readable, EV_READ);
        }
    }

    return error;
}


static const char *
vsw_redis_read_some(vsw_redis_t *redis)
{
    const char *error;
    ssize_t     n;
    char        buffer[VSW_REDIS_READ];
    int         i;

    for (i = 0; i < VSW_REDIS_READS; i++) {
        n = vsw_redis_receive(redis, buffer, sizeof(buffer));

        if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
            return NULL;
        }

        if (n == -1) {
            return redis->tls == NULL ? strerror(errno)
                                      : vsw_redis_refusal(redis);
        }

        if (n == 0) {
            return "it closed the connection";
        }

        if (redisReaderFeed(redis->reader, buffer, (size_t) n) != REDIS_OK) {
            return "redis_protocol_error";
        }

        redis->unfinished += (size_t) n;

        error = vsw_redis_replies(redis);
        if (error != NULL) {
            return error;
        }

        if (redis->unfinished > VSW_REDIS_INPUT_MAX) {
            return "redis_protocol_error: an endless reply";
        }

        if (redis->tls == NULL && (size_t) n < sizeof(buffer)) {
            return NULL; /* that was all */
        }
    }

    return NULL;
}


/* With TLS 1.3 the other end's refusal comes after the handshake. */
static const char *
vsw_redis_refusal(vsw_redis_t *redis)
{
    redis->refused = vsw_redis_tls_is_refusal(redis->tls);

    return vsw_redis_tls_error(redis->tls);
}


static const char *
vsw_redis_replies(vsw_redis_t *redis)
{
    void *reply;

    for (;;) {
        reply = NULL;

        if (redisReaderGetReply(redis->reader, &reply) != REDIS_OK) {
            return "redis_protocol_error";
        }

        if (reply == NULL) {
            return NULL;
        }

        redis->unfinished = redis->reader->len - redis->reader->pos;
        vsw_redis_dispatch(redis, reply);
        freeReplyObject(reply);

        if (redis->broken != NULL) {
            return redis->broken;
        }
    }
}


static void
vsw_redis_dispatch(vsw_redis_t *redis, const redisReply *reply)
{
    vsw_redis_pending_t *pending;

    if (vsw_redis_is_push(reply)) {
        if (redis->handlers.pushed != NULL) {
            redis->handlers.pushed(redis->data, reply);
        }
        return;
    }

    pending = redis->pending;
    if (pending == NULL) {
        redis->broken = "redis_protocol_error: a reply to no command";
        return;
    }

    redis->pending = pending->next;
    if (redis->pending == NULL) {
        redis->pending_end = &redis->pending;
    }

    /* Before the callback: what it decides, it decides knowing this. */
    if (redis->hung) {
        vsw_log(VSW_LOG_INFO, "redis answers again",
                VSW_LOG_TEXT("connection", redis->options.name),
                VSW_LOG_NUMBER("after_ms", vsw_clock_ms() - pending->sent_ms));
        redis->hung = 0;

        if (redis->handlers.recovered != NULL) {
            redis->handlers.recovered(redis->data);
        }
    }

    if (pending->reply != NULL) {
        pending->reply(pending->data, reply);
    }

    free(pending);
}


/* In RESP2 a pushed message is an array like any other but for its name. */
static bool
vsw_redis_is_push(const redisReply *reply)
{
    const redisReply *kind;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3) {
        return false;
    }

    kind = reply->element[0];

    return kind->type == REDIS_REPLY_STRING
           && strcmp(kind->str, "smessage") == 0;
}


static int
vsw_redis_send(vsw_redis_t *redis, vsw_redis_reply_fn *reply, void *data,
               const vstream_slice_t *argv, size_t argc,
               const vstream_slice_t *tail)
{
    vsw_redis_pending_t *pending;
    bool                 idle = redis->output.first == NULL;
    int                  rc;

    pending = malloc(sizeof(*pending));
    if (pending == NULL) {
        return VSTREAM_ERROR;
    }

    /*
     * At once: were this process stopped between here and the next turn of
     * its loop, a frame would go out long after its deadline.
     */
    rc =
        idle && redis->tls == NULL
            ? vsw_redis_output_send(&redis->output, redis->fd, argv, argc, tail)
            : vsw_redis_output_add(&redis->output, argv, argc, tail);
    if (rc != VSTREAM_OK) {
        free(pending);
        return rc;
    }

    pending->next = NULL;
    pending->reply = reply;
    pending->data = data;
    pending->sent_ms = vsw_clock_ms();
    *redis->pending_end = pending;
    redis->pending_end = &pending->next;

    if (!idle || redis->tls == NULL) {
        vsw_redis_watch(redis);
    } else if (vsw_redis_write(redis) != NULL) {
        ev_io_start(redis->loop, &redis->writable); /* fails there again */
    }

    return VSTREAM_OK;
}


/* Tells all that wait that no answer will come, and forgets the socket. */
static void
vsw_redis_clear(vsw_redis_t *redis)
{
    vsw_redis_pending_t *pending;

    vsw_redis_tls_destroy(redis->tls);
    redis->tls = NULL;

    if (redis->fd != -1) {
        ev_io_stop(redis->loop, &redis->readable);
        ev_io_stop(redis->loop, &redis->writable);
        close(redis->fd);
        redis->fd = -1;
    }

    vsw_redis_reader_destroy(redis->reader);
    redis->reader = NULL;

    vsw_redis_output_clear(&redis->output);

    while ((pending = redis->pending) != NULL) {
        redis->pending = pending->next;
        if (pending->reply != NULL) {
            pending->reply(pending->data, NULL);
        }
        free(pending);
    }

    redis->pending_end = &redis->pending;
}
