/*
 * The pages of vstream-ingest, see vsw_ingest_pages.h.  Camera ids need no
 * escaping anywhere: their grammar leaves no room for harm.
 */

#include "vsw_ingest_pages.h"

#include "vsw_ingest_metrics.h"
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
static void vsw_pages_kafka(const vsw_kafka_camera_t *kafka, FILE *out);


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
        vsw_ingest_metrics_write(supervisor, out);
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
    } else if (vsw_redis_is_old(supervisor->env.control)) {
        vsw_pages_text(answer, 503, "redis is older than 7\n");
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
                ",\"dials\":%" PRIu64 ",\"restarts\":%" PRIu64,
                i == 0 ? "" : ",", camera->id, leases[camera->lease.state],
                vsw_camera_state_text(camera->state), camera->reason,
                (int) camera->process.pid, camera->lease.epoch,
                camera->publisher.seq,
                vsw_publisher_watched(&camera->publisher), camera->dials,
                camera->restarts);
        vsw_pages_kafka(camera->publisher.kafka, out);
        fprintf(out, "}");
    }

    fprintf(out, "]}\n");
}


static void
vsw_pages_kafka(const vsw_kafka_camera_t *kafka, FILE *out)
{
    if (kafka == NULL) {
        return;
    }

    fprintf(out,
            ",\"kafka\":\"%s\",\"kafka_published\":%" PRIu64
            ",\"kafka_dropped\":%" PRIu64,
            vsw_kafka_camera_state(kafka),
            vsw_kafka_camera_counts(kafka)->published,
            vsw_kafka_camera_drops(kafka));
}
