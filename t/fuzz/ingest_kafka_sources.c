/*
 * Values of a topic, one a line after its key and a tab: a camera with an id
 * gets none but its own, one without gets all, and each gets bytes that were
 * really sent.
 */

#include "fuzz.h"

#include "vsw_kafka_sources.h"
#include "vsw_log.h"

#define TAPS 3


typedef struct {
    vsw_kafka_tap_t tap;
    uint64_t        sent;
    vstream_slice_t last; /* record that came before it was sent */
} camera_t;


static int
on_send(void *data, const vsw_link_value_t *head, const void *value,
        size_t length)
{
    camera_t *camera = data;

    (void) head;
    camera->sent++;
    fuzz_check(fuzz_equals(fuzz_slice(value, length), camera->last));

    return VSTREAM_OK;
}


static void
tap_open(vsw_kafka_topic_t *topic, camera_t *camera, const char *id)
{
    memset(camera, 0, sizeof(*camera));
    memcpy(camera->tap.camera, id, strlen(id) + 1);
    camera->tap.send = on_send;
    camera->tap.data = camera;
    camera->tap.stamp_unix_ms = -1;
    camera->tap.topic = topic;
    camera->tap.next = topic->taps;
    topic->taps = &camera->tap;
}


static void
record_read(const uint8_t **data, size_t *size, vsw_kafka_record_t *record)
{
    vstream_slice_t line = fuzz_line(data, size);
    const char *tab = line.length ? memchr(line.data, '\t', line.length) : NULL;

    record->key = (vstream_slice_t) { line.data, 0 };
    record->value = line;
    record->partition = (int32_t) (line.length % 2);
    record->stamp_unix_ms = (int64_t) line.length;

    if (tab != NULL) {
        record->key.length = (size_t) (tab - line.data);
        record->value.data = tab + 1;
        record->value.length = line.length - record->key.length - 1;
    }
}


static uint64_t
check_record(vsw_kafka_topic_t *topic, camera_t *cameras,
             const vsw_kafka_record_t *record)
{
    uint64_t before[TAPS], claimed = 0;

    for (int i = 0; i < TAPS; i++) {
        before[i] = cameras[i].tap.values;
    }

    vsw_kafka_topic_value(topic, record);

    for (int i = 0; i < TAPS; i++) {
        if (cameras[i].tap.values > before[i]) {
            claimed += cameras[i].tap.camera[0] != '\0';
            fuzz_check(cameras[i].tap.values == before[i] + 1);

            if (cameras[i].tap.stamp_unix_ms == record->stamp_unix_ms) {
                cameras[i].last = record->value;
            }
        }
        vsw_kafka_tap_flush(&cameras[i].tap);
    }

    fuzz_check(claimed <= 1);

    if (record->key.length == 4 && memcmp(record->key.data, "gate", 4) == 0
        && record->value.length > 0)
    {
        fuzz_check(cameras[1].tap.values == before[1] + 1);
    }

    return claimed;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    camera_t            cameras[TAPS];
    uint64_t            values = 0;
    vsw_kafka_topic_t   topic = { .taps = NULL };
    vsw_kafka_record_t  record;
    vsw_kafka_sources_t sources = { .loop = NULL };

    topic.sources = &sources;
    tap_open(&topic, &cameras[0], "");
    tap_open(&topic, &cameras[1], "gate");
    tap_open(&topic, &cameras[2], "7");

    while (size > 0) {
        record_read(&data, &size, &record);
        (void) check_record(&topic, cameras, &record);
        values += record.value.length > 0;
    }

    fuzz_check(cameras[0].tap.values == values);

    for (int i = 0; i < TAPS; i++) {
        fuzz_check(cameras[i].sent + cameras[i].tap.late
                   == cameras[i].tap.values);
        free(cameras[i].tap.value);
    }

    return 0;
}
