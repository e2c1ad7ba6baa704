/*
 * The encoder, with pictures of any form, size, shape and colours that a
 * decoder might give: what comes out is one whole JPEG of the size that was
 * said.
 */

#include "fuzz.h"

#include <libavutil/frame.h>
#include <libavutil/log.h>

#include "vstream_jpeg.h"
#include "vsw_jpeg_encoder.h"

#define EDGE_MAX 48

static const enum AVPixelFormat formats[] = {
    AV_PIX_FMT_YUV420P,     AV_PIX_FMT_YUVJ420P,    AV_PIX_FMT_YUV422P,
    AV_PIX_FMT_YUVJ422P,    AV_PIX_FMT_YUV444P,     AV_PIX_FMT_YUVJ444P,
    AV_PIX_FMT_YUV440P,     AV_PIX_FMT_YUV411P,     AV_PIX_FMT_GRAY8,
    AV_PIX_FMT_NV12,        AV_PIX_FMT_YUYV422,     AV_PIX_FMT_RGB24,
    AV_PIX_FMT_PAL8,        AV_PIX_FMT_YUV420P10LE, AV_PIX_FMT_GBRP,
    AV_PIX_FMT_BAYER_RGGB8,
};


/* A frame, filled with what is left of the input again and again. */
static AVFrame *
frame_read(const uint8_t **data, size_t *size)
{
    AVFrame *f = av_frame_alloc();
    size_t   i, k, n;

    fuzz_check(f != NULL);
    f->format = formats[fuzz_byte(data, size) % 16];
    f->width = 1 + fuzz_byte(data, size) % EDGE_MAX;
    f->height = 1 + fuzz_byte(data, size) % EDGE_MAX;
    f->interlaced_frame = fuzz_byte(data, size) & 1;
    f->color_range = (enum AVColorRange)(fuzz_byte(data, size) % 4);
    f->colorspace = (enum AVColorSpace) fuzz_byte(data, size);
    f->sample_aspect_ratio.num = (int) fuzz_number(data, size, 4);
    f->sample_aspect_ratio.den = (int) fuzz_number(data, size, 4);
    fuzz_check(av_frame_get_buffer(f, 0) == 0);

    for (i = 0; i < 4 && f->buf[i] != NULL; i++) {
        for (k = 0; k<f->buf[i]->size && * size> 0; k += n) {
            n = f->buf[i]->size - k;
            n = n < *size ? n : *size;
            memcpy(f->buf[i]->data + k, *data, n);
        }
    }

    return f;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AVFrame            *frame;
    size_t              length;
    uint32_t            width = fuzz_byte(&data, &size) % EDGE_MAX * 2;
    vsw_size_t          said;
    const uint8_t      *jpeg;
    vstream_jpeg_t      found;
    vsw_jpeg_encoder_t *encoder;

    av_log_set_level(AV_LOG_QUIET);
    encoder = vsw_jpeg_encoder_create(width, 1 + fuzz_byte(&data, &size) % 100,
                                      UINT64_C(1) << 16);
    fuzz_check(encoder != NULL);

    for (int i = 0; i < 2; i++) {
        frame = frame_read(&data, &size);

        if (vsw_jpeg_encoder_encode(encoder, frame, &jpeg, &length, &said)
            == VSTREAM_OK)
        {
            fuzz_check(
                vstream_jpeg_scan(fuzz_slice(jpeg, length), 1 << 17, &found)
                == VSTREAM_JPEG_OK);
            fuzz_check(found.width == said.width && found.height == said.height
                       && found.length == length);
        }

        av_frame_free(&frame);
    }

    vsw_jpeg_encoder_destroy(encoder);

    return 0;
}
