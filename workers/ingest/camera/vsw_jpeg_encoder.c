/*
 * The JPEG encoder, see vsw_jpeg_encoder.h.
 *
 * A picture of two fields is first made one (vsw_deinterlace.c).  Then it goes
 * through at most two steps: the scaler makes it planar 4:2:0 of the wanted
 * size, in the colours it has; vsw_color.c gives it those of JPEG.  Both write
 * into `work`.
 */

#include <stdbool.h>
#include <stdlib.h>

#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
#include <turbojpeg.h>

#include "vstream_schema.h"
#include "vsw_color.h"
#include "vsw_deinterlace.h"
#include "vsw_jpeg_encoder.h"

/* Larger pictures that do not say so are BT.709, as players take them. */
#define VSW_SD_HEIGHT_MAX 576


/* What decides how a picture is converted. */
typedef struct {
    enum AVPixelFormat format; /* never one of the yuvj kind */
    vsw_size_t         size;
    bool               is_full_range;
    bool               is_rgb;
    enum AVColorSpace  colorspace;
} vsw_picture_kind_t;

struct vsw_jpeg_encoder_s {
    uint32_t           width; /* wanted; 0: as it comes */
    uint64_t           max_pixels;
    int                quality;
    tjhandle           compressor;
    vsw_picture_kind_t kind;   /* what scaler and color are made for */
    vsw_size_t         size;   /* of the JPEG */
    struct SwsContext *scaler; /* NULL: not needed */
    vsw_color_t        color;
    AVFrame           *work;
    AVFrame           *whole; /* of two fields */
    unsigned char     *jpeg;
    unsigned long      jpeg_room;
};


vsw_jpeg_encoder_t *
vsw_jpeg_encoder_create(uint32_t width, uint32_t quality, uint64_t max_pixels)
{
    vsw_jpeg_encoder_t *e;

    e = calloc(1, sizeof(*e));
    if (e == NULL) {
        return NULL;
    }

    e->width = width;
    e->quality = (int) quality;
    e->max_pixels = max_pixels;
    e->kind.format = AV_PIX_FMT_NONE;
    e->compressor = tjInitCompress();
    e->work = av_frame_alloc();
    e->whole = av_frame_alloc();

    if (e->compressor == NULL || e->work == NULL || e->whole == NULL) {
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
    av_frame_free(&encoder->work);
    av_frame_free(&encoder->whole);
    free(encoder->jpeg);
    free(encoder);
}


/* The yuvj formats say "full range" by their name. */
static enum AVPixelFormat
vsw_plain_format(enum AVPixelFormat format, bool *is_full_range)
{
    *is_full_range = true;

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
        *is_full_range = false;
        return format;
    }
}


/* VSTREAM_ERROR: libavutil does not know this form. */
static int
vsw_picture_kind_read(vsw_picture_kind_t *kind, const AVFrame *frame)
{
    const AVPixFmtDescriptor *format;

    kind->format = vsw_plain_format((enum AVPixelFormat) frame->format,
                                    &kind->is_full_range);
    format = av_pix_fmt_desc_get(kind->format);

    if (format == NULL || frame->width <= 0 || frame->height <= 0
        || frame->linesize[0] < 0)
    {
        return VSTREAM_ERROR;
    }

    kind->size =
        (vsw_size_t) { (uint32_t) frame->width, (uint32_t) frame->height };
    kind->is_rgb =
        (format->flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL)) != 0;
    kind->is_full_range |= frame->color_range == AVCOL_RANGE_JPEG;
    kind->colorspace = frame->colorspace;

    return VSTREAM_OK;
}


static bool
vsw_picture_kind_is(const vsw_picture_kind_t *a, const vsw_picture_kind_t *b)
{
    return a->format == b->format && a->size.width == b->size.width
           && a->size.height == b->size.height
           && a->is_full_range == b->is_full_range
           && a->colorspace == b->colorspace;
}


static vsw_color_weights_t
vsw_picture_weights(const vsw_picture_kind_t *kind)
{
    switch (kind->colorspace) {
    case AVCOL_SPC_BT709:
        return vsw_color_bt709;

    case AVCOL_SPC_BT2020_NCL:
    case AVCOL_SPC_BT2020_CL:
        return vsw_color_bt2020;

    case AVCOL_SPC_UNSPECIFIED:
        return kind->is_full_range || kind->size.height <= VSW_SD_HEIGHT_MAX
                   ? vsw_color_bt601
                   : vsw_color_bt709;

    default:
        return vsw_color_bt601;
    }
}


/*
 * A scaler from `kind` to planar 4:2:0 of this size.  It leaves colours alone,
 * but makes those of JPEG from RGB.
 */
static struct SwsContext *
vsw_scaler_create(const vsw_picture_kind_t *kind, vsw_size_t size)
{
    int                full = kind->is_full_range || kind->is_rgb;
    const int         *bt601 = sws_getCoefficients(SWS_CS_ITU601);
    struct SwsContext *s = sws_alloc_context();

    if (s == NULL) {
        return NULL;
    }

    av_opt_set_int(s, "srcw", kind->size.width, 0);
    av_opt_set_int(s, "srch", kind->size.height, 0);
    av_opt_set_int(s, "src_format", kind->format, 0);
    av_opt_set_int(s, "src_range", full, 0);
    av_opt_set_int(s, "dstw", size.width, 0);
    av_opt_set_int(s, "dsth", size.height, 0);
    av_opt_set_int(s, "dst_format", AV_PIX_FMT_YUV420P, 0);
    av_opt_set_int(s, "dst_range", full, 0);
    av_opt_set_int(s, "sws_flags", SWS_BILINEAR, 0);

    if (sws_init_context(s, NULL, NULL) < 0) {
        sws_freeContext(s);
        return NULL;
    }

    (void) sws_setColorspaceDetails(s, bt601, full, bt601, full, 0, 1 << 16,
                                    1 << 16);

    return s;
}


/* Makes `work` a picture of this size. */
static int
vsw_work_reserve(vsw_jpeg_encoder_t *e, vsw_size_t size)
{
    AVFrame *f = e->work;

    av_frame_unref(f);
    f->format = AV_PIX_FMT_YUV420P;
    f->width = (int) size.width;
    f->height = (int) size.height;

    return av_frame_get_buffer(f, 0) < 0 ? VSTREAM_ERROR : VSTREAM_OK;
}


/* Can the compressor, or vsw_color.c, take it as it is? */
static bool
vsw_picture_is_planar(const vsw_jpeg_encoder_t *e,
                      const vsw_picture_kind_t *kind)
{
    switch (kind->format) {
    case AV_PIX_FMT_YUV420P:
        return true;

    case AV_PIX_FMT_YUV422P:
    case AV_PIX_FMT_YUV444P:
        return e->color.is_identity;

    default:
        return false;
    }
}


/* A new kind of picture: prepares the steps that it needs. */
static int
vsw_jpeg_encoder_prepare(vsw_jpeg_encoder_t *e, const vsw_picture_kind_t *kind,
                         vsw_size_t size)
{
    bool is_scaled;

    e->kind.format = AV_PIX_FMT_NONE;
    e->size = size;
    vsw_color_init(&e->color,
                   kind->is_rgb ? vsw_color_bt601 : vsw_picture_weights(kind),
                   kind->is_full_range || kind->is_rgb);

    sws_freeContext(e->scaler);
    e->scaler = NULL;
    av_frame_unref(e->work);

    is_scaled = kind->size.width != size.width
                || kind->size.height != size.height
                || !vsw_picture_is_planar(e, kind);

    if (is_scaled) {
        e->scaler = vsw_scaler_create(kind, size);
        if (e->scaler == NULL) {
            return VSTREAM_ERROR;
        }
    }

    if ((is_scaled || !e->color.is_identity)
        && vsw_work_reserve(e, size) != VSTREAM_OK)
    {
        return VSTREAM_ERROR;
    }

    e->kind = *kind;

    return VSTREAM_OK;
}


static vsw_planes_t
vsw_frame_planes(const AVFrame *frame)
{
    vsw_planes_t planes;

    for (int i = 0; i < 3; i++) {
        planes.plane[i] = frame->data[i];
        planes.stride[i] = frame->linesize[i];
    }

    return planes;
}


/* The picture in the form of JPEG: `frame` itself, or `work`.  NULL: no. */
static const AVFrame *
vsw_picture_convert(vsw_jpeg_encoder_t *e, const AVFrame *frame)
{
    AVFrame     *work = e->work;
    vsw_planes_t to, from;

    if (e->scaler != NULL) {
        if (sws_scale(e->scaler, (const uint8_t *const *) frame->data,
                      frame->linesize, 0, frame->height, work->data,
                      work->linesize)
            != work->height)
        {
            return NULL;
        }

        frame = work;
    }

    if (e->color.is_identity) {
        return frame;
    }

    to = vsw_frame_planes(work);
    from = vsw_frame_planes(frame);
    vsw_color_convert(&e->color, &to, &from, frame->width, frame->height);

    return work;
}


static int
vsw_picture_sampling(const AVFrame *picture)
{
    switch (picture->format) {
    case AV_PIX_FMT_YUV422P:
    case AV_PIX_FMT_YUVJ422P:
        return TJSAMP_422;

    case AV_PIX_FMT_YUV444P:
    case AV_PIX_FMT_YUVJ444P:
        return TJSAMP_444;

    default:
        return TJSAMP_420;
    }
}


static int
vsw_jpeg_reserve(vsw_jpeg_encoder_t *e, const AVFrame *picture, int sampling)
{
    unsigned char *jpeg;
    unsigned long  room = tjBufSize(picture->width, picture->height, sampling);

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
vsw_jpeg_compress(vsw_jpeg_encoder_t *e, const AVFrame *picture, size_t *length)
{
    int                  sampling = vsw_picture_sampling(picture);
    unsigned long        size;
    const unsigned char *planes[3];

    if (vsw_jpeg_reserve(e, picture, sampling) != VSTREAM_OK) {
        return VSTREAM_ERROR;
    }

    planes[0] = picture->data[0];
    planes[1] = picture->data[1];
    planes[2] = picture->data[2];
    size = e->jpeg_room;

    if (tjCompressFromYUVPlanes(e->compressor, planes, picture->width,
                                picture->linesize, picture->height, sampling,
                                &e->jpeg, &size, e->quality, TJFLAG_NOREALLOC)
        != 0)
    {
        return VSTREAM_ERROR;
    }

    *length = size;

    return VSTREAM_OK;
}


int
vsw_jpeg_encoder_encode(vsw_jpeg_encoder_t *encoder, const AVFrame *frame,
                        const uint8_t **jpeg, size_t *length, vsw_size_t *size)
{
    const AVFrame     *picture;
    vsw_picture_kind_t kind;

    if (vsw_picture_kind_read(&kind, frame) != VSTREAM_OK) {
        return VSTREAM_ERROR;
    }

    if (vsw_deinterlace_is_needed(frame)) {
        if (vsw_deinterlace(encoder->whole, frame) != VSTREAM_OK) {
            return VSTREAM_ERROR;
        }

        frame = encoder->whole;
    }

    *size =
        vsw_picture_size(kind.size, (uint32_t) frame->sample_aspect_ratio.num,
                         (uint32_t) frame->sample_aspect_ratio.den,
                         encoder->width, encoder->max_pixels);

    if ((!vsw_picture_kind_is(&kind, &encoder->kind)
         || size->width != encoder->size.width
         || size->height != encoder->size.height)
        && vsw_jpeg_encoder_prepare(encoder, &kind, *size) != VSTREAM_OK)
    {
        return VSTREAM_ERROR;
    }

    picture = vsw_picture_convert(encoder, frame);

    if (picture == NULL
        || vsw_jpeg_compress(encoder, picture, length) != VSTREAM_OK)
    {
        return VSTREAM_ERROR;
    }

    *jpeg = encoder->jpeg;

    return VSTREAM_OK;
}
