/*
 * test: the pattern that vsw_pattern.c draws.  A unit holds only the number of
 * its picture; whoever needs the picture draws it.
 * Options: size=WIDTHxHEIGHT (1280x720), fps=NUMBER (30).
 */

#include <stdlib.h>
#include <string.h>

#include <libavutil/intreadwrite.h>
#include <libavutil/time.h>

#include "vsw_source.h"

#define VSW_TEST_TAG      MKTAG('V', 'S', 'T', 'P')
#define VSW_TEST_FPS_MAX  120.0
#define VSW_TEST_FPS_MIN  0.01
#define VSW_TEST_SIZE_MIN 16
#define VSW_TEST_SIZE_MAX 7680


/* Where the pattern is. */
typedef struct {
    uint64_t n;
    int64_t  due_us;
} vsw_test_t;


bool
vsw_source_is_pattern(const AVCodecParameters *parameters)
{
    return parameters->codec_tag == VSW_TEST_TAG;
}


uint64_t
vsw_source_pattern_number(const AVPacket *packet)
{
    return AV_RN64(packet->data);
}


/* A whole number up to `end`, even and in range; -1: it is none. */
static int
vsw_test_side_read(const char *text, const char *end)
{
    char *stop;
    long  value;

    if (*text < '1' || *text > '9') {
        return -1;
    }

    value = strtol(text, &stop, 10);

    if (stop != end || value < VSW_TEST_SIZE_MIN || value > VSW_TEST_SIZE_MAX
        || value % 2 != 0)
    {
        return -1;
    }

    return (int) value;
}


static int
vsw_test_size_read(AVCodecParameters *parameters, const char *value,
                   const char *end)
{
    const char *x = memchr(value, 'x', (size_t) (end - value));

    if (x == NULL) {
        return VSTREAM_ERROR;
    }

    parameters->width = vsw_test_side_read(value, x);
    parameters->height = vsw_test_side_read(x + 1, end);

    return parameters->width > 0 && parameters->height > 0 ? VSTREAM_OK
                                                           : VSTREAM_ERROR;
}


static int
vsw_test_fps_read(int64_t *interval_us, const char *value, const char *end)
{
    char  *stop;
    double fps = strtod(value, &stop);

    if (stop != end || !(fps >= VSW_TEST_FPS_MIN && fps <= VSW_TEST_FPS_MAX)) {
        return VSTREAM_ERROR;
    }

    *interval_us = (int64_t) (1000000 / fps);

    return VSTREAM_OK;
}


static int
vsw_test_option_read(vsw_source_t *source, const char *option, const char *end)
{
    if (strncmp(option, "size=", 5) == 0) {
        return vsw_test_size_read(source->parameters, option + 5, end);
    }

    if (strncmp(option, "fps=", 4) == 0) {
        return vsw_test_fps_read(&source->interval_us, option + 4, end);
    }

    return VSTREAM_ERROR;
}


static int
vsw_test_options_read(vsw_source_t *source, const char *options)
{
    const char *end;

    if (*options == '\0') {
        return VSTREAM_OK;
    }

    if (*options != '?') {
        return VSTREAM_ERROR;
    }

    do {
        options++;
        end = options + strcspn(options, "&");

        if (vsw_test_option_read(source, options, end) != VSTREAM_OK) {
            return VSTREAM_ERROR;
        }

        options = end;
    } while (*options == '&');

    return VSTREAM_OK;
}


int
vsw_source_test_open(vsw_source_t *source, vsw_failure_t *failure)
{
    vsw_test_t        *test;
    AVCodecParameters *p = source->parameters;

    test = source->state = calloc(1, sizeof(*test));
    if (test == NULL) {
        vsw_failure_set_av(failure, AVERROR(ENOMEM), "the test pattern");
        return VSTREAM_ERROR;
    }

    p->codec_type = AVMEDIA_TYPE_VIDEO;
    p->codec_id = AV_CODEC_ID_RAWVIDEO;
    p->codec_tag = VSW_TEST_TAG;
    p->width = 1280;
    p->height = 720;
    source->interval_us = 1000000 / 30;

    if (vsw_test_options_read(source, source->config->url + strlen("test:"))
        != VSTREAM_OK)
    {
        vsw_failure_set(failure, VSTREAM_REASON_BAD_SOURCE,
                        "test: takes ?size=WIDTHxHEIGHT, two even numbers "
                        "from 16 to 7680, and &fps=, from 0.01 to 120");
        return VSTREAM_ERROR;
    }

    test->due_us = av_gettime_relative();

    return VSTREAM_OK;
}


int
vsw_source_test_read(vsw_source_t *source, AVPacket *packet,
                     vsw_failure_t *failure)
{
    vsw_test_t *test = source->state;

    if (vsw_source_sleep_until(source, test->due_us) != VSTREAM_OK
        || av_new_packet(packet, 8) < 0)
    {
        vsw_failure_set_av(failure, AVERROR(ENOMEM), "the test pattern");
        return VSTREAM_ERROR;
    }

    AV_WN64(packet->data, test->n);
    test->n++;
    test->due_us += source->interval_us;

    if (test->due_us < av_gettime_relative()) {
        test->due_us = av_gettime_relative(); /* it was held up: no rush */
    }

    return VSTREAM_OK;
}


void
vsw_source_test_close(vsw_source_t *source)
{
    free(source->state);
}
