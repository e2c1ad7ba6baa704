/*
 * Surveys: see ngx_http_vstream_store_survey.h.
 */

#include "ngx_http_vstream_redis.h"


#define NGX_HTTP_VSTREAM_SURVEY_AGE 250 /* ms; an older one is taken anew */


static void ngx_http_vstream_survey_taken(ngx_http_vstream_survey_t *survey);


static ngx_http_vstream_survey_t *ngx_http_vstream_survey_newest;
static ngx_queue_t                ngx_http_vstream_survey_waits;
static ngx_uint_t                 ngx_http_vstream_survey_under_way;


void
ngx_http_vstream_store_survey_init(void)
{
    ngx_queue_init(&ngx_http_vstream_survey_waits);
}


/* However many wait, one is under way. */
static ngx_int_t
ngx_http_vstream_survey_begin(void)
{
    if (ngx_http_vstream_survey_under_way) {
        return NGX_OK;
    }

    if (!ngx_http_vstream_redis_is_there()
        || ngx_http_vstream_redis_survey(ngx_http_vstream_survey_taken)
               != NGX_OK)
    {
        return NGX_DECLINED;
    }

    ngx_http_vstream_survey_under_way = 1;

    return NGX_OK;
}


void
ngx_http_vstream_store_survey_ready(void)
{
    if (!ngx_queue_empty(&ngx_http_vstream_survey_waits)) {
        (void) ngx_http_vstream_survey_begin();
    }
}


ngx_int_t
ngx_http_vstream_store_survey(ngx_http_vstream_survey_wait_t *wait,
                              ngx_http_vstream_survey_t     **survey)
{
    ngx_http_vstream_survey_t *last;

    last = ngx_http_vstream_survey_newest;
    *survey = last;

    if (last
        && (ngx_current_msec - last->taken < NGX_HTTP_VSTREAM_SURVEY_AGE
            || !ngx_http_vstream_redis_is_there()))
    {
        return NGX_OK;
    }

    if (ngx_http_vstream_survey_begin() != NGX_OK
        && !ngx_http_vstream_redis_is_coming())
    {
        return last ? NGX_OK : NGX_DECLINED;
    }

    wait->waiting = 1;
    ngx_queue_insert_tail(&ngx_http_vstream_survey_waits, &wait->queue);

    return NGX_AGAIN;
}


ngx_http_vstream_survey_t *
ngx_http_vstream_store_survey_last(void)
{
    return ngx_http_vstream_survey_newest;
}


void
ngx_http_vstream_store_survey_cancel(ngx_http_vstream_survey_wait_t *wait)
{
    if (wait->waiting) {
        wait->waiting = 0;
        ngx_queue_remove(&wait->queue);
    }
}


static void
ngx_http_vstream_survey_taken(ngx_http_vstream_survey_t *survey)
{
    ngx_queue_t                    *q;
    ngx_http_vstream_survey_wait_t *wait;

    ngx_http_vstream_survey_under_way = 0;

    if (survey) {
        if (ngx_http_vstream_survey_newest) {
            ngx_destroy_pool(ngx_http_vstream_survey_newest->pool);
        }

        ngx_http_vstream_survey_newest = survey;
    }

    while (!ngx_queue_empty(&ngx_http_vstream_survey_waits)) {
        q = ngx_queue_head(&ngx_http_vstream_survey_waits);
        ngx_queue_remove(q);

        wait = ngx_queue_data(q, ngx_http_vstream_survey_wait_t, queue);
        wait->waiting = 0;
        wait->handler(wait, ngx_http_vstream_survey_newest);
    }
}
