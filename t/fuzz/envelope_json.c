/*
 * The scanner of JSON against jansson, a parser: an object that jansson takes
 * is one, and the text of `frame` and the id of the camera are the same.  (The
 * scanner passes by more than it would have to.)
 */

#include "fuzz.h"

#include <jansson.h>

#include "vstream_envelope.h"
#include "vstream_json.h"


/* The value that the scanner should find; NULL: none. */
static const char *
text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}


static unsigned
depth_of(vstream_slice_t value)
{
    unsigned depth = 0, most = 0;
    size_t   i;

    for (i = 0; i < value.length; i++) {
        depth += value.data[i] == '{' || value.data[i] == '[';
        depth -= (value.data[i] == '}' || value.data[i] == ']') && depth > 0;
        most = depth > most ? depth : most;
    }

    return most;
}


static void
check_picture(const vstream_envelope_t *envelope, const char *frame)
{
    size_t length = strlen(frame), n = envelope->picture.length;

    /* what stands before is a "data:" or space */
    fuzz_check(n <= length
               && memcmp(frame + length - n, envelope->picture.data, n) == 0);
}


static void
check_camera(const vstream_envelope_t *envelope, const json_t *object)
{
    const json_t *id = json_object_get(object, "camera_id");

    if (id == NULL) {
        id = json_object_get(object, "source");
    }

    if (json_is_string(id)) {
        fuzz_check(fuzz_equals(envelope->camera,
                               (vstream_slice_t) { json_string_value(id),
                                                   json_string_length(id) }));
    }
}


/* Without escapes, what stands there is what is meant. */
static void
check_found(const vstream_envelope_t *envelope,
            vstream_envelope_result_t result, const json_t *object)
{
    const char *frame = text_of(object, "frame");

    fuzz_check(frame == NULL || result != VSTREAM_ENVELOPE_NO_FRAME);

    if (frame != NULL && result == VSTREAM_ENVELOPE_OK) {
        check_picture(envelope, frame);
    }

    if (result != VSTREAM_ENVELOPE_BAD_BASE64) {
        check_camera(envelope, object);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vstream_slice_t           value = fuzz_slice(data, size);
    vstream_envelope_t        envelope;
    vstream_envelope_result_t result;
    json_t                   *object = NULL;

    if (size == 0 || memchr(data, '\0', size) != NULL) {
        return 0; /* jansson steps over zeros */
    }

    if (depth_of(value) <= VSTREAM_JSON_DEPTH_MAX) {
        object = json_loadb((const char *) data, size, 0, NULL);
    }

    if (json_is_object(object)) {
        result = vstream_envelope_read(value, &envelope);
        fuzz_check(result == VSTREAM_ENVELOPE_OK
                   || result == VSTREAM_ENVELOPE_NO_FRAME
                   || result == VSTREAM_ENVELOPE_BAD_BASE64);

        if (memchr(data, '\\', size) == NULL) {
            check_found(&envelope, result, object);
        }
    }

    json_decref(object);

    return 0;
}
