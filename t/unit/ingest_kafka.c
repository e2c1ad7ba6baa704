/*
 * The client of Kafka on the loop: what librdkafka has to say arrives there,
 * the state follows, and its end waits for nobody.  The broker is librdkafka's
 * own mock cluster, inside the client, or none at all.
 */

#include "unit.h"

#include "vsw_kafka.h"
#include "vsw_log.h"

#include <string.h>
#include <time.h>


typedef struct {
    struct ev_loop *loop;
    unsigned        delivered;
    unsigned        failed;
    unsigned        changes;
} seen_t;


static void
on_event(void *data, rd_kafka_event_t *event)
{
    const rd_kafka_message_t *message;
    seen_t                   *seen = data;

    assert_int_equal(rd_kafka_event_type(event), RD_KAFKA_EVENT_DR);

    while ((message = rd_kafka_event_message_next(event)) != NULL) {
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            seen->delivered++;
        } else {
            seen->failed++;
        }
    }
}


static void
on_change(void *data, vsw_kafka_state_t state)
{
    seen_t *seen = data;

    (void) state;
    seen->changes++;
}


static const vsw_kafka_handlers_t handlers = {
    .event = on_event,
    .changed = on_change,
};


static void
on_patience(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void) timer;
    (void) events;
    ev_break(loop, EVBREAK_ALL);
}


/* Turns the loop until `value` reaches `wanted`, for 20 s at most. */
static void
run_until(struct ev_loop *loop, const unsigned *value, unsigned wanted)
{
    ev_timer patience;
    int      turns;

    for (turns = 0; turns < 2000 && *value < wanted; turns++) {
        ev_timer_init(&patience, on_patience, 0.01, 0.0);
        ev_timer_start(loop, &patience);
        ev_run(loop, 0);
    }

    assert_true(*value >= wanted);
}


static vsw_kafka_t *
create(struct ev_loop *loop, char *broker, const char *const (*settings)[2],
       size_t count, seen_t *seen)
{
    char              *brokers[] = { broker };
    vsw_kafka_config_t config = { .brokers = brokers, .brokers_count = 1 };
    vsw_kafka_t       *kafka;
    char               client[] = "unit", error[VSW_KAFKA_ERROR_MAX];

    config.client_id = client;
    kafka =
        vsw_kafka_create(loop, &config,
                         &(vsw_kafka_options_t) { .name = "unit",
                                                  .type = RD_KAFKA_PRODUCER,
                                                  .events = RD_KAFKA_EVENT_DR,
                                                  .settings = settings,
                                                  .settings_count = count },
                         &handlers, seen, error);

    if (kafka == NULL) {
        fail_msg("%s", error);
    }

    return kafka;
}


static void
produce(vsw_kafka_t *kafka, unsigned count)
{
    static char         value[] = "v"; /* it is borrowed */
    rd_kafka_resp_err_t err;

    while (count-- > 0) {
        err = rd_kafka_producev(vsw_kafka_handle(kafka), RD_KAFKA_V_TOPIC("t"),
                                RD_KAFKA_V_VALUE(value, 1), RD_KAFKA_V_END);
        assert_int_equal(err, RD_KAFKA_RESP_ERR_NO_ERROR);
    }
}


static void
events_arrive_on_the_loop(void **state)
{
    static const char *const settings[][2] = { { "test.mock.num.brokers",
                                                 "1" } };

    struct ev_loop *loop = ev_loop_new(0);
    seen_t          seen = { .loop = loop };
    vsw_kafka_t    *kafka;
    char            broker[] = "127.0.0.1:1";

    (void) state;

    kafka = create(loop, broker, settings, 1, &seen);
    assert_int_equal(vsw_kafka_state(kafka), VSW_KAFKA_CONNECTING);

    /* More than one turn takes. */
    produce(kafka, 2 * VSW_KAFKA_EVENTS_STEP + 10);
    run_until(loop, &seen.delivered, 2 * VSW_KAFKA_EVENTS_STEP + 10);
    assert_int_equal(seen.failed, 0);

    vsw_kafka_heard(kafka);
    vsw_kafka_heard(kafka);
    assert_int_equal(vsw_kafka_state(kafka), VSW_KAFKA_UP);
    assert_int_equal(seen.changes, 1);
    assert_string_equal(vsw_kafka_detail(kafka), "");

    /* One who got no answer does not count where another has just got his. */
    vsw_kafka_missed(kafka, "no answer");
    assert_int_equal(vsw_kafka_state(kafka), VSW_KAFKA_UP);
    ev_sleep(VSW_KAFKA_HEARD_MS / 1000.0 + 0.05);
    vsw_kafka_missed(kafka, "no answer");
    assert_int_equal(vsw_kafka_state(kafka), VSW_KAFKA_AWAY);
    assert_string_equal(vsw_kafka_detail(kafka), "no answer");

    assert_true(vsw_kafka_destroy(kafka));
    ev_loop_destroy(loop);
}


static void
nobody_is_there(void **state)
{
    static const char *const settings[][2] = { { "message.timeout.ms",
                                                 "300" } };

    struct ev_loop *loop = ev_loop_new(0);
    seen_t          seen = { .loop = loop };
    vsw_kafka_t    *kafka;
    char            broker[] = "127.0.0.1:1"; /* refused at once */

    (void) state;

    kafka = create(loop, broker, settings, 1, &seen);
    produce(kafka, 3);
    run_until(loop, &seen.changes, 1);
    assert_int_equal(vsw_kafka_state(kafka), VSW_KAFKA_AWAY);
    assert_non_null(strstr(vsw_kafka_detail(kafka), "refused"));
    run_until(loop, &seen.failed, 3);
    assert_int_equal(seen.delivered, 0);

    /* What is still under way is given up, and told. */
    produce(kafka, 3);
    assert_true(vsw_kafka_destroy(kafka));
    assert_int_equal(seen.failed, 6);
    assert_true(vsw_kafka_destroy(NULL));
    ev_loop_destroy(loop);
}


static void
settings_are_judged(void **state)
{
    static const char *const settings[][2] = { { "no.such.setting", "1" } };

    struct ev_loop    *loop = ev_loop_new(0);
    char               broker[] = "127.0.0.1:1", client[] = "unit";
    char              *brokers[] = { broker };
    vsw_kafka_config_t config = { .brokers = brokers,
                                  .brokers_count = 1,
                                  .client_id = client };
    char               error[VSW_KAFKA_ERROR_MAX];

    (void) state;

    assert_null(
        vsw_kafka_create(loop, &config,
                         &(vsw_kafka_options_t) { .name = "unit",
                                                  .type = RD_KAFKA_PRODUCER,
                                                  .settings = settings,
                                                  .settings_count = 1 },
                         &handlers, NULL, error));
    assert_non_null(strstr(error, "no.such.setting"));
    ev_loop_destroy(loop);
}


int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_arrive_on_the_loop),
        cmocka_unit_test(nobody_is_there),
        cmocka_unit_test(settings_are_judged),
    };

    vsw_log_configure(VSW_LOG_PLAIN, VSW_LOG_WARN);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
