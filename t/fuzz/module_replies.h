/*
 * A Redis for the module's questions: what is asked is queued, and answered
 * with the replies that the input holds, one after the other; at its end the
 * connection is lost.
 */

#ifndef FUZZ_MODULE_REPLIES_H
#define FUZZ_MODULE_REPLIES_H

#include "fuzz_nginx.h"

#include "ngx_http_vstream_counters.h"
#include "ngx_http_vstream_redis.h"

#include "ngx_http_vstream_frame.c"
#include "ngx_http_vstream_redis_declaration.c"
#include "ngx_http_vstream_redis_reader.c"

#define CALLS_MAX 4096

struct ngx_http_vstream_redis_call_s {
    ngx_http_vstream_redis_reply_pt handler;
    void                           *data;
};


static ngx_http_vstream_counters_t replies_counters;

ngx_http_vstream_counters_t *ngx_http_vstream_counted = &replies_counters;

static ngx_http_vstream_redis_call_t calls[CALLS_MAX];
static size_t                        calls_asked;
static size_t                        calls_answered;


/* A key is of our namespace, whatever stands in Redis. */
ngx_http_vstream_redis_call_t *
ngx_http_vstream_redis_call(ngx_http_vstream_redis_reply_pt handler, void *data,
                            ngx_uint_t argc, ngx_str_t *argv)
{
    ngx_http_vstream_redis_call_t *call;

    fuzz_check(argc >= 2 && argv[1].len <= VSTREAM_KEY_MAX);
    fuzz_check(memcmp(argv[1].data, "vs:{", 4) == 0);
    fuzz_check(memchr(argv[1].data, '\n', argv[1].len) == NULL);

    if (calls_asked == CALLS_MAX) {
        return NULL;
    }

    call = &calls[calls_asked++];
    call->handler = handler;
    call->data = data;

    return call;
}


void
ngx_http_vstream_redis_cancel(ngx_http_vstream_redis_call_t *call)
{
    call->handler = NULL;
}


ngx_str_t
ngx_http_vstream_redis_key(u_char *buffer, vstream_key_kind_t kind,
                           ngx_str_t *argument)
{
    vstream_slice_t  slice = { "", 0 };
    vstream_writer_t w;

    if (argument != NULL) {
        slice = ngx_http_vstream_slice(argument);
    }

    vstream_writer_init(&w, (char *) buffer, VSTREAM_KEY_MAX);
    vstream_schema_key_write(&w, VSTREAM_SLICE("vs"), kind, slice);
    fuzz_check(vstream_writer_status(&w) == VSTREAM_OK);

    return (ngx_str_t) { w.length, buffer };
}


static inline void
replies_hand_out(redisReply *reply)
{
    ngx_http_vstream_redis_call_t *call = &calls[calls_answered++];

    if (call->handler != NULL) {
        call->handler(call->data, reply);
    }
}


/* Answers all that is asked, and what is asked because of that. */
static inline void
replies_run(const uint8_t *data, size_t size)
{
    uint8_t                        *copy = fuzz_copy(data, size);
    redisReply                     *reply;
    ngx_http_vstream_redis_reader_t reader = { 0 };

    fuzz_check(ngx_http_vstream_redis_reader_open_replies(&reader) == NGX_OK);
    fuzz_check(ngx_http_vstream_redis_reader_feed(&reader, copy, size)
               == NGX_OK);

    while (calls_answered < calls_asked
           && ngx_http_vstream_redis_reader_reply(&reader, &reply) == NGX_OK)
    {
        replies_hand_out(reply);
        freeReplyObject(reply);
    }

    while (calls_answered < calls_asked) {
        replies_hand_out(NULL);
    }

    calls_asked = calls_answered = 0;
    ngx_http_vstream_redis_reader_close(&reader);
    free(copy);
}


#endif /* FUZZ_MODULE_REPLIES_H */
