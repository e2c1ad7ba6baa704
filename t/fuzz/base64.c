/*
 * Base64: as long as the standard says, of its alphabet alone, and what a
 * decoder that knows nothing of ours makes of it is what went in.
 */

#include "fuzz.h"

#include "vstream_base64.h"

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";


/* Bit by bit. */
static void
check_text(vstream_slice_t text, const uint8_t *data, size_t size)
{
    size_t      i, n = 0;
    uint32_t    bits = 0;
    const char *digit;

    for (i = 0; i < text.length && text.data[i] != '='; i++) {
        digit = memchr(alphabet, text.data[i], 64);
        fuzz_check(digit != NULL);
        bits = bits << 6 | (uint32_t) (digit - alphabet);

        if (i % 4 != 0) {
            fuzz_check(n < size
                       && data[n] == (uint8_t) (bits >> (6 - i % 4 * 2)));
            n++;
        }
    }

    fuzz_check(n == size);

    for (/* void */; i < text.length; i++) {
        fuzz_check(text.data[i] == '=');
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t           length = (size + 2) / 3 * 4;
    char            *buffer = malloc(length ? length : 1);
    vstream_writer_t w;

    fuzz_check(buffer != NULL);

    vstream_writer_init(&w, NULL, 0);
    vstream_base64_write(&w, fuzz_slice(data, size));
    fuzz_check(w.length == length);

    vstream_writer_init(&w, buffer, length);
    vstream_base64_write(&w, fuzz_slice(data, size));
    fuzz_check(vstream_writer_status(&w) == VSTREAM_OK && w.length == length);
    check_text(vstream_writer_slice(&w), data, size);
    free(buffer);

    return 0;
}
