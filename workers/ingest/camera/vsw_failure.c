/*
 * Failures, see vsw_failure.h.  One table says what each error of the media
 * libraries means to the operator of a camera.
 */

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <libavutil/error.h>

#include "vsw_failure.h"


typedef struct {
    int         av_error;
    const char *reason;
    const char *text; /* follows "the camera " */
} vsw_failure_meaning_t;

static const vsw_failure_meaning_t vsw_failure_meanings[] = {
    { AVERROR_HTTP_UNAUTHORIZED, VSTREAM_REASON_AUTH_FAILED,
      "answered 401: check user and password of its source" },
    { AVERROR_HTTP_FORBIDDEN, VSTREAM_REASON_AUTH_FAILED,
      "answered 403: this user may not see the stream; check its rights in "
      "the camera" },
    { AVERROR_HTTP_NOT_FOUND, VSTREAM_REASON_NOT_FOUND,
      "answered 404: check the path in its source" },
    { AVERROR_HTTP_BAD_REQUEST, VSTREAM_REASON_PROTOCOL_ERROR,
      "answered 400: check path and options of its source" },
    { AVERROR_HTTP_OTHER_4XX, VSTREAM_REASON_PROTOCOL_ERROR,
      "refused the request (4xx): check path and options of its source" },
    { AVERROR_HTTP_SERVER_ERROR, VSTREAM_REASON_PROTOCOL_ERROR,
      "answered with an error of its own (5xx): it may be starting, or out "
      "of sessions" },
    { AVERROR(ECONNREFUSED), VSTREAM_REASON_REFUSED,
      "refused the connection: check host and port, and that its service is "
      "on" },
    { AVERROR(ECONNRESET), VSTREAM_REASON_PROTOCOL_ERROR,
      "cut the connection" },
    { AVERROR(EPIPE), VSTREAM_REASON_PROTOCOL_ERROR, "cut the connection" },
    { AVERROR(ETIMEDOUT), VSTREAM_REASON_TIMEOUT,
      "did not answer in time: check host, port and network" },
    { AVERROR_EXIT, VSTREAM_REASON_TIMEOUT,
      "did not answer in time: check host, port and network" },
    { AVERROR(EPROTONOSUPPORT), VSTREAM_REASON_PROTOCOL_ERROR,
      "does not send media that way: set transport= of this camera to the "
      "other one" },
    { AVERROR(EADDRINUSE), VSTREAM_REASON_PROTOCOL_ERROR,
      "cannot be waited for: another camera or program uses the address and "
      "port of its source" },
    { AVERROR(EADDRNOTAVAIL), VSTREAM_REASON_BAD_SOURCE,
      "cannot be waited for: the address in its source is none of this host" },
    { AVERROR(EHOSTUNREACH), VSTREAM_REASON_UNREACHABLE,
      "cannot be reached from here: check its address and the route to it" },
    { AVERROR(ENETUNREACH), VSTREAM_REASON_UNREACHABLE,
      "cannot be reached from here: check its address and the route to it" },
    { AVERROR_STREAM_NOT_FOUND, VSTREAM_REASON_NO_VIDEO,
      "sends no video stream: check the path in its source" },
    { AVERROR_DECODER_NOT_FOUND, VSTREAM_REASON_UNSUPPORTED_CODEC,
      "sends a codec that cannot be decoded here: set it to H.264 or MJPEG" },
    { AVERROR_EOF, VSTREAM_REASON_ENDED, "ended the stream" },
    { AVERROR(ENOMEM), VSTREAM_REASON_TOO_LARGE,
      "sends more than the memory of a camera process holds: lower its "
      "resolution or bit rate" },
    { AVERROR_PROTOCOL_NOT_FOUND, VSTREAM_REASON_SOURCE_DENIED,
      "leads to a protocol that is not allowed here" },
    { AVERROR_INVALIDDATA, VSTREAM_REASON_PROTOCOL_ERROR,
      "sent what is no stream of the kind that its source names" },
};

#define VSW_FAILURE_MEANINGS                                                   \
    (sizeof(vsw_failure_meanings) / sizeof(vsw_failure_meanings[0]))


void
vsw_failure_set(vsw_failure_t *failure, const char *reason, const char *format,
                ...)
{
    va_list args;

    if (failure->reason != NULL) {
        return;
    }

    va_start(args, format);
    vsnprintf(failure->detail, sizeof(failure->detail), format, args);
    va_end(args);

    failure->reason = reason;
}


void
vsw_failure_set_av(vsw_failure_t *failure, int av_error, const char *what)
{
    char                         text[AV_ERROR_MAX_STRING_SIZE];
    const vsw_failure_meaning_t *m = vsw_failure_meanings;
    const vsw_failure_meaning_t *end = m + VSW_FAILURE_MEANINGS;

    for (; m < end; m++) {
        if (m->av_error == av_error) {
            vsw_failure_set(failure, m->reason, "%s %s", what, m->text);
            return;
        }
    }

    av_strerror(av_error, text, sizeof(text));
    vsw_failure_set(failure, VSTREAM_REASON_PROTOCOL_ERROR,
                    "%s cannot be read: %s", what, text);
}
