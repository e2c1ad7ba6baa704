/*
 * What libavformat reads over a network, and why it could not.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vsw_dial.h"
#include "vsw_media_log.h"
#include "vsw_source.h"
#include "vsw_tls.h"

/* A camera gets this long to hear that we leave. */
#define VSW_CLOSE_US 100000

/* What libavformat tells by words alone. */
typedef struct {
    const char *words;
    const char *reason;
    const char *text;
    bool        says_all; /* the words themselves would add nothing */
} vsw_net_meaning_t;

static const vsw_net_meaning_t vsw_net_meanings[] = {
    { "Failed to resolve hostname", VSTREAM_REASON_DNS_FAILED,
      "the camera's host name does not resolve: check it, and the name "
      "server",
      false },
    { "not on whitelist", VSTREAM_REASON_SOURCE_DENIED,
      "the source leads to a protocol that is not allowed here", false },
    { "ertificate", VSTREAM_REASON_PROTOCOL_ERROR,
      "the camera's certificate is not trusted here: add the authority that "
      "signed it to this host's, or to sources.ca_file of vstream-ingest",
      false },
    { "authfail", VSTREAM_REASON_AUTH_FAILED,
      "the camera refused user and password", false },
    { "AccessManager.Reject", VSTREAM_REASON_AUTH_FAILED,
      "the camera refused user and password", false },
    { "StreamNotFound", VSTREAM_REASON_NOT_FOUND,
      "the camera knows no stream of that name: check the path in its "
      "source",
      false },
    { "No such stream", VSTREAM_REASON_NOT_FOUND,
      "the camera knows no stream of that name: check the path in its "
      "source",
      false },
    { "Server error: ", VSTREAM_REASON_PROTOCOL_ERROR,
      "the camera refused the stream: check the path in its source", false },
    { "is not in allowed_", VSTREAM_REASON_SOURCE_DENIED,
      "the camera's playlist names what has no ending of a media file", false },
    { "Stream ends prematurely", VSTREAM_REASON_ENDED,
      "the camera ended the stream", true },
};

#define VSW_NET_MEANINGS                                                       \
    (sizeof(vsw_net_meanings) / sizeof(vsw_net_meanings[0]))


/*
 * An option that nobody took is a mistake of ours, and perhaps a safeguard
 * that is not there.  http hands those of TLS on without saying so.
 */
static int
vsw_net_options_check(const AVDictionary *options, vsw_failure_t *failure)
{
    const AVDictionaryEntry *entry = NULL;

    while ((entry = av_dict_get(options, "", entry, AV_DICT_IGNORE_SUFFIX))
           != NULL) {
        if (strcmp(entry->key, "tls_verify") != 0) {
            vsw_failure_set(failure, VSTREAM_REASON_PROTOCOL_ERROR,
                            "libavformat does not know the option \"%s\"",
                            entry->key);
            return VSTREAM_ERROR;
        }
    }

    return VSTREAM_OK;
}


/* Is this one of the codes that a refused call ends in? */
static bool
vsw_net_is_refusal(int av_error)
{
    return av_error == AVERROR(EACCES) || av_error == AVERROR(EIO)
           || av_error == AVERROR_UNKNOWN;
}


/*
 * What the log tells, the newest line first: a layer that gives up often has
 * less to say than the one below, which spoke before.
 */
static void
vsw_net_log_explain(vsw_failure_t *failure)
{
    unsigned                 age;
    const char              *line;
    const vsw_net_meaning_t *m;

    for (age = 0; age < VSW_MEDIA_LOG_KEPT; age++) {
        line = vsw_media_log_error(age);

        for (m = vsw_net_meanings; m < vsw_net_meanings + VSW_NET_MEANINGS; m++)
        {
            if (strstr(line, m->words) != NULL) {
                vsw_failure_set(failure, m->reason,
                                m->says_all ? "%s" : "%s (%s)", m->text, line);
                return;
            }
        }
    }
}


void
vsw_source_net_explain(vsw_source_t *source, int av_error,
                       vsw_failure_t *failure)
{
    char        address[VSW_DIAL_TEXT_MAX];
    const char *last = vsw_media_log_error(0);

    if (source->denied.reason != NULL && failure->reason == NULL) {
        *failure = source->denied;
        return;
    }

    if (vsw_net_is_refusal(av_error) && vsw_dial_has_refused(address)) {
        vsw_failure_set(failure, VSTREAM_REASON_SOURCE_DENIED,
                        source->is_listening ? VSW_SOURCE_UNLISTED_TEXT
                                             : VSW_SOURCE_DENIED_TEXT,
                        address);
        return;
    }

    vsw_net_log_explain(failure);

    if (av_error == AVERROR(EIO) && last[0] != '\0') {
        vsw_failure_set(failure, VSTREAM_REASON_PROTOCOL_ERROR,
                        "the connection to the camera failed: %s", last);
    }

    vsw_failure_set_av(failure, av_error, "the camera");
}


int
vsw_source_net_start(vsw_source_t *source, const char *url, const char *format,
                     AVDictionary **options, vsw_failure_t *failure)
{
    int                  rc;
    const AVInputFormat *demuxer = av_find_input_format(format);

    if (source->format == NULL) {
        source->format = avformat_alloc_context();
    }

    if (demuxer == NULL || source->format == NULL) {
        av_dict_free(options);
        vsw_failure_set_av(failure, AVERROR(ENOMEM), "the camera");
        return VSTREAM_ERROR;
    }

    source->format->interrupt_callback.callback = vsw_source_is_interrupted;
    source->format->interrupt_callback.opaque = source;
    source->format->flags |= AVFMT_FLAG_NOBUFFER;

    rc = avformat_open_input(&source->format, url, demuxer, options);

    if (rc < 0) {
        rc = atomic_load(&source->is_overdue) ? AVERROR_EXIT : rc;
        vsw_source_net_explain(source, rc, failure);
        av_dict_free(options);
        return VSTREAM_ERROR;
    }

    rc = vsw_net_options_check(*options, failure);
    av_dict_free(options);

    return rc;
}


/* The host that a certificate must be of; free() it. */
static char *
vsw_net_host(const char *url)
{
    size_t      length;
    const char *host = strstr(url, "://") + 3;
    const char *end = host + strcspn(host, "/?#");
    const char *at = memrchr(host, '@', (size_t) (end - host));

    if (at != NULL) {
        host = at + 1;
    }

    if (*host == '[') {
        host++;
        length = strcspn(host, "]");
    } else {
        length = strcspn(host, ":/?#");
    }

    return strndup(host, length);
}


/*
 * libavformat does not check certificates of RTSP at all, and of RTMP no more
 * once it dials anew to show a password; so it is seen to that GnuTLS does.
 * No check, as with a libavformat that is built with another library, is a
 * failure.
 */
int
vsw_source_net_secure_start(vsw_source_t *source, AVDictionary **options,
                            vsw_failure_t *failure)
{
    int   rc = VSTREAM_ERROR;
    char *host = vsw_net_host(source->config->url);

    if (host == NULL) {
        av_dict_free(options);
        vsw_failure_set_av(failure, AVERROR(ENOMEM), "the camera");
        return VSTREAM_ERROR;
    }

    vsw_tls_host_set(host);
    rc = vsw_source_net_start(source, source->config->url,
                              source->scheme->format, options, failure);

    if (rc == VSTREAM_OK && !vsw_tls_has_checked()) {
        vsw_failure_set(failure, VSTREAM_REASON_PROTOCOL_ERROR,
                        "the camera's certificate cannot be checked here: "
                        "libavformat is not built with GnuTLS");
        rc = VSTREAM_ERROR;
    }

    vsw_tls_host_set(NULL);
    free(host);

    return rc;
}


int
vsw_source_net_options(const vsw_source_t *source, AVDictionary **options,
                       vsw_failure_t *failure)
{
    if (vsw_source_options(source, options) != VSTREAM_OK) {
        av_dict_free(options);
        vsw_failure_set_av(failure, AVERROR(ENOMEM), "the camera");
        return VSTREAM_ERROR;
    }

    return VSTREAM_OK;
}


/* Is this packet the first one of a stream that shows something? */
static bool
vsw_net_is_video(const vsw_source_t *source, const AVPacket *packet)
{
    const AVStream *stream = source->format->streams[packet->stream_index];

    return packet->size > 0
           && stream->codecpar->codec_type == AVMEDIA_TYPE_VIDEO
           && (stream->disposition & AV_DISPOSITION_ATTACHED_PIC) == 0;
}


/* Reads on until there is video.  An AVERROR: there is none. */
static int
vsw_net_video_await(vsw_source_t *source, bool *has_heard)
{
    int rc;

    while ((rc = av_read_frame(source->format, source->first)) == 0) {
        *has_heard = true;

        if (vsw_net_is_video(source, source->first)) {
            return 0;
        }

        av_packet_unref(source->first);
    }

    return rc;
}


int
vsw_source_net_wait(vsw_source_t *source, vsw_failure_t *failure)
{
    int  rc;
    bool has_heard = false;

    source->first = av_packet_alloc();
    if (source->first == NULL) {
        vsw_failure_set_av(failure, AVERROR(ENOMEM), "the camera");
        return VSTREAM_ERROR;
    }

    rc = vsw_net_video_await(source, &has_heard);

    if (rc == 0) {
        return vsw_source_stream_choose(source, failure);
    }

    av_packet_free(&source->first);

    if (atomic_load(&source->is_overdue)) {
        rc = AVERROR_EXIT;
    }

    if (has_heard && (rc == AVERROR_EXIT || rc == AVERROR_EOF)) {
        rc = AVERROR_STREAM_NOT_FOUND;
    }

    vsw_source_net_explain(source, rc, failure);

    return VSTREAM_ERROR;
}


/* Silence; perhaps because what was to be sent before went nowhere. */
static void
vsw_net_stall_explain(vsw_failure_t *failure)
{
    char address[VSW_DIAL_TEXT_MAX];

    if (vsw_dial_has_refused(address)) {
        vsw_failure_set(failure, VSTREAM_REASON_SOURCE_DENIED,
                        VSW_SOURCE_DENIED_TEXT, address);
    }

    vsw_failure_set(failure, VSTREAM_REASON_STALLED, VSW_STALLED_TEXT);
}


int
vsw_source_net_read(vsw_source_t *source, AVPacket *packet,
                    vsw_failure_t *failure)
{
    int rc;

    rc = vsw_source_packet_read(source, packet);

    if (rc == 0) {
        return VSTREAM_OK;
    }

    if (atomic_load(&source->is_overdue) || rc == AVERROR(ETIMEDOUT)) {
        vsw_net_stall_explain(failure);

    } else if (rc == AVERROR_EOF && source->denied.reason == NULL) {
        vsw_failure_set_av(failure, rc, "the camera");

    } else {
        vsw_source_net_explain(source, rc, failure);
    }

    return VSTREAM_ERROR;
}


/* Says good-bye, for which the camera gets a moment. */
void
vsw_source_net_close(vsw_source_t *source)
{
    atomic_store(&source->is_stopped, false);
    atomic_store(&source->is_overdue, false);
    vsw_source_deadline_set(source, VSW_CLOSE_US);
    avformat_close_input(&source->format);
}
