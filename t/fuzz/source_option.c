/*
 * Options of sources: put together again, they are the query that they were
 * taken from; and a value that is decoded comes out the same when it has been
 * encoded in full.
 */

#include "fuzz.h"

#include "vstream_source_option.h"


static void
check_decoded(vstream_slice_t text)
{
    static const char hex[] = "0123456789abcdef";

    char            *encoded = malloc(3 * text.length + 1);
    char            *again = malloc(text.length + 1);
    size_t           i;
    vstream_writer_t w;

    fuzz_check(encoded != NULL && again != NULL);

    for (i = 0; i < text.length; i++) {
        encoded[3 * i] = '%';
        encoded[3 * i + 1] = hex[(uint8_t) text.data[i] >> 4];
        encoded[3 * i + 2] = hex[(uint8_t) text.data[i] & 15];
    }

    vstream_writer_init(&w, again, text.length);
    fuzz_check(vstream_source_option_decode(
                   &w, (vstream_slice_t) { encoded, 3 * text.length })
               == VSTREAM_OK);
    fuzz_check(fuzz_equals(vstream_writer_slice(&w), text));

    free(encoded);
    free(again);
}


static void
check_value(vstream_slice_t value)
{
    char            *buffer = malloc(value.length + 1);
    vstream_writer_t w;

    fuzz_check(buffer != NULL);
    vstream_writer_init(&w, buffer, value.length);

    if (vstream_source_option_decode(&w, value) != VSTREAM_OK) {
        fuzz_check(memchr(value.data, '%', value.length) != NULL);
        free(buffer);
        return;
    }

    fuzz_check(vstream_writer_status(&w) == VSTREAM_OK);

    if (memchr(value.data, '\0', value.length + (value.length == 0)) == NULL) {
        fuzz_check(memchr(buffer, '\0', w.length) == NULL);
        check_decoded(vstream_writer_slice(&w));
    }

    free(buffer);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char     *at = (const char *) data;
    vstream_slice_t all = fuzz_slice(data, size), query = all, name, value;

    while (vstream_source_option_next(&query, &name, &value) == VSTREAM_OK) {
        fuzz_check(fuzz_within(name, all) && fuzz_within(value, all));
        fuzz_check(name.data == at);
        at += name.length;

        if (value.data > at) {
            fuzz_check(value.data == at + 1 && *at == '=');
            at++;
        }

        at += value.length;
        fuzz_check(query.length == 0 || (*at == '&' && query.data == at + 1));
        at += at < all.data + all.length;

        if (value.length > 0) {
            check_value(value);
        }
    }

    fuzz_check(at == all.data + all.length);

    return 0;
}
