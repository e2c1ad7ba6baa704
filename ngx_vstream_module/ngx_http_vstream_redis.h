/*
 * Between the store and Redis.  ngx_http_vstream_redis.c has an nginx worker's
 * connections, one for commands and a few for subscriptions, because a
 * subscribed connection refuses commands; ngx_http_vstream_redis_lookup.c and
 * ngx_http_vstream_redis_survey.c ask the questions that the store has.
 * Nothing else in the module knows Redis.
 */

#ifndef NGX_HTTP_VSTREAM_REDIS_H
#define NGX_HTTP_VSTREAM_REDIS_H

#include <hiredis/hiredis.h>

#include "ngx_http_vstream_store.h"
#include "ngx_http_vstream_store_survey.h"


typedef struct ngx_http_vstream_redis_call_s ngx_http_vstream_redis_call_t;

/* `reply` is borrowed; NULL: the connection was lost before it came. */
typedef void (*ngx_http_vstream_redis_reply_pt)(void *data, redisReply *reply);

/* What the store wants to hear. */
typedef struct {
    /* The command connection works; at start and after every loss. */
    void (*ready)(void);

    /* Subscriptions of this connection: all gone, or to be made again. */
    void (*subscriber_lost)(ngx_uint_t connection);
    void (*subscriber_ready)(ngx_uint_t connection);
    void (*subscribed)(ngx_str_t *id, vstream_rendition_t rendition);

    /* A pushed frame; the store takes over the reference. */
    void (*frame)(ngx_str_t *id, ngx_http_vstream_frame_t *frame);

    /* The socket has been drained: now is the time to hand frames out. */
    void (*drained)(void);
} ngx_http_vstream_redis_events_t;


ngx_int_t ngx_http_vstream_redis_init(
    ngx_cycle_t *cycle, ngx_http_vstream_redis_conf_t *conf,
    const ngx_http_vstream_redis_events_t *events);
void ngx_http_vstream_redis_exit(void);

/* Commands are being answered. */
ngx_uint_t ngx_http_vstream_redis_is_there(void);

/* It was lost a moment ago, or this nginx worker has only just started. */
ngx_uint_t ngx_http_vstream_redis_is_coming(void);

/* The same, of a process that never had a connection. */
ngx_uint_t ngx_http_vstream_redis_is_starting(void);

/* It answers, but it is older than what we need. */
ngx_uint_t ngx_http_vstream_redis_is_old(void);

/* Connections for subscriptions. */
ngx_uint_t ngx_http_vstream_redis_connections(void);

/*
 * Sends a command of binary-safe arguments.  NULL: Redis is away or memory is
 * out; the handler will not be called.  Otherwise it is called exactly once.
 */
ngx_http_vstream_redis_call_t *ngx_http_vstream_redis_call(
    ngx_http_vstream_redis_reply_pt handler, void *data, ngx_uint_t argc,
    ngx_str_t *argv);

/* The answer is not wanted any more. */
void ngx_http_vstream_redis_cancel(ngx_http_vstream_redis_call_t *call);

/*
 * Subscribes to the frames of a camera's rendition, or ends it.  NGX_DECLINED:
 * not connected.
 */
ngx_int_t ngx_http_vstream_redis_subscribe(ngx_uint_t connection, ngx_str_t *id,
                                           vstream_rendition_t rendition);
ngx_int_t ngx_http_vstream_redis_unsubscribe(ngx_uint_t          connection,
                                             ngx_str_t          *id,
                                             vstream_rendition_t rendition);

/* Words of Redis's for one line of a log; borrowed until the next call. */
ngx_str_t ngx_http_vstream_redis_quote(const char *data, size_t length);

/* A key of the contract, into `buffer` of VSTREAM_KEY_MAX bytes. */
ngx_str_t ngx_http_vstream_redis_key(u_char *buffer, vstream_key_kind_t kind,
                                     ngx_str_t *argument);


/*
 * Does the camera exist, with this rendition, and what is its newest still, of
 * whichever rendition?  `frame` is borrowed and may be NULL.
 */
typedef struct ngx_http_vstream_lookup_s ngx_http_vstream_lookup_t;

typedef enum {
    NGX_HTTP_VSTREAM_FOUND_LOST, /* the connection was lost */
    NGX_HTTP_VSTREAM_FOUND_NOTHING,
    NGX_HTTP_VSTREAM_FOUND_OTHERS, /* the camera, without this rendition */
    NGX_HTTP_VSTREAM_FOUND
} ngx_http_vstream_found_t;

typedef void (*ngx_http_vstream_lookup_pt)(void                     *data,
                                           ngx_http_vstream_found_t  found,
                                           ngx_http_vstream_frame_t *frame);

ngx_http_vstream_lookup_t *ngx_http_vstream_redis_lookup(
    ngx_str_t *id, vstream_rendition_t rendition,
    ngx_http_vstream_lookup_pt handler, void *data);
void ngx_http_vstream_redis_lookup_cancel(ngx_http_vstream_lookup_t *lookup);

/*
 * The state of all cameras.  The handler gets NULL where the connection was
 * lost, else a survey whose only reference it takes over.
 */
typedef void (*ngx_http_vstream_surveyed_pt)(ngx_http_vstream_survey_t *survey);

ngx_int_t ngx_http_vstream_redis_survey(ngx_http_vstream_surveyed_pt handler);


#endif /* NGX_HTTP_VSTREAM_REDIS_H */
