/*
 * The JSON scanner: members, their ends, and texts with their escapes.
 */

#include "unit.h"
#include "vstream_json.h"

#include <stdio.h>


/* The members as "name=value,": a text in quotes, others in brackets. */
static int
members(const char *text, char *out, size_t size)
{
    int                   rc;
    vstream_json_t        json;
    vstream_slice_t       slice = { text, strlen(text) };
    vstream_json_member_t member;
    static const char    *marks[] = { "\"\"", "##", "[]" };

    *out = '\0';
    vstream_json_init(&json, slice);
    rc = vstream_json_object_open(&json);

    while (rc == VSTREAM_OK) {
        rc = vstream_json_member_read(&json, &member);

        if (rc == VSTREAM_OK) {
            snprintf(out + strlen(out), size - strlen(out), "%.*s=%c%.*s%c,",
                     (int) member.name.length, member.name.data,
                     marks[member.type][0], (int) member.value.length,
                     member.value.data, marks[member.type][1]);
        }
    }

    return rc;
}


static void
objects(void **state)
{
    char   out[256];
    size_t i;

    static const struct {
        const char *text;
        const char *members;
    } good[] = {
        { "{}", "" },
        { " \t\r\n{ } ", "" },
        { "{\"a\":\"b\"}", "a=\"b\"," },
        { "{ \"a\" : 1 , \"b\" : -2.5e+3 }", "a=#1#,b=#-2.5e+3#," },
        { "{\"a\":null,\"b\":true,\"c\":false}",
          "a=[null],b=[true],c=[false]," },
        { "{\"a\":{\"b\":[1,\"}\"]},\"c\":[]}",
          "a=[{\"b\":[1,\"}\"]}],c=[[]]," },
        { "{\"a\":\"\\\"\\\\\",\"\\\"\":\"\"}", "a=\"\\\"\\\\\",\\\"=\"\"," },
        { "{\"a\":1,\"a\":2}", "a=#1#,a=#2#," },
    };

    static const char *bad[] = {
        "",
        " ",
        "[]",
        "\"a\"",
        "{",
        "{,}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{\"a\":1 \"b\":2}",
        "{\"a\":1}}",
        "{\"a\":1} x",
        "{\"a\":1",
        "{a:1}",
        "{\"a\":nil}",
        "{\"a\":[}",
        "{\"a\":[1}",
        "{\"a\":\"}",
        "{1:2}",
    };

    (void) state;

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(members(good[i].text, out, sizeof(out)),
                         VSTREAM_DECLINED);
        assert_string_equal(out, good[i].members);
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(members(bad[i], out, sizeof(out)), VSTREAM_ERROR);
    }
}


/* A part of an object is none, wherever it ends. */
static void
cut_off(void **state)
{
    char        out[256], part[64];
    size_t      i;
    const char *whole = "{\"a\":[{\"b\":\"\\u00e9\"}],\"c\":-1,\"d\":null}";

    (void) state;

    for (i = 0; i < strlen(whole); i++) {
        snprintf(part, sizeof(part), "%.*s", (int) i, whole);
        assert_int_equal(members(part, out, sizeof(out)), VSTREAM_ERROR);
    }

    assert_int_equal(members(whole, out, sizeof(out)), VSTREAM_DECLINED);
}


static int64_t
text(const char *escaped, char *out)
{
    vstream_slice_t slice = { escaped, strlen(escaped) };
    int64_t         length = vstream_json_text_write(slice, out);

    assert_true(length <= (int64_t) slice.length);

    if (length >= 0) {
        out[length] = '\0';
    }

    return length;
}


static void
texts(void **state)
{
    char   out[64];
    size_t i;

    static const struct {
        const char *escaped;
        const char *meant;
    } good[] = {
        { "", "" },
        { "North gate", "North gate" },
        { "\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t" },
        { "\\u0041\\u00e9\\u20AC", "A\xc3\xa9\xe2\x82\xac" },
        { "\\u007f\\u0080\\u07ff\\u0800\\uffff",
          "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf" },
        { "\\ud83d\\ude00\\uDBFF\\uDFFF", "\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf" },
        { "Stra\xc3\x9f"
          "e",
          "Stra\xc3\x9f"
          "e" },
    };

    static const char *bad[] = {
        "\\",
        "\\x",
        "\\u",
        "\\u12",
        "\\u12g4",
        "\\u0000",
        "a\nb",
        "\x1f",
        "\\ud83d",
        "\\ud83dx",
        "\\ud83d\\n",
        "\\ud83d\\u0041",
        "\\ude00",
        "\\ud83d\\ud83d",
        "\\ud83d\\ude0",
    };

    (void) state;

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(text(good[i].escaped, out), strlen(good[i].meant));
        assert_string_equal(out, good[i].meant);
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(text(bad[i], out), VSTREAM_ERROR);
    }
}


static void
in_place(void **state)
{
    char            bytes[] = "a\\u00e9\\nb";
    vstream_slice_t slice = { bytes, strlen(bytes) };

    (void) state;

    assert_int_equal(vstream_json_text_write(slice, bytes), 5);
    assert_memory_equal(bytes, "a\xc3\xa9\nb", 5);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects),
        cmocka_unit_test(cut_off),
        cmocka_unit_test(texts),
        cmocka_unit_test(in_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
