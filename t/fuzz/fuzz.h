/*
 * What fuzz targets share.  A target is one LLVMFuzzerTestOneInput(): under
 * clang's libFuzzer (`make fuzz`) it is fed what libFuzzer invents, under
 * replay.c (`make unit`) what stands in corpus/.
 */

#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vstream_utf8.h"
#include "vstream_writer.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


/* A property that does not hold ends the run as a crash does. */
static inline void
fuzz_check(int holds)
{
    if (!holds) {
        abort();
    }
}


static inline vstream_slice_t
fuzz_slice(const uint8_t *data, size_t size)
{
    return (vstream_slice_t) { (const char *) data, size };
}


static inline int
fuzz_equals(vstream_slice_t a, vstream_slice_t b)
{
    return a.length == b.length
           && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}


/* A copy as text, which ends where a zero stands; to be freed. */
static inline char *
fuzz_text(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    fuzz_check(text != NULL);

    if (size > 0) {
        memcpy(text, data, size);
    }

    text[size] = '\0';

    return text;
}


/* A copy that ends where AddressSanitizer watches; to be freed. */
static inline uint8_t *
fuzz_copy(const void *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);

    fuzz_check(copy != NULL);

    if (size > 0) {
        memcpy(copy, data, size);
    }

    return copy;
}


/* Takes the first byte off the input; 0 where there is none. */
static inline uint8_t
fuzz_byte(const uint8_t **data, size_t *size)
{
    if (*size == 0) {
        return 0;
    }

    (*size)--;

    return *(*data)++;
}


/* Takes the first `n` bytes off, as a number; fewer where it ends. */
static inline uint64_t
fuzz_number(const uint8_t **data, size_t *size, unsigned n)
{
    uint64_t value = 0;

    while (n-- > 0) {
        value = value << 8 | fuzz_byte(data, size);
    }

    return value;
}


/* Takes the first line off, without its newline. */
static inline vstream_slice_t
fuzz_line(const uint8_t **data, size_t *size)
{
    vstream_slice_t line = { (const char *) *data, *size };
    const uint8_t  *end = *size ? memchr(*data, '\n', *size) : NULL;

    if (end == NULL) {
        *data += *size;
        *size = 0;
        return line;
    }

    line.length = (size_t) (end - *data);
    *data = end + 1;
    *size -= line.length + 1;

    return line;
}


/* `inner` lies within `outer`, or is empty. */
static inline int
fuzz_within(vstream_slice_t inner, vstream_slice_t outer)
{
    return inner.length == 0
           || (inner.data >= outer.data
               && inner.data + inner.length <= outer.data + outer.length);
}


static inline int
fuzz_is_hex(const char *text, size_t n)
{
    while (n-- > 0) {
        if (memchr("0123456789abcdef", text[n], 16) == NULL) {
            return 0;
        }
    }

    return 1;
}


/*
 * The length of the JSON string at the start of `text`, quotes included, or 0
 * if there is none, or one that is not harmless on one line of HTML.
 */
static inline size_t
fuzz_json_string(vstream_slice_t text)
{
    vstream_slice_t rest;
    uint32_t        code;
    size_t          i, n;

    if (text.length < 2 || text.data[0] != '"') {
        return 0;
    }

    for (i = 1; i < text.length && text.data[i] != '"'; i += n) {
        rest = (vstream_slice_t) { text.data + i, text.length - i };
        n = vstream_utf8_read(rest, &code);

        if (n == 0 || code < 0x20 || code == '<' || code == '>' || code == '&'
            || (code >= 0x7f && code <= 0x9f) || code == 0x2028
            || code == 0x2029)
        {
            return 0;
        }

        if (code != '\\') {
            continue;
        }

        if (rest.length < 2) {
            return 0;
        }

        n = rest.data[1] == 'u' ? 6 : 2;

        if (rest.length < n
            || (n == 2 && rest.data[1] != '"' && rest.data[1] != '\\')
            || (n == 6 && !fuzz_is_hex(rest.data + 2, 4)))
        {
            return 0;
        }
    }

    return i < text.length ? i + 1 : 0;
}


#endif /* FUZZ_H */
