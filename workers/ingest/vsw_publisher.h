/*
 * Publishes one camera's frames to Redis: pushed while somebody watches, and
 * as stills.  It numbers them, sends one of each rendition at a time, and lets
 * the newest win: what cannot be sent is dropped and counted by reason, never
 * queued.  Frames come from a camera process, which is not trusted: each is
 * looked at before it goes out.  What goes to Kafka too has the same number
 * there.
 */

#ifndef VSW_PUBLISHER_H
#define VSW_PUBLISHER_H

#include <stdint.h>

#include "vsw_ages.h"
#include "vsw_kafka_frames.h"
#include "vsw_lease.h"
#include "vsw_link.h"
#include "vsw_redis.h"
#include "vstream_frame.h"

#define VSW_PUBLISHER_STALE_MS 2000 /* a live frame this old is not live */


typedef enum {
    VSW_DROP_SUPERSEDED = 0, /* a newer one came before it could be sent */
    VSW_DROP_NO_LEASE,       /* the deadline has passed */
    VSW_DROP_STALE,
    VSW_DROP_MALFORMED,  /* no sane JPEG */
    VSW_DROP_REDIS_AWAY, /* not connected, or lost before it answered */
    VSW_DROP_REDIS_SLOW, /* too much is unsent */
    VSW_DROP_REDIS_FULL, /* Redis is out of memory */
    VSW_DROP_REDIS_ERROR,
    VSW_DROP_FENCED, /* a newer owner's still is there already */
    VSW_DROP_REASONS,
} vsw_drop_t;

/* A frame that waits for its turn. */
typedef struct {
    vstream_frame_t frame; /* seq 0: it is numbered when it is sent */
    uint32_t        flags; /* VSW_FRAME_*; 0: there is none */
    size_t          length;
    size_t          capacity;
    uint8_t        *jpeg;
} vsw_publisher_waiting_t;

typedef struct vsw_publisher_s vsw_publisher_t;

/* One rendition: what is under way to Redis, and what waits behind it. */
typedef struct {
    vsw_publisher_t        *publisher;
    vstream_rendition_t     rendition;
    uint32_t                watched;           /* subscribers, as last heard */
    unsigned                in_flight;         /* answers that are due */
    int64_t                 in_flight_unix_us; /* time of that frame */
    uint64_t                in_flight_epoch;
    uint64_t                sent; /* seq of the last frame sent */
    vsw_publisher_waiting_t waiting;
    uint64_t                pushed; /* counter */
} vsw_publisher_slot_t;

struct vsw_publisher_s {
    vsw_redis_t        *redis;
    vstream_slice_t     prefix;
    const char         *id;
    vsw_lease_t        *lease;
    vsw_ages_t         *ages;
    vsw_kafka_camera_t *kafka; /* NULL: no frames go there */
    void (*fenced)(void *data);
    void *data;

    uint64_t             seq;       /* of the last frame, of any rendition */
    uint64_t             still_seq; /* of the last still sent */
    vsw_publisher_slot_t slots[VSTREAM_RENDITIONS];

    int64_t  still_unix_us; /* of the newest still that Redis has taken */
    uint64_t stills;        /* counters */
    uint64_t dropped[VSW_DROP_REASONS];
};


/*
 * What is pointed to must outlive the publisher.  `fenced` is called when
 * Redis refuses a still because a newer owner's is there.
 */
void vsw_publisher_init(vsw_publisher_t *publisher, vsw_redis_t *redis,
                        vsw_lease_t *lease, vsw_ages_t   *ages,
                        void (*fenced)(void *data), void *data);
void vsw_publisher_close(vsw_publisher_t *publisher);

/* This replica has taken the camera: counters start anew. */
void vsw_publisher_begin(vsw_publisher_t *publisher);

/* This replica has let the camera go: nobody watches it here. */
void vsw_publisher_end(vsw_publisher_t *publisher);

/*
 * A VSW_LINK_FRAME message has come.  `may`: those of VSW_FRAME_* that this
 * camera's frames may have; others are passed over.
 */
void vsw_publisher_frame(vsw_publisher_t *publisher, uint32_t may,
                         const uint8_t *payload, size_t length);

/* Of all renditions together. */
uint32_t vsw_publisher_watched(const vsw_publisher_t *publisher);
uint64_t vsw_publisher_pushed(const vsw_publisher_t *publisher);
uint64_t vsw_publisher_drops(const vsw_publisher_t *publisher);

/* "superseded", ...: for metrics. */
const char *vsw_publisher_drop_text(vsw_drop_t reason);


#endif /* VSW_PUBLISHER_H */
