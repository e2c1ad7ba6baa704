/*
 * What is said with Redis: see ngx_http_vstream_redis.h.
 *
 * DESIGN.  One connection carries commands, whose answers come in order: a
 * queue of calls.  The others carry subscriptions (SSUBSCRIBE, Redis 7).  A
 * pushed frame is copied twice in user space: into the reader's buffer, and
 * from there into the frame that all viewers share.
 */

#include "ngx_http_vstream_redis_greeting.h"


#define NGX_HTTP_VSTREAM_REDIS_PING      250  /* ms of silence, then asked */
#define NGX_HTTP_VSTREAM_REDIS_OVERDUE   500  /* no answer: seen as away */
#define NGX_HTTP_VSTREAM_REDIS_COMING    1000 /* away for less: worth waiting */
#define NGX_HTTP_VSTREAM_REDIS_HUNG      3000 /* no answer: dial again */
#define NGX_HTTP_VSTREAM_REDIS_QUOTE_MAX 200


struct ngx_http_vstream_redis_call_s {
    ngx_queue_t                     queue;
    ngx_msec_t                      sent;
    ngx_http_vstream_redis_reply_pt handler; /* NULL: cancelled */
    void                           *data;
};


static ngx_int_t ngx_http_vstream_redis_greet(
    ngx_http_vstream_redis_connection_t *redis);
static const char *ngx_http_vstream_redis_read(
    ngx_http_vstream_redis_connection_t *redis);
static const char *ngx_http_vstream_redis_read_replies(
    ngx_http_vstream_redis_connection_t *redis);
static const char *ngx_http_vstream_redis_read_pushes(
    ngx_http_vstream_redis_connection_t *redis);
static void ngx_http_vstream_redis_drained(
    ngx_http_vstream_redis_connection_t *redis);
static void ngx_http_vstream_redis_look(
    ngx_http_vstream_redis_connection_t *redis);
static void ngx_http_vstream_redis_lost(
    ngx_http_vstream_redis_connection_t *redis, ngx_uint_t was_ready);
static ngx_http_vstream_redis_call_t *ngx_http_vstream_redis_enqueue(
    ngx_http_vstream_redis_connection_t *redis,
    ngx_http_vstream_redis_reply_pt handler, void *data, ngx_uint_t argc,
    ngx_str_t *argv);


static const ngx_http_vstream_redis_owner_t ngx_http_vstream_redis_owner = {
    ngx_http_vstream_redis_greet, ngx_http_vstream_redis_read,
    ngx_http_vstream_redis_drained, ngx_http_vstream_redis_look,
    ngx_http_vstream_redis_lost
};

static ngx_http_vstream_redis_conf_t         *ngx_http_vstream_redis_conf;
static const ngx_http_vstream_redis_events_t *ngx_http_vstream_redis_events;
static ngx_http_vstream_redis_connection_t   *ngx_http_vstream_redis;
static ngx_uint_t                             ngx_http_vstream_redis_n;


ngx_int_t
ngx_http_vstream_redis_init(ngx_cycle_t                           *cycle,
                            ngx_http_vstream_redis_conf_t         *conf,
                            const ngx_http_vstream_redis_events_t *events)
{
    ngx_uint_t                           i;
    ngx_http_vstream_redis_connection_t *redis;

    ngx_http_vstream_redis_conf = conf;
    ngx_http_vstream_redis_events = events;

    ngx_http_vstream_redis_n = conf->connections + 1;
    ngx_http_vstream_redis = ngx_pcalloc(
        cycle->pool,
        ngx_http_vstream_redis_n * sizeof(ngx_http_vstream_redis_connection_t));
    if (ngx_http_vstream_redis == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < ngx_http_vstream_redis_n; i++) {
        redis = &ngx_http_vstream_redis[i];

        redis->index = i;
        redis->conf = conf;
        redis->owner = &ngx_http_vstream_redis_owner;
        ngx_queue_init(&redis->calls);

        ngx_http_vstream_redis_connection_init(redis);
    }

    return NGX_OK;
}


void
ngx_http_vstream_redis_exit(void)
{
    ngx_uint_t i;

    for (i = 0; i < ngx_http_vstream_redis_n; i++) {
        ngx_http_vstream_redis_connection_exit(&ngx_http_vstream_redis[i]);
    }
}


ngx_uint_t
ngx_http_vstream_redis_connections(void)
{
    return ngx_http_vstream_redis_conf->connections;
}


/* For how long an answer has been awaited, in ms; 0: none is. */
static ngx_msec_t
ngx_http_vstream_redis_waiting(ngx_http_vstream_redis_connection_t *redis)
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
    ngx_http_vstream_redis_connection_t *redis;

    redis = &ngx_http_vstream_redis[0];

    return redis->state == NGX_HTTP_VSTREAM_REDIS_READY && !redis->refusing
           && ngx_http_vstream_redis_waiting(redis)
                  < NGX_HTTP_VSTREAM_REDIS_OVERDUE;
}


ngx_uint_t
ngx_http_vstream_redis_is_coming(void)
{
    ngx_http_vstream_redis_connection_t *redis;

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


/* The connection stands. */
static ngx_int_t
ngx_http_vstream_redis_greet(ngx_http_vstream_redis_connection_t *redis)
{
    ngx_int_t rc;

    redis->asked = 0;
    redis->refusing = 0;

    rc = redis->index == 0
             ? ngx_http_vstream_redis_reader_open_replies(&redis->reader)
             : ngx_http_vstream_redis_reader_open_pushes(&redis->reader);

    return rc == NGX_OK ? ngx_http_vstream_redis_greeting_send(redis)
                        : NGX_ERROR;
}


static void
ngx_http_vstream_redis_ready(ngx_http_vstream_redis_connection_t *redis)
{
    ngx_http_vstream_redis_connection_ready(redis);

    if (redis->index == 0) {
        ngx_http_vstream_redis_events->ready();

    } else {
        ngx_http_vstream_redis_events->subscriber_ready(redis->index - 1);
    }
}


/* The oldest call gets its answer.  NGX_DECLINED: nobody waits for one. */
static ngx_int_t
ngx_http_vstream_redis_answer(ngx_http_vstream_redis_connection_t *redis,
                              redisReply                          *reply)
{
    ngx_queue_t                   *q;
    ngx_http_vstream_redis_call_t *call;

    if (ngx_queue_empty(&redis->calls)) {
        return NGX_DECLINED;
    }

    /* NOLINTBEGIN(clang-analyzer-unix.Malloc): another is the head each time */

    q = ngx_queue_head(&redis->calls);
    ngx_queue_remove(q);
    call = ngx_queue_data(q, ngx_http_vstream_redis_call_t, queue);

    /* NOLINTEND(clang-analyzer-unix.Malloc) */

    if (call->handler) {
        call->handler(call->data, reply);
    }

    ngx_free(call);

    return NGX_OK;
}


/* Whoever waits for an answer gets none. */
static void
ngx_http_vstream_redis_lost(ngx_http_vstream_redis_connection_t *redis,
                            ngx_uint_t                           was_ready)
{
    redis->away -= was_ready ? ngx_http_vstream_redis_waiting(redis) : 0;
    redis->asked = 0;

    while (ngx_http_vstream_redis_answer(redis, NULL) == NGX_OK) {
        /* until none is left */
    }

    if (was_ready && redis->index) {
        ngx_http_vstream_redis_events->subscriber_lost(redis->index - 1);
    }
}


/* A Redis that is busy with a script, or loading, answers with errors. */
static void
ngx_http_vstream_redis_ponged(void *data, redisReply *reply)
{
    ngx_http_vstream_redis_connection_t *redis;

    redis = data;

    redis->asked = 0;
    redis->refusing = reply && reply->type == REDIS_REPLY_ERROR;
}


static ngx_int_t
ngx_http_vstream_redis_ping(ngx_http_vstream_redis_connection_t *redis)
{
    ngx_str_t ping = ngx_string("PING");

    if (redis->index) {
        return ngx_http_vstream_redis_connection_send(redis, 1, &ping);
    }

    return ngx_http_vstream_redis_enqueue(redis, ngx_http_vstream_redis_ponged,
                                          redis, 1, &ping)
               ? NGX_OK
               : NGX_ERROR;
}


/* It is READY: does it still answer? */
static void
ngx_http_vstream_redis_look(ngx_http_vstream_redis_connection_t *redis)
{
    if (ngx_http_vstream_redis_waiting(redis) >= NGX_HTTP_VSTREAM_REDIS_HUNG) {
        ngx_http_vstream_redis_connection_lose(redis,
                                               "does not answer any more", 0);
        return;
    }

    if (redis->asked == 0
        && ngx_current_msec - redis->heard >= NGX_HTTP_VSTREAM_REDIS_PING
        && ngx_http_vstream_redis_ping(redis) == NGX_OK)
    {
        redis->asked = ngx_current_msec;
    }
}


static void
ngx_http_vstream_redis_drained(ngx_http_vstream_redis_connection_t *redis)
{
    (void) redis;

    ngx_http_vstream_redis_events->drained();
}


static const char *
ngx_http_vstream_redis_read(ngx_http_vstream_redis_connection_t *redis)
{
    return redis->index == 0 ? ngx_http_vstream_redis_read_replies(redis)
                             : ngx_http_vstream_redis_read_pushes(redis);
}


/* What was said while GREETING, or the answer to a call. */
static const char *
ngx_http_vstream_redis_replied(ngx_http_vstream_redis_connection_t *redis,
                               redisReply                          *reply)
{
    if (redis->state != NGX_HTTP_VSTREAM_REDIS_GREETING) {
        return ngx_http_vstream_redis_answer(redis, reply) == NGX_OK
                   ? NULL
                   : "a reply that was not asked for";
    }

    if (ngx_http_vstream_redis_greeting_reply(redis, reply) == NGX_OK) {
        ngx_http_vstream_redis_ready(redis);
    }

    return NULL;
}


static const char *
ngx_http_vstream_redis_read_replies(ngx_http_vstream_redis_connection_t *redis)
{
    ngx_int_t         rc;
    redisReply       *reply;
    const char       *problem;
    ngx_connection_t *c;

    c = redis->c;

    for (;;) {
        rc = ngx_http_vstream_redis_reader_reply(&redis->reader, &reply);

        if (rc != NGX_OK) {
            return rc == NGX_AGAIN
                       ? NULL
                       : ngx_http_vstream_redis_reader_error(&redis->reader);
        }

        problem = ngx_http_vstream_redis_replied(redis, reply);
        freeReplyObject(reply);

        if (problem || redis->c != c) {
            return problem;
        }
    }
}


static void
ngx_http_vstream_redis_push_error(ngx_http_vstream_redis_connection_t *redis,
                                  ngx_str_t                           *text)
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
    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "vstream: redis \"%V\", connection %ui, refuses: \"%V\"%s",
                  &ngx_http_vstream_redis_conf->name, redis->index, &said,
                  advice);
}


/* A message's frame, or what Redis says of a subscription. */
static void
ngx_http_vstream_redis_pushed(ngx_http_vstream_redis_connection_t *redis,
                              ngx_http_vstream_push_t             *push)
{
    ngx_str_t           text, id;
    vstream_slice_t     slice;
    vstream_rendition_t rendition;

    redis->asked = 0;
    text.data = push->text;
    text.len = push->length;

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


static const char *
ngx_http_vstream_redis_read_pushes(ngx_http_vstream_redis_connection_t *redis)
{
    ngx_int_t                rc;
    ngx_connection_t        *c;
    ngx_http_vstream_push_t *push;

    c = redis->c;
    push = &redis->reader.push;

    while (redis->c == c) {
        rc = ngx_http_vstream_redis_reader_push(&redis->reader);

        if (rc != NGX_OK) {
            return rc == NGX_AGAIN
                       ? NULL
                       : ngx_http_vstream_redis_reader_error(&redis->reader);
        }

        if (redis->state != NGX_HTTP_VSTREAM_REDIS_GREETING) {
            ngx_http_vstream_redis_pushed(redis, push);

        } else if (ngx_http_vstream_redis_greeting_push(redis, push) == NGX_OK)
        {
            ngx_http_vstream_redis_ready(redis);
        }
    }

    return NULL;
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
ngx_http_vstream_redis_enqueue(ngx_http_vstream_redis_connection_t *redis,
                               ngx_http_vstream_redis_reply_pt      handler,
                               void *data, ngx_uint_t argc, ngx_str_t *argv)
{
    ngx_http_vstream_redis_call_t *call;

    call = ngx_alloc(sizeof(ngx_http_vstream_redis_call_t), ngx_cycle->log);
    if (call == NULL) {
        return NULL;
    }

    call->sent = ngx_current_msec;
    call->handler = handler;
    call->data = data;

    if (ngx_http_vstream_redis_connection_send(redis, argc, argv) != NGX_OK) {
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
    u_char                               key[VSTREAM_KEY_MAX];
    ngx_str_t                            argv[2];
    ngx_http_vstream_redis_connection_t *redis;

    redis = &ngx_http_vstream_redis[connection + 1];

    if (redis->state != NGX_HTTP_VSTREAM_REDIS_READY) {
        return NGX_DECLINED;
    }

    argv[0].data = (u_char *) command;
    argv[0].len = ngx_strlen(command);
    argv[1] = ngx_http_vstream_redis_key(
        key, vstream_schema_frame_key(rendition), id);

    return ngx_http_vstream_redis_connection_send(redis, 2, argv);
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
