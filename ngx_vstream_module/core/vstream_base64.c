/*
 * Base64, see vstream_base64.h.  Pictures pass here, so it is written in one
 * piece where there is room.
 */

#include "vstream_base64.h"

#include <string.h>

#define VSTREAM_BASE64_GROUP 3 /* bytes that become four characters */


static void vstream_base64_group(char out[4], const unsigned char *in,
                                 size_t n);


static const char vstream_base64_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";


void
vstream_base64_write(vstream_writer_t *w, vstream_slice_t data)
{
    const unsigned char *in = (const unsigned char *) data.data;
    size_t               rest = data.length, length;
    char                 last[4], *out;

    length =
        (data.length + VSTREAM_BASE64_GROUP - 1) / VSTREAM_BASE64_GROUP * 4;

    if (length == 0) {
        return;
    }

    if (w->length > w->capacity || w->capacity - w->length < length) {
        w->length += length; /* it does not fit: measured */
        return;
    }

    out = w->data + w->length;
    w->length += length;

    for (; rest >= VSTREAM_BASE64_GROUP; rest -= VSTREAM_BASE64_GROUP) {
        vstream_base64_group(out, in, VSTREAM_BASE64_GROUP);
        in += VSTREAM_BASE64_GROUP;
        out += 4;
    }

    if (rest > 0) {
        vstream_base64_group(last, in, rest);
        memcpy(out, last, sizeof(last));
    }
}


static void
vstream_base64_group(char out[4], const unsigned char *in, size_t n)
{
    uint32_t bits = (uint32_t) in[0] << 16;

    if (n > 1) {
        bits |= (uint32_t) in[1] << 8;
    }

    if (n > 2) {
        bits |= in[2];
    }

    out[0] = vstream_base64_alphabet[bits >> 18];
    out[1] = vstream_base64_alphabet[bits >> 12 & 63];
    out[2] = n > 1 ? vstream_base64_alphabet[bits >> 6 & 63] : '=';
    out[3] = n > 2 ? vstream_base64_alphabet[bits & 63] : '=';
}
