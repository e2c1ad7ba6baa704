/*
 * Clocks: steps of the wall clock are noticed, and times have their form.
 */

#include "unit.h"

#include "vsw_clock.h"


static void
steps_are_noticed(void **state)
{
    static const int64_t hours[] = { 1, -1, 24, -24 };

    vsw_clock_watch_t watch;
    size_t            i;
    int64_t           step, expected;

    (void) state;
    vsw_clock_watch_init(&watch);
    assert_int_equal(vsw_clock_watch_step(&watch), 0);

    for (i = 0; i < UNIT_COUNT(hours); i++) {
        expected = hours[i] * 3600000;
        watch.offset_us -= expected * 1000;
        step = vsw_clock_watch_step(&watch);
        assert_true(step > expected - 100 && step < expected + 100);
        assert_int_equal(vsw_clock_watch_step(&watch), 0);
    }
}


/* An NTP daemon that slews moves it by less at a time. */
static void
small_moves_are_none(void **state)
{
    vsw_clock_watch_t watch;
    int               i;

    (void) state;
    vsw_clock_watch_init(&watch);

    for (i = 0; i < 100; i++) {
        watch.offset_us -= 400000;
        assert_int_equal(vsw_clock_watch_step(&watch), 0);
    }
}


static void
times_have_their_form(void **state)
{
    char text[VSW_CLOCK_TEXT_SIZE];

    (void) state;
    vsw_clock_text(text, INT64_C(1738326896789));
    assert_string_equal(text, "2025-01-31T12:34:56.789Z");
    vsw_clock_text(text, 0);
    assert_string_equal(text, "1970-01-01T00:00:00.000Z");
    assert_true(vsw_clock_ms() <= vsw_clock_ms());
}


int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_noticed),
        cmocka_unit_test(small_moves_are_none),
        cmocka_unit_test(times_have_their_form),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
