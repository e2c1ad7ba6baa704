/*
 * Where pictures leave the camera process: checks their size, encodes those
 * that are no JPEGs, and hands them to the link, each for what the paces want
 * it for.  The link has room for one frame; one more waits here, and is not
 * encoded before.  A newer one takes its place.
 */

#ifndef VSW_FRAME_OUTPUT_H
#define VSW_FRAME_OUTPUT_H

#include <libavcodec/avcodec.h>

#include "vstream_jpeg.h"
#include "vsw_paces.h"
#include "vsw_picture_size.h"
#include "vsw_unit_ring.h"

typedef struct vsw_frame_output_s vsw_frame_output_t;


/* All are borrowed.  NULL: out of memory. */
vsw_frame_output_t *vsw_frame_output_create(const vsw_camera_config_t *config,
                                            vstream_rendition_t rendition,
                                            vsw_paces_t        *paces,
                                            vsw_link_t         *link);
void                vsw_frame_output_destroy(vsw_frame_output_t *output);

/*
 * Of these, VSTREAM_ERROR means: `failure` is set, or the link is gone.
 *
 * Another stream begins: `codec`, which is borrowed for good, and what is known
 * of its size, or zeros.
 */
int vsw_frame_output_stream_set(vsw_frame_output_t *output, const char *codec,
                                vsw_size_t size, vsw_failure_t *failure);

/* Tells the codec, where no size that was known has told it already. */
int vsw_frame_output_announce(vsw_frame_output_t *output);

/* As it is known so far; zeros, where it is not. */
vsw_size_t vsw_frame_output_size(const vsw_frame_output_t *output);

/* The size as it is now known: refuses one too large, tells one that is new. */
int vsw_frame_output_size_check(vsw_frame_output_t *output, vsw_size_t size,
                                vsw_failure_t *failure);

/*
 * Looks at a JPEG of the camera's own before anybody decodes or sends it.
 * VSTREAM_DECLINED: it is broken, and counted so.
 */
int vsw_frame_output_jpeg_scan(vsw_frame_output_t *output,
                               const AVPacket *packet, vstream_jpeg_t *jpeg,
                               vsw_failure_t *failure);

/* Sends a JPEG as it came, or a picture that was decoded, where one is due. */
int vsw_frame_output_jpeg(vsw_frame_output_t *output, const AVPacket *packet,
                          const vsw_unit_t *unit, const vstream_jpeg_t *jpeg);
int vsw_frame_output_frame(vsw_frame_output_t *output, const AVFrame *frame,
                           const vsw_unit_t *unit, vsw_failure_t *failure);

/* Sends the one that waits, once the link has room for it; or forgets it. */
int  vsw_frame_output_held_show(vsw_frame_output_t *output,
                                vsw_failure_t      *failure);
void vsw_frame_output_drop(vsw_frame_output_t *output);

/* Units are gone through again: none is sent that is older than what was. */
void vsw_frame_output_begin(vsw_frame_output_t *output);

/* When a picture was sent last, by av_gettime_relative(). */
int64_t vsw_frame_output_shown_us(const vsw_frame_output_t *output);

/* Gives the encoder's memory back. */
void vsw_frame_output_rest(vsw_frame_output_t *output);

/* Pictures that a newer one took the place of, and that were none. */
void vsw_frame_output_counts(const vsw_frame_output_t *output, uint64_t *late,
                             uint64_t *broken);


#endif /* VSW_FRAME_OUTPUT_H */
