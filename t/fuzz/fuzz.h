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
