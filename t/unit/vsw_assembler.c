/*
 * Access units from RTP's pieces, and the marker bits seen on the way.
 */

#include "unit.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vsw_assembler.h"
#include "vsw_rtp_tap.h"

#define SPS   "\0\0\0\1\x67sps"
#define IDR   "\0\0\0\1\x65idr"
#define SLICE "\0\0\0\1\x41slice"
#define MORE  "more"

/* Slices of which the header says whether they begin a picture. */
#define FIRST_IDR   "\0\0\0\1\x65\x88"
#define LATER_IDR   "\0\0\0\1\x65\x48"
#define FIRST_SLICE "\0\0\0\1\x41\x9a"
#define LATER_SLICE "\0\0\0\1\x41\x7a"
#define SHORT_SPS   "\0\0\1\x67sps"

/* SEI: five bytes of user data, then a recovery point. */
#define RECOVERY "\0\0\0\1\x06\x05\x05uuuuu\x06\x01\x80\x80"
#define USER     "\0\0\0\1\x06\x05\x05\x06\x06\x06\x06\x06\x80"


static int
add_bytes(vsw_assembler_t *a, const void *data, size_t size, int64_t pts,
          bool is_marked)
{
    int       rc;
    AVPacket *piece = av_packet_alloc();

    assert_int_equal(av_new_packet(piece, (int) size), 0);
    memcpy(piece->data, data, size);
    piece->pts = pts;
    rc = vsw_assembler_add(a, piece, is_marked);
    assert_int_equal(piece->size, 0);
    av_packet_free(&piece);

    return rc;
}


#define add(a, literal, pts, is_marked)                                        \
    assert_int_equal(                                                          \
        add_bytes(a, literal, sizeof(literal) - 1, pts, is_marked), 0)


static void
assert_unit_bytes(vsw_assembler_t *a, const void *data, size_t size,
                  bool is_key)
{
    AVPacket *unit = av_packet_alloc();

    assert_true(vsw_assembler_take(a, unit));
    assert_int_equal(unit->size, size);
    assert_memory_equal(unit->data, data, size);
    assert_int_equal((unit->flags & AV_PKT_FLAG_KEY) != 0, is_key);
    av_packet_free(&unit);
}


#define assert_unit(a, literal, is_key)                                        \
    assert_unit_bytes(a, literal, sizeof(literal) - 1, is_key)


static void
assert_none(vsw_assembler_t *a)
{
    AVPacket *unit = av_packet_alloc();

    assert_false(vsw_assembler_take(a, unit));
    av_packet_free(&unit);
}


static void
test_markers(void **state)
{
    vsw_assembler_t *a = vsw_assembler_create(AV_CODEC_ID_H264, 1000);

    (void) state;

    add(a, SPS, 0, false);
    assert_none(a);
    add(a, IDR, 0, false);
    add(a, MORE, 0, true);
    assert_unit(a, SPS IDR MORE, true);
    assert_none(a);

    add(a, SLICE, 3000, true);
    assert_unit(a, SLICE, false);
    assert_none(a);
    vsw_assembler_destroy(a);
}


/* Without markers a unit ends where the next one begins. */
static void
test_time_stamps(void **state)
{
    vsw_assembler_t *a = vsw_assembler_create(AV_CODEC_ID_H264, 1000);

    (void) state;

    add(a, IDR, 0, false);
    add(a, MORE, 0, false);
    assert_none(a);
    add(a, SLICE, 3000, false);
    assert_unit(a, IDR MORE, true);
    assert_none(a);
    add(a, SLICE, 6000, false);
    assert_unit(a, SLICE, false);
    vsw_assembler_destroy(a);
}


/* Parameter sets wait for their picture, marker or not. */
static void
test_parameter_sets(void **state)
{
    vsw_assembler_t *a = vsw_assembler_create(AV_CODEC_ID_H264, 1000);

    (void) state;

    add(a, SPS, 0, true);
    assert_none(a);
    add(a, IDR, 3000, true);
    assert_unit(a, SPS IDR, true);
    vsw_assembler_destroy(a);
}


/* As GStreamer sends them: before each slice of a keyframe. */
static void
test_repeated_parameter_sets(void **state)
{
    vsw_assembler_t *a = vsw_assembler_create(AV_CODEC_ID_H264, 1000);

    (void) state;

    add(a, SPS, 0, false);
    add(a, FIRST_IDR, 0, false);
    add(a, SPS, 0, false);
    assert_none(a);
    add(a, LATER_IDR, 0, false);
    add(a, SHORT_SPS LATER_IDR, 0, true); /* all in one packet */
    assert_unit(a, SPS FIRST_IDR SPS LATER_IDR SHORT_SPS LATER_IDR, true);

    /* times that stand still: a first slice, and sets after another picture */
    add(a, SPS, 3000, false);
    add(a, FIRST_IDR, 3000, false);
    add(a, SHORT_SPS FIRST_IDR, 3000, false);
    assert_unit(a, SPS FIRST_IDR, true);
    add(a, FIRST_SLICE, 3000, false);
    assert_unit(a, SHORT_SPS FIRST_IDR, true);
    add(a, SPS, 3000, false);
    assert_unit(a, FIRST_SLICE, false);
    add(a, FIRST_IDR, 3000, true);
    assert_unit(a, SPS FIRST_IDR, true);
    vsw_assembler_destroy(a);
}


/* A camera that marks every slice is found out at its first picture. */
static void
test_wrong_markers(void **state)
{
    vsw_assembler_t *a = vsw_assembler_create(AV_CODEC_ID_H264, 1000);

    (void) state;

    add(a, IDR, 0, true);
    assert_unit(a, IDR, true);
    add(a, MORE, 0, true);
    assert_none(a);

    add(a, SLICE, 3000, true);
    add(a, SLICE, 3000, true);
    assert_none(a);
    add(a, IDR, 6000, true);
    assert_unit(a, SLICE SLICE, false);
    vsw_assembler_destroy(a);
}


/* Two units may become whole at once: by its time stamp, and by a marker. */
static void
test_two_at_once(void **state)
{
    vsw_assembler_t *a = vsw_assembler_create(AV_CODEC_ID_H264, 1000);

    (void) state;

    add(a, SLICE, 0, false);
    add(a, IDR, 3000, true);
    assert_unit(a, SLICE, false);
    assert_none(a);
    add(a, SLICE, 6000, true);
    assert_unit(a, IDR, true);
    assert_none(a);
    add(a, SLICE, 9000, false);
    assert_unit(a, SLICE, false);
    vsw_assembler_destroy(a);
}


static void
test_recovery_points(void **state)
{
    vsw_assembler_t *a = vsw_assembler_create(AV_CODEC_ID_H264, 1000);

    (void) state;

    add(a, RECOVERY SLICE, 0, true);
    assert_unit(a, RECOVERY SLICE, true);
    add(a, USER SLICE, 3000, true);
    assert_unit(a, USER SLICE, false);
    vsw_assembler_destroy(a);
}


/* A clock that stands still: what begins a picture ends the one before. */
static void
test_time_stands_still(void **state)
{
    vsw_assembler_t *a = vsw_assembler_create(AV_CODEC_ID_H264, 1000);

    (void) state;

    add(a, FIRST_IDR, 7, false);
    add(a, MORE, 7, false);
    add(a, LATER_SLICE, 7, false);
    assert_none(a);
    add(a, FIRST_SLICE, 7, false);
    assert_unit(a, FIRST_IDR MORE LATER_SLICE, true);
    add(a, SPS, 7, false);
    assert_unit(a, FIRST_SLICE, false);
    add(a, FIRST_IDR, 7, true);
    assert_unit(a, SPS FIRST_IDR, true);
    add(a, FIRST_SLICE, 7, true);
    assert_unit(a, FIRST_SLICE, false);
    add(a, FIRST_SLICE, 6, true); /* and one that runs backwards */
    assert_unit(a, FIRST_SLICE, false);
    vsw_assembler_destroy(a);

    a = vsw_assembler_create(AV_CODEC_ID_HEVC, 1000);
    add(a, "\0\0\0\1\x26\1\x80", 7, false);
    add(a, "\0\0\0\1\x02\1\x7f", 7, false);
    assert_none(a);
    add(a, "\0\0\0\1\x02\1\x80", 7, false);
    assert_unit(a, "\0\0\0\1\x26\1\x80\0\0\0\1\x02\1\x7f", true);
    vsw_assembler_destroy(a);
}


/* Keyframes without parameter sets get the newest that came in band. */
static void
test_sets_in_band(void **state)
{
    vsw_assembler_t *a = vsw_assembler_create(AV_CODEC_ID_H264, 1000);

    (void) state;

    add(a, IDR, 0, true);
    assert_unit(a, IDR, true);
    add(a, SPS "\0\0\1\x68pps" IDR, 3000, true);
    assert_unit(a, SPS "\0\0\1\x68pps" IDR, true);
    add(a, SLICE, 6000, true);
    assert_unit(a, SLICE, false);
    add(a, IDR, 9000, true);
    assert_unit(a, SHORT_SPS "\0\0\1\x68pps" IDR, true);
    add(a, "\0\0\1\x67new" IDR, 12000, true);
    assert_unit(a, "\0\0\1\x67new" IDR, true);
    add(a, IDR, 15000, true);
    assert_unit(a, "\0\0\1\x67new" IDR, true);
    vsw_assembler_destroy(a);
}


/* Sets of VSW_SETS_MAX bytes with their start code are kept, not of more. */
static void
test_sets_most(void **state)
{
    static uint8_t   bytes[4200];
    vsw_assembler_t *a = vsw_assembler_create(AV_CODEC_ID_H264, 100000);
    AVPacket        *unit = av_packet_alloc();

    (void) state;

    for (int more = 0; more < 2; more++) {
        memset(bytes, 'x', sizeof(bytes));
        memcpy(bytes, "\0\0\1\x67", 4);
        memcpy(bytes + 4096 + more, "\0\0\1\x65i", 5);
        assert_int_equal(
            add_bytes(a, bytes, 4096 + (size_t) more + 5, more * 2, true), 0);
        assert_true(vsw_assembler_take(a, unit));
        av_packet_unref(unit);

        add(a, IDR, more * 2 + 1, true);
        assert_true(vsw_assembler_take(a, unit));
        assert_int_equal(unit->size, (more ? 0 : 4096) + sizeof(IDR) - 1);
        av_packet_unref(unit);
    }

    av_packet_free(&unit);
    vsw_assembler_destroy(a);
}


static void
test_h265(void **state)
{
    vsw_assembler_t *a = vsw_assembler_create(AV_CODEC_ID_HEVC, 1000);

    (void) state;

    add(a, "\0\0\0\1\x40\1vps", 0, true);
    assert_none(a);
    add(a, "\0\0\0\1\x26\1idr", 0, true);
    assert_unit(a, "\0\0\0\1\x40\1vps\0\0\0\1\x26\1idr", true);
    add(a, "\0\0\0\1\x02\1trail", 3000, true);
    assert_unit(a, "\0\0\0\1\x02\1trail", false);
    vsw_assembler_destroy(a);
}


static void
test_most(void **state)
{
    char             bytes[11] = "\0\0\0\1\x65";
    vsw_assembler_t *a = vsw_assembler_create(AV_CODEC_ID_H264, 20);

    (void) state;

    assert_int_equal(add_bytes(a, bytes, 10, 0, false), 0);
    assert_int_equal(add_bytes(a, bytes, 10, 0, false), 0);
    assert_int_equal(add_bytes(a, bytes, 1, 0, false), AVERROR(ENOSPC));
    vsw_assembler_destroy(a);

    a = vsw_assembler_create(AV_CODEC_ID_H264, 10);
    assert_int_equal(add_bytes(a, bytes, 11, 0, false), AVERROR(ENOSPC));
    vsw_assembler_destroy(a);
}


/* SEI that ends anywhere, and start codes at the very end. */
static void
test_cut_off(void **state)
{
    size_t n;

    (void) state;

    for (n = 1; n < sizeof(RECOVERY); n++) {
        vsw_assembler_t *a = vsw_assembler_create(AV_CODEC_ID_H264, 1000);
        vstream_slice_t  copy = unit_copy(RECOVERY, n);

        assert_int_equal(add_bytes(a, copy.data, n, 0, true), 0);
        assert_none(a);
        unit_free(copy);
        vsw_assembler_destroy(a);
    }
}


/* One interleaved packet, as libavformat reads it. */
static void
follow_packet(vsw_rtp_tap_t *tap, uint8_t channel, const uint8_t *data,
              uint8_t size)
{
    uint8_t head[3] = { channel, 0, size };

    vsw_rtp_tap_follow(tap, (const uint8_t *) "$", 1, 1);
    vsw_rtp_tap_follow(tap, head, 3, 3);
    vsw_rtp_tap_follow(tap, data, size, size);
}


static void
follow_text(vsw_rtp_tap_t *tap, const char *text)
{
    for (; *text != '\0'; text++) {
        vsw_rtp_tap_follow(tap, (const uint8_t *) text, 1, 1);
    }
}


static void
test_tap(void **state)
{
    vsw_rtp_tap_t tap = { 0 };
    uint8_t       plain[12] = { 0x80, 96 }, marked[12] = { 0x80, 0x80 | 96 };
    uint8_t       rtcp[12] = { 0x80, 200 };

    (void) state;

    follow_text(&tap, "RTSP/1.0 200 OK\r\nX: $5 off\r\n\r\n");
    assert_false(tap.is_marked);
    follow_packet(&tap, 0, plain, 12);
    assert_false(tap.is_marked);
    follow_packet(&tap, 0, marked, 12);
    assert_true(tap.is_marked);
    follow_packet(&tap, 1, rtcp, 12);
    assert_true(tap.is_marked);
    follow_packet(&tap, 0, plain, 12);
    assert_false(tap.is_marked);
}


/* Reads that bring less than was asked for go on where they stopped. */
static void
test_tap_byte_by_byte(void **state)
{
    size_t        i;
    vsw_rtp_tap_t tap = { 0 };
    uint8_t       bytes[] = { '$', 0, 0, 4, 0x80, 0xe0, 1, 2 };

    (void) state;

    vsw_rtp_tap_follow(&tap, bytes, 1, 1);

    for (i = 1; i < 4; i++) {
        vsw_rtp_tap_follow(&tap, bytes + i, 4 - i, 1);
    }

    for (; i < 8; i++) {
        assert_false(tap.is_marked);
        vsw_rtp_tap_follow(&tap, bytes + i, 8 - i, 1);
    }

    assert_true(tap.is_marked);
}


/* One call brings all that there is; the other reads find it, as polls do. */
static void
test_tap_reads_ahead(void **state)
{
    int                    left, fds[2], other[2];
    char                   byte;
    static vsw_rtp_ahead_t ahead;
    vsw_rtp_tap_t          tap = { .ahead = &ahead };
    struct pollfd          pfd = { .events = POLLIN };
    uint8_t                in[4], bytes[] = { '$', 0, 0, 4, 0x80, 0xe0, 1, 2 };

    (void) state;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, other), 0);
    assert_int_equal(write(fds[1], bytes, sizeof(bytes)), sizeof(bytes));
    assert_int_equal(write(other[1], "xy", 2), 2);
    pfd.fd = fds[0];

    vsw_rtp_ahead_init(&ahead);
    vsw_rtp_tap_set(&tap);

    assert_int_equal(poll(&pfd, 1, 0), 1);
    assert_int_equal(recv(fds[0], in, 1, 0), 1);
    assert_int_equal(ioctl(fds[0], FIONREAD, &left), 0);
    assert_int_equal(left, 0);

    /* another connection is read as it is */
    assert_int_equal(recv(other[0], &byte, 1, 0), 1);
    assert_int_equal(byte, 'x');

    assert_int_equal(poll(&pfd, 1, 0), 1);
    assert_int_equal(recv(fds[0], in, 3, 0), 3);
    assert_int_equal(recv(fds[0], in, 4, 0), 4);
    assert_memory_equal(in, bytes + 4, 4);
    assert_true(tap.is_marked);

    assert_int_equal(poll(&pfd, 1, 0), 0);
    assert_int_equal(recv(fds[0], in, 1, MSG_DONTWAIT), -1);
    close(fds[1]);
    assert_int_equal(poll(&pfd, 1, 0), 1);
    assert_int_equal(recv(fds[0], in, 1, 0), 0);

    vsw_rtp_tap_set(NULL);
    close(fds[0]);
    close(other[0]);
    close(other[1]);
}


/* Packets too short to hold a marker say nothing. */
static void
test_tap_short_packets(void **state)
{
    vsw_rtp_tap_t tap = { 0 };
    uint8_t       marked[2] = { 0x80, 0xe0 };

    (void) state;

    follow_packet(&tap, 0, marked, 1);
    assert_false(tap.is_marked);
    follow_packet(&tap, 0, marked, 2);
    assert_true(tap.is_marked);
}


int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_markers),
        cmocka_unit_test(test_time_stamps),
        cmocka_unit_test(test_parameter_sets),
        cmocka_unit_test(test_repeated_parameter_sets),
        cmocka_unit_test(test_wrong_markers),
        cmocka_unit_test(test_two_at_once),
        cmocka_unit_test(test_recovery_points),
        cmocka_unit_test(test_time_stands_still),
        cmocka_unit_test(test_sets_in_band),
        cmocka_unit_test(test_sets_most),
        cmocka_unit_test(test_h265),
        cmocka_unit_test(test_most),
        cmocka_unit_test(test_cut_off),
        cmocka_unit_test(test_tap),
        cmocka_unit_test(test_tap_byte_by_byte),
        cmocka_unit_test(test_tap_reads_ahead),
        cmocka_unit_test(test_tap_short_packets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
