/*
 * In which of its modes a webcam is run: arithmetic alone, apart from the
 * device, so that tests reach it.
 */

#ifndef VSW_V4L2_MODE_H
#define VSW_V4L2_MODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libavcodec/codec_id.h>
#include <libavutil/pixfmt.h>

#define VSW_V4L2_MODES_MAX  512
#define VSW_V4L2_FORMAT_MAX 32


/* A form of pictures that can be taken in here. */
typedef struct {
    uint32_t           fourcc; /* of V4L2 */
    const char        *name;   /* in `format=` */
    enum AVCodecID     codec;
    enum AVPixelFormat pixels; /* where the codec is AV_CODEC_ID_RAWVIDEO */
} vsw_v4l2_format_t;

typedef struct {
    const vsw_v4l2_format_t *format;
    uint32_t                 width;
    uint32_t                 height;
    uint32_t                 fps_milli; /* most; 0: it does not say */
} vsw_v4l2_mode_t;

/* Options of the source; 0 or empty: whatever is best. */
typedef struct {
    char     format[VSW_V4L2_FORMAT_MAX];
    uint32_t width;
    uint32_t height;
    uint32_t fps_milli;
} vsw_v4l2_wish_t;


/* NULL: pictures of that form are not taken in. */
const vsw_v4l2_format_t *vsw_v4l2_format_find(uint32_t fourcc);

/*
 * Reads ?size=640x480&fps=10&format=mjpeg, or nothing.  VSTREAM_ERROR: it is
 * none of that.
 */
int vsw_v4l2_wish_read(vsw_v4l2_wish_t *wish, const char *query);

/*
 * The mode that comes nearest to the wish; a format that is wished for is kept
 * to, a size and a rate as far as there are such.  Without a wish: JPEGs, then
 * what costs least; 1920x1080 at most; and 10 pictures a second at least,
 * rather than more pixels.  NULL: there is none.
 */
const vsw_v4l2_mode_t *vsw_v4l2_mode_choose(const vsw_v4l2_mode_t *modes,
                                            size_t                 count,
                                            const vsw_v4l2_wish_t *wish);


#endif /* VSW_V4L2_MODE_H */
