/*
 * The text between the pictures of an MJPEG stream.  The pictures themselves
 * never pass through here.
 */

#include "vstream_multipart.h"


static void vstream_multipart_delimiter_write(vstream_writer_t *w,
                                              vstream_slice_t   boundary);
static void vstream_multipart_frame_write(vstream_writer_t      *w,
                                          const vstream_frame_t *f,
                                          uint64_t               age_ms);


void
vstream_multipart_header_write(vstream_writer_t *w, vstream_slice_t boundary,
                               vstream_slice_t camera, const vstream_frame_t *f,
                               size_t length, uint64_t age_ms)
{
    vstream_multipart_delimiter_write(w, boundary);

    vstream_writer_text(w, "\r\nContent-Length: ");
    vstream_writer_uint(w, length);
    vstream_writer_text(w, "\r\nX-Camera: ");
    vstream_writer_slice_append(w, camera);

    if (f->epoch > 0) {
        vstream_multipart_frame_write(w, f, age_ms);
    }

    vstream_writer_text(w, "\r\n\r\n");
}


static void
vstream_multipart_frame_write(vstream_writer_t *w, const vstream_frame_t *f,
                              uint64_t age_ms)
{
    vstream_writer_text(w, "\r\nX-Timestamp: ");
    vstream_writer_decimal(w, f->t_unix_us, 6);
    vstream_writer_text(w, "\r\nX-Frame-Seq: ");
    vstream_writer_uint(w, f->seq);
    vstream_writer_text(w, "\r\nX-Frame-Id: ");
    vstream_frame_id_write(w, f->epoch, f->seq);
    vstream_writer_text(w, "\r\nX-Frame-Age-Ms: ");
    vstream_writer_uint(w, age_ms);
}


void
vstream_multipart_advance_write(vstream_writer_t *w, vstream_slice_t boundary)
{
    vstream_multipart_delimiter_write(w, boundary);
    vstream_writer_text(w, "\r\n\r\n");
}


void
vstream_multipart_end_write(vstream_writer_t *w, vstream_slice_t boundary)
{
    vstream_writer_text(w, "--");
    vstream_writer_slice_append(w, boundary);
    vstream_writer_text(w, "--\r\n");
}


/* Delimiter and Content-Type, without the CRLF that ends the field. */
static void
vstream_multipart_delimiter_write(vstream_writer_t *w, vstream_slice_t boundary)
{
    vstream_writer_text(w, "--");
    vstream_writer_slice_append(w, boundary);
    vstream_writer_text(w, "\r\nContent-Type: image/jpeg");
}
