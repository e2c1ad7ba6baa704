/*
 * The state of all cameras: see ngx_http_vstream_redis.h.  One HGETALL of the
 * declarations, then one of each camera's status, all in one go.
 */

#include "ngx_http_vstream_redis.h"
#include "ngx_http_vstream_redis_declaration.h"


/* A HGETALL of one camera's status under way. */
typedef struct {
    ngx_http_vstream_survey_t *survey;
    ngx_http_vstream_row_t    *row;
} ngx_http_vstream_status_query_t;


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
ngx_http_vstream_survey_copy(ngx_pool_t *pool, ngx_str_t *to, ngx_str_t *from)
{
    to->data = ngx_pstrdup(pool, from);
    if (to->data == NULL) {
        return NGX_ERROR;
    }

    to->len = from->len;

    return NGX_OK;
}


static int ngx_libc_cdecl
ngx_http_vstream_survey_compare(const void *one, const void *two)
{
    const ngx_http_vstream_row_t *first = one, *second = two;

    return (int) ngx_memn2cmp(first->id.data, second->id.data, first->id.len,
                              second->id.len);
}


static ngx_str_t
ngx_http_vstream_survey_text(redisReply *reply)
{
    ngx_str_t text;

    text.data = (u_char *) reply->str;
    text.len = (size_t) reply->len;

    return text;
}


/* A field of the hash of cameras; one that no camera can have is left out. */
static ngx_int_t
ngx_http_vstream_survey_add(ngx_http_vstream_survey_t *survey, redisReply *id,
                            redisReply *reply)
{
    ngx_str_t                      text;
    ngx_http_vstream_row_t        *row;
    ngx_http_vstream_declaration_t declaration;

    text = ngx_http_vstream_survey_text(id);

    if (reply->type != REDIS_REPLY_STRING
        || vstream_camera_id_check(ngx_http_vstream_slice(&text)) != VSTREAM_OK)
    {
        return NGX_OK;
    }

    row = &survey->rows[survey->nrows++];
    row->values =
        ngx_pcalloc(survey->pool, NGX_HTTP_VSTREAM_FIELDS * sizeof(ngx_str_t));

    if (row->values == NULL
        || ngx_http_vstream_survey_copy(survey->pool, &row->id, &text)
               != NGX_OK)
    {
        return NGX_ERROR;
    }

    declaration = ngx_http_vstream_declaration_read(reply);
    row->has_small = declaration.substream.length > 0;

    if (ngx_http_vstream_declaration_text(survey->pool, declaration.name,
                                          &row->name)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_vstream_declaration_text(survey->pool, declaration.origin,
                                             &row->origin);
}


static ngx_int_t
ngx_http_vstream_survey_fill(ngx_http_vstream_survey_t *survey,
                             redisReply                *reply)
{
    size_t i;

    survey->taken = ngx_current_msec;
    survey->rows =
        ngx_pcalloc(survey->pool,
                    (reply->elements / 2 + 1) * sizeof(ngx_http_vstream_row_t));
    if (survey->rows == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i + 1 < reply->elements; i += 2) {
        if (ngx_http_vstream_survey_add(survey, reply->element[i],
                                        reply->element[i + 1])
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    ngx_qsort(survey->rows, survey->nrows, sizeof(ngx_http_vstream_row_t),
              ngx_http_vstream_survey_compare);

    return NGX_OK;
}


/* Makes the rows of a survey out of the hash of cameras. */
static ngx_http_vstream_survey_t *
ngx_http_vstream_survey_create(redisReply *reply)
{
    ngx_pool_t                *pool;
    ngx_http_vstream_survey_t *survey;

    pool = ngx_create_pool(4096, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    survey = ngx_pcalloc(pool, sizeof(ngx_http_vstream_survey_t));

    if (survey) {
        survey->pool = pool;

        if (ngx_http_vstream_survey_fill(survey, reply) == NGX_OK) {
            return survey;
        }
    }

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


/* Fields of a later version are passed over. */
static ngx_int_t
ngx_http_vstream_survey_field(ngx_pool_t *pool, ngx_http_vstream_row_t *row,
                              redisReply *name, redisReply *value)
{
    ngx_str_t  text, field;
    ngx_uint_t i;

    if (name->type != REDIS_REPLY_STRING || value->type != REDIS_REPLY_STRING) {
        return NGX_OK;
    }

    field = ngx_http_vstream_survey_text(name);
    text = ngx_http_vstream_survey_text(value);

    for (i = 0; i < NGX_HTTP_VSTREAM_FIELDS; i++) {
        if (ngx_http_vstream_status_fields[i].name.len == field.len
            && ngx_memcmp(ngx_http_vstream_status_fields[i].name.data,
                          field.data, field.len)
                   == 0)
        {
            return ngx_http_vstream_survey_copy(pool, &row->values[i], &text);
        }
    }

    return NGX_OK;
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
            if (ngx_http_vstream_survey_field(survey->pool, query->row,
                                              reply->element[i],
                                              reply->element[i + 1])
                != NGX_OK)
            {
                survey->failed = 1;
            }
        }
    }

    if (--survey->pending == 0) {
        ngx_http_vstream_survey_finish(survey);
    }
}
