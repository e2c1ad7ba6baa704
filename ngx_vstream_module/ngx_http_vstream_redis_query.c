/*
 * The questions that the store asks Redis: see ngx_http_vstream_redis.h.
 */

#include "ngx_http_vstream_redis.h"

#include <jansson.h>


struct ngx_http_vstream_lookup_s {
    ngx_http_vstream_lookup_pt handler; /* NULL: cancelled */
    void                      *data;
    vstream_rendition_t        rendition;
    ngx_http_vstream_found_t   found;
};

/* A HGETALL of one camera's status under way. */
typedef struct {
    ngx_http_vstream_survey_t *survey;
    ngx_http_vstream_row_t    *row;
} ngx_http_vstream_status_query_t;


static void ngx_http_vstream_lookup_known(void *data, redisReply *reply);
static void ngx_http_vstream_lookup_still(void *data, redisReply *reply);
static void ngx_http_vstream_survey_cameras(void *data, redisReply *reply);
static void ngx_http_vstream_survey_status(void *data, redisReply *reply);
static void ngx_http_vstream_survey_finish(ngx_http_vstream_survey_t *survey);


static ngx_http_vstream_surveyed_pt ngx_http_vstream_surveyed;

#define ngx_http_vstream_text(name)                                            \
    {                                                                          \
        ngx_string(name), NGX_HTTP_VSTREAM_FIELD_TEXT                          \
    }
#define ngx_http_vstream_number(name)                                          \
    {                                                                          \
        ngx_string(name), NGX_HTTP_VSTREAM_FIELD_NUMBER                        \
    }

const ngx_http_vstream_field_t
    ngx_http_vstream_status_fields[NGX_HTTP_VSTREAM_FIELDS] = {
        ngx_http_vstream_text(VSTREAM_STATUS_STATE),
        ngx_http_vstream_text(VSTREAM_STATUS_REASON),
        ngx_http_vstream_text(VSTREAM_STATUS_DETAIL),
        ngx_http_vstream_text(VSTREAM_STATUS_OWNER),
        ngx_http_vstream_number(VSTREAM_STATUS_EPOCH),
        ngx_http_vstream_number(VSTREAM_STATUS_SINCE),
        ngx_http_vstream_text(VSTREAM_STATUS_CODEC),
        ngx_http_vstream_number(VSTREAM_STATUS_WIDTH),
        ngx_http_vstream_number(VSTREAM_STATUS_HEIGHT),
        ngx_http_vstream_number(VSTREAM_STATUS_FPS),
        ngx_http_vstream_number(VSTREAM_STATUS_KBPS),
        ngx_http_vstream_number(VSTREAM_STATUS_KEYFRAME_MS),
        ngx_http_vstream_number(VSTREAM_STATUS_HEARD),
        ngx_http_vstream_number(VSTREAM_STATUS_STILL),
        ngx_http_vstream_number(VSTREAM_STATUS_WATCHED),
        ngx_http_vstream_number(VSTREAM_STATUS_ACCESS_UNITS),
        ngx_http_vstream_number(VSTREAM_STATUS_FRAMES_PUBLISHED),
        ngx_http_vstream_number(VSTREAM_STATUS_FRAMES_DROPPED),
        ngx_http_vstream_text(VSTREAM_STATUS_KAFKA),
        ngx_http_vstream_text(VSTREAM_STATUS_KAFKA_DETAIL),
        ngx_http_vstream_number(VSTREAM_STATUS_KAFKA_PUBLISHED),
        ngx_http_vstream_number(VSTREAM_STATUS_KAFKA_DROPPED),
        ngx_http_vstream_number(VSTREAM_STATUS_DIALS),
        ngx_http_vstream_number(VSTREAM_STATUS_RESTARTS),
        ngx_http_vstream_text(VSTREAM_STATUS_SUBSTREAM),
        ngx_http_vstream_text(VSTREAM_STATUS_SUBSTREAM_DETAIL),
    };


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
    lookup->rendition = rendition;

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


/* Has a camera of this declaration such a rendition? */
static ngx_uint_t
ngx_http_vstream_declares(json_t *object, vstream_rendition_t rendition)
{
    return rendition == VSTREAM_RENDITION_MAIN
           || json_string_length(json_object_get(object, "substream")) > 0;
}


static void
ngx_http_vstream_lookup_known(void *data, redisReply *reply)
{
    json_t                    *object;
    ngx_http_vstream_lookup_t *lookup;

    lookup = data;

    /* An error, for instance of a Redis that is busy, says nothing of it. */

    lookup->found = NGX_HTTP_VSTREAM_FOUND_LOST;

    if (reply == NULL) {
        return;
    }

    if (reply->type == REDIS_REPLY_NIL) {
        lookup->found = NGX_HTTP_VSTREAM_FOUND_NOTHING;

    } else if (reply->type == REDIS_REPLY_INTEGER) {
        lookup->found = reply->integer == 1 ? NGX_HTTP_VSTREAM_FOUND
                                            : NGX_HTTP_VSTREAM_FOUND_NOTHING;

    } else if (reply->type == REDIS_REPLY_STRING) {
        object = json_loadb(reply->str, (size_t) reply->len, 0, NULL);
        lookup->found = ngx_http_vstream_declares(object, lookup->rendition)
                            ? NGX_HTTP_VSTREAM_FOUND
                            : NGX_HTTP_VSTREAM_FOUND_OTHERS;
        json_decref(object);
    }
}


static int64_t
ngx_http_vstream_reply_number(redisReply *reply)
{
    off_t n;

    if (reply->type != REDIS_REPLY_STRING) {
        return -1;
    }

    n = ngx_atoof((u_char *) reply->str, (size_t) reply->len);

    return n == NGX_ERROR ? -1 : (int64_t) n;
}


/*
 * XREVRANGE's answer: [[id, [field, value, ...]]].  NULL where it holds no
 * still, for instance because a fence is the newest entry.
 */
static ngx_http_vstream_frame_t *
ngx_http_vstream_still_read(redisReply *reply)
{
    size_t                    i;
    redisReply               *entry, *fields, *jpeg, *name;
    vstream_slice_t           id, text;
    vstream_frame_t           info;
    vstream_rendition_t       rendition;
    ngx_http_vstream_frame_t *frame;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 1
        || reply->element[0]->type != REDIS_REPLY_ARRAY
        || reply->element[0]->elements != 2)
    {
        return NULL;
    }

    entry = reply->element[0]->element[0];
    fields = reply->element[0]->element[1];

    if (entry->type != REDIS_REPLY_STRING || fields->type != REDIS_REPLY_ARRAY)
    {
        return NULL;
    }

    ngx_memzero(&info, sizeof(vstream_frame_t));
    id.data = entry->str;
    id.length = (size_t) entry->len;

    if (vstream_frame_id_read(id, &info.epoch, &info.seq) != VSTREAM_OK) {
        return NULL;
    }

    jpeg = NULL;
    rendition = VSTREAM_RENDITION_MAIN;

    for (i = 0; i + 1 < fields->elements; i += 2) {
        name = fields->element[i];

        if (name->type != REDIS_REPLY_STRING) {
            return NULL;
        }

        if (ngx_strcmp(name->str, VSTREAM_STILL_TIME) == 0) {
            info.t_unix_us =
                ngx_http_vstream_reply_number(fields->element[i + 1]);

        } else if (ngx_strcmp(name->str, VSTREAM_STILL_WIDTH) == 0) {
            info.width = (uint32_t) ngx_http_vstream_reply_number(
                fields->element[i + 1]);

        } else if (ngx_strcmp(name->str, VSTREAM_STILL_HEIGHT) == 0) {
            info.height = (uint32_t) ngx_http_vstream_reply_number(
                fields->element[i + 1]);

        } else if (ngx_strcmp(name->str, VSTREAM_STILL_JPEG) == 0) {
            jpeg = fields->element[i + 1];

        } else if (ngx_strcmp(name->str, VSTREAM_STILL_RENDITION) == 0
                   && fields->element[i + 1]->type == REDIS_REPLY_STRING)
        {
            text.data = fields->element[i + 1]->str;
            text.length = (size_t) fields->element[i + 1]->len;
            (void) vstream_schema_rendition_read(text, &rendition);
        }
    }

    if (jpeg == NULL || jpeg->type != REDIS_REPLY_STRING || jpeg->len == 0
        || info.t_unix_us <= 0)
    {
        return NULL;
    }

    frame = ngx_http_vstream_frame_create(&info, (u_char *) jpeg->str,
                                          (size_t) jpeg->len, ngx_cycle->log);
    if (frame) {
        frame->rendition = rendition;
    }

    return frame;
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


ngx_int_t
ngx_http_vstream_redis_survey(ngx_http_vstream_surveyed_pt handler)
{
    u_char    key[VSTREAM_KEY_MAX];
    ngx_str_t argv[2];

    ngx_str_set(&argv[0], "HGETALL");
    argv[1] = ngx_http_vstream_redis_key(key, VSTREAM_KEY_CAMERAS, NULL);

    if (ngx_http_vstream_redis_call(ngx_http_vstream_survey_cameras, NULL, 2,
                                    argv)
        == NULL)
    {
        return NGX_DECLINED;
    }

    ngx_http_vstream_surveyed = handler;

    return NGX_OK;
}


static ngx_int_t
ngx_http_vstream_survey_copy(ngx_pool_t *pool, ngx_str_t *to, const char *data,
                             size_t length)
{
    to->data = ngx_pnalloc(pool, length + 1);
    if (to->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(to->data, data, length);
    to->len = length;

    return NGX_OK;
}


/*
 * Name, origin and renditions out of the declaration; nothing where it is not
 * JSON.
 */
static ngx_int_t
ngx_http_vstream_survey_declared(ngx_pool_t *pool, ngx_http_vstream_row_t *row,
                                 redisReply *json)
{
    json_t   *object, *value;
    ngx_int_t rc;

    rc = NGX_OK;
    object = json_loadb(json->str, (size_t) json->len, 0, NULL);

    value = json_object_get(object, "name");
    if (json_is_string(value)) {
        rc |= ngx_http_vstream_survey_copy(pool, &row->name,
                                           json_string_value(value),
                                           json_string_length(value));
    }

    value = json_object_get(object, "origin");
    if (json_is_string(value)) {
        rc |= ngx_http_vstream_survey_copy(pool, &row->origin,
                                           json_string_value(value),
                                           json_string_length(value));
    }

    row->has_small = ngx_http_vstream_declares(object, VSTREAM_RENDITION_SMALL);

    json_decref(object);

    return rc;
}


static int ngx_libc_cdecl
ngx_http_vstream_survey_compare(const void *one, const void *two)
{
    const ngx_http_vstream_row_t *first = one, *second = two;

    return (int) ngx_memn2cmp(first->id.data, second->id.data, first->id.len,
                              second->id.len);
}


/* Makes the rows of a survey out of the hash of cameras. */
static ngx_http_vstream_survey_t *
ngx_http_vstream_survey_create(redisReply *reply)
{
    size_t                     i;
    ngx_pool_t                *pool;
    redisReply                *id;
    vstream_slice_t            slice;
    ngx_http_vstream_row_t    *row;
    ngx_http_vstream_survey_t *survey;

    pool = ngx_create_pool(4096, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    survey = ngx_pcalloc(pool, sizeof(ngx_http_vstream_survey_t));
    if (survey == NULL) {
        goto failed;
    }

    survey->pool = pool;
    survey->taken = ngx_current_msec;
    survey->rows = ngx_pcalloc(pool, (reply->elements / 2 + 1)
                                         * sizeof(ngx_http_vstream_row_t));
    if (survey->rows == NULL) {
        goto failed;
    }

    for (i = 0; i + 1 < reply->elements; i += 2) {
        id = reply->element[i];
        slice.data = id->str;
        slice.length = (size_t) id->len;

        if (id->type != REDIS_REPLY_STRING
            || reply->element[i + 1]->type != REDIS_REPLY_STRING
            || vstream_camera_id_check(slice) != VSTREAM_OK)
        {
            continue;
        }

        row = &survey->rows[survey->nrows++];
        row->values =
            ngx_pcalloc(pool, NGX_HTTP_VSTREAM_FIELDS * sizeof(ngx_str_t));

        if (row->values == NULL
            || ngx_http_vstream_survey_copy(pool, &row->id, id->str,
                                            (size_t) id->len)
                   != NGX_OK
            || ngx_http_vstream_survey_declared(pool, row,
                                                reply->element[i + 1])
                   != NGX_OK)
        {
            goto failed;
        }
    }

    ngx_qsort(survey->rows, survey->nrows, sizeof(ngx_http_vstream_row_t),
              ngx_http_vstream_survey_compare);

    return survey;

failed:

    ngx_destroy_pool(pool);

    return NULL;
}


static void
ngx_http_vstream_survey_cameras(void *data, redisReply *reply)
{
    u_char                           key[VSTREAM_KEY_MAX];
    ngx_str_t                        argv[2];
    ngx_uint_t                       i;
    ngx_http_vstream_survey_t       *survey;
    ngx_http_vstream_status_query_t *query;

    (void) data;

    survey = reply && reply->type == REDIS_REPLY_ARRAY
                 ? ngx_http_vstream_survey_create(reply)
                 : NULL;

    if (survey == NULL) {
        ngx_http_vstream_surveyed(NULL);
        return;
    }

    ngx_str_set(&argv[0], "HGETALL");

    for (i = 0; i < survey->nrows; i++) {
        query =
            ngx_palloc(survey->pool, sizeof(ngx_http_vstream_status_query_t));
        if (query == NULL) {
            survey->failed = 1;
            break;
        }

        query->survey = survey;
        query->row = &survey->rows[i];
        argv[1] = ngx_http_vstream_redis_key(key, VSTREAM_KEY_STATUS,
                                             &survey->rows[i].id);

        if (ngx_http_vstream_redis_call(ngx_http_vstream_survey_status, query,
                                        2, argv)
            == NULL)
        {
            survey->failed = 1;
            break;
        }

        survey->pending++;
    }

    if (survey->pending == 0) {
        ngx_http_vstream_survey_finish(survey);
    }
}


/* A survey with holes would say of cameras that they are away. */
static void
ngx_http_vstream_survey_finish(ngx_http_vstream_survey_t *survey)
{
    if (survey->failed) {
        ngx_destroy_pool(survey->pool);
        survey = NULL;
    }

    ngx_http_vstream_surveyed(survey);
}


static void
ngx_http_vstream_survey_field(ngx_pool_t *pool, ngx_http_vstream_row_t *row,
                              redisReply *name, redisReply *value)
{
    ngx_uint_t                      i;
    const ngx_http_vstream_field_t *field;

    if (name->type != REDIS_REPLY_STRING || value->type != REDIS_REPLY_STRING) {
        return;
    }

    for (i = 0; i < NGX_HTTP_VSTREAM_FIELDS; i++) {
        field = &ngx_http_vstream_status_fields[i];

        if (field->name.len == (size_t) name->len
            && ngx_memcmp(field->name.data, name->str, field->name.len) == 0)
        {
            (void) ngx_http_vstream_survey_copy(
                pool, &row->values[i], value->str, (size_t) value->len);
            return;
        }
    }
}


/* An error that says nothing of the key: Redis loads, or runs a script. */
static ngx_uint_t
ngx_http_vstream_reply_is_busy(redisReply *reply)
{
    return reply->type == REDIS_REPLY_ERROR
           && ngx_strncmp(reply->str, "WRONGTYPE", 9) != 0;
}


static void
ngx_http_vstream_survey_status(void *data, redisReply *reply)
{
    size_t                           i;
    ngx_http_vstream_survey_t       *survey;
    ngx_http_vstream_status_query_t *query;

    query = data;
    survey = query->survey;

    if (reply == NULL || ngx_http_vstream_reply_is_busy(reply)) {
        survey->failed = 1;

    } else if (reply->type == REDIS_REPLY_ARRAY) {
        for (i = 0; i + 1 < reply->elements; i += 2) {
            ngx_http_vstream_survey_field(survey->pool, query->row,
                                          reply->element[i],
                                          reply->element[i + 1]);
        }
    }

    if (--survey->pending == 0) {
        ngx_http_vstream_survey_finish(survey);
    }
}
