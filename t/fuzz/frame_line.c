/*
 * Frame lines and frame ids: there is one spelling for each, so whatever is
 * read is written again as it was.
 */

#include "fuzz.h"

#include "vstream_frame.h"


static void check_line(vstream_slice_t text);
static void check_id(vstream_slice_t text);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_line(fuzz_slice(data, size));
    check_id(fuzz_slice(data, size));

    return 0;
}


static void
check_line(vstream_slice_t text)
{
    char             buffer[VSTREAM_FRAME_LINE_MAX];
    vstream_frame_t  frame;
    vstream_writer_t w;
    size_t           length;
    int              rc;

    rc = vstream_frame_line_read(text, &frame, &length);

    if (rc != VSTREAM_OK) {
        fuzz_check(rc == VSTREAM_AGAIN ? text.length < VSTREAM_FRAME_LINE_MAX
                                       : rc == VSTREAM_ERROR);
        return;
    }

    fuzz_check(length <= text.length && length <= VSTREAM_FRAME_LINE_MAX);

    vstream_writer_init(&w, buffer, sizeof(buffer));
    vstream_frame_line_write(&w, &frame);
    text.length = length;
    fuzz_check(fuzz_equals(vstream_writer_slice(&w), text));
    fuzz_check(vstream_frame_compare(&frame, &frame) == 0);
}


static void
check_id(vstream_slice_t text)
{
    char             buffer[VSTREAM_FRAME_ID_MAX];
    vstream_writer_t w;
    uint64_t         epoch, seq;

    if (vstream_frame_id_read(text, &epoch, &seq) != VSTREAM_OK) {
        return;
    }

    vstream_writer_init(&w, buffer, sizeof(buffer));
    vstream_frame_id_write(&w, epoch, seq);
    fuzz_check(fuzz_equals(vstream_writer_slice(&w), text));
}
