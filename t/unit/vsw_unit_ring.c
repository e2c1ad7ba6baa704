/*
 * The ring of access units: what is kept, for how long, and where decoding
 * goes on after it fell behind.
 */

#include "unit.h"

#include "vstream_schema.h"
#include "vsw_unit_ring.h"

#define MS 1000


/* Puts a unit of `size` bytes that came at `t_us`.  Returns its serial. */
static uint64_t
put(vsw_unit_ring_t *ring, int64_t t_us, bool is_key, int size)
{
    AVPacket  *packet = av_packet_alloc();
    vsw_unit_t unit = { .t_us = t_us, .is_key = is_key };

    assert_int_equal(av_new_packet(packet, size), 0);
    assert_int_equal(vsw_unit_ring_put(ring, packet, &unit), VSTREAM_OK);
    av_packet_free(&packet);

    return unit.serial;
}


/* Takes; the serial, or 0 when there is none. */
static uint64_t
take(vsw_unit_ring_t *ring, uint64_t want_skipped)
{
    int        rc;
    uint64_t   skipped;
    AVPacket  *packet = av_packet_alloc();
    vsw_unit_t unit = { 0 };

    rc = vsw_unit_ring_take(ring, packet, &unit, &skipped);
    assert_int_equal(rc, unit.serial > 0 ? VSTREAM_OK : VSTREAM_AGAIN);
    assert_int_equal(skipped, want_skipped);
    assert_int_equal(unit.serial > 0, packet->size > 0);
    av_packet_free(&packet);

    return unit.serial;
}


static uint64_t
keyframe(vsw_unit_ring_t *ring, uint64_t after)
{
    AVPacket  *packet = av_packet_alloc();
    vsw_unit_t unit = { 0 };

    (void) vsw_unit_ring_keyframe(ring, after, packet, &unit);
    av_packet_free(&packet);

    return unit.serial;
}


static void
test_joins_at_keyframe(void **state)
{
    uint64_t         serial;
    vsw_unit_ring_t *ring = vsw_unit_ring_create();

    (void) state;

    assert_int_equal(keyframe(ring, 0), 0);
    put(ring, 0, false, 10);
    put(ring, 40 * MS, true, 10);
    put(ring, 80 * MS, false, 10);
    put(ring, 120 * MS, false, 10);

    assert_int_equal(keyframe(ring, 0), 2);
    assert_int_equal(keyframe(ring, 2), 0);

    vsw_unit_ring_attach(ring);

    for (serial = 2; serial <= 4; serial++) {
        assert_int_equal(take(ring, 0), serial);
    }

    assert_int_equal(take(ring, 0), 0);
    put(ring, 160 * MS, false, 10);
    assert_int_equal(take(ring, 0), 5);
    vsw_unit_ring_destroy(ring);
}


/* A keyframe does not cut off the last pictures before it. */
static void
test_goes_on_over_a_keyframe(void **state)
{
    vsw_unit_ring_t *ring = vsw_unit_ring_create();

    (void) state;

    put(ring, 0, true, 10);
    vsw_unit_ring_attach(ring);
    assert_int_equal(take(ring, 0), 1);
    put(ring, 40 * MS, false, 10);
    put(ring, 80 * MS, true, 10);

    assert_int_equal(take(ring, 0), 2);
    assert_int_equal(take(ring, 0), 3);
    vsw_unit_ring_destroy(ring);
}


static void
test_skips_when_behind(void **state)
{
    vsw_unit_ring_t *ring = vsw_unit_ring_create();

    (void) state;

    put(ring, 0, true, 10);
    vsw_unit_ring_attach(ring);
    assert_int_equal(take(ring, 0), 1);
    put(ring, 100 * MS, false, 10);
    put(ring, 200 * MS, false, 10);
    put(ring, 300 * MS, true, 10);

    /* 500 ms behind is not too far, one more is */
    put(ring, 100 * MS + VSW_UNIT_RING_LAG_MAX_US, false, 10);
    assert_int_equal(take(ring, 0), 2);
    put(ring, 201 * MS + VSW_UNIT_RING_LAG_MAX_US, false, 10);
    assert_int_equal(take(ring, 1), 4);
    assert_int_equal(take(ring, 0), 5);
    vsw_unit_ring_destroy(ring);
}


/* No newer keyframe: nothing to skip to, so nothing is skipped. */
static void
test_does_not_skip_without_keyframe(void **state)
{
    vsw_unit_ring_t *ring = vsw_unit_ring_create();

    (void) state;

    put(ring, 0, true, 10);
    vsw_unit_ring_attach(ring);
    assert_int_equal(take(ring, 0), 1);
    put(ring, 100 * MS, false, 10);
    put(ring, 2000 * MS, false, 10);

    assert_int_equal(take(ring, 0), 2);
    assert_int_equal(take(ring, 0), 3);
    vsw_unit_ring_destroy(ring);
}


/*
 * A group of pictures that has lost its second unit (the keyframe itself is
 * always kept): its keyframe, then nothing before the next one.
 */
static void
check_long_group(int64_t last_us, int size)
{
    vsw_unit_ring_t *ring = vsw_unit_ring_create();

    put(ring, 0, true, 10);
    put(ring, 0, false, 10);
    put(ring, last_us, false, size);

    vsw_unit_ring_attach(ring);
    assert_int_equal(take(ring, 0), 1);
    assert_int_equal(take(ring, 0), 0);

    put(ring, last_us + 40 * MS, false, 10);
    assert_int_equal(take(ring, 0), 0);
    put(ring, last_us + 80 * MS, true, 10);
    put(ring, last_us + 120 * MS, false, 10);
    assert_int_equal(take(ring, 0), 5);
    assert_int_equal(take(ring, 0), 6);
    vsw_unit_ring_destroy(ring);
}


static void
check_group_that_fits(int64_t last_us, int size)
{
    vsw_unit_ring_t *ring = vsw_unit_ring_create();

    put(ring, 0, true, 10);
    put(ring, 0, false, 10);
    put(ring, last_us, false, size);
    vsw_unit_ring_attach(ring);
    assert_int_equal(take(ring, 0), 1);
    assert_int_equal(take(ring, 0), 2);
    assert_int_equal(take(ring, 0), 3);
    vsw_unit_ring_destroy(ring);
}


static void
test_bounds(void **state)
{
    int bytes = (int) VSW_UNIT_RING_BYTES_MAX;

    (void) state;

    check_group_that_fits(VSW_UNIT_RING_AGE_MAX_US, 10);
    check_long_group(VSW_UNIT_RING_AGE_MAX_US + 1, 10);
    check_group_that_fits(40 * MS, bytes - 10);
    check_long_group(40 * MS, bytes - 10 + 1);
}


/* The one who decodes goes on in a long group, even if others cannot join. */
static void
test_taker_goes_on_in_long_group(void **state)
{
    uint64_t         i;
    vsw_unit_ring_t *ring = vsw_unit_ring_create();

    (void) state;

    put(ring, 0, true, 10);
    vsw_unit_ring_attach(ring);
    assert_int_equal(take(ring, 0), 1);

    for (i = 2; i < 3000; i++) {
        put(ring, (int64_t) i * 40 * MS, false, 10000);
        assert_int_equal(take(ring, 0), i);
    }

    vsw_unit_ring_destroy(ring);
}


static void
test_many_units(void **state)
{
    uint64_t         i;
    vsw_unit_ring_t *ring = vsw_unit_ring_create();

    (void) state;

    put(ring, 0, true, 10);

    for (i = 2; i <= VSW_UNIT_RING_COUNT_MAX; i++) {
        put(ring, (int64_t) i, false, 1);
    }

    vsw_unit_ring_attach(ring);

    for (i = 1; i <= VSW_UNIT_RING_COUNT_MAX; i++) {
        assert_int_equal(take(ring, 0), i);
    }

    put(ring, (int64_t) i, false, 1);
    put(ring, (int64_t) i, false, 1);
    vsw_unit_ring_attach(ring);
    assert_int_equal(take(ring, 0), 1);
    assert_int_equal(take(ring, 0), 0);
    vsw_unit_ring_destroy(ring);
}


/* Each unit says which stream it is of; parameters are of the newest. */
static void
test_streams(void **state)
{
    uint32_t           number = 7;
    uint64_t           skipped;
    vsw_unit_t         unit;
    AVPacket          *packet = av_packet_alloc();
    vsw_unit_ring_t   *ring = vsw_unit_ring_create();
    AVCodecParameters *p = avcodec_parameters_alloc();

    (void) state;

    assert_int_equal(vsw_unit_ring_stream(ring, p, &number), VSTREAM_OK);
    assert_int_equal(number, 0);

    p->codec_id = AV_CODEC_ID_H264;
    assert_int_equal(vsw_unit_ring_stream_begin(ring, p), VSTREAM_OK);
    put(ring, 0, true, 1);
    p->codec_id = AV_CODEC_ID_HEVC;
    assert_int_equal(vsw_unit_ring_stream_begin(ring, p), VSTREAM_OK);
    vsw_unit_ring_attach(ring);
    put(ring, 1, false, 1);

    for (number = 1; number <= 2; number++) {
        assert_int_equal(vsw_unit_ring_take(ring, packet, &unit, &skipped),
                         VSTREAM_OK);
        assert_int_equal(unit.stream, number);
        av_packet_unref(packet);
    }

    p->codec_id = AV_CODEC_ID_NONE;
    assert_int_equal(vsw_unit_ring_stream(ring, p, &number), VSTREAM_OK);
    assert_int_equal(number, 2);
    assert_int_equal(p->codec_id, AV_CODEC_ID_HEVC);

    avcodec_parameters_free(&p);
    av_packet_free(&packet);
    vsw_unit_ring_destroy(ring);
}


int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_joins_at_keyframe),
        cmocka_unit_test(test_goes_on_over_a_keyframe),
        cmocka_unit_test(test_skips_when_behind),
        cmocka_unit_test(test_does_not_skip_without_keyframe),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_taker_goes_on_in_long_group),
        cmocka_unit_test(test_many_units),
        cmocka_unit_test(test_streams),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
