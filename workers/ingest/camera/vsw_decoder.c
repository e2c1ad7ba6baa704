/*
 * The decoder, see vsw_decoder.h.  A picture's unit is found by the serial
 * that stands as pts in the packet: decoders carry pts through reordering and
 * otherwise leave it alone.
 */

#include <stdlib.h>

#include <libavutil/pixdesc.h>

#include "vsw_decoder.h"
#include "vsw_pattern.h"
#include "vsw_source.h"

/* More units than any decoder holds back. */
#define VSW_DECODER_UNITS 64


struct vsw_decoder_s {
    AVCodecContext *codec;   /* NULL: the pattern */
    vsw_pattern_t  *pattern; /* NULL: a codec */
    uint64_t        pattern_n;
    vsw_unit_t      pattern_unit; /* serial 0: no picture waits */
    AVPacket       *packet;
    vsw_unit_t      units[VSW_DECODER_UNITS];
    bool            is_starved; /* a picture found no memory */
};


static int vsw_decoder_buffer(AVCodecContext *codec, AVFrame *frame, int flags);


static int
vsw_decoder_codec_open(vsw_decoder_t *d, const AVCodecParameters *parameters,
                       uint64_t max_pixels, vsw_failure_t *failure)
{
    int            rc;
    const AVCodec *codec;

    codec = avcodec_find_decoder(parameters->codec_id);
    if (codec == NULL) {
        vsw_failure_set(failure, VSTREAM_REASON_UNSUPPORTED_CODEC,
                        "the camera sends %s, which cannot be decoded here: "
                        "set it to H.264 or MJPEG",
                        avcodec_get_name(parameters->codec_id));
        return VSTREAM_ERROR;
    }

    d->codec = avcodec_alloc_context3(codec);
    d->packet = av_packet_alloc();

    if (d->codec == NULL || d->packet == NULL
        || avcodec_parameters_to_context(d->codec, parameters) < 0)
    {
        vsw_failure_set_av(failure, AVERROR(ENOMEM), "the camera");
        return VSTREAM_ERROR;
    }

    d->codec->opaque = d;
    d->codec->get_buffer2 = vsw_decoder_buffer;
    d->codec->thread_count = 1;
    d->codec->max_pixels = (int64_t) max_pixels;

    /* With threads by frames, even of one, it would warn of get_buffer2. */
    d->codec->thread_type = FF_THREAD_SLICE;

    rc = avcodec_open2(d->codec, codec, NULL);
    if (rc < 0) {
        vsw_failure_set_av(failure, rc, "the decoder for this camera");
        return VSTREAM_ERROR;
    }

    return VSTREAM_OK;
}


/* Decoders swallow what is said here, and just show nothing. */
static int
vsw_decoder_buffer(AVCodecContext *codec, AVFrame *frame, int flags)
{
    int            rc = avcodec_default_get_buffer2(codec, frame, flags);
    vsw_decoder_t *d = codec->opaque;

    d->is_starved |= rc == AVERROR(ENOMEM);

    return rc;
}


vsw_decoder_t *
vsw_decoder_create(const AVCodecParameters *parameters, uint64_t max_pixels,
                   vsw_failure_t *failure)
{
    int            rc;
    vsw_size_t     size;
    vsw_decoder_t *d;

    d = calloc(1, sizeof(*d));
    if (d == NULL) {
        vsw_failure_set_av(failure, AVERROR(ENOMEM), "the camera");
        return NULL;
    }

    if (vsw_source_is_pattern(parameters)) {
        size = (vsw_size_t) { (uint32_t) parameters->width,
                              (uint32_t) parameters->height };
        d->pattern = vsw_pattern_create(size);
        rc = d->pattern != NULL ? VSTREAM_OK : VSTREAM_ERROR;

    } else {
        rc = vsw_decoder_codec_open(d, parameters, max_pixels, failure);
    }

    if (rc != VSTREAM_OK) {
        vsw_failure_set_av(failure, AVERROR(ENOMEM), "the camera");
        vsw_decoder_destroy(d);
        return NULL;
    }

    return d;
}


void
vsw_decoder_destroy(vsw_decoder_t *decoder)
{
    if (decoder == NULL) {
        return;
    }

    avcodec_free_context(&decoder->codec);
    av_packet_free(&decoder->packet);
    vsw_pattern_destroy(decoder->pattern);
    free(decoder);
}


int
vsw_decoder_send(vsw_decoder_t *decoder, const AVPacket *packet,
                 const vsw_unit_t *unit)
{
    int rc;

    if (decoder->pattern != NULL) {
        decoder->pattern_n = vsw_source_pattern_number(packet);
        decoder->pattern_unit = *unit;
        return VSTREAM_OK;
    }

    if (av_packet_ref(decoder->packet, packet) < 0) {
        return VSTREAM_ERROR;
    }

    decoder->units[unit->serial % VSW_DECODER_UNITS] = *unit;
    decoder->packet->pts = (int64_t) unit->serial;
    decoder->packet->dts = AV_NOPTS_VALUE;

    rc = avcodec_send_packet(decoder->codec, decoder->packet);
    av_packet_unref(decoder->packet);

    if (decoder->is_starved || rc == AVERROR(ENOMEM)) {
        return VSTREAM_DECLINED;
    }

    return rc < 0 ? VSTREAM_ERROR : VSTREAM_OK;
}


static int
vsw_decoder_pattern_receive(vsw_decoder_t *d, AVFrame *frame, vsw_unit_t *unit)
{
    const AVFrame *drawn;

    if (d->pattern_unit.serial == 0) {
        return VSTREAM_AGAIN;
    }

    *unit = d->pattern_unit;
    d->pattern_unit.serial = 0;

    drawn = vsw_pattern_draw(d->pattern, d->pattern_n, unit->t_unix_us);

    return av_frame_ref(frame, drawn) < 0 ? VSTREAM_DECLINED : VSTREAM_OK;
}


int
vsw_decoder_receive(vsw_decoder_t *decoder, AVFrame *frame, vsw_unit_t *unit)
{
    int rc;

    av_frame_unref(frame);

    if (decoder->pattern != NULL) {
        return vsw_decoder_pattern_receive(decoder, frame, unit);
    }

    rc = avcodec_receive_frame(decoder->codec, frame);

    if (rc == AVERROR(EAGAIN) || rc == AVERROR_EOF) {
        return VSTREAM_AGAIN;
    }

    if (rc < 0) {
        return VSTREAM_DECLINED;
    }

    *unit = decoder->units[(uint64_t) frame->pts % VSW_DECODER_UNITS];

    if (frame->decode_error_flags != 0
        || (frame->flags & AV_FRAME_FLAG_CORRUPT) != 0
        || unit->serial != (uint64_t) frame->pts)
    {
        return VSTREAM_DECLINED;
    }

    return VSTREAM_OK;
}


void
vsw_decoder_drain(vsw_decoder_t *decoder)
{
    if (decoder->codec != NULL) {
        (void) avcodec_send_packet(decoder->codec, NULL);
    }
}


void
vsw_decoder_reset(vsw_decoder_t *decoder)
{
    decoder->pattern_unit.serial = 0;

    if (decoder->codec != NULL) {
        avcodec_flush_buffers(decoder->codec);
    }
}
