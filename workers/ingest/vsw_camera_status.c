/*
 * Status of a camera, see vsw_camera_status.h.
 */

#include "vsw_camera_status.h"


/* Of a camera whose frames do not go to Kafka, nothing is said of it. */
static void
vsw_camera_status_kafka(const vsw_camera_t *camera, vsw_args_t *args)
{
    vsw_kafka_camera_t *kafka = camera->publisher.kafka;

    if (!vsw_camera_is_sent(camera)) {
        return;
    }

    vsw_args_text(args, VSTREAM_STATUS_KAFKA);
    vsw_args_text(args, vsw_kafka_camera_state(kafka));
    vsw_args_text(args, VSTREAM_STATUS_KAFKA_DETAIL);
    vsw_args_text(args, vsw_kafka_camera_detail(kafka));
    vsw_args_text(args, VSTREAM_STATUS_KAFKA_PUBLISHED);
    vsw_args_int(args, (int64_t) vsw_kafka_camera_counts(kafka)->published);
    vsw_args_text(args, VSTREAM_STATUS_KAFKA_DROPPED);
    vsw_args_int(args, (int64_t) vsw_kafka_camera_drops(kafka));
}


void
vsw_camera_status_write(const vsw_camera_t *camera, vsw_args_t *args)
{
    const vsw_publisher_t   *publisher = &camera->publisher;
    const vsw_link_counts_t *counts = &camera->counts;
    const struct {
        const char *name;
        const char *value;
    } texts[] = {
        { VSTREAM_STATUS_STATE, vsw_camera_state_text(camera->state) },
        { VSTREAM_STATUS_REASON, camera->reason },
        { VSTREAM_STATUS_DETAIL, camera->detail },
        { VSTREAM_STATUS_OWNER, camera->env->config->replica },
        { VSTREAM_STATUS_CODEC, camera->codec },
        { VSTREAM_STATUS_SUBSTREAM, camera->substream },
        { VSTREAM_STATUS_SUBSTREAM_DETAIL, camera->substream_detail },
    };
    const struct {
        const char *name;
        uint64_t    value;
    } numbers[] = {
        { VSTREAM_STATUS_EPOCH, camera->lease.epoch },
        { VSTREAM_STATUS_SINCE, (uint64_t) camera->since_unix_ms },
        { VSTREAM_STATUS_WIDTH, camera->width },
        { VSTREAM_STATUS_HEIGHT, camera->height },
        { VSTREAM_STATUS_KBPS, counts->kbps },
        { VSTREAM_STATUS_KEYFRAME_MS, counts->keyframe_ms },
        { VSTREAM_STATUS_HEARD, (uint64_t) camera->heard_unix_us },
        { VSTREAM_STATUS_STILL, (uint64_t) publisher->still_unix_us },
        { VSTREAM_STATUS_WATCHED, vsw_publisher_watched(publisher) },
        { VSTREAM_STATUS_ACCESS_UNITS,
          camera->access_units + counts->access_units },
        { VSTREAM_STATUS_FRAMES_PUBLISHED,
          vsw_publisher_pushed(publisher) + publisher->stills },
        { VSTREAM_STATUS_FRAMES_DROPPED, camera->late + counts->frames_late
                                             + vsw_publisher_drops(publisher)
                                             + vsw_camera_values_late(camera) },
        { VSTREAM_STATUS_DIALS, camera->dials },
        { VSTREAM_STATUS_RESTARTS, camera->restarts },
    };
    size_t i;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        vsw_args_text(args, texts[i].name);
        vsw_args_text(args, texts[i].value);
    }

    for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        vsw_args_text(args, numbers[i].name);
        vsw_args_int(args, (int64_t) numbers[i].value);
    }

    vsw_args_text(args, VSTREAM_STATUS_FPS);
    vsw_args_decimal(args, counts->fps_milli, 3);
    vsw_camera_status_kafka(camera, args);
}
