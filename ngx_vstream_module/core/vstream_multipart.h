/*
 * MJPEG over HTTP: the framing of multipart/x-mixed-replace (RFC 2046 section
 * 5.1, in the form that browsers and cameras have used since Netscape).
 *
 * Programs get, for every picture, a full header block before it:
 *
 *     --boundary CRLF Content-Type CRLF Content-Length CRLF X-... CRLF CRLF
 *     JPEG CRLF
 *
 * Chromium shows a picture only when the complete header block of the next
 * part has arrived.  An <img> therefore gets the header block early, with
 * Content-Type alone, right after the picture before it ("advance"):
 *
 *     --boundary CRLF Content-Type CRLF CRLF     (once, at the start)
 *     JPEG CRLF --boundary CRLF Content-Type CRLF CRLF     (per picture)
 */

#ifndef VSTREAM_MULTIPART_H
#define VSTREAM_MULTIPART_H

#include "vstream_frame.h"

/* Longest boundary (RFC 2046: 70). */
#define VSTREAM_MULTIPART_BOUNDARY_MAX 70

/* Longest header block that vstream_multipart_header_write() makes. */
#define VSTREAM_MULTIPART_HEADER_MAX 512


/*
 * The full header block of one part: Content-Type, Content-Length, X-Camera,
 * X-Timestamp (Unix seconds, 6 decimals), X-Frame-Seq, X-Frame-Id
 * (<epoch>-<seq>) and X-Frame-Age-Ms, then an empty line.  A frame whose epoch
 * is 0 is no picture of the camera's (a placeholder): it has neither time nor
 * number, and those fields are left out.
 */
void vstream_multipart_header_write(vstream_writer_t      *w,
                                    vstream_slice_t        boundary,
                                    vstream_slice_t        camera,
                                    const vstream_frame_t *f, size_t length,
                                    uint64_t age_ms);

/* The early header block: delimiter and Content-Type, then an empty line. */
void vstream_multipart_advance_write(vstream_writer_t *w,
                                     vstream_slice_t   boundary);

/* `--boundary--` CRLF: the end of the body. */
void vstream_multipart_end_write(vstream_writer_t *w, vstream_slice_t boundary);


#endif /* VSTREAM_MULTIPART_H */
