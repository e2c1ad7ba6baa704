/*
 * Envelopes: what is found lies within the value, what is decoded within its
 * bound, in place as well as elsewhere, and a value of JSON that is right is
 * not when its last brace is missing.
 */

#include "fuzz.h"

#include "vstream_envelope.h"


static void
fuzz_open(const vstream_envelope_t *envelope)
{
    size_t                    n = envelope->picture.length, length, again;
    unsigned char            *out = malloc(n + 1), *place = malloc(n + 1);
    vstream_envelope_t        copy = *envelope;
    vstream_envelope_result_t result;

    fuzz_check(out != NULL && place != NULL);

    result = vstream_envelope_open(envelope, out, n, &length);
    fuzz_check(result != VSTREAM_ENVELOPE_TOO_LARGE);

    memcpy(place, envelope->picture.data, n);
    copy.picture.data = (const char *) place;
    fuzz_check(vstream_envelope_open(&copy, place, n, &again) == result);

    if (result == VSTREAM_ENVELOPE_OK) {
        fuzz_check(length <= n && length == again
                   && memcmp(out, place, length) == 0);
        fuzz_check(vstream_envelope_open(envelope, out, length, &again)
                   == VSTREAM_ENVELOPE_OK);
        fuzz_check(length == 0
                   || vstream_envelope_open(envelope, out, length - 1, &again)
                          == VSTREAM_ENVELOPE_TOO_LARGE);
    }

    free(out);
    free(place);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vstream_slice_t    value = fuzz_slice(data, size);
    vstream_envelope_t envelope;

    if (vstream_envelope_read(value, &envelope) != VSTREAM_ENVELOPE_OK) {
        return 0;
    }

    fuzz_check(fuzz_within(envelope.picture, value));
    fuzz_check(fuzz_within(envelope.camera, value));
    fuzz_check(envelope.camera.length == 0
               || envelope.form == VSTREAM_ENVELOPE_JSON);
    fuzz_open(&envelope);

    if (envelope.form == VSTREAM_ENVELOPE_JSON) {
        while (value.data[value.length - 1] != '}') {
            value.length--;
        }

        value.length--;
        fuzz_check(vstream_envelope_read(value, &envelope)
                   == VSTREAM_ENVELOPE_BAD_JSON);
    }

    return 0;
}
