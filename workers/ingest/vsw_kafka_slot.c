/*
 * One camera's way into Kafka, see vsw_kafka_slot.h.
 */

#include "vsw_kafka_slot.h"

#include <stdlib.h>

#define VSW_KAFKA_FRAMES (VSW_KAFKA_IN_FLIGHT + 1)


struct vsw_kafka_slot_s {
    void              *data;
    vsw_kafka_frame_t  frames[VSW_KAFKA_FRAMES];
    vsw_kafka_frame_t *waiting;
    unsigned           in_flight;
    bool               is_closed;
};


static vsw_kafka_frame_t *vsw_kafka_slot_free_frame(vsw_kafka_slot_t *slot);
static void               vsw_kafka_slot_destroy(vsw_kafka_slot_t *slot);


vsw_kafka_slot_t *
vsw_kafka_slot_create(void *data)
{
    vsw_kafka_slot_t *slot = calloc(1, sizeof(*slot));
    size_t            i;

    if (slot == NULL) {
        return NULL;
    }

    slot->data = data;

    for (i = 0; i < VSW_KAFKA_FRAMES; i++) {
        slot->frames[i].slot = slot;
    }

    return slot;
}


void
vsw_kafka_slot_close(vsw_kafka_slot_t *slot)
{
    if (slot == NULL) {
        return;
    }

    slot->is_closed = true;
    slot->data = NULL;
    slot->waiting = NULL;

    if (slot->in_flight == 0) {
        vsw_kafka_slot_destroy(slot);
    }
}


void *
vsw_kafka_slot_data(const vsw_kafka_slot_t *slot)
{
    return slot->data;
}


vsw_kafka_frame_t *
vsw_kafka_slot_put(vsw_kafka_slot_t *slot, size_t length, bool *superseded)
{
    vsw_kafka_frame_t *frame = slot->waiting;
    char              *bytes;

    *superseded = frame != NULL;

    if (frame == NULL) {
        frame = vsw_kafka_slot_free_frame(slot);
    }

    if (frame->capacity < length) {
        bytes = malloc(length);
        if (bytes == NULL) {
            *superseded = false;
            return NULL;
        }
        free(frame->bytes);
        frame->bytes = bytes;
        frame->capacity = length;
    }

    frame->length = length;
    frame->is_taken = true;
    slot->waiting = frame;

    return frame;
}


vsw_kafka_frame_t *
vsw_kafka_slot_next(vsw_kafka_slot_t *slot)
{
    vsw_kafka_frame_t *frame = slot->waiting;

    if (frame == NULL || slot->in_flight == VSW_KAFKA_IN_FLIGHT) {
        return NULL;
    }

    slot->waiting = NULL;
    slot->in_flight++;

    return frame;
}


bool
vsw_kafka_slot_done(vsw_kafka_frame_t *frame)
{
    vsw_kafka_slot_t *slot = frame->slot;

    frame->is_taken = false;
    slot->in_flight--;

    if (slot->is_closed && slot->in_flight == 0) {
        vsw_kafka_slot_destroy(slot);
        return false;
    }

    return true;
}


/* There is one: two may be under way, and none waits. */
static vsw_kafka_frame_t *
vsw_kafka_slot_free_frame(vsw_kafka_slot_t *slot)
{
    size_t i = 0;

    while (slot->frames[i].is_taken) {
        i++;
    }

    return &slot->frames[i];
}


static void
vsw_kafka_slot_destroy(vsw_kafka_slot_t *slot)
{
    size_t i;

    for (i = 0; i < VSW_KAFKA_FRAMES; i++) {
        free(slot->frames[i].bytes);
    }

    free(slot);
}
