/*
 * Secrets in texts, in every form that they may take there; and the meter,
 * which is as small.
 */

#include "unit.h"

#include <stdio.h>

#include "vsw_mask.h"
#include "vsw_meter.h"


static void
check_mask(const vsw_mask_t *mask, const char *text, const char *want)
{
    char copy[256];

    snprintf(copy, sizeof(copy), "%s", text);
    vsw_mask_apply(mask, copy);
    assert_string_equal(copy, want);
}


static void
test_secrets(void **state)
{
    vsw_mask_t mask = { 0 };

    (void) state;

    assert_int_equal(vsw_mask_add(&mask, "s3cr:t/%p@ss"), VSTREAM_OK);
    assert_int_equal(vsw_mask_add(&mask, ""), VSTREAM_OK);
    assert_int_equal(vsw_mask_add(&mask, "q"), VSTREAM_OK);
    assert_int_equal(mask.count, 2);

    check_mask(&mask, "nothing here", "nothing here");
    check_mask(&mask, "s3cr:t/%p@ss", "***");
    check_mask(&mask, "(s3cr%3At%2F%25p%40ss)", "(***)");
    check_mask(&mask, "(s3cr%3at%2f%25p%40ss)", "(***)");
    check_mask(&mask, "(%733cr:t/%p@ss)", "(***)");
    check_mask(&mask, "s3cr:t/%p@ss s3cr:t/%p@ss", "*** ***");
    check_mask(&mask, "s3cr:t/%p@s", "s3cr:t/%p@s");
    check_mask(&mask, "quick", "*uick");
    vsw_mask_clear(&mask);
}


/* A password may look as if it were encoded. */
static void
test_percent_signs(void **state)
{
    vsw_mask_t mask = { 0 };

    (void) state;

    assert_int_equal(vsw_mask_add(&mask, "50%25off"), VSTREAM_OK);
    check_mask(&mask, "as it is: 50%25off", "as it is: ***");
    check_mask(&mask, "in a URL: 50%2525off", "in a URL: ***");
    check_mask(&mask, "another: 50%off", "another: 50%off");
    vsw_mask_clear(&mask);

    /* encoded, it begins as it is */
    assert_int_equal(vsw_mask_add(&mask, "100%"), VSTREAM_OK);
    check_mask(&mask, "as it is: 100%", "as it is: ***");
    check_mask(&mask, "in a URL: 100%25", "in a URL: ***");
    vsw_mask_clear(&mask);
}


static void
test_urls(void **state)
{
    vsw_mask_t mask = { 0 };

    (void) state;

    check_mask(&mask, "to rtsp://admin:pw@cam/x failed",
               "to rtsp://***@cam/x failed");
    check_mask(&mask, "http://a@b/ and http://c:d@e/",
               "http://*@b/ and http://***@e/");
    check_mask(&mask, "http://host/path@home", "http://host/path@home");
    check_mask(&mask, "http://u:p@q@host/", "http://***@host/");

    assert_int_equal(vsw_mask_add_url(&mask, "rtsp://admin:p%40ss@cam:554/x"),
                     VSTREAM_OK);
    check_mask(&mask, "the password is p@ss or p%40ss",
               "the password is *** or ***");
    check_mask(&mask, "Authorization: Basic YWRtaW46cEBzcw==",
               "Authorization: Basic ***");
    vsw_mask_clear(&mask);

    assert_int_equal(vsw_mask_add_url(&mask, "file:/x"), VSTREAM_OK);
    assert_int_equal(vsw_mask_add_url(&mask, "rtsp://cam/x@y"), VSTREAM_OK);
    assert_int_equal(vsw_mask_add_url(&mask, "rtsp://user@cam/"), VSTREAM_OK);
    assert_int_equal(mask.count, 0);
}


static void
test_meter(void **state)
{
    int64_t       i;
    vsw_meter_t   meter = { 0 };
    vsw_measure_t m;

    (void) state;

    vsw_meter_read(&meter, 0, &m);
    assert_int_equal(m.fps_milli, 0);
    assert_int_equal(m.interval_us, 0);

    for (i = 0; i < 1000; i++) {
        vsw_meter_add(&meter, i * 40000, 5000, i % 25 == 0);
    }

    vsw_meter_read(&meter, 1000 * 40000, &m);
    assert_int_equal(m.fps_milli, 25000);
    assert_int_equal(m.kbps, 1000);
    assert_int_equal(m.keyframe_ms, 1000);
    assert_int_equal(m.interval_us, 40000);

    /* silence: slower and slower */
    vsw_meter_read(&meter, 1000 * 40000 + 3000000, &m);
    assert_in_range(m.fps_milli, 1, 10000);
}


static void
test_slow_meter(void **state)
{
    vsw_meter_t   meter = { 0 };
    vsw_measure_t m;

    (void) state;

    vsw_meter_add(&meter, 1000000, 100, true);
    vsw_meter_read(&meter, 2000000, &m);
    assert_int_equal(m.interval_us, 0);

    vsw_meter_add(&meter, 21000000, 100, true);
    vsw_meter_read(&meter, 21000000, &m);
    assert_int_equal(m.interval_us, 20000000);
    assert_int_equal(m.fps_milli, 50);
    assert_int_equal(m.keyframe_ms, 20000);
}


int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_secrets),    cmocka_unit_test(test_percent_signs),
        cmocka_unit_test(test_urls),       cmocka_unit_test(test_meter),
        cmocka_unit_test(test_slow_meter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
