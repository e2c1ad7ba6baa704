/*
 * The assembler, see vsw_assembler.h.
 *
 * Parameter sets that come with a time stamp of their own belong to the
 * picture behind them: nothing ends before it holds a slice.  Those that came
 * in band last are kept: a decoder that is opened for a later keyframe knows
 * only what stood in the SDP.
 */

#include <stdlib.h>
#include <string.h>

#include "vsw_assembler.h"

#define VSW_H264_SLICE     1
#define VSW_H264_IDR       5
#define VSW_H264_SEI       6
#define VSW_H264_SPS       7
#define VSW_H264_PPS       8
#define VSW_H264_DELIMITER 9
#define VSW_H265_IRAP      16
#define VSW_H265_IRAP_END  24
#define VSW_H265_VPS       32
#define VSW_H265_SPS       33
#define VSW_H265_PPS       34
#define VSW_H265_DELIMITER 35
#define VSW_H265_SEI       39

#define VSW_SEI_RECOVERY_POINT 6

/* Larger parameter sets are not kept. */
#define VSW_SETS_MAX 4096


typedef struct {
    AVPacket *packet;
    bool      has_slice;
    bool      has_sets;
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
    uint8_t        sets[VSW_SETS_MAX];
    size_t         sets_length;
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


static unsigned
vsw_nal_type(const vsw_assembler_t *a, const uint8_t *p)
{
    return a->codec == AV_CODEC_ID_H264 ? p[0] & 0x1f : p[0] >> 1 & 0x3f;
}


static bool
vsw_nal_is_set(const vsw_assembler_t *a, unsigned type)
{
    return a->codec == AV_CODEC_ID_H264
               ? type == VSW_H264_SPS || type == VSW_H264_PPS
               : type >= VSW_H265_VPS && type <= VSW_H265_PPS;
}


/* What the NAL unit that begins at `p` says of its access unit. */
static void
vsw_nal_look(vsw_assembler_t *a, const uint8_t *p, const uint8_t *end)
{
    unsigned type = vsw_nal_type(a, p);

    if (a->codec == AV_CODEC_ID_H264) {
        a->now.has_slice |= type >= VSW_H264_SLICE && type <= VSW_H264_IDR;
        a->now.has_sets |= type == VSW_H264_SPS;
        a->now.is_key |=
            type == VSW_H264_IDR
            || (type == VSW_H264_SEI && vsw_sei_has_recovery_point(p + 1, end));
        return;
    }

    a->now.has_slice |= type < VSW_H265_VPS;
    a->now.has_sets |= type == VSW_H265_SPS;
    a->now.is_key |= type >= VSW_H265_IRAP && type < VSW_H265_IRAP_END;
}


/* The next NAL unit's first byte, behind its start code; NULL: none. */
static const uint8_t *
vsw_nal_next(const uint8_t *p, const uint8_t *end)
{
    if (end - p > 3) {
        p = memmem(p, (size_t) (end - p), "\0\0\1", 3);
        return p != NULL && p + 3 < end ? p + 3 : NULL;
    }

    return NULL;
}


/* Looks at each NAL unit that begins in this piece. */
static void
vsw_piece_look(vsw_assembler_t *a, const uint8_t *p, size_t size)
{
    const uint8_t *end = p + size;

    while ((p = vsw_nal_next(p, end)) != NULL) {
        vsw_nal_look(a, p, end);
    }
}


/*
 * Does a picture begin with this piece, whatever its time stamp says
 * (H.264 section 7.4.1.2.3, H.265 section 7.4.2.4.4)?
 */
static bool
vsw_piece_begins_picture(const vsw_assembler_t *a, const AVPacket *piece)
{
    unsigned       type;
    const uint8_t *end = piece->data + piece->size;
    const uint8_t *p = vsw_nal_next(piece->data, end);

    if (p == NULL || p > piece->data + 4) {
        return false; /* a fragment goes on */
    }

    type = vsw_nal_type(a, p);

    if (a->codec == AV_CODEC_ID_H264) {
        return (type >= VSW_H264_SEI && type <= VSW_H264_DELIMITER)
               || (type >= VSW_H264_SLICE && type <= VSW_H264_IDR && end - p > 1
                   && (p[1] & 0x80) != 0);
    }

    return (type >= VSW_H265_VPS && type <= VSW_H265_DELIMITER)
           || type == VSW_H265_SEI
           || (type < VSW_H265_VPS && end - p > 2 && (p[2] & 0x80) != 0);
}


/*
 * GStreamer sends parameter sets before each slice of a keyframe.  Is this
 * such a piece: sets, and not the first slice of a picture behind them?
 */
static bool
vsw_piece_repeats_sets(const vsw_assembler_t *a, const AVPacket *piece)
{
    unsigned       type;
    const uint8_t *end = piece->data + piece->size;
    const uint8_t *p = vsw_nal_next(piece->data, end);

    if (p == NULL || !vsw_nal_is_set(a, vsw_nal_type(a, p))) {
        return false;
    }

    while (p != NULL && vsw_nal_is_set(a, vsw_nal_type(a, p))) {
        p = vsw_nal_next(p, end);
    }

    if (p == NULL) {
        return true;
    }

    type = vsw_nal_type(a, p);

    if (a->codec == AV_CODEC_ID_H264) {
        return type >= VSW_H264_SLICE && type <= VSW_H264_IDR && end - p > 1
               && (p[1] & 0x80) == 0;
    }

    return type < VSW_H265_VPS && end - p > 2 && (p[2] & 0x80) == 0;
}


/* Is the unit at hand over before this piece? */
static bool
vsw_piece_ends_unit(const vsw_assembler_t *a, const AVPacket *piece,
                    bool begins)
{
    if (!a->now.has_slice) {
        return false;
    }

    return piece->pts != a->now.packet->pts
           || (begins && !(a->now.is_key && vsw_piece_repeats_sets(a, piece)));
}


/* Keeps the parameter sets of the unit that is being finished. */
static void
vsw_sets_keep(vsw_assembler_t *a)
{
    size_t         n, length = 0;
    const uint8_t *end = a->now.packet->data + a->now.packet->size;
    const uint8_t *next, *p = vsw_nal_next(a->now.packet->data, end);

    for (; p != NULL; p = next) {
        next = vsw_nal_next(p, end);
        n = (size_t) ((next != NULL ? next - 3 : end) - p);

        if (!vsw_nal_is_set(a, vsw_nal_type(a, p))) {
            continue;
        }

        while (p[n - 1] == 0 && n > 1) {
            n--; /* of the next start code */
        }

        if (n > sizeof(a->sets) - 3 || length > sizeof(a->sets) - 3 - n) {
            a->sets_length = 0;
            return;
        }

        memcpy(a->sets + length, "\0\0\1", 3);
        memcpy(a->sets + length + 3, p, n);
        length += 3 + n;
    }

    a->sets_length = length;
}


/* A keyframe that came without them gets those that came in band last. */
static int
vsw_sets_prepend(vsw_assembler_t *a)
{
    int       rc;
    int       size = a->now.packet->size;
    AVPacket *to = a->now.packet;

    rc = av_grow_packet(to, (int) a->sets_length);
    if (rc < 0) {
        return rc;
    }

    memmove(to->data + a->sets_length, to->data, (size_t) size);
    memcpy(to->data, a->sets, a->sets_length);

    return 0;
}


static int
vsw_gathered_finish(vsw_assembler_t *a)
{
    int rc;

    if (a->now.has_sets) {
        vsw_sets_keep(a);

    } else if (a->now.is_key && a->sets_length > 0) {
        rc = vsw_sets_prepend(a);
        if (rc < 0) {
            return rc;
        }
    }

    if (a->now.is_key) {
        a->now.packet->flags |= AV_PKT_FLAG_KEY;
    } else {
        a->now.packet->flags &= ~AV_PKT_FLAG_KEY;
    }

    av_packet_unref(a->ready);
    av_packet_move_ref(a->ready, a->now.packet);
    a->has_ready = true;
    a->now.has_slice = false;
    a->now.has_sets = false;
    a->now.is_key = false;

    return 0;
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
    int              rc = 0;
    int64_t          pts = piece->pts;
    bool             begins = vsw_piece_begins_picture(assembler, piece);
    vsw_assembler_t *a = assembler;

    if (pts != AV_NOPTS_VALUE && pts == a->marked_pts && !begins
        && a->now.packet->size == 0)
    {
        /* a unit went on behind its marker: too late for this one */
        a->distrusts_markers = true;
        av_packet_unref(piece);
        return 0;
    }

    if (vsw_piece_ends_unit(a, piece, begins)) {
        rc = vsw_gathered_finish(a);
    }

    if (rc == 0) {
        rc = vsw_gathered_append(a, piece);
    }

    av_packet_unref(piece);

    if (rc == 0 && is_marked && a->now.has_slice && !a->distrusts_markers
        && !a->has_ready)
    {
        a->marked_pts = pts;
        rc = vsw_gathered_finish(a);
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
