/*
 * vstream_snapshot: the newest picture of a camera as one JPEG.
 *
 * A still that is younger than a second is answered at once.  An older one
 * makes demand: the camera process then decodes what it has kept since the
 * last keyframe, and the fresh picture is waited for; where none comes, the
 * old one goes out with its age.  `?after=<epoch>-<seq>` waits for a newer
 * picture than that (long poll).
 *
 * Without `?rendition=` any will do, and demand is made where the stills come
 * from: of small, if the camera has that.
 */

#include "ngx_http_vstream_reply.h"
#include "ngx_http_vstream_store.h"


#define NGX_HTTP_VSTREAM_SNAPSHOT_FRESH 1000  /* ms; no demand below it */
#define NGX_HTTP_VSTREAM_SNAPSHOT_WAIT  1500  /* for a fresh one */
#define NGX_HTTP_VSTREAM_SNAPSHOT_POLL  25000 /* for one after `after` */


typedef struct {
    ngx_http_vstream_watch_t     watch;
    ngx_http_request_t          *request;
    ngx_http_vstream_loc_conf_t *conf;
    ngx_event_t                  timer;
    uint64_t                     after_epoch; /* 0: not given */
    uint64_t                     after_seq;
    ngx_str_t                    camera;
    vstream_rendition_t          rendition;
    unsigned                     any : 1;     /* that was not asked for */
    unsigned                     waiting : 1; /* for a picture */
} ngx_http_vstream_snapshot_t;


static void ngx_http_vstream_snapshot_decide(
    ngx_http_vstream_snapshot_t *snapshot);
static void ngx_http_vstream_snapshot_watch_handler(
    ngx_http_vstream_watch_t *watch, ngx_http_vstream_event_t event);
static void ngx_http_vstream_snapshot_timer_handler(ngx_event_t *ev);
static void ngx_http_vstream_snapshot_cleanup(void *data);


/* The value of an ETag, with or without its quotes; anything else is none. */
static void
ngx_http_vstream_snapshot_after(ngx_http_vstream_snapshot_t *snapshot)
{
    u_char         *from, *to;
    ngx_str_t       value;
    uint64_t        epoch, seq;
    vstream_slice_t id;
    u_char          text[VSTREAM_FRAME_ID_MAX + 2];

    if (ngx_http_arg(snapshot->request, (u_char *) "after", 5, &value) != NGX_OK
        || value.len > sizeof(text))
    {
        return;
    }

    from = value.data;
    to = text;
    ngx_unescape_uri(&to, &from, value.len, 0);

    id.data = (char *) text;
    id.length = (size_t) (to - text);

    if (id.length >= 2 && text[0] == '"' && text[id.length - 1] == '"') {
        id.data++;
        id.length -= 2;
    }

    if (vstream_frame_id_read(id, &epoch, &seq) == VSTREAM_OK) {
        snapshot->after_epoch = epoch;
        snapshot->after_seq = seq;
    }
}


static void
ngx_http_vstream_snapshot_finish(ngx_http_vstream_snapshot_t *snapshot,
                                 ngx_http_vstream_frame_t    *frame)
{
    ngx_int_t           rc;
    ngx_http_request_t *r;

    r = snapshot->request;

    if (frame == NULL || frame->length > snapshot->conf->max_frame_size) {
        frame = snapshot->conf->placeholder;
    }

    rc = frame ? ngx_http_vstream_reply_frame(r, frame)
               : ngx_http_vstream_problem(
                   r, NGX_HTTP_SERVICE_UNAVAILABLE,
                   "There is no picture of this camera at the moment.");

    ngx_http_vstream_snapshot_cleanup(snapshot);
    ngx_http_finalize_request(r, rc);
}


/* Small may be stood in for, main may not. */
static ngx_uint_t
ngx_http_vstream_snapshot_allows(ngx_http_vstream_snapshot_t *snapshot,
                                 ngx_http_vstream_frame_t    *frame)
{
    return snapshot->any || snapshot->rendition != VSTREAM_RENDITION_MAIN
           || frame->rendition == VSTREAM_RENDITION_MAIN;
}


/*
 * A still tells its age by the clock of another host, which may be wrong; what
 * is pushed was new when it came.
 */
static ngx_uint_t
ngx_http_vstream_snapshot_is_fresh(ngx_http_vstream_frame_t *frame)
{
    if (frame->pushed
        && ngx_current_msec - frame->received < NGX_HTTP_VSTREAM_SNAPSHOT_FRESH)
    {
        return 1;
    }

    return ngx_http_vstream_frame_age_ms(frame)
           < NGX_HTTP_VSTREAM_SNAPSHOT_FRESH;
}


/* Is this the picture that was asked for? */
static ngx_uint_t
ngx_http_vstream_snapshot_suits(ngx_http_vstream_snapshot_t *snapshot,
                                ngx_http_vstream_frame_t    *frame)
{
    if (frame->length > snapshot->conf->max_frame_size
        || !ngx_http_vstream_snapshot_allows(snapshot, frame))
    {
        return 0;
    }

    if (snapshot->after_epoch == frame->info.epoch) {
        return frame->info.seq > snapshot->after_seq;
    }

    return snapshot->after_epoch != 0
           || ngx_http_vstream_snapshot_is_fresh(frame);
}


/*
 * Makes demand.  Where stills come from another rendition and any will do, it
 * is made there; what we have goes out where that cannot be watched.
 */
static void
ngx_http_vstream_snapshot_make_live(ngx_http_vstream_snapshot_t *snapshot)
{
    ngx_int_t                 rc;
    ngx_http_vstream_frame_t *frame;
    ngx_http_vstream_part_t  *part;

    part = snapshot->watch.camera->part;

    if (!snapshot->any || part == NULL
        || part->frame->rendition == snapshot->rendition)
    {
        ngx_http_vstream_store_make_live(&snapshot->watch);
        return;
    }

    frame = part->frame;
    frame->refs++;
    snapshot->rendition = frame->rendition;

    ngx_http_vstream_store_unwatch(&snapshot->watch);
    rc = ngx_http_vstream_store_watch(&snapshot->watch, &snapshot->camera,
                                      snapshot->rendition, 1);

    if (rc == NGX_OK) {
        ngx_http_vstream_snapshot_decide(snapshot);

    } else if (rc != NGX_AGAIN) {
        ngx_http_vstream_snapshot_finish(snapshot, frame);
    }

    ngx_http_vstream_frame_release(frame);
}


/* The camera is known: answers, or waits for a better picture. */
static void
ngx_http_vstream_snapshot_decide(ngx_http_vstream_snapshot_t *snapshot)
{
    ngx_http_vstream_part_t *part;

    part = snapshot->watch.camera->part;

    if (part && ngx_http_vstream_snapshot_suits(snapshot, part->frame)) {
        ngx_http_vstream_snapshot_finish(snapshot, part->frame);
        return;
    }

    if (!snapshot->waiting) {
        snapshot->waiting = 1;
        ngx_add_timer(&snapshot->timer, snapshot->after_epoch
                                            ? NGX_HTTP_VSTREAM_SNAPSHOT_POLL
                                            : NGX_HTTP_VSTREAM_SNAPSHOT_WAIT);
        ngx_http_vstream_snapshot_make_live(snapshot);
    }
}


/* Where any would have done, its substream has gone this very moment. */
static void
ngx_http_vstream_snapshot_lacked(ngx_http_vstream_snapshot_t *snapshot)
{
    ngx_http_request_t *r;

    r = snapshot->request;

    if (snapshot->any) {
        ngx_http_vstream_snapshot_finish(snapshot, NULL);
        return;
    }

    ngx_http_vstream_snapshot_cleanup(snapshot);
    ngx_http_finalize_request(
        r, ngx_http_vstream_problem(r, NGX_HTTP_NOT_FOUND,
                                    NGX_HTTP_VSTREAM_RENDITION_LACKED));
}


static void
ngx_http_vstream_snapshot_watch_handler(ngx_http_vstream_watch_t *watch,
                                        ngx_http_vstream_event_t  event)
{
    ngx_connection_t            *c;
    ngx_http_request_t          *r;
    ngx_http_vstream_snapshot_t *snapshot;

    snapshot = (ngx_http_vstream_snapshot_t *) watch;
    r = snapshot->request;
    c = r->connection;

    switch (event) {
    case NGX_HTTP_VSTREAM_KNOWN:
    case NGX_HTTP_VSTREAM_PART:
        ngx_http_vstream_snapshot_decide(snapshot);
        break;

    case NGX_HTTP_VSTREAM_UNKNOWN:
        ngx_http_vstream_snapshot_cleanup(snapshot);
        ngx_http_finalize_request(
            r, ngx_http_vstream_problem(r, NGX_HTTP_NOT_FOUND,
                                        "There is no such camera."));
        break;

    case NGX_HTTP_VSTREAM_LACKED:
        ngx_http_vstream_snapshot_lacked(snapshot);
        break;

    case NGX_HTTP_VSTREAM_LOST:
        ngx_http_vstream_snapshot_finish(snapshot, NULL);
        break;
    }

    ngx_http_run_posted_requests(c);
}


static void
ngx_http_vstream_snapshot_timer_handler(ngx_event_t *ev)
{
    ngx_connection_t            *c;
    ngx_http_request_t          *r;
    ngx_http_vstream_part_t     *part;
    ngx_http_vstream_snapshot_t *snapshot;

    snapshot = ev->data;
    r = snapshot->request;
    c = r->connection;
    part = snapshot->waiting ? snapshot->watch.camera->part : NULL;

    if (part && !ngx_http_vstream_snapshot_allows(snapshot, part->frame)) {
        part = NULL;
    }

    if (part && snapshot->after_epoch) {
        /* Nothing newer: the client asks again. */
        ngx_http_vstream_snapshot_cleanup(snapshot);
        ngx_http_finalize_request(
            r, ngx_http_vstream_reply(r, NGX_HTTP_NO_CONTENT, "text/plain",
                                      NULL, 0));

    } else {
        ngx_http_vstream_snapshot_finish(snapshot, part ? part->frame : NULL);
    }

    ngx_http_run_posted_requests(c);
}


static void
ngx_http_vstream_snapshot_cleanup(void *data)
{
    ngx_http_vstream_snapshot_t *snapshot;

    snapshot = data;

    if (snapshot->timer.timer_set) {
        ngx_del_timer(&snapshot->timer);
    }

    ngx_http_vstream_store_unwatch(&snapshot->watch);
}


ngx_int_t
ngx_http_vstream_snapshot_handler(ngx_http_request_t *r)
{
    ngx_int_t                    rc;
    ngx_str_t                    id;
    ngx_http_cleanup_t          *cleanup;
    ngx_http_vstream_snapshot_t *snapshot;

    rc = ngx_http_vstream_request_camera(r, &id);
    if (rc != NGX_OK) {
        return ngx_http_vstream_refuse_camera(r, rc);
    }

    snapshot = ngx_pcalloc(r->pool, sizeof(ngx_http_vstream_snapshot_t));
    cleanup = ngx_http_cleanup_add(r, 0);

    if (snapshot == NULL || cleanup == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    snapshot->request = r;
    snapshot->conf = ngx_http_get_module_loc_conf(r, ngx_vstream_module);
    snapshot->watch.handler = ngx_http_vstream_snapshot_watch_handler;
    snapshot->timer.handler = ngx_http_vstream_snapshot_timer_handler;
    snapshot->timer.data = snapshot;
    snapshot->timer.log = r->connection->log;
    snapshot->camera = id;
    ngx_http_vstream_snapshot_after(snapshot);

    rc = ngx_http_vstream_request_rendition(r, &snapshot->rendition);
    if (rc == NGX_ERROR) {
        return ngx_http_vstream_problem(r, NGX_HTTP_BAD_REQUEST,
                                        NGX_HTTP_VSTREAM_RENDITION_PROBLEM);
    }

    snapshot->any = rc == NGX_DECLINED;

    cleanup->handler = ngx_http_vstream_snapshot_cleanup;
    cleanup->data = snapshot;

    rc = ngx_http_vstream_store_watch(&snapshot->watch, &snapshot->camera,
                                      snapshot->rendition, 0);

    r->main->count++;
    ngx_http_vstream_await_close(r);

    switch (rc) {
    case NGX_OK:
        ngx_http_vstream_snapshot_decide(snapshot);
        break;

    case NGX_AGAIN:
        ngx_add_timer(&snapshot->timer, NGX_HTTP_VSTREAM_STORE_TIMEOUT);
        break;

    default:
        ngx_http_vstream_snapshot_finish(snapshot, NULL);
    }

    return NGX_DONE;
}
