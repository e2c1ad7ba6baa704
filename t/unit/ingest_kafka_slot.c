/*
 * The slot in front of Kafka: two frames under way, one that waits, and the
 * newest wins.
 */

#include "unit.h"

#include "vsw_kafka_slot.h"

#include <string.h>


static vsw_kafka_frame_t *
put(vsw_kafka_slot_t *slot, uint64_t seq, size_t length, bool wanted)
{
    vsw_kafka_frame_t *frame;
    bool               superseded;

    frame = vsw_kafka_slot_put(slot, length, &superseded);
    assert_non_null(frame);
    assert_int_equal(superseded, wanted);
    assert_int_equal(frame->length, length);
    frame->frame.seq = seq;
    memset(frame->bytes, (int) seq, length);

    return frame;
}


static void
the_newest_wins(void **state)
{
    vsw_kafka_slot_t  *slot = vsw_kafka_slot_create(state);
    vsw_kafka_frame_t *first, *second, *third;

    assert_ptr_equal(vsw_kafka_slot_data(slot), state);
    assert_null(vsw_kafka_slot_next(slot));

    put(slot, 1, 100, false);
    first = vsw_kafka_slot_next(slot);
    assert_int_equal(first->frame.seq, 1);
    assert_null(vsw_kafka_slot_next(slot));

    put(slot, 2, 50, false);
    second = vsw_kafka_slot_next(slot);
    assert_int_equal(second->frame.seq, 2);

    /* Two are under way: the third waits, and is replaced. */
    put(slot, 3, 10, false);
    assert_null(vsw_kafka_slot_next(slot));
    put(slot, 4, 200, true);
    put(slot, 5, 20, true);
    assert_null(vsw_kafka_slot_next(slot));

    /* Those under way are untouched. */
    assert_int_equal(first->bytes[99], 1);
    assert_int_equal(second->bytes[49], 2);

    assert_true(vsw_kafka_slot_done(first));
    third = vsw_kafka_slot_next(slot);
    assert_int_equal(third->frame.seq, 5);
    assert_int_equal(third->bytes[19], 5);
    assert_null(vsw_kafka_slot_next(slot));

    /* In whatever order they are done. */
    put(slot, 6, 10, false);
    assert_true(vsw_kafka_slot_done(third));
    first = vsw_kafka_slot_next(slot);
    assert_int_equal(first->frame.seq, 6);
    assert_int_equal(second->bytes[49], 2);

    assert_true(vsw_kafka_slot_done(second));
    assert_true(vsw_kafka_slot_done(first));
    vsw_kafka_slot_close(slot);
}


static void
buffers_are_used_again(void **state)
{
    vsw_kafka_slot_t  *slot = vsw_kafka_slot_create(NULL);
    vsw_kafka_frame_t *frame;
    char              *bytes;
    uint64_t           i;

    (void) state;

    frame = put(slot, 1, 1000, false);
    bytes = frame->bytes;

    for (i = 0; i < 100; i++) {
        frame = vsw_kafka_slot_next(slot);
        assert_ptr_equal(frame->bytes, bytes);
        assert_true(vsw_kafka_slot_done(frame));
        put(slot, i, 1000 - i, false);
    }

    vsw_kafka_slot_close(slot);
}


static void
frames_outlive_the_camera(void **state)
{
    vsw_kafka_slot_t  *slot = vsw_kafka_slot_create(state);
    vsw_kafka_frame_t *first, *second;

    put(slot, 1, 100, false);
    first = vsw_kafka_slot_next(slot);
    put(slot, 2, 100, false);
    second = vsw_kafka_slot_next(slot);
    put(slot, 3, 100, false);

    vsw_kafka_slot_close(slot);
    assert_null(vsw_kafka_slot_data(slot));
    assert_int_equal(first->bytes[99], 1);

    assert_true(vsw_kafka_slot_done(first));
    assert_null(vsw_kafka_slot_next(slot)); /* what waited is given up */
    assert_int_equal(second->bytes[99], 2);
    assert_false(vsw_kafka_slot_done(second)); /* and now it is freed */

    vsw_kafka_slot_close(NULL);
}


int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_wins),
        cmocka_unit_test(buffers_are_used_again),
        cmocka_unit_test(frames_outlive_the_camera),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
