/*
 * The assembler, fed with pieces of any kind: no unit is empty or larger than
 * allowed, none is a keyframe that begins no NAL unit, and bytes come out in
 * the order in which they went in.
 */

#include "fuzz.h"

#include "vsw_assembler.h"

#define MOST     2000
#define SETS_MAX 4096


static void
check_unit(const AVPacket *unit)
{
    fuzz_check(unit->size > 0 && unit->size <= MOST + SETS_MAX);
    fuzz_check((unit->flags & AV_PKT_FLAG_KEY) == 0
               || memmem(unit->data, (size_t) unit->size, "\0\0\1", 3) != NULL);
}


/* Each piece is a byte of flags, one of length, and so many bytes. */
static size_t
piece_read(AVPacket *piece, const uint8_t *data, size_t size, bool *is_marked)
{
    size_t length = data[1] < size - 2 ? data[1] : size - 2;

    fuzz_check(av_new_packet(piece, (int) length) == 0);
    memcpy(piece->data, data + 2, length);
    piece->pts = data[0] & 0x80 ? AV_NOPTS_VALUE : data[0] >> 3;
    *is_marked = data[0] & 1;

    return 2 + length;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int              rc;
    bool             is_marked;
    size_t           n, in = 0, out = 0;
    AVPacket        *piece, *unit;
    vsw_assembler_t *a;

    if (size == 0) {
        return 0;
    }

    a = vsw_assembler_create(data[0] & 1 ? AV_CODEC_ID_H264 : AV_CODEC_ID_HEVC,
                             MOST);
    piece = av_packet_alloc();
    unit = av_packet_alloc();
    fuzz_check(a != NULL && piece != NULL && unit != NULL);

    for (data++, size--; size > 2; data += n, size -= n) {
        n = piece_read(piece, data, size, &is_marked);
        in += n - 2;

        rc = vsw_assembler_add(a, piece, is_marked);
        fuzz_check(rc == 0 || rc == AVERROR(ENOSPC));
        fuzz_check(piece->size == 0);

        while (vsw_assembler_take(a, unit)) {
            check_unit(unit);
            out += (size_t) unit->size;
            in += SETS_MAX; /* at most, in front of a keyframe */
            av_packet_unref(unit);
        }

        if (rc != 0) {
            break;
        }
    }

    fuzz_check(out <= in);

    av_packet_free(&piece);
    av_packet_free(&unit);
    vsw_assembler_destroy(a);

    return 0;
}
