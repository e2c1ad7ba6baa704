/*
 * What Redis says, out of the bytes that came: hiredis's parser under bounds
 * of ours.  A connection for commands reads replies.  One for subscriptions
 * reads pushes, and no tree is built of them, so that a frame is not copied a
 * third time.  Knows neither sockets nor what was asked.
 */

#ifndef NGX_HTTP_VSTREAM_REDIS_READER_H
#define NGX_HTTP_VSTREAM_REDIS_READER_H

#include <hiredis/hiredis.h>

#include "ngx_http_vstream_frame.h"


typedef enum {
    NGX_HTTP_VSTREAM_PUSH_NONE,
    NGX_HTTP_VSTREAM_PUSH_ERROR,
    NGX_HTTP_VSTREAM_PUSH_STATUS,
    NGX_HTTP_VSTREAM_PUSH_MESSAGE,
    NGX_HTTP_VSTREAM_PUSH_SUBSCRIBED,
    NGX_HTTP_VSTREAM_PUSH_OTHER
} ngx_http_vstream_push_type_t;

typedef struct {
    ngx_http_vstream_push_type_t type;
    size_t                       length; /* of text: a channel, or an error */
    ngx_http_vstream_frame_t    *frame;  /* of a message; NULL: it holds none */
    u_char                       text[VSTREAM_KEY_MAX];
} ngx_http_vstream_push_t;

typedef struct {
    redisReader            *hiredis;    /* NULL: closed */
    size_t                  unfinished; /* bytes of a reply under way */
    size_t                  elements;   /* of it, as announced */
    ngx_http_vstream_push_t push;
    unsigned                pushed : 1; /* it is whole */
} ngx_http_vstream_redis_reader_t;


/* Opens a closed reader, for replies or for pushes.  NGX_ERROR: no memory. */
ngx_int_t ngx_http_vstream_redis_reader_open_replies(
    ngx_http_vstream_redis_reader_t *reader);
ngx_int_t ngx_http_vstream_redis_reader_open_pushes(
    ngx_http_vstream_redis_reader_t *reader);

/* It may be closed already. */
void ngx_http_vstream_redis_reader_close(
    ngx_http_vstream_redis_reader_t *reader);

/* NGX_ERROR: no memory. */
ngx_int_t ngx_http_vstream_redis_reader_feed(
    ngx_http_vstream_redis_reader_t *reader, u_char *data, size_t length);

/*
 * The next reply, which the caller frees with freeReplyObject().  NGX_AGAIN:
 * it is not whole yet.  NGX_ERROR: see ngx_http_vstream_redis_reader_error().
 */
ngx_int_t ngx_http_vstream_redis_reader_reply(
    ngx_http_vstream_redis_reader_t *reader, redisReply **reply);

/*
 * The next push, in reader->push until the reader is used again; whoever wants
 * to keep its frame takes it out.  Returns as the above.
 */
ngx_int_t ngx_http_vstream_redis_reader_push(
    ngx_http_vstream_redis_reader_t *reader);

/* What was wrong, for a log. */
const char *ngx_http_vstream_redis_reader_error(
    ngx_http_vstream_redis_reader_t *reader);


#endif /* NGX_HTTP_VSTREAM_REDIS_READER_H */
