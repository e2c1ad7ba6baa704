/*
 * Sizes, see vsw_picture_size.h.
 */

#include "vsw_picture_size.h"

#define VSW_HEIGHT_MAX 65500 /* libjpeg's own bound */


vsw_size_t
vsw_picture_size(vsw_size_t source, uint32_t sar_num, uint32_t sar_den,
                 uint32_t width, uint64_t max_pixels)
{
    double     height, height_max;
    vsw_size_t size = source;

    if (width == 0) {
        return size;
    }

    if (sar_num == 0 || sar_den == 0) {
        sar_num = sar_den = 1;
    }

    height = (double) width * source.height * sar_den
             / ((double) source.width * sar_num);

    height_max = (double) (max_pixels / width);

    if (height_max > VSW_HEIGHT_MAX) {
        height_max = VSW_HEIGHT_MAX;
    }

    if (height > height_max - 1) {
        height = height_max - 1; /* rounded, it is no more */
    }

    size.width = width;
    size.height = height < 2 ? 2 : (uint32_t) (height / 2 + 0.5) * 2;

    return size;
}
