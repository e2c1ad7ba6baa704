/*
 * Cameras from Kafka: which value is whose, that the newest wins, and what is
 * left out.  The broker is librdkafka's own mock cluster, in this process.
 */

#include "unit.h"

#include "vsw_clock.h"
#include "vsw_kafka_sources.h"
#include "vsw_log.h"

#include <librdkafka/rdkafka_mock.h>

#define TOPIC      "frames"
#define PARTITIONS 2
#define STAMP      INT64_C(1764000000000)
#define PICTURE    "/9j/4AAQ"


typedef struct {
    vsw_kafka_tap_t tap;
    char            seen[4096]; /* what was sent, with spaces between */
    size_t          length;     /* of the newest */
    bool            is_busy;
} camera_t;

typedef struct {
    struct ev_loop     *loop;
    rd_kafka_t         *producer;
    vsw_kafka_config_t  config;
    char               *broker;
    vsw_kafka_sources_t sources;
} kafka_t;


static int
on_value(void *data, const vsw_link_value_t *head, const void *value,
         size_t length)
{
    camera_t *camera = data;
    size_t    n = strlen(camera->seen);

    if (camera->is_busy) {
        return VSTREAM_AGAIN;
    }

    assert_true(vsw_clock_unix_us() - head->t_unix_us < 20000000);
    camera->length = length;

    if (length < 256) {
        snprintf(camera->seen + n, sizeof(camera->seen) - n, "%s%.*s",
                 n == 0 ? "" : " ", (int) length, (const char *) value);
    }

    return VSTREAM_OK;
}


static void
on_patience(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void) timer;
    (void) events;
    ev_break(loop, EVBREAK_ALL);
}


/* One turn of the loop and a tick. */
static void
turn(kafka_t *kafka)
{
    ev_timer patience;

    ev_timer_init(&patience, on_patience, 0.01, 0.0);
    ev_timer_start(kafka->loop, &patience);
    ev_run(kafka->loop, 0);
    vsw_kafka_sources_tick(&kafka->sources, vsw_clock_ms());
}


static uint64_t
values_read(const kafka_t *kafka)
{
    vsw_kafka_reader_counts_t counts;

    vsw_kafka_reader_counts(kafka->sources.topics->reader, &counts);

    return counts.values;
}


static void
wait_values(kafka_t *kafka, uint64_t wanted)
{
    int turns;

    for (turns = 0; turns < 2000 && values_read(kafka) < wanted; turns++) {
        turn(kafka);
    }

    turn(kafka);
    assert_int_equal(values_read(kafka), wanted);
}


static void
open_tap(kafka_t *kafka, camera_t *camera, const char *text)
{
    vstream_source_t source;
    char             error[VSW_KAFKA_ERROR_MAX];

    assert_int_equal(vstream_source_read(unit_slice(text), &source),
                     VSTREAM_SOURCE_OK);

    if (vsw_kafka_tap_open(&camera->tap, &kafka->sources, &source, on_value,
                           camera, error)
        != 0)
    {
        fail_msg("%s", error);
    }
}


/* The topic is there, and its end is known. */
static void
wait_read(kafka_t *kafka)
{
    int                       turns;
    vsw_kafka_reader_counts_t counts = { 0 };

    for (turns = 0; turns < 2000 && counts.partitions < PARTITIONS; turns++) {
        turn(kafka);
        vsw_kafka_reader_counts(kafka->sources.topics->reader, &counts);
    }

    assert_int_equal(counts.partitions, PARTITIONS);
}


static void
produce(kafka_t *kafka, const char *value)
{
    rd_kafka_resp_err_t err;

    err = rd_kafka_producev(kafka->producer, RD_KAFKA_V_TOPIC(TOPIC),
                            RD_KAFKA_V_VALUE((void *) value, strlen(value)),
                            RD_KAFKA_V_END);
    assert_int_equal(err, 0);
    assert_int_equal(rd_kafka_flush(kafka->producer, 20000), 0);
}


static void
broker_start(kafka_t *kafka)
{
    char                     error[512];
    rd_kafka_mock_cluster_t *cluster;
    rd_kafka_conf_t         *conf = rd_kafka_conf_new();

    assert_int_equal(rd_kafka_conf_set(conf, "test.mock.num.brokers", "1",
                                       error, sizeof(error)),
                     RD_KAFKA_CONF_OK);
    assert_int_equal(
        rd_kafka_conf_set(conf, "log_level", "0", error, sizeof(error)),
        RD_KAFKA_CONF_OK);

    kafka->producer =
        rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
    assert_non_null(kafka->producer);

    cluster = rd_kafka_handle_mock_cluster(kafka->producer);
    assert_int_equal(rd_kafka_mock_topic_create(cluster, TOPIC, PARTITIONS, 1),
                     0);
    kafka->broker = strdup(rd_kafka_mock_cluster_bootstraps(cluster));
}


static int
setup(void **state)
{
    static char client[] = "unit";
    kafka_t    *kafka = calloc(1, sizeof(*kafka));

    kafka->loop = ev_loop_new(0);
    broker_start(kafka);
    kafka->config.brokers = &kafka->broker;
    kafka->config.brokers_count = 1;
    kafka->config.client_id = client;
    vsw_kafka_sources_init(&kafka->sources, kafka->loop, &kafka->config);
    *state = kafka;

    return 0;
}


static int
teardown(void **state)
{
    kafka_t *kafka = *state;

    assert_null(kafka->sources.topics);
    vsw_kafka_sources_close(&kafka->sources);
    rd_kafka_destroy(kafka->producer);
    ev_loop_destroy(kafka->loop);
    free(kafka->broker);
    free(kafka);

    return 0;
}


/* As if it had come from Kafka; then the turn of the loop is over. */
static void
put(const kafka_t *kafka, const char *key, const char *value)
{
    vsw_kafka_record_t record = { .value = unit_slice(value),
                                  .stamp_unix_ms = -1 };
    vsw_kafka_tap_t   *tap;

    if (key != NULL) {
        record.key = unit_slice(key);
    }

    vsw_kafka_topic_value(kafka->sources.topics, &record);

    for (tap = kafka->sources.topics->taps; tap != NULL; tap = tap->next) {
        vsw_kafka_tap_flush(tap);
    }
}


static void
values_find_their_cameras(void **state)
{
    kafka_t *kafka = *state;
    camera_t all = { 0 }, a = { 0 }, b = { 0 }, again = { 0 };

    open_tap(kafka, &all, "kafka:" TOPIC);
    open_tap(kafka, &a, "kafka:" TOPIC "?camera=a");
    open_tap(kafka, &b, "kafka:" TOPIC "?camera=b");
    open_tap(kafka, &again, "kafka:" TOPIC "?camera=a");
    assert_null(kafka->sources.topics->next); /* one reader */

    put(kafka, "a", "1");                     /* by its key */
    put(kafka, "b", "{\"camera_id\":\"a\"}"); /* whatever JSON says */
    put(kafka, "x", "{\"camera_id\":\"a\",\"frame\":\"" PICTURE "\"}");
    put(kafka, NULL, "{\"source\":\"b\"}");
    put(kafka, NULL, "{\"source\":\"c\"}"); /* nobody's here */
    put(kafka, NULL, "{\"source\":\"b\"");  /* none that is whole */
    put(kafka, NULL, "2");                  /* whose, nobody knows */
    put(kafka, "ab", "3");
    put(kafka, "a", ""); /* says that there is none */

    assert_string_equal(a.seen,
                        "1 {\"camera_id\":\"a\",\"frame\":\"" PICTURE "\"}");
    assert_string_equal(again.seen, a.seen);
    assert_string_equal(b.seen, "{\"camera_id\":\"a\"} {\"source\":\"b\"}");
    assert_string_equal(all.seen,
                        "1 {\"camera_id\":\"a\"} "
                        "{\"camera_id\":\"a\",\"frame\":\"" PICTURE "\"} "
                        "{\"source\":\"b\"} {\"source\":\"c\"} "
                        "{\"source\":\"b\" 2 3");
    assert_int_equal(kafka->sources.topics->unclaimed, 1);

    vsw_kafka_tap_close(&all.tap);
    put(kafka, NULL, "4");
    assert_int_equal(kafka->sources.topics->unclaimed, 2);

    vsw_kafka_tap_close(&a.tap);
    vsw_kafka_tap_close(&a.tap);
    vsw_kafka_tap_close(&b.tap);
    vsw_kafka_tap_close(&again.tap);
}


static void
newest_waits_for_room(void **state)
{
    kafka_t *kafka = *state;
    camera_t camera = { .is_busy = true };

    open_tap(kafka, &camera, "kafka:" TOPIC);
    put(kafka, NULL, "first");
    put(kafka, NULL, "a second that is longer");
    put(kafka, NULL, "third");
    assert_string_equal(camera.seen, "");

    camera.is_busy = false;
    vsw_kafka_tap_flush(&camera.tap);
    vsw_kafka_tap_flush(&camera.tap);
    assert_string_equal(camera.seen, "third");
    assert_int_equal(camera.tap.values, 3);
    assert_int_equal(camera.tap.late, 2);

    /* The same source leaves the tap as it is, another opens it anew. */
    open_tap(kafka, &camera, "kafka:" TOPIC);
    assert_int_equal(camera.tap.values, 3);
    open_tap(kafka, &camera, "kafka:" TOPIC "?camera=a");
    assert_int_equal(camera.tap.values, 0);
    vsw_kafka_tap_close(&camera.tap);
}


static void
order_holds_over_partitions(void **state)
{
    kafka_t *kafka = *state;
    camera_t camera = { 0 };
    size_t   i;
    const struct {
        int32_t     partition;
        int64_t     stamp;
        const char *value;
    } values[] = {
        { 0, STAMP, "1" },
        { 1, STAMP, "2" }, /* as old: it may be the newer one */
        { 1, STAMP + 10, "3" },
        { 0, STAMP + 9, "-" }, /* older, of another partition */
        { 1, STAMP + 5, "4" }, /* of the same: it was written later */
        { 0, -1, "5" },
        { 1, STAMP + 5000, "6" },
        { 0, STAMP + 5001 - VSW_KAFKA_DISORDER_MS, "-" },
        { 0, STAMP + 5000 - VSW_KAFKA_DISORDER_MS, "7" }, /* a clock is set */
    };

    open_tap(kafka, &camera, "kafka:" TOPIC);

    for (i = 0; i < UNIT_COUNT(values); i++) {
        vsw_kafka_topic_value(
            camera.tap.topic,
            &(vsw_kafka_record_t) { .value = unit_slice(values[i].value),
                                    .partition = values[i].partition,
                                    .stamp_unix_ms = values[i].stamp });
        vsw_kafka_tap_flush(&camera.tap);
    }

    assert_string_equal(camera.seen, "1 2 3 4 5 6 7");
    assert_int_equal(camera.tap.late, 2);
    vsw_kafka_tap_close(&camera.tap);
}


static void
size_is_bounded(void **state)
{
    kafka_t           *kafka = *state;
    camera_t           camera = { 0 };
    char              *value = calloc(1, VSW_LINK_VALUE_MAX + 1);
    vsw_kafka_record_t record = { .value = { value, VSW_LINK_VALUE_MAX } };

    open_tap(kafka, &camera, "kafka:" TOPIC);

    vsw_kafka_topic_value(camera.tap.topic, &record);
    vsw_kafka_tap_flush(&camera.tap);
    assert_int_equal(camera.length, VSW_LINK_VALUE_MAX);
    assert_null(camera.tap.value); /* so much is not kept */

    record.value.length++;
    vsw_kafka_topic_value(camera.tap.topic, &record);
    assert_int_equal(camera.tap.values, 1);
    assert_int_equal(camera.tap.topic->too_large, 1);

    free(value);
    vsw_kafka_tap_close(&camera.tap);
}


/* What came before we looked is not read, nor what is to be skipped. */
static void
newest_offset(void **state)
{
    kafka_t                  *kafka = *state;
    camera_t                  camera = { 0 };
    vsw_kafka_reader_counts_t counts;

    produce(kafka, "old");
    open_tap(kafka, &camera, "kafka:" TOPIC);
    wait_read(kafka);
    produce(kafka, "new");
    wait_values(kafka, 1);
    assert_string_equal(camera.seen, "new");

    vsw_kafka_sources_slept(&kafka->sources);
    produce(kafka, "meanwhile");
    turn(kafka);
    turn(kafka);
    do {
        turn(kafka);
        vsw_kafka_reader_counts(kafka->sources.topics->reader, &counts);
    } while (counts.partitions < PARTITIONS
             || vsw_kafka_reader_is_skipping(kafka->sources.topics->reader));

    produce(kafka, "newer");
    wait_values(kafka, 2);
    assert_string_equal(camera.seen, "new newer");
    vsw_kafka_tap_close(&camera.tap);
}


static void
reasons(void **state)
{
    kafka_t *kafka = *state;
    camera_t camera = { 0 }, missing = { 0 };
    char     detail[VSW_KAFKA_READER_DETAIL];
    int64_t  now;
    int      turns;

    open_tap(kafka, &camera, "kafka:" TOPIC "?camera=gate");
    wait_read(kafka);
    now = camera.tap.heard_ms;
    assert_null(vsw_kafka_tap_reason(&camera.tap, now + VSW_KAFKA_SILENT_MS - 1,
                                     detail));
    assert_string_equal(
        vsw_kafka_tap_reason(&camera.tap, now + VSW_KAFKA_SILENT_MS, detail),
        VSTREAM_REASON_STALLED);
    assert_non_null(strstr(detail, "no values of \"gate\""));
    vsw_kafka_tap_close(&camera.tap);

    /* A broker that is not there. */
    rd_kafka_mock_broker_set_down(rd_kafka_handle_mock_cluster(kafka->producer),
                                  1);
    open_tap(kafka, &missing, "kafka:other");

    for (turns = 0; turns < 2000
                    && vsw_kafka_tap_reason(&missing.tap, now, detail) == NULL;
         turns++)
    {
        turn(kafka);
    }

    assert_string_equal(vsw_kafka_tap_reason(&missing.tap, now, detail),
                        VSTREAM_REASON_UNREACHABLE);
    vsw_kafka_tap_close(&missing.tap);
}


int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(values_find_their_cameras, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(newest_waits_for_room, setup, teardown),
        cmocka_unit_test_setup_teardown(order_holds_over_partitions, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(size_is_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(newest_offset, setup, teardown),
        cmocka_unit_test_setup_teardown(reasons, setup, teardown),
    };

    vsw_log_configure(VSW_LOG_PLAIN, VSW_LOG_ERROR);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
