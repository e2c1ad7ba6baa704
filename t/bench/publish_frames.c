/*
 * Frames through Redis as vstream-ingest sends them: its own room for that
 * (vsw_publisher), on a loop as there, each frame as it comes from a camera
 * process, and a still of each camera once a second.  So many cameras, without
 * the processes that they need, show how many one Redis carries.
 *
 *     publish_frames -b redis://USER:PASSWORD@HOST:PORT -f JPEG [-c CAMERAS]
 *                    [-r FRAMES/S] [-d SECONDS]
 */

#include "load.h"

#include <stdbool.h>
#include <unistd.h>

#include "vsw_clock.h"
#include "vsw_log.h"
#include "vsw_publisher.h"
#include "vsw_redis_address.h"

#define SUBSCRIBERS 2 /* who they are is no matter here */


typedef struct {
    char            id[32];
    vsw_lease_t     lease; /* it is never lost */
    vsw_publisher_t publisher;
    double          still_due;
} camera_t;

static camera_t           cameras[LOAD_CAMERAS_MAX];
static vsw_lease_office_t office;
static vsw_ages_t         ages;
static vsw_redis_t       *redis;
static uint8_t           *payload; /* header and JPEG */
static size_t             length;
static double             started; /* 0: Redis is not there yet */
static long               offered;


static void
payload_create(void)
{
    length = sizeof(vsw_link_frame_t) + (size_t) load.size;
    payload = malloc(length);
    if (payload == NULL) {
        exit(1);
    }

    memcpy(payload + sizeof(vsw_link_frame_t), load.bytes, (size_t) load.size);
}


static void
fenced(void *data)
{
    (void) data;
    fprintf(stderr, "publish_frames: a still was refused\n");
    exit(1);
}


static void
cameras_create(void)
{
    camera_t *camera;
    int       i;

    office.prefix = VSTREAM_SLICE(VSTREAM_PREFIX_DEFAULT);
    vsw_ages_init(&ages, vsw_ages_of_frames_us);

    for (i = 0; i < load.cameras; i++) {
        camera = &cameras[i];
        snprintf(camera->id, sizeof(camera->id), "camera-%d", i);
        camera->lease = (vsw_lease_t) { .office = &office,
                                        .id = camera->id,
                                        .state = VSW_LEASE_HELD,
                                        .epoch = (uint64_t) vsw_clock_unix_us(),
                                        .deadline_ms = INT64_MAX };
        vsw_publisher_init(&camera->publisher, redis, &camera->lease, &ages,
                           fenced, camera);
        camera->publisher.slots[VSTREAM_RENDITION_MAIN].watched = SUBSCRIBERS;
    }
}


static void
frame_offer(camera_t *camera)
{
    double           now = load_now();
    vsw_link_frame_t head = { .t_unix_us = vsw_clock_unix_us(),
                              .flags = VSW_FRAME_LIVE };

    if (now >= camera->still_due) {
        head.flags |= VSW_FRAME_STILL;
        camera->still_due = now + 1;
    }

    memcpy(payload, &head, sizeof(head));
    vsw_publisher_frame(&camera->publisher, head.flags, payload, length);
    load_called(now);
    offered++;
}


/* What was delivered and what was not, since it was warm. */
static void
cameras_count(void)
{
    int i;

    seen.delivered = seen.failed = 0;
    for (i = 0; i < load.cameras; i++) {
        seen.delivered += (long) vsw_publisher_pushed(&cameras[i].publisher);
        seen.failed += (long) vsw_publisher_drops(&cameras[i].publisher);
    }
}


static void
cameras_begin(void)
{
    int i;

    for (i = 0; i < load.cameras; i++) {
        vsw_publisher_begin(&cameras[i].publisher);
    }
}


/* One frame at its time, and the next time. */
static void
pace(struct ev_loop *loop, ev_timer *timer, int revents)
{
    bool   was_warm = seen.began != 0;
    double wait;

    (void) revents;

    if (load_is_over(started)) {
        ev_break(loop, EVBREAK_ALL);
        return;
    }

    if (!was_warm && seen.began != 0) {
        cameras_begin();
    }

    while (started + (double) offered / load.rate <= load_now()) {
        frame_offer(&cameras[offered % load.cameras]);
    }

    wait = started + (double) offered / load.rate - load_now();
    ev_timer_stop(loop, timer);
    ev_now_update(loop);
    ev_timer_set(timer, wait > 0 ? wait : 0, 0.);
    ev_timer_start(loop, timer);
}


static void
redis_up(void *data)
{
    started = load_now();
    ev_timer_start(ev_default_loop(0), data);
}


static void
redis_down(void *data)
{
    (void) data;
    fprintf(stderr, "publish_frames: Redis is away\n");
    exit(1);
}


int
main(int argc, char **argv)
{
    struct ev_loop      *loop = ev_default_loop(0);
    vsw_redis_options_t  options = { .name = "media" };
    vsw_redis_handlers_t handlers = { .up = redis_up, .down = redis_down };
    ev_timer             pacer;

    load_options(argc, argv);
    vsw_log_configure(VSW_LOG_PLAIN, VSW_LOG_ERROR);
    payload_create();

    if (vsw_redis_address_read(load.brokers, &options.address) != NULL) {
        fprintf(stderr, "publish_frames: no Redis of this name\n");
        return 2;
    }

    ev_timer_init(&pacer, pace, 0., 0.);
    redis = vsw_redis_create(loop, &options, &handlers, &pacer);
    if (redis == NULL) {
        return 1;
    }

    cameras_create();
    ev_run(loop, 0);
    cameras_count();
    load_print();
    _exit(0);
}
