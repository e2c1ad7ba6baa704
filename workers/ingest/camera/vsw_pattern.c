/*
 * The test pattern, see vsw_pattern.h.  Planes are full range BT.601 already,
 * so the encoder takes them as they are.  Only the three bands that change are
 * drawn again: the box's, the clock's and the row of blocks.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vsw_pattern.h"

#define VSW_GLYPH_WIDTH  5
#define VSW_GLYPH_HEIGHT 7
#define VSW_CLOCK_CHARS  23 /* 2025-01-31 12:34:56.789 */


typedef struct {
    uint8_t y;
    uint8_t cb;
    uint8_t cr;
} vsw_color_t;

struct vsw_pattern_s {
    AVFrame *frame;
    uint8_t *bars[3]; /* one row of each plane */
    int      box_top; /* rows; all bands begin and end on multiples of 16 */
    int      box_size;
    int      clock_top;
    int      clock_height;
    int      dot; /* pixels of one dot of a glyph; 0: no clock */
    int      blocks_top;
};

/* White, yellow, cyan, green, magenta, red, blue, black: 75 % but for two. */
static const vsw_color_t vsw_bars[] = {
    { 255, 128, 128 }, { 169, 44, 142 }, { 134, 159, 44 }, { 112, 74, 58 },
    { 79, 182, 198 },  { 57, 97, 212 },  { 22, 212, 114 }, { 0, 128, 128 },
};

#define VSW_BARS ((int) (sizeof(vsw_bars) / sizeof(vsw_bars[0])))

/* Rows from top to bottom, five dots each, the highest bit on the left. */
static const struct {
    char    c;
    uint8_t rows[VSW_GLYPH_HEIGHT];
} vsw_glyphs[] = {
    { '0', { 0x0e, 0x11, 0x13, 0x15, 0x19, 0x11, 0x0e } },
    { '1', { 0x04, 0x0c, 0x04, 0x04, 0x04, 0x04, 0x0e } },
    { '2', { 0x0e, 0x11, 0x01, 0x06, 0x08, 0x10, 0x1f } },
    { '3', { 0x1f, 0x02, 0x04, 0x02, 0x01, 0x11, 0x0e } },
    { '4', { 0x02, 0x06, 0x0a, 0x12, 0x1f, 0x02, 0x02 } },
    { '5', { 0x1f, 0x10, 0x1e, 0x01, 0x01, 0x11, 0x0e } },
    { '6', { 0x06, 0x08, 0x10, 0x1e, 0x11, 0x11, 0x0e } },
    { '7', { 0x1f, 0x01, 0x02, 0x04, 0x08, 0x08, 0x08 } },
    { '8', { 0x0e, 0x11, 0x11, 0x0e, 0x11, 0x11, 0x0e } },
    { '9', { 0x0e, 0x11, 0x11, 0x0f, 0x01, 0x02, 0x0c } },
    { ':', { 0x00, 0x04, 0x04, 0x00, 0x04, 0x04, 0x00 } },
    { '.', { 0x00, 0x00, 0x00, 0x00, 0x00, 0x0c, 0x0c } },
    { '-', { 0x00, 0x00, 0x00, 0x1f, 0x00, 0x00, 0x00 } },
};


static int
vsw_pattern_plane_width(const vsw_pattern_t *p, int plane)
{
    return plane == 0 ? p->frame->width : (p->frame->width + 1) / 2;
}


/* One row of the bars in each plane. */
static int
vsw_pattern_bars_make(vsw_pattern_t *p)
{
    int                plane, x, width;
    const vsw_color_t *color;

    for (plane = 0; plane < 3; plane++) {
        width = vsw_pattern_plane_width(p, plane);

        p->bars[plane] = malloc((size_t) width);
        if (p->bars[plane] == NULL) {
            return -1;
        }

        for (x = 0; x < width; x++) {
            color = &vsw_bars[x * VSW_BARS / width];
            p->bars[plane][x] = plane == 0   ? color->y
                                : plane == 1 ? color->cb
                                             : color->cr;
        }
    }

    return 0;
}


/* Puts the bars back into the rows from `top` to `end`. */
static void
vsw_pattern_bars_draw(vsw_pattern_t *p, int top, int end)
{
    int plane, y, shift, rows;

    for (plane = 0; plane < 3; plane++) {
        shift = plane == 0 ? 0 : 1;
        rows = (p->frame->height + shift) >> shift;

        for (y = top >> shift; y < (end + shift) >> shift && y < rows; y++) {
            memcpy(p->frame->data[plane] + y * p->frame->linesize[plane],
                   p->bars[plane], (size_t) vsw_pattern_plane_width(p, plane));
        }
    }
}


static void
vsw_plane_fill(AVFrame *f, int plane, int left, int top, int right, int bottom,
               uint8_t value)
{
    int y;
    int width = plane == 0 ? f->width : (f->width + 1) / 2;
    int height = plane == 0 ? f->height : (f->height + 1) / 2;

    left = left < 0 ? 0 : left;
    top = top < 0 ? 0 : top;
    right = right > width ? width : right;
    bottom = bottom > height ? height : bottom;

    for (y = top; y < bottom && left < right; y++) {
        memset(f->data[plane] + y * f->linesize[plane] + left, value,
               (size_t) (right - left));
    }
}


static void
vsw_rect_fill(AVFrame *f, int left, int top, int width, int height,
              vsw_color_t color)
{
    int right = left + width;
    int bottom = top + height;

    vsw_plane_fill(f, 0, left, top, right, bottom, color.y);

    left /= 2;
    top /= 2;
    right = (right + 1) / 2;
    bottom = (bottom + 1) / 2;

    vsw_plane_fill(f, 1, left, top, right, bottom, color.cb);
    vsw_plane_fill(f, 2, left, top, right, bottom, color.cr);
}


static int
vsw_floor_16(int value)
{
    return value / 16 * 16;
}


/* Where the bands lie. */
static void
vsw_pattern_lay_out(vsw_pattern_t *p)
{
    int width = p->frame->width;
    int height = p->frame->height;

    p->box_top = vsw_floor_16(height / 8);
    p->box_size = height / 6;

    p->dot = width / ((VSW_CLOCK_CHARS + 1) * (VSW_GLYPH_WIDTH + 1));
    p->clock_top = vsw_floor_16(height / 2);
    p->clock_height = (VSW_GLYPH_HEIGHT + 4) * p->dot;

    p->blocks_top = vsw_floor_16(height * 7 / 8);
}


vsw_pattern_t *
vsw_pattern_create(vsw_size_t size)
{
    AVFrame       *f;
    vsw_pattern_t *p;

    p = calloc(1, sizeof(*p));
    if (p == NULL) {
        return NULL;
    }

    f = p->frame = av_frame_alloc();
    if (f == NULL) {
        free(p);
        return NULL;
    }

    f->format = AV_PIX_FMT_YUV420P;
    f->color_range = AVCOL_RANGE_JPEG;
    f->width = (int) size.width;
    f->height = (int) size.height;

    if (av_frame_get_buffer(f, 0) < 0 || vsw_pattern_bars_make(p) != 0) {
        vsw_pattern_destroy(p);
        return NULL;
    }

    vsw_pattern_lay_out(p);
    vsw_pattern_bars_draw(p, 0, f->height);

    return p;
}


void
vsw_pattern_destroy(vsw_pattern_t *pattern)
{
    if (pattern == NULL) {
        return;
    }

    for (int plane = 0; plane < 3; plane++) {
        free(pattern->bars[plane]);
    }

    av_frame_free(&pattern->frame);
    free(pattern);
}


static void
vsw_glyph_draw(vsw_pattern_t *p, const uint8_t *rows, int left, int top)
{
    int row, column;

    for (row = 0; row < VSW_GLYPH_HEIGHT; row++) {
        for (column = 0; column < VSW_GLYPH_WIDTH; column++) {
            if (rows[row] >> (VSW_GLYPH_WIDTH - 1 - column) & 1) {
                vsw_plane_fill(p->frame, 0, left + column * p->dot,
                               top + row * p->dot, left + (column + 1) * p->dot,
                               top + (row + 1) * p->dot, 255);
            }
        }
    }
}


static void
vsw_text_draw(vsw_pattern_t *p, const char *text, int left, int top)
{
    for (; *text != '\0'; text++, left += (VSW_GLYPH_WIDTH + 1) * p->dot) {
        for (size_t i = 0; i < sizeof(vsw_glyphs) / sizeof(vsw_glyphs[0]); i++)
        {
            if (vsw_glyphs[i].c == *text) {
                vsw_glyph_draw(p, vsw_glyphs[i].rows, left, top);
            }
        }
    }
}


static void
vsw_clock_draw(vsw_pattern_t *p, int64_t t_unix_us)
{
    int       width = VSW_CLOCK_CHARS * (VSW_GLYPH_WIDTH + 1) * p->dot;
    char      text[VSW_CLOCK_CHARS + 1];
    size_t    n;
    time_t    seconds = (time_t) (t_unix_us / 1000000);
    struct tm tm;

    gmtime_r(&seconds, &tm);
    n = strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
    snprintf(text + n, sizeof(text) - n, ".%03u",
             (unsigned) (t_unix_us / 1000 % 1000));

    vsw_rect_fill(p->frame, 0, p->clock_top, p->frame->width, p->clock_height,
                  (vsw_color_t) { 24, 128, 128 });
    vsw_text_draw(p, text, (p->frame->width - width) / 2,
                  p->clock_top + 2 * p->dot);
}


static void
vsw_blocks_draw(vsw_pattern_t *p, int64_t t_unix_us)
{
    int      i, block = p->frame->width / VSW_PATTERN_CLOCK_BITS;
    int      height = p->frame->height - p->blocks_top;
    uint64_t ms = (uint64_t) t_unix_us / 1000;

    for (i = 0; i < VSW_PATTERN_CLOCK_BITS; i++) {
        vsw_color_t color = { 0, 128, 128 };

        color.y = ms >> (VSW_PATTERN_CLOCK_BITS - 1 - i) & 1 ? 255 : 0;
        vsw_rect_fill(p->frame, i * block, p->blocks_top, block, height, color);
    }
}


/* The box runs to and fro, once in 128 pictures. */
static void
vsw_box_draw(vsw_pattern_t *p, uint64_t n)
{
    int path = p->frame->width - p->box_size;
    int phase = (int) (n % 128);
    int left;

    phase = phase < 64 ? phase : 128 - phase;
    left = path > 0 ? path * phase / 64 : 0;

    vsw_pattern_bars_draw(p, p->box_top, p->box_top + p->box_size);
    vsw_rect_fill(p->frame, left, p->box_top, p->box_size, p->box_size,
                  (vsw_color_t) { 150, 54, 160 });
}


const AVFrame *
vsw_pattern_draw(vsw_pattern_t *pattern, uint64_t n, int64_t t_unix_us)
{
    vsw_box_draw(pattern, n);

    if (pattern->dot > 0) {
        vsw_clock_draw(pattern, t_unix_us);
    }

    vsw_blocks_draw(pattern, t_unix_us);

    return pattern->frame;
}
