/*
 * Frames to Kafka: one producer for all cameras of a replica.  Frames are
 * ephemeral: the newest wins, what cannot be sent is dropped and counted by
 * reason, and nobody waits for Kafka, least of all the live path.
 */

#ifndef VSW_KAFKA_FRAMES_H
#define VSW_KAFKA_FRAMES_H

#include <stdint.h>

#include <ev.h>

#include "vsw_ages.h"
#include "vsw_kafka.h"
#include "vsw_kafka_section.h"
#include "vsw_lease.h"
#include "vstream_frame.h"


typedef enum {
    VSW_KAFKA_DROP_SUPERSEDED = 0, /* a newer one came before it was sent */
    VSW_KAFKA_DROP_NO_LEASE,
    VSW_KAFKA_DROP_QUEUE_FULL,    /* of the client, all cameras together */
    VSW_KAFKA_DROP_TIMED_OUT,     /* Kafka is there, but too slow */
    VSW_KAFKA_DROP_AWAY,          /* it is not there */
    VSW_KAFKA_DROP_REFUSED,       /* it does not let us in, or not write */
    VSW_KAFKA_DROP_TOO_LARGE,     /* for the topic */
    VSW_KAFKA_DROP_UNKNOWN_TOPIC, /* there is none of that name */
    VSW_KAFKA_DROP_SAME_TOPIC,    /* two cameras map to it */
    VSW_KAFKA_DROP_FAILED,        /* anything else; the log says what */
    VSW_KAFKA_DROP_REASONS,
} vsw_kafka_drop_t;

typedef struct {
    uint64_t published; /* that Kafka has taken */
    uint64_t dropped[VSW_KAFKA_DROP_REASONS];
} vsw_kafka_counts_t;

typedef struct vsw_kafka_frames_s vsw_kafka_frames_t;
typedef struct vsw_kafka_camera_s vsw_kafka_camera_t;

/* How long calls of the client's took. */
typedef struct {
    vsw_ages_t times;
    int64_t    longest_us;
} vsw_kafka_calls_t;


/*
 * `config` has brokers; its texts outlive this.  Nothing is connected before
 * the first tick.  NULL: out of memory.
 */
vsw_kafka_frames_t *vsw_kafka_frames_create(struct ev_loop           *loop,
                                            const vsw_config_kafka_t *config);

/* All cameras have left.  Accepts NULL. */
void vsw_kafka_frames_destroy(vsw_kafka_frames_t *frames);

/* To be called every 50 ms or so. */
void vsw_kafka_frames_tick(vsw_kafka_frames_t *frames, int64_t now_ms);

/* `id` and `lease` outlive it.  NULL: out of memory, or `frames` is NULL. */
vsw_kafka_camera_t *vsw_kafka_camera_create(vsw_kafka_frames_t *frames,
                                            const char         *id,
                                            const vsw_lease_t  *lease);
void                vsw_kafka_camera_destroy(vsw_kafka_camera_t *camera);

/* This replica has taken the camera: counters start anew. */
void vsw_kafka_camera_begin(vsw_kafka_camera_t *camera);

/* A frame, with its epoch and seq; `jpeg` is copied. */
void vsw_kafka_camera_frame(vsw_kafka_camera_t    *camera,
                            const vstream_frame_t *frame, vstream_slice_t jpeg);

const vsw_kafka_counts_t *vsw_kafka_camera_counts(
    const vsw_kafka_camera_t *camera);
uint64_t vsw_kafka_camera_drops(const vsw_kafka_camera_t *camera);

/*
 * One word for status: "up", "connecting", "away", "refused",
 * "unknown_topic" or "same_topic"; and a sentence for people, or "".
 */
const char *vsw_kafka_camera_state(const vsw_kafka_camera_t *camera);
const char *vsw_kafka_camera_detail(vsw_kafka_camera_t *camera);

vsw_kafka_state_t vsw_kafka_frames_state(const vsw_kafka_frames_t *frames);
const char       *vsw_kafka_frames_detail(const vsw_kafka_frames_t *frames);

/* Frames that are under way, reports that are not read included. */
size_t vsw_kafka_frames_queued(const vsw_kafka_frames_t *frames);

const vsw_ages_t *vsw_kafka_frames_ages(const vsw_kafka_frames_t *frames);
unsigned vsw_kafka_frames_topics_missing(const vsw_kafka_frames_t *frames);
const vsw_kafka_calls_t *vsw_kafka_frames_calls(
    const vsw_kafka_frames_t *frames);

/* "superseded", ...: for metrics. */
const char *vsw_kafka_drop_text(vsw_kafka_drop_t reason);


#endif /* VSW_KAFKA_FRAMES_H */
