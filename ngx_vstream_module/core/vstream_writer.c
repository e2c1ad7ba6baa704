/*
 * The bounded writer.  Everything ends in vstream_writer_bytes(), the only
 * place that touches the buffer; it copies what fits and counts the rest.
 */

#include "vstream_writer.h"
#include "vstream_utf8.h"

#include <string.h>


/* 20 digits of 2^64 - 1. */
#define VSTREAM_WRITER_DIGITS 20


static void vstream_writer_json_character(vstream_writer_t *w, uint32_t code,
                                          vstream_slice_t raw);
static int  vstream_writer_json_is_plain(uint32_t code);
static void vstream_writer_hex(vstream_writer_t *w, uint32_t value,
                               unsigned digits);


void
vstream_writer_init(vstream_writer_t *w, char *data, size_t capacity)
{
    w->data = data;
    w->capacity = capacity;
    w->length = 0;
}


int
vstream_writer_status(const vstream_writer_t *w)
{
    return w->length <= w->capacity ? VSTREAM_OK : VSTREAM_ERROR;
}


vstream_slice_t
vstream_writer_slice(const vstream_writer_t *w)
{
    return (vstream_slice_t) { w->data, w->length };
}


void
vstream_writer_bytes(vstream_writer_t *w, const void *data, size_t n)
{
    size_t room;

    if (w->length < w->capacity && n > 0) {
        room = w->capacity - w->length;
        memcpy(w->data + w->length, data, n < room ? n : room);
    }

    w->length += n;
}


void
vstream_writer_slice_append(vstream_writer_t *w, vstream_slice_t text)
{
    vstream_writer_bytes(w, text.data, text.length);
}


void
vstream_writer_text(vstream_writer_t *w, const char *text)
{
    vstream_writer_bytes(w, text, strlen(text));
}


void
vstream_writer_uint(vstream_writer_t *w, uint64_t value)
{
    char  digits[VSTREAM_WRITER_DIGITS];
    char *p = digits + sizeof(digits);

    do {
        *--p = (char) ('0' + value % 10);
        value /= 10;
    } while (value > 0);

    vstream_writer_bytes(w, p, (size_t) (digits + sizeof(digits) - p));
}


void
vstream_writer_int(vstream_writer_t *w, int64_t value)
{
    vstream_writer_decimal(w, value, 0);
}


void
vstream_writer_decimal(vstream_writer_t *w, int64_t value, unsigned decimals)
{
    uint64_t magnitude, scale, rest;
    unsigned i;

    magnitude = (uint64_t) value;

    if (value < 0) {
        vstream_writer_bytes(w, "-", 1);
        magnitude = 0 - magnitude;
    }

    scale = 1;

    for (i = 0; i < decimals; i++) {
        scale *= 10;
    }

    vstream_writer_uint(w, magnitude / scale);

    if (decimals == 0) {
        return;
    }

    vstream_writer_bytes(w, ".", 1);
    rest = magnitude % scale;

    for (scale /= 10; scale > rest && scale > 1; scale /= 10) {
        vstream_writer_bytes(w, "0", 1);
    }

    vstream_writer_uint(w, rest);
}


void
vstream_writer_json_string(vstream_writer_t *w, vstream_slice_t text)
{
    vstream_slice_t rest, raw;
    uint32_t        code;
    size_t          n;

    vstream_writer_bytes(w, "\"", 1);

    for (rest = text; rest.length > 0; rest.data += n, rest.length -= n) {
        n = vstream_utf8_read(rest, &code);

        if (n == 0) {
            vstream_writer_text(w, "\xef\xbf\xbd");
            n = 1;
            continue;
        }

        raw.data = rest.data;
        raw.length = n;
        vstream_writer_json_character(w, code, raw);
    }

    vstream_writer_bytes(w, "\"", 1);
}


static void
vstream_writer_json_character(vstream_writer_t *w, uint32_t code,
                              vstream_slice_t raw)
{
    if (vstream_writer_json_is_plain(code)) {
        vstream_writer_slice_append(w, raw);
        return;
    }

    vstream_writer_bytes(w, "\\", 1);

    if (code == '"' || code == '\\') {
        vstream_writer_slice_append(w, raw);
        return;
    }

    vstream_writer_bytes(w, "u", 1);
    vstream_writer_hex(w, code, 4);
}


/* C1 controls too: U+0085 is a line end for more readers than one thinks. */
static int
vstream_writer_json_is_plain(uint32_t code)
{
    if (code < 0x20 || (code >= 0x7f && code <= 0x9f)) {
        return 0;
    }

    return code != '"' && code != '\\' && code != '<' && code != '>'
           && code != '&' && code != 0x2028 && code != 0x2029;
}


void
vstream_writer_log_text(vstream_writer_t *w, vstream_slice_t text, size_t limit)
{
    size_t        i, n;
    unsigned char byte;

    n = text.length < limit ? text.length : limit;

    for (i = 0; i < n; i++) {
        byte = (unsigned char) text.data[i];

        if (byte == '\\') {
            vstream_writer_bytes(w, "\\\\", 2);

        } else if (byte >= 0x20 && byte < 0x7f) {
            vstream_writer_bytes(w, &byte, 1);

        } else {
            vstream_writer_bytes(w, "\\x", 2);
            vstream_writer_hex(w, byte, 2);
        }
    }

    if (n < text.length) {
        vstream_writer_bytes(w, "...", 3);
    }
}


static void
vstream_writer_hex(vstream_writer_t *w, uint32_t value, unsigned digits)
{
    while (digits-- > 0) {
        vstream_writer_bytes(
            w, &"0123456789abcdef"[(value >> (4 * digits)) & 0xf], 1);
    }
}
