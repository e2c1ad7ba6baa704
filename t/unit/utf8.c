/*
 * UTF-8: every code point there and back, and what must not pass.
 */

#include "unit.h"

#include "vstream_utf8.h"


/* RFC 3629 section 3, written by hand for the test. */
static size_t
encode(uint32_t code, unsigned char *out)
{
    if (code < 0x80) {
        out[0] = (unsigned char) code;
        return 1;
    }

    if (code < 0x800) {
        out[0] = (unsigned char) (0xc0 | code >> 6);
        out[1] = (unsigned char) (0x80 | (code & 0x3f));
        return 2;
    }

    if (code < 0x10000) {
        out[0] = (unsigned char) (0xe0 | code >> 12);
        out[1] = (unsigned char) (0x80 | (code >> 6 & 0x3f));
        out[2] = (unsigned char) (0x80 | (code & 0x3f));
        return 3;
    }

    out[0] = (unsigned char) (0xf0 | code >> 18);
    out[1] = (unsigned char) (0x80 | (code >> 12 & 0x3f));
    out[2] = (unsigned char) (0x80 | (code >> 6 & 0x3f));
    out[3] = (unsigned char) (0x80 | (code & 0x3f));

    return 4;
}


static void
every_code(void **state)
{
    unsigned char   bytes[4];
    vstream_slice_t text;
    uint32_t        code, got;
    size_t          n, want;

    (void) state;

    for (code = 0; code < 0x110000 + 16; code++) {
        n = encode(code, bytes);
        want = (code >= 0xd800 && code < 0xe000) || code > 0x10ffff ? 0 : n;
        text = (vstream_slice_t) { (const char *) bytes, n };

        assert_int_equal(vstream_utf8_read(text, &got), want);

        if (want) {
            assert_int_equal(got, code);
        }

        text.length = n - 1;
        assert_int_equal(vstream_utf8_read(text, &got), 0);
    }
}


static void
refuses(void **state)
{
    static const char *const texts[] = {
        "\x80",
        "\xbf",
        "\xc0\x80",
        "\xc1\xbf",
        "\xc3",
        "\xc3(",
        "\xe0\x80\x80",
        "\xe0\x9f\xbf",
        "\xe2\x82",
        "\xe2(\xa1",
        "\xed\xa0\x80",
        "\xed\xbf\xbf",
        "\xf0\x80\x80\x80",
        "\xf0\x8f\xbf\xbf",
        "\xf0\x9f\x98",
        "\xf4\x90\x80\x80",
        "\xf8\x88\x80\x80\x80",
        "\xfe",
        "\xff",
    };

    vstream_slice_t copy;
    uint32_t        code = 77;
    size_t          i;

    (void) state;

    for (i = 0; i < UNIT_COUNT(texts); i++) {
        copy = unit_copy(texts[i], strlen(texts[i]));
        assert_int_equal(vstream_utf8_read(copy, &code), 0);
        unit_free(copy);
    }

    assert_int_equal(vstream_utf8_read((vstream_slice_t) { NULL, 0 }, &code),
                     0);
    assert_int_equal(code, 77);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code),
        cmocka_unit_test(refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
