/*
 * The assembler, see vsw_assembler.h.
 *
 * Parameter sets that come with a time stamp of their own belong to the
 * picture behind them: nothing ends before it holds a slice.
 */

#include <stdlib.h>
#include <string.h>

#include "vsw_assembler.h"

#define VSW_H264_SLICE    1
#define VSW_H264_IDR      5
#define VSW_H264_SEI      6
#define VSW_H265_IRAP     16
#define VSW_H265_IRAP_END 24
#define VSW_H265_VCL_END  32

#define VSW_SEI_RECOVERY_POINT 6


typedef struct {
    AVPacket *packet;
    bool      has_slice;
    bool      is_key;
} vsw_gathered_t;

struct vsw_assembler_s {
    enum AVCodecID codec;
    size_t         most;
    vsw_gathered_t now;
    AVPacket      *ready;
    bool           has_ready;
    bool           distrusts_markers;
    int64_t        marked_pts; /* of the newest unit that a marker ended */
};


bool
vsw_assembler_knows(enum AVCodecID codec)
{
    return codec == AV_CODEC_ID_H264 || codec == AV_CODEC_ID_HEVC;
}


vsw_assembler_t *
vsw_assembler_create(enum AVCodecID codec, size_t most)
{
    vsw_assembler_t *a;

    a = calloc(1, sizeof(*a));
    if (a == NULL) {
        return NULL;
    }

    a->codec = codec;
    a->most = most;
    a->marked_pts = AV_NOPTS_VALUE;
    a->now.packet = av_packet_alloc();
    a->ready = av_packet_alloc();

    if (a->now.packet == NULL || a->ready == NULL) {
        vsw_assembler_destroy(a);
        return NULL;
    }

    return a;
}


void
vsw_assembler_destroy(vsw_assembler_t *assembler)
{
    if (assembler == NULL) {
        return;
    }

    av_packet_free(&assembler->now.packet);
    av_packet_free(&assembler->ready);
    free(assembler);
}


/* Does this SEI (behind its NAL header) hold a recovery point? */
static bool
vsw_sei_has_recovery_point(const uint8_t *p, const uint8_t *end)
{
    unsigned type, size;

    while (end - p > 2) {
        for (type = 0; p < end && *p == 0xff; p++) {
            type += 0xff;
        }

        type += p < end ? *p++ : 0;

        for (size = 0; p < end && *p == 0xff; p++) {
            size += 0xff;
        }

        size += p < end ? *p++ : 0;

        if (type == VSW_SEI_RECOVERY_POINT) {
            return true;
        }

        if (size > (size_t) (end - p)) {
            return false;
        }

        p += size;
    }

    return false;
}


/* What the NAL unit that begins at `p` says of its access unit. */
static void
vsw_nal_look(vsw_assembler_t *a, const uint8_t *p, const uint8_t *end)
{
    unsigned type;

    if (a->codec == AV_CODEC_ID_H264) {
        type = p[0] & 0x1f;
        a->now.has_slice |= type >= VSW_H264_SLICE && type <= VSW_H264_IDR;
        a->now.is_key |=
            type == VSW_H264_IDR
            || (type == VSW_H264_SEI && vsw_sei_has_recovery_point(p + 1, end));
        return;
    }

    type = p[0] >> 1 & 0x3f;
    a->now.has_slice |= type < VSW_H265_VCL_END;
    a->now.is_key |= type >= VSW_H265_IRAP && type < VSW_H265_IRAP_END;
}


/* Looks at each NAL unit that begins in this piece. */
static void
vsw_piece_look(vsw_assembler_t *a, const uint8_t *p, size_t size)
{
    const uint8_t *end = p + size;

    while (end - p > 3 && (p = memmem(p, (size_t) (end - p), "\0\0\1", 3))) {
        p += 3;

        if (p < end) {
            vsw_nal_look(a, p, end);
        }
    }
}


static void
vsw_gathered_finish(vsw_assembler_t *a)
{
    if (a->now.is_key) {
        a->now.packet->flags |= AV_PKT_FLAG_KEY;
    } else {
        a->now.packet->flags &= ~AV_PKT_FLAG_KEY;
    }

    av_packet_unref(a->ready);
    av_packet_move_ref(a->ready, a->now.packet);
    a->has_ready = true;
    a->now.has_slice = false;
    a->now.is_key = false;
}


static int
vsw_gathered_append(vsw_assembler_t *a, AVPacket *piece)
{
    int       rc;
    int       held = a->now.packet->size;
    AVPacket *to = a->now.packet;

    if ((size_t) held + (size_t) piece->size > a->most) {
        return AVERROR(ENOSPC);
    }

    vsw_piece_look(a, piece->data, (size_t) piece->size);

    if (held == 0) {
        av_packet_unref(to);
        av_packet_move_ref(to, piece);
        return 0;
    }

    rc = av_grow_packet(to, piece->size);
    if (rc < 0) {
        return rc;
    }

    memcpy(to->data + held, piece->data, (size_t) piece->size);
    to->pts = piece->pts;

    return 0;
}


int
vsw_assembler_add(vsw_assembler_t *assembler, AVPacket *piece, bool is_marked)
{
    int              rc;
    int64_t          pts = piece->pts;
    vsw_assembler_t *a = assembler;

    if (pts != AV_NOPTS_VALUE && pts == a->marked_pts) {
        /* a unit went on behind its marker: too late for this one */
        a->distrusts_markers = true;
        av_packet_unref(piece);
        return 0;
    }

    if (a->now.has_slice && pts != a->now.packet->pts) {
        vsw_gathered_finish(a);
    }

    rc = vsw_gathered_append(a, piece);
    av_packet_unref(piece);

    if (rc == 0 && is_marked && a->now.has_slice && !a->distrusts_markers
        && !a->has_ready)
    {
        a->marked_pts = pts;
        vsw_gathered_finish(a);
    }

    return rc;
}


bool
vsw_assembler_take(vsw_assembler_t *assembler, AVPacket *unit)
{
    if (!assembler->has_ready) {
        return false;
    }

    av_packet_move_ref(unit, assembler->ready);
    assembler->has_ready = false;

    return true;
}
