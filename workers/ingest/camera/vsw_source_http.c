/*
 * http: and https:.  What the camera answers decides what is read: multipart
 * JPEG, FLV, MPEG-TS or a playlist of HLS; its type says so, or, where that
 * says little, its first bytes do.
 *
 * HLS opens what its playlists name.  Each of these URLs comes by
 * vsw_http_io_open(), which lets nothing pass but HTTP; the addresses are
 * judged by the dial policy as all others are.  One that may not be opened
 * ends the source: a playlist that leads there once is not read on.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libavutil/common.h>
#include <libavutil/opt.h>
#include <libavutil/time.h>

#include "vsw_dial.h"
#include "vsw_media_log.h"
#include "vsw_source.h"

#define VSW_HTTP_HEAD 16

/* What libavformat logs before the URL of a segment. */
#define VSW_HLS_FIRST_TEXT "Error when loading first segment '"

/*
 * Segments of HLS come in one go.  Their pictures are let through at their own
 * pace, a little faster, so that what was late is caught up with.
 */
#define VSW_HLS_PACE_NUM    19
#define VSW_HLS_PACE_DEN    20
#define VSW_HLS_STEP_MAX_US 2000000
#define VSW_HLS_STALL_US    15000000

typedef enum {
    VSW_HTTP_MULTIPART,
    VSW_HTTP_FLV,
    VSW_HTTP_TS,
    VSW_HTTP_HLS,
    VSW_HTTP_STILL,
    VSW_HTTP_UNKNOWN,
} vsw_http_kind_t;

typedef int (*vsw_http_io_open_pt)(AVFormatContext *format, AVIOContext **io,
                                   const char *url, int flags,
                                   AVDictionary **options);

typedef struct {
    vsw_http_kind_t     kind;
    AVIOContext        *io;      /* the answer */
    vsw_http_io_open_pt io_open; /* libavformat's own */
    int64_t             due_us;  /* of the last picture; 0: there was none */
    int64_t             time_us; /* its decode time */
} vsw_http_t;

typedef struct {
    const char     *type; /* the beginning of a Content-Type */
    vsw_http_kind_t kind;
} vsw_http_type_t;

static const vsw_http_type_t vsw_http_types[] = {
    { "multipart/", VSW_HTTP_MULTIPART },
    { "image/jpeg", VSW_HTTP_STILL },
    { "image/jpg", VSW_HTTP_STILL },
    { "video/x-flv", VSW_HTTP_FLV },
    { "video/flv", VSW_HTTP_FLV },
    { "video/mp2t", VSW_HTTP_TS },
    { "application/vnd.apple.mpegurl", VSW_HTTP_HLS },
    { "application/x-mpegurl", VSW_HTTP_HLS },
    { "audio/mpegurl", VSW_HTTP_HLS },
    { "audio/x-mpegurl", VSW_HTTP_HLS },
};

#define VSW_HTTP_TYPES (sizeof(vsw_http_types) / sizeof(vsw_http_types[0]))

typedef int (*vsw_http_open_pt)(vsw_source_t *source, vsw_failure_t *failure);


static void
vsw_http_free(vsw_source_t *source)
{
    vsw_http_t *http = source->state;

    if (http != NULL) {
        avio_closep(&http->io);
        free(http);
        source->state = NULL;
    }
}


static vsw_http_kind_t
vsw_http_type_kind(const char *type)
{
    for (size_t i = 0; i < VSW_HTTP_TYPES; i++) {
        if (strncasecmp(type, vsw_http_types[i].type,
                        strlen(vsw_http_types[i].type))
            == 0)
        {
            return vsw_http_types[i].kind;
        }
    }

    return VSW_HTTP_UNKNOWN;
}


static vsw_http_kind_t
vsw_http_head_kind(const uint8_t *head, size_t length)
{
    if (length >= 7 && memcmp(head, "#EXTM3U", 7) == 0) {
        return VSW_HTTP_HLS;
    }

    if (length >= 3 && memcmp(head, "FLV", 3) == 0) {
        return VSW_HTTP_FLV;
    }

    if (length >= 3 && memcmp(head, "\xff\xd8\xff", 3) == 0) {
        return VSW_HTTP_STILL;
    }

    if (length >= 4 && head[0] == 0x47 && (head[3] & 0x10)) {
        return VSW_HTTP_TS;
    }

    return VSW_HTTP_UNKNOWN;
}


/* What the answer is.  Its first bytes are there to be read again. */
static vsw_http_kind_t
vsw_http_kind(AVIOContext *io)
{
    int             n;
    uint8_t         head[VSW_HTTP_HEAD];
    uint8_t        *type = NULL;
    vsw_http_kind_t kind = VSW_HTTP_UNKNOWN;

    if (av_opt_get(io, "mime_type", AV_OPT_SEARCH_CHILDREN, &type) >= 0) {
        kind = vsw_http_type_kind((const char *) type);
    }

    av_free(type);

    if (kind != VSW_HTTP_UNKNOWN) {
        return kind;
    }

    n = avio_read(io, head, sizeof(head));

    if (n <= 0 || avio_seek(io, 0, SEEK_SET) != 0) {
        return VSW_HTTP_UNKNOWN;
    }

    return vsw_http_head_kind(head, (size_t) n);
}


/* What HLS may open; "crypto+" stands before what is to be decrypted. */
static bool
vsw_http_is_allowed(const char *url)
{
    if (strncmp(url, "crypto+", 7) == 0 || strncmp(url, "crypto:", 7) == 0) {
        url += 7;
    }

    return strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0;
}


/* For the detail of a failure: the scheme alone, which holds no secret. */
static void
vsw_http_deny(vsw_source_t *source, const char *url)
{
    vsw_failure_set(&source->denied, VSTREAM_REASON_SOURCE_DENIED,
                    "the camera's playlist leads to \"%.*s:\", which may not "
                    "be opened: it may name what HTTP serves, and nothing else",
                    (int) strcspn(url, ":/?"), url);
}


static int
vsw_http_io_open(AVFormatContext *format, AVIOContext **io, const char *url,
                 int flags, AVDictionary **options)
{
    int           rc;
    char          address[VSW_DIAL_TEXT_MAX];
    vsw_source_t *source = format->opaque;
    vsw_http_t   *http = source->state;

    if ((flags & AVIO_FLAG_WRITE) || !vsw_http_is_allowed(url)) {
        vsw_http_deny(source, url);
        return AVERROR(EACCES);
    }

    av_dict_set(options, "tls_verify", "1", 0);
    rc = http->io_open(format, io, url, flags, options);

    if (rc < 0 && vsw_dial_has_refused(address)) {
        vsw_failure_set(&source->denied, VSTREAM_REASON_SOURCE_DENIED,
                        VSW_SOURCE_DENIED_TEXT, address);
    }

    return rc;
}


/* Asks for the URL.  What is answered is read through http->io. */
static int
vsw_http_request(vsw_source_t *source, vsw_failure_t *failure)
{
    int                   rc;
    vsw_http_t           *http = source->state;
    AVDictionary         *options = NULL;
    const AVIOInterruptCB interrupt = { vsw_source_is_interrupted, source };

    if (vsw_source_net_options(source, &options, failure) != VSTREAM_OK) {
        return VSTREAM_ERROR;
    }

    rc = avio_open2(&http->io, source->config->url, AVIO_FLAG_READ, &interrupt,
                    &options);
    av_dict_free(&options);

    if (rc == AVERROR(EINVAL)) {
        vsw_failure_set(failure, VSTREAM_REASON_SOURCE_DENIED,
                        "the camera redirects to what HTTP does not serve");
    }

    if (rc < 0) {
        rc = atomic_load(&source->is_overdue) ? AVERROR_EXIT : rc;
        vsw_source_net_explain(source, rc, failure);
        return VSTREAM_ERROR;
    }

    return VSTREAM_OK;
}


/* Opens a demuxer on the answer.  `options` are used up. */
static int
vsw_http_demux(vsw_source_t *source, const char *format, AVDictionary *options,
               vsw_failure_t *failure)
{
    vsw_http_t *http = source->state;

    source->format = avformat_alloc_context();

    if (source->format == NULL
        || vsw_source_options(source, &options) != VSTREAM_OK)
    {
        av_dict_free(&options);
        vsw_failure_set_av(failure, AVERROR(ENOMEM), "the camera");
        return VSTREAM_ERROR;
    }

    av_dict_set(&options, "user_agent", NULL, 0); /* told already */

    source->format->pb = http->io;
    source->format->opaque = source;
    http->io_open = source->format->io_open;
    source->format->io_open = vsw_http_io_open;

    return vsw_source_net_start(source, source->config->url, format, &options,
                                failure);
}


static int
vsw_http_multipart_open(vsw_source_t *source, vsw_failure_t *failure)
{
    if (vsw_http_demux(source, "mpjpeg", NULL, failure) != VSTREAM_OK) {
        return VSTREAM_ERROR;
    }

    return vsw_source_stream_choose(source, failure);
}


static int
vsw_http_flv_open(vsw_source_t *source, vsw_failure_t *failure)
{
    if (vsw_http_demux(source, "flv", NULL, failure) != VSTREAM_OK) {
        return VSTREAM_ERROR;
    }

    return vsw_source_net_wait(source, failure);
}


static int
vsw_http_ts_open(vsw_source_t *source, vsw_failure_t *failure)
{
    if (vsw_http_demux(source, "mpegts", NULL, failure) != VSTREAM_OK) {
        return VSTREAM_ERROR;
    }

    return vsw_source_net_wait(source, failure);
}


/* The first stream of pictures of a variant; -1: it has none. */
static int
vsw_http_variant_video(const AVFormatContext *format, const AVProgram *variant)
{
    unsigned i;

    for (i = 0; i < variant->nb_stream_indexes; i++) {
        unsigned stream = variant->stream_index[i];

        if (format->streams[stream]->codecpar->codec_type == AVMEDIA_TYPE_VIDEO)
        {
            return (int) stream;
        }
    }

    return -1;
}


/* Its BANDWIDTH; 0 where the playlist does not say. */
static int64_t
vsw_http_variant_rate(const AVProgram *variant)
{
    const AVDictionaryEntry *rate =
        av_dict_get(variant->metadata, "variant_bitrate", NULL, 0);

    return rate != NULL ? strtoll(rate->value, NULL, 10) : 0;
}


/*
 * Of the variants of a master playlist the one of the highest rate is read,
 * and no other.
 */
static void
vsw_http_variant_choose(AVFormatContext *format)
{
    int      video, best = -1;
    int64_t  rate, best_rate = -1;
    unsigned i;

    for (i = 0; i < format->nb_programs; i++) {
        video = vsw_http_variant_video(format, format->programs[i]);
        rate = vsw_http_variant_rate(format->programs[i]);

        if (video != -1 && rate > best_rate) {
            best = video;
            best_rate = rate;
        }
    }

    for (i = 0; best != -1 && i < format->nb_streams; i++) {
        if (i != (unsigned) best) {
            format->streams[i]->discard = AVDISCARD_ALL;
        }
    }
}


/* The newest segment first; the next ones when they are there. */
static int
vsw_http_hls_open(vsw_source_t *source, vsw_failure_t *failure)
{
    AVDictionary *options = NULL;

    source->stall_min_us = VSW_HLS_STALL_US;

    av_dict_set(&options, "live_start_index", "-1", 0);
    av_dict_set(&options, "http_multiple", "0", 0);

    if (vsw_http_demux(source, "hls", options, failure) != VSTREAM_OK) {
        return VSTREAM_ERROR;
    }

    vsw_http_variant_choose(source->format);

    return vsw_source_stream_choose(source, failure);
}


/* It is a single JPEG, whatever its URL looks like: it is polled. */
static int
vsw_http_still_open(vsw_source_t *source, vsw_failure_t *failure)
{
    vsw_http_free(source); /* that it was stopped meanwhile is not forgotten */
    vsw_source_deadline_set(source, source->connect_us);
    source->scheme = vsw_source_poll_scheme_known();

    return source->scheme->open(source, failure);
}


/* What is not known may be multipart that does not say so. */
static const vsw_http_open_pt vsw_http_opens[] = {
    [VSW_HTTP_MULTIPART] = vsw_http_multipart_open,
    [VSW_HTTP_FLV] = vsw_http_flv_open,
    [VSW_HTTP_TS] = vsw_http_ts_open,
    [VSW_HTTP_HLS] = vsw_http_hls_open,
    [VSW_HTTP_STILL] = vsw_http_still_open,
    [VSW_HTTP_UNKNOWN] = vsw_http_multipart_open,
};


/*
 * What became of the first segment: HLS does not call us for schemes that it
 * does not know, it only says so.
 */
static void
vsw_http_segment_explain(vsw_source_t *source)
{
    unsigned    age;
    const char *url;

    for (age = 0; age < VSW_MEDIA_LOG_KEPT; age++) {
        url = strstr(vsw_media_log_error(age), VSW_HLS_FIRST_TEXT);

        if (url == NULL) {
            continue;
        }

        url += strlen(VSW_HLS_FIRST_TEXT);

        if (!vsw_http_is_allowed(url)) {
            vsw_http_deny(source, url);
            return;
        }

        vsw_failure_set(&source->denied, VSTREAM_REASON_PROTOCOL_ERROR,
                        "the camera's playlist names segments that cannot be "
                        "had: it may be starting, or short of space");
    }
}


/* A playlist may be read to its end although what it names was refused. */
static int
vsw_http_hls_check(vsw_source_t *source, int rc, vsw_failure_t *failure)
{
    if (rc != VSTREAM_OK) {
        vsw_http_segment_explain(source);
    }

    if (source->denied.reason != NULL) {
        *failure = source->denied;
        return VSTREAM_ERROR;
    }

    return rc;
}


int
vsw_source_http_open(vsw_source_t *source, vsw_failure_t *failure)
{
    int         rc;
    bool        is_playlist;
    vsw_http_t *http;

    http = source->state = calloc(1, sizeof(*http));
    if (http == NULL) {
        vsw_failure_set_av(failure, AVERROR(ENOMEM), "the camera");
        return VSTREAM_ERROR;
    }

    if (vsw_http_request(source, failure) != VSTREAM_OK) {
        return VSTREAM_ERROR;
    }

    http->kind = vsw_http_kind(http->io);
    is_playlist = http->kind == VSW_HTTP_HLS;
    rc = vsw_http_opens[http->kind](source, failure);

    return is_playlist ? vsw_http_hls_check(source, rc, failure) : rc;
}


/* Waits until a picture of HLS is due. */
static int
vsw_http_pace(vsw_source_t *source, const AVPacket *packet)
{
    int64_t     time_us, step_us, now_us = av_gettime_relative();
    vsw_http_t *http = source->state;
    AVStream   *stream = source->format->streams[packet->stream_index];

    if (packet->dts == AV_NOPTS_VALUE) {
        return VSTREAM_OK;
    }

    time_us = vsw_source_time_us(packet->dts, stream->time_base);
    step_us = av_sat_sub64(time_us, http->time_us);
    http->time_us = time_us;

    if (http->due_us == 0 || step_us < 0 || step_us > VSW_HLS_STEP_MAX_US) {
        step_us = 0;
    }

    http->due_us += step_us * VSW_HLS_PACE_NUM / VSW_HLS_PACE_DEN;

    if (http->due_us < now_us) {
        http->due_us = now_us;
    }

    return vsw_source_sleep_until(source, http->due_us);
}


int
vsw_source_http_read(vsw_source_t *source, AVPacket *packet,
                     vsw_failure_t *failure)
{
    const vsw_http_t *http = source->state;

    if (vsw_source_net_read(source, packet, failure) != VSTREAM_OK) {
        return VSTREAM_ERROR;
    }

    return http->kind == VSW_HTTP_HLS ? vsw_http_pace(source, packet)
                                      : VSTREAM_OK;
}


void
vsw_source_http_close(vsw_source_t *source)
{
    vsw_source_net_close(source);
    vsw_http_free(source);
}
