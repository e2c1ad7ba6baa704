/*
 * Camera ids: what passes the gate makes a key with one hash tag and nothing
 * that Redis, a path or a log would take for more, and is found again in it.
 */

#include "fuzz.h"

#include "vstream_camera_id.h"
#include "vstream_schema.h"


static int is_harmless(vstream_slice_t id);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char                buffer[VSTREAM_KEY_MAX];
    vstream_rendition_t rendition;
    vstream_slice_t     id = fuzz_slice(data, size), found;
    vstream_writer_t    w;

    if (vstream_camera_id_check(id) != VSTREAM_OK) {
        return 0;
    }

    fuzz_check(size >= 1 && size <= VSTREAM_CAMERA_ID_MAX);
    fuzz_check(is_harmless(id));

    vstream_writer_init(&w, buffer, sizeof(buffer));
    vstream_schema_key_write(&w, VSTREAM_SLICE("vs"), VSTREAM_KEY_FRAME, id);
    fuzz_check(vstream_writer_status(&w) == VSTREAM_OK);
    fuzz_check(vstream_schema_frame_channel_read(VSTREAM_SLICE("vs"),
                                                 vstream_writer_slice(&w),
                                                 &found, &rendition)
               == VSTREAM_OK);
    fuzz_check(fuzz_equals(found, id));
    fuzz_check(rendition == VSTREAM_RENDITION_MAIN);

    return 0;
}


static int
is_harmless(vstream_slice_t id)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "abcdefghijklmnopqrstuvwxyz"
                                  "0123456789._-";

    size_t i;

    for (i = 0; i < id.length; i++) {
        if (memchr(allowed, id.data[i], sizeof(allowed) - 1) == NULL) {
            return 0;
        }
    }

    return memchr("._-", id.data[0], 3) == NULL;
}
