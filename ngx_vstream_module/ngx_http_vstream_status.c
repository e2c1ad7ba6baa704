/*
 * vstream_status: the state of one camera, or of all, as JSON.
 */

#include "ngx_http_vstream_reply.h"
#include "ngx_http_vstream_store.h"
#include "ngx_http_vstream_store_survey.h"


#define NGX_HTTP_VSTREAM_STALE_MS 3000


typedef struct {
    ngx_http_vstream_survey_wait_t wait;
    ngx_http_request_t            *request;
    ngx_str_t                      camera; /* empty: all of them */
    ngx_event_t                    timer;
} ngx_http_vstream_status_t;


static void ngx_http_vstream_status_survey_handler(
    ngx_http_vstream_survey_wait_t *wait, ngx_http_vstream_survey_t *survey);
static void ngx_http_vstream_status_timer_handler(ngx_event_t *ev);
static void ngx_http_vstream_status_cleanup(void *data);


/* Digits, with at most one point between them? */
static ngx_uint_t
ngx_http_vstream_status_is_number(ngx_str_t *value)
{
    size_t     i;
    ngx_uint_t points;

    points = 0;

    for (i = 0; i < value->len; i++) {
        if (value->data[i] == '.' && i > 0 && i + 1 < value->len) {
            points++;

        } else if (value->data[i] < '0' || value->data[i] > '9') {
            return 0;
        }
    }

    return value->len > 0 && points <= 1
           && (value->data[0] != '0' || value->len == 1
               || value->data[1] == '.');
}


/* Milliseconds since the camera was heard last; -1: never. */
static int64_t
ngx_http_vstream_status_age(ngx_http_vstream_row_t *row)
{
    off_t      heard_us;
    int64_t    age_us;
    ngx_str_t *value;

    value = &row->values[NGX_HTTP_VSTREAM_FIELD_HEARD];
    heard_us = ngx_atoof(value->data, value->len);

    if (heard_us <= 0) {
        return -1;
    }

    age_us = ngx_http_vstream_now_us() - heard_us;

    return age_us > 0 ? age_us / 1000 : 0;
}


/* Nothing for 3 s and for 5 of the camera's own intervals. */
static ngx_uint_t
ngx_http_vstream_status_is_stale(ngx_http_vstream_row_t *row, int64_t age_ms)
{
    ngx_int_t  fps_milli;
    ngx_str_t *value;

    if (age_ms < 0 || !ngx_http_vstream_store_is_there()) {
        return 1;
    }

    value = &row->values[NGX_HTTP_VSTREAM_FIELD_FPS];
    fps_milli = ngx_atofp(value->data, value->len, 3);

    return age_ms > NGX_HTTP_VSTREAM_STALE_MS
           && (fps_milli <= 0 || age_ms > 5 * 1000000 / fps_milli);
}


static void
ngx_http_vstream_status_text(vstream_writer_t *w, const char *name,
                             ngx_str_t *value)
{
    vstream_writer_text(w, ",\"");
    vstream_writer_text(w, name);
    vstream_writer_text(w, "\":");
    vstream_writer_json_string(w, ngx_http_vstream_slice(value));
}


/* Of a camera that no replica writes a status for. */
static void
ngx_http_vstream_status_away(vstream_writer_t *w)
{
    ngx_str_t state = ngx_string(VSTREAM_STATE_AWAY);
    ngx_str_t reason = ngx_string(VSTREAM_REASON_NO_REPLICA);
    ngx_str_t detail = ngx_string("no vstream-ingest holds this camera; is "
                                  "one running, and has it room for it?");

    ngx_http_vstream_status_text(w, VSTREAM_STATUS_STATE, &state);
    ngx_http_vstream_status_text(w, VSTREAM_STATUS_REASON, &reason);
    ngx_http_vstream_status_text(w, VSTREAM_STATUS_DETAIL, &detail);
}


static void
ngx_http_vstream_status_fields_write(vstream_writer_t       *w,
                                     ngx_http_vstream_row_t *row)
{
    ngx_str_t                      *value;
    ngx_uint_t                      i;
    const ngx_http_vstream_field_t *field;

    for (i = 0; i < NGX_HTTP_VSTREAM_FIELDS; i++) {
        field = &ngx_http_vstream_status_fields[i];
        value = &row->values[i];

        if (field->type == NGX_HTTP_VSTREAM_FIELD_TEXT) {
            ngx_http_vstream_status_text(w, (char *) field->name.data, value);
            continue;
        }

        vstream_writer_text(w, ",\"");
        vstream_writer_text(w, (char *) field->name.data);
        vstream_writer_text(w, "\":");

        if (ngx_http_vstream_status_is_number(value)) {
            vstream_writer_slice_append(w, ngx_http_vstream_slice(value));

        } else {
            vstream_writer_text(w, "null");
        }
    }
}


static void
ngx_http_vstream_status_renditions_write(vstream_writer_t       *w,
                                         ngx_http_vstream_row_t *row)
{
    vstream_writer_text(w, ",\"renditions\":[\"");
    vstream_writer_text(w,
                        vstream_schema_rendition_text(VSTREAM_RENDITION_MAIN));

    if (row->has_small) {
        vstream_writer_text(w, "\",\"");
        vstream_writer_text(
            w, vstream_schema_rendition_text(VSTREAM_RENDITION_SMALL));
    }

    vstream_writer_text(w, "\"]");
}


/* Another origin's camera has the id of a line of this file. */
static ngx_uint_t
ngx_http_vstream_status_is_claimed(ngx_http_vstream_main_conf_t *vmcf,
                                   ngx_http_vstream_row_t       *row)
{
    if (row->origin.len == vmcf->origin.len
        && ngx_memcmp(row->origin.data, vmcf->origin.data, vmcf->origin.len)
               == 0)
    {
        return 0;
    }

    return ngx_http_vstream_origin_find(vmcf, &row->id) != NULL;
}


static void
ngx_http_vstream_status_row_write(vstream_writer_t             *w,
                                  ngx_http_vstream_main_conf_t *vmcf,
                                  ngx_http_vstream_row_t       *row)
{
    int64_t    age_ms;
    ngx_uint_t counter;

    vstream_writer_text(w, "{\"id\":");
    vstream_writer_json_string(w, ngx_http_vstream_slice(&row->id));
    ngx_http_vstream_status_text(w, "name",
                                 row->name.len ? &row->name : &row->id);
    ngx_http_vstream_status_text(w, "origin", &row->origin);

    if (ngx_http_vstream_status_is_claimed(vmcf, row)) {
        ngx_http_vstream_status_text(w, VSTREAM_REASON_CLAIMED_TWICE,
                                     &vmcf->origin);
    }

    ngx_http_vstream_status_renditions_write(w, row);

    if (row->values[NGX_HTTP_VSTREAM_FIELD_STATE].len) {
        ngx_http_vstream_status_fields_write(w, row);

    } else {
        ngx_http_vstream_status_away(w);
    }

    age_ms = ngx_http_vstream_status_age(row);

    vstream_writer_text(w, ",\"age_ms\":");

    if (age_ms < 0) {
        vstream_writer_text(w, "null");

    } else {
        vstream_writer_int(w, age_ms);
    }

    vstream_writer_text(w, ngx_http_vstream_status_is_stale(row, age_ms)
                               ? ",\"stale\":true"
                               : ",\"stale\":false");
    counter = ngx_http_vstream_counters_find(&row->id);

    vstream_writer_text(w, ",\"viewers\":");
    vstream_writer_uint(w, counter < NGX_HTTP_VSTREAM_COUNTED_CAMERAS
                               ? ngx_http_vstream_counters_viewers(counter)
                               : 0);
    vstream_writer_text(w, "}");
}


static ngx_http_vstream_row_t *
ngx_http_vstream_status_find(ngx_http_vstream_survey_t *survey, ngx_str_t *id)
{
    ngx_uint_t i;

    for (i = 0; i < survey->nrows; i++) {
        if (survey->rows[i].id.len == id->len
            && ngx_memcmp(survey->rows[i].id.data, id->data, id->len) == 0)
        {
            return &survey->rows[i];
        }
    }

    return NULL;
}


static void
ngx_http_vstream_status_write(vstream_writer_t             *w,
                              ngx_http_vstream_main_conf_t *vmcf,
                              ngx_http_vstream_survey_t    *survey,
                              ngx_http_vstream_row_t       *row)
{
    ngx_uint_t i;

    if (row) {
        ngx_http_vstream_status_row_write(w, vmcf, row);
        vstream_writer_text(w, "\n");
        return;
    }

    vstream_writer_text(w, "{\"cameras\":[");

    for (i = 0; i < survey->nrows; i++) {
        vstream_writer_text(w, i ? ",\n" : "\n");
        ngx_http_vstream_status_row_write(w, vmcf, &survey->rows[i]);
    }

    vstream_writer_text(w, "]}\n");
}


/* The text of one row, or of all where `row` is NULL. */
static ngx_int_t
ngx_http_vstream_status_render(ngx_pool_t                   *pool,
                               ngx_http_vstream_main_conf_t *vmcf,
                               ngx_http_vstream_survey_t    *survey,
                               ngx_http_vstream_row_t *row, ngx_str_t *text)
{
    size_t           size;
    vstream_writer_t w;

    vstream_writer_init(&w, NULL, 0);
    ngx_http_vstream_status_write(&w, vmcf, survey, row);

    /* Ages and viewers may have grown by a digit until the second writing. */

    size = w.length + 64 * (survey->nrows + 1);
    text->data = ngx_pnalloc(pool, size);
    if (text->data == NULL) {
        return NGX_ERROR;
    }

    vstream_writer_init(&w, (char *) text->data, size);
    ngx_http_vstream_status_write(&w, vmcf, survey, row);
    text->len = w.length;

    return vstream_writer_status(&w) == VSTREAM_OK ? NGX_OK : NGX_ERROR;
}


/*
 * The text of all rows is written once per survey, however many ask for it:
 * with a thousand cameras it costs milliseconds.  While storage is away the
 * survey stays, and its text would not show how old it grows.
 */
static ngx_int_t
ngx_http_vstream_status_text_all(ngx_http_request_t           *r,
                                 ngx_http_vstream_main_conf_t *vmcf,
                                 ngx_http_vstream_survey_t    *survey,
                                 ngx_str_t                    *text)
{
    if (!ngx_http_vstream_store_is_there()) {
        return ngx_http_vstream_status_render(r->pool, vmcf, survey, NULL,
                                              text);
    }

    if (survey->text.len == 0
        && ngx_http_vstream_status_render(survey->pool, vmcf, survey, NULL,
                                          &survey->text)
               != NGX_OK)
    {
        return NGX_ERROR;
    }

    text->data = ngx_pstrdup(r->pool, &survey->text);
    text->len = survey->text.len;

    return text->data ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_vstream_status_reply(ngx_http_vstream_status_t *status,
                              ngx_http_vstream_survey_t *survey)
{
    ngx_int_t                     rc;
    ngx_str_t                     text;
    ngx_http_request_t           *r;
    ngx_http_vstream_row_t       *row;
    ngx_http_vstream_main_conf_t *vmcf;

    r = status->request;
    vmcf = ngx_http_get_module_main_conf(r, ngx_vstream_module);

    if (survey == NULL) {
        return ngx_http_vstream_problem(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                        "Redis does not answer.");
    }

    if (status->camera.len == 0) {
        rc = ngx_http_vstream_status_text_all(r, vmcf, survey, &text);

    } else {
        row = ngx_http_vstream_status_find(survey, &status->camera);

        if (row == NULL) {
            return ngx_http_vstream_problem(r, NGX_HTTP_NOT_FOUND,
                                            "There is no such camera.");
        }

        rc = ngx_http_vstream_status_render(r->pool, vmcf, survey, row, &text);
    }

    if (rc != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_vstream_reply(r, NGX_HTTP_OK, "application/json", text.data,
                                  text.len);
}


static void
ngx_http_vstream_status_finish(ngx_http_vstream_status_t *status,
                               ngx_http_vstream_survey_t *survey)
{
    ngx_connection_t   *c;
    ngx_http_request_t *r;

    r = status->request;
    c = r->connection;

    ngx_http_vstream_status_cleanup(status);
    ngx_http_finalize_request(r, ngx_http_vstream_status_reply(status, survey));
    ngx_http_run_posted_requests(c);
}


static void
ngx_http_vstream_status_survey_handler(ngx_http_vstream_survey_wait_t *wait,
                                       ngx_http_vstream_survey_t      *survey)
{
    ngx_http_vstream_status_finish((ngx_http_vstream_status_t *) wait, survey);
}


static void
ngx_http_vstream_status_timer_handler(ngx_event_t *ev)
{
    /* No answer in time: an old survey says so by its ages. */

    ngx_http_vstream_status_finish(ev->data,
                                   ngx_http_vstream_store_survey_last());
}


static void
ngx_http_vstream_status_cleanup(void *data)
{
    ngx_http_vstream_status_t *status;

    status = data;

    if (status->timer.timer_set) {
        ngx_del_timer(&status->timer);
    }

    ngx_http_vstream_store_survey_cancel(&status->wait);
}


ngx_int_t
ngx_http_vstream_status_handler(ngx_http_request_t *r)
{
    ngx_int_t                    rc;
    ngx_http_cleanup_t          *cleanup;
    ngx_http_vstream_survey_t   *survey;
    ngx_http_vstream_status_t   *status;
    ngx_http_vstream_loc_conf_t *conf;

    status = ngx_pcalloc(r->pool, sizeof(ngx_http_vstream_status_t));
    cleanup = ngx_http_cleanup_add(r, 0);

    if (status == NULL || cleanup == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    conf = ngx_http_get_module_loc_conf(r, ngx_vstream_module);

    if (conf->camera) {
        rc = ngx_http_vstream_request_camera(r, &status->camera);
        if (rc != NGX_OK) {
            return ngx_http_vstream_refuse_camera(r, rc);
        }
    }

    status->request = r;
    status->wait.handler = ngx_http_vstream_status_survey_handler;
    status->timer.handler = ngx_http_vstream_status_timer_handler;
    status->timer.data = status;
    status->timer.log = r->connection->log;
    cleanup->handler = ngx_http_vstream_status_cleanup;
    cleanup->data = status;

    rc = ngx_http_vstream_store_survey(&status->wait, &survey);

    if (rc != NGX_AGAIN) {
        return ngx_http_vstream_status_reply(status, survey);
    }

    r->main->count++;
    ngx_http_vstream_await_close(r);
    ngx_add_timer(&status->timer, NGX_HTTP_VSTREAM_STORE_TIMEOUT);

    return NGX_DONE;
}
