/*
 * Lanes: see ngx_http_vstream_lane.h.
 */

#include "ngx_http_vstream_lane.h"


#define NGX_HTTP_VSTREAM_UNKNOWN_LOOK  5000
#define NGX_HTTP_VSTREAM_RATE_SLACK_US 8000


ngx_int_t
ngx_http_vstream_lane_open(ngx_http_vstream_lane_t *lane,
                           vstream_rendition_t      rendition)
{
    ngx_int_t rc;

    lane->rendition = rendition;
    rc = ngx_http_vstream_store_watch(&lane->watch, &lane->id, rendition,
                                      !lane->viewer->request->header_only);
    lane->opened = rc != NGX_AGAIN;

    return rc;
}


void
ngx_http_vstream_lane_close(ngx_http_vstream_lane_t *lane)
{
    if (lane->counted) {
        lane->counted = 0;
        ngx_http_vstream_counted->cameras[lane->counter].viewers--;
    }

    ngx_http_vstream_store_unwatch(&lane->watch);
}


ngx_int_t
ngx_http_vstream_lane_count(ngx_http_vstream_lane_t *lane)
{
    uint64_t viewers;

    lane->counter = lane->watch.camera->counter;

    /* A camera beyond the table is bounded in this worker alone. */

    viewers = lane->counter < NGX_HTTP_VSTREAM_COUNTED_CAMERAS
                  ? ngx_http_vstream_counters_viewers(lane->counter)
                  : lane->watch.camera->live - lane->watch.live;

    if (viewers >= lane->viewer->conf->max_viewers) {
        return NGX_BUSY;
    }

    lane->counted = 1;
    ngx_http_vstream_counted->cameras[lane->counter].viewers++;

    return NGX_OK;
}


void
ngx_http_vstream_lane_known(ngx_http_vstream_lane_t *lane)
{
    lane->unknown = 0;

    if (lane->viewer->state == NGX_HTTP_VSTREAM_STREAMING && !lane->counted
        && ngx_http_vstream_lane_count(lane) != NGX_OK)
    {
        ngx_http_vstream_lane_close(lane);
    }
}


/*
 * Where this is the answer to a second try of a viewer that streams already,
 * Redis may have come back empty a moment ago: it is believed when it says so
 * again.
 */
void
ngx_http_vstream_lane_unknown(ngx_http_vstream_lane_t *lane, ngx_uint_t first)
{
    ngx_uint_t                 i, unknown, believed;
    ngx_http_vstream_viewer_t *viewer;

    viewer = lane->viewer;
    believed =
        !first || lane->unknown || viewer->state != NGX_HTTP_VSTREAM_STREAMING;
    lane->unknown = 1;
    lane->unknown_since = ngx_current_msec;
    ngx_http_vstream_lane_close(lane);

    unknown = 0;

    for (i = 0; i < viewer->nlanes; i++) {
        unknown += viewer->lanes[i].unknown;
    }

    if (believed && unknown == viewer->nlanes) {
        viewer->draining = 1;
        viewer->drain_at = ngx_current_msec;
        viewer->reason = NGX_HTTP_VSTREAM_CLOSED_GONE;
    }
}


ngx_int_t
ngx_http_vstream_lane_lacked(ngx_http_vstream_lane_t *lane, ngx_uint_t first)
{
    ngx_int_t rc;

    if (lane->viewer->lack == NGX_HTTP_VSTREAM_LACK_REFUSED) {
        lane->lacked = 1;
        ngx_http_vstream_lane_unknown(lane, first);
        return NGX_DECLINED;
    }

    ngx_http_vstream_lane_close(lane);
    rc = ngx_http_vstream_lane_open(lane, VSTREAM_RENDITION_MAIN);

    if (rc == NGX_OK) {
        ngx_http_vstream_lane_known(lane);
    }

    return rc == NGX_OK || rc == NGX_AGAIN ? rc : NGX_DECLINED;
}


/* Is a new part due for this lane, or does fps= pass it over? */
static ngx_uint_t
ngx_http_vstream_lane_is_due(ngx_http_vstream_lane_t *lane)
{
    int64_t now_us, interval_us;

    interval_us = lane->viewer->interval_us;

    if (interval_us == 0) {
        return 1;
    }

    now_us = ngx_http_vstream_now_us();

    if (now_us + NGX_HTTP_VSTREAM_RATE_SLACK_US < lane->due_us
        && lane->due_us - now_us <= interval_us)
    {
        return 0;
    }

    lane->due_us += interval_us;

    if (lane->due_us < now_us || lane->due_us - now_us > interval_us) {
        lane->due_us = now_us + interval_us;
    }

    return 1;
}


ngx_int_t
ngx_http_vstream_lane_take(ngx_http_vstream_lane_t *lane)
{
    ngx_http_vstream_camera_t          *camera;
    ngx_http_vstream_camera_counters_t *counters;

    camera = lane->watch.camera;
    counters = &ngx_http_vstream_counted->cameras[camera->counter];

    if (!ngx_http_vstream_lane_is_due(lane)) {
        lane->stamp = camera->part->stamp;
        counters->skipped[NGX_HTTP_VSTREAM_SKIPPED_RATE]++;
        return NGX_DECLINED;
    }

    if (lane->viewer->busy) {
        counters->skipped[NGX_HTTP_VSTREAM_SKIPPED_SLOW]++;
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/* A camera that was unknown may have been declared since. */
ngx_uint_t
ngx_http_vstream_lane_is_closed(ngx_http_vstream_lane_t *lane)
{
    return lane->watch.camera == NULL
           && (!lane->unknown
               || ngx_current_msec - lane->unknown_since
                      >= NGX_HTTP_VSTREAM_UNKNOWN_LOOK);
}
