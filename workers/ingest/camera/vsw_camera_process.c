/*
 * The camera process: its main thread.  It polls the link and the reader,
 * lets vsw_viewing.c do what is needed, reports counts, and ends with a
 * reason.
 */

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/time.h>
#include <libswscale/swscale.h>
#include <turbojpeg.h>

#include "vstream_writer.h"
#include "vsw_camera_config.h"
#include "vsw_camera_process.h"
#include "vsw_dial.h"
#include "vsw_link.h"
#include "vsw_media_log.h"
#include "vsw_reader.h"
#include "vsw_viewing.h"

#define VSW_COUNTS_US 250000

/* For DNS, which no deadline reaches, on top of the time to connect. */
#define VSW_CONNECT_GRACE_US 500000

/* How long the last words may take. */
#define VSW_FAREWELL_MS 500
#define VSW_TEARDOWN_US 200000


typedef struct {
    vsw_link_t         *link;
    vsw_camera_config_t config;
    vsw_unit_ring_t    *ring;
    vsw_reader_t       *reader;
    vsw_viewing_t      *viewing;
    bool                is_started;
    vsw_report_t        report;
    int64_t             counts_due_us;
    vsw_failure_t       failure;
} vsw_camera_t;


/* Sends an object of two texts; both are masked already. */
static void
vsw_camera_texts_send(vsw_camera_t *c, vsw_link_type_t type, const char *name1,
                      const char *text1, const char *name2, const char *text2)
{
    char             json[4096];
    vstream_writer_t w;

    vstream_writer_init(&w, json, sizeof(json));
    vstream_writer_text(&w, "{\"");
    vstream_writer_text(&w, name1);
    vstream_writer_text(&w, "\":");
    vstream_writer_json_string(&w, (vstream_slice_t) { text1, strlen(text1) });
    vstream_writer_text(&w, ",\"");
    vstream_writer_text(&w, name2);
    vstream_writer_text(&w, "\":");
    vstream_writer_json_string(&w, (vstream_slice_t) { text2, strlen(text2) });
    vstream_writer_text(&w, "}");

    if (vstream_writer_status(&w) == VSTREAM_OK) {
        (void) vsw_link_write(c->link, type, json, w.length, NULL, 0);
    }
}


static void
vsw_camera_logs_send(vsw_camera_t *c)
{
    vsw_media_log_line_t line;

    while (vsw_media_log_take(&line)) {
        vsw_camera_texts_send(c, VSW_LINK_LOG, "level",
                              line.is_error ? "error" : "warn", "message",
                              line.text);
    }
}


static void
vsw_camera_counts_send(vsw_camera_t *c)
{
    vsw_link_counts_t    counts = { 0 };
    vsw_viewing_counts_t viewing = { 0 };
    vsw_value_counts_t   values = { 0 };

    if (c->viewing != NULL) {
        vsw_viewing_counts(c->viewing, &viewing);
    }

    if (c->reader != NULL && vsw_reader_values(c->reader) != NULL) {
        vsw_value_box_counts(vsw_reader_values(c->reader), &values);
    }

    counts.access_units = c->report.access_units;
    counts.bytes = c->report.bytes;
    counts.heard_unix_us = c->report.heard_unix_us;
    counts.frames_late = viewing.frames_late;
    counts.frames_broken = viewing.frames_broken;
    counts.units_skipped = viewing.units_skipped;
    counts.values = values.put;
    counts.values_late = values.late;
    counts.values_broken = values.broken;
    counts.fps_milli = c->report.measure.fps_milli;
    counts.kbps = c->report.measure.kbps;
    counts.keyframe_ms = c->report.measure.keyframe_ms;

    (void) vsw_link_write(c->link, VSW_LINK_COUNTS, &counts, sizeof(counts),
                          NULL, 0);
}


/* What is in flight goes out, if the supervisor takes it in time. */
static void
vsw_camera_link_drain(vsw_camera_t *c)
{
    int64_t       end_us = av_gettime_relative() + VSW_FAREWELL_MS * 1000;
    struct pollfd pfd = { .fd = vsw_link_fd(c->link), .events = POLLOUT };

    while (vsw_link_flush(c->link) == VSTREAM_AGAIN
           && av_gettime_relative() < end_us)
    {
        (void) poll(&pfd, 1, 50);
    }
}


/* The end: says why, if the supervisor still listens, and leaves. */
static _Noreturn void
vsw_camera_end(vsw_camera_t *c)
{
    if (c->failure.reason != NULL) {
        vsw_mask_apply(&c->config.mask, c->failure.detail);
        vsw_camera_logs_send(c);
        vsw_camera_counts_send(c);
        vsw_camera_texts_send(c, VSW_LINK_FAILED, "reason", c->failure.reason,
                              "detail", c->failure.detail);
        vsw_camera_link_drain(c);
    }

    if (c->reader != NULL) {
        vsw_reader_stop(c->reader, VSW_TEARDOWN_US);
    }

    _exit(0);
}


/*
 * No process and no thread from now on: what would take over this process
 * could otherwise leave a fork behind when it ends.  Does not bind root.
 */
static void
vsw_camera_forks_end(void)
{
    struct rlimit none = { 0, 0 };

    (void) setrlimit(RLIMIT_NPROC, &none);
}


/* CONFIGURE starts everything.  A second one is a mistake. */
static int
vsw_camera_configure(vsw_camera_t *c, const vsw_link_message_t *message)
{
    if (c->reader != NULL
        || vsw_camera_config_read(&c->config, message->payload, message->length,
                                  &c->failure)
               != VSTREAM_OK)
    {
        vsw_failure_set(&c->failure, VSTREAM_REASON_BAD_SOURCE,
                        "the camera process was configured twice");
        return VSTREAM_ERROR;
    }

    vsw_media_log_start(&c->config.mask);
    vsw_dial_activate(&c->config.dial);

    c->ring = vsw_unit_ring_create();
    if (c->ring != NULL) {
        c->viewing = vsw_viewing_create(&c->config, c->ring, c->link);
    }

    if (c->viewing == NULL) {
        vsw_failure_set_av(&c->failure, AVERROR(ENOMEM), "the camera");
        return VSTREAM_ERROR;
    }

    c->reader = vsw_reader_create(&c->config, c->ring, &c->failure);
    vsw_camera_forks_end();

    return c->reader != NULL ? VSTREAM_OK : VSTREAM_ERROR;
}


/* Where no source takes values, they are passed by. */
static int
vsw_camera_value(vsw_camera_t *c, const vsw_link_message_t *message)
{
    vsw_link_value_t head;

    if (c->reader == NULL || vsw_reader_values(c->reader) == NULL) {
        return VSTREAM_OK;
    }

    memcpy(&head, message->payload, sizeof(head));

    if (vsw_value_box_put(vsw_reader_values(c->reader), head.t_unix_us,
                          message->payload + sizeof(head),
                          message->length - sizeof(head))
        != VSTREAM_OK)
    {
        vsw_failure_set_av(&c->failure, AVERROR(ENOMEM), "the topic");
        return VSTREAM_ERROR;
    }

    return VSTREAM_OK;
}


static int
vsw_camera_message(vsw_camera_t *c, const vsw_link_message_t *message)
{
    vsw_link_watched_t watched;

    switch (message->type) {
    case VSW_LINK_CONFIGURE:
        return vsw_camera_configure(c, message);

    case VSW_LINK_WATCHED:
        memcpy(&watched, message->payload, sizeof(watched));
        if (c->viewing != NULL && watched.rendition == VSTREAM_RENDITION_MAIN) {
            vsw_viewing_watched_set(c->viewing, watched.viewers);
        }
        return VSTREAM_OK;

    case VSW_LINK_VALUE:
        return vsw_camera_value(c, message);

    default:
        return VSTREAM_ERROR;
    }
}


/* VSTREAM_ERROR: the link has ended, or a failure is set. */
static int
vsw_camera_messages_read(vsw_camera_t *c)
{
    int                rc;
    vsw_link_message_t message;

    while ((rc = vsw_link_read(c->link, &message)) == VSTREAM_OK) {
        if (vsw_camera_message(c, &message) != VSTREAM_OK) {
            return VSTREAM_ERROR;
        }
    }

    return rc == VSTREAM_ERROR ? VSTREAM_ERROR : VSTREAM_OK;
}


/*
 * The second watchdog.  The reader has deadlines of its own, but a name
 * server that does not answer, or a decoder's bug, heeds none.  A source that
 * is fed dials nobody: its first picture may take as long as it takes.
 */
static void
vsw_camera_silence_check(vsw_camera_t *c, int64_t now_us)
{
    int64_t heard_us =
        c->report.heard_us > 0 ? c->report.heard_us : c->report.since_us;

    if (c->report.state == VSW_READER_CONNECTING
        && vsw_reader_values(c->reader) == NULL
        && now_us - c->report.since_us
               > c->config.connect_timeout_us + VSW_CONNECT_GRACE_US)
    {
        vsw_failure_set(&c->failure, VSTREAM_REASON_TIMEOUT,
                        "the camera did not answer in time: check host, port "
                        "and network, and the name server");
    }

    if (c->report.state == VSW_READER_STREAMING
        && now_us - heard_us > c->report.stall_us + VSW_CONNECT_GRACE_US)
    {
        vsw_failure_set(&c->failure, VSTREAM_REASON_STALLED, VSW_STALLED_TEXT);
    }
}


/* What the reader has to tell. */
static int
vsw_camera_report_read(vsw_camera_t *c, int64_t now_us)
{
    vsw_reader_report(c->reader, &c->report);

    if (c->report.state == VSW_READER_FAILED) {
        c->failure = c->report.failure;
    }

    vsw_camera_silence_check(c, now_us);

    if (c->failure.reason != NULL) {
        return VSTREAM_ERROR;
    }

    if (c->report.state == VSW_READER_STREAMING && !c->is_started) {
        c->is_started = true;
        return vsw_viewing_start(c->viewing, &c->failure);
    }

    return VSTREAM_OK;
}


/* One turn of the loop, after poll().  *due_us: when the next one is due. */
static int
vsw_camera_turn(vsw_camera_t *c, int64_t *due_us)
{
    int     rc;
    int64_t now_us = av_gettime_relative();

    vsw_reader_fd_clear(c->reader);

    if (vsw_camera_report_read(c, now_us) != VSTREAM_OK) {
        return VSTREAM_ERROR;
    }

    rc = vsw_viewing_work(c->viewing, due_us, &c->failure);
    if (rc == VSTREAM_ERROR) {
        return VSTREAM_ERROR;
    }

    vsw_reader_set_eager(c->reader, vsw_viewing_is_attached(c->viewing));

    if (now_us >= c->counts_due_us) {
        c->counts_due_us = now_us + VSW_COUNTS_US;
        vsw_camera_logs_send(c);
        vsw_camera_counts_send(c);
    }

    if (rc == VSTREAM_OK) {
        *due_us = now_us; /* there may be more to do */

    } else if (*due_us > c->counts_due_us) {
        *due_us = c->counts_due_us;
    }

    return VSTREAM_OK;
}


static void
vsw_camera_wait(vsw_camera_t *c, int64_t due_us)
{
    int           wait_ms = -1;
    int64_t       left_us = due_us - av_gettime_relative();
    struct pollfd pfds[2];

    pfds[0].fd = vsw_link_fd(c->link);
    pfds[0].events = vsw_link_is_pending(c->link) ? POLLIN | POLLOUT : POLLIN;
    pfds[1].fd = c->reader != NULL ? vsw_reader_fd(c->reader) : -1;
    pfds[1].events = POLLIN;

    if (c->reader != NULL) {
        wait_ms = left_us > 0 ? (int) ((left_us + 999) / 1000) : 0;
    }

    (void) poll(pfds, 2, wait_ms);
}


/* Memory goes back to the system when it is no longer used. */
static void
vsw_camera_memory_set(void)
{
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_MMAP_THRESHOLD, 128 * 1024);
    mallopt(M_TRIM_THRESHOLD, 128 * 1024);
}


_Noreturn void
vsw_camera_process_run(const char *id)
{
    int64_t      due_us = 0;
    vsw_camera_t c = { 0 };

    (void) id;

    signal(SIGPIPE, SIG_IGN);
    vsw_camera_memory_set();

    c.link = vsw_link_create(VSW_LINK_FD);
    if (c.link == NULL) {
        _exit(127);
    }

    for (;;) {
        vsw_camera_wait(&c, due_us);

        if (vsw_link_flush(c.link) == VSTREAM_ERROR
            || vsw_camera_messages_read(&c) != VSTREAM_OK)
        {
            vsw_camera_end(&c);
        }

        if (c.reader != NULL && vsw_camera_turn(&c, &due_us) != VSTREAM_OK) {
            vsw_camera_end(&c);
        }
    }
}


static void
vsw_preload_decoder(enum AVCodecID id)
{
    const AVCodec  *codec = avcodec_find_decoder(id);
    AVCodecContext *context;

    if (codec == NULL) {
        return;
    }

    context = avcodec_alloc_context3(codec);
    if (context != NULL) {
        context->thread_count = 1;
        (void) avcodec_open2(context, codec, NULL);
    }

    avcodec_free_context(&context);
}


void
vsw_camera_process_preload(void)
{
    tjhandle           compressor;
    struct SwsContext *scaler;

    vsw_camera_memory_set();
    av_log_set_level(AV_LOG_QUIET);
    avformat_network_init();

    vsw_preload_decoder(AV_CODEC_ID_H264);
    vsw_preload_decoder(AV_CODEC_ID_HEVC);
    vsw_preload_decoder(AV_CODEC_ID_MJPEG);

    scaler = sws_getContext(64, 64, AV_PIX_FMT_YUV420P, 32, 32,
                            AV_PIX_FMT_YUV420P, SWS_BILINEAR, NULL, NULL, NULL);
    sws_freeContext(scaler);

    compressor = tjInitCompress();
    if (compressor != NULL) {
        tjDestroy(compressor);
    }

    malloc_trim(0);
}
