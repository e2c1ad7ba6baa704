/*
 * The header block of a part: whatever its numbers are, it fits, reads back
 * line by line as what was put in, and ends with one empty line.
 */

#include "fuzz.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "vstream_camera_id.h"
#include "vstream_multipart.h"


/* The next line must be this one. */
__attribute__((format(printf, 2, 3))) static void
expect(vstream_slice_t *text, const char *format, ...)
{
    char    line[256];
    int     n;
    va_list args;

    va_start(args, format);
    n = vsnprintf(line, sizeof(line) - 2, format, args);
    va_end(args);

    memcpy(line + n, "\r\n", 2);
    n += 2;
    fuzz_check(text->length >= (size_t) n
               && memcmp(text->data, line, (size_t) n) == 0);
    text->data += n;
    text->length -= (size_t) n;
}


static void
expect_frame(vstream_slice_t *text, const vstream_frame_t *f, uint64_t age_ms)
{
    uint64_t t =
        f->t_unix_us < 0 ? -(uint64_t) f->t_unix_us : (uint64_t) f->t_unix_us;

    expect(text, "X-Timestamp: %s%" PRIu64 ".%06" PRIu64,
           f->t_unix_us < 0 ? "-" : "", t / 1000000, t % 1000000);
    expect(text, "X-Frame-Seq: %" PRIu64, f->seq);
    expect(text, "X-Frame-Id: %" PRIu64 "-%" PRIu64, f->epoch, f->seq);
    expect(text, "X-Frame-Age-Ms: %" PRIu64, age_ms);
}


/* Numbers, then a line with the boundary and one with the camera's id. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char             buffer[VSTREAM_MULTIPART_HEADER_MAX];
    size_t           length;
    uint64_t         age_ms;
    vstream_frame_t  f = { 0 };
    vstream_slice_t  boundary, camera, text;
    vstream_writer_t w;

    f.epoch = fuzz_number(&data, &size, 8);
    f.seq = fuzz_number(&data, &size, 8);
    f.t_unix_us = (int64_t) fuzz_number(&data, &size, 8);
    length = fuzz_number(&data, &size, 8);
    age_ms = fuzz_number(&data, &size, 8);
    boundary = fuzz_line(&data, &size);
    camera = fuzz_line(&data, &size);

    if (boundary.length > VSTREAM_MULTIPART_BOUNDARY_MAX
        || vstream_camera_id_check(camera) != VSTREAM_OK
        || (boundary.length > 0
            && vstream_camera_id_check(boundary) != VSTREAM_OK))
    {
        return 0;
    }

    vstream_writer_init(&w, buffer, sizeof(buffer));
    vstream_multipart_header_write(&w, boundary, camera, &f, length, age_ms);
    fuzz_check(vstream_writer_status(&w) == VSTREAM_OK);

    text = vstream_writer_slice(&w);
    expect(&text, "--%.*s", (int) boundary.length, boundary.data);
    expect(&text, "Content-Type: image/jpeg");
    expect(&text, "Content-Length: %zu", length);
    expect(&text, "X-Camera: %.*s", (int) camera.length, camera.data);

    if (f.epoch > 0) {
        expect_frame(&text, &f, age_ms);
    }

    expect(&text, "%s", "");
    fuzz_check(text.length == 0);

    return 0;
}
