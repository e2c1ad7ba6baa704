/*
 * Pictures into JPEG by libjpeg-turbo, straight from planar YUV.  Whatever
 * comes is first made 4:2:0 of full range in BT.601, as JFIF wants it, and
 * scaled; what is so already goes in untouched.  Buffers are kept from one
 * picture to the next and grow only when the picture does.
 */

#ifndef VSW_JPEG_ENCODER_H
#define VSW_JPEG_ENCODER_H

#include <stddef.h>
#include <stdint.h>

#include <libavutil/frame.h>

#include "vsw_picture_size.h"

typedef struct vsw_jpeg_encoder_s vsw_jpeg_encoder_t;


/* `width`, `max_pixels` as in vsw_picture_size(); quality is 1 to 100. */
vsw_jpeg_encoder_t *vsw_jpeg_encoder_create(uint32_t width, uint32_t quality,
                                            uint64_t max_pixels);
void                vsw_jpeg_encoder_destroy(vsw_jpeg_encoder_t *encoder);

/*
 * Encodes `frame`.  *jpeg is borrowed until the next call.  VSTREAM_ERROR:
 * out of memory, or a form of picture that cannot be converted.
 */
int vsw_jpeg_encoder_encode(vsw_jpeg_encoder_t *encoder, const AVFrame *frame,
                            const uint8_t **jpeg, size_t *length,
                            vsw_size_t *size);


#endif /* VSW_JPEG_ENCODER_H */
