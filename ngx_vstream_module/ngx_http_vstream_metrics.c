/*
 * vstream_metrics: counters of all nginx workers in Prometheus's text format
 * (exposition format 0.0.4).
 */

#include "ngx_http_vstream_counters.h"
#include "ngx_http_vstream_reply.h"


#ifndef VSTREAM_VERSION
#define VSTREAM_VERSION "unknown"
#endif


/* Names in the order of the enums. */
static const char *ngx_http_vstream_skipped_names[] = { "slow", "rate", "large",
                                                        "stale_owner",
                                                        "overtaken" };

static const char *ngx_http_vstream_closed_names[] = { "left", "stalled",
                                                       "drained",
                                                       "camera_gone" };


static void
ngx_http_vstream_metrics_head(vstream_writer_t *w, const char *name,
                              const char *type, const char *help)
{
    vstream_writer_text(w, "# HELP ");
    vstream_writer_text(w, name);
    vstream_writer_text(w, " ");
    vstream_writer_text(w, help);
    vstream_writer_text(w, "\n# TYPE ");
    vstream_writer_text(w, name);
    vstream_writer_text(w, " ");
    vstream_writer_text(w, type);
    vstream_writer_text(w, "\n");
}


/* name{label="value"} number; a label or its pair may be NULL. */
static void
ngx_http_vstream_metrics_sample(vstream_writer_t *w, const char *name,
                                ngx_str_t *camera, const char *label,
                                const char *value, uint64_t number)
{
    vstream_writer_text(w, name);

    if (camera || label) {
        vstream_writer_text(w, "{");
    }

    if (camera) {
        vstream_writer_text(w, "camera=\"");
        vstream_writer_slice_append(w, ngx_http_vstream_slice(camera));
        vstream_writer_text(w, label ? "\"," : "\"");
    }

    if (label) {
        vstream_writer_text(w, label);
        vstream_writer_text(w, "=\"");
        vstream_writer_text(w, value);
        vstream_writer_text(w, "\"");
    }

    if (camera || label) {
        vstream_writer_text(w, "}");
    }

    vstream_writer_text(w, " ");
    vstream_writer_uint(w, number);
    vstream_writer_text(w, "\n");
}


/* One metric with a sample per camera; `offset` is of the counter. */
static void
ngx_http_vstream_metrics_per_camera(vstream_writer_t            *w,
                                    ngx_http_vstream_counters_t *sum,
                                    ngx_uint_t ncameras, const char *name,
                                    const char *type, const char *help,
                                    size_t offset)
{
    u_char    *counters;
    ngx_str_t  id;
    ngx_uint_t i;

    ngx_http_vstream_metrics_head(w, name, type, help);

    for (i = 0; i < ncameras; i++) {
        id = ngx_http_vstream_counters_camera_id(i);
        counters = (u_char *) &sum->cameras[i];
        ngx_http_vstream_metrics_sample(w, name, &id, NULL, NULL,
                                        *(uint64_t *) (counters + offset));
    }
}


static void
ngx_http_vstream_metrics_skipped(vstream_writer_t            *w,
                                 ngx_http_vstream_counters_t *sum,
                                 ngx_uint_t                   ncameras)
{
    ngx_str_t   id;
    ngx_uint_t  i, k;
    const char *name = "vstream_frames_skipped_total";

    ngx_http_vstream_metrics_head(w, name, "counter",
                                  "Frames that a viewer did not get, by "
                                  "reason.");

    for (i = 0; i < ncameras; i++) {
        id = ngx_http_vstream_counters_camera_id(i);

        for (k = 0; k < NGX_HTTP_VSTREAM_SKIPPED_REASONS; k++) {
            ngx_http_vstream_metrics_sample(w, name, &id, "reason",
                                            ngx_http_vstream_skipped_names[k],
                                            sum->cameras[i].skipped[k]);
        }
    }
}


static void
ngx_http_vstream_metrics_age(vstream_writer_t            *w,
                             ngx_http_vstream_counters_t *sum)
{
    uint64_t    count;
    ngx_uint_t  i;
    const char *name = "vstream_frame_age_seconds";

    ngx_http_vstream_metrics_head(w, name, "histogram",
                                  "Age of frames when the last byte was "
                                  "handed to a viewer's socket.");

    count = 0;

    for (i = 0; i <= NGX_HTTP_VSTREAM_AGE_BUCKETS; i++) {
        count += sum->age_buckets[i];

        vstream_writer_text(w, name);
        vstream_writer_text(w, "_bucket{le=\"");

        if (i < NGX_HTTP_VSTREAM_AGE_BUCKETS) {
            vstream_writer_decimal(w, (int64_t) ngx_http_vstream_age_bounds[i],
                                   3);

        } else {
            vstream_writer_text(w, "+Inf");
        }

        vstream_writer_text(w, "\"} ");
        vstream_writer_uint(w, count);
        vstream_writer_text(w, "\n");
    }

    vstream_writer_text(w, name);
    vstream_writer_text(w, "_sum ");
    vstream_writer_decimal(w, (int64_t) sum->age_sum_us, 6);
    vstream_writer_text(w, "\n");
    vstream_writer_text(w, name);
    vstream_writer_text(w, "_count ");
    vstream_writer_uint(w, count);
    vstream_writer_text(w, "\n");
}


static void
ngx_http_vstream_metrics_write(vstream_writer_t            *w,
                               ngx_http_vstream_counters_t *sum,
                               ngx_uint_t                   ncameras)
{
    ngx_uint_t i;

    ngx_http_vstream_metrics_head(w, "vstream_build_info", "gauge",
                                  "Version of the module.");
    ngx_http_vstream_metrics_sample(w, "vstream_build_info", NULL, "version",
                                    VSTREAM_VERSION, 1);

    ngx_http_vstream_metrics_per_camera(
        w, sum, ncameras, "vstream_viewers", "gauge",
        "Viewers now, in all nginx workers.",
        offsetof(ngx_http_vstream_camera_counters_t, viewers));
    ngx_http_vstream_metrics_per_camera(
        w, sum, ncameras, "vstream_frames_received_total", "counter",
        "Frames that came from Redis, once per nginx worker.",
        offsetof(ngx_http_vstream_camera_counters_t, frames_received));
    ngx_http_vstream_metrics_per_camera(
        w, sum, ncameras, "vstream_frames_sent_total", "counter",
        "Frames sent, once per viewer.",
        offsetof(ngx_http_vstream_camera_counters_t, frames_sent));
    ngx_http_vstream_metrics_per_camera(
        w, sum, ncameras, "vstream_bytes_sent_total", "counter",
        "Bytes of frames and their headers, before HTTP and TLS framing.",
        offsetof(ngx_http_vstream_camera_counters_t, bytes_sent));

    ngx_http_vstream_metrics_skipped(w, sum, ncameras);
    ngx_http_vstream_metrics_age(w, sum);

    ngx_http_vstream_metrics_head(w, "vstream_viewers_closed_total", "counter",
                                  "Viewers that left or were ended, by "
                                  "reason.");

    for (i = 0; i < NGX_HTTP_VSTREAM_CLOSED_REASONS; i++) {
        ngx_http_vstream_metrics_sample(
            w, "vstream_viewers_closed_total", NULL, "reason",
            ngx_http_vstream_closed_names[i], sum->closed[i]);
    }

    ngx_http_vstream_metrics_head(w, "vstream_redis_connections", "gauge",
                                  "Connections to Redis that work now.");
    ngx_http_vstream_metrics_sample(w, "vstream_redis_connections", NULL, NULL,
                                    NULL, sum->redis_connections);
    ngx_http_vstream_metrics_head(w, "vstream_redis_losses_total", "counter",
                                  "Connections to Redis that failed or were "
                                  "lost.");
    ngx_http_vstream_metrics_sample(w, "vstream_redis_losses_total", NULL, NULL,
                                    NULL, sum->redis_reconnects);
    ngx_http_vstream_metrics_head(w, "vstream_redis_errors_total", "counter",
                                  "Replies of Redis that were refusals or "
                                  "made no sense.");
    ngx_http_vstream_metrics_sample(w, "vstream_redis_errors_total", NULL, NULL,
                                    NULL, sum->redis_errors);
}


ngx_int_t
ngx_http_vstream_metrics_handler(ngx_http_request_t *r)
{
    u_char                      *data;
    ngx_uint_t                   ncameras;
    vstream_writer_t             w;
    ngx_http_vstream_counters_t *sum;

    sum = ngx_palloc(r->pool, sizeof(ngx_http_vstream_counters_t));
    if (sum == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ncameras = ngx_http_vstream_counters_sum(sum);

    vstream_writer_init(&w, NULL, 0);
    ngx_http_vstream_metrics_write(&w, sum, ncameras);

    data = ngx_pnalloc(r->pool, w.length);
    if (data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    vstream_writer_init(&w, (char *) data, w.length);
    ngx_http_vstream_metrics_write(&w, sum, ncameras);

    return ngx_http_vstream_reply(r, NGX_HTTP_OK, "text/plain; version=0.0.4",
                                  data, w.length);
}
