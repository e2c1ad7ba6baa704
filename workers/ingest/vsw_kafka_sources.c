/*
 * Cameras that come from Kafka, see vsw_kafka_sources.h.
 *
 * DESIGN  A value is copied into the tap that it is for, over the former one,
 * and sent at the end of the loop's turn: so a flood that comes in one turn is
 * thinned before it reaches a link.
 */

#include "vsw_kafka_sources.h"

#include "vsw_clock.h"
#include "vsw_log.h"
#include "vstream_envelope.h"
#include "vstream_schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A buffer that is larger is given back once its value is sent. */
#define VSW_KAFKA_KEEP_MAX (1024 * 1024)


static vsw_kafka_topic_t *vsw_kafka_topic_get(vsw_kafka_sources_t *sources,
                                              vstream_slice_t      name,
                                              char error[VSW_KAFKA_ERROR_MAX]);
static void               vsw_kafka_topic_sweep(vsw_kafka_topic_t *topic);
static vstream_slice_t    vsw_kafka_topic_camera(const vsw_kafka_topic_t *topic,
                                                 vstream_slice_t          key,
                                                 vstream_slice_t          value);
static vsw_kafka_tap_t   *vsw_kafka_topic_tap(const vsw_kafka_topic_t *topic,
                                              vstream_slice_t          camera);
static bool vsw_kafka_topic_has_ids(const vsw_kafka_topic_t *topic);
static bool vsw_kafka_tap_is(const vsw_kafka_tap_t *tap,
                             vstream_slice_t        camera);
static void vsw_kafka_tap_put(vsw_kafka_tap_t          *tap,
                              const vsw_kafka_record_t *record);
static bool vsw_kafka_tap_is_past(const vsw_kafka_tap_t    *tap,
                                  const vsw_kafka_record_t *record);
static void vsw_kafka_sources_on_prepare(struct ev_loop *loop,
                                         ev_prepare *prepare, int events);


void
vsw_kafka_sources_init(vsw_kafka_sources_t *sources, struct ev_loop *loop,
                       const vsw_kafka_config_t *config)
{
    memset(sources, 0, sizeof(*sources));
    sources->loop = loop;
    sources->config = config;
    ev_prepare_init(&sources->flush, vsw_kafka_sources_on_prepare);
    sources->flush.data = sources;
    ev_prepare_start(loop, &sources->flush);
}


void
vsw_kafka_sources_close(vsw_kafka_sources_t *sources)
{
    if (sources->loop == NULL) {
        return;
    }

    ev_prepare_stop(sources->loop, &sources->flush);
    vsw_kafka_readers_wait();
}


void
vsw_kafka_sources_tick(vsw_kafka_sources_t *sources, int64_t now_ms)
{
    vsw_kafka_topic_t *topic;

    for (topic = sources->topics; topic != NULL; topic = topic->next) {
        vsw_kafka_reader_tick(topic->reader, now_ms);
    }
}


void
vsw_kafka_sources_slept(vsw_kafka_sources_t *sources)
{
    vsw_kafka_topic_t *topic;

    for (topic = sources->topics; topic != NULL; topic = topic->next) {
        vsw_kafka_reader_skip(topic->reader);
    }
}


int
vsw_kafka_tap_open(vsw_kafka_tap_t *tap, vsw_kafka_sources_t *sources,
                   const vstream_source_t *source, vsw_kafka_tap_pt send,
                   void *data, char error[VSW_KAFKA_ERROR_MAX])
{
    vsw_kafka_topic_t *topic;

    if (tap->topic != NULL && vsw_kafka_tap_is(tap, source->camera)
        && strlen(tap->topic->name) == source->path.length
        && memcmp(tap->topic->name, source->path.data, source->path.length)
               == 0)
    {
        return 0;
    }

    vsw_kafka_tap_close(tap);

    topic = vsw_kafka_topic_get(sources, source->path, error);
    if (topic == NULL) {
        return -1;
    }

    snprintf(tap->camera, sizeof(tap->camera), "%.*s",
             (int) source->camera.length,
             source->camera.length > 0 ? source->camera.data : "");
    tap->send = send;
    tap->data = data;
    tap->heard_ms = vsw_clock_ms();
    tap->stamp_unix_ms = -1;
    tap->topic = topic;
    tap->next = topic->taps;
    topic->taps = tap;

    return 0;
}


void
vsw_kafka_tap_close(vsw_kafka_tap_t *tap)
{
    vsw_kafka_topic_t *topic = tap->topic;
    vsw_kafka_tap_t  **place;

    if (topic == NULL) {
        return;
    }

    for (place = &topic->taps; *place != tap; place = &(*place)->next) {
        /* void */
    }

    *place = tap->next;
    free(tap->value);
    memset(tap, 0, sizeof(*tap));

    if (topic->taps == NULL) {
        vsw_kafka_topic_sweep(topic);
    }
}


void
vsw_kafka_tap_flush(vsw_kafka_tap_t *tap)
{
    if (tap->length == 0
        || tap->send(tap->data, &tap->head, tap->value, tap->length)
               == VSTREAM_AGAIN)
    {
        return;
    }

    tap->length = 0;

    if (tap->capacity > VSW_KAFKA_KEEP_MAX) {
        free(tap->value);
        tap->value = NULL;
        tap->capacity = 0;
    }
}


const char *
vsw_kafka_tap_reason(const vsw_kafka_tap_t *tap, int64_t now_ms,
                     char detail[VSW_KAFKA_READER_DETAIL])
{
    const char *reason = vsw_kafka_reader_reason(tap->topic->reader, detail);

    if (reason != NULL || now_ms - tap->heard_ms < VSW_KAFKA_SILENT_MS) {
        return reason;
    }

    if (tap->camera[0] == '\0') {
        snprintf(detail, VSW_KAFKA_READER_DETAIL,
                 "no values come from the topic \"%.160s\": check the program "
                 "that writes to it",
                 tap->topic->name);
    } else {
        snprintf(detail, VSW_KAFKA_READER_DETAIL,
                 "no values of \"%s\" come from this topic: check the program "
                 "that writes to it; the id must be their key, or in JSON "
                 "their camera_id or source",
                 tap->camera);
    }

    return VSTREAM_REASON_STALLED;
}


/* The topic of that name, read from now on if it is not yet. */
static vsw_kafka_topic_t *
vsw_kafka_topic_get(vsw_kafka_sources_t *sources, vstream_slice_t name,
                    char error[VSW_KAFKA_ERROR_MAX])
{
    vsw_kafka_topic_t *topic;

    for (topic = sources->topics; topic != NULL; topic = topic->next) {
        if (strlen(topic->name) == name.length
            && memcmp(topic->name, name.data, name.length) == 0)
        {
            return topic;
        }
    }

    topic = calloc(1, sizeof(*topic));
    if (topic == NULL) {
        snprintf(error, VSW_KAFKA_ERROR_MAX, "out of memory");
        return NULL;
    }

    memcpy(topic->name, name.data, name.length);
    topic->sources = sources;
    topic->reader =
        vsw_kafka_reader_create(sources->loop, sources->config, topic->name,
                                vsw_kafka_topic_value, topic, error);

    if (topic->reader == NULL) {
        free(topic);
        return NULL;
    }

    topic->next = sources->topics;
    sources->topics = topic;

    return topic;
}


/* No camera wants it any more. */
static void
vsw_kafka_topic_sweep(vsw_kafka_topic_t *topic)
{
    vsw_kafka_topic_t **place = &topic->sources->topics;

    while (*place != topic) {
        place = &(*place)->next;
    }

    *place = topic->next;
    vsw_log(VSW_LOG_INFO, "topic is no longer read",
            VSW_LOG_TEXT("topic", topic->name));
    vsw_kafka_reader_destroy(topic->reader);
    free(topic);
}


void
vsw_kafka_topic_value(void *data, const vsw_kafka_record_t *record)
{
    vsw_kafka_topic_t *topic = data;
    vsw_kafka_tap_t   *tap;
    vstream_slice_t    camera;
    bool               is_claimed = false;

    if (record->value.length == 0 || record->value.length > VSW_LINK_VALUE_MAX)
    {
        topic->too_large += record->value.length > 0;
        topic->unclaimed += record->value.length == 0; /* a tombstone */
        return;
    }

    camera = vsw_kafka_topic_camera(topic, record->key, record->value);

    for (tap = topic->taps; tap != NULL; tap = tap->next) {
        if (tap->camera[0] == '\0'
            || (camera.length > 0 && vsw_kafka_tap_is(tap, camera)))
        {
            vsw_kafka_tap_put(tap, record);
            is_claimed = true;
        }
    }

    topic->unclaimed += !is_claimed;
}


/* Whose value it is; empty: nobody's whose id a tap has. */
static vstream_slice_t
vsw_kafka_topic_camera(const vsw_kafka_topic_t *topic, vstream_slice_t key,
                       vstream_slice_t value)
{
    vstream_envelope_t        envelope;
    vstream_envelope_result_t result;

    if (!vsw_kafka_topic_has_ids(topic)
        || vsw_kafka_topic_tap(topic, key) != NULL) {
        return key;
    }

    result = vstream_envelope_read(value, &envelope);

    if ((result == VSTREAM_ENVELOPE_OK || result == VSTREAM_ENVELOPE_NO_FRAME)
        && envelope.form == VSTREAM_ENVELOPE_JSON)
    {
        return envelope.camera;
    }

    return (vstream_slice_t) { "", 0 };
}


static bool
vsw_kafka_topic_has_ids(const vsw_kafka_topic_t *topic)
{
    const vsw_kafka_tap_t *tap;

    for (tap = topic->taps; tap != NULL; tap = tap->next) {
        if (tap->camera[0] != '\0') {
            return true;
        }
    }

    return false;
}


/* A tap of that id; NULL: there is none. */
static vsw_kafka_tap_t *
vsw_kafka_topic_tap(const vsw_kafka_topic_t *topic, vstream_slice_t camera)
{
    vsw_kafka_tap_t *tap;

    for (tap = topic->taps; tap != NULL && camera.length > 0; tap = tap->next) {
        if (vsw_kafka_tap_is(tap, camera)) {
            return tap;
        }
    }

    return NULL;
}


static bool
vsw_kafka_tap_is(const vsw_kafka_tap_t *tap, vstream_slice_t camera)
{
    return strlen(tap->camera) == camera.length
           && (camera.length == 0
               || memcmp(tap->camera, camera.data, camera.length) == 0);
}


/* The newest wins. */
static void
vsw_kafka_tap_put(vsw_kafka_tap_t *tap, const vsw_kafka_record_t *record)
{
    uint8_t        *copy;
    vstream_slice_t value = record->value;

    tap->values++;
    tap->heard_ms = vsw_clock_ms();

    if (vsw_kafka_tap_is_past(tap, record)) {
        tap->late++;
        return;
    }

    tap->stamp_unix_ms = record->stamp_unix_ms;
    tap->partition = record->partition;

    if (tap->capacity < value.length) {
        copy = realloc(tap->value, value.length);
        if (copy == NULL) {
            tap->late++;
            return;
        }

        tap->value = copy;
        tap->capacity = value.length;
    }

    tap->late += tap->length > 0;
    memcpy(tap->value, value.data, value.length);
    tap->length = value.length;
    tap->head.t_unix_us = vsw_clock_unix_us();
    tap->topic->sources->has_news = true;
}


/* A newer one has come already, from another partition. */
static bool
vsw_kafka_tap_is_past(const vsw_kafka_tap_t    *tap,
                      const vsw_kafka_record_t *record)
{
    return record->partition != tap->partition && record->stamp_unix_ms >= 0
           && record->stamp_unix_ms < tap->stamp_unix_ms
           && tap->stamp_unix_ms - record->stamp_unix_ms
                  < VSW_KAFKA_DISORDER_MS;
}


static void
vsw_kafka_sources_on_prepare(struct ev_loop *loop, ev_prepare *prepare,
                             int events)
{
    vsw_kafka_sources_t *sources = prepare->data;
    vsw_kafka_topic_t   *topic;
    vsw_kafka_tap_t     *tap;

    (void) loop;
    (void) events;

    if (!sources->has_news) {
        return;
    }

    sources->has_news = false;

    for (topic = sources->topics; topic != NULL; topic = topic->next) {
        for (tap = topic->taps; tap != NULL; tap = tap->next) {
            vsw_kafka_tap_flush(tap);
        }
    }
}
