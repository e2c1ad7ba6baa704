/*
 * Sizes that keep a picture's shape, and colours against the definition in
 * floating point.
 */

#include "unit.h"

#include <math.h>

#include "vsw_color.h"
#include "vsw_picture_size.h"


static void
test_sizes(void **state)
{
    size_t i;
    static const struct {
        vsw_size_t source;
        uint32_t   num, den, width;
        vsw_size_t want;
    } cases[] = {
        { { 1280, 720 }, 1, 1, 0, { 1280, 720 } },
        { { 1280, 720 }, 0, 1, 0, { 1280, 720 } },
        { { 1280, 720 }, 0, 1, 640, { 640, 360 } },
        { { 1280, 720 }, 1, 0, 640, { 640, 360 } },
        { { 1280, 720 }, 1, 1, 1920, { 1920, 1080 } },
        { { 768, 576 }, 1, 1, 320, { 320, 240 } },
        { { 1281, 721 }, 1, 1, 640, { 640, 360 } },
        /* anamorphic: 704x576 shown 16:9, and 4:3 */
        { { 704, 576 }, 16, 11, 640, { 640, 360 } },
        { { 704, 576 }, 12, 11, 640, { 640, 480 } },
        { { 704, 576 }, 12, 11, 0, { 704, 576 } },
        /* heights are even, and never nothing */
        { { 640, 357 }, 1, 1, 320, { 320, 178 } },
        { { 640, 358 }, 1, 1, 320, { 320, 180 } },
        { { 7680, 16 }, 1, 1, 16, { 16, 2 } },
        { { 65535, 1 }, UINT32_MAX, 1, 16, { 16, 2 } },
        /* shapes that would be too much */
        { { 1, 65535 }, 1, 1, 16, { 16, 65500 } },
        { { 1, 65535 }, 1, 1, 7680, { 7680, 4320 } },
        { { 640, 480 }, 1, UINT32_MAX, 1920, { 1920, 17280 } },
        { { 640, 480 }, 1, UINT32_MAX, 7679, { 7679, 4320 } },
        { { 7678, 4321 }, 1, 1, 7678, { 7678, 4320 } },
    };

    (void) state;

    for (i = 0; i < UNIT_COUNT(cases); i++) {
        vsw_size_t got =
            vsw_picture_size(cases[i].source, cases[i].num, cases[i].den,
                             cases[i].width, 7680 * 4320);

        assert_int_equal(got.width, cases[i].want.width);
        assert_int_equal(got.height, cases[i].want.height);
    }
}


/* Full-range BT.601 of one sample, by the definition. */
static void
reference(vsw_color_weights_t w, bool is_full_range, const uint8_t in[3],
          double out[3])
{
    double y = is_full_range ? in[0] / 255.0 : (in[0] - 16) / 219.0;
    double b = (in[1] - 128) / (is_full_range ? 255.0 : 224.0);
    double r = (in[2] - 128) / (is_full_range ? 255.0 : 224.0);
    double red = y + 2 * (1 - w.red) * r;
    double blue = y + 2 * (1 - w.blue) * b;
    double green = (y - w.red * red - w.blue * blue) / (1 - w.red - w.blue);

    y = 0.299 * red + 0.587 * green + 0.114 * blue;
    out[0] = 255 * y;
    out[1] = 128 + 255 * (blue - y) / 1.772;
    out[2] = 128 + 255 * (red - y) / 1.402;

    for (int i = 0; i < 3; i++) {
        out[i] = out[i] < 0 ? 0 : out[i] > 255 ? 255 : out[i];
    }
}


static void
check_color(vsw_color_weights_t weights, bool is_full_range)
{
    double       want[3];
    uint8_t      in[3], out[3];
    vsw_color_t  color;
    vsw_planes_t from = { { in, in + 1, in + 2 }, { 1, 1, 1 } };
    vsw_planes_t to = { { out, out + 1, out + 2 }, { 1, 1, 1 } };

    vsw_color_init(&color, weights, is_full_range);

    for (int y = 0; y < 256; y += 5) {
        for (int b = 0; b < 256; b += 15) {
            for (int r = 0; r < 256; r += 15) {
                in[0] = (uint8_t) y;
                in[1] = (uint8_t) b;
                in[2] = (uint8_t) r;
                vsw_color_convert(&color, &to, &from, 1, 1);
                reference(weights, is_full_range, in, want);

                for (int i = 0; i < 3; i++) {
                    if (fabs(out[i] - want[i]) > 1.0) {
                        fail_msg("%d %d %d: plane %d is %d, not %.2f", y, b, r,
                                 i, out[i], want[i]);
                    }
                }
            }
        }
    }
}


static void
test_colors(void **state)
{
    (void) state;

    check_color(vsw_color_bt601, false);
    check_color(vsw_color_bt709, false);
    check_color(vsw_color_bt709, true);
    check_color(vsw_color_bt2020, false);
}


static void
test_identity(void **state)
{
    vsw_color_t color;

    (void) state;

    vsw_color_init(&color, vsw_color_bt601, true);
    assert_true(color.is_identity);
    vsw_color_init(&color, vsw_color_bt601, false);
    assert_false(color.is_identity);
    vsw_color_init(&color, vsw_color_bt709, true);
    assert_false(color.is_identity);
}


/* Every sample of a picture of this size is reached, and none beyond. */
static void
check_extent(int width, int height)
{
    int             w2 = (width + 1) / 2, h2 = (height + 1) / 2;
    size_t          luma = (size_t) width * (size_t) height;
    size_t          chroma = (size_t) w2 * (size_t) h2;
    vstream_slice_t copy;
    uint8_t        *p, *bytes = malloc(luma + 2 * chroma);
    vsw_color_t     color;
    vsw_planes_t    planes;

    memset(bytes, 16, luma);
    memset(bytes + luma, 128, 2 * chroma);
    copy = unit_copy(bytes, luma + 2 * chroma);
    p = (uint8_t *) (uintptr_t) copy.data;

    planes = (vsw_planes_t) { { p, p + luma, p + luma + chroma },
                              { width, w2, w2 } };
    vsw_color_init(&color, vsw_color_bt709, false);
    vsw_color_convert(&color, &planes, &planes, width, height);

    for (size_t i = 0; i < luma; i++) {
        assert_int_equal(p[i], 0);
    }

    unit_free(copy);
    free(bytes);
}


static void
test_extents(void **state)
{
    (void) state;

    check_extent(1, 1);
    check_extent(2, 1);
    check_extent(3, 5);
    check_extent(1023, 3);
    check_extent(1024, 2);
    check_extent(1025, 2);
    check_extent(1026, 3);
}


int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_colors),
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_extents),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
