/*
 * One camera in one replica: what is wanted, whether we hold it, its camera
 * process, and what is published.  This is where a failure becomes a wait,
 * and a wait a new start.
 *
 *     CONNECTING -> STREAMING -> BACKING_OFF or QUARANTINED -> CONNECTING
 *
 * These states are what status shows; they count only while the lease is
 * ours.
 */

#ifndef VSW_CAMERA_H
#define VSW_CAMERA_H

#include <stdbool.h>
#include <stdint.h>

#include <ev.h>

#include "vsw_backoff.h"
#include "vsw_configuration.h"
#include "vsw_desired.h"
#include "vsw_ingest_config.h"
#include "vsw_kafka_sources.h"
#include "vsw_lease.h"
#include "vsw_process.h"
#include "vsw_publisher.h"
#include "vstream_camera_id.h"

#define VSW_CAMERA_AVOID_MS 1500 /* after a hand-over: others first */
#define VSW_CAMERA_KEEP_MS  5000 /* after a take: it is not handed over */


typedef enum {
    VSW_CAMERA_IDLE = 0, /* not ours */
    VSW_CAMERA_CONNECTING,
    VSW_CAMERA_STREAMING,
    VSW_CAMERA_BACKING_OFF,
    VSW_CAMERA_QUARANTINED,
    VSW_CAMERA_STATES,
} vsw_camera_state_t;

/* What all cameras of a replica share; the supervisor owns it. */
typedef struct {
    struct ev_loop            *loop;
    const vsw_ingest_config_t *config;
    vsw_redis_t               *control; /* leases, status, demand */
    vsw_redis_t               *media;   /* pictures */
    vsw_spawner_t             *spawner; /* NULL while there is none */
    vsw_kafka_sources_t        kafka;
    vsw_kafka_frames_t        *frames; /* NULL: none go to Kafka */
    vsw_lease_office_t         office;
    vsw_process_memory_t       memory; /* of each camera process */
    vsw_ages_t                 ages;   /* from capture to Redis's answer */
    uint64_t                   dials;  /* counters */
    uint64_t                   crashes;
    uint64_t                   handed_over;
    bool                       spawner_lost; /* the supervisor has to act */
} vsw_camera_env_t;

typedef struct {
    vsw_camera_env_t *env;
    char              id[VSTREAM_CAMERA_ID_MAX + 1];
    vsw_desired_t    *desired;
    vsw_lease_t       lease;
    vsw_process_t     process;
    vsw_publisher_t   publisher;
    vsw_kafka_tap_t   tap; /* open where it comes from Kafka */
    vsw_backoff_t     backoff;

    vsw_camera_state_t  state;
    int64_t             since_unix_ms; /* when the state was entered */
    int64_t             since_ms;
    int64_t             start_ms; /* waiting: when to start again */
    char                reason[VSW_PROCESS_REASON_MAX];
    char                detail[VSW_PROCESS_DETAIL_MAX];
    vsw_configuration_t configuration;      /* that the process was given */
    char substream[VSW_PROCESS_REASON_MAX]; /* VSTREAM_STATUS_SUBSTREAM */
    char substream_detail[VSW_PROCESS_DETAIL_MAX];

    char              codec[VSW_PROCESS_REASON_MAX];
    uint32_t          width;
    uint32_t          height;
    vsw_link_counts_t counts;       /* of the process that runs */
    uint64_t          access_units; /* of those before it, since the take */
    uint64_t          bytes;
    uint64_t          late; /* frames that it dropped itself */
    uint64_t          values_late;
    uint64_t          values_broken;
    int64_t           heard_unix_us;
    uint64_t          dials;
    uint64_t          restarts;

    int64_t  free_ms; /* since when the lease is known to be free; 0: not */
    int64_t  take_ms; /* when our turn comes; 0: it does not */
    char     former[VSW_LEASE_OWNER_MAX]; /* owner of the lease, last seen */
    int64_t  avoid_ms;                    /* not to be taken before */
    int64_t  taken_ms;
    uint64_t seen_round;    /* of the catalog, in which it stood */
    unsigned withdrawn : 1; /* no longer wanted; goes when all is idle */
    unsigned barred : 1;    /* by a still of an epoch that none can reach */
} vsw_camera_t;


/* NULL: out of memory.  `id` has passed vstream_camera_id_check(). */
vsw_camera_t *vsw_camera_create(vsw_camera_env_t *env, const char *id);

/* Only where vsw_camera_is_idle(). */
void vsw_camera_destroy(vsw_camera_t *camera);

/* What is wanted; the same text as before changes nothing. */
void vsw_camera_declare(vsw_camera_t *camera, vstream_slice_t json);

/* It is wanted no longer: stills are removed, the lease is given back. */
void vsw_camera_withdraw(vsw_camera_t *camera);

/* The configuration was reread: what is concerned starts anew. */
void vsw_camera_reconfigure(vsw_camera_t *camera);

/* Gives the lease back and lets go; `why` is for the log. */
void vsw_camera_release(vsw_camera_t *camera, const char *why);

/* Is it to have the rendition small? */
bool vsw_camera_has_small(const vsw_camera_t *camera);

/* How many watch a rendition, as Redis says. */
void vsw_camera_watched(vsw_camera_t *camera, vstream_rendition_t rendition,
                        uint32_t viewers);

/* To be called every 50 ms or so. */
void vsw_camera_tick(vsw_camera_t *camera, int64_t now_ms);

/* Values of Kafka that a newer one took the place of, wherever they waited. */
uint64_t vsw_camera_values_late(const vsw_camera_t *camera);

/* Do frames of it go to Kafka? */
bool vsw_camera_is_sent(const vsw_camera_t *camera);

/* No lease, no process: it may be taken, or destroyed. */
bool vsw_camera_is_idle(const vsw_camera_t *camera);

/* "streaming", ...: the words of status. */
const char *vsw_camera_state_text(vsw_camera_state_t state);


#endif /* VSW_CAMERA_H */
