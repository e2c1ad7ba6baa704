/*
 * Viewers: see ngx_http_vstream_viewer.h.
 *
 * DESIGN.  A part's memory is lent to the connection.  It is given back
 * when its bufs are empty, and otherwise only when the request's pool is
 * destroyed: neither a return code nor the request's own cleanup handlers say
 * that an HTTP/2 stream holds no reference any more.
 *
 * The timer of a viewer is never without a date and not cancelable, so that a
 * draining worker stays as long as it has viewers.  While a part is in flight
 * its date is the part's deadline: a viewer that drips a byte now and then
 * keeps send_timeout happy, but not this.
 */

#include "ngx_http_vstream_output.h"
#include "ngx_http_vstream_reply.h"


#define NGX_HTTP_VSTREAM_FIRST_PICTURE 1500 /* ms that it may take */
#define NGX_HTTP_VSTREAM_IDLE_LOOK     10000
#define NGX_HTTP_VSTREAM_REOPEN        500
#define NGX_HTTP_VSTREAM_DRAIN_TICK    250
#define NGX_HTTP_VSTREAM_DRAIN_SPREAD  5000
#define NGX_HTTP_VSTREAM_UNSENT        131072 /* bytes, for a slow viewer */


static ngx_int_t ngx_http_vstream_viewer_open(
    ngx_http_vstream_viewer_t *viewer);
static void ngx_http_vstream_viewer_detach(ngx_http_vstream_viewer_t *viewer);
static ngx_uint_t ngx_http_vstream_viewer_has_closed(
    ngx_http_vstream_viewer_t *viewer);
static void ngx_http_vstream_viewer_watch_handler(
    ngx_http_vstream_watch_t *watch, ngx_http_vstream_event_t event);
static void ngx_http_vstream_viewer_proceed(ngx_http_vstream_viewer_t *viewer);
static ngx_int_t ngx_http_vstream_viewer_send(
    ngx_http_vstream_viewer_t *viewer);
static void ngx_http_vstream_viewer_write_handler(ngx_http_request_t *r);
static void ngx_http_vstream_viewer_timer_handler(ngx_event_t *ev);
static void ngx_http_vstream_viewer_cleanup(void *data);
static void ngx_http_vstream_viewer_release(void *data);
static void ngx_http_vstream_viewers_drain(ngx_event_t *ev);


static ngx_queue_t      ngx_http_vstream_viewers;
static ngx_event_t      ngx_http_vstream_drain_timer;
static ngx_connection_t ngx_http_vstream_drain_nobody; /* for debug logs */


ngx_int_t
ngx_http_vstream_viewers_init(ngx_cycle_t *cycle)
{
    ngx_queue_init(&ngx_http_vstream_viewers);

    ngx_http_vstream_drain_timer.handler = ngx_http_vstream_viewers_drain;
    ngx_http_vstream_drain_timer.log = cycle->log;
    ngx_http_vstream_drain_timer.data = &ngx_http_vstream_drain_nobody;
    ngx_http_vstream_drain_timer.cancelable = 1;
    ngx_http_vstream_drain_nobody.fd = (ngx_socket_t) -1;
    ngx_add_timer(&ngx_http_vstream_drain_timer, NGX_HTTP_VSTREAM_DRAIN_TICK);

    return NGX_OK;
}


/*
 * An <img> shows a part only when the header of the next one is there.  Where
 * a browser says what it fetches for, Accept counts no more.
 */
static ngx_uint_t
ngx_http_vstream_viewer_wants_advance(ngx_http_request_t *r)
{
    ngx_str_t        value;
    ngx_uint_t       i, accepts;
    ngx_list_part_t *part;
    ngx_table_elt_t *h;

    if (ngx_http_arg(r, (u_char *) "advance", 7, &value) == NGX_OK) {
        return value.len == 1 && value.data[0] == '1';
    }

    accepts = 0;
    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */; i++) {
        if (i >= part->nelts) {
            if (part->next == NULL) {
                return accepts;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].key.len == 14
            && ngx_strncasecmp(h[i].key.data, (u_char *) "Sec-Fetch-Dest", 14)
                   == 0)
        {
            return h[i].value.len == 5
                   && ngx_strncasecmp(h[i].value.data, (u_char *) "image", 5)
                          == 0;
        }

        if (h[i].key.len == 6
            && ngx_strncasecmp(h[i].key.data, (u_char *) "Accept", 6) == 0
            && h[i].value.len >= 6
            && ngx_strncasecmp(h[i].value.data, (u_char *) "image/", 6) == 0)
        {
            accepts = 1;
        }
    }
}


/* The lowest of the directive and the query wins; the camera's is ingest's. */
static ngx_int_t
ngx_http_vstream_viewer_rate(ngx_http_vstream_viewer_t *viewer)
{
    ngx_int_t  wanted;
    ngx_str_t  value;
    ngx_uint_t milli;

    milli = viewer->conf->max_fps_milli;

    if (ngx_http_arg(viewer->request, (u_char *) "fps", 3, &value) == NGX_OK) {
        wanted = ngx_http_vstream_fps_read(&value);

        if (wanted == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (milli == 0 || (ngx_uint_t) wanted < milli) {
            milli = (ngx_uint_t) wanted;
        }
    }

    viewer->interval_us = milli ? 1000000000 / (int64_t) milli : 0;

    return NGX_OK;
}


/* A viewer whose request has no say yet; NULL: no memory. */
static ngx_http_vstream_viewer_t *
ngx_http_vstream_viewer_create(ngx_http_request_t *r, ngx_str_t *ids,
                               ngx_uint_t nids)
{
    ngx_uint_t                 i;
    ngx_http_vstream_viewer_t *viewer;

    viewer = ngx_pcalloc(r->pool, sizeof(ngx_http_vstream_viewer_t)
                                      + nids * sizeof(ngx_http_vstream_lane_t));
    if (viewer == NULL) {
        return NULL;
    }

    viewer->request = r;
    viewer->connection = r->connection;
    viewer->conf = ngx_http_get_module_loc_conf(r, ngx_vstream_module);
    viewer->ctx = ngx_http_get_module_ctx(r, ngx_vstream_module);
    viewer->advance = ngx_http_vstream_viewer_wants_advance(r);
    viewer->timer.handler = ngx_http_vstream_viewer_timer_handler;
    viewer->timer.data = viewer;
    viewer->timer.log = r->connection->log;
    viewer->nlanes = nids;

    for (i = 0; i < nids; i++) {
        viewer->lanes[i].viewer = viewer;
        viewer->lanes[i].id = ids[i];
        viewer->lanes[i].watch.handler = ngx_http_vstream_viewer_watch_handler;
    }

    return viewer;
}


/* The request is the viewer's from now on. */
static ngx_int_t
ngx_http_vstream_viewer_attach(ngx_http_vstream_viewer_t *viewer)
{
    ngx_http_cleanup_t *cleanup;
    ngx_http_request_t *r;
    ngx_pool_cleanup_t *pool_cleanup;

    r = viewer->request;
    cleanup = ngx_http_cleanup_add(r, 0);
    pool_cleanup = ngx_pool_cleanup_add(r->pool, 0);

    if (cleanup == NULL || pool_cleanup == NULL) {
        return NGX_ERROR;
    }

    cleanup->handler = ngx_http_vstream_viewer_cleanup;
    cleanup->data = viewer;
    pool_cleanup->handler = ngx_http_vstream_viewer_release;
    pool_cleanup->data = viewer;

    ngx_queue_insert_tail(&ngx_http_vstream_viewers, &viewer->queue);
    viewer->ctx->viewer = viewer;
    ngx_http_vstream_await_close(r);
    r->write_event_handler = ngx_http_vstream_viewer_write_handler;

    return NGX_OK;
}


ngx_int_t
ngx_http_vstream_viewer_start(ngx_http_request_t *r, ngx_str_t *ids,
                              ngx_uint_t nids, ngx_http_vstream_lack_t lack)
{
    ngx_http_vstream_viewer_t *viewer;

    viewer = ngx_http_vstream_viewer_create(r, ids, nids);
    if (viewer == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    viewer->lack = lack;

    if (ngx_http_vstream_viewer_rate(viewer) != NGX_OK) {
        return ngx_http_vstream_problem(
            r, NGX_HTTP_BAD_REQUEST,
            "fps is a number from 0.01 to 1000, as in ?fps=5.");
    }

    if (ngx_http_vstream_request_rendition(r, &viewer->rendition) == NGX_ERROR)
    {
        return ngx_http_vstream_problem(r, NGX_HTTP_BAD_REQUEST,
                                        NGX_HTTP_VSTREAM_RENDITION_PROBLEM);
    }

    if (ngx_http_vstream_viewer_attach(viewer) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_vstream_viewer_open(viewer) != NGX_OK) {
        ngx_http_vstream_viewer_detach(viewer);
        return ngx_http_vstream_problem(
            r, NGX_HTTP_SERVICE_UNAVAILABLE,
            "The pictures cannot be reached at the moment.");
    }

    r->main->count++;
    ngx_add_timer(&viewer->timer, NGX_HTTP_VSTREAM_STORE_TIMEOUT);
    ngx_http_vstream_viewer_proceed(viewer);

    return NGX_DONE;
}


/* NGX_DECLINED: storage is away, and there is no placeholder; NGX_ERROR. */
static ngx_int_t
ngx_http_vstream_viewer_open(ngx_http_vstream_viewer_t *viewer)
{
    ngx_int_t  rc;
    ngx_uint_t i;

    for (i = 0; i < viewer->nlanes; i++) {
        rc = ngx_http_vstream_lane_open(&viewer->lanes[i], viewer->rendition);

        if (rc == NGX_ERROR
            || (rc == NGX_DECLINED && viewer->conf->placeholder == NULL))
        {
            return rc;
        }
    }

    return NGX_OK;
}


/* No more pictures.  What is in flight stays lent until the pool goes. */
static void
ngx_http_vstream_viewer_detach(ngx_http_vstream_viewer_t *viewer)
{
    ngx_uint_t i;

    if (viewer->state == NGX_HTTP_VSTREAM_DETACHED) {
        return;
    }

    if (viewer->state == NGX_HTTP_VSTREAM_STREAMING) {
        ngx_http_vstream_counted->closed[viewer->reason]++;
    }

    viewer->state = NGX_HTTP_VSTREAM_DETACHED;
    viewer->ctx->frames = viewer->frames;
    ngx_queue_remove(&viewer->queue);

    if (viewer->timer.timer_set) {
        ngx_del_timer(&viewer->timer);
    }

    for (i = 0; i < viewer->nlanes; i++) {
        ngx_http_vstream_lane_close(&viewer->lanes[i]);
    }
}


/* Ends the request; the viewer must not be touched afterwards. */
static void
ngx_http_vstream_viewer_finalize(ngx_http_vstream_viewer_t *viewer,
                                 ngx_int_t                  rc)
{
    ngx_http_vstream_viewer_detach(viewer);
    ngx_http_finalize_request(viewer->request, rc);
}


static void
ngx_http_vstream_viewer_refuse(ngx_http_vstream_viewer_t *viewer,
                               ngx_uint_t status, const char *detail)
{
    ngx_http_vstream_viewer_finalize(
        viewer, ngx_http_vstream_problem(viewer->request, status, detail));
}


/*
 * What waits in the kernel grows old there, and is its memory: a slow viewer
 * would see pictures of seconds ago, one that stalls would hold megabytes.
 */
static void
ngx_http_vstream_viewer_bound_unsent(ngx_connection_t *c)
{
    int bytes;

    bytes = NGX_HTTP_VSTREAM_UNSENT;

    /* A socket that is not TCP's has no such bound. */

    (void) setsockopt(c->fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes,
                      sizeof(bytes));
}


static ngx_int_t
ngx_http_vstream_viewer_send_header(ngx_http_vstream_viewer_t *viewer)
{
    ngx_int_t                 rc;
    ngx_http_request_t       *r;
    ngx_http_core_loc_conf_t *clcf;
    static u_char             type[128];
    static size_t             type_length;
    ngx_str_t                 no_store = ngx_string("no-store");
    ngx_str_t                 no = ngx_string("no");

    r = viewer->request;

    if (type_length == 0) {
        type_length = (size_t) (ngx_sprintf(type,
                                            "multipart/x-mixed-replace; "
                                            "boundary=%V",
                                            &ngx_http_vstream_boundary)
                                - type);
    }

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = -1;
    r->headers_out.content_type.data = type;
    r->headers_out.content_type.len = type_length;
    r->headers_out.content_type_len = type_length;

    if (ngx_http_vstream_add_header(r, "Cache-Control", &no_store) != NGX_OK
        || ngx_http_vstream_add_header(r, "X-Accel-Buffering", &no) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (r->stream == NULL && clcf->tcp_nodelay
        && ngx_tcp_nodelay(r->connection) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_vstream_viewer_bound_unsent(r->connection);

    rc = ngx_http_send_header(r);
    viewer->state = NGX_HTTP_VSTREAM_STREAMING;

    return rc;
}


static void
ngx_http_vstream_viewer_part_sent(ngx_http_vstream_viewer_t *viewer)
{
    ngx_http_vstream_frame_t           *frame;
    ngx_http_vstream_camera_counters_t *counters;

    frame = viewer->part->frame;

    counters = &ngx_http_vstream_counted->cameras[viewer->camera];
    counters->frames_sent++;
    counters->bytes_sent += viewer->part->header_length + frame->length;

    if (frame->info.epoch) {
        ngx_http_vstream_counters_age(ngx_http_vstream_now_us()
                                      - frame->info.t_unix_us);
    }

    viewer->frames++;

    ngx_http_vstream_part_release(viewer->part);
    viewer->part = NULL;
}


/* Begins to send a part.  It must not be busy. */
static ngx_int_t
ngx_http_vstream_viewer_send_part(ngx_http_vstream_viewer_t *viewer,
                                  ngx_http_vstream_part_t   *part)
{
    viewer->part = part;
    part->refs++;

    return ngx_http_vstream_output_part(viewer, part);
}


/* The next lane in turn that has something to send; NULL: none. */
static ngx_http_vstream_lane_t *
ngx_http_vstream_viewer_next_lane(ngx_http_vstream_viewer_t *viewer)
{
    ngx_uint_t                 i;
    ngx_http_vstream_lane_t   *lane;
    ngx_http_vstream_camera_t *camera;

    for (i = 0; i < viewer->nlanes; i++) {
        lane = &viewer->lanes[(viewer->next + i) % viewer->nlanes];
        camera = lane->watch.camera;

        if (camera == NULL || camera->part == NULL
            || camera->part->stamp == lane->stamp)
        {
            continue;
        }

        lane->stamp = camera->part->stamp;

        if (camera->part->frame->length > viewer->conf->max_frame_size) {
            ngx_http_vstream_counted->cameras[camera->counter]
                .skipped[NGX_HTTP_VSTREAM_SKIPPED_LARGE]++;
            continue;
        }

        viewer->next = (viewer->next + i + 1) % viewer->nlanes;

        return lane;
    }

    return NULL;
}


/* The body's end, between two parts. */
static void
ngx_http_vstream_viewer_end(ngx_http_vstream_viewer_t *viewer)
{
    ngx_http_vstream_viewer_finalize(
        viewer, ngx_http_vstream_output_last(viewer, &ngx_http_vstream_end));
}


/* Sends whatever can be sent now.  NGX_DONE: the viewer is gone. */
static ngx_int_t
ngx_http_vstream_viewer_send(ngx_http_vstream_viewer_t *viewer)
{
    ngx_int_t                rc;
    ngx_http_vstream_lane_t *lane;

    rc = NGX_OK;

    if (viewer->busy || viewer->part) {
        rc = ngx_http_vstream_output_rest(viewer);
    }

    while (rc == NGX_OK) {
        if (viewer->part) {
            ngx_http_vstream_viewer_part_sent(viewer);
        }

        if (viewer->draining && ngx_current_msec >= viewer->drain_at) {
            ngx_http_vstream_viewer_end(viewer);
            return NGX_DONE;
        }

        lane = ngx_http_vstream_viewer_next_lane(viewer);

        if (lane == NULL) {
            return NGX_OK;
        }

        viewer->camera = lane->watch.camera->counter;

        rc =
            ngx_http_vstream_viewer_send_part(viewer, lane->watch.camera->part);
    }

    if (rc == NGX_ERROR) {
        ngx_http_vstream_viewer_finalize(viewer, NGX_ERROR);
        return NGX_DONE;
    }

    return NGX_OK;
}


/* The placeholder as a part of its own; it stays until a picture comes. */
static ngx_int_t
ngx_http_vstream_viewer_send_placeholder(ngx_http_vstream_viewer_t *viewer)
{
    ngx_int_t                rc;
    ngx_http_vstream_part_t *part;

    part = ngx_http_vstream_part_create(viewer->conf->placeholder,
                                        &viewer->lanes[0].id,
                                        viewer->request->connection->log);
    if (part == NULL) {
        return NGX_ERROR;
    }

    viewer->camera = NGX_HTTP_VSTREAM_COUNTED_CAMERAS;
    rc = ngx_http_vstream_viewer_send_part(viewer, part);
    ngx_http_vstream_part_release(part);

    return rc;
}


/* From here on the client is answered with pictures. */
static void
ngx_http_vstream_viewer_begin(ngx_http_vstream_viewer_t *viewer,
                              ngx_uint_t                 placeholder)
{
    ngx_int_t  rc;
    ngx_uint_t i;

    for (i = 0; i < viewer->nlanes; i++) {
        if (viewer->lanes[i].watch.camera
            && ngx_http_vstream_lane_count(&viewer->lanes[i]) != NGX_OK)
        {
            ngx_http_vstream_viewer_refuse(
                viewer, NGX_HTTP_SERVICE_UNAVAILABLE,
                "This camera has as many viewers as it may have.");
            return;
        }
    }

    rc = ngx_http_vstream_viewer_send_header(viewer);

    if (rc == NGX_ERROR || rc > NGX_OK || viewer->request->header_only) {
        ngx_http_vstream_viewer_finalize(viewer, rc);
        return;
    }

    ngx_add_timer(&viewer->timer, ngx_http_vstream_viewer_has_closed(viewer)
                                      ? NGX_HTTP_VSTREAM_REOPEN
                                      : NGX_HTTP_VSTREAM_IDLE_LOOK);

    if (viewer->advance) {
        rc = ngx_http_vstream_output_text(viewer, &ngx_http_vstream_advance);

    } else {
        rc = ngx_http_send_special(viewer->request, NGX_HTTP_FLUSH);
    }

    ngx_http_vstream_output_begin(viewer);

    if (rc != NGX_ERROR && placeholder && !viewer->busy) {
        rc = ngx_http_vstream_viewer_send_placeholder(viewer);
    }

    if (rc == NGX_ERROR) {
        ngx_http_vstream_viewer_finalize(viewer, NGX_ERROR);
        return;
    }

    (void) ngx_http_vstream_viewer_send(viewer);
}


/*
 * Before the header: is everything known that is needed to send it?  Called
 * after every answer of the store and when it did not come in time.
 */
static void
ngx_http_vstream_viewer_proceed(ngx_http_vstream_viewer_t *viewer)
{
    ngx_uint_t               i, unknown, pictures;
    ngx_http_vstream_lane_t *lane;

    if (viewer->state == NGX_HTTP_VSTREAM_STREAMING) {
        (void) ngx_http_vstream_viewer_send(viewer);
        return;
    }

    unknown = 0;
    pictures = 0;

    for (i = 0; i < viewer->nlanes; i++) {
        lane = &viewer->lanes[i];

        if (!lane->opened) {
            return;
        }

        unknown += lane->unknown;
        pictures += lane->watch.camera && lane->watch.camera->part;
    }

    if (unknown == viewer->nlanes) {
        ngx_http_vstream_viewer_refuse(viewer, NGX_HTTP_NOT_FOUND,
                                       viewer->lanes[0].lacked
                                           ? NGX_HTTP_VSTREAM_RENDITION_LACKED
                                           : "There is no such camera.");
        return;
    }

    if (pictures || viewer->nlanes > 1 || viewer->request->header_only
        || viewer->conf->placeholder)
    {
        ngx_http_vstream_viewer_begin(
            viewer, pictures == 0 && viewer->conf->placeholder != NULL);
        return;
    }

    if (viewer->state == NGX_HTTP_VSTREAM_OPENING) {
        viewer->state = NGX_HTTP_VSTREAM_WAITING;
        ngx_add_timer(&viewer->timer, NGX_HTTP_VSTREAM_FIRST_PICTURE);
    }
}


static void
ngx_http_vstream_viewer_watch_handler(ngx_http_vstream_watch_t *watch,
                                      ngx_http_vstream_event_t  event)
{
    ngx_uint_t                 first;
    ngx_connection_t          *c;
    ngx_http_vstream_lane_t   *lane;
    ngx_http_vstream_viewer_t *viewer;

    lane = (ngx_http_vstream_lane_t *) watch;
    viewer = lane->viewer;
    c = viewer->connection;

    first = !lane->opened;
    lane->opened = 1;

    switch (event) {
    case NGX_HTTP_VSTREAM_LOST:
        ngx_http_vstream_lane_close(lane);

        if (viewer->conf->placeholder == NULL
            && viewer->state != NGX_HTTP_VSTREAM_STREAMING)
        {
            ngx_http_vstream_viewer_refuse(
                viewer, NGX_HTTP_SERVICE_UNAVAILABLE,
                "The pictures cannot be reached at the moment.");
            ngx_http_run_posted_requests(c);
            return;
        }

        break;

    case NGX_HTTP_VSTREAM_UNKNOWN:
        ngx_http_vstream_lane_unknown(lane, first);
        break;

    case NGX_HTTP_VSTREAM_LACKED:
        if (ngx_http_vstream_lane_lacked(lane, first) == NGX_AGAIN) {
            return;
        }

        break;

    case NGX_HTTP_VSTREAM_PART:
        if (ngx_http_vstream_lane_take(lane) != NGX_OK) {
            return;
        }

        /* Who goes past the filters posts nothing, but at its end. */

        if (viewer->direct) {
            if (ngx_http_vstream_viewer_send(viewer) == NGX_DONE) {
                ngx_http_run_posted_requests(c);
            }

            return;
        }

        break;

    case NGX_HTTP_VSTREAM_KNOWN:
        ngx_http_vstream_lane_known(lane);
        break;
    }

    ngx_http_vstream_viewer_proceed(viewer);
    ngx_http_run_posted_requests(c);
}


static void
ngx_http_vstream_viewer_write_handler(ngx_http_request_t *r)
{
    ngx_http_vstream_ctx_t    *ctx;
    ngx_http_vstream_viewer_t *viewer;

    if (r->connection->error || r->connection->timedout) {
        ngx_http_finalize_request(r, NGX_HTTP_CLIENT_CLOSED_REQUEST);
        return;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_vstream_module);
    viewer = ctx->viewer;

    if (viewer->state == NGX_HTTP_VSTREAM_STREAMING) {
        (void) ngx_http_vstream_viewer_send(viewer);
    }
}


/*
 * Whatever the kernel holds for a viewer that takes nothing goes with it: it
 * would be kept, and tried again and again, for minutes.
 */
static void
ngx_http_vstream_viewer_reset(ngx_connection_t *c)
{
    struct linger linger;

    linger.l_onoff = 1;
    linger.l_linger = 0;

    if (setsockopt(c->fd, SOL_SOCKET, SO_LINGER, (const void *) &linger,
                   sizeof(struct linger))
        == -1)
    {
        ngx_log_error(NGX_LOG_ALERT, c->log, ngx_socket_errno,
                      "setsockopt(SO_LINGER) failed");
    }
}


/*
 * A viewer that has not taken its part in time.  A stream of HTTP/2 that has
 * frames queued cannot be closed before they have gone, which they will not:
 * then its connection goes.
 */
static void
ngx_http_vstream_viewer_close_stalled(ngx_http_vstream_viewer_t *viewer)
{
    ngx_connection_t   *c;
    ngx_http_request_t *r;

    r = viewer->request;
    c = r->connection;

    ngx_log_error(NGX_LOG_INFO, c->log, 0,
                  "vstream: viewer stalled for %M ms, closing",
                  viewer->conf->stall_timeout);

    viewer->reason = NGX_HTTP_VSTREAM_CLOSED_STALLED;

#if (NGX_HTTP_V2)
    if (r->stream && r->stream->queued) {
        c = r->stream->connection->connection;
        ngx_http_vstream_viewer_reset(c);
        c->write->timedout = 1;
        ngx_post_event(c->write, &ngx_posted_events);
        ngx_add_timer(&viewer->timer, viewer->conf->stall_timeout);
        return;
    }
#endif

    if (r->stream == NULL) {
        ngx_http_vstream_viewer_reset(c);
    }

    c->timedout = 1;
    ngx_http_vstream_viewer_finalize(viewer, NGX_HTTP_REQUEST_TIME_OUT);
}


/* The store has not answered in time: it is as if it were away. */
static void
ngx_http_vstream_viewer_unanswered(ngx_http_vstream_viewer_t *viewer)
{
    ngx_uint_t i;

    if (viewer->conf->placeholder == NULL) {
        ngx_http_vstream_viewer_refuse(
            viewer, NGX_HTTP_SERVICE_UNAVAILABLE,
            "The pictures cannot be reached at the moment.");
        return;
    }

    for (i = 0; i < viewer->nlanes; i++) {
        if (!viewer->lanes[i].opened) {
            viewer->lanes[i].opened = 1;
            ngx_http_vstream_lane_close(&viewer->lanes[i]);
        }
    }

    ngx_http_vstream_viewer_proceed(viewer);
}


static ngx_uint_t
ngx_http_vstream_viewer_has_closed(ngx_http_vstream_viewer_t *viewer)
{
    ngx_uint_t i;

    for (i = 0; i < viewer->nlanes; i++) {
        if (viewer->lanes[i].watch.camera == NULL) {
            return 1;
        }
    }

    return 0;
}


/* Tries all closed lanes again.  The viewer may be gone afterwards. */
static void
ngx_http_vstream_viewer_reopen(ngx_http_vstream_viewer_t *viewer)
{
    ngx_uint_t               i;
    ngx_http_vstream_lane_t *lane;

    for (i = 0; i < viewer->nlanes; i++) {
        lane = &viewer->lanes[i];

        if (!ngx_http_vstream_lane_is_closed(lane)) {
            continue;
        }

        if (ngx_http_vstream_lane_open(lane, viewer->rendition) == NGX_OK) {
            ngx_http_vstream_lane_known(lane);
            continue;
        }

        lane->opened = 0;
    }

    (void) ngx_http_vstream_viewer_send(viewer);
}


static void
ngx_http_vstream_viewer_timer_handler(ngx_event_t *ev)
{
    ngx_connection_t          *c;
    ngx_msec_int_t             left;
    ngx_http_vstream_viewer_t *viewer;

    viewer = ev->data;
    c = viewer->connection;

    switch (viewer->state) {
    case NGX_HTTP_VSTREAM_OPENING:
        ngx_http_vstream_viewer_unanswered(viewer);
        break;

    case NGX_HTTP_VSTREAM_WAITING:
        ngx_http_vstream_viewer_refuse(
            viewer, NGX_HTTP_SERVICE_UNAVAILABLE,
            "There is no picture of this camera yet.");
        break;

    case NGX_HTTP_VSTREAM_STREAMING:
        left = viewer->busy
                   ? (ngx_msec_int_t) (viewer->deadline - ngx_current_msec)
                   : NGX_HTTP_VSTREAM_IDLE_LOOK;

        if (left <= 0) {
            ngx_http_vstream_viewer_close_stalled(viewer);
            break;
        }

        if (!ngx_http_vstream_viewer_has_closed(viewer)) {
            ngx_add_timer(ev, (ngx_msec_t) left);
            break;
        }

        ngx_add_timer(ev, (ngx_msec_t) ngx_min(left, NGX_HTTP_VSTREAM_REOPEN));
        ngx_http_vstream_viewer_reopen(viewer);
        break;

    case NGX_HTTP_VSTREAM_DETACHED:
        return;
    }

    ngx_http_run_posted_requests(c);
}


static void
ngx_http_vstream_viewer_cleanup(void *data)
{
    ngx_http_vstream_viewer_detach(data);
}


static void
ngx_http_vstream_viewer_release(void *data)
{
    ngx_http_vstream_viewer_t *viewer;

    viewer = data;

    ngx_http_vstream_part_release(viewer->part);
    viewer->part = NULL;
}


static void
ngx_http_vstream_viewers_drain(ngx_event_t *ev)
{
    ngx_queue_t               *q, *next;
    ngx_connection_t          *c;
    ngx_http_vstream_viewer_t *viewer;

    ngx_add_timer(ev, NGX_HTTP_VSTREAM_DRAIN_TICK);

    if (!ngx_exiting) {
        return;
    }

    for (q = ngx_queue_head(&ngx_http_vstream_viewers);
         q != ngx_queue_sentinel(&ngx_http_vstream_viewers); q = next)
    {
        next = ngx_queue_next(q);
        viewer = ngx_queue_data(q, ngx_http_vstream_viewer_t, queue);

        if (viewer->state != NGX_HTTP_VSTREAM_STREAMING) {
            continue;
        }

        if (!viewer->draining) {
            viewer->draining = 1;
            viewer->reason = NGX_HTTP_VSTREAM_CLOSED_DRAINED;
            viewer->drain_at =
                ngx_current_msec
                + (ngx_msec_t) ngx_random() % NGX_HTTP_VSTREAM_DRAIN_SPREAD;
        }

        if (ngx_current_msec >= viewer->drain_at) {
            c = viewer->connection;
            (void) ngx_http_vstream_viewer_send(viewer);
            ngx_http_run_posted_requests(c);
        }
    }
}
