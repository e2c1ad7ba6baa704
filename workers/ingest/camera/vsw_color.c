/*
 * Colours, see vsw_color.h.
 *
 * With y, pb, pr as ITU-R BT.601 and BT.709 define them, both systems give the
 * same red, green and blue if
 *
 *     y'  = y + a pb + b pr
 *     pb' = (2 (1 - kb) pb - (y' - y)) / (2 (1 - kb'))
 *     pr' = (2 (1 - kr) pr - (y' - y)) / (2 (1 - kr'))
 *
 * where a and b follow from the weights; the change of range is multiplied
 * in.  A luma sample gets the chroma of its block of four.
 */

#include "vsw_color.h"

/*
 * Samples are raised by 7 bits, so that they just fit into 16, and multiplied
 * with 16-bit factors of which the product's upper half is kept: what every
 * processor does with eight samples at once.  The result has 4 bits behind
 * the point.
 */
#define VSW_COLOR_RAISE 7
#define VSW_COLOR_POINT 4
#define VSW_COLOR_ONE   (1 << (16 - VSW_COLOR_RAISE + VSW_COLOR_POINT))
#define VSW_COLOR_HALF  (1 << (VSW_COLOR_POINT - 1))

/* Samples that are worked on at once: rows of any width, a fixed stack. */
#define VSW_COLOR_RUN 512

/*
 * These loops are the cost of every frame: let them be vectorized, and as wide
 * as the processor at hand can.
 */
#if defined(__x86_64__) && !defined(__clang__)
#define VSW_COLOR_LOOP                                                         \
    __attribute__((optimize("O3"),                                             \
                   target_clones("arch=x86-64-v4", "avx2", "default")))
#else
#define VSW_COLOR_LOOP __attribute__((optimize("O3")))
#endif

const vsw_color_weights_t vsw_color_bt601 = { 0.299, 0.114 };
const vsw_color_weights_t vsw_color_bt709 = { 0.2126, 0.0722 };
const vsw_color_weights_t vsw_color_bt2020 = { 0.2627, 0.0593 };


static int16_t
vsw_color_fixed(double value)
{
    value *= VSW_COLOR_ONE;

    return (int16_t) (value < 0 ? value - 0.5 : value + 0.5);
}


void
vsw_color_init(vsw_color_t *color, vsw_color_weights_t from, bool is_full_range)
{
    double              luma = is_full_range ? 1 : 255.0 / 219;
    double              chroma = is_full_range ? 1 : 255.0 / 224;
    double              from_green = 1 - from.red - from.blue;
    double              green, a, b;
    vsw_color_weights_t to = vsw_color_bt601;

    green = 1 - to.red - to.blue;
    a = to.blue * 2 * (1 - from.blue)
        - green * 2 * from.blue * (1 - from.blue) / from_green;
    b = to.red * 2 * (1 - from.red)
        - green * 2 * from.red * (1 - from.red) / from_green;

    color->luma_zero = is_full_range ? 0 : 16;
    color->luma_gain = vsw_color_fixed(luma);
    color->luma_cb = vsw_color_fixed(a * chroma);
    color->luma_cr = vsw_color_fixed(b * chroma);
    color->cb_cb = vsw_color_fixed((2 * (1 - from.blue) - a)
                                   / (2 * (1 - to.blue)) * chroma);
    color->cb_cr = vsw_color_fixed(-b / (2 * (1 - to.blue)) * chroma);
    color->cr_cb = vsw_color_fixed(-a / (2 * (1 - to.red)) * chroma);
    color->cr_cr =
        vsw_color_fixed((2 * (1 - from.red) - b) / (2 * (1 - to.red)) * chroma);

    color->is_identity =
        is_full_range && from.red == to.red && from.blue == to.blue;
}


static inline int16_t
vsw_color_times(int16_t raised, int16_t factor)
{
    return (int16_t) (raised * factor >> 16);
}


static inline uint8_t
vsw_color_round(int16_t value)
{
    int16_t whole = (int16_t) ((value + VSW_COLOR_HALF) >> VSW_COLOR_POINT);

    whole = whole < 0 ? 0 : whole;

    return (uint8_t) (whole > 255 ? 255 : whole);
}


/* Chroma of a run; `add` gets what each sample adds to luma, twice. */
VSW_COLOR_LOOP static void
vsw_color_chroma_run(const vsw_color_t *color, uint8_t *to_cb, uint8_t *to_cr,
                     const uint8_t *cb, const uint8_t *cr,
                     int16_t *restrict add, int        n)
{
    int16_t     b[VSW_COLOR_RUN], r[VSW_COLOR_RUN];
    vsw_color_t c = *color;

    for (int i = 0; i < n; i++) {
        b[i] = (int16_t) ((cb[i] - 128) * (1 << VSW_COLOR_RAISE));
        r[i] = (int16_t) ((cr[i] - 128) * (1 << VSW_COLOR_RAISE));
    }

    for (int i = 0; i < n; i++) {
        add[2 * i] = add[2 * i + 1] =
            (int16_t) (vsw_color_times(b[i], c.luma_cb)
                       + vsw_color_times(r[i], c.luma_cr));
    }

    for (int i = 0; i < n; i++) {
        to_cb[i] = vsw_color_round(
            (int16_t) ((128 << VSW_COLOR_POINT) + vsw_color_times(b[i], c.cb_cb)
                       + vsw_color_times(r[i], c.cb_cr)));
    }

    for (int i = 0; i < n; i++) {
        to_cr[i] = vsw_color_round(
            (int16_t) ((128 << VSW_COLOR_POINT) + vsw_color_times(b[i], c.cr_cb)
                       + vsw_color_times(r[i], c.cr_cr)));
    }
}


VSW_COLOR_LOOP static void
vsw_color_luma_run(const vsw_color_t *color, uint8_t *to, const uint8_t *from,
                   const int16_t *restrict add, int n)
{
    int16_t zero = color->luma_zero, gain = color->luma_gain;

    for (int i = 0; i < n; i++) {
        int16_t raised = (int16_t) ((from[i] - zero) * (1 << VSW_COLOR_RAISE));

        to[i] =
            vsw_color_round((int16_t) (vsw_color_times(raised, gain) + add[i]));
    }
}


/* One row of chroma with its one or two rows of luma. */
static void
vsw_color_rows_convert(const vsw_color_t *c, const vsw_planes_t *to,
                       const vsw_planes_t *from, int width, int row,
                       int luma_rows)
{
    int     x, i, n, luma_n;
    int     chroma_width = (width + 1) / 2;
    int16_t add[2 * VSW_COLOR_RUN];

    for (x = 0; x < chroma_width; x += VSW_COLOR_RUN) {
        n = chroma_width - x < VSW_COLOR_RUN ? chroma_width - x : VSW_COLOR_RUN;
        luma_n = width - 2 * x < 2 * n ? width - 2 * x : 2 * n;

        vsw_color_chroma_run(c, to->plane[1] + row * to->stride[1] + x,
                             to->plane[2] + row * to->stride[2] + x,
                             from->plane[1] + row * from->stride[1] + x,
                             from->plane[2] + row * from->stride[2] + x, add,
                             n);

        for (i = 0; i < luma_rows; i++) {
            vsw_color_luma_run(
                c, to->plane[0] + (2 * row + i) * to->stride[0] + 2 * x,
                from->plane[0] + (2 * row + i) * from->stride[0] + 2 * x, add,
                luma_n);
        }
    }
}


void
vsw_color_convert(const vsw_color_t *color, const vsw_planes_t *to,
                  const vsw_planes_t *from, int width, int height)
{
    for (int row = 0; row < (height + 1) / 2; row++) {
        vsw_color_rows_convert(color, to, from, width, row,
                               2 * row + 1 < height ? 2 : 1);
    }
}
