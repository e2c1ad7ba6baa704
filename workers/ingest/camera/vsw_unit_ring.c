/*
 * The ring of access units, see vsw_unit_ring.h.
 *
 * Units stand in `entries`, a circle that grows by doubling; serials in it are
 * consecutive.  The newest keyframe has a reference of its own as well, so it
 * outlives the units around it.  `cursor` is the serial that the attached
 * taker wants next; while it waits for a keyframe above `wait_above`, cursor
 * means nothing, but where it was when it lost its place is in `lost`.
 */

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "vstream_schema.h"
#include "vsw_unit_ring.h"

#define VSW_UNIT_RING_FIRST_ROOM 64


typedef struct {
    AVPacket  *packet;
    vsw_unit_t unit;
} vsw_entry_t;

struct vsw_unit_ring_s {
    pthread_mutex_t    lock;
    vsw_entry_t       *entries;
    size_t             room; /* a power of two */
    size_t             first;
    size_t             count;
    size_t             bytes;
    vsw_unit_t         newest;
    vsw_entry_t        key;
    uint32_t           stream;
    AVCodecParameters *parameters; /* of that stream */
    bool               is_attached;
    bool               is_waiting; /* for a keyframe */
    uint64_t           wait_above;
    uint64_t           lost; /* 0: it did not */
    uint64_t           cursor;
};


vsw_unit_ring_t *
vsw_unit_ring_create(void)
{
    vsw_unit_ring_t *ring;

    ring = calloc(1, sizeof(*ring));
    if (ring == NULL) {
        return NULL;
    }

    ring->key.packet = av_packet_alloc();
    ring->parameters = avcodec_parameters_alloc();
    ring->entries = calloc(VSW_UNIT_RING_FIRST_ROOM, sizeof(vsw_entry_t));

    if (ring->key.packet == NULL || ring->parameters == NULL
        || ring->entries == NULL)
    {
        av_packet_free(&ring->key.packet);
        avcodec_parameters_free(&ring->parameters);
        free(ring->entries);
        free(ring);
        return NULL;
    }

    ring->room = VSW_UNIT_RING_FIRST_ROOM;
    pthread_mutex_init(&ring->lock, NULL);

    return ring;
}


static vsw_entry_t *
vsw_unit_ring_at(vsw_unit_ring_t *ring, size_t i)
{
    return &ring->entries[(ring->first + i) & (ring->room - 1)];
}


static void
vsw_unit_ring_drop_first(vsw_unit_ring_t *ring)
{
    vsw_entry_t *entry = vsw_unit_ring_at(ring, 0);

    ring->bytes -= (size_t) entry->packet->size;
    av_packet_free(&entry->packet);
    ring->first = (ring->first + 1) & (ring->room - 1);
    ring->count--;
}


void
vsw_unit_ring_destroy(vsw_unit_ring_t *ring)
{
    if (ring == NULL) {
        return;
    }

    while (ring->count > 0) {
        vsw_unit_ring_drop_first(ring);
    }

    av_packet_free(&ring->key.packet);
    avcodec_parameters_free(&ring->parameters);
    pthread_mutex_destroy(&ring->lock);
    free(ring->entries);
    free(ring);
}


int
vsw_unit_ring_stream_begin(vsw_unit_ring_t         *ring,
                           const AVCodecParameters *parameters)
{
    int rc;

    pthread_mutex_lock(&ring->lock);

    rc = avcodec_parameters_copy(ring->parameters, parameters);
    ring->stream++;

    pthread_mutex_unlock(&ring->lock);

    return rc < 0 ? VSTREAM_ERROR : VSTREAM_OK;
}


int
vsw_unit_ring_stream(vsw_unit_ring_t *ring, AVCodecParameters *parameters,
                     uint32_t *number)
{
    int rc;

    pthread_mutex_lock(&ring->lock);

    rc = avcodec_parameters_copy(parameters, ring->parameters);
    *number = ring->stream;

    pthread_mutex_unlock(&ring->lock);

    return rc < 0 ? VSTREAM_ERROR : VSTREAM_OK;
}


static int
vsw_unit_ring_reserve(vsw_unit_ring_t *ring)
{
    size_t       i;
    vsw_entry_t *entries;

    if (ring->count < ring->room) {
        return VSTREAM_OK;
    }

    entries = calloc(ring->room * 2, sizeof(vsw_entry_t));
    if (entries == NULL) {
        return VSTREAM_ERROR;
    }

    for (i = 0; i < ring->count; i++) {
        entries[i] = *vsw_unit_ring_at(ring, i);
    }

    free(ring->entries);
    ring->entries = entries;
    ring->room *= 2;
    ring->first = 0;

    return VSTREAM_OK;
}


/* Units before this serial are of no use to anybody. */
static uint64_t
vsw_unit_ring_needed(const vsw_unit_ring_t *ring)
{
    uint64_t key = ring->key.unit.serial;

    if (ring->is_attached && !ring->is_waiting && ring->cursor < key) {
        return ring->cursor;
    }

    return key;
}


static bool
vsw_unit_ring_is_over(const vsw_unit_ring_t *ring, const vsw_entry_t *first)
{
    return ring->bytes > VSW_UNIT_RING_BYTES_MAX
           || ring->count > VSW_UNIT_RING_COUNT_MAX
           || ring->newest.t_us - first->unit.t_us > VSW_UNIT_RING_AGE_MAX_US;
}


/* Drops what nobody needs, then what is too much; the newest unit stays. */
static void
vsw_unit_ring_trim(vsw_unit_ring_t *ring)
{
    vsw_entry_t *first;
    uint64_t     needed = vsw_unit_ring_needed(ring);

    while (ring->count > 1) {
        first = vsw_unit_ring_at(ring, 0);

        if (first->unit.serial >= needed && !vsw_unit_ring_is_over(ring, first))
        {
            return;
        }

        vsw_unit_ring_drop_first(ring);
    }
}


static int
vsw_unit_ring_append(vsw_unit_ring_t *ring, AVPacket *packet, vsw_unit_t *unit)
{
    vsw_entry_t *entry;
    AVPacket    *copy;

    copy = av_packet_alloc();
    if (copy == NULL) {
        return VSTREAM_ERROR;
    }

    if (vsw_unit_ring_reserve(ring) != VSTREAM_OK
        || (unit->is_key && av_packet_make_refcounted(packet) < 0))
    {
        av_packet_free(&copy);
        return VSTREAM_ERROR;
    }

    unit->serial = ring->newest.serial + 1;
    unit->stream = ring->stream;

    if (unit->is_key) {
        av_packet_unref(ring->key.packet);
        if (av_packet_ref(ring->key.packet, packet) == 0) {
            ring->key.unit = *unit;
        }
    }

    av_packet_move_ref(copy, packet);
    entry = vsw_unit_ring_at(ring, ring->count);
    entry->packet = copy;
    entry->unit = *unit;

    ring->count++;
    ring->bytes += (size_t) copy->size;
    ring->newest = *unit;

    return VSTREAM_OK;
}


int
vsw_unit_ring_put(vsw_unit_ring_t *ring, AVPacket *packet, vsw_unit_t *unit)
{
    int rc;

    pthread_mutex_lock(&ring->lock);

    rc = vsw_unit_ring_append(ring, packet, unit);
    if (rc == VSTREAM_OK) {
        vsw_unit_ring_trim(ring);
    }

    pthread_mutex_unlock(&ring->lock);

    av_packet_unref(packet);

    return rc;
}


int
vsw_unit_ring_keyframe(vsw_unit_ring_t *ring, uint64_t after, AVPacket *packet,
                       vsw_unit_t *unit)
{
    int rc = VSTREAM_AGAIN;

    pthread_mutex_lock(&ring->lock);

    if (ring->key.unit.serial > after
        && av_packet_ref(packet, ring->key.packet) == 0)
    {
        *unit = ring->key.unit;
        rc = VSTREAM_OK;
    }

    pthread_mutex_unlock(&ring->lock);

    return rc;
}


void
vsw_unit_ring_attach(vsw_unit_ring_t *ring)
{
    pthread_mutex_lock(&ring->lock);

    ring->is_attached = true;
    ring->is_waiting = true;
    ring->wait_above = 0;
    ring->lost = 0;

    pthread_mutex_unlock(&ring->lock);
}


void
vsw_unit_ring_detach(vsw_unit_ring_t *ring)
{
    pthread_mutex_lock(&ring->lock);

    ring->is_attached = false;
    vsw_unit_ring_trim(ring);

    pthread_mutex_unlock(&ring->lock);
}


/* The serial of the oldest unit in the circle. */
static uint64_t
vsw_unit_ring_oldest(const vsw_unit_ring_t *ring)
{
    return ring->newest.serial + 1 - ring->count;
}


/* Has the cursor lost its place, or fallen too far behind? */
static bool
vsw_unit_ring_is_lost(vsw_unit_ring_t *ring)
{
    uint64_t     oldest = vsw_unit_ring_oldest(ring);
    vsw_entry_t *entry;

    if (ring->cursor > ring->newest.serial) {
        return false;
    }

    if (ring->cursor < oldest) {
        return true;
    }

    entry = vsw_unit_ring_at(ring, (size_t) (ring->cursor - oldest));

    return ring->key.unit.serial > ring->cursor
           && ring->newest.t_us - entry->unit.t_us > VSW_UNIT_RING_LAG_MAX_US;
}


/* Sends a cursor that is lost to the next keyframe. */
static void
vsw_unit_ring_catch_up(vsw_unit_ring_t *ring)
{
    if (ring->is_waiting || !vsw_unit_ring_is_lost(ring)) {
        return;
    }

    ring->is_waiting = true;
    ring->lost = ring->cursor;
    ring->wait_above = ring->cursor - 1;
}


/* The keyframe that was waited for. */
static int
vsw_unit_ring_take_key(vsw_unit_ring_t *ring, AVPacket *packet,
                       vsw_unit_t *unit, uint64_t *skipped)
{
    uint64_t key = ring->key.unit.serial;

    if (key <= ring->wait_above || av_packet_ref(packet, ring->key.packet) != 0)
    {
        return VSTREAM_AGAIN;
    }

    *unit = ring->key.unit;
    *skipped = ring->lost > 0 ? key - ring->lost : 0;

    /* what follows the keyframe may be gone: then wait for the next one */
    ring->cursor = key + 1;
    ring->wait_above = key;
    ring->lost = 0;
    ring->is_waiting = vsw_unit_ring_oldest(ring) > key + 1;

    return VSTREAM_OK;
}


static int
vsw_unit_ring_take_next(vsw_unit_ring_t *ring, AVPacket *packet,
                        vsw_unit_t *unit)
{
    uint64_t     oldest = vsw_unit_ring_oldest(ring);
    vsw_entry_t *entry;

    if (ring->cursor > ring->newest.serial) {
        return VSTREAM_AGAIN;
    }

    entry = vsw_unit_ring_at(ring, (size_t) (ring->cursor - oldest));
    if (av_packet_ref(packet, entry->packet) != 0) {
        return VSTREAM_AGAIN;
    }

    *unit = entry->unit;
    ring->cursor++;
    vsw_unit_ring_trim(ring);

    return VSTREAM_OK;
}


int
vsw_unit_ring_take(vsw_unit_ring_t *ring, AVPacket *packet, vsw_unit_t *unit,
                   uint64_t *skipped)
{
    int rc;

    *skipped = 0;

    pthread_mutex_lock(&ring->lock);

    vsw_unit_ring_catch_up(ring);

    rc = ring->is_waiting ? vsw_unit_ring_take_key(ring, packet, unit, skipped)
                          : vsw_unit_ring_take_next(ring, packet, unit);

    pthread_mutex_unlock(&ring->lock);

    return rc;
}


void
vsw_unit_ring_newest(vsw_unit_ring_t *ring, vsw_unit_t *unit)
{
    pthread_mutex_lock(&ring->lock);
    *unit = ring->newest;
    pthread_mutex_unlock(&ring->lock);
}


void
vsw_unit_ring_newest_key(vsw_unit_ring_t *ring, vsw_unit_t *unit)
{
    pthread_mutex_lock(&ring->lock);
    *unit = ring->key.unit;
    pthread_mutex_unlock(&ring->lock);
}
