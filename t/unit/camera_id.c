/*
 * The grammar of camera ids.
 */

#include "unit.h"

#include "vstream_camera_id.h"


static void
accepts(void **state)
{
    static const char *const ids[] = {
        "a", "Z", "0", "street", "10.0.0.1", "a.b_c-D", "0-", "a..b", "x_",
    };

    size_t i;

    (void) state;

    for (i = 0; i < UNIT_COUNT(ids); i++) {
        assert_int_equal(vstream_camera_id_check(unit_slice(ids[i])),
                         VSTREAM_OK);
    }
}


static void
refuses(void **state)
{
    static const char *const ids[] = {
        "",         ".",     "-a", "_",   "a b",  "a/b",  "{a}",
        "a}",       "a:b",   "a*", "a?",  "a\n",  "a\r",  "\x1b",
        "\xc3\xa9", "a\x7f", "a%", "a,b", "../a", "a\\b",
    };

    size_t i;

    (void) state;

    for (i = 0; i < UNIT_COUNT(ids); i++) {
        assert_int_equal(vstream_camera_id_check(unit_slice(ids[i])),
                         VSTREAM_ERROR);
    }

    assert_int_equal(vstream_camera_id_check((vstream_slice_t) { "a\0b", 3 }),
                     VSTREAM_ERROR);
}


/* Each byte, first and later, against the grammar written another way. */
static void
every_byte(void **state)
{
    static const char first[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

    int             byte, alnum, later;
    char            text[2];
    vstream_slice_t id;

    (void) state;

    for (byte = 0; byte < 256; byte++) {
        alnum = memchr(first, byte, sizeof(first) - 1) != NULL;
        later = alnum || byte == '.' || byte == '_' || byte == '-';

        id = (vstream_slice_t) { text, 1 };
        text[0] = (char) byte;
        assert_int_equal(vstream_camera_id_check(id),
                         alnum ? VSTREAM_OK : VSTREAM_ERROR);

        id.length = 2;
        text[0] = 'a';
        text[1] = (char) byte;
        assert_int_equal(vstream_camera_id_check(id),
                         later ? VSTREAM_OK : VSTREAM_ERROR);
    }
}


static void
length(void **state)
{
    char text[VSTREAM_CAMERA_ID_MAX + 1];

    (void) state;

    memset(text, 'a', sizeof(text));

    assert_int_equal(vstream_camera_id_check(
                         (vstream_slice_t) { text, VSTREAM_CAMERA_ID_MAX }),
                     VSTREAM_OK);
    assert_int_equal(vstream_camera_id_check(
                         (vstream_slice_t) { text, VSTREAM_CAMERA_ID_MAX + 1 }),
                     VSTREAM_ERROR);
    assert_int_equal(vstream_camera_id_check((vstream_slice_t) { NULL, 0 }),
                     VSTREAM_ERROR);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts),
        cmocka_unit_test(refuses),
        cmocka_unit_test(every_byte),
        cmocka_unit_test(length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
