/*
 * The JPEG scan, on pictures put together from segments here: each test shows
 * the one byte that matters to it.  Real pictures are in t/fuzz/corpus/jpeg.
 */

#include "unit.h"

#include "vstream_jpeg.h"

#define PIXELS_MAX (7680u * 4320)

#define SOI  "\xff\xd8"
#define EOI  "\xff\xd9"
#define APP0 "\xff\xe0\x00\x07JFIF\x00"
#define COM  "\xff\xfe\x00\x05\x61\x62\x63"
#define DQT  "\xff\xdb\x00\x05\x00\x01\x02"
#define DHT  "\xff\xc4\x00\x04\x00\x01"
#define DRI  "\xff\xdd\x00\x04\x00\x08"

/* 8 bits, 720 lines of 1280, three components 1, 2, 3. */
#define SOF_BODY                                                               \
    "\x00\x11\x08\x02\xd0\x05\x00\x03"                                         \
    "\x01\x22\x00\x02\x11\x01\x03\x11\x01"
#define SOF0 "\xff\xc0" SOF_BODY
#define SOF2 "\xff\xc2" SOF_BODY

/* 16 x 16, one component. */
#define SOF_GREY "\xff\xc0\x00\x0b\x08\x00\x10\x00\x10\x01\x01\x11\x00"

#define SOS   "\xff\xda\x00\x0c\x03\x01\x00\x02\x11\x03\x11\x00\x3f\x00"
#define SOS_1 "\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"
#define SOS_2 "\xff\xda\x00\x08\x01\x02\x00\x00\x3f\x00"
#define DATA  "\x12\x34\xff\x00\x56"

#define CASE(bytes) bytes, sizeof(bytes) - 1


typedef struct {
    const char           *name;
    const char           *data;
    size_t                length;
    vstream_jpeg_result_t result;
} jpeg_case_t;


#define PICTURE                                                                \
    SOI APP0 COM DQT DHT SOF0 DRI SOS DATA "\xff\xd0" DATA "\xff\xd7" DATA EOI

static const char picture[] = PICTURE;

static const jpeg_case_t cases[] = {
    { "whole", CASE(SOI APP0 DQT DHT SOF0 SOS DATA EOI), VSTREAM_JPEG_OK },
    { "Motion-JPEG without tables", CASE(SOI SOF0 SOS DATA EOI),
      VSTREAM_JPEG_OK },
    { "progressive", CASE(SOI SOF2 SOS DATA DHT SOS_1 DATA SOS_2 DATA EOI),
      VSTREAM_JPEG_OK },
    { "extended", CASE(SOI "\xff\xc1" SOF_BODY SOS DATA EOI), VSTREAM_JPEG_OK },
    { "grey", CASE(SOI SOF_GREY SOS_1 DATA EOI), VSTREAM_JPEG_OK },
    { "fill bytes", CASE(SOI "\xff\xff" SOF0 "\xff" SOS DATA "\xff\xff" EOI),
      VSTREAM_JPEG_OK },
    { "fill byte before a restart",
      CASE(SOI SOF0 SOS DATA "\xff\xff\xd0" DATA EOI), VSTREAM_JPEG_OK },

    { "nothing", CASE(""), VSTREAM_JPEG_TRUNCATED },
    { "SOI alone", CASE(SOI), VSTREAM_JPEG_TRUNCATED },
    { "no EOI", CASE(SOI SOF0 SOS DATA), VSTREAM_JPEG_TRUNCATED },
    { "length behind the end", CASE(SOI "\xff\xfe\x00\x06\x61\x62\x63"),
      VSTREAM_JPEG_TRUNCATED },

    { "text", CASE("GET / HTTP/1.1\r\n"), VSTREAM_JPEG_MALFORMED },
    { "PNG", CASE("\x89PNG\r\n\x1a\n"), VSTREAM_JPEG_MALFORMED },
    { "a zero first", CASE("\x00" SOI SOF0 SOS DATA EOI),
      VSTREAM_JPEG_MALFORMED },
    { "SOF first", CASE(SOF0 SOS DATA EOI), VSTREAM_JPEG_MALFORMED },
    { "SOI twice", CASE(SOI SOI SOF0 SOS DATA EOI), VSTREAM_JPEG_MALFORMED },
    { "SOI in the data", CASE(SOI SOF0 SOS DATA SOI EOI),
      VSTREAM_JPEG_MALFORMED },
    { "no scan", CASE(SOI SOF0 EOI), VSTREAM_JPEG_MALFORMED },
    { "EOI at once", CASE(SOI EOI), VSTREAM_JPEG_MALFORMED },
    { "a scan without data", CASE(SOI SOF0 SOS EOI), VSTREAM_JPEG_MALFORMED },
    { "a scan before SOF", CASE(SOI SOS DATA SOF0 EOI),
      VSTREAM_JPEG_MALFORMED },
    { "SOF twice", CASE(SOI SOF0 SOF0 SOS DATA EOI), VSTREAM_JPEG_MALFORMED },
    { "bytes between segments", CASE(SOI "x" SOF0 SOS DATA EOI),
      VSTREAM_JPEG_MALFORMED },
    { "RST outside a scan", CASE(SOI "\xff\xd0" SOF0 SOS DATA EOI),
      VSTREAM_JPEG_MALFORMED },
    { "marker 00", CASE(SOI "\xff\x00" SOF0 SOS DATA EOI),
      VSTREAM_JPEG_MALFORMED },
    { "TEM", CASE(SOI "\xff\x01" SOF0 SOS DATA EOI), VSTREAM_JPEG_MALFORMED },
    { "reserved marker", CASE(SOI "\xff\xf0\x00\x02" SOF0 SOS DATA EOI),
      VSTREAM_JPEG_MALFORMED },
    { "segment length 0", CASE(SOI "\xff\xfe\x00\x00" SOF0 SOS DATA EOI),
      VSTREAM_JPEG_MALFORMED },
    { "segment length 1", CASE(SOI "\xff\xfe\x00\x01" SOF0 SOS DATA EOI),
      VSTREAM_JPEG_MALFORMED },
    { "segment length 2", CASE(SOI "\xff\xfe\x00\x02" SOF0 SOS DATA EOI),
      VSTREAM_JPEG_OK },
    { "SOF too short",
      CASE(SOI "\xff\xc0\x00\x07\x08\x00\x10\x00\x10" SOS DATA EOI),
      VSTREAM_JPEG_MALFORMED },
    { "SOF with a byte too many",
      CASE(SOI
           "\xff\xc0\x00\x0c\x08\x00\x10\x00\x10\x01\x01\x11\x00\x00" SOS_1 DATA
               EOI),
      VSTREAM_JPEG_MALFORMED },
    { "no components",
      CASE(SOI "\xff\xc0\x00\x08\x08\x00\x10\x00\x10\x00" SOS_1 DATA EOI),
      VSTREAM_JPEG_MALFORMED },
    { "five components",
      CASE(SOI
           "\xff\xc0\x00\x17\x08\x00\x10\x00\x10\x05"
           "\x01\x11\x00\x02\x11\x00\x03\x11\x00\x04\x11\x00\x05\x11\x00" SOS_1
               DATA EOI),
      VSTREAM_JPEG_MALFORMED },
    { "four components",
      CASE(SOI
           "\xff\xc0\x00\x14\x08\x00\x10\x00\x10\x04"
           "\x01\x11\x00\x02\x11\x00\x03\x11\x00\x04\x11\x00" SOS_1 DATA EOI),
      VSTREAM_JPEG_OK },
    { "width 0",
      CASE(SOI "\xff\xc0\x00\x0b\x08\x00\x10\x00\x00\x01\x01\x11\x00" SOS_1 DATA
               EOI),
      VSTREAM_JPEG_MALFORMED },
    { "height 0",
      CASE(SOI "\xff\xc0\x00\x0b\x08\x00\x00\x00\x10\x01\x01\x11\x00" SOS_1 DATA
               EOI),
      VSTREAM_JPEG_MALFORMED },
    { "SOS empty", CASE(SOI SOF0 "\xff\xda\x00\x02" DATA EOI),
      VSTREAM_JPEG_MALFORMED },
    { "SOS of no component",
      CASE(SOI SOF0 "\xff\xda\x00\x06\x00\x00\x3f\x00" DATA EOI),
      VSTREAM_JPEG_MALFORMED },
    { "SOS with a wrong length",
      CASE(SOI                                                 SOF_GREY
           "\xff\xda\x00\x09\x01\x01\x00\x00\x3f\x00\x00" DATA EOI),
      VSTREAM_JPEG_MALFORMED },
    { "SOS of more components than there are", CASE(SOI SOF_GREY SOS DATA EOI),
      VSTREAM_JPEG_MALFORMED },
    { "SOS of an unknown component", CASE(SOI SOF_GREY SOS_2 DATA EOI),
      VSTREAM_JPEG_MALFORMED },

    { "lossless", CASE(SOI "\xff\xc3" SOF_BODY SOS DATA EOI),
      VSTREAM_JPEG_UNSUPPORTED },
    { "hierarchical", CASE(SOI "\xff\xc5" SOF_BODY SOS DATA EOI),
      VSTREAM_JPEG_UNSUPPORTED },
    { "DHP", CASE(SOI "\xff\xde" SOF_BODY SOF0 SOS DATA EOI),
      VSTREAM_JPEG_UNSUPPORTED },
    { "arithmetic", CASE(SOI "\xff\xc9" SOF_BODY SOS DATA EOI),
      VSTREAM_JPEG_UNSUPPORTED },
    { "DAC", CASE(SOI "\xff\xcc\x00\x04\x00\x00" SOF0 SOS DATA EOI),
      VSTREAM_JPEG_UNSUPPORTED },
    { "DNL", CASE(SOI SOF0 SOS DATA "\xff\xdc\x00\x04\x00\x10" EOI),
      VSTREAM_JPEG_UNSUPPORTED },
    { "12 bits",
      CASE(SOI "\xff\xc1\x00\x0b\x0c\x00\x10\x00\x10\x01\x01\x11\x00" SOS_1 DATA
               EOI),
      VSTREAM_JPEG_UNSUPPORTED },

    { "65535 x 65535",
      CASE(SOI "\xff\xc0\x00\x0b\x08\xff\xff\xff\xff\x01\x01\x11\x00" SOS_1 DATA
               EOI),
      VSTREAM_JPEG_TOO_LARGE },
};


static vstream_jpeg_result_t
scan(const char *data, size_t length, vstream_jpeg_t *jpeg)
{
    vstream_slice_t       copy = unit_copy(data, length);
    vstream_jpeg_result_t result;

    result = vstream_jpeg_scan(copy, PIXELS_MAX, jpeg);
    unit_free(copy);

    return result;
}


static void
results(void **state)
{
    vstream_jpeg_t jpeg;
    size_t         i;

    (void) state;

    for (i = 0; i < UNIT_COUNT(cases); i++) {
        print_message("# %s\n", cases[i].name);
        assert_string_equal(vstream_jpeg_result_text(
                                scan(cases[i].data, cases[i].length, &jpeg)),
                            vstream_jpeg_result_text(cases[i].result));

        if (cases[i].result == VSTREAM_JPEG_OK) {
            assert_int_equal(jpeg.length, cases[i].length);
        }
    }
}


static void
content(void **state)
{
    vstream_jpeg_t jpeg;

    (void) state;

    assert_int_equal(scan(picture, sizeof(picture) - 1, &jpeg),
                     VSTREAM_JPEG_OK);
    assert_int_equal(jpeg.width, 1280);
    assert_int_equal(jpeg.height, 720);
    assert_int_equal(jpeg.components, 3);
    assert_int_equal(jpeg.scans, 1);
    assert_int_equal(jpeg.length, sizeof(picture) - 1);
}


static void
prefixes(void **state)
{
    vstream_jpeg_t jpeg;
    size_t         n;

    (void) state;

    for (n = 0; n < sizeof(picture) - 1; n++) {
        assert_int_equal(scan(picture, n, &jpeg), VSTREAM_JPEG_TRUNCATED);
    }
}


static void
padding(void **state)
{
    static const char *const tails[] = { "\x00\x00", "\xff", "\r\n--b", SOI };

    char           buffer[sizeof(picture) + 16];
    vstream_jpeg_t jpeg;
    size_t         i, n = sizeof(picture) - 1;

    (void) state;

    memcpy(buffer, picture, n);

    for (i = 0; i < UNIT_COUNT(tails); i++) {
        memcpy(buffer + n, tails[i], 2);
        assert_int_equal(scan(buffer, n + 2, &jpeg), VSTREAM_JPEG_OK);
        assert_int_equal(jpeg.length, n);
    }
}


static void
pixel_limit(void **state)
{
    vstream_jpeg_t jpeg;

    (void) state;

    assert_int_equal(
        vstream_jpeg_scan(VSTREAM_SLICE(picture), 1280 * 720, &jpeg),
        VSTREAM_JPEG_OK);
    assert_int_equal(
        vstream_jpeg_scan(VSTREAM_SLICE(picture), 1280 * 720 - 1, &jpeg),
        VSTREAM_JPEG_TOO_LARGE);
}


static void
scan_limit(void **state)
{
    static const char head[] = SOI SOF2;
    static const char scans[] = SOS_1 DATA;

    char           buffer[2048];
    vstream_jpeg_t jpeg;
    size_t         i, n, count;

    (void) state;

    for (count = VSTREAM_JPEG_SCANS_MAX; count <= VSTREAM_JPEG_SCANS_MAX + 1;
         count++)
    {
        n = sizeof(head) - 1;
        memcpy(buffer, head, n);

        for (i = 0; i < count; i++) {
            memcpy(buffer + n, scans, sizeof(scans) - 1);
            n += sizeof(scans) - 1;
        }

        memcpy(buffer + n, EOI, 2);
        n += 2;

        assert_int_equal(scan(buffer, n, &jpeg), count == VSTREAM_JPEG_SCANS_MAX
                                                     ? VSTREAM_JPEG_OK
                                                     : VSTREAM_JPEG_TOO_LARGE);
    }

    assert_int_equal(
        vstream_jpeg_scan((vstream_slice_t) { NULL, 0 }, PIXELS_MAX, &jpeg),
        VSTREAM_JPEG_TRUNCATED);
}


/* Counters are named by these. */
static void
words(void **state)
{
    int         i, k;
    const char *text;

    (void) state;

    for (i = VSTREAM_JPEG_OK; i <= VSTREAM_JPEG_TOO_LARGE + 1; i++) {
        text = vstream_jpeg_result_text((vstream_jpeg_result_t) i);
        assert_true(text[0] != '\0'
                    && strspn(text, "abcdefghijklmnopqrstuvwxyz_")
                           == strlen(text));

        for (k = VSTREAM_JPEG_OK; k < i; k++) {
            assert_string_not_equal(
                text, vstream_jpeg_result_text((vstream_jpeg_result_t) k));
        }
    }
}


/* A picture with any one byte changed is judged, whatever the judgement. */
static void
any_byte(void **state)
{
    char           buffer[sizeof(picture)];
    vstream_jpeg_t jpeg;
    size_t         i, n = sizeof(picture) - 1;
    int            byte;

    (void) state;

    for (i = 0; i < n; i++) {
        memcpy(buffer, picture, n);

        for (byte = 0; byte < 256; byte++) {
            buffer[i] = (char) byte;

            if (scan(buffer, n, &jpeg) == VSTREAM_JPEG_OK) {
                assert_in_range(jpeg.length, 4, n);
                assert_in_range(jpeg.components, 1, 4);
                assert_true(jpeg.width > 0 && jpeg.height > 0);
            }
        }
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results),     cmocka_unit_test(content),
        cmocka_unit_test(prefixes),    cmocka_unit_test(padding),
        cmocka_unit_test(pixel_limit), cmocka_unit_test(scan_limit),
        cmocka_unit_test(any_byte),    cmocka_unit_test(words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
