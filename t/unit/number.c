/*
 * Decimal numbers as text.
 */

#include "unit.h"

#include "vstream_number.h"


typedef struct {
    const char *text;
    uint64_t    max;
    int         rc;
    uint64_t    value;
} number_case_t;


static void
check(const number_case_t *c,
      int (*read)(vstream_slice_t, uint64_t, uint64_t *))
{
    vstream_slice_t copy;
    uint64_t        value = 77;

    copy = unit_copy(c->text, strlen(c->text));

    assert_int_equal(read(copy, c->max, &value), c->rc);
    assert_int_equal(value, c->rc == VSTREAM_OK ? c->value : 77);

    unit_free(copy);
}


static void
whole(void **state)
{
    static const number_case_t cases[] = {
        { "0", 0, VSTREAM_OK, 0 },
        { "1", 0, VSTREAM_ERROR, 0 },
        { "9", 9, VSTREAM_OK, 9 },
        { "9", 8, VSTREAM_ERROR, 0 },
        { "10", 10, VSTREAM_OK, 10 },
        { "11", 10, VSTREAM_ERROR, 0 },
        { "100", 99, VSTREAM_ERROR, 0 },
        { "65535", 65535, VSTREAM_OK, 65535 },
        { "65536", 65535, VSTREAM_ERROR, 0 },
        { "18446744073709551615", UINT64_MAX, VSTREAM_OK, UINT64_MAX },
        { "18446744073709551616", UINT64_MAX, VSTREAM_ERROR, 0 },
        { "99999999999999999999", UINT64_MAX, VSTREAM_ERROR, 0 },
        { "9223372036854775807", INT64_MAX, VSTREAM_OK, INT64_MAX },
        { "9223372036854775808", INT64_MAX, VSTREAM_ERROR, 0 },
        { "", 9, VSTREAM_ERROR, 0 },
        { "00", 9, VSTREAM_ERROR, 0 },
        { "01", 9, VSTREAM_ERROR, 0 },
        { "+1", 9, VSTREAM_ERROR, 0 },
        { "-1", 9, VSTREAM_ERROR, 0 },
        { " 1", 9, VSTREAM_ERROR, 0 },
        { "1 ", 9, VSTREAM_ERROR, 0 },
        { "1.", 9, VSTREAM_ERROR, 0 },
        { "1e1", 99, VSTREAM_ERROR, 0 },
        { "0x1", 9, VSTREAM_ERROR, 0 },
        { "a", 9, VSTREAM_ERROR, 0 },
    };

    size_t i;

    (void) state;

    for (i = 0; i < UNIT_COUNT(cases); i++) {
        check(&cases[i], vstream_number_read);
    }
}


static void
milli(void **state)
{
    static const number_case_t cases[] = {
        { "0", 120000, VSTREAM_OK, 0 },
        { "0.01", 120000, VSTREAM_OK, 10 },
        { "0.5", 120000, VSTREAM_OK, 500 },
        { "15", 120000, VSTREAM_OK, 15000 },
        { "15.0", 120000, VSTREAM_OK, 15000 },
        { "29.97", 120000, VSTREAM_OK, 29970 },
        { "23.976", 120000, VSTREAM_OK, 23976 },
        { "120", 120000, VSTREAM_OK, 120000 },
        { "120.000", 120000, VSTREAM_OK, 120000 },
        { "120.001", 120000, VSTREAM_ERROR, 0 },
        { "121", 120000, VSTREAM_ERROR, 0 },
        { "1.2345", 120000, VSTREAM_ERROR, 0 },
        { "1.", 120000, VSTREAM_ERROR, 0 },
        { ".5", 120000, VSTREAM_ERROR, 0 },
        { ".", 120000, VSTREAM_ERROR, 0 },
        { "", 120000, VSTREAM_ERROR, 0 },
        { "1.2.3", 120000, VSTREAM_ERROR, 0 },
        { "1,5", 120000, VSTREAM_ERROR, 0 },
        { "01.5", 120000, VSTREAM_ERROR, 0 },
        { "1.-5", 120000, VSTREAM_ERROR, 0 },
        { "-1.5", 120000, VSTREAM_ERROR, 0 },
        { "18446744073709551.615", UINT64_MAX, VSTREAM_OK, UINT64_MAX },
        { "18446744073709551.616", UINT64_MAX, VSTREAM_ERROR, 0 },
        { "18446744073709551.999", UINT64_MAX, VSTREAM_ERROR, 0 },
        { "18446744073709552", UINT64_MAX, VSTREAM_ERROR, 0 },
    };

    size_t i;

    (void) state;

    for (i = 0; i < UNIT_COUNT(cases); i++) {
        check(&cases[i], vstream_number_milli_read);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole),
        cmocka_unit_test(milli),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
