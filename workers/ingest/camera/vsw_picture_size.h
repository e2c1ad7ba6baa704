/*
 * How large a picture is shown: pure arithmetic, apart from the encoder so
 * that tests reach it.
 */

#ifndef VSW_PICTURE_SIZE_H
#define VSW_PICTURE_SIZE_H

#include <stdint.h>


typedef struct {
    uint32_t width;
    uint32_t height;
} vsw_size_t;

/*
 * The size at which a picture of `source` pixels, each `sar_num` wide by
 * `sar_den` high (0: square), is to be encoded for `width`.  With width 0 it
 * stays as it is.  Else the height follows from the shape that the picture
 * has on a screen, is even, at least 2, and such that there are no more than
 * `max_pixels`, whatever shape the camera claims.
 */
vsw_size_t vsw_picture_size(vsw_size_t source, uint32_t sar_num,
                            uint32_t sar_den, uint32_t width,
                            uint64_t max_pixels);


#endif /* VSW_PICTURE_SIZE_H */
