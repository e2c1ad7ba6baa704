/*
 * A camera's options and its JSON.
 */

#include "unit.h"

#include "vstream_camera.h"


typedef struct {
    const char *name;
    const char *value;
    int         rc;
    const char *json; /* what it adds; NULL: nothing */
} option_case_t;


static void
defaults(void **state)
{
    vstream_camera_t camera;

    (void) state;

    memset(&camera, 0xff, sizeof(camera));
    vstream_camera_init(&camera);

    assert_int_equal(camera.id.length, 0);
    assert_int_equal(camera.name.length, 0);
    assert_int_equal(camera.fps_milli, 0);
    assert_int_equal(camera.width, 0);
    assert_int_equal(camera.quality, 80);
    assert_int_equal(camera.transport, VSTREAM_TRANSPORT_TCP);
    assert_int_equal(camera.still_ms, 1000);
    assert_int_equal(camera.still_is_set, 0);
    assert_int_equal(camera.kafka_fps_milli, 0);
    assert_int_equal(camera.kafka_keyframe, 1);
    assert_int_equal(camera.quality_is_set, 0);
    assert_int_equal(camera.substream.length, 0);
}


static void
options(void **state)
{
    static const option_case_t cases[] = {
        { "name", "Yard", VSTREAM_OK, ",\"name\":\"Yard\"" },
        { "name",
          "H\xc3\xb6"
          "f <1>",
          VSTREAM_OK,
          ",\"name\":\"H\xc3\xb6"
          "f \\u003c1\\u003e\"" },
        { "name", "", VSTREAM_ERROR, NULL },
        { "name", "a\nb", VSTREAM_ERROR, NULL },
        { "name", "a\x7f", VSTREAM_ERROR, NULL },
        { "name", "a\xc2\x85", VSTREAM_ERROR, NULL },
        { "name", "a\xe2\x80\xa8", VSTREAM_ERROR, NULL },
        { "name", "a\xff", VSTREAM_ERROR, NULL },
        { "fps", "0.01", VSTREAM_OK, ",\"fps\":\"0.01\"" },
        { "fps", "15", VSTREAM_OK, ",\"fps\":\"15\"" },
        { "fps", "15.0", VSTREAM_OK, ",\"fps\":\"15\"" },
        { "fps", "23.976", VSTREAM_OK, ",\"fps\":\"23.976\"" },
        { "fps", "29.97", VSTREAM_OK, ",\"fps\":\"29.97\"" },
        { "fps", "120", VSTREAM_OK, ",\"fps\":\"120\"" },
        { "fps", "120.001", VSTREAM_ERROR, NULL },
        { "fps", "0.009", VSTREAM_ERROR, NULL },
        { "fps", "0", VSTREAM_ERROR, NULL },
        { "fps", "", VSTREAM_ERROR, NULL },
        { "fps", "-1", VSTREAM_ERROR, NULL },
        { "fps", "fast", VSTREAM_ERROR, NULL },
        { "width", "16", VSTREAM_OK, ",\"width\":\"16\"" },
        { "width", "1280", VSTREAM_OK, ",\"width\":\"1280\"" },
        { "width", "7680", VSTREAM_OK, ",\"width\":\"7680\"" },
        { "width", "7682", VSTREAM_ERROR, NULL },
        { "width", "14", VSTREAM_ERROR, NULL },
        { "width", "17", VSTREAM_ERROR, NULL },
        { "width", "1280.0", VSTREAM_ERROR, NULL },
        { "width", "0", VSTREAM_ERROR, NULL },
        { "width", "18446744073709551632", VSTREAM_ERROR, NULL },
        { "quality", "1", VSTREAM_OK, ",\"quality\":\"1\"" },
        { "quality", "80", VSTREAM_OK, ",\"quality\":\"80\"" },
        { "quality", "100", VSTREAM_OK, ",\"quality\":\"100\"" },
        { "quality", "101", VSTREAM_ERROR, NULL },
        { "quality", "0", VSTREAM_ERROR, NULL },
        { "transport", "tcp", VSTREAM_OK, "" },
        { "transport", "udp", VSTREAM_OK, ",\"transport\":\"udp\"" },
        { "transport", "quic", VSTREAM_ERROR, NULL },
        { "transport", "TCP", VSTREAM_ERROR, NULL },
        { "transport", "", VSTREAM_ERROR, NULL },
        { "still", "off", VSTREAM_OK, ",\"still\":\"off\"" },
        { "still", "0.1", VSTREAM_OK, ",\"still\":\"0.1\"" },
        { "still", "1", VSTREAM_OK, ",\"still\":\"1\"" },
        { "still", "3600", VSTREAM_OK, ",\"still\":\"3600\"" },
        { "still", "3600.1", VSTREAM_ERROR, NULL },
        { "still", "0.099", VSTREAM_ERROR, NULL },
        { "still", "0", VSTREAM_ERROR, NULL },
        { "still", "on", VSTREAM_ERROR, NULL },
        { "substream", "rtsp://${SUB}@cam/2", VSTREAM_OK,
          ",\"substream\":\"rtsp://${SUB}@cam/2\"" },
        { "substream", "test:", VSTREAM_OK, ",\"substream\":\"test:\"" },
        { "substream", "", VSTREAM_ERROR, NULL },
        { "kafka_fps", "keyframe", VSTREAM_OK, "" },
        { "kafka_fps", "0", VSTREAM_OK, ",\"kafka_fps\":\"0\"" },
        { "kafka_fps", "0.01", VSTREAM_OK, ",\"kafka_fps\":\"0.01\"" },
        { "kafka_fps", "120", VSTREAM_OK, ",\"kafka_fps\":\"120\"" },
        { "kafka_fps", "0.009", VSTREAM_ERROR, NULL },
        { "kafka_fps", "120.001", VSTREAM_ERROR, NULL },
        { "kafka_fps", "off", VSTREAM_ERROR, NULL },
        { "kafka_fps", "", VSTREAM_ERROR, NULL },
        { "interval", "1", VSTREAM_OK, "" },
        { "interval", "0.1", VSTREAM_OK, ",\"interval\":\"0.1\"" },
        { "interval", "3600", VSTREAM_OK, ",\"interval\":\"3600\"" },
        { "interval", "0.099", VSTREAM_ERROR, NULL },
        { "interval", "3600.001", VSTREAM_ERROR, NULL },
        { "interval", "", VSTREAM_ERROR, NULL },
        { "substream", "off", VSTREAM_ERROR, NULL },
        { "substream", "rtsp://admin:secret@cam/2", VSTREAM_ERROR, NULL },
        { "substream", "rtsp://cam/${PATH}", VSTREAM_ERROR, NULL },
        { "", "x", VSTREAM_DECLINED, NULL },
        { "fp", "x", VSTREAM_DECLINED, NULL },
        { "fpss", "x", VSTREAM_DECLINED, NULL },
        { "FPS", "15", VSTREAM_DECLINED, NULL },
        { "source", "x", VSTREAM_DECLINED, NULL },
        { "origin", "x", VSTREAM_DECLINED, NULL },
    };

    char                           buffer[512], want[512];
    size_t                         i;
    vstream_camera_t               camera, before;
    vstream_writer_t               w;
    const vstream_camera_option_t *option;

    (void) state;

    for (i = 0; i < UNIT_COUNT(cases); i++) {
        print_message("# option %d: %s\n", (int) i, cases[i].name);

        vstream_camera_init(&camera);
        camera.source = VSTREAM_SLICE("test:");
        camera.origin = VSTREAM_SLICE("nginx");
        before = camera;
        option = NULL;

        assert_int_equal(
            vstream_camera_option_set(&camera, unit_slice(cases[i].name),
                                      unit_slice(cases[i].value), &option),
            cases[i].rc);

        if (cases[i].rc == VSTREAM_DECLINED) {
            assert_null(option);

        } else {
            assert_string_equal(option->name, cases[i].name);
        }

        if (cases[i].rc != VSTREAM_OK) {
            assert_memory_equal(&camera, &before, sizeof(camera));
            continue;
        }

        vstream_writer_init(&w, want, sizeof(want));
        vstream_writer_text(&w, "{\"source\":\"test:\",\"origin\":\"nginx\"");
        vstream_writer_text(&w, cases[i].json);
        vstream_writer_bytes(&w, "}", 2);

        vstream_writer_init(&w, buffer, sizeof(buffer));
        vstream_camera_json_write(&w, &camera);
        unit_assert_slice(vstream_writer_slice(&w), want);

        /* The caller need not ask why. */
        assert_int_equal(
            vstream_camera_option_set(&camera, unit_slice(cases[i].name),
                                      unit_slice(cases[i].value), NULL),
            VSTREAM_OK);
    }
}


static void
values(void **state)
{
    vstream_camera_t camera;

    (void) state;

    vstream_camera_init(&camera);
    vstream_camera_option_set(&camera, VSTREAM_SLICE("fps"),
                              VSTREAM_SLICE("29.97"), NULL);
    vstream_camera_option_set(&camera, VSTREAM_SLICE("width"),
                              VSTREAM_SLICE("640"), NULL);
    vstream_camera_option_set(&camera, VSTREAM_SLICE("quality"),
                              VSTREAM_SLICE("80"), NULL);
    vstream_camera_option_set(&camera, VSTREAM_SLICE("still"),
                              VSTREAM_SLICE("2.5"), NULL);

    assert_int_equal(camera.fps_milli, 29970);
    assert_int_equal(camera.width, 640);
    assert_int_equal(camera.quality, 80);
    assert_int_equal(camera.quality_is_set, 1);
    assert_int_equal(camera.still_ms, 2500);
    assert_int_equal(camera.still_is_set, 1);

    vstream_camera_option_set(&camera, VSTREAM_SLICE("still"),
                              VSTREAM_SLICE("off"), NULL);
    assert_int_equal(camera.still_ms, 0);
    assert_int_equal(camera.still_is_set, 1);
}


static void
name_limit(void **state)
{
    char             name[VSTREAM_CAMERA_OPTION_MAX + 1];
    vstream_camera_t camera;

    (void) state;

    memset(name, 'n', sizeof(name));
    vstream_camera_init(&camera);

    assert_int_equal(vstream_camera_option_set(
                         &camera, VSTREAM_SLICE("name"),
                         (vstream_slice_t) { name, VSTREAM_CAMERA_NAME_MAX },
                         NULL),
                     VSTREAM_OK);
    assert_int_equal(
        vstream_camera_option_set(
            &camera, VSTREAM_SLICE("name"),
            (vstream_slice_t) { name, VSTREAM_CAMERA_NAME_MAX + 1 }, NULL),
        VSTREAM_ERROR);
    assert_int_equal(vstream_camera_option_set(
                         &camera, VSTREAM_SLICE("name"),
                         (vstream_slice_t) { name, sizeof(name) }, NULL),
                     VSTREAM_ERROR);
    assert_int_equal(camera.name.length, VSTREAM_CAMERA_NAME_MAX);
}


/* A substream may be as long as any source, other options may not. */
static void
substream_limit(void **state)
{
    char                           text[VSTREAM_SOURCE_MAX + 1];
    size_t                         length;
    vstream_camera_t               camera;
    const vstream_camera_option_t *option;

    (void) state;

    memset(text, 'a', sizeof(text));
    memcpy(text, "rtsp://", 7);

    for (length = VSTREAM_SOURCE_MAX; length <= VSTREAM_SOURCE_MAX + 1;
         length++) {
        vstream_camera_init(&camera);
        assert_int_equal(
            vstream_camera_option_set(&camera, VSTREAM_SLICE("substream"),
                                      (vstream_slice_t) { text, length },
                                      &option),
            length == VSTREAM_SOURCE_MAX ? VSTREAM_OK : VSTREAM_ERROR);
        assert_int_equal(camera.substream.length,
                         length == VSTREAM_SOURCE_MAX ? length : 0);
    }

    assert_string_equal(vstream_camera_option_problem(
                            option, (vstream_slice_t) { text, length - 1 }),
                        vstream_source_result_text(VSTREAM_SOURCE_TOO_LONG));
}


/* What is wrong with a substream is said as it is of a source. */
static void
problems(void **state)
{
    vstream_camera_t               camera;
    const vstream_camera_option_t *option;

    (void) state;

    vstream_camera_init(&camera);

    assert_int_equal(
        vstream_camera_option_set(&camera, VSTREAM_SLICE("substream"),
                                  VSTREAM_SLICE("rtsp://a:b@cam/"), &option),
        VSTREAM_ERROR);
    assert_string_equal(
        vstream_camera_option_problem(option, VSTREAM_SLICE("rtsp://a:b@cam/")),
        vstream_source_result_text(VSTREAM_SOURCE_LITERAL_PASSWORD));

    assert_int_equal(vstream_camera_option_set(&camera, VSTREAM_SLICE("fps"),
                                               VSTREAM_SLICE("fast"), &option),
                     VSTREAM_ERROR);
    assert_null(vstream_camera_option_problem(option, VSTREAM_SLICE("fast")));
}


/* All at once: what is written can be set again and gives the same text. */
static void
json(void **state)
{
    static const char want[] =
        "{\"source\":\"rtsp://${A}@cam/?a=1\\u0026b=2\","
        "\"origin\":\"nginx\",\"name\":\"Yard\",\"fps\":\"12.5\","
        "\"width\":\"640\",\"quality\":\"70\",\"still\":\"0.5\","
        "\"substream\":\"rtsp://${A}@cam/2\",\"kafka_fps\":\"2.5\"}";
    static const char *const set[][2] = {
        { "substream", "rtsp://${A}@cam/2" },
        { "still", "0.5" },
        { "kafka_fps", "2.5" },
        { "name", "Yard" },
        { "quality", "70" },
        { "fps", "12.50" },
        { "width", "640" },
        { "transport", "tcp" },
    };

    char             buffer[512];
    vstream_camera_t camera;
    vstream_writer_t w;
    size_t           i;

    (void) state;

    vstream_camera_init(&camera);
    camera.id = VSTREAM_SLICE("yard");
    camera.source = VSTREAM_SLICE("rtsp://${A}@cam/?a=1&b=2");
    camera.origin = VSTREAM_SLICE("nginx");

    for (i = 0; i < UNIT_COUNT(set); i++) {
        assert_int_equal(vstream_camera_option_set(&camera,
                                                   unit_slice(set[i][0]),
                                                   unit_slice(set[i][1]), NULL),
                         VSTREAM_OK);
    }

    vstream_writer_init(&w, NULL, 0);
    vstream_camera_json_write(&w, &camera);
    assert_int_equal(w.length, sizeof(want) - 1);

    vstream_writer_init(&w, buffer, w.length);
    vstream_camera_json_write(&w, &camera);
    assert_int_equal(vstream_writer_status(&w), VSTREAM_OK);
    unit_assert_slice(vstream_writer_slice(&w), want);
}


/* The table and the setters are in the same order, and end together. */
static void
table(void **state)
{
    const vstream_camera_option_t *o, *found;
    vstream_camera_t               camera;
    size_t                         count = 0;

    (void) state;

    for (o = vstream_camera_options; o->name != NULL; o++) {
        vstream_camera_init(&camera);
        found = NULL;

        assert_int_equal(vstream_camera_option_set(&camera, unit_slice(o->name),
                                                   VSTREAM_SLICE("\n"), &found),
                         VSTREAM_ERROR);
        assert_ptr_equal(found, o);
        assert_true(strlen(o->value) > 0 && strlen(o->text) > 0);
        count++;
    }

    assert_int_equal(count, 9);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(options),
        cmocka_unit_test(values),
        cmocka_unit_test(name_limit),
        cmocka_unit_test(json),
        cmocka_unit_test(table),
        cmocka_unit_test(substream_limit),
        cmocka_unit_test(problems),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
