/*
 * What is shown: takes access units from the ring, decodes those that
 * somebody needs, encodes, and hands frames to the link.
 *
 * Detached (nobody watches), only keyframes are decoded, each by itself, for
 * stills and for Kafka.  Attached, every unit is: first those kept since the
 * last keyframe, of which only the newest picture is shown, then each as it
 * comes.
 *
 * Where the ring goes on with another stream, decoding begins anew with its
 * parameters, and codec and size are told anew.
 */

#ifndef VSW_VIEWING_H
#define VSW_VIEWING_H

#include <libavcodec/avcodec.h>

#include "vsw_stream.h"
#include "vsw_unit_ring.h"

typedef struct vsw_viewing_s vsw_viewing_t;

typedef struct {
    uint64_t frames_late;
    uint64_t frames_broken;
    uint64_t units_skipped;
} vsw_viewing_counts_t;


/*
 * All are borrowed.  Wanted for nothing, before vsw_viewing_duty_set().  NULL:
 * out of memory.
 */
vsw_viewing_t *vsw_viewing_create(const vsw_camera_config_t *config,
                                  vstream_rendition_t        rendition,
                                  vsw_unit_ring_t *ring, vsw_link_t *link);
void           vsw_viewing_destroy(vsw_viewing_t *viewing);

/*
 * The source is open; announces its stream, if it is the main one.  As
 * vsw_viewing_work().
 */
int vsw_viewing_start(vsw_viewing_t *viewing, vsw_failure_t *failure);

void vsw_viewing_duty_set(vsw_viewing_t *viewing, const vsw_duty_t *duty);

/* Is every access unit needed now? */
bool vsw_viewing_is_attached(const vsw_viewing_t *viewing);

/*
 * Does one step: a single access unit at most.  VSTREAM_OK: call again;
 * VSTREAM_AGAIN: nothing to do before the next unit or *due_us (by
 * av_gettime_relative()); VSTREAM_ERROR: `failure` is set, or the link is
 * gone.
 */
int vsw_viewing_work(vsw_viewing_t *viewing, int64_t *due_us,
                     vsw_failure_t *failure);

void vsw_viewing_counts(const vsw_viewing_t  *viewing,
                        vsw_viewing_counts_t *counts);


#endif /* VSW_VIEWING_H */
