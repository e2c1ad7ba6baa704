/*
 * What pictures of other programs travel in.  Every value stands in memory
 * that ends with it, so that AddressSanitizer sees a look beyond.
 */

#include "unit.h"

#include "vstream_envelope.h"
#include "vstream_json.h"

/* The bytes behind "/9j/4AAQ". */
#define PICTURE "\xff\xd8\xff\xe0\x00\x10"

#define OK          VSTREAM_ENVELOPE_OK
#define EMPTY       VSTREAM_ENVELOPE_EMPTY
#define UNKNOWN     VSTREAM_ENVELOPE_UNKNOWN
#define BAD_JSON    VSTREAM_ENVELOPE_BAD_JSON
#define NO_FRAME    VSTREAM_ENVELOPE_NO_FRAME
#define BAD_BASE64  VSTREAM_ENVELOPE_BAD_BASE64
#define TOO_LARGE   VSTREAM_ENVELOPE_TOO_LARGE
#define FORM_JPEG   VSTREAM_ENVELOPE_JPEG
#define FORM_BASE64 VSTREAM_ENVELOPE_BASE64
#define FORM_JSON   VSTREAM_ENVELOPE_JSON


/* Reads and opens; *length bytes in `out`. */
static vstream_envelope_result_t
take(vstream_slice_t value, vstream_envelope_t *envelope, unsigned char *out,
     size_t capacity, size_t *length)
{
    vstream_envelope_result_t result;
    vstream_slice_t           copy = unit_copy(value.data, value.length);

    *length = 0;
    result = vstream_envelope_read(copy, envelope);

    if (result == VSTREAM_ENVELOPE_OK) {
        result = vstream_envelope_open(envelope, out, capacity, length);
    }

    unit_free(copy);

    return result;
}


/* `text` holds PICTURE, in that form. */
static void
assert_holds(const char *text, vstream_envelope_form_t form)
{
    vstream_envelope_t envelope;
    unsigned char      out[64];
    size_t             length;

    if (take(unit_slice(text), &envelope, out, sizeof(out), &length) != OK) {
        fail_msg("%s: refused", text);
    }

    assert_int_equal(envelope.form, form);
    assert_int_equal(length, sizeof(PICTURE) - 1);
    assert_memory_equal(out, PICTURE, length);
}


static void
assert_refused(const char *text, vstream_envelope_result_t wanted)
{
    vstream_envelope_t        envelope;
    vstream_envelope_result_t result;
    unsigned char             out[64];
    size_t                    length;

    result = take(unit_slice(text), &envelope, out, sizeof(out), &length);

    if (result != wanted) {
        fail_msg("%s: %s", text, vstream_envelope_result_text(result));
    }
}


static void
jpeg(void **state)
{
    vstream_envelope_t envelope;
    unsigned char      out[8];
    size_t             length;
    vstream_slice_t    picture = VSTREAM_SLICE(PICTURE);

    (void) state;

    assert_int_equal(take(picture, &envelope, out, 6, &length), OK);
    assert_int_equal(envelope.form, FORM_JPEG);
    assert_int_equal(length, 6);
    assert_memory_equal(out, PICTURE, 6);

    assert_int_equal(take(picture, &envelope, out, 5, &length), TOO_LARGE);
}


static void
base64(void **state)
{
    static const char *const texts[] = {
        "/9j/4AAQ",
        "_9j_4AAQ",
        "  /9j/4AAQ\r\n",
        "/9j/\n4AAQ\n",
        "/9j/\r\n4\tA A\nQ",
        "\"/9j/4AAQ\"",
        " \"/9j/4AAQ\" \n",
        "\"\\/9j\\/4AAQ\"",
        "\"\\u002f9j\\u002F4AAQ\\r\\n\"",
        "data:image/jpeg;base64,/9j/4AAQ",
        "data:image/jpg;charset=utf-8;base64,/9j/4AAQ",
        "\"data:image\\/jpeg;base64,\\/9j\\/4AAQ\"",
    };
    size_t i;

    (void) state;

    for (i = 0; i < UNIT_COUNT(texts); i++) {
        assert_holds(texts[i], FORM_BASE64);
    }
}


/* One, two and three bytes in the last four, padded and not. */
static void
base64_ends(void **state)
{
    static const struct {
        const char               *text;
        vstream_envelope_result_t result;
        size_t                    length;
    } ends[] = {
        { "/9j/", OK, 3 },
        { "/9j/4A==", OK, 4 },
        { "/9j/4A", OK, 4 },
        { "/9j/4A= =\n", OK, 4 },
        { "/9j/4AA=", OK, 5 },
        { "/9j/4AA", OK, 5 },
        { "/9j/4A=", BAD_BASE64, 0 },
        { "/9j/4", BAD_BASE64, 0 },
        { "/9j/=", BAD_BASE64, 0 },
        { "/9j/4AAQ=", BAD_BASE64, 0 },
        { "/9j/4===", BAD_BASE64, 0 },
        { "/9j/4A===", BAD_BASE64, 0 },
        { "/9j/4AA==", BAD_BASE64, 0 },
        { "/9j/4AA=/9j/", BAD_BASE64, 0 },
        { "/9j/4A=A", BAD_BASE64, 0 },
        { "/9j/4*AQ", BAD_BASE64, 0 },
        { "/9j/4\x80\x41Q", BAD_BASE64, 0 },
        { "\"/9j/4AA\\u003d\"", OK, 5 },
        { "\"/9j/4AA\\u003D\"", OK, 5 },
        { "\"/9j/4AA\\u013d\"", BAD_BASE64, 0 },
        { "\"/9j/4AA\\u00g0\"", BAD_BASE64, 0 },
        { "\"/9j/4AAQ\\u00\"", BAD_BASE64, 0 },
        { "\"/9j/4AAQ\\x\"", BAD_BASE64, 0 },
        { "/9j/4AAQ\\", BAD_BASE64, 0 },
    };
    vstream_envelope_t envelope;
    unsigned char      out[16];
    size_t             i, length;

    (void) state;

    for (i = 0; i < UNIT_COUNT(ends); i++) {
        if (take(unit_slice(ends[i].text), &envelope, out, sizeof(out), &length)
            != ends[i].result)
        {
            fail_msg("%s", ends[i].text);
        }

        if (ends[i].result == OK) {
            assert_int_equal(length, ends[i].length);
            assert_memory_equal(out, PICTURE, length);
        }
    }
}


/* Every byte there is, at each place of a four. */
static void
base64_alphabet(void **state)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    vstream_envelope_t envelope = { .form = FORM_BASE64 };
    unsigned char      out[64 * 3];
    char               text[64 * 4];
    size_t             i, at, length;

    (void) state;

    for (at = 0; at < 4; at++) {
        for (i = 0; i < 64; i++) {
            memset(text + i * 4, 'A', 4);
            text[i * 4 + at] = digits[i];
        }

        envelope.picture = unit_copy(text, sizeof(text));
        assert_int_equal(
            vstream_envelope_open(&envelope, out, sizeof(out), &length), OK);
        unit_free(envelope.picture);
        assert_int_equal(length, sizeof(out));

        for (i = 0; i < 64; i++) {
            assert_int_equal(out[i * 3] << 16 | out[i * 3 + 1] << 8
                                 | out[i * 3 + 2],
                             i << (18 - 6 * at));
        }
    }
}


static void
json(void **state)
{
    static const struct {
        const char *text;
        const char *camera;
    } texts[] = {
        { "{\"frame\":\"/9j/4AAQ\"}", "" },
        { " { \"frame\" : \"/9j/4AAQ\" } \n", "" },
        { "{\"frame\":\"/9j/4AAQ\",\"timestamp\":\"2025-01-01 00:00:00\","
          "\"camera_id\":\"street\",\"frame_number\":17}",
          "street" },
        { "{\"source\":\"192.168.1.7\",\"frame\":\"/9j/4AAQ\"}",
          "192.168.1.7" },
        { "{\"source\":\"a\",\"camera_id\":\"b\",\"frame\":\"/9j/4AAQ\"}",
          "b" },
        { "{\"camera_id\":\"b\",\"source\":\"a\",\"frame\":\"/9j/4AAQ\"}",
          "b" },
        { "{\"camera_id\":3,\"frame\":\"/9j/4AAQ\"}", "3" },
        { "{\"camera_id\":null,\"source\":\"a\",\"frame\":\"/9j/4AAQ\"}", "a" },
        { "{\"camera_id\":{\"id\":\"b\"},\"frame\":\"/9j/4AAQ\"}", "" },
        { "{\"camera_id\":\"a\",\"camera_id\":\"b\",\"frame\":\"/9j/4AAQ\"}",
          "b" },
        { "{\"frame\":\"no\",\"frame\":\"/9j/4AAQ\"}", "" },
        { "{\"frame\":\"/9j/4AAQ\",\"frame\":3}", "" },
        { "{\"x\":{\"frame\":\"no\",\"camera_id\":\"no\"},"
          "\"frame\":\"/9j/4AAQ\"}",
          "" },
        { "{\"a\":[1,[],{},[{\"b\":[\"]}\"]}],-0.5e+3],\"c\":true,\"d\":false,"
          "\"e\":\"\\\\\\\"\\\\\",\"frame\":\"\\/9j\\/4AAQ\"}",
          "" },
        { "{\"frame\":\"data:image/jpeg;base64,/9j/4AAQ\"}", "" },
    };
    vstream_envelope_t envelope;
    size_t             i;

    (void) state;

    for (i = 0; i < UNIT_COUNT(texts); i++) {
        assert_holds(texts[i].text, FORM_JSON);
        assert_int_equal(
            vstream_envelope_read(unit_slice(texts[i].text), &envelope), OK);
        unit_assert_slice(envelope.camera, texts[i].camera);
    }
}


static void
refused(void **state)
{
    static const struct {
        const char               *text;
        vstream_envelope_result_t result;
    } texts[] = {
        { "", EMPTY },
        { " \r\n\t", EMPTY },
        { "\xff", UNKNOWN },
        { "hello", UNKNOWN },
        { "iVBORw0KGgo=", UNKNOWN }, /* PNG */
        { "data:image/png;base64,iVBORw0KGgo=", UNKNOWN },
        { "data:image/jpeg,/9j/4AAQ", UNKNOWN },
        { "\"/9j/4AAQ", UNKNOWN },
        { "\"/9j/4AAQ\" 1", UNKNOWN },
        { "[\"/9j/4AAQ\"]", UNKNOWN },
        { "{", BAD_JSON },
        { "{}", NO_FRAME },
        { "{} {}", BAD_JSON },
        { "{,}", BAD_JSON },
        { "{\"a\"}", BAD_JSON },
        { "{\"a\":}", BAD_JSON },
        { "{\"a\":1,}", BAD_JSON },
        { "{\"a\":1 \"b\":2}", BAD_JSON },
        { "{\"a\":nul}", BAD_JSON },
        { "{\"a\":[1}}", BAD_JSON },
        { "{\"a\":{1]}", BAD_JSON },
        { "{\"a\":]}", BAD_JSON },
        { "{a:1}", BAD_JSON },
        { "{\"frame\":3}", NO_FRAME },
        { "{\"frame\":null,\"camera_id\":\"a\"}", NO_FRAME },
        { "{\"frames\":\"/9j/4AAQ\"}", NO_FRAME },
        { "{\"frame\":\"\"}", BAD_BASE64 },
        { "{\"frame\":\"hello\"}", BAD_BASE64 },
        { "{\"frame\":\"/9j/4AA\\u00e4\"}", BAD_BASE64 },
    };
    size_t i;

    (void) state;

    for (i = 0; i < UNIT_COUNT(texts); i++) {
        assert_refused(texts[i].text, texts[i].result);
    }
}


/* Objects and arrays by turns around nothing, `depth` deep. */
static vstream_envelope_result_t
nested(size_t depth)
{
    char                      text[512] = "{\"frame\":\"/9j/4AAQ\",\"x\":";
    size_t                    i, n = strlen(text);
    vstream_envelope_t        envelope;
    vstream_envelope_result_t result;
    vstream_slice_t           copy;

    for (i = 0; i < depth; i++) {
        memcpy(text + n, i % 2 ? "[" : "{\"\":", i % 2 ? 1 : 4);
        n += i % 2 ? 1 : 4;
    }

    while (i-- > 0) {
        text[n++] = i % 2 ? ']' : '}';
    }

    text[n++] = '}';
    copy = unit_copy(text, n);
    result = vstream_envelope_read(copy, &envelope);
    unit_free(copy);

    return result;
}


static void
depth_limit(void **state)
{
    (void) state;

    assert_int_equal(nested(VSTREAM_JSON_DEPTH_MAX), OK);
    assert_int_equal(nested(VSTREAM_JSON_DEPTH_MAX + 1), BAD_JSON);
}


/* A picture that fits to the byte, and one that does not. */
static void
capacity_limit(void **state)
{
    static const char *const texts[] = {
        "/9j/4AAQ",
        "/9j/\n4AAQ",
        "{\"frame\":\"/9j/4AAQ\"}",
    };
    vstream_envelope_t envelope;
    size_t             i, length;

    (void) state;

    for (i = 0; i < UNIT_COUNT(texts); i++) {
        unsigned char *out = malloc(6);

        assert_int_equal(take(unit_slice(texts[i]), &envelope, out, 6, &length),
                         OK);
        assert_int_equal(length, 6);
        assert_int_equal(take(unit_slice(texts[i]), &envelope, out, 5, &length),
                         TOO_LARGE);
        assert_int_equal(take(unit_slice(texts[i]), &envelope, out, 0, &length),
                         TOO_LARGE);
        free(out);
    }
}


static void
in_place(void **state)
{
    vstream_slice_t    copy = unit_copy("{\"frame\":\"\\/9j\\/4A\\nAQ\"}", 24);
    vstream_envelope_t envelope;
    unsigned char     *out;
    size_t             length;

    (void) state;

    assert_int_equal(vstream_envelope_read(copy, &envelope), OK);
    out = (unsigned char *) (uintptr_t) envelope.picture.data;
    assert_int_equal(
        vstream_envelope_open(&envelope, out, envelope.picture.length, &length),
        OK);
    assert_int_equal(length, 6);
    assert_memory_equal(out, PICTURE, 6);
    unit_free(copy);
}


/* Cut off anywhere, JSON is none, and quoted base64 is none. */
static void
cut(void **state)
{
    static const char text[] =
        "{\"frame\":\"\\/9j/4A\\u003d\\u003d\",\"n\":[1,{\"a\":\"\\\"\"}],"
        "\"camera_id\":\"a\"}";
    static const char quoted[] = "\"\\u002f9j/4A\\u003d\\u003d\"";

    size_t             n, length;
    vstream_envelope_t envelope;
    unsigned char      out[16];

    (void) state;

    for (n = 0; n < sizeof(text) - 1; n++) {
        assert_int_equal(take((vstream_slice_t) { text, n }, &envelope, out,
                              sizeof(out), &length),
                         n == 0 ? EMPTY : BAD_JSON);
    }

    assert_int_equal(take((vstream_slice_t) { text, n }, &envelope, out,
                          sizeof(out), &length),
                     OK);
    assert_int_equal(length, 4);

    for (n = 1; n < sizeof(quoted) - 1; n++) {
        assert_int_equal(take((vstream_slice_t) { quoted, n }, &envelope, out,
                              sizeof(out), &length),
                         UNKNOWN);
    }
}


/* Base64 of a long picture over lines, as MIME has it. */
static void
lines(void **state)
{
    enum { FOURS = 4096 };

    vstream_envelope_t envelope;
    vstream_slice_t    copy;
    char              *text = malloc(FOURS * 6);
    unsigned char     *out = malloc(FOURS * 3);
    size_t             i, n = 0, length;

    (void) state;

    for (i = 0; i < FOURS; i++) {
        memcpy(text + n, "/9j/", 4);
        n += 4;

        if (i % 19 == 18) {
            memcpy(text + n, "\r\n", 2);
            n += 2;
        }
    }

    copy = unit_copy(text, n);
    assert_int_equal(vstream_envelope_read(copy, &envelope), OK);
    assert_int_equal(vstream_envelope_open(&envelope, out, FOURS * 3, &length),
                     OK);
    assert_int_equal(length, FOURS * 3);

    for (i = 0; i < FOURS; i++) {
        assert_memory_equal(out + i * 3, "\xff\xd8\xff", 3);
    }

    unit_free(copy);
    free(text);
    free(out);
}


/* Of what JSON may escape, that which base64 has, and what it has not. */
static void
escapes(void **state)
{
    static const char *const bad[] = {
        "{\"frame\":\"\\/9j\\b\"}",
        "{\"frame\":\"\\/9j\\u00e9\"}",
        "{\"frame\":\"\\/9j\\u00g0\"}",
        "{\"frame\":\"\\/9j\\u00\"}",
    };

    size_t             i, length;
    vstream_envelope_t envelope;
    unsigned char      out[16];

    (void) state;

    assert_int_equal(
        take(unit_slice("{\"frame\":\"\\/9j\\t\\r\\n\\u002F\\u002f4AA\"}"),
             &envelope, out, sizeof(out), &length),
        OK);
    assert_int_equal(length, 6);
    assert_memory_equal(out, "\xff\xd8\xff\xff\x80\x00", 6);

    for (i = 0; i < UNIT_COUNT(bad); i++) {
        assert_int_equal(
            take(unit_slice(bad[i]), &envelope, out, sizeof(out), &length),
            BAD_BASE64);
    }
}


/* Each result has words of its own. */
static void
words(void **state)
{
    int         i, k;
    const char *text;

    (void) state;

    for (i = VSTREAM_ENVELOPE_OK; i <= VSTREAM_ENVELOPE_TOO_LARGE + 1; i++) {
        text = vstream_envelope_result_text((vstream_envelope_result_t) i);
        assert_true(strlen(text) > 0);

        for (k = VSTREAM_ENVELOPE_OK; k < i; k++) {
            assert_string_not_equal(text, vstream_envelope_result_text(
                                              (vstream_envelope_result_t) k));
        }
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jpeg),        cmocka_unit_test(base64),
        cmocka_unit_test(base64_ends), cmocka_unit_test(base64_alphabet),
        cmocka_unit_test(json),        cmocka_unit_test(refused),
        cmocka_unit_test(depth_limit), cmocka_unit_test(capacity_limit),
        cmocka_unit_test(in_place),    cmocka_unit_test(cut),
        cmocka_unit_test(lines),       cmocka_unit_test(escapes),
        cmocka_unit_test(words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
