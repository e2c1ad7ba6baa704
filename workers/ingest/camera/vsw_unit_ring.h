/*
 * The access units at hand: those since the newest keyframe, 4 MiB and 3 s of
 * them at most.  The reader thread puts, the main thread takes; the reader
 * never waits.  A longer group of pictures keeps its keyframe, but is
 * incomplete from then on: who joins sees the keyframe and is live from the
 * next one.
 */

#ifndef VSW_UNIT_RING_H
#define VSW_UNIT_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libavcodec/codec_par.h>
#include <libavcodec/packet.h>

#define VSW_UNIT_RING_BYTES_MAX  ((size_t) 4 * 1024 * 1024)
#define VSW_UNIT_RING_AGE_MAX_US 3000000
#define VSW_UNIT_RING_COUNT_MAX  1024

/* Further behind than this, a newer keyframe is where decoding goes on. */
#define VSW_UNIT_RING_LAG_MAX_US 500000


/* What is known of an access unit besides its bytes. */
typedef struct {
    uint64_t serial;    /* from 1, without gaps; given by the ring */
    uint32_t stream;    /* that it belongs to, from 1; given by the ring */
    int64_t  t_us;      /* when its last byte came */
    int64_t  t_unix_us; /* the same moment by the wall clock */
    bool     is_key;
} vsw_unit_t;

typedef struct vsw_unit_ring_s vsw_unit_ring_t;


vsw_unit_ring_t *vsw_unit_ring_create(void);
void             vsw_unit_ring_destroy(vsw_unit_ring_t *ring);

/*
 * Units that are put from now on belong to a new stream, and are decoded with
 * these parameters: when the source has been opened, and whenever it changes
 * its codec or what a decoder must know beforehand.  VSTREAM_ERROR: out of
 * memory.
 */
int vsw_unit_ring_stream_begin(vsw_unit_ring_t         *ring,
                               const AVCodecParameters *parameters);

/*
 * Copies the newest stream's parameters and sets *number, which is 0 before
 * the first one.  VSTREAM_ERROR: out of memory.
 */
int vsw_unit_ring_stream(vsw_unit_ring_t *ring, AVCodecParameters *parameters,
                         uint32_t *number);

/*
 * Takes over the reference in `packet`, which is blank afterwards, and sets
 * the unit's serial and stream.  VSTREAM_ERROR: out of memory, the unit is
 * lost.
 */
int vsw_unit_ring_put(vsw_unit_ring_t *ring, AVPacket *packet,
                      vsw_unit_t *unit);

/*
 * The newest keyframe, as a new reference, if its serial is above `after`.
 * VSTREAM_AGAIN: there is none.
 */
int vsw_unit_ring_keyframe(vsw_unit_ring_t *ring, uint64_t after,
                           AVPacket *packet, vsw_unit_t *unit);

/* From now on vsw_unit_ring_take() goes on from the newest keyframe. */
void vsw_unit_ring_attach(vsw_unit_ring_t *ring);

/* Nothing is kept for vsw_unit_ring_take() any more. */
void vsw_unit_ring_detach(vsw_unit_ring_t *ring);

/*
 * The next unit to decode, as a new reference.  *skipped: units left out just
 * before it, because decoding fell behind or they are gone; what follows
 * begins with a keyframe then.  VSTREAM_AGAIN: none yet.
 */
int vsw_unit_ring_take(vsw_unit_ring_t *ring, AVPacket *packet,
                       vsw_unit_t *unit, uint64_t *skipped);

/* The newest unit; serial 0: there was none yet. */
void vsw_unit_ring_newest(vsw_unit_ring_t *ring, vsw_unit_t *unit);

/* The newest keyframe's unit; serial 0: there was none yet. */
void vsw_unit_ring_newest_key(vsw_unit_ring_t *ring, vsw_unit_t *unit);


#endif /* VSW_UNIT_RING_H */
