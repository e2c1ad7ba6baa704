/*
 * The pages of vstream-ingest, see vsw_ingest_pages.h.  Camera ids need no
 * escaping anywhere: their grammar leaves no room for harm.
 */

#include "vsw_ingest_pages.h"

#include "vsw_supervisor.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


static void vsw_pages_text(vsw_http_answer_t *answer, unsigned status,
                           const char *text);
static void vsw_pages_ready(const vsw_supervisor_t *supervisor,
                            vsw_http_answer_t      *answer);
static void vsw_pages_cameras(const vsw_supervisor_t *supervisor, FILE *out);
static void vsw_pages_metrics(const vsw_supervisor_t *supervisor, FILE *out);
static void vsw_pages_replica(const vsw_supervisor_t *supervisor, FILE *out);
static void vsw_pages_states(const vsw_cameras_t *cameras, FILE *out);
static void vsw_pages_drops(const vsw_cameras_t *cameras, FILE *out);
static void vsw_pages_ages(const vsw_ages_t *ages, FILE *out);
static void vsw_pages_head(FILE *out, const char *name, const char *type,
                           const char *help);
static void vsw_pages_value(FILE *out, const char *name, const char *type,
                            uint64_t value, const char *help);


/* One metric of each camera that is ours. */
typedef struct {
    const char *name;
    const char *type;
    const char *help;
    uint64_t (*value)(const vsw_camera_t *camera);
} vsw_pages_metric_t;


static uint64_t
vsw_pages_access_units(const vsw_camera_t *camera)
{
    return camera->access_units + camera->counts.access_units;
}


static uint64_t
vsw_pages_bytes(const vsw_camera_t *camera)
{
    return camera->bytes + camera->counts.bytes;
}


static uint64_t
vsw_pages_pushed(const vsw_camera_t *camera)
{
    return camera->publisher.pushed;
}


static uint64_t
vsw_pages_stills(const vsw_camera_t *camera)
{
    return camera->publisher.stills;
}


static uint64_t
vsw_pages_watched(const vsw_camera_t *camera)
{
    return camera->publisher.watched;
}


static uint64_t
vsw_pages_dials(const vsw_camera_t *camera)
{
    return camera->dials;
}


static uint64_t
vsw_pages_restarts(const vsw_camera_t *camera)
{
    return camera->restarts;
}


static const vsw_pages_metric_t vsw_pages_camera_metrics[] = {
    { "vstream_ingest_camera_access_units_total", "counter",
      "Access units received from the camera.", vsw_pages_access_units },
    { "vstream_ingest_camera_received_bytes_total", "counter",
      "Bytes of media received from the camera.", vsw_pages_bytes },
    { "vstream_ingest_camera_frames_pushed_total", "counter",
      "Frames pushed to whoever watches.", vsw_pages_pushed },
    { "vstream_ingest_camera_stills_total", "counter",
      "Stills stored in Redis.", vsw_pages_stills },
    { "vstream_ingest_camera_subscribers", "gauge",
      "Subscribers of the camera's frames, as Redis counts them.",
      vsw_pages_watched },
    { "vstream_ingest_camera_dials_total", "counter",
      "Connections begun to the camera, one camera process each.",
      vsw_pages_dials },
    { "vstream_ingest_camera_restarts_total", "counter",
      "Ends of its camera process that were not asked for.",
      vsw_pages_restarts },
};


void
vsw_ingest_pages_answer(void *data, const char *path, vsw_http_answer_t *answer)
{
    vsw_supervisor_t *supervisor = data;
    FILE             *out;

    if (strcmp(path, "/health") == 0) {
        vsw_pages_text(answer, 200, "alive\n");
        return;
    }

    if (strcmp(path, "/ready") == 0) {
        vsw_pages_ready(supervisor, answer);
        return;
    }

    if (strcmp(path, "/metrics") != 0 && strcmp(path, "/cameras") != 0) {
        vsw_pages_text(answer, 404,
                       "there are /health, /ready, /metrics and /cameras\n");
        return;
    }

    out = open_memstream(&answer->body, &answer->length);
    if (out == NULL) {
        answer->status = 500;
        return;
    }

    if (strcmp(path, "/cameras") == 0) {
        answer->type = "application/json";
        vsw_pages_cameras(supervisor, out);
    } else {
        answer->type = "text/plain; version=0.0.4; charset=utf-8";
        vsw_pages_metrics(supervisor, out);
    }

    if (fclose(out) != 0) {
        free(answer->body);
        answer->body = NULL;
        answer->length = 0;
        answer->status = 500;
    }
}


static void
vsw_pages_text(vsw_http_answer_t *answer, unsigned status, const char *text)
{
    answer->status = status;
    answer->body = strdup(text);
    answer->length = answer->body == NULL ? 0 : strlen(text);
}


static void
vsw_pages_ready(const vsw_supervisor_t *supervisor, vsw_http_answer_t *answer)
{
    if (vsw_supervisor_is_ready(supervisor)) {
        vsw_pages_text(answer, 200, "ready\n");
    } else if (supervisor->leaving) {
        vsw_pages_text(answer, 503, "leaving\n");
    } else if (vsw_redis_is_hung(supervisor->env.control)) {
        vsw_pages_text(answer, 503, "redis hangs\n");
    } else {
        vsw_pages_text(answer, 503, "redis is away\n");
    }
}


static void
vsw_pages_cameras(const vsw_supervisor_t *supervisor, FILE *out)
{
    static const char *const leases[] = { "none", "taking", "held",
                                          "suspended" };

    const vsw_camera_t *camera;
    size_t              i;

    fprintf(out,
            "{\"replica\":\"%s\",\"owner\":\"%s\",\"spawner\":%d,"
            "\"cameras\":[",
            supervisor->config->replica, supervisor->env.office.owner,
            supervisor->env.spawner == NULL
                ? 0
                : (int) vsw_spawner_pid(supervisor->env.spawner));

    for (i = 0; i < supervisor->cameras.count; i++) {
        camera = supervisor->cameras.list[i];

        fprintf(out,
                "%s\n{\"id\":\"%s\",\"lease\":\"%s\",\"state\":\"%s\","
                "\"reason\":\"%s\",\"pid\":%d,\"epoch\":%" PRIu64
                ",\"seq\":%" PRIu64 ",\"watched\":%" PRIu32
                ",\"dials\":%" PRIu64 ",\"restarts\":%" PRIu64 "}",
                i == 0 ? "" : ",", camera->id, leases[camera->lease.state],
                vsw_camera_state_text(camera->state), camera->reason,
                (int) camera->process.pid, camera->lease.epoch,
                camera->publisher.seq, camera->publisher.watched, camera->dials,
                camera->restarts);
    }

    fprintf(out, "]}\n");
}


static void
vsw_pages_metrics(const vsw_supervisor_t *supervisor, FILE *out)
{
    const vsw_pages_metric_t *metric;
    const vsw_camera_t       *camera;
    size_t                    i, n;

    vsw_pages_replica(supervisor, out);
    vsw_pages_states(&supervisor->cameras, out);

    for (n = 0; n < sizeof(vsw_pages_camera_metrics) / sizeof(*metric); n++) {
        metric = &vsw_pages_camera_metrics[n];
        vsw_pages_head(out, metric->name, metric->type, metric->help);

        for (i = 0; i < supervisor->cameras.count; i++) {
            camera = supervisor->cameras.list[i];

            if (camera->state != VSW_CAMERA_IDLE) {
                fprintf(out, "%s{camera=\"%s\"} %" PRIu64 "\n", metric->name,
                        camera->id, metric->value(camera));
            }
        }
    }

    vsw_pages_drops(&supervisor->cameras, out);
    vsw_pages_ages(&supervisor->env.ages, out);
}


static void
vsw_pages_replica(const vsw_supervisor_t *supervisor, FILE *out)
{
    const vsw_camera_env_t *env = &supervisor->env;
    uint64_t                held = 0;
    size_t                  i;

    for (i = 0; i < supervisor->cameras.count; i++) {
        held += vsw_lease_is_ours(&supervisor->cameras.list[i]->lease);
    }

    vsw_pages_head(out, "vstream_ingest_build_info", "gauge",
                   "Version of this program.");
    fprintf(out,
            "vstream_ingest_build_info{version=\"%s\",replica=\"%s\"} "
            "1\n",
            VSTREAM_VERSION, supervisor->config->replica);

    vsw_pages_value(out, "vstream_ingest_redis_up", "gauge",
                    vsw_supervisor_is_ready(supervisor),
                    "Redis is connected and answers.");
    vsw_pages_value(out, "vstream_ingest_redis_connections_total", "counter",
                    vsw_redis_connections(env->control)
                        + vsw_redis_connections(env->media)
                        + vsw_redis_connections(supervisor->news),
                    "Connections made to Redis.");
    vsw_pages_value(out, "vstream_ingest_redis_unsent_bytes", "gauge",
                    vsw_redis_unsent(env->control)
                        + vsw_redis_unsent(env->media),
                    "Bytes that Redis has not taken yet.");
    vsw_pages_value(out, "vstream_ingest_replicas", "gauge",
                    supervisor->replicas.count,
                    "Replicas that announce themselves, with this one.");
    vsw_pages_value(out, "vstream_ingest_cameras_declared", "gauge",
                    supervisor->cameras.count, "Cameras that are wanted.");
    vsw_pages_value(out, "vstream_ingest_cameras_held", "gauge", held,
                    "Cameras whose lease is ours.");
    vsw_pages_value(out, "vstream_ingest_leases_taken_total", "counter",
                    env->office.taken, "Leases taken.");
    vsw_pages_value(out, "vstream_ingest_leases_suspended_total", "counter",
                    env->office.suspended,
                    "Deadlines that passed without an answer.");
    vsw_pages_value(out, "vstream_ingest_leases_fenced_total", "counter",
                    env->office.fenced,
                    "Cameras lost to another replica while we were away.");
    vsw_pages_value(out, "vstream_ingest_cameras_handed_over_total", "counter",
                    env->handed_over,
                    "Cameras given to a replica that holds fewer.");
    vsw_pages_value(out, "vstream_ingest_camera_process_starts_total",
                    "counter", env->dials, "Camera processes started.");
    vsw_pages_value(out, "vstream_ingest_camera_process_crashes_total",
                    "counter", env->crashes,
                    "Camera processes that ended without a reason.");
    vsw_pages_value(out, "vstream_ingest_clock_jumps_total", "counter",
                    supervisor->clock_jumps,
                    "Steps of the wall clock of half a second or more.");
}


static void
vsw_pages_states(const vsw_cameras_t *cameras, FILE *out)
{
    static const char name[] = "vstream_ingest_camera_state";

    const vsw_camera_t *camera;
    size_t              i;
    int                 state;

    vsw_pages_head(out, name, "gauge",
                   "1 for the state that the camera is in, 0 for others.");

    for (i = 0; i < cameras->count; i++) {
        camera = cameras->list[i];

        for (state = VSW_CAMERA_CONNECTING;
             state < VSW_CAMERA_STATES && camera->state != VSW_CAMERA_IDLE;
             state++)
        {
            fprintf(out, "%s{camera=\"%s\",state=\"%s\"} %d\n", name,
                    camera->id,
                    vsw_camera_state_text((vsw_camera_state_t) state),
                    camera->state == (vsw_camera_state_t) state);
        }
    }
}


static void
vsw_pages_drops(const vsw_cameras_t *cameras, FILE *out)
{
    static const char name[] = "vstream_ingest_camera_frames_dropped_total";

    const vsw_camera_t *camera;
    size_t              i;
    int                 reason;

    vsw_pages_head(out, name, "counter",
                   "Frames that were not published, by reason.");

    for (i = 0; i < cameras->count; i++) {
        camera = cameras->list[i];

        if (camera->state == VSW_CAMERA_IDLE) {
            continue;
        }

        for (reason = 0; reason < VSW_DROP_REASONS; reason++) {
            fprintf(out, "%s{camera=\"%s\",reason=\"%s\"} %" PRIu64 "\n", name,
                    camera->id, vsw_publisher_drop_text((vsw_drop_t) reason),
                    camera->publisher.dropped[reason]);
        }

        fprintf(out, "%s{camera=\"%s\",reason=\"late\"} %" PRIu64 "\n", name,
                camera->id, camera->late + camera->counts.frames_late);
    }
}


static void
vsw_pages_ages(const vsw_ages_t *ages, FILE *out)
{
    static const char name[] = "vstream_ingest_frame_age_seconds";

    uint64_t sum = 0;
    size_t   i;

    vsw_pages_head(out, name, "histogram",
                   "From a frame's capture to Redis's answer.");

    for (i = 0; i < VSW_AGES_BUCKETS; i++) {
        sum += ages->counts[i];
        fprintf(out, "%s_bucket{le=\"%u.%03u\"} %" PRIu64 "\n", name,
                vsw_ages_bounds_ms[i] / 1000, vsw_ages_bounds_ms[i] % 1000,
                sum);
    }

    sum += ages->counts[VSW_AGES_BUCKETS];
    fprintf(out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, sum);
    fprintf(out, "%s_sum %" PRIu64 ".%06" PRIu64 "\n", name,
            ages->sum_us / 1000000, ages->sum_us % 1000000);
    fprintf(out, "%s_count %" PRIu64 "\n", name, sum);
}


static void
vsw_pages_head(FILE *out, const char *name, const char *type, const char *help)
{
    fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}


static void
vsw_pages_value(FILE *out, const char *name, const char *type, uint64_t value,
                const char *help)
{
    vsw_pages_head(out, name, type, help);
    fprintf(out, "%s %" PRIu64 "\n", name, value);
}
