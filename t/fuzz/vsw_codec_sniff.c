/*
 * The sniffer: what it has found stays found, whatever follows, and is never
 * found before its last byte is there.
 */

#include "fuzz.h"

#include "vsw_codec_sniff.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t         n;
    enum AVCodecID whole = vsw_codec_sniff(data, size);
    enum AVCodecID found = AV_CODEC_ID_NONE;

    fuzz_check(whole == AV_CODEC_ID_NONE || whole == AV_CODEC_ID_H264
               || whole == AV_CODEC_ID_HEVC);

    for (n = 0; n < size && n < 256; n++) {
        found = vsw_codec_sniff(data, n);
        fuzz_check(found == AV_CODEC_ID_NONE || (n > 8 && found == whole));
    }

    return 0;
}
