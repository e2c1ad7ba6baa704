/*
 * The contract in Kafka, see vstream_kafka.h.
 */

#include "vstream_kafka.h"

#include "vstream_base64.h"

#include <string.h>


static int vstream_kafka_is_topic_char(char c);


int
vstream_kafka_topic_check(vstream_slice_t topic)
{
    size_t i, dots = 0;

    if (topic.length == 0 || topic.length > VSTREAM_KAFKA_TOPIC_MAX) {
        return VSTREAM_ERROR;
    }

    for (i = 0; i < topic.length; i++) {
        if (!vstream_kafka_is_topic_char(topic.data[i])) {
            return VSTREAM_ERROR;
        }

        dots += topic.data[i] == '.';
    }

    return topic.length <= 2 && dots == topic.length ? VSTREAM_ERROR
                                                     : VSTREAM_OK;
}


void
vstream_kafka_topic_write(vstream_writer_t *w, vstream_slice_t id)
{
    size_t i;

    vstream_writer_text(w, VSTREAM_KAFKA_CAMERA_TOPIC);

    for (i = 0; i < id.length; i++) {
        vstream_writer_bytes(w, id.data[i] == '.' ? "-" : &id.data[i], 1);
    }
}


void
vstream_kafka_id_write(vstream_writer_t *w, vstream_slice_t id,
                       const vstream_frame_t *frame)
{
    vstream_writer_slice_append(w, id);
    vstream_writer_text(w, "/");
    vstream_writer_uint(w, frame->epoch);
    vstream_writer_text(w, "/");
    vstream_writer_uint(w, frame->seq);
}


void
vstream_kafka_json_write(vstream_writer_t *w, vstream_slice_t id,
                         const vstream_frame_t *frame,
                         vstream_slice_t timestamp, vstream_slice_t jpeg)
{
    vstream_writer_text(w, "{\"frame\":\"");
    vstream_base64_write(w, jpeg);
    vstream_writer_text(w, "\",\"timestamp\":");
    vstream_writer_json_string(w, timestamp);
    vstream_writer_text(w, ",\"camera_id\":");
    vstream_writer_json_string(w, id);
    vstream_writer_text(w, ",\"frame_number\":");
    vstream_writer_uint(w, frame->seq);
    vstream_writer_text(w, "}");
}


static int
vstream_kafka_is_topic_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
}
