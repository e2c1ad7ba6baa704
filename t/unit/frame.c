/*
 * Frame lines and frame ids, whole and byte by byte.
 */

#include "unit.h"

#include "vstream_frame.h"


static const vstream_frame_t largest = { UINT64_MAX, UINT64_MAX, INT64_MAX,
                                         UINT32_MAX, UINT32_MAX };


static void
assert_frame(const vstream_frame_t *got, const vstream_frame_t *want)
{
    assert_int_equal(got->epoch, want->epoch);
    assert_int_equal(got->seq, want->seq);
    assert_int_equal(got->t_unix_us, want->t_unix_us);
    assert_int_equal(got->width, want->width);
    assert_int_equal(got->height, want->height);
}


/* Written, read whole, read at every prefix, read with a picture behind. */
static void
check_line(const vstream_frame_t *frame, const char *want)
{
    char             buffer[VSTREAM_FRAME_LINE_MAX + 4];
    vstream_writer_t w;
    vstream_slice_t  copy;
    vstream_frame_t  got;
    size_t           n, length = 77;

    vstream_writer_init(&w, buffer, VSTREAM_FRAME_LINE_MAX);
    vstream_frame_line_write(&w, frame);
    assert_int_equal(vstream_writer_status(&w), VSTREAM_OK);
    unit_assert_slice(vstream_writer_slice(&w), want);

    for (n = 0; n < w.length; n++) {
        copy = unit_copy(buffer, n);
        assert_int_equal(vstream_frame_line_read(copy, &got, &length),
                         VSTREAM_AGAIN);
        unit_free(copy);
    }

    assert_int_equal(length, 77);
    memcpy(buffer + w.length, "\xff\xd8\n ", 4);

    for (n = w.length; n <= w.length + 4; n++) {
        copy = unit_copy(buffer, n);
        memset(&got, 0, sizeof(got));
        assert_int_equal(vstream_frame_line_read(copy, &got, &length),
                         VSTREAM_OK);
        assert_int_equal(length, w.length);
        assert_frame(&got, frame);
        unit_free(copy);
    }
}


static void
lines(void **state)
{
    static const vstream_frame_t usual = { 1764000000123, 42, 1764000000456789,
                                           1280, 720 };
    static const vstream_frame_t zero = { 0, 0, 0, 0, 0 };

    (void) state;

    check_line(&usual, "1764000000123 42 1764000000456789 1280 720\n");
    check_line(&zero, "0 0 0 0 0\n");
    check_line(&largest, "18446744073709551615 18446744073709551615 "
                         "9223372036854775807 4294967295 4294967295\n");
}


static void
bad_lines(void **state)
{
    static const char *const texts[] = {
        "\n",
        "1 2 3 4\n",
        "1 2 3 4 5 6\n",
        "1 2 3 4 5 \n",
        " 1 2 3 4 5\n",
        "1  2 3 4 5\n",
        "1 2 3 4 5\r\n",
        "1\t2 3 4 5\n",
        "01 2 3 4 5\n",
        "1 2 -3 4 5\n",
        "1 2 +3 4 5\n",
        "1 2 3 4 0x5\n",
        "18446744073709551616 2 3 4 5\n",
        "1 18446744073709551616 3 4 5\n",
        "1 2 9223372036854775808 4 5\n",
        "1 2 3 4294967296 5\n",
        "1 2 3 4 4294967296\n",
        "\xff\xd8\xff\n",
        "    \n",
    };

    vstream_slice_t copy;
    vstream_frame_t frame;
    size_t          i, length;

    (void) state;

    for (i = 0; i < UNIT_COUNT(texts); i++) {
        copy = unit_copy(texts[i], strlen(texts[i]));
        assert_int_equal(vstream_frame_line_read(copy, &frame, &length),
                         VSTREAM_ERROR);
        unit_free(copy);
    }
}


static void
line_limit(void **state)
{
    char            text[VSTREAM_FRAME_LINE_MAX + 1];
    vstream_slice_t data = { text, 0 };
    vstream_frame_t frame;
    size_t          length;

    (void) state;

    memset(text, '1', sizeof(text));

    data.length = VSTREAM_FRAME_LINE_MAX - 1;
    assert_int_equal(vstream_frame_line_read(data, &frame, &length),
                     VSTREAM_AGAIN);

    data.length = VSTREAM_FRAME_LINE_MAX;
    assert_int_equal(vstream_frame_line_read(data, &frame, &length),
                     VSTREAM_ERROR);

    /* A newline one byte too late is none. */
    memcpy(text, "1 1 1 1 ", 8);
    text[VSTREAM_FRAME_LINE_MAX] = '\n';
    data.length = VSTREAM_FRAME_LINE_MAX + 1;
    assert_int_equal(vstream_frame_line_read(data, &frame, &length),
                     VSTREAM_ERROR);

    data.data = NULL;
    data.length = 0;
    assert_int_equal(vstream_frame_line_read(data, &frame, &length),
                     VSTREAM_AGAIN);
}


static void
ids(void **state)
{
    char             buffer[VSTREAM_FRAME_ID_MAX];
    vstream_writer_t w;
    uint64_t         epoch, seq;

    (void) state;

    vstream_writer_init(&w, buffer, sizeof(buffer));
    vstream_frame_id_write(&w, 1764000000123, 7);
    unit_assert_slice(vstream_writer_slice(&w), "1764000000123-7");

    vstream_writer_init(&w, buffer, sizeof(buffer));
    vstream_frame_id_write(&w, UINT64_MAX, UINT64_MAX);
    assert_int_equal(vstream_writer_status(&w), VSTREAM_OK);
    assert_int_equal(w.length, VSTREAM_FRAME_ID_MAX);

    assert_int_equal(
        vstream_frame_id_read(vstream_writer_slice(&w), &epoch, &seq),
        VSTREAM_OK);
    assert_true(epoch == UINT64_MAX && seq == UINT64_MAX);

    assert_int_equal(vstream_frame_id_read(VSTREAM_SLICE("0-0"), &epoch, &seq),
                     VSTREAM_OK);
    assert_true(epoch == 0 && seq == 0);
}


static void
bad_ids(void **state)
{
    static const char *const texts[] = {
        "",
        "-",
        "1",
        "1-",
        "-1",
        "1-2-3",
        "1--2",
        "a-1",
        "1-a",
        "01-1",
        "1-01",
        " 1-1",
        "1-1 ",
        "\"1-1\"",
        "*",
        "1-1\n",
        "18446744073709551616-1",
        "1-18446744073709551616",
    };

    vstream_slice_t copy;
    uint64_t        epoch = 7, seq = 8;
    size_t          i;

    (void) state;

    for (i = 0; i < UNIT_COUNT(texts); i++) {
        copy = unit_copy(texts[i], strlen(texts[i]));
        assert_int_equal(vstream_frame_id_read(copy, &epoch, &seq),
                         VSTREAM_ERROR);
        unit_free(copy);
    }

    assert_int_equal(epoch, 7);
    assert_int_equal(seq, 8);
}


static void
order(void **state)
{
    static const vstream_frame_t frames[] = {
        { 1, 1, 9, 1, 1 }, { 1, 2, 8, 1, 1 },          { 2, 1, 7, 1, 1 },
        { 2, 2, 6, 1, 1 }, { UINT64_MAX, 0, 5, 1, 1 },
    };

    size_t i, k;
    int    order;

    (void) state;

    for (i = 0; i < UNIT_COUNT(frames); i++) {
        for (k = 0; k < UNIT_COUNT(frames); k++) {
            order = vstream_frame_compare(&frames[i], &frames[k]);
            assert_int_equal((order > 0) - (order < 0), (i > k) - (i < k));
        }
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines),      cmocka_unit_test(bad_lines),
        cmocka_unit_test(line_limit), cmocka_unit_test(ids),
        cmocka_unit_test(bad_ids),    cmocka_unit_test(order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
