/*
 * Topics of Kafka: a name passes where Kafka would take it, and that of any
 * camera passes.
 */

#include "fuzz.h"

#include "vstream_camera_id.h"
#include "vstream_kafka.h"


/* org.apache.kafka.common.internals.Topic.isValid() */
static int
is_topic(vstream_slice_t name)
{
    static const char legal[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

    size_t i;

    for (i = 0; i < name.length; i++) {
        if (memchr(legal, name.data[i], sizeof(legal) - 1) == NULL) {
            return 0;
        }
    }

    return name.length > 0 && name.length <= 249
           && !fuzz_equals(name, VSTREAM_SLICE("."))
           && !fuzz_equals(name, VSTREAM_SLICE(".."));
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char             buffer[VSTREAM_KAFKA_TOPIC_MAX];
    vstream_slice_t  name = fuzz_slice(data, size);
    vstream_writer_t w;

    fuzz_check((vstream_kafka_topic_check(name) == VSTREAM_OK)
               == is_topic(name));

    if (vstream_camera_id_check(name) != VSTREAM_OK) {
        return 0;
    }

    vstream_writer_init(&w, buffer, sizeof(buffer));
    vstream_kafka_topic_write(&w, name);
    fuzz_check(vstream_writer_status(&w) == VSTREAM_OK);
    fuzz_check(is_topic(vstream_writer_slice(&w)));
    fuzz_check(memchr(buffer, '.', w.length) == NULL);

    return 0;
}
