/*
 * The reader thread, see vsw_reader.h.  What both threads touch is under the
 * lock, but `ring`: it is set while the thread is parked, between FAILED and
 * the next dial.
 */

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <libavutil/time.h>

#include "vsw_reader.h"

/*
 * Before the second access unit nobody knows how far apart they are: a camera
 * of one picture in some seconds gets the time to show it.
 */
#define VSW_STALL_UNKNOWN_US 10000000


struct vsw_reader_s {
    const vsw_camera_config_t *config;
    vsw_unit_ring_t           *ring;
    vsw_source_t              *source;
    int                        event;
    atomic_bool                is_eager;
    pthread_t                  thread;
    pthread_mutex_t            lock;
    pthread_cond_t             wanted; /* one of these two */
    bool                       is_redialled;
    bool                       is_stopped;
    vsw_report_t               report;
    vsw_meter_t                meter;
};


static void *vsw_reader_main(void *data);


static int
vsw_reader_start(vsw_reader_t *reader)
{
    reader->report.since_us = av_gettime_relative();
    reader->report.connect_us = reader->source->connect_us;
    reader->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&reader->lock, NULL);
    pthread_cond_init(&reader->wanted, NULL);

    if (reader->event == -1
        || pthread_create(&reader->thread, NULL, vsw_reader_main, reader) != 0)
    {
        return VSTREAM_ERROR;
    }

    return VSTREAM_OK;
}


vsw_reader_t *
vsw_reader_create(const vsw_camera_config_t *config, vsw_unit_ring_t *ring,
                  vsw_failure_t *failure)
{
    vsw_reader_t *reader;

    reader = calloc(1, sizeof(*reader));
    if (reader == NULL) {
        vsw_failure_set_av(failure, AVERROR(ENOMEM), "the camera");
        return NULL;
    }

    reader->config = config;
    reader->ring = ring;
    reader->source = vsw_source_create(config, failure);

    if (reader->source == NULL) {
        free(reader);
        return NULL;
    }

    if (vsw_reader_start(reader) != VSTREAM_OK) {
        vsw_failure_set_av(failure, AVERROR(ENOMEM), "the camera");
        vsw_source_destroy(reader->source);
        free(reader);
        return NULL;
    }

    return reader;
}


int
vsw_reader_fd(const vsw_reader_t *reader)
{
    return reader->event;
}


void
vsw_reader_fd_clear(vsw_reader_t *reader)
{
    uint64_t count;

    (void) !read(reader->event, &count, sizeof(count));
}


static void
vsw_reader_wake(vsw_reader_t *reader)
{
    uint64_t one = 1;

    (void) !write(reader->event, &one, sizeof(one));
}


void
vsw_reader_set_eager(vsw_reader_t *reader, bool is_eager)
{
    atomic_store(&reader->is_eager, is_eager);
}


/* The longest silence that is no stall.  Under the lock. */
static int64_t
vsw_reader_stall_us(const vsw_reader_t *reader)
{
    int64_t       limit_us;
    vsw_measure_t measure;

    vsw_meter_read(&reader->meter, reader->report.heard_us, &measure);

    if (measure.interval_us == 0) {
        measure.interval_us = reader->source->interval_us;
    }

    if (measure.interval_us == 0) {
        return VSW_STALL_UNKNOWN_US;
    }

    limit_us = VSW_STALL_INTERVALS * measure.interval_us;

    return limit_us < reader->source->stall_min_us
               ? reader->source->stall_min_us
               : limit_us;
}


void
vsw_reader_report(vsw_reader_t *reader, vsw_report_t *report)
{
    pthread_mutex_lock(&reader->lock);

    *report = reader->report;
    vsw_meter_read(&reader->meter, av_gettime_relative(), &report->measure);

    pthread_mutex_unlock(&reader->lock);
}


vsw_value_box_t *
vsw_reader_values(vsw_reader_t *reader)
{
    vsw_value_box_t *values;

    pthread_mutex_lock(&reader->lock);
    values = vsw_source_values(reader->source);
    pthread_mutex_unlock(&reader->lock);

    return values;
}


void
vsw_reader_stop(vsw_reader_t *reader, int64_t wait_us)
{
    struct timespec until;

    pthread_mutex_lock(&reader->lock);

    reader->is_stopped = true;
    vsw_source_stop(reader->source);
    pthread_cond_signal(&reader->wanted);

    pthread_mutex_unlock(&reader->lock);

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += wait_us * 1000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;

    if (pthread_clockjoin_np(reader->thread, NULL, CLOCK_MONOTONIC, &until)
        == 0) {
        vsw_source_destroy(reader->source);
    }
}


void
vsw_reader_abort(vsw_reader_t *reader)
{
    pthread_mutex_lock(&reader->lock);
    vsw_source_stop(reader->source);
    pthread_mutex_unlock(&reader->lock);
}


void
vsw_reader_redial(vsw_reader_t *reader, vsw_unit_ring_t *ring)
{
    pthread_mutex_lock(&reader->lock);

    reader->ring = ring;
    reader->is_redialled = true;
    reader->report.state = VSW_READER_CONNECTING;
    reader->report.since_us = av_gettime_relative();
    reader->report.heard_us = 0;
    reader->report.failure.reason = NULL;
    memset(&reader->meter, 0, sizeof(reader->meter));
    pthread_cond_signal(&reader->wanted);

    pthread_mutex_unlock(&reader->lock);
}


static void
vsw_reader_state_set(vsw_reader_t *reader, vsw_reader_state_t state,
                     const vsw_failure_t *failure)
{
    pthread_mutex_lock(&reader->lock);

    reader->report.state = state;
    reader->report.since_us = av_gettime_relative();
    reader->report.stall_us = vsw_reader_stall_us(reader);
    reader->report.failure = *failure;

    pthread_mutex_unlock(&reader->lock);

    vsw_reader_wake(reader);
}


/* Counts a unit.  Returns how long the next one may take. */
static int64_t
vsw_reader_count(vsw_reader_t *reader, const vsw_unit_t *unit, size_t bytes)
{
    int64_t stall_us;

    pthread_mutex_lock(&reader->lock);

    vsw_meter_add(&reader->meter, unit->t_us, bytes, unit->is_key);
    reader->report.access_units++;
    reader->report.bytes += bytes;
    reader->report.heard_us = unit->t_us;
    reader->report.heard_unix_us = unit->t_unix_us;
    reader->report.stall_us = stall_us = vsw_reader_stall_us(reader);

    pthread_mutex_unlock(&reader->lock);

    return stall_us;
}


/* The source has another stream, as it has when it has just been opened. */
static int
vsw_reader_stream_begin(vsw_reader_t *reader, vsw_failure_t *failure)
{
    if (vsw_unit_ring_stream_begin(reader->ring, reader->source->parameters)
        != VSTREAM_OK)
    {
        vsw_failure_set_av(failure, AVERROR(ENOMEM), "the camera");
        return VSTREAM_ERROR;
    }

    reader->source->is_changed = false;

    return VSTREAM_OK;
}


/* The source is there, but had nothing new to show. */
static void
vsw_reader_heard(vsw_reader_t *reader, const vsw_unit_t *unit)
{
    pthread_mutex_lock(&reader->lock);

    reader->report.heard_us = unit->t_us;
    reader->report.heard_unix_us = unit->t_unix_us;

    pthread_mutex_unlock(&reader->lock);
}


/* One unit into the ring.  *stall_us: how long the next one may take. */
static int
vsw_reader_put(vsw_reader_t *reader, AVPacket *packet, vsw_unit_t *unit,
               int64_t *stall_us, vsw_failure_t *failure)
{
    size_t bytes = (size_t) packet->size;

    if (bytes > reader->config->max_frame_bytes) {
        vsw_failure_set(failure, VSTREAM_REASON_TOO_LARGE,
                        "the camera sent a picture of %zu bytes, more than "
                        "the %zu allowed: lower its resolution or bit rate",
                        bytes, reader->config->max_frame_bytes);
        return VSTREAM_ERROR;
    }

    if (reader->source->is_changed
        && vsw_reader_stream_begin(reader, failure) != VSTREAM_OK)
    {
        return VSTREAM_ERROR;
    }

    if (vsw_unit_ring_put(reader->ring, packet, unit) != VSTREAM_OK) {
        vsw_failure_set_av(failure, AVERROR(ENOMEM), "the camera");
        return VSTREAM_ERROR;
    }

    *stall_us = vsw_reader_count(reader, unit, bytes);

    if (unit->is_key || atomic_load(&reader->is_eager)) {
        vsw_reader_wake(reader);
    }

    return VSTREAM_OK;
}


/* Reads until the source fails. */
static void
vsw_reader_loop(vsw_reader_t *reader, AVPacket *packet, vsw_failure_t *failure)
{
    int        rc;
    int64_t    stall_us = vsw_reader_stall_us(reader);
    vsw_unit_t unit;

    do {
        rc = vsw_source_read(reader->source, stall_us, packet, &unit, failure);

        if (rc == VSTREAM_OK) {
            rc = vsw_reader_put(reader, packet, &unit, &stall_us, failure);

        } else if (rc == VSTREAM_AGAIN) {
            vsw_reader_heard(reader, &unit);
        }

    } while (rc != VSTREAM_ERROR);
}


/* Until the source is to be dialled again.  VSTREAM_ERROR: it is not. */
static int
vsw_reader_park(vsw_reader_t *reader)
{
    int rc;

    pthread_mutex_lock(&reader->lock);

    while (!reader->is_redialled && !reader->is_stopped) {
        pthread_cond_wait(&reader->wanted, &reader->lock);
    }

    rc = reader->is_stopped ? VSTREAM_ERROR : VSTREAM_OK;
    reader->is_redialled = false;

    pthread_mutex_unlock(&reader->lock);

    return rc;
}


/* A source is opened only once.  VSTREAM_ERROR: `failure` is set. */
static int
vsw_reader_source_renew(vsw_reader_t *reader, vsw_failure_t *failure)
{
    vsw_source_t *former, *source;

    source = vsw_source_create(reader->config, failure);
    if (source == NULL) {
        return VSTREAM_ERROR;
    }

    pthread_mutex_lock(&reader->lock);

    former = reader->source;
    reader->source = source;

    if (reader->is_stopped) {
        vsw_source_stop(source);
    }

    pthread_mutex_unlock(&reader->lock);

    vsw_source_destroy(former);

    return VSTREAM_OK;
}


/* From dialling to failure. */
static void
vsw_reader_attempt(vsw_reader_t *reader, AVPacket *packet,
                   vsw_failure_t *failure)
{
    if (packet == NULL) {
        vsw_failure_set_av(failure, AVERROR(ENOMEM), "the camera");

    } else if (vsw_source_open(reader->source, failure) == VSTREAM_OK
               && vsw_reader_stream_begin(reader, failure) == VSTREAM_OK)
    {
        vsw_reader_state_set(reader, VSW_READER_STREAMING, failure);
        vsw_reader_loop(reader, packet, failure);
    }

    vsw_failure_set(failure, VSTREAM_REASON_PROTOCOL_ERROR,
                    "the camera was given up");
    vsw_reader_state_set(reader, VSW_READER_FAILED, failure);
}


static void *
vsw_reader_main(void *data)
{
    AVPacket     *packet = av_packet_alloc();
    vsw_reader_t *reader = data;
    vsw_failure_t failure = { 0 };

    vsw_reader_attempt(reader, packet, &failure);

    while (vsw_reader_park(reader) == VSTREAM_OK) {
        failure.reason = NULL;

        if (vsw_reader_source_renew(reader, &failure) == VSTREAM_OK) {
            vsw_reader_attempt(reader, packet, &failure);

        } else {
            vsw_reader_state_set(reader, VSW_READER_FAILED, &failure);
        }
    }

    av_packet_free(&packet);

    return NULL;
}
