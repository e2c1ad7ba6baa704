/*
 * One picture out of two fields.  Where something moved between them, the
 * lines of the one do not fit between those of the other: such samples are
 * made from their neighbours above and below, and all others stay as they are,
 * so that what stands still keeps its full height.
 */

#ifndef VSW_DEINTERLACE_H
#define VSW_DEINTERLACE_H

#include <stdbool.h>

#include <libavutil/frame.h>


/* Is it of two fields, and of a form that vsw_deinterlace() knows? */
bool vsw_deinterlace_is_needed(const AVFrame *frame);

/*
 * Makes `to` the picture in `from`; its buffer is used again where it fits.
 * VSTREAM_ERROR: out of memory.
 */
int vsw_deinterlace(AVFrame *to, const AVFrame *from);


#endif /* VSW_DEINTERLACE_H */
