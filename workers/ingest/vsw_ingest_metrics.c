/*
 * The metrics of vstream-ingest, see vsw_ingest_metrics.h.  Camera ids need no
 * escaping: their grammar leaves no room for harm.
 */

#include "vsw_ingest_metrics.h"

#include <inttypes.h>


static void vsw_metrics_replica(const vsw_supervisor_t *supervisor, FILE *out);
static void vsw_metrics_leases(const vsw_supervisor_t *supervisor, FILE *out);
static void vsw_metrics_states(const vsw_cameras_t *cameras, FILE *out);
static void vsw_metrics_cameras(const vsw_cameras_t *cameras, FILE *out);
static void vsw_metrics_drops(const vsw_cameras_t *cameras, FILE *out);
static void vsw_metrics_topics(const vsw_kafka_sources_t *sources, FILE *out);
static void vsw_metrics_ages(const vsw_ages_t *ages, FILE *out);
static void vsw_metrics_head(FILE *out, const char *name, const char *type,
                             const char *help);
static void vsw_metrics_value(FILE *out, const char *name, const char *type,
                              uint64_t value, const char *help);


/* One metric of each camera that is ours. */
typedef struct {
    const char *name;
    const char *type;
    const char *help;
    uint64_t (*value)(const vsw_camera_t *camera);
} vsw_metric_t;


static uint64_t
vsw_metrics_access_units(const vsw_camera_t *camera)
{
    return camera->access_units + camera->counts.access_units;
}


static uint64_t
vsw_metrics_bytes(const vsw_camera_t *camera)
{
    return camera->bytes + camera->counts.bytes;
}


static uint64_t
vsw_metrics_pushed(const vsw_camera_t *camera)
{
    return vsw_publisher_pushed(&camera->publisher);
}


static uint64_t
vsw_metrics_pushed_small(const vsw_camera_t *camera)
{
    return camera->publisher.slots[VSTREAM_RENDITION_SMALL].pushed;
}


static uint64_t
vsw_metrics_stills(const vsw_camera_t *camera)
{
    return camera->publisher.stills;
}


static uint64_t
vsw_metrics_watched(const vsw_camera_t *camera)
{
    return vsw_publisher_watched(&camera->publisher);
}


static uint64_t
vsw_metrics_dials(const vsw_camera_t *camera)
{
    return camera->dials;
}


static uint64_t
vsw_metrics_restarts(const vsw_camera_t *camera)
{
    return camera->restarts;
}


static const vsw_metric_t vsw_metrics_table[] = {
    { "vstream_ingest_camera_access_units_total", "counter",
      "Access units received from the camera.", vsw_metrics_access_units },
    { "vstream_ingest_camera_received_bytes_total", "counter",
      "Bytes of media received from the camera.", vsw_metrics_bytes },
    { "vstream_ingest_camera_frames_pushed_total", "counter",
      "Frames pushed to whoever watches.", vsw_metrics_pushed },
    { "vstream_ingest_camera_small_frames_pushed_total", "counter",
      "Those of them that went to viewers of the rendition small.",
      vsw_metrics_pushed_small },
    { "vstream_ingest_camera_stills_total", "counter",
      "Stills stored in Redis.", vsw_metrics_stills },
    { "vstream_ingest_camera_subscribers", "gauge",
      "Subscribers of the camera's frames, as Redis counts them.",
      vsw_metrics_watched },
    { "vstream_ingest_camera_dials_total", "counter",
      "Connections begun to the camera, one camera process each.",
      vsw_metrics_dials },
    { "vstream_ingest_camera_restarts_total", "counter",
      "Ends of its camera process that were not asked for.",
      vsw_metrics_restarts },
};


void
vsw_ingest_metrics_write(const vsw_supervisor_t *supervisor, FILE *out)
{
    vsw_metrics_replica(supervisor, out);
    vsw_metrics_leases(supervisor, out);
    vsw_metrics_states(&supervisor->cameras, out);
    vsw_metrics_cameras(&supervisor->cameras, out);
    vsw_metrics_drops(&supervisor->cameras, out);
    vsw_metrics_topics(&supervisor->env.kafka, out);
    vsw_metrics_ages(&supervisor->env.ages, out);
}


static void
vsw_metrics_replica(const vsw_supervisor_t *supervisor, FILE *out)
{
    const vsw_camera_env_t *env = &supervisor->env;

    vsw_metrics_head(out, "vstream_ingest_build_info", "gauge",
                     "Version of this program.");
    fprintf(out,
            "vstream_ingest_build_info{version=\"%s\",replica=\"%s\"} "
            "1\n",
            VSTREAM_VERSION, supervisor->config->replica);

    vsw_metrics_value(out, "vstream_ingest_redis_up", "gauge",
                      vsw_supervisor_is_ready(supervisor),
                      "Redis is connected and answers.");
    vsw_metrics_value(out, "vstream_ingest_redis_connections_total", "counter",
                      vsw_redis_connections(env->control)
                          + vsw_redis_connections(env->media)
                          + vsw_redis_connections(supervisor->news),
                      "Connections made to Redis.");
    vsw_metrics_value(out, "vstream_ingest_redis_unsent_bytes", "gauge",
                      vsw_redis_unsent(env->control)
                          + vsw_redis_unsent(env->media),
                      "Bytes that Redis has not taken yet.");
    vsw_metrics_value(out, "vstream_ingest_replicas", "gauge",
                      supervisor->replicas.count,
                      "Replicas that announce themselves, with this one.");
}


static void
vsw_metrics_leases(const vsw_supervisor_t *supervisor, FILE *out)
{
    const vsw_camera_env_t *env = &supervisor->env;
    uint64_t                held = 0;
    size_t                  i;

    for (i = 0; i < supervisor->cameras.count; i++) {
        held += vsw_lease_is_ours(&supervisor->cameras.list[i]->lease);
    }

    vsw_metrics_value(out, "vstream_ingest_cameras_declared", "gauge",
                      supervisor->cameras.count, "Cameras that are wanted.");
    vsw_metrics_value(out, "vstream_ingest_cameras_held", "gauge", held,
                      "Cameras whose lease is ours.");
    vsw_metrics_value(out, "vstream_ingest_leases_taken_total", "counter",
                      env->office.taken, "Leases taken.");
    vsw_metrics_value(out, "vstream_ingest_leases_suspended_total", "counter",
                      env->office.suspended,
                      "Deadlines that passed without an answer.");
    vsw_metrics_value(out, "vstream_ingest_leases_fenced_total", "counter",
                      env->office.fenced,
                      "Cameras lost to another replica while we were away.");
    vsw_metrics_value(out, "vstream_ingest_cameras_handed_over_total",
                      "counter", env->handed_over,
                      "Cameras given to a replica that holds fewer.");
    vsw_metrics_value(out, "vstream_ingest_camera_process_starts_total",
                      "counter", env->dials, "Camera processes started.");
    vsw_metrics_value(out, "vstream_ingest_camera_process_crashes_total",
                      "counter", env->crashes,
                      "Camera processes that ended without a reason.");
    vsw_metrics_value(out, "vstream_ingest_clock_jumps_total", "counter",
                      supervisor->clock_jumps,
                      "Steps of the wall clock of half a second or more.");
}


static void
vsw_metrics_states(const vsw_cameras_t *cameras, FILE *out)
{
    static const char name[] = "vstream_ingest_camera_state";

    const vsw_camera_t *camera;
    size_t              i;
    int                 state;

    vsw_metrics_head(out, name, "gauge",
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
vsw_metrics_cameras(const vsw_cameras_t *cameras, FILE *out)
{
    const vsw_metric_t *metric;
    const vsw_camera_t *camera;
    size_t              i, n;

    for (n = 0; n < sizeof(vsw_metrics_table) / sizeof(*metric); n++) {
        metric = &vsw_metrics_table[n];
        vsw_metrics_head(out, metric->name, metric->type, metric->help);

        for (i = 0; i < cameras->count; i++) {
            camera = cameras->list[i];

            if (camera->state != VSW_CAMERA_IDLE) {
                fprintf(out, "%s{camera=\"%s\"} %" PRIu64 "\n", metric->name,
                        camera->id, metric->value(camera));
            }
        }
    }
}


static void
vsw_metrics_drops(const vsw_cameras_t *cameras, FILE *out)
{
    static const char name[] = "vstream_ingest_camera_frames_dropped_total";

    const vsw_camera_t *camera;
    size_t              i;
    int                 reason;

    vsw_metrics_head(out, name, "counter",
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
        fprintf(out,
                "%s{camera=\"%s\",reason=\"value_superseded\"} %" PRIu64 "\n",
                name, camera->id, vsw_camera_values_late(camera));
        fprintf(out, "%s{camera=\"%s\",reason=\"value_broken\"} %" PRIu64 "\n",
                name, camera->id,
                camera->values_broken + camera->counts.values_broken);
    }
}


/* Names of topics need no escaping either. */
static void
vsw_metrics_topics(const vsw_kafka_sources_t *sources, FILE *out)
{
    static const char values[] = "vstream_ingest_kafka_source_values_total";
    static const char dropped[] =
        "vstream_ingest_kafka_source_values_dropped_total";
    static const char partitions[] = "vstream_ingest_kafka_source_partitions";

    const vsw_kafka_topic_t  *topic;
    vsw_kafka_reader_counts_t counts;

    vsw_metrics_head(out, values, "counter", "Values read from a topic.");

    for (topic = sources->topics; topic != NULL; topic = topic->next) {
        vsw_kafka_reader_counts(topic->reader, &counts);
        fprintf(out, "%s{topic=\"%s\"} %" PRIu64 "\n", values, topic->name,
                counts.values);
    }

    vsw_metrics_head(out, dropped, "counter",
                     "Values of a topic that no camera got, by reason.");

    for (topic = sources->topics; topic != NULL; topic = topic->next) {
        vsw_kafka_reader_counts(topic->reader, &counts);
        fprintf(out, "%s{topic=\"%s\",reason=\"unclaimed\"} %" PRIu64 "\n",
                dropped, topic->name, topic->unclaimed);
        fprintf(out, "%s{topic=\"%s\",reason=\"too_large\"} %" PRIu64 "\n",
                dropped, topic->name, topic->too_large);
        fprintf(out, "%s{topic=\"%s\",reason=\"old\"} %" PRIu64 "\n", dropped,
                topic->name, counts.left_out);
    }

    vsw_metrics_head(out, partitions, "gauge",
                     "Partitions of a topic that are read.");

    for (topic = sources->topics; topic != NULL; topic = topic->next) {
        vsw_kafka_reader_counts(topic->reader, &counts);
        fprintf(out, "%s{topic=\"%s\"} %u\n", partitions, topic->name,
                counts.partitions);
    }
}


static void
vsw_metrics_ages(const vsw_ages_t *ages, FILE *out)
{
    static const char name[] = "vstream_ingest_frame_age_seconds";

    uint64_t sum = 0;
    size_t   i;

    vsw_metrics_head(out, name, "histogram",
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
vsw_metrics_head(FILE *out, const char *name, const char *type,
                 const char *help)
{
    fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}


static void
vsw_metrics_value(FILE *out, const char *name, const char *type, uint64_t value,
                  const char *help)
{
    vsw_metrics_head(out, name, type, help);
    fprintf(out, "%s %" PRIu64 "\n", name, value);
}
