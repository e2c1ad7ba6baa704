/*
 * Modes, see vsw_v4l2_mode.h.
 */

#include <stdlib.h>
#include <string.h>

#include <linux/videodev2.h>

#include "vstream_schema.h"
#include "vsw_v4l2_mode.h"

/* What a webcam is run at where nobody says otherwise. */
#define VSW_V4L2_PIXELS    ((int64_t) 1920 * 1080)
#define VSW_V4L2_FPS_MILLI 10000

#define VSW_V4L2_SIDE_MAX 16384
#define VSW_V4L2_FPS_MAX  240

#define VSW_RAW AV_CODEC_ID_RAWVIDEO

/* What is liked best comes first. */
static const vsw_v4l2_format_t vsw_v4l2_formats[] = {
    { V4L2_PIX_FMT_MJPEG, "mjpeg", AV_CODEC_ID_MJPEG, AV_PIX_FMT_NONE },
    { V4L2_PIX_FMT_JPEG, "mjpeg", AV_CODEC_ID_MJPEG, AV_PIX_FMT_NONE },
    { V4L2_PIX_FMT_NV12, "nv12", VSW_RAW, AV_PIX_FMT_NV12 },
    { V4L2_PIX_FMT_YUV420, "yuv420p", VSW_RAW, AV_PIX_FMT_YUV420P },
    { V4L2_PIX_FMT_YUYV, "yuyv422", VSW_RAW, AV_PIX_FMT_YUYV422 },
    { V4L2_PIX_FMT_UYVY, "uyvy422", VSW_RAW, AV_PIX_FMT_UYVY422 },
    { V4L2_PIX_FMT_RGB24, "rgb24", VSW_RAW, AV_PIX_FMT_RGB24 },
    { V4L2_PIX_FMT_BGR24, "bgr24", VSW_RAW, AV_PIX_FMT_BGR24 },
    { V4L2_PIX_FMT_GREY, "gray", VSW_RAW, AV_PIX_FMT_GRAY8 },
    { V4L2_PIX_FMT_H264, "h264", AV_CODEC_ID_H264, AV_PIX_FMT_NONE },
};

#define VSW_V4L2_FORMATS                                                       \
    (sizeof(vsw_v4l2_formats) / sizeof(vsw_v4l2_formats[0]))


const vsw_v4l2_format_t *
vsw_v4l2_format_find(uint32_t fourcc)
{
    for (size_t i = 0; i < VSW_V4L2_FORMATS; i++) {
        if (vsw_v4l2_formats[i].fourcc == fourcc) {
            return &vsw_v4l2_formats[i];
        }
    }

    return NULL;
}


/* The number that ends at `end`; 0: there is none, or it is above `most`. */
static uint32_t
vsw_v4l2_number_read(const char *text, const char *end, unsigned long most)
{
    char         *stop;
    unsigned long value = strtoul(text, &stop, 10);

    return stop == end && stop > text && value <= most ? (uint32_t) value : 0;
}


static int
vsw_v4l2_option_read(vsw_v4l2_wish_t *wish, const char *option, const char *end)
{
    char       *stop;
    double      fps;
    size_t      length;
    const char *x;

    if (strncmp(option, "size=", 5) == 0) {
        option += 5;
        x = memchr(option, 'x', (size_t) (end - option));

        if (x != NULL) {
            wish->width = vsw_v4l2_number_read(option, x, VSW_V4L2_SIDE_MAX);
            wish->height = vsw_v4l2_number_read(x + 1, end, VSW_V4L2_SIDE_MAX);
        }

        return wish->width > 0 && wish->height > 0 ? VSTREAM_OK : VSTREAM_ERROR;
    }

    if (strncmp(option, "fps=", 4) == 0) {
        fps = strtod(option + 4, &stop);
        wish->fps_milli = fps > 0 && fps <= VSW_V4L2_FPS_MAX && stop == end
                              ? (uint32_t) (fps * 1000)
                              : 0;

        return wish->fps_milli > 0 ? VSTREAM_OK : VSTREAM_ERROR;
    }

    length = (size_t) (end - option);

    if (strncmp(option, "format=", 7) != 0 || length <= 7
        || length - 7 >= sizeof(wish->format))
    {
        return VSTREAM_ERROR;
    }

    memcpy(wish->format, option + 7, length - 7);

    return VSTREAM_OK;
}


int
vsw_v4l2_wish_read(vsw_v4l2_wish_t *wish, const char *query)
{
    const char *end;

    memset(wish, 0, sizeof(*wish));

    if (*query == '\0') {
        return VSTREAM_OK;
    }

    if (*query != '?') {
        return VSTREAM_ERROR;
    }

    do {
        query++;
        end = query + strcspn(query, "&");

        if (vsw_v4l2_option_read(wish, query, end) != VSTREAM_OK) {
            return VSTREAM_ERROR;
        }

        query = end;
    } while (*query == '&');

    return VSTREAM_OK;
}


/* How far a size is from the one that is wanted; less is better. */
static int64_t
vsw_v4l2_size_distance(const vsw_v4l2_mode_t *m, const vsw_v4l2_wish_t *wish)
{
    int64_t pixels = (int64_t) m->width * m->height;

    if (wish->width > 0) {
        return llabs((int64_t) m->width - wish->width)
               + llabs((int64_t) m->height - wish->height);
    }

    return pixels <= VSW_V4L2_PIXELS ? VSW_V4L2_PIXELS - pixels : pixels;
}


/* How far a rate falls short of the one that is wanted. */
static int64_t
vsw_v4l2_fps_lack(const vsw_v4l2_mode_t *m, const vsw_v4l2_wish_t *wish)
{
    int64_t want = wish->fps_milli > 0 ? wish->fps_milli : VSW_V4L2_FPS_MILLI;

    return m->fps_milli == 0 || m->fps_milli >= want ? 0 : want - m->fps_milli;
}


/* What is wished for first; then format, size and rate, as they are liked. */
static bool
vsw_v4l2_mode_is_better(const vsw_v4l2_mode_t *a, const vsw_v4l2_mode_t *b,
                        const vsw_v4l2_wish_t *wish)
{
    int64_t size =
        vsw_v4l2_size_distance(a, wish) - vsw_v4l2_size_distance(b, wish);
    int64_t lack = vsw_v4l2_fps_lack(a, wish) - vsw_v4l2_fps_lack(b, wish);

    if (wish->width > 0 && size != 0) {
        return size < 0;
    }

    if (lack != 0) {
        return lack < 0;
    }

    if (a->format != b->format) {
        return a->format < b->format; /* of the same table */
    }

    return size != 0 ? size < 0 : a->fps_milli > b->fps_milli;
}


const vsw_v4l2_mode_t *
vsw_v4l2_mode_choose(const vsw_v4l2_mode_t *modes, size_t count,
                     const vsw_v4l2_wish_t *wish)
{
    const vsw_v4l2_mode_t *best = NULL;

    for (size_t i = 0; i < count; i++) {
        const vsw_v4l2_mode_t *m = &modes[i];

        if (wish->format[0] != '\0'
            && strcmp(wish->format, m->format->name) != 0) {
            continue;
        }

        if (best == NULL || vsw_v4l2_mode_is_better(m, best, wish)) {
            best = m;
        }
    }

    return best;
}
