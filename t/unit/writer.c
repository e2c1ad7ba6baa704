/*
 * The bounded writer: what it writes, what it only counts, and that it never
 * touches a byte outside its buffer.
 */

#include "unit.h"

#include "vstream_writer.h"


typedef void (*writer_act_pt)(vstream_writer_t *w, const void *argument);


/*
 * Runs `act` on buffers of every size up to what it needs: the length must
 * always be the same, the text a prefix, and the byte behind untouched.
 */
static void
check(writer_act_pt act, const void *argument, const char *want)
{
    vstream_writer_t w;
    size_t           capacity, length = strlen(want);
    char            *buffer;

    vstream_writer_init(&w, NULL, 0);
    act(&w, argument);
    assert_int_equal(w.length, length);

    for (capacity = 0; capacity <= length + 1; capacity++) {
        buffer = malloc(capacity + 1);
        assert_non_null(buffer);
        memset(buffer, '#', capacity + 1);

        vstream_writer_init(&w, buffer, capacity);
        act(&w, argument);

        assert_int_equal(w.length, length);
        assert_int_equal(vstream_writer_status(&w),
                         capacity >= length ? VSTREAM_OK : VSTREAM_ERROR);
        assert_memory_equal(buffer, want,
                            capacity < length ? capacity : length);
        assert_int_equal(buffer[capacity], '#');

        if (capacity >= length) {
            unit_assert_slice(vstream_writer_slice(&w), want);
        }

        free(buffer);
    }
}


static void
write_text(vstream_writer_t *w, const void *argument)
{
    vstream_writer_text(w, argument);
}


static void
write_uint(vstream_writer_t *w, const void *argument)
{
    vstream_writer_uint(w, *(const uint64_t *) argument);
}


static void
write_int(vstream_writer_t *w, const void *argument)
{
    vstream_writer_int(w, *(const int64_t *) argument);
}


static void
write_json(vstream_writer_t *w, const void *argument)
{
    vstream_writer_json_string(w, *(const vstream_slice_t *) argument);
}


typedef struct {
    int64_t     value;
    unsigned    decimals;
    const char *want;
} decimal_case_t;


static void
write_decimal(vstream_writer_t *w, const void *argument)
{
    const decimal_case_t *c = argument;

    vstream_writer_decimal(w, c->value, c->decimals);
}


typedef struct {
    const char *text;
    size_t      limit;
    const char *want;
} log_case_t;


static void
write_log(vstream_writer_t *w, const void *argument)
{
    const log_case_t *c = argument;

    vstream_writer_log_text(w, unit_slice(c->text), c->limit);
}


static void
text(void **state)
{
    (void) state;

    check(write_text, "", "");
    check(write_text, "a", "a");
    check(write_text, "vs:{street}:frame", "vs:{street}:frame");
}


static void
several(void **state)
{
    char             buffer[8];
    vstream_writer_t w;

    (void) state;

    vstream_writer_init(&w, buffer, sizeof(buffer));
    vstream_writer_slice_append(&w, (vstream_slice_t) { NULL, 0 });
    vstream_writer_slice_append(&w, VSTREAM_SLICE("abc"));
    vstream_writer_bytes(&w, "\0x", 2);
    vstream_writer_uint(&w, 123);
    assert_int_equal(vstream_writer_status(&w), VSTREAM_OK);
    assert_memory_equal(buffer, "abc\0x123", 8);

    vstream_writer_text(&w, "");
    assert_int_equal(vstream_writer_status(&w), VSTREAM_OK);

    vstream_writer_text(&w, "!");
    assert_int_equal(vstream_writer_status(&w), VSTREAM_ERROR);
    assert_int_equal(w.length, 9);
    assert_memory_equal(buffer, "abc\0x123", 8);
}


static void
integers(void **state)
{
    static const struct {
        uint64_t    value;
        const char *want;
    } plain[] = {
        { 0, "0" },
        { 9, "9" },
        { 10, "10" },
        { 1764000000123, "1764000000123" },
        { UINT64_MAX, "18446744073709551615" },
    };
    static const struct {
        int64_t     value;
        const char *want;
    } with_sign[] = {
        { 0, "0" },
        { -1, "-1" },
        { 1764000000123456, "1764000000123456" },
        { INT64_MAX, "9223372036854775807" },
        { INT64_MIN, "-9223372036854775808" },
    };

    size_t i;

    (void) state;

    for (i = 0; i < UNIT_COUNT(plain); i++) {
        check(write_uint, &plain[i].value, plain[i].want);
    }

    for (i = 0; i < UNIT_COUNT(with_sign); i++) {
        check(write_int, &with_sign[i].value, with_sign[i].want);
    }
}


static void
decimals(void **state)
{
    static const decimal_case_t cases[] = {
        { 1234567, 6, "1.234567" },
        { 1234567, 0, "1234567" },
        { 1000000, 6, "1.000000" },
        { 1, 6, "0.000001" },
        { 10, 6, "0.000010" },
        { 100000, 6, "0.100000" },
        { 0, 6, "0.000000" },
        { 0, 1, "0.0" },
        { 5, 1, "0.5" },
        { -5, 1, "-0.5" },
        { -1234567, 3, "-1234.567" },
        { 1764000000123456, 6, "1764000000.123456" },
        { INT64_MAX, 18, "9.223372036854775807" },
        { INT64_MIN, 18, "-9.223372036854775808" },
        { INT64_MIN, 0, "-9223372036854775808" },
        { 1, 18, "0.000000000000000001" },
    };

    size_t i;

    (void) state;

    for (i = 0; i < UNIT_COUNT(cases); i++) {
        check(write_decimal, &cases[i], cases[i].want);
    }
}


static void
json(void **state)
{
    static const struct {
        vstream_slice_t text;
        const char     *want;
    } cases[] = {
        { { "", 0 }, "\"\"" },
        { { NULL, 0 }, "\"\"" },
        { { "plain /:{}'", 11 }, "\"plain /:{}'\"" },
        { { "\"\\", 2 }, "\"\\\"\\\\\"" },
        { { "a\0b", 3 }, "\"a\\u0000b\"" },
        { { "\t\n\r\x1b\x1f", 5 }, "\"\\u0009\\u000a\\u000d\\u001b\\u001f\"" },
        { { "</script>&", 10 }, "\"\\u003c/script\\u003e\\u0026\"" },
        { { "\x7f\xc2\x80\xc2\x85\xc2\x9f\xc2\xa0", 9 },
          "\"\\u007f\\u0080\\u0085\\u009f\xc2\xa0\"" },
        { { "\xe2\x80\xa7\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa", 12 },
          "\"\xe2\x80\xa7\\u2028\\u2029\xe2\x80\xaa\"" },
        { { "\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80", 9 },
          "\"\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80\"" },
        { { "a\xff", 2 }, "\"a\xef\xbf\xbd\"" },
        { { "\xc3", 1 }, "\"\xef\xbf\xbd\"" },
        { { "\xc0\xaf", 2 }, "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
        { { "\xed\xa0\x80", 3 }, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
        { { "\xe2\x82x", 3 }, "\"\xef\xbf\xbd\xef\xbf\xbdx\"" },
    };

    size_t i;

    (void) state;

    for (i = 0; i < UNIT_COUNT(cases); i++) {
        check(write_json, &cases[i].text, cases[i].want);
    }
}


static void
log_text(void **state)
{
    static const log_case_t cases[] = {
        { "", 10, "" },
        { "", 0, "" },
        { "abc", 3, "abc" },
        { "abcd", 3, "abc..." },
        { "a", 0, "..." },
        { " ~\"'", 10, " ~\"'" },
        { "\\", 10, "\\\\" },
        { "a\r\nb", 10, "a\\x0d\\x0ab" },
        { "\x1b[31m\x7f", 10, "\\x1b[31m\\x7f" },
        { "\xc3\xa9", 10, "\\xc3\\xa9" },
        { "\xff\xff", 1, "\\xff..." },
    };

    size_t i;

    (void) state;

    for (i = 0; i < UNIT_COUNT(cases); i++) {
        check(write_log, &cases[i], cases[i].want);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text),     cmocka_unit_test(several),
        cmocka_unit_test(integers), cmocka_unit_test(decimals),
        cmocka_unit_test(json),     cmocka_unit_test(log_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
