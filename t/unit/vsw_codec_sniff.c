/*
 * H.264 or H.265, by what cannot stand in the other.
 */

#include "unit.h"

#include "vsw_codec_sniff.h"

#define H264_SET "\0\0\0\1\x67\x64\0\x1f\xac\xd9"
#define H265_SET "\0\0\0\1\x40\1\x0c\1\xff\xff"
#define H264_IDR "\0\0\1\x65\x88\x84\0\x10\xff\xff"
#define H265_IDR "\0\0\1\x26\1\xaf\x1d\xff\xff\xff"


static enum AVCodecID
sniff(const void *data, size_t size)
{
    enum AVCodecID  codec;
    vstream_slice_t copy = unit_copy(data, size);

    codec = vsw_codec_sniff((const uint8_t *) copy.data, size);
    unit_free(copy);

    return codec;
}


#define sniff_literal(literal) sniff(literal, sizeof(literal) - 1)


static void
test_sets(void **state)
{
    (void) state;

    assert_int_equal(sniff_literal(H264_SET), AV_CODEC_ID_H264);
    assert_int_equal(sniff_literal(H265_SET), AV_CODEC_ID_HEVC);
    assert_int_equal(sniff_literal("\0\0\1\x09\xf0" H264_SET H264_IDR),
                     AV_CODEC_ID_H264);
    assert_int_equal(sniff_literal("\0\0\1\x46\1\x50" H265_SET H265_IDR),
                     AV_CODEC_ID_HEVC);
}


static void
test_neither(void **state)
{
    (void) state;

    assert_int_equal(sniff_literal(""), AV_CODEC_ID_NONE);
    assert_int_equal(sniff_literal(H264_IDR), AV_CODEC_ID_NONE);
    assert_int_equal(sniff_literal(H265_IDR), AV_CODEC_ID_NONE);

    /* an unknown profile, a level that there is not, a reserved bit */
    assert_int_equal(sniff_literal("\0\0\1\x67\x65\0\x1f\0\0"),
                     AV_CODEC_ID_NONE);
    assert_int_equal(sniff_literal("\0\0\1\x67\x64\0\x08\0\0"),
                     AV_CODEC_ID_NONE);
    assert_int_equal(sniff_literal("\0\0\1\x67\x64\0\x3f\0\0"),
                     AV_CODEC_ID_NONE);
    assert_int_equal(sniff_literal("\0\0\1\x67\x64\1\x1f\0\0"),
                     AV_CODEC_ID_NONE);
    assert_int_equal(sniff_literal("\0\0\1\x40\1\x0c\1\xff\xfe"),
                     AV_CODEC_ID_NONE);
}


/* Whatever is missing at its end, nothing behind it is looked at. */
static void
test_cut_off(void **state)
{
    static const char h264[] = H264_SET, h265[] = H265_SET;

    (void) state;

    for (size_t n = 0; n < sizeof(h264) - 1; n++) {
        assert_int_equal(sniff(h264, n), AV_CODEC_ID_NONE);
        assert_int_equal(sniff(h265, n), AV_CODEC_ID_NONE);
    }
}


int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sets),
        cmocka_unit_test(test_neither),
        cmocka_unit_test(test_cut_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
