/*
 * A bounded writer: text is appended until the buffer ends, and what would
 * have followed is only counted.  The same code that writes therefore also
 * measures: run it on an empty buffer, allocate `length` bytes, run it again.
 * Nothing is ever zero-terminated, and nothing is written past `capacity`.
 */

#ifndef VSTREAM_WRITER_H
#define VSTREAM_WRITER_H

#include "vstream_slice.h"


typedef struct {
    char  *data; /* borrowed from the caller; may be NULL if capacity is 0 */
    size_t capacity;
    size_t length; /* bytes that all the text needs, written or not */
} vstream_writer_t;


void vstream_writer_init(vstream_writer_t *w, char *data, size_t capacity);

/* VSTREAM_OK if everything fitted, else VSTREAM_ERROR. */
int vstream_writer_status(const vstream_writer_t *w);

/* What has been written; only to be used while the status is VSTREAM_OK. */
vstream_slice_t vstream_writer_slice(const vstream_writer_t *w);

void vstream_writer_bytes(vstream_writer_t *w, const void *data, size_t n);
void vstream_writer_slice_append(vstream_writer_t *w, vstream_slice_t text);

/* `text` is zero-terminated. */
void vstream_writer_text(vstream_writer_t *w, const char *text);
void vstream_writer_uint(vstream_writer_t *w, uint64_t value);
void vstream_writer_int(vstream_writer_t *w, int64_t value);

/*
 * `value` divided by 10^decimals, as a decimal number: (1234567, 6) gives
 * 1.234567.  0 to 18 decimals; with 0 there is no point.
 */
void vstream_writer_decimal(vstream_writer_t *w, int64_t value,
                            unsigned decimals);

/*
 * `text` as a JSON string with its quotes (RFC 8259 section 7).  Control
 * characters, U+2028, U+2029, `<`, `>` and `&` are written as \u00XX, so that
 * the result is one line and harmless inside HTML; bytes that are not UTF-8
 * become U+FFFD.
 */
void vstream_writer_json_string(vstream_writer_t *w, vstream_slice_t text);

/*
 * `text` for one line of a log: printable ASCII as it is, `\` doubled,
 * everything else as \xHH.  At most `limit` bytes of input are written, then
 * "...".
 */
void vstream_writer_log_text(vstream_writer_t *w, vstream_slice_t text,
                             size_t limit);


#endif /* VSTREAM_WRITER_H */
