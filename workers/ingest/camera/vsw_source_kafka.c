/*
 * kafka: values of a topic, which the supervisor reads and passes on.  Nobody
 * is dialled from here, so opening takes as long as it takes until the first
 * picture.  What holds no picture is counted and passed by; of the first one a
 * sample is logged, escaped.
 */

#include <errno.h>
#include <stdlib.h>

#include <libavutil/time.h>

#include "vstream_envelope.h"
#include "vstream_jpeg.h"
#include "vstream_writer.h"
#include "vsw_source.h"

/* A wait looks this often whether the source was stopped. */
#define VSW_KAFKA_SLICE_US 100000

#define VSW_KAFKA_SAMPLE_MAX 64


/* The picture that the source was opened with: it is read first. */
typedef struct {
    AVPacket *first;
} vsw_kafka_t;


/* Tells once what is wrong; `text` follows "a value ". */
static void
vsw_kafka_value_break(vsw_source_t *source, const vsw_value_t *value,
                      const char *text)
{
    char             sample[4 * VSW_KAFKA_SAMPLE_MAX + 8];
    vstream_writer_t w;

    if (vsw_value_box_break(source->values) > 1) {
        return;
    }

    vstream_writer_init(&w, sample, sizeof(sample) - 1);
    vstream_writer_log_text(
        &w, (vstream_slice_t) { (const char *) value->data, value->length },
        VSW_KAFKA_SAMPLE_MAX);
    sample[w.length] = '\0';

    av_log(NULL, AV_LOG_WARNING,
           "a value of %zu bytes %s; more like it are only counted: %s\n",
           value->length, text, sample);
}


/* NULL: there is a picture in `packet`; else what is wrong with the value. */
static const char *
vsw_kafka_value_open(vsw_source_t *source, const vsw_value_t *value,
                     AVPacket *packet, vstream_jpeg_t *jpeg)
{
    size_t                    capacity, length;
    vstream_slice_t           data;
    vstream_envelope_t        envelope;
    vstream_jpeg_result_t     picture;
    vstream_envelope_result_t result;

    data = (vstream_slice_t) { (const char *) value->data, value->length };
    result = vstream_envelope_read(data, &envelope);

    if (result != VSTREAM_ENVELOPE_OK) {
        return vstream_envelope_result_text(result);
    }

    capacity = envelope.picture.length < source->config->max_frame_bytes
                   ? envelope.picture.length
                   : source->config->max_frame_bytes;

    if (av_new_packet(packet, (int) capacity) < 0) {
        return "finds no memory";
    }

    result = vstream_envelope_open(&envelope, packet->data, capacity, &length);

    if (result != VSTREAM_ENVELOPE_OK) {
        return vstream_envelope_result_text(result);
    }

    data = (vstream_slice_t) { (const char *) packet->data, length };
    picture = vstream_jpeg_scan(data, source->config->max_pixels, jpeg);

    if (picture != VSTREAM_JPEG_OK) {
        return picture == VSTREAM_JPEG_TOO_LARGE
                   ? "holds a JPEG of too many pixels"
               : picture == VSTREAM_JPEG_TRUNCATED
                   ? "holds a JPEG that is cut off"
                   : "holds what begins as a JPEG and is none that we know";
    }

    av_shrink_packet(packet, (int) jpeg->length);

    return NULL;
}


/* Waits a moment for a picture.  VSTREAM_AGAIN: none came. */
static int
vsw_kafka_picture_take(vsw_source_t *source, AVPacket *packet,
                       vstream_jpeg_t *jpeg)
{
    vsw_value_t value;
    const char *wrong;

    if (vsw_value_box_take(source->values, VSW_KAFKA_SLICE_US, &value)
        != VSTREAM_OK)
    {
        return VSTREAM_AGAIN;
    }

    wrong = vsw_kafka_value_open(source, &value, packet, jpeg);

    if (wrong != NULL) {
        av_packet_unref(packet);
        vsw_kafka_value_break(source, &value, wrong);
    }

    source->arrived_unix_us = value.t_unix_us;
    free(value.data);

    return wrong == NULL ? VSTREAM_OK : VSTREAM_AGAIN;
}


int
vsw_source_kafka_open(vsw_source_t *source, vsw_failure_t *failure)
{
    vsw_kafka_t       *kafka;
    vstream_jpeg_t     jpeg;
    AVCodecParameters *p = source->parameters;

    kafka = source->state = calloc(1, sizeof(*kafka));
    if (kafka != NULL) {
        kafka->first = av_packet_alloc();
    }

    if (kafka == NULL || kafka->first == NULL) {
        vsw_failure_set_av(failure, AVERROR(ENOMEM), "the topic");
        return VSTREAM_ERROR;
    }

    while (vsw_kafka_picture_take(source, kafka->first, &jpeg) != VSTREAM_OK) {
        if (atomic_load(&source->is_stopped)) {
            return VSTREAM_ERROR;
        }
    }

    p->codec_type = AVMEDIA_TYPE_VIDEO;
    p->codec_id = AV_CODEC_ID_MJPEG;
    p->width = (int) jpeg.width;
    p->height = (int) jpeg.height;

    return VSTREAM_OK;
}


int
vsw_source_kafka_read(vsw_source_t *source, AVPacket *packet,
                      vsw_failure_t *failure)
{
    vsw_kafka_t   *kafka = source->state;
    vstream_jpeg_t jpeg;

    if (kafka->first->data != NULL) {
        av_packet_move_ref(packet, kafka->first);
        return VSTREAM_OK;
    }

    while (vsw_kafka_picture_take(source, packet, &jpeg) != VSTREAM_OK) {
        if (vsw_source_is_interrupted(source)) {
            vsw_failure_set(failure, VSTREAM_REASON_STALLED,
                            "no pictures come from the topic any more: check "
                            "the program that writes to it");
            return VSTREAM_ERROR;
        }
    }

    return VSTREAM_OK;
}


void
vsw_source_kafka_close(vsw_source_t *source)
{
    vsw_kafka_t *kafka = source->state;

    if (kafka != NULL) {
        av_packet_free(&kafka->first);
        free(kafka);
    }
}
