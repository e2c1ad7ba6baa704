/*
 * Access units into pictures, by libavcodec or, for the test pattern, by
 * drawing.  One thread, no delay but what reordering needs; pictures come out
 * in the order in which they are shown, each with the unit that it came in.
 */

#ifndef VSW_DECODER_H
#define VSW_DECODER_H

#include <libavcodec/avcodec.h>

#include "vsw_failure.h"
#include "vsw_unit_ring.h"

typedef struct vsw_decoder_s vsw_decoder_t;


/* NULL: `failure` says why. */
vsw_decoder_t *vsw_decoder_create(const AVCodecParameters *parameters,
                                  uint64_t max_pixels, vsw_failure_t *failure);
void           vsw_decoder_destroy(vsw_decoder_t *decoder);

/*
 * Feeds one unit.  VSTREAM_ERROR: it did not decode.  VSTREAM_DECLINED: there
 * is no memory for pictures of this size.
 */
int vsw_decoder_send(vsw_decoder_t *decoder, const AVPacket *packet,
                     const vsw_unit_t *unit);

/*
 * The next picture that is ready.  VSTREAM_AGAIN: none; VSTREAM_DECLINED: one
 * came, but it is damaged and is not to be shown.
 */
int vsw_decoder_receive(vsw_decoder_t *decoder, AVFrame *frame,
                        vsw_unit_t *unit);

/*
 * No more units for now: pictures that wait for others come out of
 * vsw_decoder_receive() at once.  vsw_decoder_reset() must follow.
 */
void vsw_decoder_drain(vsw_decoder_t *decoder);

/* Forgets all it was fed; the next unit must be a keyframe. */
void vsw_decoder_reset(vsw_decoder_t *decoder);


#endif /* VSW_DECODER_H */
