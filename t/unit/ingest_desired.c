/*
 * What is wanted of a camera, read from Redis, and what its camera process is
 * told of it.
 */

#include "unit.h"

#include "vsw_configuration.h"
#include "vsw_credentials.h"
#include "vsw_desired.h"
#include "vsw_log.h"
#include "vstream_schema.h"


static void
right(void **state)
{
    vsw_desired_t *desired;

    (void) state;
    desired = vsw_desired_create(
        unit_slice("{\"source\":\"rtsp://${A}@cam/1\",\"origin\":\"nginx\","
                   "\"fps\":\"12.5\",\"width\":\"640\"}"));
    assert_non_null(desired);
    assert_null(desired->reason);
    assert_int_equal(desired->camera.fps_milli, 12500);
    assert_int_equal(desired->camera.width, 640);
    unit_assert_slice(desired->camera.origin, "nginx");
    unit_assert_slice(desired->source.credential, "A");
    vsw_desired_destroy(desired);
}


static void
wrong(void **state)
{
    static const struct {
        const char *json;
        const char *detail;
    } cases[] = {
        { "", "no JSON object" },
        { "[]", "no JSON object" },
        { "{", "no JSON object" },
        { "{}", "source" },
        { "{\"source\":5}", "source" },
        { "{\"source\":\"exec:ls\"}", "source" },
        { "{\"source\":\"rtsp://u:p@h/\"}", "literal password" },
        { "{\"source\":\"test:\",\"fps\":\"0\"}", "\"fps\" must be" },
        { "{\"source\":\"test:\",\"fps\":15}", "\"fps\" must be" },
        { "{\"source\":\"test:\",\"substream\":\"exec:ls\"}", "\"substream\"" },
        { "{\"source\":\"test:\",\"substream\":\"rtsp://u:p@h/\"}",
          "literal password" },
        { "{\"source\":\"test:\",\"source\":\"file:/etc/passwd\"}",
          "no JSON object" },
    };

    vsw_desired_t *desired;
    size_t         i;

    (void) state;

    for (i = 0; i < UNIT_COUNT(cases); i++) {
        desired = vsw_desired_create(unit_slice(cases[i].json));
        assert_non_null(desired);
        assert_string_equal(desired->reason, VSTREAM_REASON_BAD_SOURCE);
        assert_non_null(strstr(desired->detail, cases[i].detail));
        vsw_desired_destroy(desired);
    }
}


static void
options_of_a_newer_version_are_passed_by(void **state)
{
    vsw_desired_t *desired;

    (void) state;
    vsw_log_configure(VSW_LOG_JSON, VSW_LOG_ERROR);
    desired = vsw_desired_create(
        unit_slice("{\"source\":\"test:\",\"hologram\":{\"a\":1}}"));
    assert_non_null(desired);
    assert_null(desired->reason);
    vsw_desired_destroy(desired);
}


static void
length_is_bounded(void **state)
{
    vsw_desired_t *desired;
    char           json[VSW_DESIRED_JSON_MAX + 2];
    size_t         length;

    (void) state;

    for (length = VSW_DESIRED_JSON_MAX; length <= VSW_DESIRED_JSON_MAX + 1;
         length++)
    {
        memset(json, ' ', sizeof(json));
        memcpy(json, "{\"source\":\"test:\"}", 18);
        desired = vsw_desired_create((vstream_slice_t) { json, length });
        assert_non_null(desired);
        assert_int_equal(desired->reason == NULL,
                         length == VSW_DESIRED_JSON_MAX);
        vsw_desired_destroy(desired);
    }
}


static void
configuration_is_json(void **state)
{
    vsw_ingest_config_t *config;
    vsw_configuration_t  configuration;
    vsw_desired_t       *desired;
    json_t              *json;
    char                 error[VSW_INGEST_ERROR_MAX];
    char                 detail[VSW_CREDENTIAL_DETAIL];

    (void) state;
    setenv("VSTREAM_CAMERA_QUOTE", "u:a\"b\\", 1);
    config = vsw_ingest_config_load(NULL, error, sizeof(error));
    desired = vsw_desired_create(
        unit_slice("{\"source\":\"rtsp://${QUOTE}@cam/1\",\"still\":\"off\"}"));
    assert_non_null(config);
    assert_non_null(desired);
    assert_null(vsw_configuration_create(&configuration, "street", desired,
                                         config, detail));

    json = json_loadb(configuration.json, configuration.length,
                      JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json);
    assert_string_equal(json_string_value(json_object_get(json, "id")),
                        "street");
    assert_string_equal(json_string_value(json_object_get(json, "url")),
                        "rtsp://u:a%22b%5C@cam/1");
    assert_string_equal(
        json_string_value(json_array_get(json_object_get(json, "secrets"), 0)),
        "a\"b\\");
    assert_true(json_is_true(json_object_get(json, "still_is_set")));
    json_decref(json);

    vsw_configuration_clear(&configuration);
    vsw_desired_destroy(desired);
    vsw_ingest_config_destroy(config);
}


/* Both are filled in; one without its credential stops no camera. */
static void
substream_is_filled_in(void **state)
{
    vsw_ingest_config_t *config;
    vsw_configuration_t  configuration;
    vsw_desired_t       *desired;
    json_t              *json;
    char                 error[VSW_INGEST_ERROR_MAX];
    char                 detail[VSW_CREDENTIAL_DETAIL];

    (void) state;
    setenv("VSTREAM_CAMERA_FIRST", "u:one", 1);
    setenv("VSTREAM_CAMERA_SECOND", "two/", 1);
    unsetenv("VSTREAM_CAMERA_THIRD");
    config = vsw_ingest_config_load(NULL, error, sizeof(error));
    assert_non_null(config);

    desired = vsw_desired_create(
        unit_slice("{\"source\":\"rtsp://${FIRST}@cam/1\","
                   "\"substream\":\"rtsp://v:${SECOND}@cam/2\"}"));
    assert_non_null(desired);
    assert_null(desired->reason);
    assert_null(vsw_configuration_create(&configuration, "street", desired,
                                         config, detail));
    assert_null(configuration.substream_reason);

    json = json_loadb(configuration.json, configuration.length,
                      JSON_REJECT_DUPLICATES, NULL);
    assert_string_equal(json_string_value(json_object_get(json, "url")),
                        "rtsp://u:one@cam/1");
    assert_string_equal(json_string_value(json_object_get(json, "substream")),
                        "rtsp://v:two%2F@cam/2");
    assert_int_equal(json_array_size(json_object_get(json, "secrets")),
                     2 * VSW_CREDENTIAL_SECRETS);
    json_decref(json);
    vsw_configuration_clear(&configuration);
    vsw_desired_destroy(desired);

    desired = vsw_desired_create(
        unit_slice("{\"source\":\"rtsp://${FIRST}@cam/1\","
                   "\"substream\":\"rtsp://v:${THIRD}@cam/2\"}"));
    assert_non_null(desired);
    assert_null(vsw_configuration_create(&configuration, "street", desired,
                                         config, detail));
    assert_string_equal(configuration.substream_reason,
                        VSTREAM_REASON_CREDENTIAL_MISSING);
    assert_non_null(strstr(configuration.substream_detail, "THIRD"));

    json = json_loadb(configuration.json, configuration.length,
                      JSON_REJECT_DUPLICATES, NULL);
    assert_null(json_object_get(json, "substream"));
    json_decref(json);
    vsw_configuration_clear(&configuration);
    vsw_desired_destroy(desired);
    vsw_ingest_config_destroy(config);
}


static void
test_sources_may_be_off(void **state)
{
    vsw_ingest_config_t *config;
    vsw_configuration_t  configuration;
    vsw_desired_t       *desired;
    char                 error[VSW_INGEST_ERROR_MAX];
    char                 detail[VSW_CREDENTIAL_DETAIL];

    (void) state;
    config = vsw_ingest_config_load(NULL, error, sizeof(error));
    desired = vsw_desired_create(unit_slice("{\"source\":\"test:\"}"));
    assert_non_null(config);
    assert_non_null(desired);
    *config->sources.test = false;
    assert_string_equal(
        vsw_configuration_create(&configuration, "a", desired, config, detail),
        VSTREAM_REASON_SOURCE_DENIED);
    assert_null(configuration.json);
    vsw_desired_destroy(desired);
    vsw_ingest_config_destroy(config);
}


/* What a replica says of the camera "a". */
static void
assert_kafka(vsw_ingest_config_t *config, const char *json, const char *wanted)
{
    vsw_configuration_t configuration;
    vsw_desired_t      *desired = vsw_desired_create(unit_slice(json));
    const char         *reason;
    char                detail[VSW_CREDENTIAL_DETAIL];

    assert_non_null(desired);
    reason =
        vsw_configuration_create(&configuration, "a", desired, config, detail);

    if (wanted == NULL) {
        assert_null(reason);
    } else {
        assert_string_equal(reason, wanted);
    }

    vsw_configuration_clear(&configuration);
    vsw_desired_destroy(desired);
}


/* Kafka must be known; and no camera may live on its own pictures. */
static void
kafka_is_judged(void **state)
{
    static char          broker[] = "127.0.0.1:1";
    static char         *brokers[] = { broker };
    vsw_ingest_config_t *config;
    char                 error[VSW_INGEST_ERROR_MAX];

    (void) state;
    config = vsw_ingest_config_load(NULL, error, sizeof(error));
    assert_non_null(config);
    assert_kafka(config, "{\"source\":\"kafka:t\"}",
                 VSTREAM_REASON_SOURCE_DENIED);

    config->kafka.client.brokers = brokers;
    config->kafka.client.brokers_count = 1;
    assert_kafka(config, "{\"source\":\"kafka:t\"}", NULL);
    assert_kafka(config, "{\"source\":\"kafka:vstream.frames.v1\"}",
                 VSTREAM_REASON_BAD_SOURCE);
    assert_kafka(config, "{\"source\":\"kafka:vstream.frames.v1?camera=a\"}",
                 VSTREAM_REASON_BAD_SOURCE);
    assert_kafka(config, "{\"source\":\"kafka:vstream.frames.v1?camera=b\"}",
                 NULL);
    assert_kafka(config,
                 "{\"source\":\"kafka:vstream.frames.v1?camera=a\","
                 "\"kafka_fps\":\"0\"}",
                 NULL);

    *config->kafka.frames.topic_per_camera = true;
    assert_kafka(config, "{\"source\":\"kafka:vstream.frames.v1\"}", NULL);
    assert_kafka(config, "{\"source\":\"kafka:camera-a\"}",
                 VSTREAM_REASON_BAD_SOURCE);
    assert_kafka(config, "{\"source\":\"kafka:camera-b\"}", NULL);

    *config->kafka.frames.send = false;
    assert_kafka(config, "{\"source\":\"kafka:camera-a\"}", NULL);

    config->kafka.client.brokers = NULL;
    config->kafka.client.brokers_count = 0;
    vsw_ingest_config_destroy(config);
}


int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(right),
        cmocka_unit_test(wrong),
        cmocka_unit_test(options_of_a_newer_version_are_passed_by),
        cmocka_unit_test(length_is_bounded),
        cmocka_unit_test(configuration_is_json),
        cmocka_unit_test(substream_is_filled_in),
        cmocka_unit_test(test_sources_may_be_off),
        cmocka_unit_test(kafka_is_judged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
