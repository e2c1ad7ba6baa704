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
static void vsw_metrics_ages(const vsw_ages_t *ages, FILE *out,
                             const char *name, const char *help);
static void vsw_metrics_kafka(const vsw_supervisor_t *supervisor, FILE *out);
static void vsw_metrics_kafka_cameras(const vsw_cameras_t *cameras, FILE *out);
static const vsw_kafka_camera_t *vsw_metrics_kafka_camera(
    const vsw_camera_t *camera);
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
    vsw_metrics_ages(&supervisor->env.ages, out,
                     "vstream_ingest_frame_age_seconds",
                     "From a frame's capture to Redis's answer.");
    vsw_metrics_kafka(supervisor, out);
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


/* Bounds of less than a millisecond are written as microseconds. */
static void
vsw_metrics_ages(const vsw_ages_t *ages, FILE *out, const char *name,
                 const char *help)
{
    uint64_t sum = 0;
    uint32_t bound_us;
    size_t   i;

    vsw_metrics_head(out, name, "histogram", help);

    for (i = 0; i < VSW_AGES_BUCKETS; i++) {
        sum += ages->counts[i];
        bound_us = ages->bounds_us[i];

        if (bound_us % 1000 == 0) {
            fprintf(out, "%s_bucket{le=\"%u.%03u\"} %" PRIu64 "\n", name,
                    bound_us / 1000000, bound_us / 1000 % 1000, sum);
        } else {
            fprintf(out, "%s_bucket{le=\"0.%06u\"} %" PRIu64 "\n", name,
                    bound_us, sum);
        }
    }

    sum += ages->counts[VSW_AGES_BUCKETS];
    fprintf(out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, sum);
    fprintf(out, "%s_sum %" PRIu64 ".%06" PRIu64 "\n", name,
            ages->sum_us / 1000000, ages->sum_us % 1000000);
    fprintf(out, "%s_count %" PRIu64 "\n", name, sum);
}


/* Only where frames go to Kafka. */
static void
vsw_metrics_kafka(const vsw_supervisor_t *supervisor, FILE *out)
{
    static const char longest[] = "vstream_ingest_kafka_produce_max_seconds";

    const vsw_kafka_frames_t *frames = supervisor->env.frames;
    const vsw_kafka_calls_t  *calls;

    if (frames == NULL) {
        return;
    }

    calls = vsw_kafka_frames_calls(frames);

    vsw_metrics_value(out, "vstream_ingest_kafka_up", "gauge",
                      vsw_kafka_frames_state(frames) == VSW_KAFKA_UP,
                      "Kafka answers the producer of frames.");
    vsw_metrics_value(out, "vstream_ingest_kafka_topics_missing", "gauge",
                      vsw_kafka_frames_topics_missing(frames),
                      "Topics of frames that Kafka does not have.");
    vsw_metrics_value(out, "vstream_ingest_kafka_frames_queued", "gauge",
                      vsw_kafka_frames_queued(frames),
                      "Frames that are under way to Kafka.");
    vsw_metrics_ages(vsw_kafka_frames_ages(frames), out,
                     "vstream_ingest_kafka_frame_age_seconds",
                     "From a frame's capture to Kafka's answer.");
    vsw_metrics_ages(&calls->times, out, "vstream_ingest_kafka_produce_seconds",
                     "How long calls to produce a frame took.");
    vsw_metrics_head(out, longest, "gauge", "The longest of these calls.");
    fprintf(out, "%s %" PRId64 ".%06" PRId64 "\n", longest,
            calls->longest_us / 1000000, calls->longest_us % 1000000);
    vsw_metrics_kafka_cameras(&supervisor->cameras, out);
}


static void
vsw_metrics_kafka_cameras(const vsw_cameras_t *cameras, FILE *out)
{
    static const char published[] = "vstream_ingest_camera_kafka_frames_total";
    static const char dropped[] =
        "vstream_ingest_camera_kafka_frames_dropped_total";

    const vsw_kafka_camera_t *kafka;
    size_t                    i;
    int                       reason;

    vsw_metrics_head(out, published, "counter", "Frames that Kafka has taken.");

    for (i = 0; i < cameras->count; i++) {
        kafka = vsw_metrics_kafka_camera(cameras->list[i]);
        if (kafka != NULL) {
            fprintf(out, "%s{camera=\"%s\"} %" PRIu64 "\n", published,
                    cameras->list[i]->id,
                    vsw_kafka_camera_counts(kafka)->published);
        }
    }

    vsw_metrics_head(out, dropped, "counter",
                     "Frames that Kafka did not get, by reason.");

    for (i = 0; i < cameras->count; i++) {
        kafka = vsw_metrics_kafka_camera(cameras->list[i]);

        for (reason = 0; kafka != NULL && reason < VSW_KAFKA_DROP_REASONS;
             reason++) {
            fprintf(out, "%s{camera=\"%s\",reason=\"%s\"} %" PRIu64 "\n",
                    dropped, cameras->list[i]->id,
                    vsw_kafka_drop_text((vsw_kafka_drop_t) reason),
                    vsw_kafka_camera_counts(kafka)->dropped[reason]);
        }
    }
}


/* NULL: it is not ours. */
static const vsw_kafka_camera_t *
vsw_metrics_kafka_camera(const vsw_camera_t *camera)
{
    return camera->state == VSW_CAMERA_IDLE ? NULL : camera->publisher.kafka;
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
