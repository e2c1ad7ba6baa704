/*
 * The contract in Kafka: names of topics, ids, and the JSON form.
 */

#include "unit.h"

#include "vstream_kafka.h"

#include <string.h>


static void
topics(void **state)
{
    static const struct {
        const char *topic;
        int         rc;
    } cases[] = {
        { "vstream.frames.v1", VSTREAM_OK },
        { "camera-a_B.9-", VSTREAM_OK },
        { "a", VSTREAM_OK },
        { "...", VSTREAM_OK },
        { "", VSTREAM_ERROR },
        { ".", VSTREAM_ERROR },
        { "..", VSTREAM_ERROR },
        { "a/b", VSTREAM_ERROR },
        { "a b", VSTREAM_ERROR },
        { "a\n", VSTREAM_ERROR },
        { "\xc3\xa4", VSTREAM_ERROR },
    };

    char   name[VSTREAM_KAFKA_TOPIC_MAX + 1];
    size_t i;

    (void) state;

    for (i = 0; i < UNIT_COUNT(cases); i++) {
        assert_int_equal(vstream_kafka_topic_check((vstream_slice_t) {
                             cases[i].topic, strlen(cases[i].topic) }),
                         cases[i].rc);
    }

    memset(name, 'x', sizeof(name));
    assert_int_equal(vstream_kafka_topic_check(
                         (vstream_slice_t) { name, VSTREAM_KAFKA_TOPIC_MAX }),
                     VSTREAM_OK);
    assert_int_equal(vstream_kafka_topic_check((vstream_slice_t) {
                         name, VSTREAM_KAFKA_TOPIC_MAX + 1 }),
                     VSTREAM_ERROR);
}


static void
topic_of_a_camera(void **state)
{
    static const char *const cases[][2] = {
        { "street", "camera-street" },
        { "192.0.2.10", "camera-192-0-2-10" },
        { "192-0-2.10", "camera-192-0-2-10" }, /* the same: ours to refuse */
        { "a_b", "camera-a_b" },
    };

    vstream_writer_t w;
    char             out[128];
    size_t           i;

    (void) state;

    for (i = 0; i < UNIT_COUNT(cases); i++) {
        vstream_writer_init(&w, out, sizeof(out));
        vstream_kafka_topic_write(
            &w, (vstream_slice_t) { cases[i][0], strlen(cases[i][0]) });
        assert_int_equal(w.length, strlen(cases[i][1]));
        assert_memory_equal(out, cases[i][1], w.length);
    }
}


static void
id_and_json(void **state)
{
    static const char id[] = "street/1764586884000/42";
    static const char json[] =
        "{\"frame\":\"/9j/2Q==\",\"timestamp\":\"2026-12-01 11:01:24\","
        "\"camera_id\":\"street\",\"frame_number\":42}";

    vstream_frame_t  frame = { .epoch = 1764586884000, .seq = 42 };
    vstream_writer_t w;
    char             out[256];

    (void) state;

    vstream_writer_init(&w, out, sizeof(out));
    vstream_kafka_id_write(&w, VSTREAM_SLICE("street"), &frame);
    assert_int_equal(w.length, sizeof(id) - 1);
    assert_memory_equal(out, id, w.length);

    vstream_writer_init(&w, out, sizeof(out));
    vstream_kafka_json_write(&w, VSTREAM_SLICE("street"), &frame,
                             VSTREAM_SLICE("2026-12-01 11:01:24"),
                             VSTREAM_SLICE("\xff\xd8\xff\xd9"));
    assert_int_equal(w.length, sizeof(json) - 1);
    assert_memory_equal(out, json, w.length);

    vstream_writer_init(&w, NULL, 0);
    vstream_kafka_json_write(&w, VSTREAM_SLICE("street"), &frame,
                             VSTREAM_SLICE("2026-12-01 11:01:24"),
                             VSTREAM_SLICE("\xff\xd8\xff\xd9"));
    assert_int_equal(w.length, sizeof(json) - 1);
}


int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(topics),
        cmocka_unit_test(topic_of_a_camera),
        cmocka_unit_test(id_and_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
