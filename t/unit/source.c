/*
 * Sources: what may be used, what is refused, and with which reason.
 */

#include "unit.h"

#include <stdio.h>

#include "vstream_source.h"


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
    { "rtsps://cam/", VSTREAM_SOURCE_BAD_SCHEME },
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
                assert_true(source.path.data + source.path.length == end);
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
    }

    assert_non_null(
        strstr(vstream_source_result_text(VSTREAM_SOURCE_LITERAL_PASSWORD),
               "${NAME}"));
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts),  cmocka_unit_test(refuses),
        cmocka_unit_test(prefixes), cmocka_unit_test(limits),
        cmocka_unit_test(texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
