/*
 * One stream, see vsw_stream.h.
 */

#include <stdlib.h>

#include <libavutil/time.h>

#include "vsw_reader.h"
#include "vsw_stream.h"
#include "vsw_viewing.h"

/* For DNS, which no deadline reaches, on top of the time to connect. */
#define VSW_CONNECT_GRACE_US 500000


struct vsw_stream_s {
    const vsw_camera_config_t *config;
    vstream_rendition_t        rendition;
    vsw_link_t                *link;
    vsw_unit_ring_t           *ring;
    vsw_reader_t              *reader;
    vsw_viewing_t             *viewing;
    vsw_duty_t                 duty;
    bool                       is_started; /* the viewing is */
    vsw_report_t               report;
    vsw_viewing_counts_t       former; /* of viewings before redials */
};


/* Ring and viewing, empty.  VSTREAM_ERROR: out of memory. */
static int
vsw_stream_prepare(vsw_stream_t *stream)
{
    stream->is_started = false;
    stream->ring = vsw_unit_ring_create();

    if (stream->ring != NULL) {
        stream->viewing = vsw_viewing_create(stream->config, stream->rendition,
                                             stream->ring, stream->link);
    }

    if (stream->viewing == NULL) {
        vsw_unit_ring_destroy(stream->ring);
        stream->ring = NULL;
        return VSTREAM_ERROR;
    }

    vsw_viewing_duty_set(stream->viewing, &stream->duty);

    return VSTREAM_OK;
}


/* The reader must have ended, or never have been. */
static void
vsw_stream_clear(vsw_stream_t *stream)
{
    vsw_viewing_destroy(stream->viewing);
    vsw_unit_ring_destroy(stream->ring);
    stream->viewing = NULL;
    stream->ring = NULL;
}


vsw_stream_t *
vsw_stream_create(const vsw_camera_config_t *config,
                  vstream_rendition_t rendition, vsw_link_t *link,
                  vsw_failure_t *failure)
{
    vsw_stream_t *stream;

    stream = calloc(1, sizeof(*stream));
    if (stream == NULL) {
        vsw_failure_set_av(failure, AVERROR(ENOMEM), "the camera");
        return NULL;
    }

    stream->config = config;
    stream->rendition = rendition;
    stream->link = link;

    if (vsw_stream_prepare(stream) != VSTREAM_OK) {
        vsw_failure_set_av(failure, AVERROR(ENOMEM), "the camera");

    } else {
        stream->reader = vsw_reader_create(config, stream->ring, failure);
    }

    if (stream->reader == NULL) {
        vsw_stream_clear(stream);
        free(stream);
        return NULL;
    }

    return stream;
}


int
vsw_stream_fd(const vsw_stream_t *stream)
{
    return vsw_reader_fd(stream->reader);
}


void
vsw_stream_fd_clear(vsw_stream_t *stream)
{
    vsw_reader_fd_clear(stream->reader);
}


void
vsw_stream_duty_set(vsw_stream_t *stream, const vsw_duty_t *duty)
{
    stream->duty = *duty;

    if (stream->viewing != NULL) {
        vsw_viewing_duty_set(stream->viewing, duty);
    }
}


/*
 * The second watchdog.  The reader has deadlines of its own, but a name
 * server that does not answer, or a decoder's bug, heeds none.  A source that
 * is fed dials nobody: its first picture may take as long as it takes.
 */
static void
vsw_stream_silence_check(const vsw_stream_t *stream, int64_t now_us,
                         vsw_failure_t *failure)
{
    const vsw_report_t *report = &stream->report;
    int64_t             heard_us =
        report->heard_us > 0 ? report->heard_us : report->since_us;

    if (report->state == VSW_READER_CONNECTING
        && vsw_reader_values(stream->reader) == NULL
        && now_us - report->since_us
               > report->connect_us + VSW_CONNECT_GRACE_US)
    {
        vsw_failure_set(failure, VSTREAM_REASON_TIMEOUT,
                        "the camera did not answer in time: check host, port "
                        "and network, and the name server");
    }

    if (report->state == VSW_READER_STREAMING
        && now_us - heard_us > report->stall_us + VSW_CONNECT_GRACE_US)
    {
        vsw_failure_set(failure, VSTREAM_REASON_STALLED, VSW_STALLED_TEXT);
    }
}


/* What the reader has to tell. */
static int
vsw_stream_report_read(vsw_stream_t *stream, vsw_failure_t *failure)
{
    vsw_reader_report(stream->reader, &stream->report);

    if (stream->report.state == VSW_READER_FAILED) {
        *failure = stream->report.failure;
    }

    vsw_stream_silence_check(stream, av_gettime_relative(), failure);

    if (failure->reason != NULL) {
        return VSTREAM_ERROR;
    }

    if (stream->report.state == VSW_READER_STREAMING && !stream->is_started) {
        stream->is_started = true;
        return vsw_viewing_start(stream->viewing, failure);
    }

    return VSTREAM_OK;
}


int
vsw_stream_work(vsw_stream_t *stream, int64_t *due_us, vsw_failure_t *failure)
{
    int rc;

    if (vsw_stream_report_read(stream, failure) != VSTREAM_OK) {
        return VSTREAM_ERROR;
    }

    rc = vsw_viewing_work(stream->viewing, due_us, failure);

    if (rc != VSTREAM_ERROR) {
        vsw_reader_set_eager(stream->reader,
                             vsw_viewing_is_attached(stream->viewing));
    }

    return rc;
}


bool
vsw_stream_is_there(vsw_stream_t *stream)
{
    vsw_unit_t key;

    if (!stream->is_started) {
        return false;
    }

    vsw_unit_ring_newest_key(stream->ring, &key);

    return key.serial > 0;
}


vsw_value_box_t *
vsw_stream_values(vsw_stream_t *stream)
{
    return vsw_reader_values(stream->reader);
}


void
vsw_stream_counts(const vsw_stream_t *stream, vsw_link_counts_t *counts)
{
    vsw_viewing_counts_t viewing = { 0 };

    if (stream->viewing != NULL) {
        vsw_viewing_counts(stream->viewing, &viewing);
    }

    counts->access_units = stream->report.access_units;
    counts->bytes = stream->report.bytes;
    counts->heard_unix_us = stream->report.heard_unix_us;
    counts->fps_milli = stream->report.measure.fps_milli;
    counts->kbps = stream->report.measure.kbps;
    counts->keyframe_ms = stream->report.measure.keyframe_ms;

    counts->frames_late += stream->former.frames_late + viewing.frames_late;
    counts->frames_broken +=
        stream->former.frames_broken + viewing.frames_broken;
    counts->units_skipped +=
        stream->former.units_skipped + viewing.units_skipped;
}


void
vsw_stream_abort(vsw_stream_t *stream)
{
    vsw_reader_abort(stream->reader);
}


bool
vsw_stream_has_ended(vsw_stream_t *stream)
{
    vsw_reader_report(stream->reader, &stream->report);

    return stream->report.state == VSW_READER_FAILED;
}


int
vsw_stream_redial(vsw_stream_t *stream)
{
    vsw_viewing_counts_t counts = { 0 };

    if (stream->viewing != NULL) {
        vsw_viewing_counts(stream->viewing, &counts);
        stream->former.frames_late += counts.frames_late;
        stream->former.frames_broken += counts.frames_broken;
        stream->former.units_skipped += counts.units_skipped;
    }

    vsw_stream_clear(stream);

    if (vsw_stream_prepare(stream) != VSTREAM_OK) {
        return VSTREAM_ERROR;
    }

    vsw_reader_redial(stream->reader, stream->ring);
    vsw_reader_report(stream->reader, &stream->report);

    return VSTREAM_OK;
}


void
vsw_stream_stop(vsw_stream_t *stream, int64_t wait_us)
{
    vsw_reader_stop(stream->reader, wait_us);
}
