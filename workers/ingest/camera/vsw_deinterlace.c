/*
 * Deinterlacing, see vsw_deinterlace.h.  It compares a sample with those right
 * above and below it, so it is all the same to it what a row is made of: bytes
 * where no component has more than eight bits, else 16-bit words.
 */

#include <string.h>

#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>

#include "vstream_schema.h"
#include "vsw_deinterlace.h"

/* A sample may lie this far outside its neighbours, of 256 levels. */
#define VSW_COMB_LEVELS 6

/* These loops run over every picture: let them be vectorized. */
#define VSW_DEINTERLACE_LOOP __attribute__((optimize("O3")))


bool
vsw_deinterlace_is_needed(const AVFrame *frame)
{
    bool                      is_interlaced;
    const AVPixFmtDescriptor *format;

    const uint64_t unknown = AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_BITSTREAM
                             | AV_PIX_FMT_FLAG_HWACCEL | AV_PIX_FMT_FLAG_BAYER
                             | AV_PIX_FMT_FLAG_FLOAT | AV_PIX_FMT_FLAG_BE;

#ifdef AV_FRAME_FLAG_INTERLACED
    is_interlaced = (frame->flags & AV_FRAME_FLAG_INTERLACED) != 0;
#else
    is_interlaced = frame->interlaced_frame != 0;
#endif

    format = av_pix_fmt_desc_get((enum AVPixelFormat) frame->format);

    return is_interlaced && format != NULL && frame->height > 3
           && (format->flags & unknown) == 0;
}


VSW_DEINTERLACE_LOOP static void
vsw_row_bytes(uint8_t *restrict to, const uint8_t *row, const uint8_t *above,
              const uint8_t *below, int n)
{
    for (int i = 0; i < n; i++) {
        int a = above[i], b = below[i];
        int least = (a < b ? a : b) - VSW_COMB_LEVELS;
        int most = (a < b ? b : a) + VSW_COMB_LEVELS;

        to[i] = (uint8_t) (row[i] < least || row[i] > most ? (a + b + 1) >> 1
                                                           : row[i]);
    }
}


VSW_DEINTERLACE_LOOP static void
vsw_row_words(uint16_t *restrict to, const uint16_t *row, const uint16_t *above,
              const uint16_t *below, int n, int levels)
{
    for (int i = 0; i < n; i++) {
        int a = above[i], b = below[i];
        int least = (a < b ? a : b) - levels;
        int most = (a < b ? b : a) + levels;

        to[i] = (uint16_t) (row[i] < least || row[i] > most ? (a + b + 1) >> 1
                                                            : row[i]);
    }
}


/* One plane of `rows` rows, each `size` bytes long. */
static void
vsw_plane_deinterlace(AVFrame *to, const AVFrame *from, int plane, int size,
                      int rows, int depth)
{
    for (int y = 0; y < rows; y++) {
        ptrdiff_t      stride = from->linesize[plane];
        const uint8_t *row = from->data[plane] + y * stride;
        const uint8_t *below = y + 1 < rows ? row + stride : row - stride;
        uint8_t *out = to->data[plane] + y * (ptrdiff_t) to->linesize[plane];

        if (y % 2 == 0) {
            memcpy(out, row, (size_t) size);

        } else if (depth > 8) {
            vsw_row_words((uint16_t *) out, (const uint16_t *) row,
                          (const uint16_t *) (row - stride),
                          (const uint16_t *) below, size / 2,
                          VSW_COMB_LEVELS << (depth - 8));

        } else {
            vsw_row_bytes(out, row, row - stride, below, size);
        }
    }
}


/* Makes room in `to` for a picture like `from`. */
static int
vsw_picture_reserve(AVFrame *to, const AVFrame *from)
{
    if (to->format == from->format && to->width == from->width
        && to->height == from->height && to->buf[0] != NULL)
    {
        return VSTREAM_OK;
    }

    av_frame_unref(to);
    to->format = from->format;
    to->width = from->width;
    to->height = from->height;

    return av_frame_get_buffer(to, 0) < 0 ? VSTREAM_ERROR : VSTREAM_OK;
}


int
vsw_deinterlace(AVFrame *to, const AVFrame *from)
{
    int                       size, rows;
    enum AVPixelFormat        id = (enum AVPixelFormat) from->format;
    const AVPixFmtDescriptor *format = av_pix_fmt_desc_get(id);

    if (vsw_picture_reserve(to, from) != VSTREAM_OK) {
        return VSTREAM_ERROR;
    }

    for (int plane = 0; plane < av_pix_fmt_count_planes(id); plane++) {
        size = av_image_get_linesize(id, from->width, plane);
        rows = plane == 1 || plane == 2
                   ? AV_CEIL_RSHIFT(from->height, format->log2_chroma_h)
                   : from->height;

        vsw_plane_deinterlace(to, from, plane, size, rows,
                              format->comp[0].depth);
    }

    to->colorspace = from->colorspace;
    to->color_range = from->color_range;
    to->sample_aspect_ratio = from->sample_aspect_ratio;

    return VSTREAM_OK;
}
