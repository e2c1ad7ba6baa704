/*
 * A camera's options, one `name=value` a line, the first line being its
 * source: whatever is set gives a JSON object on one line, the same when it is
 * measured and when it is written.
 */

#include "fuzz.h"

#include "vstream_camera.h"


static void set_option(vstream_camera_t *camera, vstream_slice_t line);
static void check_json(const vstream_camera_t *camera);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vstream_camera_t camera;

    vstream_camera_init(&camera);
    camera.origin = VSTREAM_SLICE("nginx");
    camera.source = fuzz_line(&data, &size);

    while (size > 0) {
        set_option(&camera, fuzz_line(&data, &size));
    }

    check_json(&camera);

    return 0;
}


static void
set_option(vstream_camera_t *camera, vstream_slice_t line)
{
    vstream_camera_t               before = *camera;
    vstream_slice_t                name = line, value;
    const vstream_camera_option_t *option = NULL;
    const char                    *equals;
    int                            rc;

    equals = line.length ? memchr(line.data, '=', line.length) : NULL;

    if (equals == NULL) {
        return;
    }

    name.length = (size_t) (equals - line.data);
    value.data = equals + 1;
    value.length = line.length - name.length - 1;

    rc = vstream_camera_option_set(camera, name, value, &option);

    fuzz_check((rc == VSTREAM_DECLINED) == (option == NULL));
    fuzz_check(rc == VSTREAM_OK
               || memcmp(camera, &before, sizeof(before)) == 0);
}


/* {"name":"value",...} */
static void
check_json(const vstream_camera_t *camera)
{
    vstream_writer_t w;
    vstream_slice_t  rest;
    size_t           i, n, length;
    char            *buffer;

    vstream_writer_init(&w, NULL, 0);
    vstream_camera_json_write(&w, camera);
    length = w.length;

    buffer = malloc(length);
    fuzz_check(buffer != NULL);
    vstream_writer_init(&w, buffer, length);
    vstream_camera_json_write(&w, camera);
    fuzz_check(w.length == length);

    fuzz_check(buffer[0] == '{');

    for (i = 0; buffer[i] != '}'; i += n) {
        fuzz_check(buffer[i] == (i == 0 ? '{' : ','));

        rest = (vstream_slice_t) { buffer + i + 1, length - i - 1 };
        n = fuzz_json_string(rest);
        fuzz_check(n > 0 && rest.length > n + 1 && rest.data[n] == ':');

        rest.data += n + 1;
        rest.length -= n + 1;
        n = 2 + n + fuzz_json_string(rest);
        fuzz_check(rest.data[0] == '"' && i + n < length);
    }

    fuzz_check(i + 1 == length);
    free(buffer);
}
