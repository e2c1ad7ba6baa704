/*
 * Sources: what may be used, what is refused, and with which reason.
 */

#include "unit.h"

#include <stdio.h>

#include "vstream_kafka.h"
#include "vstream_source_option.h"


typedef struct {
    const char           *text;
    vstream_source_kind_t kind;
    const char           *scheme;
    const char           *user_info;
    const char           *host;
    unsigned              port;
    const char           *path;
    const char           *credential;
} source_good_t;

typedef struct {
    const char *text;
    const char *query;
    const char *camera;
    unsigned    is_listening;
} source_query_t;

typedef struct {
    const char             *text;
    vstream_source_result_t result;
} source_bad_t;


static const source_good_t good[] = {
    { "rtsp://10.0.0.7:554/Streaming/Channels/101", VSTREAM_SOURCE_RTSP, "rtsp",
      "", "10.0.0.7", 554, "/Streaming/Channels/101", "" },
    { "rtsp://cam", VSTREAM_SOURCE_RTSP, "rtsp", "", "cam", 0, "", "" },
    { "rtsp://cam/", VSTREAM_SOURCE_RTSP, "rtsp", "", "cam", 0, "/", "" },
    { "rtsp://cam?a=b@c:d", VSTREAM_SOURCE_RTSP, "rtsp", "", "cam", 0,
      "?a=b@c:d", "" },
    { "rtsp://cam/a@b:c/d#e", VSTREAM_SOURCE_RTSP, "rtsp", "", "cam", 0,
      "/a@b:c/d#e", "" },
    { "rtsp://${YARD}@cam/1", VSTREAM_SOURCE_RTSP, "rtsp", "${YARD}", "cam", 0,
      "/1", "YARD" },
    { "rtsp://admin:${YARD_2}@cam:8554/1", VSTREAM_SOURCE_RTSP, "rtsp",
      "admin:${YARD_2}", "cam", 8554, "/1", "YARD_2" },
    { "rtsp://:${A}@cam", VSTREAM_SOURCE_RTSP, "rtsp", ":${A}", "cam", 0, "",
      "A" },
    { "rtsp://admin@cam/1", VSTREAM_SOURCE_RTSP, "rtsp", "admin", "cam", 0,
      "/1", "" },
    { "rtsp://admin:@cam/1", VSTREAM_SOURCE_RTSP, "rtsp", "admin:", "cam", 0,
      "/1", "" },
    { "rtsp://a@b@cam/1", VSTREAM_SOURCE_RTSP, "rtsp", "a@b", "cam", 0, "/1",
      "" },
    { "rtsp://[::1]:8554/x", VSTREAM_SOURCE_RTSP, "rtsp", "", "::1", 8554, "/x",
      "" },
    { "rtsp://[fe80::1%25eth0]", VSTREAM_SOURCE_RTSP, "rtsp", "",
      "fe80::1%25eth0", 0, "", "" },
    { "rtsp://${A}@[::ffff:10.0.0.1]/", VSTREAM_SOURCE_RTSP, "rtsp", "${A}",
      "::ffff:10.0.0.1", 0, "/", "A" },
    { "http://cam-1.example:80/x.mjpg?a=$b", VSTREAM_SOURCE_HTTP, "http", "",
      "cam-1.example", 80, "/x.mjpg?a=$b", "" },
    { "https://cam_1/", VSTREAM_SOURCE_HTTP, "https", "", "cam_1", 0, "/", "" },
    { "http://c:1", VSTREAM_SOURCE_HTTP, "http", "", "c", 1, "", "" },
    { "http://c:65535", VSTREAM_SOURCE_HTTP, "http", "", "c", 65535, "", "" },
    { "file:/var/lib/loop.mp4", VSTREAM_SOURCE_FILE, "file", "", "", 0,
      "/var/lib/loop.mp4", "" },
    { "file:///var/lib/loop.mp4", VSTREAM_SOURCE_FILE, "file", "", "", 0,
      "/var/lib/loop.mp4", "" },
    { "file:/a/..b/c../...", VSTREAM_SOURCE_FILE, "file", "", "", 0,
      "/a/..b/c../...", "" },
    { "file:/a?b@c:d", VSTREAM_SOURCE_FILE, "file", "", "", 0, "/a?b@c:d", "" },
    { "test:", VSTREAM_SOURCE_TEST, "test", "", "", 0, "", "" },
    { "test:clock", VSTREAM_SOURCE_TEST, "test", "", "", 0, "clock", "" },
    { "rtsps://${A}@cam/1", VSTREAM_SOURCE_RTSP, "rtsps", "${A}", "cam", 0,
      "/1", "A" },
    { "rtmp://j:${A}@cam:1935/live/1?k=v", VSTREAM_SOURCE_RTMP, "rtmp",
      "j:${A}", "cam", 1935, "/live/1?k=v", "A" },
    { "rtmps://cam/live/1", VSTREAM_SOURCE_RTMP, "rtmps", "", "cam", 0,
      "/live/1", "" },
    { "srt://cam:9000", VSTREAM_SOURCE_SRT, "srt", "", "cam", 9000, "", "" },
    { "srt://cam:9000/", VSTREAM_SOURCE_SRT, "srt", "", "cam", 9000, "", "" },
    { "srt://cam:9000?mode=caller&latency=0&pbkeylen=32", VSTREAM_SOURCE_SRT,
      "srt", "", "cam", 9000, "", "" },
    { "srt://0.0.0.0:9000?mode=listener&passphrase=${YARD}", VSTREAM_SOURCE_SRT,
      "srt", "", "0.0.0.0", 9000, "", "YARD" },
    { "srt://[::]:9000/?passphrase=${A}&mode=listener", VSTREAM_SOURCE_SRT,
      "srt", "", "::", 9000, "", "A" },
    { "srt://cam:1?streamid=#!::r=a/b,m=request%26x", VSTREAM_SOURCE_SRT, "srt",
      "", "cam", 1, "", "" },
    { "srt://cam:1?latency=10000&pbkeylen=16", VSTREAM_SOURCE_SRT, "srt", "",
      "cam", 1, "", "" },
    { "srt://cam:1?pbkeylen=24", VSTREAM_SOURCE_SRT, "srt", "", "cam", 1, "",
      "" },
    { "srt://cam:1?", VSTREAM_SOURCE_SRT, "srt", "", "cam", 1, "", "" },
    { "udp://0.0.0.0:5000", VSTREAM_SOURCE_UDP, "udp", "", "0.0.0.0", 5000, "",
      "" },
    { "udp://@239.1.2.3:5000?interface=192.0.2.1", VSTREAM_SOURCE_UDP, "udp",
      "", "239.1.2.3", 5000, "", "" },
    { "udp://[ff02::1]:5000?interface=fe80::1", VSTREAM_SOURCE_UDP, "udp", "",
      "ff02::1", 5000, "", "" },
    { "v4l2:/dev/video0", VSTREAM_SOURCE_V4L2, "v4l2", "", "", 0, "/dev/video0",
      "" },
    { "v4l2:/dev/v4l/by-id/usb-0:1-index0?size=1280x720&fps=7.5&format=mjpeg",
      VSTREAM_SOURCE_V4L2, "v4l2", "", "", 0, "/dev/v4l/by-id/usb-0:1-index0",
      "" },
    { "v4l2:/dev/video0?size=16x7680&fps=0.1&format=yuyv422_0123456z",
      VSTREAM_SOURCE_V4L2, "v4l2", "", "", 0, "/dev/video0", "" },
    { "v4l2:/dev/video0?fps=240", VSTREAM_SOURCE_V4L2, "v4l2", "", "", 0,
      "/dev/video0", "" },
    { "kafka:cameras.v1-a_B", VSTREAM_SOURCE_KAFKA, "kafka", "", "", 0,
      "cameras.v1-a_B", "" },
    { "kafka:c?camera=gate-2", VSTREAM_SOURCE_KAFKA, "kafka", "", "", 0, "c",
      "" },
};

static const source_query_t queries[] = {
    { "srt://cam:9000", "", "", 0 },
    { "srt://cam:9000/", "", "", 0 },
    { "srt://cam:9000?mode=caller&latency=0&pbkeylen=32",
      "mode=caller&latency=0&pbkeylen=32", "", 0 },
    { "srt://0.0.0.0:9000?mode=listener&passphrase=${YARD}",
      "mode=listener&passphrase=${YARD}", "", 1 },
    { "srt://[::]:9000/?passphrase=${A}&mode=listener",
      "passphrase=${A}&mode=listener", "", 1 },
    { "srt://cam:1?streamid=#!::r=a/b,m=request%26x",
      "streamid=#!::r=a/b,m=request%26x", "", 0 },
    { "srt://cam:1?latency=10000&pbkeylen=16", "latency=10000&pbkeylen=16", "",
      0 },
    { "srt://cam:1?pbkeylen=24", "pbkeylen=24", "", 0 },
    { "srt://cam:1?", "", "", 0 },
    { "udp://0.0.0.0:5000", "", "", 1 },
    { "udp://@239.1.2.3:5000?interface=192.0.2.1", "interface=192.0.2.1", "",
      1 },
    { "udp://[ff02::1]:5000?interface=fe80::1", "interface=fe80::1", "", 1 },
    { "v4l2:/dev/v4l/by-id/usb-0:1-index0?size=1280x720&fps=7.5&format=mjpeg",
      "size=1280x720&fps=7.5&format=mjpeg", "", 0 },
    { "v4l2:/dev/video0?size=16x7680&fps=0.1&format=yuyv422_0123456z",
      "size=16x7680&fps=0.1&format=yuyv422_0123456z", "", 0 },
    { "v4l2:/dev/video0?fps=240", "fps=240", "", 0 },
    { "kafka:c?camera=gate-2", "camera=gate-2", "gate-2", 0 },
};

static const source_bad_t bad[] = {
    { "", VSTREAM_SOURCE_EMPTY },
    { " rtsp://cam/", VSTREAM_SOURCE_BAD_CHARACTER },
    { "rtsp://cam/a b", VSTREAM_SOURCE_BAD_CHARACTER },
    { "rtsp://cam/a\r\nb", VSTREAM_SOURCE_BAD_CHARACTER },
    { "rtsp://cam/\x1b", VSTREAM_SOURCE_BAD_CHARACTER },
    { "rtsp://cam/\x7f", VSTREAM_SOURCE_BAD_CHARACTER },
    { "rtsp://cam/\xc3\xa9", VSTREAM_SOURCE_BAD_CHARACTER },
    { "cam", VSTREAM_SOURCE_BAD_SCHEME },
    { "rtsp:/cam", VSTREAM_SOURCE_BAD_SCHEME },
    { "rtspss://cam/", VSTREAM_SOURCE_BAD_SCHEME },
    { "rtmpt://cam/", VSTREAM_SOURCE_BAD_SCHEME },
    { "rtp://239.0.0.1:5000", VSTREAM_SOURCE_BAD_SCHEME },
    { "tcp://cam:5000", VSTREAM_SOURCE_BAD_SCHEME },
    { "hls+http://cam/x.m3u8", VSTREAM_SOURCE_BAD_SCHEME },
    { "v4l2://dev/video0", VSTREAM_SOURCE_BAD_DEVICE },
    { "RTSP://cam/", VSTREAM_SOURCE_BAD_SCHEME },
    { "exec:/bin/sh", VSTREAM_SOURCE_BAD_SCHEME },
    { "concat:/a|/b", VSTREAM_SOURCE_BAD_SCHEME },
    { "subfile,,start,0,end,9,,:/etc/passwd", VSTREAM_SOURCE_BAD_SCHEME },
    { "data:image/jpeg;base64,", VSTREAM_SOURCE_BAD_SCHEME },
    { "/etc/passwd", VSTREAM_SOURCE_BAD_SCHEME },
    { "tests:", VSTREAM_SOURCE_BAD_SCHEME },
    { "rtsp://", VSTREAM_SOURCE_NO_HOST },
    { "rtsp:///x", VSTREAM_SOURCE_NO_HOST },
    { "rtsp://:554/x", VSTREAM_SOURCE_NO_HOST },
    { "rtsp://${A}@/x", VSTREAM_SOURCE_NO_HOST },
    { "rtsp://ca%6d/", VSTREAM_SOURCE_NO_HOST },
    { "rtsp://ca$m/", VSTREAM_SOURCE_NO_HOST },
    { "rtsp://a,b/", VSTREAM_SOURCE_NO_HOST },
    { "rtsp://[::1/", VSTREAM_SOURCE_NO_HOST },
    { "rtsp://[]/", VSTREAM_SOURCE_NO_HOST },
    { "rtsp://[cam]/", VSTREAM_SOURCE_NO_HOST },
    { "rtsp://[::1|]/", VSTREAM_SOURCE_NO_HOST },
    { "rtsp://::1/", VSTREAM_SOURCE_NO_HOST },
    { "rtsp://cam:/", VSTREAM_SOURCE_BAD_PORT },
    { "rtsp://cam:0/", VSTREAM_SOURCE_BAD_PORT },
    { "rtsp://cam:65536/", VSTREAM_SOURCE_BAD_PORT },
    { "rtsp://cam:0554/", VSTREAM_SOURCE_BAD_PORT },
    { "rtsp://cam:rtsp/", VSTREAM_SOURCE_BAD_PORT },
    { "rtsp://cam:1:2/", VSTREAM_SOURCE_BAD_PORT },
    { "rtsp://[::1]554/", VSTREAM_SOURCE_BAD_PORT },
    { "file:", VSTREAM_SOURCE_BAD_PATH },
    { "file:/", VSTREAM_SOURCE_BAD_PATH },
    { "file:a", VSTREAM_SOURCE_BAD_PATH },
    { "file:./a", VSTREAM_SOURCE_BAD_PATH },
    { "file://host/a", VSTREAM_SOURCE_BAD_PATH },
    { "file:////a", VSTREAM_SOURCE_BAD_PATH },
    { "file:///", VSTREAM_SOURCE_BAD_PATH },
    { "file:/../a", VSTREAM_SOURCE_BAD_PATH },
    { "file:/a/../b", VSTREAM_SOURCE_BAD_PATH },
    { "file:/a/..", VSTREAM_SOURCE_BAD_PATH },
    { "file:///../a", VSTREAM_SOURCE_BAD_PATH },
    { "rtsp://admin:secret@cam/", VSTREAM_SOURCE_LITERAL_PASSWORD },
    { "rtsp://admin:$SECRET@cam/", VSTREAM_SOURCE_LITERAL_PASSWORD },
    { "rtsp://admin:{A}@cam/", VSTREAM_SOURCE_LITERAL_PASSWORD },
    { "rtsp://:secret@cam/", VSTREAM_SOURCE_LITERAL_PASSWORD },
    { "rtsp://admin:se:cret@cam/", VSTREAM_SOURCE_LITERAL_PASSWORD },
    { "rtsp://admin:se@cret@cam/", VSTREAM_SOURCE_LITERAL_PASSWORD },
    { "rtsp://admin:se/cret@cam/", VSTREAM_SOURCE_LITERAL_PASSWORD },
    { "rtsp://admin:se?cret@cam/", VSTREAM_SOURCE_LITERAL_PASSWORD },
    { "rtsp://${A}:secret@cam/", VSTREAM_SOURCE_LITERAL_PASSWORD },
    { "rtsp://admin:secret@", VSTREAM_SOURCE_LITERAL_PASSWORD },
    { "http://admin:secret@cam:x/${A}", VSTREAM_SOURCE_LITERAL_PASSWORD },
    { "rtsp://${}@cam/", VSTREAM_SOURCE_BAD_PLACEHOLDER },
    { "rtsp://${a}@cam/", VSTREAM_SOURCE_BAD_PLACEHOLDER },
    { "rtsp://${_A}@cam/", VSTREAM_SOURCE_BAD_PLACEHOLDER },
    { "rtsp://${1A}@cam/", VSTREAM_SOURCE_BAD_PLACEHOLDER },
    { "rtsp://${A-B}@cam/", VSTREAM_SOURCE_BAD_PLACEHOLDER },
    { "rtsp://${A@cam/", VSTREAM_SOURCE_BAD_PLACEHOLDER },
    { "rtsp://x${A}@cam/", VSTREAM_SOURCE_BAD_PLACEHOLDER },
    { "rtsp://${A}x@cam/", VSTREAM_SOURCE_BAD_PLACEHOLDER },
    { "rtsp://${A}${B}@cam/", VSTREAM_SOURCE_BAD_PLACEHOLDER },
    { "rtsp://${A}:@cam/", VSTREAM_SOURCE_BAD_PLACEHOLDER },
    { "rtsp://${A}:${B}@cam/", VSTREAM_SOURCE_BAD_PLACEHOLDER },
    { "rtsp://admin:x${A}@cam/", VSTREAM_SOURCE_BAD_PLACEHOLDER },
    { "rtsp://admin:${a}@cam/", VSTREAM_SOURCE_BAD_PLACEHOLDER },
    { "rtsp://admin:${A}:@cam/", VSTREAM_SOURCE_BAD_PLACEHOLDER },
    { "rtsp://${A}", VSTREAM_SOURCE_PLACED_CREDENTIAL },
    { "rtsp://${A}/", VSTREAM_SOURCE_PLACED_CREDENTIAL },
    { "rtsp://${A}.evil.example/", VSTREAM_SOURCE_PLACED_CREDENTIAL },
    { "rtsp://cam:${A}/", VSTREAM_SOURCE_PLACED_CREDENTIAL },
    { "rtsp://cam/${A}", VSTREAM_SOURCE_PLACED_CREDENTIAL },
    { "rtsp://cam/${A}@x", VSTREAM_SOURCE_PLACED_CREDENTIAL },
    { "rtsp://${A}@cam/${A}", VSTREAM_SOURCE_PLACED_CREDENTIAL },
    { "http://cam/?pw=${A}", VSTREAM_SOURCE_PLACED_CREDENTIAL },
    { "http://cam/${", VSTREAM_SOURCE_PLACED_CREDENTIAL },
    { "file:/${A}", VSTREAM_SOURCE_PLACED_CREDENTIAL },
    { "test:${A}", VSTREAM_SOURCE_PLACED_CREDENTIAL },
    { "rtmp://admin:secret@cam/live/1", VSTREAM_SOURCE_LITERAL_PASSWORD },
    { "rtsps://admin:secret@cam/1", VSTREAM_SOURCE_LITERAL_PASSWORD },
    { "rtmp://cam/live/${A}", VSTREAM_SOURCE_PLACED_CREDENTIAL },
    { "srt://cam", VSTREAM_SOURCE_BAD_PORT },
    { "srt://cam:0", VSTREAM_SOURCE_BAD_PORT },
    { "srt://:9000?mode=listener", VSTREAM_SOURCE_NO_HOST },
    { "srt://cam:9000?mode=listener", VSTREAM_SOURCE_NO_ADDRESS },
    { "srt://joe@cam:9000", VSTREAM_SOURCE_NEEDLESS_PART },
    { "srt://${A}@cam:9000", VSTREAM_SOURCE_NEEDLESS_PART },
    { "srt://joe:secret@cam:9000", VSTREAM_SOURCE_LITERAL_PASSWORD },
    { "srt://joe:se/cret@cam:9000", VSTREAM_SOURCE_LITERAL_PASSWORD },
    { "srt://cam:9000/live", VSTREAM_SOURCE_NEEDLESS_PART },
    { "srt://cam:9000#x", VSTREAM_SOURCE_NEEDLESS_PART },
    { "srt://cam:9000?passphrase=secret", VSTREAM_SOURCE_LITERAL_PASSWORD },
    { "srt://cam:x?passphrase=secret", VSTREAM_SOURCE_LITERAL_PASSWORD },
    { "srt://cam:9000?latency=1&passphrase=$A",
      VSTREAM_SOURCE_LITERAL_PASSWORD },
    { "srt://cam:9000?passphrase=", VSTREAM_SOURCE_BAD_OPTION },
    { "srt://cam:9000?passphrase", VSTREAM_SOURCE_BAD_OPTION },
    { "srt://cam:9000?passphrase=x${A}", VSTREAM_SOURCE_BAD_PLACEHOLDER },
    { "srt://cam:9000?passphrase=${A}&passphrase=${A}",
      VSTREAM_SOURCE_UNKNOWN_OPTION },
    { "srt://cam:9000?streamid=${A}", VSTREAM_SOURCE_PLACED_CREDENTIAL },
    { "srt://${A}:9000", VSTREAM_SOURCE_PLACED_CREDENTIAL },
    { "srt://cam:${A}", VSTREAM_SOURCE_PLACED_CREDENTIAL },
    { "srt://cam:9000?${A}", VSTREAM_SOURCE_UNKNOWN_OPTION },
    { "srt://cam:9000?mode=rendezvous", VSTREAM_SOURCE_BAD_OPTION },
    { "srt://cam:9000?mode=", VSTREAM_SOURCE_BAD_OPTION },
    { "srt://cam:9000?latency=10001", VSTREAM_SOURCE_BAD_OPTION },
    { "srt://cam:9000?latency=-1", VSTREAM_SOURCE_BAD_OPTION },
    { "srt://cam:9000?pbkeylen=8", VSTREAM_SOURCE_BAD_OPTION },
    { "srt://cam:9000?streamid=", VSTREAM_SOURCE_BAD_OPTION },
    { "srt://cam:9000?streamid=%", VSTREAM_SOURCE_BAD_OPTION },
    { "srt://cam:9000?streamid=%4", VSTREAM_SOURCE_BAD_OPTION },
    { "srt://cam:9000?streamid=%4g", VSTREAM_SOURCE_BAD_OPTION },
    { "srt://cam:9000?streamid=%00", VSTREAM_SOURCE_BAD_OPTION },
    { "srt://cam:9000?transtype=file", VSTREAM_SOURCE_UNKNOWN_OPTION },
    { "srt://cam:9000?MODE=caller", VSTREAM_SOURCE_UNKNOWN_OPTION },
    { "srt://cam:9000?&", VSTREAM_SOURCE_UNKNOWN_OPTION },
    { "srt://cam:9000?=", VSTREAM_SOURCE_UNKNOWN_OPTION },
    { "srt://cam:9000?camera=a", VSTREAM_SOURCE_UNKNOWN_OPTION },
    { "udp://239.0.0.1", VSTREAM_SOURCE_BAD_PORT },
    { "udp://:5000", VSTREAM_SOURCE_NO_HOST },
    { "udp://cam:5000", VSTREAM_SOURCE_NO_ADDRESS },
    { "udp://239.0.0.1:5000?fifo_size=1", VSTREAM_SOURCE_UNKNOWN_OPTION },
    { "udp://239.0.0.1:5000?interface=eth0", VSTREAM_SOURCE_BAD_OPTION },
    { "udp://239.0.0.1:5000?interface=", VSTREAM_SOURCE_BAD_OPTION },
    { "udp://239.0.0.1:5000?interface=${A}", VSTREAM_SOURCE_PLACED_CREDENTIAL },
    { "v4l2:", VSTREAM_SOURCE_BAD_DEVICE },
    { "v4l2:/dev/", VSTREAM_SOURCE_BAD_DEVICE },
    { "v4l2:/etc/passwd", VSTREAM_SOURCE_BAD_DEVICE },
    { "v4l2:/dev/../etc/passwd", VSTREAM_SOURCE_BAD_DEVICE },
    { "v4l2:video0", VSTREAM_SOURCE_BAD_DEVICE },
    { "v4l2:/dev/${A}", VSTREAM_SOURCE_PLACED_CREDENTIAL },
    { "v4l2:/dev/video0?size=1280", VSTREAM_SOURCE_BAD_OPTION },
    { "v4l2:/dev/video0?size=15x16", VSTREAM_SOURCE_BAD_OPTION },
    { "v4l2:/dev/video0?size=16x7681", VSTREAM_SOURCE_BAD_OPTION },
    { "v4l2:/dev/video0?size=16x16x", VSTREAM_SOURCE_BAD_OPTION },
    { "v4l2:/dev/video0?fps=0.09", VSTREAM_SOURCE_BAD_OPTION },
    { "v4l2:/dev/video0?fps=240.001", VSTREAM_SOURCE_BAD_OPTION },
    { "v4l2:/dev/video0?format=", VSTREAM_SOURCE_BAD_OPTION },
    { "v4l2:/dev/video0?format=MJPG", VSTREAM_SOURCE_BAD_OPTION },
    { "v4l2:/dev/video0?format=abcdefghijklmnopq", VSTREAM_SOURCE_BAD_OPTION },
    { "v4l2:/dev/video0?channel=1", VSTREAM_SOURCE_UNKNOWN_OPTION },
    { "kafka:", VSTREAM_SOURCE_BAD_TOPIC },
    { "kafka:.", VSTREAM_SOURCE_BAD_TOPIC },
    { "kafka:..", VSTREAM_SOURCE_BAD_TOPIC },
    { "kafka:a/b", VSTREAM_SOURCE_BAD_TOPIC },
    { "kafka://broker/topic", VSTREAM_SOURCE_BAD_TOPIC },
    { "kafka:${A}", VSTREAM_SOURCE_PLACED_CREDENTIAL },
    { "kafka:a?camera=", VSTREAM_SOURCE_BAD_OPTION },
    { "kafka:a?camera=-x", VSTREAM_SOURCE_BAD_OPTION },
    { "kafka:a?camera=${A}", VSTREAM_SOURCE_PLACED_CREDENTIAL },
    { "kafka:a?group=b", VSTREAM_SOURCE_UNKNOWN_OPTION },
};


static void
accepts(void **state)
{
    vstream_source_t source;
    vstream_slice_t  copy;
    size_t           i;

    (void) state;

    for (i = 0; i < UNIT_COUNT(good); i++) {
        print_message("# good source %d\n", (int) i);
        copy = unit_copy(good[i].text, strlen(good[i].text));

        assert_int_equal(vstream_source_read(copy, &source), VSTREAM_SOURCE_OK);
        assert_int_equal(source.kind, good[i].kind);
        unit_assert_slice(source.scheme, good[i].scheme);
        unit_assert_slice(source.user_info, good[i].user_info);
        unit_assert_slice(source.host, good[i].host);
        assert_int_equal(source.port, good[i].port);
        unit_assert_slice(source.path, good[i].path);
        unit_assert_slice(source.credential, good[i].credential);

        unit_free(copy);
    }
}


static void
knows_queries(void **state)
{
    vstream_source_t source;
    size_t           i;

    (void) state;

    for (i = 0; i < UNIT_COUNT(queries); i++) {
        print_message("# query %d\n", (int) i);

        assert_int_equal(
            vstream_source_read(unit_slice(queries[i].text), &source),
            VSTREAM_SOURCE_OK);
        unit_assert_slice(source.query, queries[i].query);
        unit_assert_slice(source.camera, queries[i].camera);
        assert_int_equal(source.is_listening, queries[i].is_listening);
    }
}


static void
refuses(void **state)
{
    vstream_source_t source;
    vstream_slice_t  copy;
    size_t           i;

    (void) state;

    for (i = 0; i < UNIT_COUNT(bad); i++) {
        print_message("# bad source %d\n", (int) i);
        copy = unit_copy(bad[i].text, strlen(bad[i].text));
        assert_int_equal(vstream_source_read(copy, &source), bad[i].result);
        unit_free(copy);
    }
}


/* Nothing lies behind it but the "?" of an empty query. */
static const char *
source_end(const vstream_source_t *source)
{
    return source->query.length > 0 ? source->query.data + source->query.length
                                    : source->path.data + source->path.length;
}


/*
 * Every prefix of everything: nothing is read behind its end, and where a
 * prefix passes its slices lie within it.
 */
static void
prefixes(void **state)
{
    vstream_source_t source;
    vstream_slice_t  copy;
    const char      *text, *end;
    size_t           i, n;

    (void) state;

    for (i = 0; i < UNIT_COUNT(good) + UNIT_COUNT(bad); i++) {
        text = i < UNIT_COUNT(good) ? good[i].text
                                    : bad[i - UNIT_COUNT(good)].text;

        for (n = 0; n <= strlen(text); n++) {
            copy = unit_copy(text, n);

            if (vstream_source_read(copy, &source) == VSTREAM_SOURCE_OK) {
                end = copy.data + n;
                assert_true(source_end(&source) == end
                            || source_end(&source) == end - 1);
                assert_true(
                    source.host.length == 0
                    || (source.host.data > copy.data
                        && source.host.data + source.host.length <= end));
            }

            unit_free(copy);
        }
    }
}


static void
limits(void **state)
{
    char             text[VSTREAM_SOURCE_MAX + 1];
    vstream_source_t source;
    int              n;

    (void) state;

    memset(text, 'x', sizeof(text));
    memcpy(text, "rtsp://c/", 9);

    assert_int_equal(
        vstream_source_read((vstream_slice_t) { text, VSTREAM_SOURCE_MAX },
                            &source),
        VSTREAM_SOURCE_OK);
    assert_int_equal(
        vstream_source_read((vstream_slice_t) { text, VSTREAM_SOURCE_MAX + 1 },
                            &source),
        VSTREAM_SOURCE_TOO_LONG);
    assert_int_equal(
        vstream_source_read((vstream_slice_t) { NULL, 0 }, &source),
        VSTREAM_SOURCE_EMPTY);

    n = snprintf(text, sizeof(text), "rtsp://${A%0*d}@c",
                 VSTREAM_CREDENTIAL_NAME_MAX - 1, 0);
    assert_int_equal(
        vstream_source_read((vstream_slice_t) { text, (size_t) n }, &source),
        VSTREAM_SOURCE_OK);
    assert_int_equal(source.credential.length, VSTREAM_CREDENTIAL_NAME_MAX);

    n = snprintf(text, sizeof(text), "rtsp://${A%0*d}@c",
                 VSTREAM_CREDENTIAL_NAME_MAX, 0);
    assert_int_equal(
        vstream_source_read((vstream_slice_t) { text, (size_t) n }, &source),
        VSTREAM_SOURCE_BAD_PLACEHOLDER);

    n = snprintf(text, sizeof(text), "kafka:%0*d", VSTREAM_KAFKA_TOPIC_MAX, 0);
    assert_int_equal(
        vstream_source_read((vstream_slice_t) { text, (size_t) n }, &source),
        VSTREAM_SOURCE_OK);

    n = snprintf(text, sizeof(text), "kafka:%0*d", VSTREAM_KAFKA_TOPIC_MAX + 1,
                 0);
    assert_int_equal(
        vstream_source_read((vstream_slice_t) { text, (size_t) n }, &source),
        VSTREAM_SOURCE_BAD_TOPIC);

    n = snprintf(text, sizeof(text), "srt://c:1?streamid=%%41%0*d",
                 VSTREAM_SOURCE_STREAMID_MAX - 1, 0);
    assert_int_equal(
        vstream_source_read((vstream_slice_t) { text, (size_t) n }, &source),
        VSTREAM_SOURCE_OK);

    n = snprintf(text, sizeof(text), "srt://c:1?streamid=%%41%0*d",
                 VSTREAM_SOURCE_STREAMID_MAX, 0);
    assert_int_equal(
        vstream_source_read((vstream_slice_t) { text, (size_t) n }, &source),
        VSTREAM_SOURCE_BAD_OPTION);
}


static void
options(void **state)
{
    char             text[16];
    vstream_slice_t  query, name, value;
    vstream_writer_t w;

    (void) state;

    query = VSTREAM_SLICE("a=b%3a+&c&=d&e==");

    assert_int_equal(vstream_source_option_next(&query, &name, &value),
                     VSTREAM_OK);
    unit_assert_slice(name, "a");
    unit_assert_slice(value, "b%3a+");
    assert_int_equal(vstream_source_option_next(&query, &name, &value),
                     VSTREAM_OK);
    unit_assert_slice(name, "c");
    unit_assert_slice(value, "");
    assert_int_equal(vstream_source_option_next(&query, &name, &value),
                     VSTREAM_OK);
    unit_assert_slice(name, "");
    unit_assert_slice(value, "d");
    assert_int_equal(vstream_source_option_next(&query, &name, &value),
                     VSTREAM_OK);
    unit_assert_slice(name, "e");
    unit_assert_slice(value, "=");
    assert_int_equal(vstream_source_option_next(&query, &name, &value),
                     VSTREAM_DECLINED);

    vstream_writer_init(&w, text, sizeof(text));
    assert_int_equal(
        vstream_source_option_decode(&w, VSTREAM_SLICE("b%3a+%Fg")),
        VSTREAM_ERROR);
    vstream_writer_init(&w, text, sizeof(text));
    assert_int_equal(
        vstream_source_option_decode(&w, VSTREAM_SLICE("b%3a+%FF")),
        VSTREAM_OK);
    unit_assert_slice(((vstream_slice_t) { text, w.length }), "b:+\xff");
}


static void
texts(void **state)
{
    int i;

    (void) state;

    for (i = VSTREAM_SOURCE_OK; i <= VSTREAM_SOURCE_PLACED_CREDENTIAL + 1; i++)
    {
        assert_true(
            strlen(vstream_source_result_text((vstream_source_result_t) i))
            > 0);
        assert_true(
            strlen(vstream_source_result_text((vstream_source_result_t) i))
            < 240); /* ingest puts "its source" before it, in 256 bytes */
    }

    assert_non_null(
        strstr(vstream_source_result_text(VSTREAM_SOURCE_LITERAL_PASSWORD),
               "${NAME}"));
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts),       cmocka_unit_test(refuses),
        cmocka_unit_test(prefixes),      cmocka_unit_test(limits),
        cmocka_unit_test(knows_queries), cmocka_unit_test(options),
        cmocka_unit_test(texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
