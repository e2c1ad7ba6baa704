/*
 * One camera's way into Kafka: at most two frames are under way, and one
 * waits, which the next one replaces.  Nothing else is queued.  The bytes of a
 * frame stand in buffers of the slot's own, which the client borrows until it
 * reports; so they outlive the camera, if it goes while frames are under way.
 *
 * This room knows nothing of Kafka: who produces asks for the next frame, and
 * gives it back when it is done with.
 */

#ifndef VSW_KAFKA_SLOT_H
#define VSW_KAFKA_SLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vstream_frame.h"

#define VSW_KAFKA_IN_FLIGHT 2


typedef struct vsw_kafka_slot_s vsw_kafka_slot_t;

typedef struct {
    vsw_kafka_slot_t *slot;
    vstream_frame_t   frame;
    int64_t           put_ms; /* since when it waits */
    char             *bytes;  /* what Kafka gets */
    size_t            length;
    size_t            capacity;
    bool              is_taken; /* it waits, or is under way */
} vsw_kafka_frame_t;


/* `data` is the camera's; NULL: out of memory. */
vsw_kafka_slot_t *vsw_kafka_slot_create(void *data);

/* The camera goes.  What is under way is waited for. */
void vsw_kafka_slot_close(vsw_kafka_slot_t *slot);

/* As it was given; NULL once the slot is closed. */
void *vsw_kafka_slot_data(const vsw_kafka_slot_t *slot);

/*
 * Room for a new frame of `length` bytes, which then waits.  *superseded: it
 * takes the place of one that waited.  NULL: out of memory; that one then
 * waits on.
 */
vsw_kafka_frame_t *vsw_kafka_slot_put(vsw_kafka_slot_t *slot, size_t length,
                                      bool *superseded);

/* The frame that may be produced now; it is under way then.  NULL: none. */
vsw_kafka_frame_t *vsw_kafka_slot_next(vsw_kafka_slot_t *slot);

/*
 * A frame is no longer under way.  A closed slot that has none left is freed:
 * false.
 */
bool vsw_kafka_slot_done(vsw_kafka_frame_t *frame);


#endif /* VSW_KAFKA_SLOT_H */
