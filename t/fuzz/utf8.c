/*
 * UTF-8: what is read character by character is what jansson, which reads it
 * in its own way, holds to be right; and each character is written as it was.
 */

#include "fuzz.h"

#include <jansson.h>


/* RFC 3629 section 3. */
static size_t
encode(uint32_t code, char bytes[4])
{
    static const unsigned char heads[] = { 0, 0, 0xc0, 0xe0, 0xf0 };

    size_t i, n = 1 + (code > 0x7f) + (code > 0x7ff) + (code > 0xffff);

    for (i = n - 1; i > 0; i--) {
        bytes[i] = (char) (0x80 | (code & 0x3f));
        code >>= 6;
    }

    bytes[0] = (char) (heads[n] | code);

    return n;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vstream_slice_t rest = fuzz_slice(data, size);
    json_t         *string;
    uint32_t        code;
    size_t          n;
    char            bytes[4];

    while (rest.length > 0) {
        n = vstream_utf8_read(rest, &code);

        if (n == 0) {
            break;
        }

        fuzz_check(n <= rest.length && n == encode(code, bytes)
                   && memcmp(bytes, rest.data, n) == 0);
        rest.data += n;
        rest.length -= n;
    }

    string = json_stringn((const char *) data, size);
    fuzz_check((string != NULL) == (rest.length == 0));
    json_decref(string);

    return 0;
}
