/*
 * Base64: the vectors of RFC 4648, every byte, and buffers that end anywhere.
 */

#include "unit.h"

#include "vstream_base64.h"

#include <string.h>


static void
vectors(void **state)
{
    static const char *const cases[][2] = {
        { "", "" },
        { "f", "Zg==" },
        { "fo", "Zm8=" },
        { "foo", "Zm9v" },
        { "foob", "Zm9vYg==" },
        { "fooba", "Zm9vYmE=" },
        { "foobar", "Zm9vYmFy" },
    };

    vstream_writer_t w;
    char             out[16];
    size_t           i;

    (void) state;

    for (i = 0; i < UNIT_COUNT(cases); i++) {
        vstream_writer_init(&w, out, sizeof(out));
        vstream_base64_write(
            &w, (vstream_slice_t) { cases[i][0], strlen(cases[i][0]) });
        assert_int_equal(w.length, strlen(cases[i][1]));
        assert_memory_equal(out, cases[i][1], w.length);
    }
}


static void
all_bytes(void **state)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "abcdefghijklmnopqrstuvwxyz0123456789+/";

    vstream_writer_t w;
    char             in[256], out[344];
    uint32_t         bits = 0;
    size_t           i, n = 0;
    unsigned         count = 0;

    (void) state;

    for (i = 0; i < sizeof(in); i++) {
        in[i] = (char) i;
    }

    vstream_writer_init(&w, out, sizeof(out));
    vstream_base64_write(&w, (vstream_slice_t) { in, sizeof(in) });
    assert_int_equal(vstream_writer_status(&w), VSTREAM_OK);
    assert_int_equal(w.length, sizeof(out));
    assert_memory_equal(out + 342, "==", 2);

    /* Read back, six bits at a time. */
    for (i = 0; i < 342; i++) {
        bits = bits << 6 | (uint32_t) (strchr(alphabet, out[i]) - alphabet);
        count += 6;

        if (count >= 8) {
            count -= 8;
            assert_int_equal(bits >> count & 255, n++);
        }
    }

    assert_int_equal(n, 256);
}


/* Neither bytes nor a buffer: nothing is reckoned with their addresses. */
static void
nothing_at_all(void **state)
{
    vstream_writer_t w;

    (void) state;

    vstream_writer_init(&w, NULL, 0);
    vstream_base64_write(&w, (vstream_slice_t) { NULL, 0 });
    assert_int_equal(w.length, 0);
    assert_int_equal(vstream_writer_status(&w), VSTREAM_OK);
}


static void
nothing_is_written_past_the_end(void **state)
{
    vstream_writer_t w;
    char             out[16];
    size_t           room;

    (void) state;

    for (room = 0; room <= 10; room++) {
        memset(out, '#', sizeof(out));
        vstream_writer_init(&w, out, room);
        vstream_writer_text(&w, "12");
        vstream_base64_write(&w, VSTREAM_SLICE("foobar"));

        assert_int_equal(w.length, 10);
        assert_int_equal(vstream_writer_status(&w),
                         room < 10 ? VSTREAM_ERROR : VSTREAM_OK);
        assert_int_equal(out[room], '#');
    }

    vstream_writer_init(&w, NULL, 0);
    vstream_base64_write(&w, VSTREAM_SLICE("x"));
    assert_int_equal(w.length, 4);
}


int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors),
        cmocka_unit_test(all_bytes),
        cmocka_unit_test(nothing_at_all),
        cmocka_unit_test(nothing_is_written_past_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
