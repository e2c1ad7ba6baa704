/*
 * A look at a JPEG (ITU-T T.81 annex B) without decoding it: is it one whole
 * picture, and how large?  It walks the marker segments from SOI through SOF
 * and SOS to the EOI at its end.  Used where frames enter (camera process,
 * upload), so that nothing downstream shows half a picture or allocates by a
 * stranger's numbers.
 */

#ifndef VSTREAM_JPEG_H
#define VSTREAM_JPEG_H

#include "vstream_slice.h"

#define VSTREAM_JPEG_SCANS_MAX 64


typedef struct {
    uint32_t width; /* pixels, 1 to 65535 */
    uint32_t height;
    uint32_t components; /* 1 to 4 */
    uint32_t scans;
    size_t   length; /* bytes from SOI to EOI, both included */
} vstream_jpeg_t;

typedef enum {
    VSTREAM_JPEG_OK = 0,
    VSTREAM_JPEG_TRUNCATED,   /* ends before its EOI */
    VSTREAM_JPEG_MALFORMED,   /* not a JPEG, or its segments do not add up */
    VSTREAM_JPEG_UNSUPPORTED, /* lossless, hierarchical or arithmetic coding */
    VSTREAM_JPEG_TOO_LARGE,   /* more than max_pixels, or too many scans */
} vstream_jpeg_result_t;


/*
 * Scans `data`.  Zero bytes after EOI (some cameras pad) are left out of
 * `length`; other bytes after EOI are ignored likewise.  `max_pixels` bounds
 * width x height.  On a result other than OK the content of `jpeg` is
 * undefined.
 */
vstream_jpeg_result_t vstream_jpeg_scan(vstream_slice_t data,
                                        uint64_t        max_pixels,
                                        vstream_jpeg_t *jpeg);

/* "truncated", "malformed", ...: for logs and counters. */
const char *vstream_jpeg_result_text(vstream_jpeg_result_t result);


#endif /* VSTREAM_JPEG_H */
