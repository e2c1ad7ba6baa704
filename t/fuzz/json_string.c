/*
 * The JSON string writer: whatever goes in, one valid and harmless string
 * comes out, and plain text comes out as it was.
 */

#include "fuzz.h"


static int is_plain(vstream_slice_t text);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vstream_slice_t  text = fuzz_slice(data, size), inner;
    vstream_writer_t w;
    char            *buffer;
    size_t           capacity = 6 * size + 2;

    buffer = malloc(capacity);
    fuzz_check(buffer != NULL);

    vstream_writer_init(&w, buffer, capacity);
    vstream_writer_json_string(&w, text);

    fuzz_check(vstream_writer_status(&w) == VSTREAM_OK);
    fuzz_check(fuzz_json_string(vstream_writer_slice(&w)) == w.length);

    inner = (vstream_slice_t) { buffer + 1, w.length - 2 };
    fuzz_check(!is_plain(text) || fuzz_equals(inner, text));

    free(buffer);

    return 0;
}


static int
is_plain(vstream_slice_t text)
{
    size_t i;

    for (i = 0; i < text.length; i++) {
        if (text.data[i] < 0x20 || text.data[i] > 0x7e
            || memchr("\"\\<>&", text.data[i], 5) != NULL)
        {
            return 0;
        }
    }

    return 1;
}
