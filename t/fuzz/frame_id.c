/*
 * Ids of frames, as they stand in stills, ETags and `after=`, one a line: what
 * is read is written the same, and any two of them are in one order.
 */

#include "fuzz.h"

#include "vstream_frame.h"

#define IDS_MAX 8


static int
read_id(vstream_slice_t text, vstream_frame_t *frame)
{
    char             buffer[VSTREAM_FRAME_ID_MAX];
    vstream_writer_t w;

    memset(frame, 0, sizeof(*frame));

    if (vstream_frame_id_read(text, &frame->epoch, &frame->seq) != VSTREAM_OK) {
        return 0;
    }

    vstream_writer_init(&w, buffer, sizeof(buffer));
    vstream_frame_id_write(&w, frame->epoch, frame->seq);
    fuzz_check(fuzz_equals(vstream_writer_slice(&w), text));

    return 1;
}


static int
sign(int order)
{
    return (order > 0) - (order < 0);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vstream_frame_t frames[IDS_MAX];
    size_t          i, k, n = 0;
    int             order;

    while (size > 0 && n < IDS_MAX) {
        n += (size_t) read_id(fuzz_line(&data, &size), &frames[n]);
    }

    for (i = 0; i < n; i++) {
        for (k = 0; k < n; k++) {
            order = sign(vstream_frame_compare(&frames[i], &frames[k]));

            fuzz_check(order
                       == -sign(vstream_frame_compare(&frames[k], &frames[i])));
            fuzz_check((order == 0)
                       == (frames[i].epoch == frames[k].epoch
                           && frames[i].seq == frames[k].seq));
            fuzz_check(frames[i].epoch <= frames[k].epoch || order > 0);
        }
    }

    return 0;
}
