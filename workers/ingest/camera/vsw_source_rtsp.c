/*
 * rtsp: over TCP or UDP, and rtsps:.  H.264 and H.265 are assembled here
 * rather than by libavformat's parsers, which know the end of a picture only
 * when the next one begins (vsw_rtp_tap.h).
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vsw_assembler.h"
#include "vsw_rtp_tap.h"
#include "vsw_source.h"


typedef struct {
    vsw_assembler_t *assembler; /* NULL: packets are whole units */
    vsw_rtp_tap_t    tap;
    vsw_rtp_ahead_t  ahead;
} vsw_rtsp_t;


/*
 * By datagrams, packets may come in another order; but one that is late is
 * not waited for longer than this.
 */
#define VSW_RTSP_REORDER_US "100000"


static bool
vsw_rtsp_is_secure(const vsw_source_t *source)
{
    return strcmp(source->scheme->name, "rtsps") == 0;
}


static vsw_rtp_carrier_t
vsw_rtsp_carrier(const vsw_source_t *source)
{
    if (strcmp(source->config->transport, "udp") == 0) {
        return VSW_TAP_UDP;
    }

    return vsw_rtsp_is_secure(source) ? VSW_TAP_TLS : VSW_TAP_TCP;
}


static int
vsw_rtsp_options(const vsw_source_t *source, AVDictionary **options,
                 vsw_failure_t *failure)
{
    bool is_udp = vsw_rtsp_carrier(source) == VSW_TAP_UDP;

    if (is_udp && vsw_rtsp_is_secure(source)) {
        vsw_failure_set(failure, VSTREAM_REASON_BAD_SOURCE,
                        "rtsps: carries media over its own connection: take "
                        "transport=udp away");
        return VSTREAM_ERROR;
    }

    if (vsw_source_net_options(source, options, failure) != VSTREAM_OK) {
        return VSTREAM_ERROR;
    }

    av_dict_set(options, "rtsp_transport", is_udp ? "udp" : "tcp", 0);

    if (is_udp) {
        av_dict_set(options, "protocol_whitelist", "tcp,rtp,udp", 0);
        av_dict_set(options, "max_delay", VSW_RTSP_REORDER_US, 0);
    }

    return VSTREAM_OK;
}


static int
vsw_rtsp_start(vsw_source_t *source, vsw_failure_t *failure)
{
    int           rc;
    AVDictionary *options = NULL;

    if (vsw_rtsp_options(source, &options, failure) != VSTREAM_OK) {
        return VSTREAM_ERROR;
    }

    rc = vsw_rtsp_is_secure(source)
             ? vsw_source_net_secure_start(source, &options, failure)
             : vsw_source_net_start(source, source->config->url,
                                    source->scheme->format, &options, failure);

    return rc == VSTREAM_OK ? vsw_source_stream_choose(source, failure) : rc;
}


int
vsw_source_rtsp_open(vsw_source_t *source, vsw_failure_t *failure)
{
    vsw_rtsp_t    *rtsp;
    enum AVCodecID codec;

    if (vsw_rtsp_start(source, failure) != VSTREAM_OK) {
        return VSTREAM_ERROR;
    }

    rtsp = source->state = calloc(1, sizeof(*rtsp));
    codec = source->parameters->codec_id;

    if (rtsp != NULL && !vsw_assembler_knows(codec)) {
        return VSTREAM_OK;
    }

    if (rtsp != NULL) {
        rtsp->assembler =
            vsw_assembler_create(codec, source->config->max_frame_bytes);
    }

    if (rtsp == NULL || rtsp->assembler == NULL) {
        vsw_failure_set_av(failure, AVERROR(ENOMEM), "the camera");
        return VSTREAM_ERROR;
    }

    source->format->flags |= AVFMT_FLAG_NOPARSE | AVFMT_FLAG_NOFILLIN;
    rtsp->tap.carrier = vsw_rtsp_carrier(source);
    vsw_rtp_ahead_init(&rtsp->ahead);
    rtsp->tap.ahead = rtsp->tap.carrier == VSW_TAP_TCP ? &rtsp->ahead : NULL;
    vsw_rtp_tap_set(&rtsp->tap);

    return VSTREAM_OK;
}


int
vsw_source_rtsp_read(vsw_source_t *source, AVPacket *packet,
                     vsw_failure_t *failure)
{
    int         rc;
    vsw_rtsp_t *rtsp = source->state;

    if (rtsp->assembler == NULL) {
        return vsw_source_net_read(source, packet, failure);
    }

    while (!vsw_assembler_take(rtsp->assembler, packet)) {
        if (vsw_source_net_read(source, packet, failure) != VSTREAM_OK) {
            return VSTREAM_ERROR;
        }

        rc = vsw_assembler_add(rtsp->assembler, packet, rtsp->tap.is_marked);
        rtsp->tap.is_marked = false;

        if (rc == AVERROR(ENOSPC)) {
            vsw_failure_set(failure, VSTREAM_REASON_TOO_LARGE,
                            "the camera sent a picture of more than the %zu "
                            "bytes allowed: lower its resolution or bit rate",
                            source->config->max_frame_bytes);
            return VSTREAM_ERROR;
        }

        if (rc < 0) {
            vsw_failure_set_av(failure, rc, "the camera");
            return VSTREAM_ERROR;
        }
    }

    return VSTREAM_OK;
}


void
vsw_source_rtsp_close(vsw_source_t *source)
{
    vsw_rtsp_t *rtsp = source->state;

    vsw_source_net_close(source);

    if (rtsp != NULL) {
        vsw_rtp_tap_set(NULL); /* the thread may go on with another source */
        vsw_assembler_destroy(rtsp->assembler);
        free(rtsp);
    }
}
