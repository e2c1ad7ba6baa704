/*
 * Numbers: one spelling for each.  What is read is written again as it stood,
 * and what is refused is no such spelling, or too large.  The first byte says
 * how large a number may be.
 */

#include "fuzz.h"

#include <stdio.h>

#include "vstream_number.h"


static const uint64_t maxima[] = {
    0, 9, 10, 1000, 65535, UINT32_MAX, UINT64_C(9007199254740991), UINT64_MAX
};


/* Digits without a leading zero that are at most `max`, by another way. */
static int
is_number(vstream_slice_t text, uint64_t max)
{
    char   limit[24];
    size_t i, n = (size_t) snprintf(limit, sizeof(limit), "%llu",
                                    (unsigned long long) max);

    for (i = 0; i < text.length; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return 0;
        }
    }

    if (i == 0 || (i > 1 && text.data[0] == '0') || i > n) {
        return 0;
    }

    return i < n || memcmp(text.data, limit, n) <= 0;
}


static void
check_whole(vstream_slice_t text, uint64_t max)
{
    char             buffer[24];
    uint64_t         value;
    vstream_writer_t w;

    if (vstream_number_read(text, max, &value) != VSTREAM_OK) {
        fuzz_check(!is_number(text, max));
        return;
    }

    fuzz_check(is_number(text, max) && value <= max);

    vstream_writer_init(&w, buffer, sizeof(buffer));
    vstream_writer_uint(&w, value);
    fuzz_check(fuzz_equals(vstream_writer_slice(&w), text));
}


/* Up to three decimals, which are written as three. */
static void
check_milli(vstream_slice_t text, uint64_t max)
{
    char             buffer[32];
    uint64_t         value;
    size_t           i;
    vstream_writer_t w;

    if (vstream_number_milli_read(text, max, &value) != VSTREAM_OK) {
        fuzz_check(!is_number(text, max / 1000));
        return;
    }

    fuzz_check(value <= max);

    if (value > INT64_MAX) {
        return;
    }

    vstream_writer_init(&w, buffer, sizeof(buffer));
    vstream_writer_decimal(&w, (int64_t) value, 3);
    fuzz_check(w.length >= text.length
               && memcmp(buffer, text.data, text.length) == 0);

    for (i = text.length; i < w.length; i++) {
        fuzz_check(buffer[i] == '0' || (buffer[i] == '.' && i == text.length));
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t max = maxima[fuzz_byte(&data, &size) % 8];

    check_whole(fuzz_slice(data, size), max);
    check_milli(fuzz_slice(data, size), max);

    return 0;
}
