/*
 * The log text writer: one line of printable ASCII, from which the first
 * `limit` bytes can be had back.  The first byte of the input is the limit.
 */

#include "fuzz.h"


static size_t unescape(const char *text, size_t length, char *out);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vstream_slice_t  text;
    vstream_writer_t w;
    size_t           i, limit, kept, length;
    char            *buffer;

    if (size == 0) {
        return 0;
    }

    limit = data[0];
    text = fuzz_slice(data + 1, size - 1);
    kept = text.length < limit ? text.length : limit;

    buffer = malloc(4 * kept + 3);
    fuzz_check(buffer != NULL);

    vstream_writer_init(&w, buffer, 4 * kept + 3);
    vstream_writer_log_text(&w, text, limit);
    fuzz_check(vstream_writer_status(&w) == VSTREAM_OK);

    for (i = 0; i < w.length; i++) {
        fuzz_check(buffer[i] >= 0x20 && buffer[i] < 0x7f);
    }

    length = w.length;

    if (kept < text.length) {
        fuzz_check(length >= 3 && memcmp(buffer + length - 3, "...", 3) == 0);
        length -= 3;
    }

    fuzz_check(unescape(buffer, length, buffer) == kept);
    fuzz_check(kept == 0 || memcmp(buffer, text.data, kept) == 0);

    free(buffer);

    return 0;
}


/* In place: what comes out is never longer than what went in. */
static size_t
unescape(const char *text, size_t length, char *out)
{
    char   digits[3] = { 0 };
    size_t i, n = 0;

    for (i = 0; i < length; i++) {
        if (text[i] != '\\') {
            out[n++] = text[i];
            continue;
        }

        fuzz_check(i + 1 < length);
        i++;

        if (text[i] == '\\') {
            out[n++] = '\\';
            continue;
        }

        fuzz_check(text[i] == 'x' && i + 2 < length);
        memcpy(digits, text + i + 1, 2);
        out[n++] = (char) strtoul(digits, NULL, 16);
        i += 2;
    }

    return n;
}
