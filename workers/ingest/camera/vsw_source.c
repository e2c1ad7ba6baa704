/*
 * Sources, see vsw_source.h: the table of schemes, and what they share.
 */

#include <errno.h>
#include <string.h>

#include <libavcodec/avcodec.h>
#include <libavutil/time.h>

#include "vstream_source_option.h"
#include "vsw_codec_sniff.h"
#include "vsw_dial.h"
#include "vsw_media_log.h"
#include "vsw_source.h"

/* A sleep looks this often whether the source was stopped. */
#define VSW_SLEEP_SLICE_US 100000

/* A source that waits for its camera waits so many times as long. */
#define VSW_LISTEN_TIMES 6

/* So many packets of a new video stream and none of ours: ours is over. */
#define VSW_OTHERS_MAX 5

/* What streams tell of time is cut off here: 73,000 years. */
#define VSW_TIME_MAX_US (INT64_MAX / 4)

/* Larger parameter sets are not taken from a stream. */
#define VSW_EXTRADATA_MAX 65536

static const char *const vsw_rtsp_options[] = {
    "allowed_media_types", "video", "user_agent", VSW_USER_AGENT,
    "format_whitelist",    "rtsp",  NULL,
};

static const char *const vsw_rtmp_options[] = {
    "rtmp_live",        "live",     "rtmp_buffer", "100",
    "format_whitelist", "live_flv", NULL,
};

static const char *const vsw_rtmps_options[] = {
    "rtmp_live",        "live",     "rtmp_buffer", "100", "tls_verify", "1",
    "format_whitelist", "live_flv", NULL,
};

/*
 * What the answer may turn out to be.  hls opens what its playlists name;
 * vsw_source_http.c looks at each of these URLs.
 */
static const char *const vsw_http_options[] = {
    "user_agent",
    VSW_USER_AGENT,
    "tls_verify",
    "1",
    "format_whitelist",
    "mpjpeg,flv,mpegts,hls,mov,aac,mp3,webvtt",
    NULL,
};

static const char *const vsw_ts_options[] = {
    "format_whitelist",
    "mpegts",
    NULL,
};

/*
 * Recordings that hold their own pictures.  A demuxer that opens what its
 * file names (concat, dash, hls, sdp, ...) must never stand here.
 */
static const char *const vsw_file_options[] = {
    "format_whitelist",
    "mov,matroska,mpegts,mpeg,avi,flv,ivf,ogg,dhav,"
    "h264,hevc,m4v,mpegvideo,mjpeg,mpjpeg",
    NULL,
};

static const vsw_scheme_t vsw_schemes[] = {
    { "rtsp", vsw_source_rtsp_open, vsw_source_rtsp_read, vsw_source_rtsp_close,
      "rtsp", "tcp", vsw_rtsp_options, false },
    { "rtsps", vsw_source_rtsp_open, vsw_source_rtsp_read,
      vsw_source_rtsp_close, "rtsp", "tls,tcp", vsw_rtsp_options, false },
    { "rtmp", vsw_source_rtmp_open, vsw_source_net_read, vsw_source_net_close,
      "live_flv", "rtmp,tcp", vsw_rtmp_options, false },
    { "rtmps", vsw_source_rtmp_open, vsw_source_net_read, vsw_source_net_close,
      "live_flv", "rtmps,tls,tcp", vsw_rtmps_options, false },
    { "srt", vsw_source_srt_open, vsw_source_net_read, vsw_source_net_close,
      "mpegts", "srt", vsw_ts_options, true },
    { "udp", vsw_source_udp_open, vsw_source_net_read, vsw_source_net_close,
      "mpegts", "udp", vsw_ts_options, false },
    { "http", vsw_source_http_open, vsw_source_http_read, vsw_source_http_close,
      NULL, "http,https,tls,tcp,crypto", vsw_http_options, false },
    { "https", vsw_source_http_open, vsw_source_http_read,
      vsw_source_http_close, NULL, "https,tls,tcp,crypto", vsw_http_options,
      false },
    { "file", vsw_source_file_open, vsw_source_file_read, vsw_source_file_close,
      NULL, "", vsw_file_options, false },
    { "v4l2", vsw_source_v4l2_open, vsw_source_v4l2_read, vsw_source_v4l2_close,
      NULL, NULL, NULL, false },
    { "test", vsw_source_test_open, vsw_source_test_read, vsw_source_test_close,
      NULL, NULL, NULL, false },
    { "kafka", vsw_source_kafka_open, vsw_source_kafka_read,
      vsw_source_kafka_close, NULL, NULL, NULL, false },
};

#define VSW_SCHEMES (sizeof(vsw_schemes) / sizeof(vsw_schemes[0]))


static const vsw_scheme_t *
vsw_scheme_find(const char *url)
{
    size_t length = strcspn(url, ":");

    for (size_t i = 0; i < VSW_SCHEMES && url[length] == ':'; i++) {
        if (strlen(vsw_schemes[i].name) == length
            && strncasecmp(vsw_schemes[i].name, url, length) == 0)
        {
            return &vsw_schemes[i];
        }
    }

    return NULL;
}


bool
vsw_source_is_threaded(const char *url)
{
    const vsw_scheme_t *scheme = vsw_scheme_find(url);

    return scheme != NULL && scheme->is_threaded;
}


/* Does this source wait for its camera?  The URL has been checked before. */
static bool
vsw_source_listens(const char *url)
{
    const char     *mark = strchr(url, '?');
    vstream_slice_t query, name, value;

    if (strncmp(url, "udp:", 4) == 0) {
        return true;
    }

    if (strncmp(url, "srt:", 4) != 0 || mark == NULL) {
        return false;
    }

    query = (vstream_slice_t) { mark + 1, strlen(mark + 1) };

    while (vstream_source_option_next(&query, &name, &value) == VSTREAM_OK) {
        if (name.length == 4 && memcmp(name.data, "mode", 4) == 0) {
            return value.length == 8 && memcmp(value.data, "listener", 8) == 0;
        }
    }

    return false;
}


/* Some are fed with values that come over the link, perhaps before open(). */
static int
vsw_source_feed_prepare(vsw_source_t *source)
{
    if (source->scheme->open != vsw_source_kafka_open) {
        return VSTREAM_OK;
    }

    source->values = vsw_value_box_create();

    return source->values != NULL ? VSTREAM_OK : VSTREAM_ERROR;
}


vsw_source_t *
vsw_source_create(const vsw_camera_config_t *config, vsw_failure_t *failure)
{
    vsw_source_t *source;

    source = calloc(1, sizeof(*source));
    if (source == NULL) {
        vsw_failure_set_av(failure, AVERROR(ENOMEM), "the camera");
        return NULL;
    }

    source->config = config;
    source->scheme = vsw_source_poll_scheme(config->url);

    if (source->scheme == NULL) {
        source->scheme = vsw_scheme_find(config->url);
    }

    source->parameters = avcodec_parameters_alloc();
    source->stall_min_us = VSW_STALL_MIN_US;
    source->connect_us = config->connect_timeout_us;

    source->is_listening = vsw_source_listens(config->url);

    if (source->is_listening) {
        source->connect_us *= VSW_LISTEN_TIMES;
    }

    if (source->scheme == NULL) {
        vsw_failure_set(failure, VSTREAM_REASON_BAD_SOURCE,
                        "the source is none that can be opened here: use "
                        "rtsp:, rtsps:, rtmp:, rtmps:, srt:, http:, https:, "
                        "udp:, file:, kafka: or test:");

    } else if (source->parameters == NULL
               || vsw_source_feed_prepare(source) != VSTREAM_OK)
    {
        vsw_failure_set_av(failure, AVERROR(ENOMEM), "the camera");
    }

    if (failure->reason != NULL) {
        vsw_source_destroy(source);
        return NULL;
    }

    return source;
}


void
vsw_source_destroy(vsw_source_t *source)
{
    if (source == NULL) {
        return;
    }

    if (source->scheme != NULL) {
        source->scheme->close(source);
    }

    av_packet_free(&source->first);
    avcodec_parameters_free(&source->parameters);
    vsw_value_box_destroy(source->values);
    free(source);
}


void
vsw_source_deadline_set(vsw_source_t *source, int64_t wait_us)
{
    atomic_store(&source->deadline_us, av_gettime_relative() + wait_us);
}


static void
vsw_source_intra_set(vsw_source_t *source)
{
    const AVCodecDescriptor *codec;

    codec = avcodec_descriptor_get(source->parameters->codec_id);
    source->is_intra =
        codec != NULL && (codec->props & AV_CODEC_PROP_INTRA_ONLY) != 0;
}


int
vsw_source_open(vsw_source_t *source, vsw_failure_t *failure)
{
    vsw_media_log_forget();
    vsw_dial_thread_begin();
    vsw_source_deadline_set(source, source->connect_us);

    if (source->scheme->open(source, failure) != VSTREAM_OK) {
        return VSTREAM_ERROR;
    }

    vsw_source_intra_set(source);

    return VSTREAM_OK;
}


int
vsw_source_read(vsw_source_t *source, int64_t stall_us, AVPacket *packet,
                vsw_unit_t *unit, vsw_failure_t *failure)
{
    int rc;

    if (atomic_load(&source->is_overdue)) {
        vsw_failure_set(failure, VSTREAM_REASON_STALLED, VSW_STALLED_TEXT);
        return VSTREAM_ERROR;
    }

    vsw_source_deadline_set(source, stall_us);

    rc = source->scheme->read(source, packet, failure);
    if (rc == VSTREAM_ERROR) {
        return VSTREAM_ERROR;
    }

    if (source->is_changed) {
        vsw_source_intra_set(source);
    }

    unit->t_us = av_gettime_relative();
    unit->t_unix_us =
        source->arrived_unix_us > 0 ? source->arrived_unix_us : av_gettime();
    unit->is_key = source->is_intra || (packet->flags & AV_PKT_FLAG_KEY) != 0;

    return rc;
}


void
vsw_source_stop(vsw_source_t *source)
{
    atomic_store(&source->is_stopped, true);
}


vsw_value_box_t *
vsw_source_values(const vsw_source_t *source)
{
    return source->values;
}


int
vsw_source_is_interrupted(void *opaque)
{
    vsw_source_t *source = opaque;

    if (av_gettime_relative() > atomic_load(&source->deadline_us)) {
        atomic_store(&source->is_overdue, true);
    }

    return atomic_load(&source->is_stopped) || atomic_load(&source->is_overdue)
           || source->denied.reason != NULL;
}


int
vsw_source_sleep_until(vsw_source_t *source, int64_t t_us)
{
    int64_t left_us;

    for (;;) {
        if (atomic_load(&source->is_stopped)) {
            return VSTREAM_ERROR;
        }

        left_us = t_us - av_gettime_relative();
        if (left_us <= 0) {
            return VSTREAM_OK;
        }

        av_usleep((unsigned) (left_us < VSW_SLEEP_SLICE_US
                                  ? left_us
                                  : VSW_SLEEP_SLICE_US));
    }
}


/*
 * Between pictures, as the stream declares it.  Where its clock jumps, one of
 * the two rates that libavformat gathers from it is far too low.
 */
static int64_t
vsw_source_interval_us(const vsw_source_t *source, AVStream *stream)
{
    AVRational rate = av_guess_frame_rate(source->format, stream, NULL);
    AVRational average = stream->avg_frame_rate;

    if (rate.num <= 0 || rate.den <= 0
        || (average.num > 0 && average.den > 0 && av_cmp_q(average, rate) > 0))
    {
        rate = average;
    }

    return rate.num > 0 && rate.den > 0
               ? av_rescale(1000000, rate.den, rate.num)
               : 0;
}


int64_t
vsw_source_time_us(int64_t ticks, AVRational timebase)
{
    int64_t time_us = av_rescale_q(ticks, timebase, AV_TIME_BASE_Q);

    if (time_us > VSW_TIME_MAX_US) {
        return VSW_TIME_MAX_US;
    }

    return time_us < -VSW_TIME_MAX_US ? -VSW_TIME_MAX_US : time_us;
}


/* Would one decoder do for both? */
static bool
vsw_source_parameters_are(const AVCodecParameters *a,
                          const AVCodecParameters *b)
{
    return a->codec_id == b->codec_id && a->format == b->format
           && a->extradata_size == b->extradata_size
           && (a->extradata_size == 0
               || memcmp(a->extradata, b->extradata, (size_t) a->extradata_size)
                      == 0);
}


/* The version of the program map that our stream stands in; -1: in none. */
static int
vsw_source_map_version(const vsw_source_t *source)
{
    const AVProgram *program =
        av_find_program_from_stream(source->format, NULL, source->stream);

    return program != NULL ? program->pmt_version : -1;
}


/*
 * The video stream.  All others are left out of what is read, but video that
 * nobody has seen yet, where ours has been: its turn may come.
 */
int
vsw_source_stream_choose(vsw_source_t *source, vsw_failure_t *failure)
{
    unsigned    i;
    AVStream   *video = NULL;
    const char *what =
        strcmp(source->scheme->name, "file") == 0 ? "the file" : "the camera";

    for (i = 0; i < source->format->nb_streams; i++) {
        AVStream *stream = source->format->streams[i];

        if (video == NULL && stream->discard != AVDISCARD_ALL
            && stream->codecpar->codec_type == AVMEDIA_TYPE_VIDEO
            && (stream->disposition & AV_DISPOSITION_ATTACHED_PIC) == 0)
        {
            video = stream;

        } else if (video == NULL || video->codecpar->width == 0
                   || stream->codecpar->codec_type != AVMEDIA_TYPE_VIDEO
                   || stream->codecpar->width > 0)
        {
            stream->discard = AVDISCARD_ALL;
        }
    }

    if (video == NULL) {
        vsw_failure_set_av(failure, AVERROR_STREAM_NOT_FOUND, what);
        return VSTREAM_ERROR;
    }

    if (video->codecpar->codec_id == AV_CODEC_ID_NONE
        || avcodec_find_decoder(video->codecpar->codec_id) == NULL)
    {
        vsw_failure_set_av(failure, AVERROR_DECODER_NOT_FOUND, what);
        return VSTREAM_ERROR;
    }

    source->is_changed |=
        !vsw_source_parameters_are(source->parameters, video->codecpar);

    if (avcodec_parameters_copy(source->parameters, video->codecpar) < 0) {
        vsw_failure_set_av(failure, AVERROR(ENOMEM), what);
        return VSTREAM_ERROR;
    }

    source->interval_us = vsw_source_interval_us(source, video);
    source->stream = video->index;
    source->version = vsw_source_map_version(source);

    return VSTREAM_OK;
}


/* Is this packet of a video stream that has taken the place of ours? */
static bool
vsw_source_is_moved(vsw_source_t *source, const AVPacket *packet)
{
    const AVStream *stream = source->format->streams[packet->stream_index];

    if (packet->stream_index == source->stream) {
        source->others = 0;

    } else if (stream->discard != AVDISCARD_ALL
               && stream->codecpar->codec_type == AVMEDIA_TYPE_VIDEO)
    {
        source->others++;
    }

    return source->others > VSW_OTHERS_MAX;
}


/*
 * Takes over the stream's parameters, if its codec is another one now.  All
 * that was known of it besides belongs to the one before.
 */
static int
vsw_source_codec_follow(vsw_source_t *source)
{
    int             rc;
    bool            is_new;
    const AVStream *stream = source->format->streams[source->stream];

    if (stream->codecpar->codec_id == source->parameters->codec_id) {
        return 0;
    }

    is_new = source->parameters->codec_id == AV_CODEC_ID_NONE;

    if (stream->codecpar->codec_type != AVMEDIA_TYPE_VIDEO
        || avcodec_find_decoder(stream->codecpar->codec_id) == NULL)
    {
        return AVERROR_DECODER_NOT_FOUND;
    }

    source->is_changed = true;
    rc = avcodec_parameters_copy(source->parameters, stream->codecpar);

    if (rc >= 0 && !is_new) {
        av_freep(&source->parameters->extradata);
        source->parameters->extradata_size = 0;
        source->parameters->width = source->parameters->height = 0;
    }

    return rc;
}


/* Parameter sets that a container tells anew, as FLV and MP4 do. */
static int
vsw_source_extradata_follow(vsw_source_t *source, const AVPacket *packet)
{
    size_t             size;
    uint8_t           *copy;
    const uint8_t     *data;
    AVCodecParameters *p = source->parameters;

    data = av_packet_get_side_data(packet, AV_PKT_DATA_NEW_EXTRADATA, &size);

    if (data == NULL || size == 0 || size > VSW_EXTRADATA_MAX
        || (size == (size_t) p->extradata_size
            && memcmp(data, p->extradata, size) == 0))
    {
        return 0;
    }

    copy = av_mallocz(size + AV_INPUT_BUFFER_PADDING_SIZE);
    if (copy == NULL) {
        return AVERROR(ENOMEM);
    }

    memcpy(copy, data, size);
    av_freep(&p->extradata);
    p->extradata = copy;
    p->extradata_size = (int) size;
    p->width = p->height = 0; /* not known before a keyframe is looked at */
    source->is_changed = true;

    return 0;
}


/*
 * Does MPEG-TS go on with what libavformat does not take notice of: another
 * program map, or, under the same version of it, another codec?
 */
static bool
vsw_source_is_mistaken(const vsw_source_t *source, const AVPacket *packet)
{
    enum AVCodecID codec = source->parameters->codec_id;
    enum AVCodecID found;

    if (strcmp(source->format->iformat->name, "mpegts") != 0) {
        return false;
    }

    if (vsw_source_map_version(source) != source->version) {
        return true;
    }

    if (codec != AV_CODEC_ID_H264 && codec != AV_CODEC_ID_HEVC) {
        return false;
    }

    found = vsw_codec_sniff(packet->data, (size_t) packet->size);

    return found != AV_CODEC_ID_NONE && found != codec;
}


/*
 * Opens the demuxer anew on the connection or file that is open.  Whatever
 * happens, that is closed when the source is.
 */
static int
vsw_source_demuxer_reopen(vsw_source_t *source)
{
    int              rc;
    int              own = source->format->flags & AVFMT_FLAG_CUSTOM_IO;
    AVIOContext     *io = source->format->pb;
    AVDictionary    *options = NULL;
    AVFormatContext *format = avformat_alloc_context();

    if (format == NULL || vsw_source_options(source, &options) != VSTREAM_OK) {
        avformat_free_context(format);
        av_dict_free(&options);
        return AVERROR(ENOMEM);
    }

    format->pb = io;
    format->io_open = source->format->io_open;
    format->opaque = source->format->opaque;
    format->interrupt_callback = source->format->interrupt_callback;
    format->flags |= source->format->flags & AVFMT_FLAG_NOBUFFER;

    rc = avformat_open_input(&format, "", source->format->iformat, &options);
    av_dict_free(&options);

    if (rc < 0) {
        return rc;
    }

    source->format->flags |= AVFMT_FLAG_CUSTOM_IO; /* leaves it open */
    avformat_close_input(&source->format);
    source->format = format;

    if (!own) {
        format->flags &= ~AVFMT_FLAG_CUSTOM_IO;
    }

    return 0;
}


/* The same source, its streams found anew. */
static int
vsw_source_reopen(vsw_source_t *source)
{
    int           rc;
    vsw_failure_t failure = { 0 };

    rc = vsw_source_demuxer_reopen(source);
    if (rc < 0) {
        return rc;
    }

    source->others = 0;

    return vsw_source_stream_choose(source, &failure) == VSTREAM_OK
               ? 0
               : AVERROR_DECODER_NOT_FOUND;
}


/* The next packet of the video stream, whatever it is now. */
static int
vsw_source_stream_read(vsw_source_t *source, AVPacket *packet)
{
    int rc;

    if (source->first != NULL) {
        av_packet_move_ref(packet, source->first);
        av_packet_free(&source->first);
        return 0;
    }

    for (;;) {
        rc = av_read_frame(source->format, packet);
        if (rc < 0) {
            return rc;
        }

        if (packet->size > 0 && vsw_source_is_moved(source, packet)) {
            source->stream = packet->stream_index;
            source->others = 0;
            source->version = vsw_source_map_version(source);
            source->parameters->codec_id = AV_CODEC_ID_NONE;
        }

        if (packet->stream_index == source->stream && packet->size > 0) {
            return 0;
        }

        av_packet_unref(packet);
    }
}


int
vsw_source_packet_read(vsw_source_t *source, AVPacket *packet)
{
    int rc;

    while ((rc = vsw_source_stream_read(source, packet)) == 0
           && vsw_source_is_mistaken(source, packet))
    {
        av_packet_unref(packet);

        rc = vsw_source_reopen(source);
        if (rc < 0) {
            break;
        }
    }

    if (rc == 0) {
        rc = vsw_source_codec_follow(source);
    }

    if (rc == 0) {
        rc = vsw_source_extradata_follow(source, packet);
    }

    if (rc < 0) {
        av_packet_unref(packet);
    }

    return rc;
}


int
vsw_source_options(const vsw_source_t *source, AVDictionary **options)
{
    const char *const *o = source->scheme->options;

    for (; *o != NULL; o += 2) {
        if (av_dict_set(options, o[0], o[1], 0) < 0) {
            return VSTREAM_ERROR;
        }
    }

    return av_dict_set(options, "protocol_whitelist", source->scheme->protocols,
                       0)
                   < 0
               ? VSTREAM_ERROR
               : VSTREAM_OK;
}
