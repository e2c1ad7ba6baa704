/*
 * One camera, see vsw_camera.h.
 *
 * DESIGN  Lease, process and publisher are rooms of their own that know
 * nothing of each other; here their handlers meet.  Handlers never destroy
 * the camera and never start its process: both are done by vsw_camera_tick(),
 * where nothing of ours is on the stack.
 */

#include "vsw_camera.h"

#include "vsw_camera_status.h"
#include "vsw_clock.h"
#include "vsw_credentials.h"
#include "vsw_log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>


static void vsw_camera_enter(vsw_camera_t *camera, vsw_camera_state_t state,
                             const char *reason, const char *detail);
static void vsw_camera_start(vsw_camera_t *camera, int64_t now_ms);
static int  vsw_camera_launch(vsw_camera_t *camera, int64_t now_ms);
static void vsw_camera_wait(vsw_camera_t *camera, const char *reason,
                            const char *detail);
static void vsw_camera_restart(vsw_camera_t *camera);
static void vsw_camera_let_go(vsw_camera_t *camera);
static void vsw_camera_trim(vsw_camera_t *camera);
static void vsw_camera_news(vsw_camera_t *camera);
static void vsw_camera_held(void *data);
static void vsw_camera_lost(void *data, const char *why);
static void vsw_camera_refused(void *data);
static void vsw_camera_status(void *data, vsw_args_t *args);
static void vsw_camera_fenced(void *data);
static void vsw_camera_learn(void *data, const redisReply *reply);
static void vsw_camera_found(vsw_camera_t *camera, uint64_t epoch);
static void vsw_camera_stream(void *data, const char *codec, uint32_t width,
                              uint32_t height);
static void vsw_camera_frame(void *data, const uint8_t *payload, size_t length);
static void vsw_camera_counts(void *data, const vsw_link_counts_t *counts);
static void vsw_camera_substream(void *data, const char *state,
                                 const char *detail);
static void vsw_camera_substream_begin(vsw_camera_t *camera);
static void vsw_camera_gone(void *data, const char *reason, const char *detail);
static int  vsw_camera_value(void *data, const vsw_link_value_t *head,
                             const void *value, size_t length);
static void vsw_camera_room(void *data);
static int  vsw_camera_tap_set(vsw_camera_t *camera);
static void vsw_camera_tap_look(vsw_camera_t *camera, int64_t now_ms);
static uint32_t vsw_camera_random(void);


static const vsw_lease_handlers_t vsw_camera_lease_handlers = {
    .held = vsw_camera_held,
    .lost = vsw_camera_lost,
    .refused = vsw_camera_refused,
    .status = vsw_camera_status,
};

static const vsw_process_handlers_t vsw_camera_process_handlers = {
    .stream = vsw_camera_stream,
    .frame = vsw_camera_frame,
    .counts = vsw_camera_counts,
    .room = vsw_camera_room,
    .substream = vsw_camera_substream,
    .gone = vsw_camera_gone,
};


vsw_camera_t *
vsw_camera_create(vsw_camera_env_t *env, const char *id)
{
    vsw_camera_t *camera = calloc(1, sizeof(*camera));

    if (camera == NULL) {
        return NULL;
    }

    camera->env = env;
    snprintf(camera->id, sizeof(camera->id), "%s", id);

    vsw_lease_init(&camera->lease, &env->office, &vsw_camera_lease_handlers,
                   camera, camera->id);
    vsw_process_init(&camera->process, env->loop, &vsw_camera_process_handlers,
                     camera, camera->id);
    vsw_publisher_init(&camera->publisher, env->media, &camera->lease,
                       &env->ages, vsw_camera_fenced, camera);
    vsw_backoff_init(&camera->backoff);
    camera->publisher.kafka =
        vsw_kafka_camera_create(env->frames, camera->id, &camera->lease);

    return camera;
}


void
vsw_camera_destroy(vsw_camera_t *camera)
{
    vsw_lease_close(&camera->lease);
    vsw_publisher_close(&camera->publisher);
    vsw_kafka_camera_destroy(camera->publisher.kafka);
    vsw_kafka_tap_close(&camera->tap);
    vsw_redis_forget(camera->env->control, camera);
    vsw_configuration_clear(&camera->configuration);
    vsw_desired_destroy(camera->desired);
    free(camera);
}


void
vsw_camera_declare(vsw_camera_t *camera, vstream_slice_t json)
{
    vsw_desired_t *desired;

    camera->withdrawn = 0;

    if (camera->desired != NULL && camera->desired->length == json.length
        && memcmp(camera->desired->text, json.data, json.length) == 0)
    {
        return;
    }

    desired = vsw_desired_create(json);
    if (desired == NULL) {
        return;
    }

    vsw_log(VSW_LOG_INFO,
            camera->desired == NULL ? "camera declared" : "camera changed",
            VSW_LOG_TEXT("camera", camera->id),
            VSW_LOG_TEXT("problem", desired->detail));

    vsw_desired_destroy(camera->desired);
    camera->desired = desired;
    vsw_camera_reconfigure(camera);

    if (!vsw_camera_has_small(camera)) {
        vsw_camera_watched(camera, VSTREAM_RENDITION_SMALL, 0);
    }
}


void
vsw_camera_withdraw(vsw_camera_t *camera)
{
    if (camera->withdrawn) {
        return;
    }

    camera->withdrawn = 1;
    vsw_log(VSW_LOG_INFO, "camera withdrawn",
            VSW_LOG_TEXT("camera", camera->id));

    /* One that is being taken is given back when we know whether it is ours. */
    if (vsw_lease_is_ours(&camera->lease)) {
        vsw_camera_trim(camera);
        vsw_camera_release(camera, "withdrawn");
    }
}


/* A wait that an operator may just have ended is not waited out. */
void
vsw_camera_reconfigure(vsw_camera_t *camera)
{
    vsw_configuration_t configuration;
    const char         *reason;
    char                detail[VSW_CREDENTIAL_DETAIL];

    if (camera->state == VSW_CAMERA_IDLE || camera->desired == NULL) {
        return;
    }

    if (camera->process.state == VSW_PROCESS_IDLE) {
        vsw_backoff_init(&camera->backoff);
        camera->start_ms = 0;
        return;
    }

    reason =
        vsw_configuration_create(&configuration, camera->id, camera->desired,
                                 camera->env->config, detail);

    if (reason != NULL || configuration.length != camera->configuration.length
        || memcmp(configuration.json, camera->configuration.json,
                  configuration.length)
               != 0)
    {
        vsw_camera_restart(camera);
    }

    vsw_configuration_clear(&configuration);
}


void
vsw_camera_release(vsw_camera_t *camera, const char *why)
{
    if (camera->lease.state == VSW_LEASE_NONE) {
        return;
    }

    vsw_lease_give_back(&camera->lease, NULL, NULL);
    vsw_camera_lost(camera, why);
}


bool
vsw_camera_has_small(const vsw_camera_t *camera)
{
    return camera->desired != NULL
           && camera->desired->camera.substream.length > 0;
}


void
vsw_camera_watched(vsw_camera_t *camera, vstream_rendition_t rendition,
                   uint32_t viewers)
{
    vsw_publisher_slot_t *slot = &camera->publisher.slots[rendition];

    if (viewers == slot->watched) {
        return;
    }

    vsw_log(VSW_LOG_DEBUG, "camera is watched by another number",
            VSW_LOG_TEXT("camera", camera->id),
            VSW_LOG_TEXT("rendition", vstream_schema_rendition_text(rendition)),
            VSW_LOG_NUMBER("viewers", viewers));

    slot->watched = viewers;
    vsw_process_watched(&camera->process, rendition, viewers);
}


void
vsw_camera_tick(vsw_camera_t *camera, int64_t now_ms)
{
    vsw_lease_tick(&camera->lease, now_ms);

    if (camera->env->spawner != NULL
        && !vsw_process_tick(&camera->process, camera->env->spawner, now_ms))
    {
        vsw_log(VSW_LOG_ERROR, "spawner hangs; it is started anew",
                VSW_LOG_NUMBER("pid", vsw_spawner_pid(camera->env->spawner)));
        camera->env->spawner_lost = true;
    }

    if (camera->state == VSW_CAMERA_STREAMING
        && now_ms - camera->since_ms > VSW_BACKOFF_RESET_MS)
    {
        vsw_backoff_reset(&camera->backoff);
    }

    if (camera->state != VSW_CAMERA_IDLE
        && camera->process.state == VSW_PROCESS_IDLE
        && now_ms >= camera->start_ms)
    {
        vsw_camera_start(camera, now_ms);
    }

    if (camera->state == VSW_CAMERA_CONNECTING && camera->tap.topic != NULL) {
        vsw_camera_tap_look(camera, now_ms);
    }
}


uint64_t
vsw_camera_values_late(const vsw_camera_t *camera)
{
    return camera->tap.late + camera->values_late + camera->counts.values_late;
}


bool
vsw_camera_is_idle(const vsw_camera_t *camera)
{
    return camera->lease.state == VSW_LEASE_NONE
           && camera->process.state == VSW_PROCESS_IDLE;
}


const char *
vsw_camera_state_text(vsw_camera_state_t state)
{
    static const char *const texts[VSW_CAMERA_STATES] = {
        "idle",
        VSTREAM_STATE_CONNECTING,
        VSTREAM_STATE_STREAMING,
        VSTREAM_STATE_BACKING_OFF,
        VSTREAM_STATE_QUARANTINED,
    };

    return texts[state];
}


static void
vsw_camera_enter(vsw_camera_t *camera, vsw_camera_state_t state,
                 const char *reason, const char *detail)
{
    vsw_log_level_t level =
        state == VSW_CAMERA_QUARANTINED ? VSW_LOG_WARN : VSW_LOG_INFO;

    if (state != camera->state || strcmp(reason, camera->reason) != 0) {
        vsw_log(level, "camera changed state",
                VSW_LOG_TEXT("camera", camera->id),
                VSW_LOG_TEXT("from", vsw_camera_state_text(camera->state)),
                VSW_LOG_TEXT("to", vsw_camera_state_text(state)),
                VSW_LOG_TEXT("reason", reason), VSW_LOG_TEXT("detail", detail));
    }

    camera->state = state;
    camera->since_ms = vsw_clock_ms();
    camera->since_unix_ms = vsw_clock_unix_ms();

    /* `reason` and `detail` may be the camera's own. */
    memmove(camera->reason, reason,
            strnlen(reason, sizeof(camera->reason) - 1) + 1);
    camera->reason[sizeof(camera->reason) - 1] = '\0';
    memmove(camera->detail, detail,
            strnlen(detail, sizeof(camera->detail) - 1) + 1);
    camera->detail[sizeof(camera->detail) - 1] = '\0';

    if (state != VSW_CAMERA_IDLE) {
        vsw_lease_renew(&camera->lease);
        vsw_camera_news(camera);
    }
}


static void
vsw_camera_start(vsw_camera_t *camera, int64_t now_ms)
{
    vsw_camera_env_t *env = camera->env;
    const char       *reason;
    char              detail[VSW_CREDENTIAL_DETAIL];
    int               i;

    if (env->spawner == NULL || env->spawner_lost
        || !vsw_spawner_is_ready(env->spawner) || camera->desired == NULL)
    {
        return; /* in a moment */
    }

    if (camera->barred) {
        camera->barred = 0;
        camera->start_ms = now_ms + VSW_BACKOFF_QUARANTINE_MS;
        vsw_camera_enter(camera, VSW_CAMERA_QUARANTINED,
                         VSTREAM_REASON_PROTOCOL_ERROR,
                         "a still in Redis has an epoch that no owner can "
                         "reach: delete the still of this camera");
        return;
    }

    vsw_configuration_clear(&camera->configuration);
    reason = vsw_configuration_create(&camera->configuration, camera->id,
                                      camera->desired, env->config, detail);
    if (reason != NULL) {
        vsw_camera_wait(camera, reason, detail);
        return;
    }

    if (vsw_camera_tap_set(camera) != 0) {
        return;
    }

    if (vsw_camera_launch(camera, now_ms) != 0) {
        return;
    }

    memset(&camera->counts, 0, sizeof(camera->counts));
    vsw_camera_substream_begin(camera);
    camera->dials++;
    env->dials++;

    /* The reason of the last failure stays until pictures come. */
    vsw_camera_enter(camera, VSW_CAMERA_CONNECTING, camera->reason,
                     camera->detail);

    for (i = 0; i < VSTREAM_RENDITIONS; i++) {
        if (camera->publisher.slots[i].watched > 0) {
            vsw_process_watched(&camera->process, (vstream_rendition_t) i,
                                camera->publisher.slots[i].watched);
        }
    }

    vsw_kafka_tap_flush(&camera->tap);
}


/* -1: nobody could be started now. */
static int
vsw_camera_launch(vsw_camera_t *camera, int64_t now_ms)
{
    vsw_camera_env_t *env = camera->env;
    int               error;

    if (vsw_process_start(&camera->process, env->spawner,
                          camera->configuration.json,
                          camera->configuration.length, &env->memory)
        != 0)
    {
        error = errno;
        env->spawner_lost |= error == EPIPE;
        vsw_log(error == ETIMEDOUT ? VSW_LOG_WARN : VSW_LOG_ERROR,
                "camera process could not be started",
                VSW_LOG_TEXT("camera", camera->id),
                VSW_LOG_TEXT("error", strerror(error)));
        camera->start_ms = now_ms + VSW_BACKOFF_NETWORK_MS;
        return -1;
    }

    return 0;
}


static void
vsw_camera_wait(vsw_camera_t *camera, const char *reason, const char *detail)
{
    vsw_backoff_verdict_t verdict;
    int64_t               now = vsw_clock_ms();

    verdict = vsw_backoff_next(&camera->backoff, vsw_backoff_class(reason), now,
                               vsw_camera_random());

    /*
     * Nobody is dialled: the next picture is waited for at once, unless its
     * process has hardly begun, and so cannot have waited for one.
     */
    if (camera->tap.topic != NULL && camera->state == VSW_CAMERA_STREAMING
        && now - camera->since_ms >= VSW_BACKOFF_NETWORK_MS
        && strcmp(reason, VSTREAM_REASON_STALLED) == 0)
    {
        verdict.delay_ms = 0;
    }

    camera->start_ms = now + verdict.delay_ms;

    vsw_camera_enter(camera,
                     verdict.quarantined ? VSW_CAMERA_QUARANTINED
                                         : VSW_CAMERA_BACKING_OFF,
                     reason, detail);
    vsw_log(VSW_LOG_DEBUG, "camera waits", VSW_LOG_TEXT("camera", camera->id),
            VSW_LOG_NUMBER("delay_ms", verdict.delay_ms));
}


/* Ends the process; its end is followed by a new start. */
static void
vsw_camera_restart(vsw_camera_t *camera)
{
    vsw_backoff_init(&camera->backoff);
    camera->start_ms = 0;
    vsw_process_stop(&camera->process);
    vsw_camera_enter(camera, VSW_CAMERA_CONNECTING, "", "");
}


/* The camera is no longer ours; what follows runs to its end. */
static void
vsw_camera_let_go(vsw_camera_t *camera)
{
    vsw_publisher_end(&camera->publisher);
    vsw_kafka_tap_close(&camera->tap);
    vsw_process_stop(&camera->process);
    vsw_camera_enter(camera, VSW_CAMERA_IDLE, "", "");
}


/* Over `media`, lest a still that is on its way comes after it. */
static void
vsw_camera_trim(vsw_camera_t *camera)
{
    vsw_camera_env_t *env = camera->env;
    vsw_args_t        args;

    vsw_args_init(&args);
    vsw_args_text(&args, "XTRIM");
    vsw_args_key(&args, env->office.prefix, VSTREAM_KEY_STILL, camera->id);
    vsw_args_text(&args, "MAXLEN");
    vsw_args_text(&args, "0");
    (void) vsw_args_send(&args, env->media, NULL, NULL, NULL);
}


/* After the status, so that whoever hears the news finds it there. */
static void
vsw_camera_news(vsw_camera_t *camera)
{
    vsw_camera_env_t *env = camera->env;
    vsw_args_t        args;

    vsw_args_init(&args);
    vsw_args_text(&args, "SPUBLISH");
    vsw_args_key(&args, env->office.prefix, VSTREAM_KEY_CAMERA_NEWS,
                 camera->id);
    vsw_args_text(&args, vsw_camera_state_text(camera->state));
    (void) vsw_args_send(&args, env->control, NULL, NULL, NULL);
}


static void
vsw_camera_held(void *data)
{
    vsw_camera_t *camera = data;

    vsw_log(VSW_LOG_INFO, "lease taken", VSW_LOG_TEXT("camera", camera->id),
            VSW_LOG_NUMBER("epoch", camera->lease.epoch));

    camera->free_ms = 0;
    camera->take_ms = 0;

    if (camera->withdrawn) {
        vsw_camera_trim(camera);
        vsw_camera_release(camera, "withdrawn");
        return;
    }

    if (camera->state != VSW_CAMERA_IDLE) {
        return; /* it was only suspended: everything goes on */
    }

    camera->taken_ms = vsw_clock_ms();
    camera->start_ms = 0;
    camera->access_units = 0;
    camera->bytes = 0;
    camera->late = 0;
    camera->values_late = 0;
    camera->values_broken = 0;
    camera->heard_unix_us = 0;
    camera->dials = 0;
    camera->restarts = 0;
    camera->codec[0] = '\0';
    camera->width = 0;
    camera->height = 0;
    memset(&camera->counts, 0, sizeof(camera->counts));
    vsw_backoff_init(&camera->backoff);
    vsw_camera_substream_begin(camera);
    vsw_publisher_begin(&camera->publisher);
    vsw_kafka_camera_begin(camera->publisher.kafka);
    vsw_camera_enter(camera, VSW_CAMERA_CONNECTING, "", "");
}


static void
vsw_camera_lost(void *data, const char *why)
{
    vsw_camera_t *camera = data;

    if (strcmp(why, "fenced") == 0) {
        vsw_log(VSW_LOG_WARN, "fenced: another replica holds the camera",
                VSW_LOG_TEXT("camera", camera->id),
                VSW_LOG_NUMBER("epoch", camera->lease.epoch));
    } else {
        vsw_log(VSW_LOG_INFO, "lease given up",
                VSW_LOG_TEXT("camera", camera->id), VSW_LOG_TEXT("why", why),
                VSW_LOG_NUMBER("epoch", camera->lease.epoch));
    }

    vsw_camera_let_go(camera);
}


static void
vsw_camera_refused(void *data)
{
    vsw_camera_t *camera = data;

    camera->free_ms = 0;
    camera->take_ms = 0;
}


static void
vsw_camera_status(void *data, vsw_args_t *args)
{
    vsw_camera_status_write(data, args);
}


/*
 * A still of a higher epoch is there.  Usually another replica wrote it; where
 * the counter was lost, we must learn the epoch to get above it ever again.
 */
static void
vsw_camera_fenced(void *data)
{
    vsw_camera_t     *camera = data;
    vsw_camera_env_t *env = camera->env;
    vsw_args_t        args;

    vsw_args_init(&args);
    vsw_args_text(&args, "XINFO");
    vsw_args_text(&args, "STREAM");
    vsw_args_key(&args, env->office.prefix, VSTREAM_KEY_STILL, camera->id);
    (void) vsw_args_send(&args, env->control, vsw_camera_learn, camera, NULL);

    vsw_lease_fence(&camera->lease);
}


static void
vsw_camera_learn(void *data, const redisReply *reply)
{
    vsw_camera_t       *camera = data;
    vsw_lease_office_t *office = &camera->env->office;
    vstream_slice_t     name;
    uint64_t            epoch, seq;
    size_t              i;

    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY) {
        return;
    }

    for (i = 0; i + 1 < reply->elements; i += 2) {
        name = vsw_redis_string(reply->element[i]);

        if (name.length == 17 && memcmp(name.data, "last-generated-id", 17) == 0
            && vstream_frame_id_read(vsw_redis_string(reply->element[i + 1]),
                                     &epoch, &seq)
                   == VSTREAM_OK
            && epoch > office->highest_epoch)
        {
            vsw_camera_found(camera, epoch);
        }
    }
}


/* What one camera's key says must not keep all others from being taken. */
static void
vsw_camera_found(vsw_camera_t *camera, uint64_t epoch)
{
    if (epoch <= VSTREAM_EPOCH_LEARN_MAX) {
        camera->env->office.highest_epoch = epoch;
        return;
    }

    camera->barred = 1;
    vsw_log(VSW_LOG_ERROR, "a still of an impossible epoch bars the camera",
            VSW_LOG_TEXT("camera", camera->id), VSW_LOG_NUMBER("epoch", epoch));
}


static void
vsw_camera_stream(void *data, const char *codec, uint32_t width,
                  uint32_t height)
{
    vsw_camera_t *camera = data;

    snprintf(camera->codec, sizeof(camera->codec), "%s", codec);
    camera->width = width;
    camera->height = height;

    if (camera->state == VSW_CAMERA_CONNECTING) {
        vsw_camera_enter(camera, VSW_CAMERA_STREAMING, "", "");
    }
}


static void
vsw_camera_frame(void *data, const uint8_t *payload, size_t length)
{
    vsw_camera_t *camera = data;
    uint32_t      may = VSW_FRAME_LIVE | VSW_FRAME_STILL;

    may |= vsw_camera_is_sent(camera) ? VSW_FRAME_KAFKA : 0;
    may |=
        vsw_camera_has_small(camera) ? VSW_FRAME_SMALL | VSW_FRAME_STAND_IN : 0;
    vsw_publisher_frame(&camera->publisher, may, payload, length);
}


/* Do its frames go to Kafka? */
bool
vsw_camera_is_sent(const vsw_camera_t *camera)
{
    const vstream_camera_t *desired;

    desired = camera->desired == NULL ? NULL : &camera->desired->camera;

    return camera->publisher.kafka != NULL && desired != NULL
           && (desired->kafka_fps_milli > 0 || desired->kafka_keyframe);
}


static void
vsw_camera_counts(void *data, const vsw_link_counts_t *counts)
{
    vsw_camera_t *camera = data;

    camera->counts = *counts;

    if (counts->heard_unix_us > 0) {
        camera->heard_unix_us = counts->heard_unix_us;
    }
}


/* Its failure is no failure of the camera: the main stream takes over. */
static void
vsw_camera_substream(void *data, const char *state, const char *detail)
{
    vsw_camera_t   *camera = data;
    vsw_log_level_t level = detail[0] == '\0' ? VSW_LOG_INFO : VSW_LOG_WARN;

    if (!vsw_camera_has_small(camera)) {
        return;
    }

    if (strcmp(state, camera->substream) != 0
        && vsw_process_may_log(&camera->process))
    {
        vsw_log(level, "substream changed state",
                VSW_LOG_TEXT("camera", camera->id),
                VSW_LOG_TEXT("from", camera->substream),
                VSW_LOG_TEXT("to", state), VSW_LOG_TEXT("detail", detail));
    }

    snprintf(camera->substream, sizeof(camera->substream), "%s", state);
    snprintf(camera->substream_detail, sizeof(camera->substream_detail), "%s",
             detail);
}


/* What is known of it before its camera process has said anything. */
static void
vsw_camera_substream_begin(vsw_camera_t *camera)
{
    const vsw_configuration_t *configuration = &camera->configuration;

    if (configuration->substream_reason != NULL) {
        vsw_camera_substream(camera, configuration->substream_reason,
                             configuration->substream_detail);
        return;
    }

    snprintf(camera->substream, sizeof(camera->substream), "%s",
             vsw_camera_has_small(camera) ? VSTREAM_STATE_CONNECTING : "");
    camera->substream_detail[0] = '\0';
}


static void
vsw_camera_gone(void *data, const char *reason, const char *detail)
{
    vsw_camera_t *camera = data;

    vsw_configuration_clear(&camera->configuration);
    camera->access_units += camera->counts.access_units;
    camera->bytes += camera->counts.bytes;
    camera->late += camera->counts.frames_late;
    camera->values_late += camera->counts.values_late;
    camera->values_broken += camera->counts.values_broken;
    memset(&camera->counts, 0, sizeof(camera->counts));
    vsw_camera_substream_begin(camera);

    if (camera->state == VSW_CAMERA_IDLE || reason[0] == '\0') {
        return; /* we stopped it; if the camera is ours, the tick starts it */
    }

    if (strcmp(reason, VSTREAM_REASON_CRASHED) == 0) {
        camera->env->crashes++;

        if (camera->state == VSW_CAMERA_STREAMING
            && vsw_clock_ms() - camera->since_ms > VSW_BACKOFF_WORKED_MS)
        {
            vsw_backoff_reset(&camera->backoff);
        }
    }

    camera->restarts++;
    vsw_camera_wait(camera, reason, detail);
}


static int
vsw_camera_value(void *data, const vsw_link_value_t *head, const void *value,
                 size_t length)
{
    vsw_camera_t *camera = data;

    return vsw_process_value(&camera->process, head, value, length);
}


static void
vsw_camera_room(void *data)
{
    vsw_camera_t *camera = data;

    vsw_kafka_tap_flush(&camera->tap);
}


/* Open for its source, if that is of Kafka; else closed. */
static int
vsw_camera_tap_set(vsw_camera_t *camera)
{
    char error[VSW_KAFKA_ERROR_MAX];

    if (camera->desired->source.kind != VSTREAM_SOURCE_KAFKA) {
        vsw_kafka_tap_close(&camera->tap);
        return 0;
    }

    if (vsw_kafka_tap_open(&camera->tap, &camera->env->kafka,
                           &camera->desired->source, vsw_camera_value, camera,
                           error)
        == 0)
    {
        return 0;
    }

    vsw_camera_wait(camera, VSTREAM_REASON_SOURCE_DENIED, error);

    return -1;
}


/* Why there is no picture yet: its camera process cannot know. */
static void
vsw_camera_tap_look(vsw_camera_t *camera, int64_t now_ms)
{
    const char *reason;
    char        detail[VSW_KAFKA_READER_DETAIL];

    reason = vsw_kafka_tap_reason(&camera->tap, now_ms, detail);

    if (reason == NULL && camera->counts.values_broken > 0) {
        reason = VSTREAM_REASON_NO_VIDEO;
        snprintf(detail, sizeof(detail),
                 "values come from the topic, but none holds a picture: JPEG, "
                 "base64 of one, or JSON with such a \"frame\"; the log of "
                 "vstream-ingest shows the first");
    }

    if (reason == NULL) {
        if (camera->reason[0] == '\0'
            || strcmp(camera->reason, VSTREAM_REASON_STALLED) == 0)
        {
            return;
        }

        reason = "";
        detail[0] = '\0';
    }

    if (strcmp(reason, camera->reason) != 0) {
        vsw_camera_enter(camera, VSW_CAMERA_CONNECTING, reason, detail);
    }
}


static uint32_t
vsw_camera_random(void)
{
    uint32_t value = 0;

    (void) getrandom(&value, sizeof(value), GRND_NONBLOCK);

    return value;
}
