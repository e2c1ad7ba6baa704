/*
 * Sizes: whatever a camera says of its picture and of the shape of its
 * pixels, what is encoded has the width asked for, an even height, and no
 * more pixels than may be.
 */

#include "fuzz.h"

#include "vsw_picture_size.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t   num = (uint32_t) fuzz_number(&data, &size, 4);
    uint32_t   den = (uint32_t) fuzz_number(&data, &size, 4);
    uint32_t   width = (uint32_t) fuzz_number(&data, &size, 2) % 7681;
    uint64_t   most = fuzz_number(&data, &size, 4);
    vsw_size_t from, to;

    from.width = 1 + (uint32_t) fuzz_number(&data, &size, 2);
    from.height = 1 + (uint32_t) fuzz_number(&data, &size, 2);
    width -= width % 2;
    most += 2 * width; /* two lines always have room */
    to = vsw_picture_size(from, num, den, width, most);

    if (width == 0) {
        fuzz_check(to.width == from.width && to.height == from.height);
        return 0;
    }

    fuzz_check(to.width == width);
    fuzz_check(to.height >= 2 && to.height % 2 == 0 && to.height <= 65500);
    fuzz_check((uint64_t) to.width * to.height <= most);

    return 0;
}
