/*
 * The JPEG encoder, see vsw_jpeg_encoder.h.
 */

#include <stdbool.h>
#include <stdlib.h>

#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
#include <turbojpeg.h>

#include "vstream_schema.h"
#include "vsw_jpeg_encoder.h"

struct vsw_jpeg_encoder_s {
    uint32_t           width; /* wanted; 0: as it comes */
    int                quality;
    tjhandle           compressor;
    struct SwsContext *scaler;
    AVFrame           *scaled;
    unsigned char     *jpeg;
    unsigned long      jpeg_room;
};

/* What the scaler must know of a picture. */
typedef struct {
    enum AVPixelFormat format; /* never one of the yuvj kind */
    int                is_full_range;
    int                colorspace; /* SWS_CS_* */
} vsw_picture_kind_t;


vsw_jpeg_encoder_t *
vsw_jpeg_encoder_create(uint32_t width, uint32_t quality)
{
    vsw_jpeg_encoder_t *e;

    e = calloc(1, sizeof(*e));
    if (e == NULL) {
        return NULL;
    }

    e->width = width;
    e->quality = (int) quality;
    e->compressor = tjInitCompress();
    e->scaled = av_frame_alloc();

    if (e->compressor == NULL || e->scaled == NULL) {
        vsw_jpeg_encoder_destroy(e);
        return NULL;
    }

    return e;
}


void
vsw_jpeg_encoder_destroy(vsw_jpeg_encoder_t *encoder)
{
    if (encoder == NULL) {
        return;
    }

    if (encoder->compressor != NULL) {
        tjDestroy(encoder->compressor);
    }

    sws_freeContext(encoder->scaler);
    av_frame_free(&encoder->scaled);
    free(encoder->jpeg);
    free(encoder);
}


/* The yuvj formats say "full range" by their name. */
static enum AVPixelFormat
vsw_plain_format(enum AVPixelFormat format, int *is_full_range)
{
    *is_full_range = 1;

    switch (format) {
    case AV_PIX_FMT_YUVJ420P:
        return AV_PIX_FMT_YUV420P;
    case AV_PIX_FMT_YUVJ422P:
        return AV_PIX_FMT_YUV422P;
    case AV_PIX_FMT_YUVJ444P:
        return AV_PIX_FMT_YUV444P;
    case AV_PIX_FMT_YUVJ440P:
        return AV_PIX_FMT_YUV440P;
    case AV_PIX_FMT_YUVJ411P:
        return AV_PIX_FMT_YUV411P;
    default:
        *is_full_range = 0;
        return format;
    }
}


static int
vsw_colorspace(const AVFrame *frame)
{
    switch (frame->colorspace) {
    case AVCOL_SPC_BT709:
        return SWS_CS_ITU709;
    case AVCOL_SPC_FCC:
        return SWS_CS_FCC;
    case AVCOL_SPC_SMPTE240M:
        return SWS_CS_SMPTE240M;
    case AVCOL_SPC_BT2020_NCL:
    case AVCOL_SPC_BT2020_CL:
        return SWS_CS_BT2020;
    default:
        return SWS_CS_ITU601;
    }
}


static vsw_picture_kind_t
vsw_picture_kind(const AVFrame *frame)
{
    vsw_picture_kind_t kind;

    kind.format = vsw_plain_format((enum AVPixelFormat) frame->format,
                                   &kind.is_full_range);
    kind.colorspace = vsw_colorspace(frame);

    if (frame->color_range == AVCOL_RANGE_JPEG) {
        kind.is_full_range = 1;
    }

    return kind;
}


/* The sampling that libjpeg-turbo takes as it is, or -1. */
static int
vsw_direct_sampling(const vsw_picture_kind_t *kind)
{
    if (!kind->is_full_range || kind->colorspace != SWS_CS_ITU601) {
        return -1;
    }

    switch (kind->format) {
    case AV_PIX_FMT_YUV420P:
        return TJSAMP_420;
    case AV_PIX_FMT_YUV422P:
        return TJSAMP_422;
    case AV_PIX_FMT_YUV444P:
        return TJSAMP_444;
    default:
        return -1;
    }
}


/* Makes `scaled` a picture of this size; nothing is done if it is one. */
static int
vsw_scaled_reserve(vsw_jpeg_encoder_t *e, vsw_size_t size)
{
    AVFrame *f = e->scaled;

    if (f->width == (int) size.width && f->height == (int) size.height) {
        return VSTREAM_OK;
    }

    av_frame_unref(f);
    f->format = AV_PIX_FMT_YUV420P;
    f->width = (int) size.width;
    f->height = (int) size.height;

    if (av_frame_get_buffer(f, 0) < 0) {
        av_frame_unref(f);
        return VSTREAM_ERROR;
    }

    return VSTREAM_OK;
}


/* Fills `scaled` from `frame`. */
static int
vsw_scaled_fill(vsw_jpeg_encoder_t *e, const AVFrame *frame,
                const vsw_picture_kind_t *kind)
{
    AVFrame *to = e->scaled;

    e->scaler = sws_getCachedContext(
        e->scaler, frame->width, frame->height, kind->format, to->width,
        to->height, AV_PIX_FMT_YUV420P, SWS_BILINEAR, NULL, NULL, NULL);
    if (e->scaler == NULL) {
        return VSTREAM_ERROR;
    }

    (void) sws_setColorspaceDetails(
        e->scaler, sws_getCoefficients(kind->colorspace), kind->is_full_range,
        sws_getCoefficients(SWS_CS_ITU601), 1, 0, 1 << 16, 1 << 16);

    if (sws_scale(e->scaler, (const uint8_t *const *) frame->data,
                  frame->linesize, 0, frame->height, to->data,
                  to->linesize) != to->height) {
        return VSTREAM_ERROR;
    }

    return VSTREAM_OK;
}


static int
vsw_jpeg_reserve(vsw_jpeg_encoder_t *e, const AVFrame *frame, int sampling)
{
    unsigned char *jpeg;
    unsigned long  room = tjBufSize(frame->width, frame->height, sampling);

    if (room <= e->jpeg_room) {
        return VSTREAM_OK;
    }

    jpeg = realloc(e->jpeg, room);
    if (jpeg == NULL) {
        return VSTREAM_ERROR;
    }

    e->jpeg = jpeg;
    e->jpeg_room = room;

    return VSTREAM_OK;
}


static int
vsw_jpeg_compress(vsw_jpeg_encoder_t *e, const AVFrame *frame, int sampling,
                  size_t *length)
{
    unsigned long        size;
    const unsigned char *planes[3];

    if (vsw_jpeg_reserve(e, frame, sampling) != VSTREAM_OK) {
        return VSTREAM_ERROR;
    }

    planes[0] = frame->data[0];
    planes[1] = frame->data[1];
    planes[2] = frame->data[2];
    size = e->jpeg_room;

    if (tjCompressFromYUVPlanes(
            e->compressor, planes, frame->width, frame->linesize, frame->height,
            sampling, &e->jpeg, &size, e->quality, TJFLAG_NOREALLOC) != 0) {
        return VSTREAM_ERROR;
    }

    *length = size;

    return VSTREAM_OK;
}


int
vsw_jpeg_encoder_encode(vsw_jpeg_encoder_t *encoder, const AVFrame *frame,
                        const uint8_t **jpeg, size_t *length, vsw_size_t *size)
{
    int                sampling;
    vsw_size_t         source;
    vsw_picture_kind_t kind;

    if (frame->width <= 0 || frame->height <= 0 || frame->linesize[0] < 0) {
        return VSTREAM_ERROR;
    }

    source = (vsw_size_t){ (uint32_t) frame->width, (uint32_t) frame->height };
    *size = vsw_picture_size(source, frame->sample_aspect_ratio.num,
                             frame->sample_aspect_ratio.den, encoder->width);

    kind = vsw_picture_kind(frame);
    sampling = vsw_direct_sampling(&kind);

    if (sampling == -1 || size->width != source.width ||
        size->height != source.height) {
        if (vsw_scaled_reserve(encoder, *size) != VSTREAM_OK ||
            vsw_scaled_fill(encoder, frame, &kind) != VSTREAM_OK) {
            return VSTREAM_ERROR;
        }

        sampling = TJSAMP_420;
        frame = encoder->scaled;
    }

    if (vsw_jpeg_compress(encoder, frame, sampling, length) != VSTREAM_OK) {
        return VSTREAM_ERROR;
    }

    *jpeg = encoder->jpeg;

    return VSTREAM_OK;
}
