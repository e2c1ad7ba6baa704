/*
 * The camera process: its main thread.  It polls the link and the camera's one
 * or two streams, tells each what it is wanted for, reports counts, and ends
 * with a reason.
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
#include "vsw_source.h"
#include "vsw_substream.h"
#include "vsw_tls.h"

#define VSW_COUNTS_US 250000

/* Steps between two polls: the second one mostly finds nothing left. */
#define VSW_STEPS 2

/* How long the last words may take. */
#define VSW_FAREWELL_MS 500
#define VSW_TEARDOWN_US 200000


typedef struct {
    vsw_link_t         *link;
    vsw_camera_config_t config;
    vsw_stream_t       *stream;    /* the main one; NULL: not configured */
    vsw_substream_t    *substream; /* NULL: there is none */
    uint32_t            watched[VSTREAM_RENDITIONS];
    unsigned            turns;
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
    vsw_link_counts_t  counts = { 0 };
    vsw_value_counts_t values = { 0 };

    if (c->stream != NULL) {
        vsw_stream_counts(c->stream, &counts);
    }

    if (c->substream != NULL) {
        vsw_substream_counts_add(c->substream, &counts);
    }

    if (c->stream != NULL && vsw_stream_values(c->stream) != NULL) {
        vsw_value_box_counts(vsw_stream_values(c->stream), &values);
    }

    counts.values = values.put;
    counts.values_late = values.late;
    counts.values_broken = values.broken;

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

    if (c->substream != NULL) {
        vsw_substream_stop(c->substream, VSW_TEARDOWN_US);
    }

    if (c->stream != NULL) {
        vsw_stream_stop(c->stream, VSW_TEARDOWN_US);
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
    if (c->stream != NULL
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
    vsw_tls_ca_file_set(c->config.ca_file);

    c->stream = vsw_stream_create(&c->config, VSTREAM_RENDITION_MAIN, c->link,
                                  &c->failure);

    if (c->stream != NULL && c->config.substream != NULL) {
        c->substream = vsw_substream_create(&c->config, c->link);
    }

    if (!vsw_source_is_threaded(c->config.url)
        && (c->config.substream == NULL
            || !vsw_source_is_threaded(c->config.substream)))
    {
        vsw_camera_forks_end();
    }

    return c->stream != NULL ? VSTREAM_OK : VSTREAM_ERROR;
}


/* Where no source takes values, they are passed by. */
static int
vsw_camera_value(vsw_camera_t *c, const vsw_link_message_t *message)
{
    vsw_link_value_t head;

    if (c->stream == NULL || vsw_stream_values(c->stream) == NULL) {
        return VSTREAM_OK;
    }

    memcpy(&head, message->payload, sizeof(head));

    if (vsw_value_box_put(vsw_stream_values(c->stream), head.t_unix_us,
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
        if (watched.rendition < VSTREAM_RENDITIONS) {
            c->watched[watched.rendition] = watched.viewers;
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


/* Who does what: the main stream does what the substream cannot do now. */
static void
vsw_camera_duties_set(vsw_camera_t *c)
{
    bool       has_small;
    vsw_duty_t duty;

    has_small = c->substream != NULL && vsw_substream_is_there(c->substream);

    duty.watched = c->watched[VSTREAM_RENDITION_MAIN];
    duty.stand_in = has_small ? 0 : c->watched[VSTREAM_RENDITION_SMALL];
    duty.stills = !has_small;
    vsw_stream_duty_set(c->stream, &duty);

    if (c->substream != NULL) {
        vsw_substream_watched_set(c->substream,
                                  c->watched[VSTREAM_RENDITION_SMALL]);
    }
}


/*
 * A step of each stream.  They take turns in going first, since the link
 * takes one frame at a time.
 */
static int
vsw_camera_streams_work(vsw_camera_t *c, int64_t *due_us)
{
    int     i, rc, result = VSTREAM_AGAIN;
    int64_t stream_due_us;

    *due_us = INT64_MAX;
    c->turns++;

    for (i = 0; i < VSTREAM_RENDITIONS; i++) {
        if ((i + c->turns) % VSTREAM_RENDITIONS == VSTREAM_RENDITION_MAIN) {
            vsw_camera_duties_set(c); /* the substream may just have come */
            rc = vsw_stream_work(c->stream, &stream_due_us, &c->failure);

        } else if (c->substream != NULL) {
            rc = vsw_substream_work(c->substream, &stream_due_us);

        } else {
            continue;
        }

        if (rc == VSTREAM_ERROR) {
            return VSTREAM_ERROR;
        }

        result = rc == VSTREAM_OK ? VSTREAM_OK : result;
        *due_us = stream_due_us < *due_us ? stream_due_us : *due_us;
    }

    return result;
}


/* One turn of the loop, after poll().  *due_us: when the next one is due. */
static int
vsw_camera_turn(vsw_camera_t *c, int64_t *due_us)
{
    int     i, rc = VSTREAM_OK;
    int64_t now_us = av_gettime_relative();

    for (i = 0; i < VSW_STEPS && rc == VSTREAM_OK; i++) {
        rc = vsw_camera_streams_work(c, due_us);
    }

    if (rc == VSTREAM_ERROR) {
        return VSTREAM_ERROR;
    }

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


/* Returns whether the link is to be gone on with. */
static bool
vsw_camera_wait(vsw_camera_t *c, int64_t due_us)
{
    int           wait_ms = -1;
    int64_t       left_us = due_us - av_gettime_relative();
    struct pollfd pfds[3] = { 0 };

    pfds[0].fd = vsw_link_fd(c->link);
    pfds[0].events = vsw_link_is_pending(c->link) ? POLLIN | POLLOUT : POLLIN;
    pfds[1].fd = c->stream != NULL ? vsw_stream_fd(c->stream) : -1;
    pfds[1].events = POLLIN;
    pfds[2].fd = c->substream != NULL ? vsw_substream_fd(c->substream) : -1;
    pfds[2].events = POLLIN;

    if (c->stream != NULL) {
        wait_ms = left_us > 0 ? (int) ((left_us + 999) / 1000) : 0;
    }

    if (poll(pfds, 3, wait_ms) <= 0) {
        return false;
    }

    if (pfds[1].revents != 0) {
        vsw_stream_fd_clear(c->stream);
    }

    if (pfds[2].revents != 0) {
        vsw_substream_fd_clear(c->substream);
    }

    return pfds[0].revents != 0;
}


/*
 * Pictures and what decodes them come and go with each keyframe.  Were their
 * memory given back each time, to get it again would cost as much as to decode;
 * vsw_viewing.c gives it back when it is not needed for a while.
 */
static void
vsw_camera_memory_set(void)
{
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_MMAP_THRESHOLD, 32 * 1024 * 1024);
    mallopt(M_TRIM_THRESHOLD, 32 * 1024 * 1024);
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
        if (vsw_camera_wait(&c, due_us)
            && (vsw_link_flush(c.link) == VSTREAM_ERROR
                || vsw_camera_messages_read(&c) != VSTREAM_OK))
        {
            vsw_camera_end(&c);
        }

        if (c.stream != NULL && vsw_camera_turn(&c, &due_us) != VSTREAM_OK) {
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
