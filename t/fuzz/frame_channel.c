/*
 * Names of frame channels, as they come back from Redis: what is read names a
 * camera whose channel is written the same.
 */

#include "fuzz.h"

#include "vstream_camera_id.h"
#include "vstream_schema.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char                buffer[VSTREAM_KEY_MAX];
    vstream_rendition_t rendition;
    vstream_slice_t     channel = fuzz_slice(data, size), id;
    vstream_writer_t    w;

    if (vstream_schema_frame_channel_read(VSTREAM_SLICE("vs"), channel, &id,
                                          &rendition)
        != VSTREAM_OK)
    {
        return 0;
    }

    fuzz_check(fuzz_within(id, channel));
    fuzz_check(vstream_camera_id_check(id) == VSTREAM_OK);

    vstream_writer_init(&w, buffer, sizeof(buffer));
    vstream_schema_key_write(&w, VSTREAM_SLICE("vs"),
                             vstream_schema_frame_key(rendition), id);
    fuzz_check(fuzz_equals(vstream_writer_slice(&w), channel));

    return 0;
}
