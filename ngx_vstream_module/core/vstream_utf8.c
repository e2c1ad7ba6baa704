/*
 * UTF-8 decoding.  The first byte says how many follow and what the least
 * code of that length is, so that overlong forms are refused without a table.
 */

#include "vstream_utf8.h"


static size_t vstream_utf8_lead(unsigned char byte, uint32_t *code,
                                uint32_t *least);


size_t
vstream_utf8_read(vstream_slice_t text, uint32_t *code)
{
    const unsigned char *p = (const unsigned char *) text.data;
    uint32_t             value, least;
    size_t               i, length;

    if (text.length == 0) {
        return 0;
    }

    length = vstream_utf8_lead(p[0], &value, &least);

    if (length == 0 || length > text.length) {
        return 0;
    }

    for (i = 1; i < length; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }

        value = (value << 6) | (p[i] & 0x3fu);
    }

    if (value < least || value > 0x10ffff
        || (value >= 0xd800 && value <= 0xdfff)) {
        return 0;
    }

    *code = value;

    return length;
}


static size_t
vstream_utf8_lead(unsigned char byte, uint32_t *code, uint32_t *least)
{
    if (byte < 0x80) {
        *code = byte;
        *least = 0;
        return 1;
    }

    if ((byte & 0xe0) == 0xc0) {
        *code = byte & 0x1fu;
        *least = 0x80;
        return 2;
    }

    if ((byte & 0xf0) == 0xe0) {
        *code = byte & 0x0fu;
        *least = 0x800;
        return 3;
    }

    if ((byte & 0xf8) == 0xf0) {
        *code = byte & 0x07u;
        *least = 0x10000;
        return 4;
    }

    return 0;
}
