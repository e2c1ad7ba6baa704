/*
 * Pieces of H.264 and H.265 as they come over RTP (NAL units and fragments of
 * them, with start codes) into whole access units.  A unit ends with the
 * packet that carries RTP's marker, or, where a camera sets markers wrongly or
 * not at all, when the time stamp changes or what comes begins a picture: time
 * stamps may stand still, jump or run backwards.
 *
 * Parameter sets may change in band.  A keyframe that comes without any gets
 * the newest of those that came before it.
 */

#ifndef VSW_ASSEMBLER_H
#define VSW_ASSEMBLER_H

#include <stdbool.h>
#include <stddef.h>

#include <libavcodec/avcodec.h>

typedef struct vsw_assembler_s vsw_assembler_t;


/* Can units of this codec be assembled here? */
bool vsw_assembler_knows(enum AVCodecID codec);

/* `most`: bytes of one access unit.  NULL: out of memory. */
vsw_assembler_t *vsw_assembler_create(enum AVCodecID codec, size_t most);
void             vsw_assembler_destroy(vsw_assembler_t *assembler);

/*
 * Adds a piece and takes over its reference.  0, or an AVERROR: the unit is
 * larger than `most` (ENOSPC), or there is no memory (ENOMEM).
 */
int vsw_assembler_add(vsw_assembler_t *assembler, AVPacket *piece,
                      bool is_marked);

/*
 * Moves the next whole unit into `unit`; keyframes are flagged so.  false:
 * there is none yet.  To be called until then after each piece.
 */
bool vsw_assembler_take(vsw_assembler_t *assembler, AVPacket *unit);


#endif /* VSW_ASSEMBLER_H */
