/*
 * The store of one nginx worker: the cameras that are watched here, their
 * newest pictures, and who is to be told.
 *
 * DESIGN.  A camera comes into being with its first watch and goes two
 * seconds after its last; each of its renditions is a camera here.  Its first
 * picture is the still; from then on, while anybody wants every frame, pushed
 * frames replace it.  Frames are only noted
 * while a socket is being drained, and handed out afterwards: of several
 * frames of one camera in one read, viewers see the newest.
 *
 * A handler may unwatch anything, its own watch included.  So every pass over
 * the watches of a camera keeps its place in camera->cursor, and unwatching
 * moves it.
 */

#include "ngx_http_vstream_redis.h"

#include <malloc.h>


#define NGX_HTTP_VSTREAM_STORE_TICK   250
#define NGX_HTTP_VSTREAM_STORE_CROWD  64   /* watches */
#define NGX_HTTP_VSTREAM_STORE_CALM   2000 /* their most is counted over it */
#define NGX_HTTP_VSTREAM_STORE_LINGER 1000 /* subscribed without a viewer */
#define NGX_HTTP_VSTREAM_STORE_FORGET 2000 /* kept without a watch */
#define NGX_HTTP_VSTREAM_STORE_REVIEW 5000 /* a live camera is looked up */
#define NGX_HTTP_VSTREAM_STORE_ABSENT 4000 /* then it is withdrawn */
#define NGX_HTTP_VSTREAM_STORE_OUSTED                                          \
    12000                                  /* the same, if it is of this file */
#define NGX_HTTP_VSTREAM_STORE_YIELD 10000 /* lower epochs, then believed */
#define NGX_HTTP_VSTREAM_STORE_MAX                                             \
    (2 * VSTREAM_CAMERAS_MAX * VSTREAM_RENDITIONS)


static void ngx_http_vstream_store_tick(ngx_event_t *ev);
static void ngx_http_vstream_store_ready(void);
static void ngx_http_vstream_store_subscriber_lost(ngx_uint_t connection);
static void ngx_http_vstream_store_subscriber_ready(ngx_uint_t connection);
static void ngx_http_vstream_store_subscribed(ngx_str_t          *id,
                                              vstream_rendition_t rendition);
static void ngx_http_vstream_store_frame(ngx_str_t                *id,
                                         ngx_http_vstream_frame_t *frame);
static void ngx_http_vstream_store_drained(void);
static void ngx_http_vstream_store_missed(ngx_http_vstream_camera_t *camera);
static void ngx_http_vstream_store_lacked(ngx_http_vstream_camera_t *camera);
static void ngx_http_vstream_store_looked_up(void                     *data,
                                             ngx_http_vstream_found_t  found,
                                             ngx_http_vstream_frame_t *frame);


static const ngx_http_vstream_redis_events_t ngx_http_vstream_store_events = {
    ngx_http_vstream_store_ready,
    ngx_http_vstream_store_subscriber_lost,
    ngx_http_vstream_store_subscriber_ready,
    ngx_http_vstream_store_subscribed,
    ngx_http_vstream_store_frame,
    ngx_http_vstream_store_drained
};

static ngx_http_vstream_main_conf_t *ngx_http_vstream_store_conf;
static ngx_rbtree_t                  ngx_http_vstream_store_tree;
static ngx_rbtree_node_t             ngx_http_vstream_store_sentinel;
static ngx_queue_t                   ngx_http_vstream_store_cameras;
static ngx_uint_t                    ngx_http_vstream_store_ncameras;
static ngx_uint_t                    ngx_http_vstream_store_nwatches;
static ngx_uint_t  ngx_http_vstream_store_most; /* since memory was returned */
static ngx_uint_t  ngx_http_vstream_store_recent; /* most since `since` */
static ngx_msec_t  ngx_http_vstream_store_since;
static ngx_queue_t ngx_http_vstream_store_fresh;
static ngx_event_t ngx_http_vstream_store_timer;
static ngx_connection_t ngx_http_vstream_store_nobody; /* for debug logs */


ngx_int_t
ngx_http_vstream_store_init(ngx_cycle_t                  *cycle,
                            ngx_http_vstream_main_conf_t *vmcf)
{
    ngx_http_vstream_store_conf = vmcf;

    ngx_rbtree_init(&ngx_http_vstream_store_tree,
                    &ngx_http_vstream_store_sentinel,
                    ngx_str_rbtree_insert_value);
    ngx_queue_init(&ngx_http_vstream_store_cameras);
    ngx_queue_init(&ngx_http_vstream_store_fresh);
    ngx_http_vstream_store_survey_init();

    ngx_http_vstream_store_timer.handler = ngx_http_vstream_store_tick;
    ngx_http_vstream_store_timer.log = cycle->log;
    ngx_http_vstream_store_timer.data = &ngx_http_vstream_store_nobody;
    ngx_http_vstream_store_timer.cancelable = 1;
    ngx_http_vstream_store_nobody.fd = (ngx_socket_t) -1;
    ngx_add_timer(&ngx_http_vstream_store_timer, NGX_HTTP_VSTREAM_STORE_TICK);

    return ngx_http_vstream_redis_init(cycle, &vmcf->redis,
                                       &ngx_http_vstream_store_events);
}


void
ngx_http_vstream_store_exit(void)
{
    ngx_http_vstream_redis_exit();
}


ngx_uint_t
ngx_http_vstream_store_is_there(void)
{
    return ngx_http_vstream_redis_is_there();
}


ngx_uint_t
ngx_http_vstream_store_is_coming(void)
{
    return ngx_http_vstream_redis_is_coming();
}


ngx_uint_t
ngx_http_vstream_store_is_old(void)
{
    return ngx_http_vstream_redis_is_old();
}


ngx_uint_t
ngx_http_vstream_store_is_starting(void)
{
    return ngx_http_vstream_redis_is_starting();
}


/* No id holds a colon.  `buffer` has NGX_HTTP_VSTREAM_STORE_KEY_MAX bytes. */
static ngx_str_t
ngx_http_vstream_store_key(u_char *buffer, ngx_str_t *id,
                           vstream_rendition_t rendition)
{
    u_char   *p;
    ngx_str_t key;

    p = ngx_cpymem(buffer, id->data, id->len);

    if (rendition != VSTREAM_RENDITION_MAIN) {
        p = ngx_slprintf(p, buffer + NGX_HTTP_VSTREAM_STORE_KEY_MAX, ":%s",
                         vstream_schema_rendition_text(rendition));
    }

    key.data = buffer;
    key.len = (size_t) (p - buffer);

    return key;
}


static ngx_http_vstream_camera_t *
ngx_http_vstream_store_find(ngx_str_t *id, vstream_rendition_t rendition)
{
    u_char    buffer[NGX_HTTP_VSTREAM_STORE_KEY_MAX];
    ngx_str_t key;

    key = ngx_http_vstream_store_key(buffer, id, rendition);

    return (ngx_http_vstream_camera_t *) ngx_str_rbtree_lookup(
        &ngx_http_vstream_store_tree, &key,
        ngx_murmur_hash2(key.data, key.len));
}


static ngx_http_vstream_camera_t *
ngx_http_vstream_store_create(ngx_str_t *id, vstream_rendition_t rendition)
{
    ngx_http_vstream_camera_t *camera;

    if (ngx_http_vstream_store_ncameras == NGX_HTTP_VSTREAM_STORE_MAX) {
        return NULL;
    }

    camera = ngx_calloc(sizeof(ngx_http_vstream_camera_t), ngx_cycle->log);
    if (camera == NULL) {
        return NULL;
    }

    camera->rendition = rendition;
    camera->node.str = ngx_http_vstream_store_key(camera->key, id, rendition);
    camera->name.data = camera->key;
    camera->name.len = id->len;
    camera->node.node.key =
        ngx_murmur_hash2(camera->node.str.data, camera->node.str.len);
    camera->connection =
        camera->node.node.key % ngx_http_vstream_redis_connections();
    camera->idle_since = ngx_current_msec;

    ngx_queue_init(&camera->watches);
    ngx_rbtree_insert(&ngx_http_vstream_store_tree, &camera->node.node);
    ngx_queue_insert_tail(&ngx_http_vstream_store_cameras, &camera->queue);
    ngx_http_vstream_store_ncameras++;

    return camera;
}


static void
ngx_http_vstream_store_unsubscribe(ngx_http_vstream_camera_t *camera)
{
    if (camera->subscribed) {
        (void) ngx_http_vstream_redis_unsubscribe(
            camera->connection, &camera->name, camera->rendition);
        camera->subscribed = 0;
        camera->confirmed = 0;
    }
}


static void
ngx_http_vstream_store_forget(ngx_http_vstream_camera_t *camera)
{
    ngx_http_vstream_store_unsubscribe(camera);

    if (camera->lookup) {
        ngx_http_vstream_redis_lookup_cancel(camera->lookup);
    }

    if (camera->fresh) {
        ngx_queue_remove(&camera->fresh_queue);
        ngx_http_vstream_frame_release(camera->fresh);
    }

    ngx_http_vstream_part_release(camera->part);
    ngx_rbtree_delete(&ngx_http_vstream_store_tree, &camera->node.node);
    ngx_queue_remove(&camera->queue);
    ngx_http_vstream_store_ncameras--;
    ngx_free(camera);
}


static void
ngx_http_vstream_store_subscribe(ngx_http_vstream_camera_t *camera)
{
    if (!camera->subscribed && camera->known && camera->live) {
        camera->subscribed =
            ngx_http_vstream_redis_subscribe(camera->connection, &camera->name,
                                             camera->rendition)
            == NGX_OK;
    }
}


/*
 * Tells the watches of a camera: those that still wait for their first
 * answer, or those that have had it.
 */
static void
ngx_http_vstream_store_tell(ngx_http_vstream_camera_t *camera,
                            ngx_http_vstream_event_t event, ngx_uint_t waiting)
{
    ngx_queue_t              *q;
    ngx_http_vstream_watch_t *watch;

    q = ngx_queue_head(&camera->watches);

    while (q != ngx_queue_sentinel(&camera->watches)) {
        camera->cursor = ngx_queue_next(q);
        watch = ngx_queue_data(q, ngx_http_vstream_watch_t, queue);

        if (watch->waiting == waiting) {
            watch->waiting = 0;
            watch->handler(watch, event);
        }

        q = camera->cursor;
    }

    camera->cursor = NULL;
}


/* `frame` becomes the camera's newest picture, under a header of this moment. */
static void
ngx_http_vstream_store_hand_out(ngx_http_vstream_camera_t *camera,
                                ngx_http_vstream_frame_t  *frame)
{
    ngx_http_vstream_part_t *part;

    part = ngx_http_vstream_part_create(frame, &camera->name, ngx_cycle->log);
    if (part == NULL) {
        return;
    }

    ngx_http_vstream_part_release(camera->part);
    camera->part = part;
    camera->handed_out = ngx_current_msec;

    ngx_http_vstream_store_tell(camera, NGX_HTTP_VSTREAM_PART, 0);
}


static void
ngx_http_vstream_store_lookup(ngx_http_vstream_camera_t *camera)
{
    if (camera->lookup == NULL) {
        camera->looked_up = ngx_current_msec;
        camera->lookup = ngx_http_vstream_redis_lookup(
            &camera->name, camera->rendition, ngx_http_vstream_store_looked_up,
            camera);
    }
}


ngx_int_t
ngx_http_vstream_store_watch(ngx_http_vstream_watch_t *watch, ngx_str_t *id,
                             vstream_rendition_t rendition, ngx_uint_t live)
{
    ngx_http_vstream_camera_t *camera;

    if (!ngx_http_vstream_redis_is_there()
        && !ngx_http_vstream_redis_is_coming()) {
        return NGX_DECLINED;
    }

    camera = ngx_http_vstream_store_find(id, rendition);

    if (camera == NULL) {
        camera = ngx_http_vstream_store_create(id, rendition);
        if (camera == NULL) {
            return NGX_ERROR;
        }
    }

    if (!camera->confirmed || camera->part == NULL) {
        ngx_http_vstream_store_lookup(camera);

        if (!camera->confirmed && camera->lookup == NULL
            && ngx_http_vstream_redis_is_there())
        {
            return NGX_DECLINED;
        }
    }

    watch->camera = camera;
    watch->live = 0;
    watch->waiting = !camera->confirmed;
    ngx_queue_insert_tail(&camera->watches, &watch->queue);
    ngx_http_vstream_store_nwatches++;
    ngx_http_vstream_store_recent =
        ngx_max(ngx_http_vstream_store_recent, ngx_http_vstream_store_nwatches);

    if (live) {
        ngx_http_vstream_store_make_live(watch);
    }

    return camera->confirmed ? NGX_OK : NGX_AGAIN;
}


void
ngx_http_vstream_store_make_live(ngx_http_vstream_watch_t *watch)
{
    if (!watch->live) {
        watch->live = 1;
        watch->camera->live++;
        ngx_http_vstream_store_subscribe(watch->camera);
    }
}


void
ngx_http_vstream_store_unwatch(ngx_http_vstream_watch_t *watch)
{
    ngx_http_vstream_camera_t *camera;

    camera = watch->camera;

    if (camera == NULL) {
        return;
    }

    if (camera->cursor == &watch->queue) {
        camera->cursor = ngx_queue_next(&watch->queue);
    }

    ngx_queue_remove(&watch->queue);
    watch->camera = NULL;
    ngx_http_vstream_store_nwatches--;

    if (watch->live) {
        watch->live = 0;
        camera->live--;
    }

    if (camera->live == 0) {
        camera->idle_since = ngx_current_msec;
    }
}


/*
 * Stills may come from the substream.  They are a first picture for viewers of
 * main, but nothing to put between those that are pushed to them.
 */
static ngx_uint_t
ngx_http_vstream_store_is_other(ngx_http_vstream_camera_t *camera,
                                ngx_http_vstream_frame_t  *still)
{
    return camera->rendition == VSTREAM_RENDITION_MAIN
           && still->rendition != VSTREAM_RENDITION_MAIN && camera->live
           && camera->part
           && camera->part->frame->rendition == VSTREAM_RENDITION_MAIN;
}


/* A still or a pushed frame: is it newer than what we have? */
static ngx_uint_t
ngx_http_vstream_store_is_newer(ngx_http_vstream_camera_t *camera,
                                ngx_http_vstream_frame_t  *frame)
{
    ngx_http_vstream_frame_t *newest;

    newest = camera->fresh  ? camera->fresh
             : camera->part ? camera->part->frame
                            : NULL;

    if (newest == NULL
        || vstream_frame_compare(&frame->info, &newest->info) > 0) {
        camera->refusing = 0;
        return 1;
    }

    if (frame->info.epoch >= newest->info.epoch) {
        return 0; /* the same picture again */
    }

    /*
     * A former owner, most likely.  But where nothing else comes for long, the
     * clock behind the epochs was set back: then believe it.
     */

    ngx_http_vstream_counted->cameras[camera->counter]
        .skipped[NGX_HTTP_VSTREAM_SKIPPED_STALE]++;

    if (!camera->refusing) {
        camera->refusing = 1;
        camera->refused_since = ngx_current_msec;
        return 0;
    }

    if (ngx_current_msec - camera->refused_since < NGX_HTTP_VSTREAM_STORE_YIELD)
    {
        return 0;
    }

    camera->refusing = 0;

    return 1;
}


/*
 * Redis holds no such camera.  A Redis that came back empty gets the cameras
 * of this file from the first of us to reach it, those of others from them,
 * within seconds: what is missing for longer is withdrawn.  A camera of this
 * file can be withdrawn, too, by a host that has a newer one.
 */
static void
ngx_http_vstream_store_missed(ngx_http_vstream_camera_t *camera)
{
    ngx_uint_t ours;
    ngx_msec_t grace;

    ours =
        ngx_http_vstream_origin_find(ngx_http_vstream_store_conf, &camera->name)
        != NULL;
    grace =
        ours ? NGX_HTTP_VSTREAM_STORE_OUSTED : NGX_HTTP_VSTREAM_STORE_ABSENT;

    if (!camera->missing) {
        camera->missing = 1;
        camera->missing_since = ngx_current_msec;
    }

    if (ngx_current_msec - camera->missing_since >= grace) {
        ngx_http_vstream_store_tell(camera, NGX_HTTP_VSTREAM_UNKNOWN, 0);
        ours = 0;
    }

    ngx_http_vstream_store_tell(
        camera, ours ? NGX_HTTP_VSTREAM_LOST : NGX_HTTP_VSTREAM_UNKNOWN, 1);
}


/* The camera is there, but not like this: it was declared otherwise. */
static void
ngx_http_vstream_store_lacked(ngx_http_vstream_camera_t *camera)
{
    ngx_http_vstream_store_unsubscribe(camera);
    camera->known = 0;
    camera->missing = 0;

    ngx_http_vstream_store_tell(camera, NGX_HTTP_VSTREAM_LACKED, 0);
    ngx_http_vstream_store_tell(camera, NGX_HTTP_VSTREAM_LACKED, 1);
}


static void
ngx_http_vstream_store_looked_up(void *data, ngx_http_vstream_found_t found,
                                 ngx_http_vstream_frame_t *frame)
{
    ngx_http_vstream_camera_t *camera;

    camera = data;
    camera->lookup = NULL;

    if (found == NGX_HTTP_VSTREAM_FOUND_LOST) {
        ngx_http_vstream_store_tell(camera, NGX_HTTP_VSTREAM_LOST, 1);
        return;
    }

    if (found != NGX_HTTP_VSTREAM_FOUND) {
        if (found == NGX_HTTP_VSTREAM_FOUND_NOTHING) {
            ngx_http_vstream_store_missed(camera);

        } else {
            ngx_http_vstream_store_lacked(camera);
        }

        if (ngx_queue_empty(&camera->watches)) {
            /* Whoever asks for what does not exist leaves nothing behind. */
            ngx_http_vstream_store_forget(camera);
        }

        return;
    }

    if (!camera->known) {
        camera->known = 1;
        camera->counter = ngx_http_vstream_counters_camera(&camera->name);
    }

    camera->missing = 0;
    ngx_http_vstream_store_subscribe(camera);

    if (frame && !ngx_http_vstream_store_is_other(camera, frame)
        && ngx_http_vstream_store_is_newer(camera, frame))
    {
        ngx_http_vstream_store_hand_out(camera, frame);
    }

    ngx_http_vstream_store_tell(camera, NGX_HTTP_VSTREAM_KNOWN, 1);
}


static void
ngx_http_vstream_store_frame(ngx_str_t *id, ngx_http_vstream_frame_t *frame)
{
    ngx_http_vstream_camera_t          *camera;
    ngx_http_vstream_camera_counters_t *counters;

    camera = ngx_http_vstream_store_find(id, frame->rendition);

    if (camera == NULL || !camera->known
        || !ngx_http_vstream_store_is_newer(camera, frame))
    {
        ngx_http_vstream_frame_release(frame);
        return;
    }

    counters = &ngx_http_vstream_counted->cameras[camera->counter];
    counters->frames_received++;
    frame->pushed = 1;

    if (camera->fresh) {
        ngx_http_vstream_frame_release(camera->fresh);
        counters->skipped[NGX_HTTP_VSTREAM_SKIPPED_OVERTAKEN]++;

    } else {
        ngx_queue_insert_tail(&ngx_http_vstream_store_fresh,
                              &camera->fresh_queue);
    }

    camera->fresh = frame;
}


static void
ngx_http_vstream_store_drained(void)
{
    ngx_queue_t               *q;
    ngx_http_vstream_frame_t  *frame;
    ngx_http_vstream_camera_t *camera;

    if (ngx_queue_empty(&ngx_http_vstream_store_fresh)) {
        return;
    }

    while (!ngx_queue_empty(&ngx_http_vstream_store_fresh)) {
        q = ngx_queue_head(&ngx_http_vstream_store_fresh);
        ngx_queue_remove(q);

        camera = ngx_queue_data(q, ngx_http_vstream_camera_t, fresh_queue);
        frame = camera->fresh;
        camera->fresh = NULL;

        ngx_http_vstream_store_hand_out(camera, frame);
        ngx_http_vstream_frame_release(frame);
    }

    /*
     * The pass may have taken tens of milliseconds.  nginx would compute its
     * next timeout from the time before it, and sleep through the next frame.
     */

    ngx_time_update();
}


static void
ngx_http_vstream_store_ready(void)
{
    ngx_queue_t               *q;
    ngx_http_vstream_camera_t *camera;

    if (ngx_worker == 0 && !ngx_exiting) {
        ngx_http_vstream_origin_declare(ngx_http_vstream_store_conf);
    }

    for (q = ngx_queue_head(&ngx_http_vstream_store_cameras);
         q != ngx_queue_sentinel(&ngx_http_vstream_store_cameras);
         q = ngx_queue_next(q))
    {
        camera = ngx_queue_data(q, ngx_http_vstream_camera_t, queue);

        if (!ngx_queue_empty(&camera->watches)) {
            ngx_http_vstream_store_lookup(camera);
        }
    }

    ngx_http_vstream_store_survey_ready();
}


static void
ngx_http_vstream_store_subscriber_lost(ngx_uint_t connection)
{
    ngx_queue_t               *q;
    ngx_http_vstream_camera_t *camera;

    for (q = ngx_queue_head(&ngx_http_vstream_store_cameras);
         q != ngx_queue_sentinel(&ngx_http_vstream_store_cameras);
         q = ngx_queue_next(q))
    {
        camera = ngx_queue_data(q, ngx_http_vstream_camera_t, queue);

        if (camera->connection == connection) {
            camera->subscribed = 0;
            camera->confirmed = 0;
        }
    }
}


/* What was missed meanwhile is no loss: the still is newer. */
static void
ngx_http_vstream_store_subscriber_ready(ngx_uint_t connection)
{
    ngx_queue_t               *q;
    ngx_http_vstream_camera_t *camera;

    for (q = ngx_queue_head(&ngx_http_vstream_store_cameras);
         q != ngx_queue_sentinel(&ngx_http_vstream_store_cameras);
         q = ngx_queue_next(q))
    {
        camera = ngx_queue_data(q, ngx_http_vstream_camera_t, queue);

        if (camera->connection == connection && camera->live) {
            ngx_http_vstream_store_subscribe(camera);
            ngx_http_vstream_store_lookup(camera);
        }
    }
}


static void
ngx_http_vstream_store_subscribed(ngx_str_t *id, vstream_rendition_t rendition)
{
    ngx_http_vstream_camera_t *camera;

    camera = ngx_http_vstream_store_find(id, rendition);

    if (camera && camera->subscribed) {
        camera->confirmed = 1;
    }
}


static void
ngx_http_vstream_store_look_after(ngx_http_vstream_camera_t *camera)
{
    ngx_msec_t                now, idle;
    ngx_http_vstream_frame_t *frame;

    now = ngx_current_msec;

    if (camera->live == 0) {
        idle = now - camera->idle_since;

        if (idle >= NGX_HTTP_VSTREAM_STORE_FORGET
            && ngx_queue_empty(&camera->watches)) {
            ngx_http_vstream_store_forget(camera);
            return;
        }

        if (idle >= NGX_HTTP_VSTREAM_STORE_LINGER) {
            ngx_http_vstream_store_unsubscribe(camera);
        }

        return;
    }

    if (now - camera->looked_up >= NGX_HTTP_VSTREAM_STORE_REVIEW
        && ngx_http_vstream_redis_is_there())
    {
        if (!camera->confirmed) {
            camera->subscribed = 0; /* refused, it seems: ask again */
        }

        ngx_http_vstream_store_subscribe(camera);
        ngx_http_vstream_store_lookup(camera);
    }

    if (camera->part && now - camera->handed_out >= NGX_HTTP_VSTREAM_REPEAT) {
        frame = camera->part->frame;
        frame->refs++;
        ngx_http_vstream_store_hand_out(camera, frame);
        ngx_http_vstream_frame_release(frame);
    }
}


/*
 * The C library keeps memory that was freed, because of what lies above it.
 * When most of those who were here have left, it is told to return it.  That
 * takes milliseconds: not for those who all get their picture at once, and are
 * back a moment later.
 */
static void
ngx_http_vstream_store_return_memory(void)
{
    ngx_uint_t recent;

    if (ngx_current_msec - ngx_http_vstream_store_since
        < NGX_HTTP_VSTREAM_STORE_CALM)
    {
        return;
    }

    recent = ngx_http_vstream_store_recent;
    ngx_http_vstream_store_recent = ngx_http_vstream_store_nwatches;
    ngx_http_vstream_store_since = ngx_current_msec;

    if (2 * recent + NGX_HTTP_VSTREAM_STORE_CROWD
        <= ngx_http_vstream_store_most) {
        ngx_http_vstream_store_most = recent;
        (void) malloc_trim(0);

    } else {
        ngx_http_vstream_store_most =
            ngx_max(ngx_http_vstream_store_most, recent);
    }
}


static void
ngx_http_vstream_store_tick(ngx_event_t *ev)
{
    ngx_queue_t *q, *next;

    ngx_add_timer(ev, NGX_HTTP_VSTREAM_STORE_TICK);

    if (ngx_worker == 0 && !ngx_exiting) {
        ngx_http_vstream_origin_tend(ngx_http_vstream_store_conf);
    }

    /* Handlers free no camera, so `next` stays what it is. */

    for (q = ngx_queue_head(&ngx_http_vstream_store_cameras);
         q != ngx_queue_sentinel(&ngx_http_vstream_store_cameras); q = next)
    {
        next = ngx_queue_next(q);
        ngx_http_vstream_store_look_after(
            ngx_queue_data(q, ngx_http_vstream_camera_t, queue));
    }

    ngx_http_vstream_store_return_memory();
}
