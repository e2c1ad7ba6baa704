/*
 * How long a camera waits, by why it failed.
 */

#include "unit.h"

#include "vsw_backoff.h"
#include "vstream_schema.h"

#define MOST UINT32_MAX


static int64_t
delay(vsw_backoff_t *backoff, vsw_backoff_class_t failure, uint32_t random)
{
    return vsw_backoff_next(backoff, failure, 0, random).delay_ms;
}


static void
network_doubles_up_to_its_bound(void **state)
{
    static const int64_t ceilings[] = { 500,  1000,  2000,  4000,
                                        8000, 16000, 30000, 30000 };

    vsw_backoff_t high, low;
    size_t        i;

    (void) state;
    vsw_backoff_init(&high);
    vsw_backoff_init(&low);

    for (i = 0; i < UNIT_COUNT(ceilings); i++) {
        assert_int_equal(delay(&high, VSW_BACKOFF_ON_NETWORK, MOST),
                         ceilings[i]);
        assert_int_equal(delay(&low, VSW_BACKOFF_ON_NETWORK, 0),
                         VSW_BACKOFF_LEAST_MS);
    }

    vsw_backoff_reset(&high);
    assert_int_equal(delay(&high, VSW_BACKOFF_ON_NETWORK, MOST), 500);
}


static void
jitter_is_full(void **state)
{
    vsw_backoff_t backoff;
    uint32_t      i;
    int64_t       value;
    unsigned      lower = 0;

    (void) state;

    for (i = 0; i < 1000; i++) {
        vsw_backoff_init(&backoff);
        backoff.attempts[VSW_BACKOFF_ON_NETWORK] = 6;
        value = delay(&backoff, VSW_BACKOFF_ON_NETWORK, i * (MOST / 1000));
        assert_in_range(value, VSW_BACKOFF_LEAST_MS, 30000);
        lower += value < 15000;
    }

    assert_in_range(lower, 450, 550);
}


static void
a_wrong_password_is_tried_rarely(void **state)
{
    static const int64_t least[] = { 60000,  120000, 240000,
                                     480000, 900000, 900000 };

    vsw_backoff_t high, low;
    size_t        i;

    (void) state;
    vsw_backoff_init(&high);
    vsw_backoff_init(&low);

    for (i = 0; i < UNIT_COUNT(least); i++) {
        assert_int_equal(delay(&low, VSW_BACKOFF_ON_AUTH, 0), least[i]);
        assert_int_equal(delay(&high, VSW_BACKOFF_ON_AUTH, MOST),
                         least[i] + least[i] / 4);
    }
}


static void
classes_that_take_turns_all_grow(void **state)
{
    vsw_backoff_t backoff;
    int           i;

    (void) state;
    vsw_backoff_init(&backoff);

    for (i = 0; i < 4; i++) {
        assert_int_equal(delay(&backoff, VSW_BACKOFF_ON_AUTH, 0), 60000 << i);
        assert_int_equal(delay(&backoff, VSW_BACKOFF_ON_NETWORK, MOST),
                         500 << i);
    }

    vsw_backoff_reset(&backoff);
    assert_int_equal(delay(&backoff, VSW_BACKOFF_ON_AUTH, 0), 60000);
    assert_int_equal(delay(&backoff, VSW_BACKOFF_ON_NETWORK, MOST), 500);
}


static void
the_fifth_crash_in_a_minute_is_quarantine(void **state)
{
    vsw_backoff_t         backoff;
    vsw_backoff_verdict_t verdict;
    int                   i;

    (void) state;
    vsw_backoff_init(&backoff);

    for (i = 0; i < 4; i++) {
        verdict =
            vsw_backoff_next(&backoff, VSW_BACKOFF_ON_CRASH, i * 15000, MOST);
        assert_false(verdict.quarantined);
        assert_int_equal(verdict.delay_ms, 300 << i);
    }

    verdict = vsw_backoff_next(&backoff, VSW_BACKOFF_ON_CRASH, 60000, MOST);
    assert_true(verdict.quarantined);
    assert_int_equal(verdict.delay_ms, VSW_BACKOFF_QUARANTINE_MS);

    /* and after it the count begins anew */
    verdict = vsw_backoff_next(&backoff, VSW_BACKOFF_ON_CRASH, 61000, MOST);
    assert_false(verdict.quarantined);
    assert_int_equal(verdict.delay_ms, 300);
}


static void
five_crashes_in_more_than_a_minute_are_none(void **state)
{
    vsw_backoff_t         backoff;
    vsw_backoff_verdict_t verdict;
    int                   i;

    (void) state;
    vsw_backoff_init(&backoff);

    for (i = 0; i < 100; i++) {
        verdict =
            vsw_backoff_next(&backoff, VSW_BACKOFF_ON_CRASH, i * 15001, MOST);
        assert_false(verdict.quarantined);
    }
}


static void
reasons_have_classes(void **state)
{
    (void) state;

    assert_int_equal(vsw_backoff_class(VSTREAM_REASON_AUTH_FAILED),
                     VSW_BACKOFF_ON_AUTH);
    assert_int_equal(vsw_backoff_class(VSTREAM_REASON_CRASHED),
                     VSW_BACKOFF_ON_CRASH);
    assert_int_equal(vsw_backoff_class(VSTREAM_REASON_SOURCE_DENIED),
                     VSW_BACKOFF_ON_OPERATOR);
    assert_int_equal(vsw_backoff_class(VSTREAM_REASON_CREDENTIAL_MISSING),
                     VSW_BACKOFF_ON_CREDENTIAL);
    assert_int_equal(vsw_backoff_class(VSTREAM_REASON_UNSUPPORTED_CODEC),
                     VSW_BACKOFF_ON_MEDIA);
    assert_int_equal(vsw_backoff_class(VSTREAM_REASON_STALLED),
                     VSW_BACKOFF_ON_NETWORK);
    assert_int_equal(vsw_backoff_class("of a newer version"),
                     VSW_BACKOFF_ON_NETWORK);
}


int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(network_doubles_up_to_its_bound),
        cmocka_unit_test(jitter_is_full),
        cmocka_unit_test(a_wrong_password_is_tried_rarely),
        cmocka_unit_test(classes_that_take_turns_all_grow),
        cmocka_unit_test(the_fifth_crash_in_a_minute_is_quarantine),
        cmocka_unit_test(five_crashes_in_more_than_a_minute_are_none),
        cmocka_unit_test(reasons_have_classes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
