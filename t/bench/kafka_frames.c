/*
 * What it costs vstream-ingest to produce frames: its own room for that
 * (vsw_kafka_frames), on a loop as there, with all that it does for a frame.
 * See load.h for the options.
 */

#include "load.h"

#include <stdbool.h>
#include <unistd.h>

#include "vsw_clock.h"
#include "vsw_kafka_frames.h"

#define TICK_SECONDS 0.05


static vsw_kafka_frames_t *frames;
static vsw_kafka_camera_t *cameras[LOAD_CAMERAS_MAX];
static vsw_lease_t         lease; /* of all cameras; it is never lost */
static double              started;
static long                offered;


/* Reports are counted by the room itself, since the camera began. */
static void
cameras_count(long *delivered, long *failed)
{
    int i;

    *delivered = *failed = 0;
    for (i = 0; i < load.cameras; i++) {
        *delivered += (long) vsw_kafka_camera_counts(cameras[i])->published;
        *failed += (long) vsw_kafka_camera_drops(cameras[i]);
    }
}


static void
cameras_begin(void)
{
    int i;

    for (i = 0; i < load.cameras; i++) {
        vsw_kafka_camera_begin(cameras[i]);
    }
}


static void
frame_offer(void)
{
    vstream_frame_t frame = { .epoch = lease.epoch,
                              .seq = (uint64_t) offered + 1,
                              .t_unix_us = vsw_clock_unix_us(),
                              .width = 1280,
                              .height = 720 };
    double          now = load_now();

    vsw_kafka_camera_frame(
        cameras[offered % load.cameras], &frame,
        (vstream_slice_t) { load.bytes, (size_t) load.size });
    load_called(now);
    offered++;
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
        frame_offer();
    }

    wait = started + (double) offered / load.rate - load_now();
    ev_timer_stop(loop, timer);
    ev_now_update(loop);
    ev_timer_set(timer, wait > 0 ? wait : 0, 0.);
    ev_timer_start(loop, timer);
}


static void
tick(struct ev_loop *loop, ev_timer *timer, int revents)
{
    (void) loop;
    (void) timer;
    (void) revents;
    vsw_kafka_frames_tick(frames, vsw_clock_ms());
}


/* As a configuration file with these brokers and this topic would say. */
static void
frames_create(struct ev_loop *loop)
{
    static char               ids[LOAD_CAMERAS_MAX][32];
    static vsw_config_kafka_t config;
    int                       i;

    config.client.brokers = (char **) &load.brokers;
    config.client.brokers_count = 1;
    config.frames.topic = strdup(load.topic);

    if (vsw_kafka_section_defaults(&config, "bench") != 0) {
        exit(1);
    }
    lease.state = VSW_LEASE_HELD;
    lease.epoch = 1;
    lease.deadline_ms = INT64_MAX;

    frames = vsw_kafka_frames_create(loop, &config);
    for (i = 0; i < load.cameras; i++) {
        snprintf(ids[i], sizeof(ids[i]), "camera-%d", i);
        cameras[i] = vsw_kafka_camera_create(frames, ids[i], &lease);
        if (cameras[i] == NULL) {
            exit(1);
        }
    }
}


int
main(int argc, char **argv)
{
    struct ev_loop *loop = ev_default_loop(0);
    ev_timer        pacer, ticker;

    load_options(argc, argv);
    frames_create(loop);
    started = load_now();

    ev_timer_init(&pacer, pace, 0., 0.);
    ev_timer_init(&ticker, tick, 0., TICK_SECONDS);
    ev_timer_start(loop, &pacer);
    ev_timer_start(loop, &ticker);
    ev_run(loop, 0);

    cameras_count(&seen.delivered, &seen.failed);
    load_print();
    _exit(0);
}
