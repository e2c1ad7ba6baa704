/*
 * Frame lines and frame ids: written and read in one place, so that the two
 * cannot drift.
 */

#include "vstream_frame.h"
#include "vstream_number.h"

#include <string.h>


#define VSTREAM_FRAME_NUMBERS 5


static int vstream_frame_numbers_read(vstream_slice_t text, const uint64_t *max,
                                      uint64_t *number);


void
vstream_frame_line_write(vstream_writer_t *w, const vstream_frame_t *f)
{
    vstream_writer_uint(w, f->epoch);
    vstream_writer_bytes(w, " ", 1);
    vstream_writer_uint(w, f->seq);
    vstream_writer_bytes(w, " ", 1);
    vstream_writer_int(w, f->t_unix_us);
    vstream_writer_bytes(w, " ", 1);
    vstream_writer_uint(w, f->width);
    vstream_writer_bytes(w, " ", 1);
    vstream_writer_uint(w, f->height);
    vstream_writer_bytes(w, "\n", 1);
}


int
vstream_frame_line_read(vstream_slice_t data, vstream_frame_t *f,
                        size_t *line_length)
{
    static const uint64_t max[VSTREAM_FRAME_NUMBERS] = { UINT64_MAX, UINT64_MAX,
                                                         INT64_MAX, UINT32_MAX,
                                                         UINT32_MAX };

    vstream_slice_t line;
    const char     *newline;
    uint64_t        number[VSTREAM_FRAME_NUMBERS];

    line = data;

    if (line.length > VSTREAM_FRAME_LINE_MAX) {
        line.length = VSTREAM_FRAME_LINE_MAX;
    }

    newline = line.length ? memchr(line.data, '\n', line.length) : NULL;

    if (newline == NULL) {
        return line.length < VSTREAM_FRAME_LINE_MAX ? VSTREAM_AGAIN
                                                    : VSTREAM_ERROR;
    }

    line.length = (size_t) (newline - line.data);

    if (vstream_frame_numbers_read(line, max, number) != VSTREAM_OK) {
        return VSTREAM_ERROR;
    }

    f->epoch = number[0];
    f->seq = number[1];
    f->t_unix_us = (int64_t) number[2];
    f->width = (uint32_t) number[3];
    f->height = (uint32_t) number[4];

    *line_length = line.length + 1;

    return VSTREAM_OK;
}


/* Five numbers with one space between each two. */
static int
vstream_frame_numbers_read(vstream_slice_t text, const uint64_t *max,
                           uint64_t *number)
{
    vstream_slice_t word;
    const char     *space;
    size_t          i;

    for (i = 0; i < VSTREAM_FRAME_NUMBERS; i++) {
        word = text;

        if (i < VSTREAM_FRAME_NUMBERS - 1) {
            space = text.length ? memchr(text.data, ' ', text.length) : NULL;

            if (space == NULL) {
                return VSTREAM_ERROR;
            }

            word.length = (size_t) (space - text.data);
            text.data += word.length + 1;
            text.length -= word.length + 1;
        }

        if (vstream_number_read(word, max[i], &number[i]) != VSTREAM_OK) {
            return VSTREAM_ERROR;
        }
    }

    return VSTREAM_OK;
}


void
vstream_frame_id_write(vstream_writer_t *w, uint64_t epoch, uint64_t seq)
{
    vstream_writer_uint(w, epoch);
    vstream_writer_bytes(w, "-", 1);
    vstream_writer_uint(w, seq);
}


int
vstream_frame_id_read(vstream_slice_t text, uint64_t *epoch, uint64_t *seq)
{
    vstream_slice_t head, tail;
    const char     *dash;
    uint64_t        first, second;

    dash = text.length ? memchr(text.data, '-', text.length) : NULL;

    if (dash == NULL) {
        return VSTREAM_ERROR;
    }

    head.data = text.data;
    head.length = (size_t) (dash - text.data);
    tail.data = dash + 1;
    tail.length = text.length - head.length - 1;

    if (vstream_number_read(head, UINT64_MAX, &first) != VSTREAM_OK
        || vstream_number_read(tail, UINT64_MAX, &second) != VSTREAM_OK)
    {
        return VSTREAM_ERROR;
    }

    *epoch = first;
    *seq = second;

    return VSTREAM_OK;
}


int
vstream_frame_compare(const vstream_frame_t *a, const vstream_frame_t *b)
{
    if (a->epoch != b->epoch) {
        return a->epoch < b->epoch ? -1 : 1;
    }

    if (a->seq != b->seq) {
        return a->seq < b->seq ? -1 : 1;
    }

    return 0;
}
