/*
 * Frames to Kafka, see vsw_kafka_frames.h.
 *
 * DESIGN  A frame is written once, in the form that Kafka gets, into a buffer
 * of the camera's slot, which librdkafka borrows until it reports and from
 * which it writes to the socket: a JPEG is copied once.  Nothing is tried
 * twice: by then a newer frame is there, and no partition sees frames out of
 * order.  Where Kafka is away, two frames of each camera are under way for
 * `timeout_ms` at a time, which is how the client knows that it is wanted.
 */

#include "vsw_kafka_frames.h"

#include "vsw_clock.h"
#include "vsw_frame_topics.h"
#include "vsw_kafka_slot.h"
#include "vsw_log.h"
#include "vstream_base64.h"
#include "vstream_kafka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define VSW_KAFKA_HEADERS     10
#define VSW_KAFKA_NUMBER      24
#define VSW_KAFKA_DETAIL_MAX  400
#define VSW_KAFKA_SOURCE_MAX  96
#define VSW_KAFKA_TIME_MAX    32
#define VSW_KAFKA_EVENT_ID    128
#define VSW_KAFKA_CREATE_MS   10000 /* until it is tried again */
#define VSW_KAFKA_FAILURES_MS 10000 /* between two lines on failures */


struct vsw_kafka_frames_s {
    struct ev_loop    *loop;
    vsw_config_kafka_t config; /* its texts are borrowed */
    vsw_kafka_t       *kafka;  /* NULL: it could not be made */
    char               error[VSW_KAFKA_ERROR_MAX]; /* why */
    int64_t            create_ms;
    vsw_frame_topics_t topics;
    vsw_frame_topic_t *topic; /* of all; NULL: each has its own */
    vsw_ages_t         ages;  /* from capture to Kafka's answer */
    vsw_kafka_calls_t  calls;
    int64_t            failure_ms; /* when one was logged */
};

struct vsw_kafka_camera_s {
    vsw_kafka_frames_t *frames;
    const char         *id;
    const vsw_lease_t  *lease;
    vsw_frame_topic_t  *topic;
    vsw_kafka_slot_t   *slot;
    vsw_kafka_counts_t  counts;
    char                source[VSW_KAFKA_SOURCE_MAX];
    char                detail[VSW_KAFKA_DETAIL_MAX];
};


static void vsw_kafka_frames_connect(vsw_kafka_frames_t *frames);
static void vsw_kafka_frames_event(void *data, rd_kafka_event_t *event);
static void vsw_kafka_frames_report(vsw_kafka_frames_t       *frames,
                                    const rd_kafka_message_t *message);
static int  vsw_kafka_camera_join(vsw_kafka_camera_t *camera);
static bool vsw_kafka_camera_is_alone(const vsw_kafka_camera_t *camera);
static bool vsw_kafka_camera_may_put(const vsw_kafka_camera_t *camera,
                                     vsw_kafka_drop_t         *reason);
static vsw_kafka_frame_t *vsw_kafka_camera_put(vsw_kafka_camera_t    *camera,
                                               const vstream_frame_t *frame,
                                               vstream_slice_t        jpeg);
static void vsw_kafka_value_write(vstream_writer_t *w, vsw_kafka_value_t form,
                                  const char *id, const vstream_frame_t *frame,
                                  vstream_slice_t jpeg);
static void vsw_kafka_camera_send(vsw_kafka_camera_t *camera);
static bool vsw_kafka_camera_may_send(vsw_kafka_camera_t      *camera,
                                      const vsw_kafka_frame_t *frame);
static rd_kafka_resp_err_t vsw_kafka_camera_produce(vsw_kafka_camera_t *camera,
                                                    vsw_kafka_frame_t  *frame);
static rd_kafka_headers_t *vsw_kafka_camera_headers(
    const vsw_kafka_camera_t *camera, const vstream_frame_t *frame);
static void vsw_kafka_header(rd_kafka_headers_t *headers, const char *name,
                             const char *value, size_t length);
static void vsw_kafka_header_number(rd_kafka_headers_t *headers,
                                    const char *name, uint64_t value);
static void vsw_kafka_camera_fail(vsw_kafka_camera_t *camera,
                                  rd_kafka_resp_err_t code);
static vsw_kafka_drop_t vsw_kafka_drop_of(rd_kafka_resp_err_t code,
                                          vsw_kafka_state_t   state);
static void             vsw_kafka_camera_drop(vsw_kafka_camera_t *camera,
                                              vsw_kafka_drop_t    reason);


/* By vsw_kafka_value_t. */
static const char *const vsw_kafka_contents[] = { VSTREAM_KAFKA_CONTENT_JPEG,
                                                  VSTREAM_KAFKA_CONTENT_BASE64,
                                                  VSTREAM_KAFKA_CONTENT_JSON };


vsw_kafka_frames_t *
vsw_kafka_frames_create(struct ev_loop *loop, const vsw_config_kafka_t *config)
{
    vsw_kafka_frames_t *frames = calloc(1, sizeof(*frames));
    const char         *topic = config->frames.topic;

    if (frames == NULL) {
        return NULL;
    }

    frames->loop = loop;
    frames->config = *config;
    vsw_ages_init(&frames->ages, vsw_ages_of_frames_us);
    vsw_ages_init(&frames->calls.times, vsw_ages_of_calls_us);
    vsw_frame_topics_init(&frames->topics, &frames->config.topics);

    if (!*config->frames.topic_per_camera) {
        frames->topic = vsw_frame_topics_join(
            &frames->topics, (vstream_slice_t) { topic, strlen(topic) });
        if (frames->topic == NULL) {
            free(frames);
            return NULL;
        }
        vsw_frame_topics_want(frames->topic);
    }

    return frames;
}


void
vsw_kafka_frames_destroy(vsw_kafka_frames_t *frames)
{
    if (frames == NULL) {
        return;
    }

    vsw_frame_topics_clear(&frames->topics);
    (void) vsw_kafka_destroy(frames->kafka);
    free(frames);
}


void
vsw_kafka_frames_tick(vsw_kafka_frames_t *frames, int64_t now_ms)
{
    if (frames == NULL) {
        return;
    }

    if (frames->kafka == NULL && now_ms >= frames->create_ms) {
        vsw_kafka_frames_connect(frames);
        frames->create_ms = now_ms + VSW_KAFKA_CREATE_MS;
    }

    if (frames->kafka != NULL) {
        vsw_frame_topics_tick(&frames->topics, now_ms);
    }
}


vsw_kafka_camera_t *
vsw_kafka_camera_create(vsw_kafka_frames_t *frames, const char *id,
                        const vsw_lease_t *lease)
{
    vsw_kafka_camera_t *camera;

    if (frames == NULL) {
        return NULL;
    }

    camera = calloc(1, sizeof(*camera));
    if (camera == NULL) {
        return NULL;
    }

    camera->frames = frames;
    camera->id = id;
    camera->lease = lease;
    camera->slot = vsw_kafka_slot_create(camera);
    snprintf(camera->source, sizeof(camera->source), "%s%s",
             VSTREAM_KAFKA_SOURCE_PREFIX, id);

    if (camera->slot == NULL || vsw_kafka_camera_join(camera) != 0) {
        vsw_kafka_camera_destroy(camera);
        return NULL;
    }

    return camera;
}


void
vsw_kafka_camera_destroy(vsw_kafka_camera_t *camera)
{
    if (camera == NULL) {
        return;
    }

    if (camera->topic != NULL) {
        vsw_frame_topics_leave(&camera->frames->topics, camera->topic);
    }

    vsw_kafka_slot_close(camera->slot);
    free(camera);
}


void
vsw_kafka_camera_begin(vsw_kafka_camera_t *camera)
{
    if (camera != NULL) {
        memset(&camera->counts, 0, sizeof(camera->counts));
    }
}


void
vsw_kafka_camera_frame(vsw_kafka_camera_t *camera, const vstream_frame_t *frame,
                       vstream_slice_t jpeg)
{
    vsw_kafka_drop_t reason;

    if (vsw_kafka_camera_is_alone(camera)) {
        vsw_frame_topics_want(camera->topic);
    }

    if (!vsw_kafka_camera_may_put(camera, &reason)) {
        vsw_kafka_camera_drop(camera, reason);
        return;
    }

    if (vsw_kafka_camera_put(camera, frame, jpeg) == NULL) {
        vsw_kafka_camera_drop(camera, VSW_KAFKA_DROP_QUEUE_FULL);
        return;
    }

    vsw_kafka_camera_send(camera);
}


const vsw_kafka_counts_t *
vsw_kafka_camera_counts(const vsw_kafka_camera_t *camera)
{
    return &camera->counts;
}


uint64_t
vsw_kafka_camera_drops(const vsw_kafka_camera_t *camera)
{
    uint64_t sum = 0;
    size_t   i;

    for (i = 0; i < VSW_KAFKA_DROP_REASONS; i++) {
        sum += camera->counts.dropped[i];
    }

    return sum;
}


const char *
vsw_kafka_camera_state(const vsw_kafka_camera_t *camera)
{
    vsw_kafka_state_t state = vsw_kafka_frames_state(camera->frames);

    if (!vsw_kafka_camera_is_alone(camera)) {
        return vsw_kafka_drop_text(VSW_KAFKA_DROP_SAME_TOPIC);
    }

    if (state == VSW_KAFKA_UP
        && camera->topic->state == VSW_FRAME_TOPIC_MISSING) {
        return vsw_kafka_drop_text(VSW_KAFKA_DROP_UNKNOWN_TOPIC);
    }

    return vsw_kafka_state_text(state);
}


const char *
vsw_kafka_camera_detail(vsw_kafka_camera_t *camera)
{
    char       *detail = camera->detail;
    const char *name = camera->topic->name;

    if (!vsw_kafka_camera_is_alone(camera)) {
        snprintf(detail, VSW_KAFKA_DETAIL_MAX,
                 "another camera's id gives the same topic, %s; neither is "
                 "sent before one is renamed",
                 name);
        return detail;
    }

    if (vsw_kafka_frames_state(camera->frames) != VSW_KAFKA_UP) {
        return vsw_kafka_frames_detail(camera->frames);
    }

    if (camera->topic->state != VSW_FRAME_TOPIC_MISSING) {
        return "";
    }

    snprintf(detail, VSW_KAFKA_DETAIL_MAX,
             "kafka has no topic %s: create it, or set kafka.topics.create",
             name);

    return detail;
}


vsw_kafka_state_t
vsw_kafka_frames_state(const vsw_kafka_frames_t *frames)
{
    return frames->kafka == NULL ? VSW_KAFKA_REFUSED
                                 : vsw_kafka_state(frames->kafka);
}


const char *
vsw_kafka_frames_detail(const vsw_kafka_frames_t *frames)
{
    return frames->kafka == NULL ? frames->error
                                 : vsw_kafka_detail(frames->kafka);
}


size_t
vsw_kafka_frames_queued(const vsw_kafka_frames_t *frames)
{
    return frames->kafka == NULL
               ? 0
               : (size_t) rd_kafka_outq_len(vsw_kafka_handle(frames->kafka));
}


const vsw_ages_t *
vsw_kafka_frames_ages(const vsw_kafka_frames_t *frames)
{
    return &frames->ages;
}


unsigned
vsw_kafka_frames_topics_missing(const vsw_kafka_frames_t *frames)
{
    return vsw_frame_topics_missing(&frames->topics);
}


const vsw_kafka_calls_t *
vsw_kafka_frames_calls(const vsw_kafka_frames_t *frames)
{
    return &frames->calls;
}


const char *
vsw_kafka_drop_text(vsw_kafka_drop_t reason)
{
    static const char *const texts[VSW_KAFKA_DROP_REASONS] = {
        "superseded", "no_lease",  "queue_full",    "timed_out",  "away",
        "refused",    "too_large", "unknown_topic", "same_topic", "failed",
    };

    return texts[reason];
}


/* A certificate that cannot be read stops no camera; it may yet be mended. */
static void
vsw_kafka_frames_connect(vsw_kafka_frames_t *frames)
{
    static const vsw_kafka_handlers_t handlers = {
        .event = vsw_kafka_frames_event,
    };

    char              timeout[VSW_KAFKA_NUMBER], messages[VSW_KAFKA_NUMBER];
    char              kbytes[VSW_KAFKA_NUMBER], largest[VSW_KAFKA_NUMBER];
    char              batch[VSW_KAFKA_NUMBER];
    const char *const settings[][2] = {
        { "acks", "1" },
        { "partitioner", "murmur2_random" },
        { "linger.ms", "0" },
        { "message.timeout.ms", timeout },
        { "message.send.max.retries", "0" },
        { "message.max.bytes", largest },
        { "message.copy.max.bytes", "4096" },
        { "batch.size", batch },
        { "queue.buffering.max.messages", messages },
        { "queue.buffering.max.kbytes", kbytes },
        { "topic.metadata.refresh.interval.ms", "5000" },
    };

    const vsw_config_kafka_frames_t *config = &frames->config.frames;

    snprintf(timeout, sizeof(timeout), "%u", config->timeout_ms);
    snprintf(messages, sizeof(messages), "%u", config->queue_messages);
    snprintf(kbytes, sizeof(kbytes), "%u", config->queue_mb * 1024);
    snprintf(largest, sizeof(largest), "%d", VSW_KAFKA_MESSAGE_MAX);
    snprintf(batch, sizeof(batch), "%d", VSW_KAFKA_BATCH_MAX);

    frames->kafka = vsw_kafka_create(
        frames->loop, &frames->config.client,
        &(vsw_kafka_options_t) { .name = "frames",
                                 .type = RD_KAFKA_PRODUCER,
                                 .events = RD_KAFKA_EVENT_DR,
                                 .settings = settings,
                                 .settings_count =
                                     sizeof(settings) / sizeof(settings[0]) },
        &handlers, frames, frames->error);

    if (frames->kafka == NULL) {
        vsw_log(VSW_LOG_ERROR, "no frames go to kafka",
                VSW_LOG_TEXT("error", frames->error));
        return;
    }

    vsw_frame_topics_connect(&frames->topics, frames->kafka);
}


static void
vsw_kafka_frames_event(void *data, rd_kafka_event_t *event)
{
    vsw_kafka_frames_t       *frames = data;
    const rd_kafka_message_t *message;

    if (rd_kafka_event_type(event) != RD_KAFKA_EVENT_DR) {
        vsw_frame_topics_event(&frames->topics, event);
        return;
    }

    while ((message = rd_kafka_event_message_next(event)) != NULL) {
        vsw_kafka_frames_report(frames, message);
    }
}


static void
vsw_kafka_frames_report(vsw_kafka_frames_t       *frames,
                        const rd_kafka_message_t *message)
{
    vsw_kafka_frame_t  *frame = message->_private;
    vsw_kafka_camera_t *camera = vsw_kafka_slot_data(frame->slot);
    int64_t             t_unix_us = frame->frame.t_unix_us;

    if (!vsw_kafka_slot_done(frame) || camera == NULL) {
        return; /* the camera has gone meanwhile */
    }

    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        camera->counts.published++;
        vsw_ages_add(&frames->ages, vsw_clock_unix_us() - t_unix_us);
        vsw_kafka_heard(frames->kafka);
    } else {
        vsw_kafka_camera_fail(camera, message->err);
    }

    vsw_kafka_camera_send(camera);
}


static int
vsw_kafka_camera_join(vsw_kafka_camera_t *camera)
{
    vsw_kafka_frames_t *frames = camera->frames;
    vstream_writer_t    w;
    char                name[VSTREAM_KAFKA_TOPIC_MAX];

    vstream_writer_init(&w, name, sizeof(name));

    if (frames->topic != NULL) {
        vstream_writer_text(&w, frames->topic->name);
    } else {
        vstream_kafka_topic_write(
            &w, (vstream_slice_t) { camera->id, strlen(camera->id) });
    }

    if (vstream_writer_status(&w) != VSTREAM_OK) {
        return -1;
    }

    camera->topic =
        vsw_frame_topics_join(&frames->topics, vstream_writer_slice(&w));

    if (camera->topic != NULL && !vsw_kafka_camera_is_alone(camera)) {
        vsw_log(VSW_LOG_ERROR,
                "ids of cameras map to one kafka topic: frames of none of "
                "them are sent",
                VSW_LOG_TEXT("camera", camera->id),
                VSW_LOG_TEXT("topic", camera->topic->name));
    }

    return camera->topic == NULL ? -1 : 0;
}


/* Whose a frame is could not be told from a topic that two share. */
static bool
vsw_kafka_camera_is_alone(const vsw_kafka_camera_t *camera)
{
    return camera->frames->topic != NULL || camera->topic->users == 1;
}


/* Where nothing is known of the topic, a frame waits only if Kafka may come. */
static bool
vsw_kafka_camera_may_put(const vsw_kafka_camera_t *camera,
                         vsw_kafka_drop_t         *reason)
{
    vsw_frame_topic_state_t topic = camera->topic->state;
    vsw_kafka_state_t       state = vsw_kafka_frames_state(camera->frames);

    if (!vsw_kafka_camera_is_alone(camera)) {
        *reason = VSW_KAFKA_DROP_SAME_TOPIC;
        return false;
    }

    if (topic == VSW_FRAME_TOPIC_THERE) {
        return true;
    }

    if (state == VSW_KAFKA_REFUSED || state == VSW_KAFKA_AWAY) {
        *reason = state == VSW_KAFKA_AWAY ? VSW_KAFKA_DROP_AWAY
                                          : VSW_KAFKA_DROP_REFUSED;
        return false;
    }

    *reason = VSW_KAFKA_DROP_UNKNOWN_TOPIC;

    return topic == VSW_FRAME_TOPIC_UNKNOWN;
}


/* Writes the value, and leaves it to wait. */
static vsw_kafka_frame_t *
vsw_kafka_camera_put(vsw_kafka_camera_t *camera, const vstream_frame_t *frame,
                     vstream_slice_t jpeg)
{
    vsw_kafka_value_t  form = *camera->frames->config.frames.value;
    vsw_kafka_frame_t *put;
    vstream_writer_t   w;
    bool               superseded;

    vstream_writer_init(&w, NULL, 0);
    vsw_kafka_value_write(&w, form, camera->id, frame, jpeg);

    put = vsw_kafka_slot_put(camera->slot, w.length, &superseded);
    if (put == NULL) {
        return NULL;
    }

    if (superseded) {
        vsw_kafka_camera_drop(camera, VSW_KAFKA_DROP_SUPERSEDED);
    }

    put->frame = *frame;
    put->put_ms = vsw_clock_ms();
    vstream_writer_init(&w, put->bytes, put->length);
    vsw_kafka_value_write(&w, form, camera->id, frame, jpeg);

    return put;
}


static void
vsw_kafka_value_write(vstream_writer_t *w, vsw_kafka_value_t form,
                      const char *id, const vstream_frame_t *frame,
                      vstream_slice_t jpeg)
{
    time_t    seconds = (time_t) (frame->t_unix_us / 1000000);
    struct tm tm;
    char      text[VSW_KAFKA_TIME_MAX];

    switch (form) {
    case VSW_KAFKA_VALUE_JPEG:
        vstream_writer_slice_append(w, jpeg);
        break;

    case VSW_KAFKA_VALUE_BASE64:
        vstream_base64_write(w, jpeg);
        break;

    case VSW_KAFKA_VALUE_JSON:
        memset(&tm, 0, sizeof(tm));
        (void) gmtime_r(&seconds, &tm);
        (void) strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
        vstream_kafka_json_write(w, (vstream_slice_t) { id, strlen(id) }, frame,
                                 (vstream_slice_t) { text, strlen(text) },
                                 jpeg);
        break;
    }
}


/* All that may be under way now; what is refused is dropped. */
static void
vsw_kafka_camera_send(vsw_kafka_camera_t *camera)
{
    rd_kafka_resp_err_t code;
    vsw_kafka_frame_t  *frame;

    if (camera->topic->state != VSW_FRAME_TOPIC_THERE) {
        return; /* it waits until that is known */
    }

    while ((frame = vsw_kafka_slot_next(camera->slot)) != NULL) {
        if (!vsw_kafka_camera_may_send(camera, frame)) {
            (void) vsw_kafka_slot_done(frame);
            continue;
        }

        code = vsw_kafka_camera_produce(camera, frame);

        if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
            (void) vsw_kafka_slot_done(frame);
            vsw_kafka_camera_fail(camera, code);
        }
    }
}


/* What has waited for long, or for another's epoch, is of no use any more. */
static bool
vsw_kafka_camera_may_send(vsw_kafka_camera_t      *camera,
                          const vsw_kafka_frame_t *frame)
{
    uint32_t patience_ms = camera->frames->config.frames.timeout_ms;

    if (!vsw_lease_may_publish(camera->lease)
        || frame->frame.epoch != camera->lease->epoch)
    {
        vsw_kafka_camera_drop(camera, VSW_KAFKA_DROP_NO_LEASE);
        return false;
    }

    if (vsw_clock_ms() - frame->put_ms > patience_ms) {
        vsw_kafka_camera_drop(camera, VSW_KAFKA_DROP_TIMED_OUT);
        return false;
    }

    return true;
}


static rd_kafka_resp_err_t
vsw_kafka_camera_produce(vsw_kafka_camera_t *camera, vsw_kafka_frame_t *frame)
{
    vsw_kafka_frames_t *frames = camera->frames;
    rd_kafka_headers_t *headers;
    rd_kafka_resp_err_t code;
    rd_kafka_error_t   *error;
    int64_t             began_us, took_us;

    headers = vsw_kafka_camera_headers(camera, &frame->frame);

    /* No flags: the value is borrowed, and a full queue is told at once. */
    const rd_kafka_vu_t what[] = {
        { .vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = camera->topic->handle },
        { .vtype = RD_KAFKA_VTYPE_KEY,
          .u.mem = { (char *) camera->id, strlen(camera->id) } },
        { .vtype = RD_KAFKA_VTYPE_VALUE,
          .u.mem = { frame->bytes, frame->length } },
        { .vtype = RD_KAFKA_VTYPE_TIMESTAMP,
          .u.i64 = frame->frame.t_unix_us / 1000 },
        { .vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = frame },
        { .vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = 0 },
        { .vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers },
    };

    began_us = vsw_clock_us();
    error = rd_kafka_produceva(vsw_kafka_handle(frames->kafka), what,
                               sizeof(what) / sizeof(what[0]));
    took_us = vsw_clock_us() - began_us;

    vsw_ages_add(&frames->calls.times, took_us);
    if (took_us > frames->calls.longest_us) {
        frames->calls.longest_us = took_us;
    }

    if (error == NULL) {
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    }

    code = rd_kafka_error_code(error);
    rd_kafka_error_destroy(error);
    rd_kafka_headers_destroy(headers);

    return code;
}


static rd_kafka_headers_t *
vsw_kafka_camera_headers(const vsw_kafka_camera_t *camera,
                         const vstream_frame_t    *frame)
{
    const char         *content;
    rd_kafka_headers_t *headers = rd_kafka_headers_new(VSW_KAFKA_HEADERS);
    vstream_writer_t    w;
    time_t              seconds = (time_t) (frame->t_unix_us / 1000000);
    struct tm           tm = { .tm_mday = 1, .tm_year = 70 };
    size_t              n;
    char                text[VSW_KAFKA_EVENT_ID];

    content = vsw_kafka_contents[*camera->frames->config.frames.value];

    vsw_kafka_header(headers, VSTREAM_KAFKA_SPECVERSION,
                     VSTREAM_KAFKA_SPECVERSION_VALUE,
                     strlen(VSTREAM_KAFKA_SPECVERSION_VALUE));
    vsw_kafka_header(headers, VSTREAM_KAFKA_TYPE, VSTREAM_KAFKA_TYPE_VALUE,
                     strlen(VSTREAM_KAFKA_TYPE_VALUE));
    vsw_kafka_header(headers, VSTREAM_KAFKA_SOURCE, camera->source,
                     strlen(camera->source));

    vstream_writer_init(&w, text, sizeof(text));
    vstream_kafka_id_write(
        &w, (vstream_slice_t) { camera->id, strlen(camera->id) }, frame);
    vsw_kafka_header(headers, VSTREAM_KAFKA_ID, text, w.length);

    (void) gmtime_r(&seconds, &tm);
    n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
    n += (size_t) snprintf(text + n, sizeof(text) - n, ".%06uZ",
                           (unsigned) (frame->t_unix_us % 1000000));
    vsw_kafka_header(headers, VSTREAM_KAFKA_TIME, text, n);

    vsw_kafka_header(headers, VSTREAM_KAFKA_CONTENT_TYPE, content,
                     strlen(content));
    vsw_kafka_header_number(headers, VSTREAM_KAFKA_WIDTH, frame->width);
    vsw_kafka_header_number(headers, VSTREAM_KAFKA_HEIGHT, frame->height);
    vsw_kafka_header_number(headers, VSTREAM_KAFKA_EPOCH, frame->epoch);
    vsw_kafka_header_number(headers, VSTREAM_KAFKA_SEQ, frame->seq);

    return headers;
}


static void
vsw_kafka_header(rd_kafka_headers_t *headers, const char *name,
                 const char *value, size_t length)
{
    (void) rd_kafka_header_add(headers, name, -1, value, (ssize_t) length);
}


static void
vsw_kafka_header_number(rd_kafka_headers_t *headers, const char *name,
                        uint64_t value)
{
    vstream_writer_t w;
    char             text[VSW_KAFKA_NUMBER];

    vstream_writer_init(&w, text, sizeof(text));
    vstream_writer_uint(&w, value);
    vsw_kafka_header(headers, name, text, w.length);
}


/* The client, or a broker, did not take a frame. */
static void
vsw_kafka_camera_fail(vsw_kafka_camera_t *camera, rd_kafka_resp_err_t code)
{
    vsw_kafka_frames_t *frames = camera->frames;
    vsw_kafka_drop_t    reason;
    int64_t             now = vsw_clock_ms();

    if (code > 0) {
        vsw_kafka_heard(frames->kafka); /* they are a broker's words */
    }

    reason = vsw_kafka_drop_of(code, vsw_kafka_state(frames->kafka));
    vsw_kafka_camera_drop(camera, reason);

    if (reason == VSW_KAFKA_DROP_UNKNOWN_TOPIC
        || reason == VSW_KAFKA_DROP_TIMED_OUT)
    {
        vsw_frame_topics_doubt(camera->topic);
    }

    if ((reason == VSW_KAFKA_DROP_TOO_LARGE || reason == VSW_KAFKA_DROP_REFUSED
         || reason == VSW_KAFKA_DROP_FAILED)
        && vsw_kafka_state(frames->kafka) == VSW_KAFKA_UP
        && now - frames->failure_ms >= VSW_KAFKA_FAILURES_MS)
    {
        frames->failure_ms = now;
        vsw_log(VSW_LOG_WARN, "kafka refused a frame",
                VSW_LOG_TEXT("camera", camera->id),
                VSW_LOG_TEXT("topic", camera->topic->name),
                VSW_LOG_TEXT("error", rd_kafka_err2str(code)));
    }
}


static vsw_kafka_drop_t
vsw_kafka_drop_of(rd_kafka_resp_err_t code, vsw_kafka_state_t state)
{
    switch (code) {
    case RD_KAFKA_RESP_ERR__QUEUE_FULL:
        return VSW_KAFKA_DROP_QUEUE_FULL;

    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
        return VSW_KAFKA_DROP_TOO_LARGE;

    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        return VSW_KAFKA_DROP_UNKNOWN_TOPIC;

    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
        return VSW_KAFKA_DROP_REFUSED;

    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
        return state == VSW_KAFKA_UP        ? VSW_KAFKA_DROP_TIMED_OUT
               : state == VSW_KAFKA_REFUSED ? VSW_KAFKA_DROP_REFUSED
                                            : VSW_KAFKA_DROP_AWAY;

    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
        return VSW_KAFKA_DROP_AWAY;

    default:
        return VSW_KAFKA_DROP_FAILED;
    }
}


static void
vsw_kafka_camera_drop(vsw_kafka_camera_t *camera, vsw_kafka_drop_t reason)
{
    camera->counts.dropped[reason]++;
}
