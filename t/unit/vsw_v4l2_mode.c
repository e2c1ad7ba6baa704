/*
 * Which of a webcam's modes is run.
 */

#include "unit.h"

#include <linux/videodev2.h>

#include "vstream_schema.h"
#include "vsw_v4l2_mode.h"

#define MJPG V4L2_PIX_FMT_MJPEG
#define YUYV V4L2_PIX_FMT_YUYV


/* A webcam as there are many: raw pictures are slow where they are large. */
static const struct {
    uint32_t fourcc, width, height, fps;
} offered[] = {
    { YUYV, 640, 480, 30 },   { YUYV, 1280, 720, 10 },
    { YUYV, 1920, 1080, 5 },  { MJPG, 640, 480, 60 },
    { MJPG, 1280, 720, 30 },  { MJPG, 1920, 1080, 30 },
    { MJPG, 3840, 2160, 30 }, { V4L2_PIX_FMT_H264, 1920, 1080, 30 },
};


static vsw_v4l2_mode_t modes[UNIT_COUNT(offered)];


static void
modes_set(void)
{
    for (size_t i = 0; i < UNIT_COUNT(offered); i++) {
        modes[i] = (vsw_v4l2_mode_t) { vsw_v4l2_format_find(offered[i].fourcc),
                                       offered[i].width, offered[i].height,
                                       offered[i].fps * 1000 };
        assert_non_null(modes[i].format);
    }
}


static void
test_choice(void **state)
{
    static const struct {
        const char *query;
        size_t      count; /* of `offered`, from the first */
        int         want;  /* -1: none */
    } cases[] = {
        { "", 8, 5 },
        { "", 3, 1 }, /* not so large that it stutters */
        { "", 1, 0 },
        { "?size=640x480", 8, 3 },
        { "?size=3840x2160", 8, 6 },
        { "?size=1280x720&format=yuyv422", 8, 1 },
        { "?format=yuyv422", 8, 1 },
        { "?format=yuyv422&fps=30", 8, 0 },
        { "?format=yuyv422&fps=5", 8, 2 },
        { "?format=h264", 8, 7 },
        { "?fps=60", 8, 3 },
        { "?size=800x600", 8, 3 }, /* what comes nearest */
        { "?format=nv12", 8, -1 },
        { "", 0, -1 },
    };

    (void) state;

    modes_set();

    for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
        vsw_v4l2_wish_t        wish;
        const vsw_v4l2_mode_t *found;

        print_message("# %d: %s of %d\n", (int) i, cases[i].query,
                      (int) cases[i].count);
        assert_int_equal(vsw_v4l2_wish_read(&wish, cases[i].query), VSTREAM_OK);
        found = vsw_v4l2_mode_choose(modes, cases[i].count, &wish);
        assert_ptr_equal(found,
                         cases[i].want < 0 ? NULL : &modes[cases[i].want]);
    }
}


static void
test_wishes(void **state)
{
    static const char *const bad[] = {
        "?",
        "?size=640",
        "?size=x480",
        "?size=640x",
        "?size=0x480",
        "?size=640x16385",
        "?fps=0",
        "?fps=241",
        "?fps=x",
        "?format=",
        "?size=640x480&",
        "size=640x480",
        "?other=1",
        "?size=640x480x2",
        "?format=a2345678901234567890123456789012",
    };
    vsw_v4l2_wish_t wish;

    (void) state;

    assert_int_equal(
        vsw_v4l2_wish_read(&wish, "?size=16384x1&fps=29.97&format=mjpeg"),
        VSTREAM_OK);
    assert_int_equal(wish.width, 16384);
    assert_int_equal(wish.height, 1);
    assert_int_equal(wish.fps_milli, 29970);
    assert_string_equal(wish.format, "mjpeg");
    assert_int_equal(
        vsw_v4l2_wish_read(&wish, "?format=a234567890123456789012345678901"),
        VSTREAM_OK);

    for (size_t i = 0; i < UNIT_COUNT(bad); i++) {
        print_message("# %s\n", bad[i]);
        assert_int_equal(vsw_v4l2_wish_read(&wish, bad[i]), VSTREAM_ERROR);
    }
}


int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_choice),
        cmocka_unit_test(test_wishes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
