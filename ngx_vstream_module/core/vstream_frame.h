/*
 * What travels with every JPEG through Redis: the text line in front of a
 * pushed frame, and the frame's id, `<epoch>-<seq>`, which is also the entry
 * id of a still and the ETag of a snapshot.
 */

#ifndef VSTREAM_FRAME_H
#define VSTREAM_FRAME_H

#include "vstream_writer.h"

/* Longest frame line, newline included: five numbers and their separators. */
#define VSTREAM_FRAME_LINE_MAX 96

/* Longest frame id: two 20-digit numbers and a dash. */
#define VSTREAM_FRAME_ID_MAX 41


typedef struct {
    uint64_t epoch;     /* the fence's number; milliseconds, so < 2^53 */
    uint64_t seq;       /* from 1, counted by the supervisor */
    int64_t  t_unix_us; /* when its last byte reached the camera process */
    uint32_t width;     /* pixels */
    uint32_t height;
} vstream_frame_t;


/* Writes `<epoch> <seq> <t_unix_us> <width> <height>\n`. */
void vstream_frame_line_write(vstream_writer_t *w, const vstream_frame_t *f);

/*
 * Reads the line at the start of `data` and stores its length, newline
 * included, in *line_length.  VSTREAM_AGAIN: no newline yet, and fewer than
 * VSTREAM_FRAME_LINE_MAX bytes.  VSTREAM_ERROR: not a frame line.  Numbers are
 * plain decimal, without sign, leading zeros or overflow.
 */
int vstream_frame_line_read(vstream_slice_t data, vstream_frame_t *f,
                            size_t *line_length);

/* Writes `<epoch>-<seq>`. */
void vstream_frame_id_write(vstream_writer_t *w, uint64_t epoch, uint64_t seq);

/* VSTREAM_OK or VSTREAM_ERROR; the whole of `text` must be an id. */
int vstream_frame_id_read(vstream_slice_t text, uint64_t *epoch, uint64_t *seq);

/*
 * Order of two frames of one camera: negative if a is older than b, 0 if they
 * are the same frame, positive if a is newer.
 */
int vstream_frame_compare(const vstream_frame_t *a, const vstream_frame_t *b);


#endif /* VSTREAM_FRAME_H */
