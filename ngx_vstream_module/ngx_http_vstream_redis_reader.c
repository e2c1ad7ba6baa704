/*
 * Replies and pushes: see ngx_http_vstream_redis_reader.h.
 *
 * DESIGN.  hiredis calls object functions for each value that it meets.  For
 * replies they are its own, with a bound on what arrays may announce.  For
 * pushes they are ours: what is read is noted in reader->push, and every
 * "object" is the reader itself.
 */

#include "ngx_http_vstream_counters.h"
#include "ngx_http_vstream_redis_reader.h"


/* The answer that needs most: the hash of cameras of some dozen origins. */
#define NGX_HTTP_VSTREAM_REDIS_ELEMENTS_MAX (32 * VSTREAM_CAMERAS_MAX)

/* A reply may be this long, all its elements together: one frame and some. */
#define NGX_HTTP_VSTREAM_REDIS_REPLY_MAX (VSTREAM_FRAME_BYTES_MAX + 256 * 1024)

#if (HIREDIS_MAJOR >= 1)
typedef size_t ngx_http_vstream_redis_count_t;
#else
typedef int ngx_http_vstream_redis_count_t;
#endif


static void *ngx_http_vstream_reply_array(
    const redisReadTask *task, ngx_http_vstream_redis_count_t elements);

static void *ngx_http_vstream_push_string(const redisReadTask *task, char *data,
                                          size_t length);
static void *ngx_http_vstream_push_array(
    const redisReadTask *task, ngx_http_vstream_redis_count_t elements);
static void *ngx_http_vstream_push_integer(const redisReadTask *task,
                                           long long            value);
static void *ngx_http_vstream_push_nil(const redisReadTask *task);
static void  ngx_http_vstream_push_free(void *object);


static redisReplyObjectFunctions ngx_http_vstream_reply_functions;
static redisReplyObjectFunctions ngx_http_vstream_reply_defaults;

static redisReplyObjectFunctions ngx_http_vstream_push_functions = {
    .createString = ngx_http_vstream_push_string,
    .createArray = ngx_http_vstream_push_array,
    .createInteger = ngx_http_vstream_push_integer,
    .createNil = ngx_http_vstream_push_nil,
    .freeObject = ngx_http_vstream_push_free
};


ngx_int_t
ngx_http_vstream_redis_reader_open_replies(
    ngx_http_vstream_redis_reader_t *reader)
{
    reader->hiredis = redisReaderCreate();
    if (reader->hiredis == NULL) {
        return NGX_ERROR;
    }

    ngx_http_vstream_reply_defaults = *reader->hiredis->fn;
    ngx_http_vstream_reply_functions = *reader->hiredis->fn;
    ngx_http_vstream_reply_functions.createArray = ngx_http_vstream_reply_array;

    reader->hiredis->fn = &ngx_http_vstream_reply_functions;
    reader->hiredis->privdata = reader;
    reader->unfinished = 0;
    reader->elements = 0;

    return NGX_OK;
}


ngx_int_t
ngx_http_vstream_redis_reader_open_pushes(
    ngx_http_vstream_redis_reader_t *reader)
{
    reader->hiredis =
        redisReaderCreateWithFunctions(&ngx_http_vstream_push_functions);
    if (reader->hiredis == NULL) {
        return NGX_ERROR;
    }

    reader->hiredis->privdata = reader;
    reader->hiredis->maxbuf = 0; /* keep the buffer, whatever it grew to */
    reader->unfinished = 0;

    return NGX_OK;
}


void
ngx_http_vstream_redis_reader_close(ngx_http_vstream_redis_reader_t *reader)
{
    if (reader->hiredis) {
        redisReaderFree(reader->hiredis);
        reader->hiredis = NULL;
    }

    ngx_http_vstream_push_free(reader);
}


ngx_int_t
ngx_http_vstream_redis_reader_feed(ngx_http_vstream_redis_reader_t *reader,
                                   u_char *data, size_t length)
{
    reader->unfinished += length;

    return redisReaderFeed(reader->hiredis, (char *) data, length) == REDIS_OK
               ? NGX_OK
               : NGX_ERROR;
}


static ngx_int_t
ngx_http_vstream_redis_reader_next(ngx_http_vstream_redis_reader_t *reader,
                                   void                           **object)
{
    if (redisReaderGetReply(reader->hiredis, object) != REDIS_OK) {
        return NGX_ERROR;
    }

    if (*object == NULL) {
        return reader->unfinished > NGX_HTTP_VSTREAM_REDIS_REPLY_MAX
                   ? NGX_ERROR
                   : NGX_AGAIN;
    }

    reader->unfinished = reader->hiredis->len - reader->hiredis->pos;
    reader->elements = 0;

    return NGX_OK;
}


ngx_int_t
ngx_http_vstream_redis_reader_reply(ngx_http_vstream_redis_reader_t *reader,
                                    redisReply                     **reply)
{
    void     *object;
    ngx_int_t rc;

    rc = ngx_http_vstream_redis_reader_next(reader, &object);
    *reply = rc == NGX_OK ? object : NULL;

    return rc;
}


ngx_int_t
ngx_http_vstream_redis_reader_push(ngx_http_vstream_redis_reader_t *reader)
{
    void     *object;
    ngx_int_t rc;

    if (reader->pushed) {
        ngx_http_vstream_push_free(reader);
        reader->pushed = 0;
    }

    rc = ngx_http_vstream_redis_reader_next(reader, &object);
    reader->pushed = rc == NGX_OK;

    return rc;
}


const char *
ngx_http_vstream_redis_reader_error(ngx_http_vstream_redis_reader_t *reader)
{
    return reader->hiredis->err ? reader->hiredis->errstr
                                : "a reply is too long";
}


static void *
ngx_http_vstream_reply_array(const redisReadTask           *task,
                             ngx_http_vstream_redis_count_t elements)
{
    ngx_http_vstream_redis_reader_t *reader;

    reader = task->privdata;

    if (elements > 0) {
        reader->elements += (size_t) elements;
    }

    if (reader->elements > NGX_HTTP_VSTREAM_REDIS_ELEMENTS_MAX) {
        return NULL;
    }

    return ngx_http_vstream_reply_defaults.createArray(task, elements);
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
                                         length - line, ngx_cycle->log);
}


static void
ngx_http_vstream_push_note(ngx_http_vstream_push_t *push, const char *text,
                           size_t length)
{
    push->length = ngx_min(length, sizeof(push->text));
    ngx_memcpy(push->text, text, push->length);
}


static void *
ngx_http_vstream_push_string(const redisReadTask *task, char *data,
                             size_t length)
{
    ngx_http_vstream_push_t         *push;
    ngx_http_vstream_redis_reader_t *reader;

    reader = task->privdata;
    push = &reader->push;

    if (task->parent == NULL) {
        push->type = task->type == REDIS_REPLY_ERROR
                         ? NGX_HTTP_VSTREAM_PUSH_ERROR
                         : NGX_HTTP_VSTREAM_PUSH_STATUS;
        ngx_http_vstream_push_note(push, data, length);

    } else if (task->idx == 0) {
        if (length == 8 && ngx_memcmp(data, "smessage", 8) == 0) {
            push->type = NGX_HTTP_VSTREAM_PUSH_MESSAGE;

        } else if (length == 10 && ngx_memcmp(data, "ssubscribe", 10) == 0) {
            push->type = NGX_HTTP_VSTREAM_PUSH_SUBSCRIBED;

        } else {
            push->type = NGX_HTTP_VSTREAM_PUSH_OTHER;
        }

    } else if (task->idx == 1) {
        ngx_http_vstream_push_note(push, data, length);

    } else if (task->idx == 2 && push->type == NGX_HTTP_VSTREAM_PUSH_MESSAGE
               && push->frame == NULL)
    {
        push->frame = ngx_http_vstream_push_frame(data, length);
    }

    return reader;
}


static void *
ngx_http_vstream_push_array(const redisReadTask           *task,
                            ngx_http_vstream_redis_count_t elements)
{
    ngx_http_vstream_redis_reader_t *reader;

    (void) elements;

    reader = task->privdata;
    reader->push.type = NGX_HTTP_VSTREAM_PUSH_OTHER;
    reader->push.length = 0;

    return reader;
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
    ngx_http_vstream_redis_reader_t *reader;

    reader = object;

    if (reader->push.frame) {
        ngx_http_vstream_frame_release(reader->push.frame);
        reader->push.frame = NULL;
    }

    reader->push.type = NGX_HTTP_VSTREAM_PUSH_NONE;
    reader->push.length = 0;
}
