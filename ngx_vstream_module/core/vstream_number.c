/*
 * Reading of decimal numbers.  It stands here, and not with strtoull(),
 * because that accepts signs, spaces and leading zeros, needs a terminating
 * zero, and is not for core, which calls no one.
 */

#include "vstream_number.h"

#include <string.h>


int
vstream_number_read(vstream_slice_t text, uint64_t max, uint64_t *value)
{
    uint64_t n;
    unsigned digit;
    size_t   i;

    if (text.length == 0 || (text.length > 1 && text.data[0] == '0')) {
        return VSTREAM_ERROR;
    }

    n = 0;

    for (i = 0; i < text.length; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return VSTREAM_ERROR;
        }

        digit = (unsigned) (text.data[i] - '0');

        if (digit > max || n > (max - digit) / 10) {
            return VSTREAM_ERROR;
        }

        n = n * 10 + digit;
    }

    *value = n;

    return VSTREAM_OK;
}


int
vstream_number_milli_read(vstream_slice_t text, uint64_t max, uint64_t *value)
{
    vstream_slice_t whole;
    const char     *point;
    uint64_t        n, milli, scale;
    size_t          i;

    whole = text;
    point = text.length ? memchr(text.data, '.', text.length) : NULL;

    if (point != NULL) {
        whole.length = (size_t) (point - text.data);
    }

    if (vstream_number_read(whole, max / 1000, &n) != VSTREAM_OK) {
        return VSTREAM_ERROR;
    }

    n *= 1000;
    milli = 0;

    if (point != NULL) {
        scale = 100;
        i = whole.length + 1;

        if (i == text.length || text.length - i > 3) {
            return VSTREAM_ERROR;
        }

        for (/* void */; i < text.length; i++) {
            if (text.data[i] < '0' || text.data[i] > '9') {
                return VSTREAM_ERROR;
            }

            milli += scale * (uint64_t) (text.data[i] - '0');
            scale /= 10;
        }
    }

    if (milli > max - n) {
        return VSTREAM_ERROR;
    }

    *value = n + milli;

    return VSTREAM_OK;
}
