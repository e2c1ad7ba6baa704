/*
 * The JSON form of a frame in Kafka, and base64 within it: whatever the bytes
 * of a picture and of an id are, it is one line, is measured as it is written,
 * and holds what was put into it, for a reader that knows nothing of us.
 */

#include "fuzz.h"

#include "vstream_envelope.h"
#include "vstream_kafka.h"


static char *
fuzz_write(vstream_slice_t id, vstream_slice_t jpeg, size_t *length)
{
    static const vstream_frame_t frame = { .epoch = 1, .seq = 42 };
    static const char            time[] = "2026-01-31 12:34:56";

    vstream_writer_t w;
    char            *text;

    vstream_writer_init(&w, NULL, 0);
    vstream_kafka_json_write(&w, id, &frame, fuzz_slice((uint8_t *) time, 19),
                             jpeg);
    *length = w.length;

    text = malloc(w.length);
    fuzz_check(text != NULL);
    vstream_writer_init(&w, text, *length);
    vstream_kafka_json_write(&w, id, &frame, fuzz_slice((uint8_t *) time, 19),
                             jpeg);
    fuzz_check(vstream_writer_status(&w) == VSTREAM_OK && w.length == *length);

    return text;
}


/*
 * The first byte says how many of those after it are the id.  The reader wants
 * a picture to begin like one.
 */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t             id_length, length, n;
    unsigned char     *out, *picture;
    vstream_slice_t    id, jpeg;
    vstream_envelope_t envelope;
    char              *text;

    if (size < 2) {
        return 0;
    }

    id_length = data[0] % (size - 1);
    id = fuzz_slice(data + 1, id_length);
    n = size - 1 - id_length;
    picture = malloc(n + 3);
    fuzz_check(picture != NULL);
    memcpy(picture, "\xff\xd8\xff", 3);
    memcpy(picture + 3, data + 1 + id_length, n);
    jpeg = fuzz_slice(picture, n + 3);
    text = fuzz_write(id, jpeg, &length);

    fuzz_check(memchr(text, '\n', length) == NULL);
    fuzz_check(
        vstream_envelope_read((vstream_slice_t) { text, length }, &envelope)
        == VSTREAM_ENVELOPE_OK);
    fuzz_check(envelope.form == VSTREAM_ENVELOPE_JSON);

    out = malloc(jpeg.length);
    fuzz_check(out != NULL);
    fuzz_check(vstream_envelope_open(&envelope, out, jpeg.length, &n)
               == VSTREAM_ENVELOPE_OK);
    fuzz_check(n == jpeg.length && memcmp(out, jpeg.data, n) == 0);

    free(out);
    free(text);
    free(picture);

    return 0;
}
