/*
 * The sniffer, see vsw_codec_sniff.h.  It knows H.264's sequence parameter set
 * (ITU-T H.264 section 7.3.2.1) and H.265's video parameter set (H.265 section
 * 7.3.2.1) by bits of theirs that are fixed; neither can stand in a stream of
 * the other kind.
 */

#include <stdbool.h>
#include <string.h>

#include "vsw_codec_sniff.h"

#define VSW_LEVEL_MIN 9
#define VSW_LEVEL_MAX 62

/* Bytes behind a start code that are looked at. */
#define VSW_SNIFF_BYTES 6


static bool
vsw_is_h264_set(const uint8_t *p)
{
    static const uint8_t profiles[] = { 44, 66, 77, 88, 100, 110, 122, 244 };

    return (p[0] & 0x9f) == 7 && (p[0] & 0x60) != 0
           && memchr(profiles, p[1], sizeof(profiles)) != NULL
           && (p[2] & 3) == 0 && p[3] >= VSW_LEVEL_MIN && p[3] <= VSW_LEVEL_MAX;
}


static bool
vsw_is_h265_set(const uint8_t *p)
{
    return p[0] == 0x40 && p[1] == 1 && p[4] == 0xff && p[5] == 0xff;
}


enum AVCodecID
vsw_codec_sniff(const uint8_t *data, size_t size)
{
    const uint8_t *p = data, *end = data + size;

    while (end - p >= 3 + VSW_SNIFF_BYTES
           && (p = memmem(p, (size_t) (end - p), "\0\0\1", 3)) != NULL)
    {
        p += 3;

        if (end - p < VSW_SNIFF_BYTES) {
            break;
        }

        if (vsw_is_h264_set(p)) {
            return AV_CODEC_ID_H264;
        }

        if (vsw_is_h265_set(p)) {
            return AV_CODEC_ID_HEVC;
        }
    }

    return AV_CODEC_ID_NONE;
}
