/*
 * One camera: see ngx_http_vstream_redis.h.
 */

#include "ngx_http_vstream_redis.h"
#include "ngx_http_vstream_redis_declaration.h"


struct ngx_http_vstream_lookup_s {
    ngx_http_vstream_lookup_pt handler; /* NULL: cancelled */
    void                      *data;
    ngx_http_vstream_found_t   found;
};

/* The fields of a still. */
typedef struct {
    vstream_frame_t     info;
    vstream_rendition_t rendition;
    vstream_slice_t     jpeg;
} ngx_http_vstream_still_t;


static void ngx_http_vstream_lookup_known(void *data, redisReply *reply);
static void ngx_http_vstream_lookup_still(void *data, redisReply *reply);
static ngx_http_vstream_frame_t *ngx_http_vstream_still_read(redisReply *reply);


/*
 * Two calls in a row, the second one's answer ends it: HEXISTS, or HGET where
 * the declaration must be read to know the renditions, and XREVRANGE.
 */
ngx_http_vstream_lookup_t *
ngx_http_vstream_redis_lookup(ngx_str_t *id, vstream_rendition_t rendition,
                              ngx_http_vstream_lookup_pt handler, void *data)
{
    u_char                         key[VSTREAM_KEY_MAX];
    ngx_str_t                      argv[6];
    ngx_http_vstream_lookup_t     *lookup;
    ngx_http_vstream_redis_call_t *call;

    lookup = ngx_calloc(sizeof(ngx_http_vstream_lookup_t), ngx_cycle->log);
    if (lookup == NULL) {
        return NULL;
    }

    lookup->handler = handler;
    lookup->data = data;

    if (rendition == VSTREAM_RENDITION_MAIN) {
        ngx_str_set(&argv[0], "HEXISTS");

    } else {
        ngx_str_set(&argv[0], "HGET");
    }

    argv[1] = ngx_http_vstream_redis_key(key, VSTREAM_KEY_CAMERAS, NULL);
    argv[2] = *id;

    call = ngx_http_vstream_redis_call(ngx_http_vstream_lookup_known, lookup, 3,
                                       argv);
    if (call == NULL) {
        ngx_free(lookup);
        return NULL;
    }

    ngx_str_set(&argv[0], "XREVRANGE");
    argv[1] = ngx_http_vstream_redis_key(key, VSTREAM_KEY_STILL, id);
    ngx_str_set(&argv[2], "+");
    ngx_str_set(&argv[3], "-");
    ngx_str_set(&argv[4], "COUNT");
    ngx_str_set(&argv[5], "1");

    if (ngx_http_vstream_redis_call(ngx_http_vstream_lookup_still, lookup, 6,
                                    argv)
        == NULL)
    {
        ngx_http_vstream_redis_cancel(call);
        ngx_free(lookup);
        return NULL;
    }

    return lookup;
}


void
ngx_http_vstream_redis_lookup_cancel(ngx_http_vstream_lookup_t *lookup)
{
    lookup->handler = NULL;
}


static ngx_http_vstream_found_t
ngx_http_vstream_lookup_found(redisReply *reply)
{
    switch (reply->type) {
    case REDIS_REPLY_NIL:
        return NGX_HTTP_VSTREAM_FOUND_NOTHING;

    case REDIS_REPLY_INTEGER:
        return reply->integer == 1 ? NGX_HTTP_VSTREAM_FOUND
                                   : NGX_HTTP_VSTREAM_FOUND_NOTHING;

    case REDIS_REPLY_STRING:
        return ngx_http_vstream_declaration_read(reply).substream.length
                   ? NGX_HTTP_VSTREAM_FOUND
                   : NGX_HTTP_VSTREAM_FOUND_OTHERS;

    default:
        /* An error, for instance of a Redis that is busy, says nothing. */
        return NGX_HTTP_VSTREAM_FOUND_LOST;
    }
}


static void
ngx_http_vstream_lookup_known(void *data, redisReply *reply)
{
    ngx_http_vstream_lookup_t *lookup;

    lookup = data;
    lookup->found = reply ? ngx_http_vstream_lookup_found(reply)
                          : NGX_HTTP_VSTREAM_FOUND_LOST;
}


static void
ngx_http_vstream_lookup_still(void *data, redisReply *reply)
{
    ngx_http_vstream_frame_t  *frame;
    ngx_http_vstream_lookup_t *lookup;

    lookup = data;

    if (lookup->handler) {
        frame = reply ? ngx_http_vstream_still_read(reply) : NULL;

        lookup->handler(lookup->data,
                        reply ? lookup->found : NGX_HTTP_VSTREAM_FOUND_LOST,
                        frame);

        ngx_http_vstream_frame_release(frame);
    }

    ngx_free(lookup);
}


/* XREVRANGE's answer: [[id, [field, value, ...]]].  NULL: it is another. */
static redisReply *
ngx_http_vstream_still_entry(redisReply *reply)
{
    redisReply *entry;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 1) {
        return NULL;
    }

    entry = reply->element[0];

    return entry->type == REDIS_REPLY_ARRAY && entry->elements == 2
                   && entry->element[0]->type == REDIS_REPLY_STRING
                   && entry->element[1]->type == REDIS_REPLY_ARRAY
               ? entry
               : NULL;
}


static vstream_slice_t
ngx_http_vstream_still_text(redisReply *reply)
{
    vstream_slice_t text;

    text.data = reply->str;
    text.length = (size_t) reply->len;

    return text;
}


/* Digits; -1: it is none. */
static int64_t
ngx_http_vstream_still_number(vstream_slice_t text)
{
    off_t n;

    n = ngx_atoof((u_char *) text.data, text.length);

    return n == NGX_ERROR ? -1 : (int64_t) n;
}


/* Fields of a later version are passed over. */
static void
ngx_http_vstream_still_field(ngx_http_vstream_still_t *still, const char *name,
                             vstream_slice_t value)
{
    if (ngx_strcmp(name, VSTREAM_STILL_TIME) == 0) {
        still->info.t_unix_us = ngx_http_vstream_still_number(value);

    } else if (ngx_strcmp(name, VSTREAM_STILL_WIDTH) == 0) {
        still->info.width = (uint32_t) ngx_http_vstream_still_number(value);

    } else if (ngx_strcmp(name, VSTREAM_STILL_HEIGHT) == 0) {
        still->info.height = (uint32_t) ngx_http_vstream_still_number(value);

    } else if (ngx_strcmp(name, VSTREAM_STILL_JPEG) == 0) {
        still->jpeg = value;

    } else if (ngx_strcmp(name, VSTREAM_STILL_RENDITION) == 0) {
        (void) vstream_schema_rendition_read(value, &still->rendition);
    }
}


/* NULL: there is no still, for instance because a fence is the newest entry. */
static ngx_http_vstream_frame_t *
ngx_http_vstream_still_read(redisReply *reply)
{
    size_t                    i;
    redisReply               *entry, *fields;
    ngx_http_vstream_still_t  still;
    ngx_http_vstream_frame_t *frame;

    entry = ngx_http_vstream_still_entry(reply);
    ngx_memzero(&still, sizeof(ngx_http_vstream_still_t));
    still.rendition = VSTREAM_RENDITION_MAIN;

    if (entry == NULL
        || vstream_frame_id_read(ngx_http_vstream_still_text(entry->element[0]),
                                 &still.info.epoch, &still.info.seq)
               != VSTREAM_OK)
    {
        return NULL;
    }

    fields = entry->element[1];

    for (i = 0; i + 1 < fields->elements; i += 2) {
        if (fields->element[i]->type == REDIS_REPLY_STRING
            && fields->element[i + 1]->type == REDIS_REPLY_STRING)
        {
            ngx_http_vstream_still_field(
                &still, fields->element[i]->str,
                ngx_http_vstream_still_text(fields->element[i + 1]));
        }
    }

    if (still.jpeg.length == 0 || still.info.t_unix_us <= 0) {
        return NULL;
    }

    frame =
        ngx_http_vstream_frame_create(&still.info, (u_char *) still.jpeg.data,
                                      still.jpeg.length, ngx_cycle->log);
    if (frame) {
        frame->rendition = still.rendition;
    }

    return frame;
}
