/*
 * The contract in Kafka: topics, and the headers of a frame.  They are those
 * of a CloudEvent in binary mode (CloudEvents 1.0, Kafka protocol binding
 * section 3.2), with what a picture needs beside.  Numbers are decimal text.
 *
 * vstream.frames.v1   key: camera id; value: the JPEG (or an older form)
 */

#ifndef VSTREAM_KAFKA_H
#define VSTREAM_KAFKA_H

#include "vstream_frame.h"

#define VSTREAM_TOPIC_FRAMES "vstream.frames.v1"

#define VSTREAM_KAFKA_TOPIC_MAX 249

/* Where each camera has a topic of its own. */
#define VSTREAM_KAFKA_CAMERA_TOPIC "camera-"

/* Headers of a frame. */
#define VSTREAM_KAFKA_SPECVERSION  "ce_specversion"
#define VSTREAM_KAFKA_ID           "ce_id"     /* <camera>/<epoch>/<seq> */
#define VSTREAM_KAFKA_SOURCE       "ce_source" /* /cameras/<camera> */
#define VSTREAM_KAFKA_TYPE         "ce_type"
#define VSTREAM_KAFKA_TIME         "ce_time" /* RFC 3339, UTC, microseconds */
#define VSTREAM_KAFKA_CONTENT_TYPE "content-type"
#define VSTREAM_KAFKA_WIDTH        "width"
#define VSTREAM_KAFKA_HEIGHT       "height"
#define VSTREAM_KAFKA_EPOCH        "epoch"
#define VSTREAM_KAFKA_SEQ          "seq"

#define VSTREAM_KAFKA_SPECVERSION_VALUE "1.0"
#define VSTREAM_KAFKA_TYPE_VALUE        "vstream.frame.v1"
#define VSTREAM_KAFKA_SOURCE_PREFIX     "/cameras/"

/* content-type, by form of the value. */
#define VSTREAM_KAFKA_CONTENT_JPEG   "image/jpeg"
#define VSTREAM_KAFKA_CONTENT_BASE64 "text/plain"
#define VSTREAM_KAFKA_CONTENT_JSON   "application/json"


/*
 * 1 to VSTREAM_KAFKA_TOPIC_MAX of letters, digits, dot, dash and underscore,
 * but neither "." nor "..".  VSTREAM_OK or VSTREAM_ERROR.
 */
int vstream_kafka_topic_check(vstream_slice_t topic);

/*
 * The topic of one camera: "camera-", then its id with dashes for dots.  Two
 * ids may give one topic; whoever uses it has to look.
 */
void vstream_kafka_topic_write(vstream_writer_t *w, vstream_slice_t id);

/* Writes `<camera>/<epoch>/<seq>`. */
void vstream_kafka_id_write(vstream_writer_t *w, vstream_slice_t id,
                            const vstream_frame_t *frame);

/*
 * Writes `{"frame":"<base64>","timestamp":"YYYY-MM-DD HH:MM:SS",
 * "camera_id":"...","frame_number":n}`, the older form.  `timestamp` is
 * written as it is given; frame_number is seq.
 */
void vstream_kafka_json_write(vstream_writer_t *w, vstream_slice_t id,
                              const vstream_frame_t *frame,
                              vstream_slice_t timestamp, vstream_slice_t jpeg);


#endif /* VSTREAM_KAFKA_H */
