/*
 * The JPEG scan: a picture that passes stays the same picture when what
 * follows its EOI is cut off, and is none when one byte more is missing.
 */

#include "fuzz.h"

#include "vstream_jpeg.h"

#define PIXELS_MAX (7680u * 4320)


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vstream_slice_t picture = fuzz_slice(data, size);
    vstream_jpeg_t  jpeg, again;

    if (vstream_jpeg_scan(picture, PIXELS_MAX, &jpeg) != VSTREAM_JPEG_OK) {
        return 0;
    }

    fuzz_check(jpeg.length <= size && jpeg.length >= 4);
    fuzz_check(data[jpeg.length - 2] == 0xff);
    fuzz_check(data[jpeg.length - 1] == 0xd9);
    fuzz_check(jpeg.width >= 1 && jpeg.width <= 65535);
    fuzz_check(jpeg.height >= 1 && jpeg.height <= 65535);
    fuzz_check((uint64_t) jpeg.width * jpeg.height <= PIXELS_MAX);
    fuzz_check(jpeg.components >= 1 && jpeg.components <= 4);
    fuzz_check(jpeg.scans >= 1 && jpeg.scans <= VSTREAM_JPEG_SCANS_MAX);

    picture.length = jpeg.length;
    fuzz_check(vstream_jpeg_scan(picture, PIXELS_MAX, &again)
               == VSTREAM_JPEG_OK);
    fuzz_check(again.length == jpeg.length && again.width == jpeg.width
               && again.height == jpeg.height && again.scans == jpeg.scans);

    picture.length--;
    fuzz_check(vstream_jpeg_scan(picture, PIXELS_MAX, &again)
               == VSTREAM_JPEG_TRUNCATED);

    return 0;
}
