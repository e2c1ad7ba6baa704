/*
 * A camera's options.  One table of what there is, one setter and one writer
 * for each entry, in the same order: an option that is added to one list and
 * not to the others does not compile or fails its test.
 */

#include "vstream_camera.h"
#include "vstream_number.h"
#include "vstream_schema.h"
#include "vstream_utf8.h"

#include <string.h>


#define VSTREAM_CAMERA_QUALITY     80
#define VSTREAM_CAMERA_INTERVAL_MS 1000

#define VSTREAM_CAMERA_FPS_MILLI_MIN 10
#define VSTREAM_CAMERA_FPS_MILLI_MAX 120000
#define VSTREAM_CAMERA_WIDTH_MIN     16
#define VSTREAM_CAMERA_WIDTH_MAX     7680
#define VSTREAM_CAMERA_QUALITY_MAX   100
#define VSTREAM_CAMERA_STILL_MS_MIN  100
#define VSTREAM_CAMERA_STILL_MS_MAX  3600000
#define VSTREAM_CAMERA_INTERVAL_MIN  100
#define VSTREAM_CAMERA_INTERVAL_MAX  3600000


typedef int (*vstream_camera_set_pt)(vstream_camera_t *camera,
                                     vstream_slice_t   value);


static int vstream_camera_name_set(vstream_camera_t *camera,
                                   vstream_slice_t   value);
static int vstream_camera_fps_set(vstream_camera_t *camera,
                                  vstream_slice_t   value);
static int vstream_camera_width_set(vstream_camera_t *camera,
                                    vstream_slice_t   value);
static int vstream_camera_quality_set(vstream_camera_t *camera,
                                      vstream_slice_t   value);
static int vstream_camera_transport_set(vstream_camera_t *camera,
                                        vstream_slice_t   value);
static int vstream_camera_still_set(vstream_camera_t *camera,
                                    vstream_slice_t   value);
static int vstream_camera_substream_set(vstream_camera_t *camera,
                                        vstream_slice_t   value);
static int vstream_camera_kafka_fps_set(vstream_camera_t *camera,
                                        vstream_slice_t   value);
static int vstream_camera_interval_set(vstream_camera_t *camera,
                                       vstream_slice_t   value);
static int vstream_camera_option_is_substream(
    const vstream_camera_option_t *option);
static int vstream_camera_slice_equals(vstream_slice_t slice, const char *text);
static void vstream_camera_pair_write(vstream_writer_t *w, const char *name,
                                      vstream_slice_t value);
static void vstream_camera_milli_write(vstream_writer_t *w, const char *name,
                                       uint32_t milli);


const vstream_camera_option_t vstream_camera_options[] = {
    { "name", "1 to 128 bytes of UTF-8 without control characters",
      "What people call the camera; its id is shown where this is missing." },
    { "fps", "a number from 0.01 to 120",
      "Most frames per second that are published; all, where this is "
      "missing." },
    { "width", "an even number from 16 to 7680",
      "Width of published pictures in pixels, the height follows; as the "
      "camera sends them, where this is missing." },
    { "quality", "a number from 1 to 100",
      "Quality of the JPEG encoder, 80 where this is missing; pictures that "
      "come as JPEG are encoded anew only where this is given." },
    { "transport", "tcp or udp",
      "How RTSP carries media; tcp is the default." },
    { "still", "off or a number of seconds from 0.1 to 3600",
      "Seconds between two stills of a camera that nobody watches, kept to "
      "by decoding; off decodes nothing unwatched.  Where this is missing, "
      "each keyframe gives a still, at most one a second." },
    { "substream", "a source, like the camera's own",
      "A second, smaller stream of the same camera: stills come from it, and "
      "viewers may ask for it as the rendition small." },
    { "kafka_fps", "keyframe, 0 or a number from 0.01 to 120",
      "Frames per second that Kafka gets, kept to by decoding, of a camera "
      "that nobody watches too; 0 sends none.  Where this is missing, "
      "keyframe: of what is decoded anyway, at most one a second." },
    { "interval", "a number of seconds from 0.1 to 3600",
      "Seconds between two requests for a source that is a single JPEG; 1, "
      "where this is missing." },
    { NULL, NULL, NULL },
};


void
vstream_camera_init(vstream_camera_t *camera)
{
    memset(camera, 0, sizeof(vstream_camera_t));

    camera->quality = VSTREAM_CAMERA_QUALITY;
    camera->transport = VSTREAM_TRANSPORT_TCP;
    camera->still_ms = VSTREAM_STILL_MS;
    camera->interval_ms = VSTREAM_CAMERA_INTERVAL_MS;
    camera->kafka_keyframe = 1;
}


int
vstream_camera_option_set(vstream_camera_t *camera, vstream_slice_t name,
                          vstream_slice_t                 value,
                          const vstream_camera_option_t **option)
{
    static const vstream_camera_set_pt set[] = {
        vstream_camera_name_set,      vstream_camera_fps_set,
        vstream_camera_width_set,     vstream_camera_quality_set,
        vstream_camera_transport_set, vstream_camera_still_set,
        vstream_camera_substream_set, vstream_camera_kafka_fps_set,
        vstream_camera_interval_set,
    };

    const vstream_camera_option_t *o;
    size_t                         i;

    for (i = 0; i < sizeof(set) / sizeof(set[0]); i++) {
        o = &vstream_camera_options[i];

        if (!vstream_camera_slice_equals(name, o->name)) {
            continue;
        }

        if (option != NULL) {
            *option = o;
        }

        if (value.length > VSTREAM_CAMERA_OPTION_MAX
            && !vstream_camera_option_is_substream(o))
        {
            return VSTREAM_ERROR;
        }

        return set[i](camera, value);
    }

    return VSTREAM_DECLINED;
}


const char *
vstream_camera_option_problem(const vstream_camera_option_t *option,
                              vstream_slice_t                value)
{
    vstream_source_t        source;
    vstream_source_result_t result;

    if (!vstream_camera_option_is_substream(option)) {
        return NULL;
    }

    result = vstream_source_read(value, &source);

    return result == VSTREAM_SOURCE_OK ? NULL
                                       : vstream_source_result_text(result);
}


static int
vstream_camera_option_is_substream(const vstream_camera_option_t *option)
{
    return vstream_camera_slice_equals(
        (vstream_slice_t) { option->name, strlen(option->name) }, "substream");
}


static int
vstream_camera_name_set(vstream_camera_t *camera, vstream_slice_t value)
{
    vstream_slice_t rest;
    uint32_t        code;
    size_t          n;

    if (value.length == 0 || value.length > VSTREAM_CAMERA_NAME_MAX) {
        return VSTREAM_ERROR;
    }

    for (rest = value; rest.length > 0; rest.data += n, rest.length -= n) {
        n = vstream_utf8_read(rest, &code);

        if (n == 0 || code < 0x20 || (code >= 0x7f && code <= 0x9f)
            || code == 0x2028 || code == 0x2029)
        {
            return VSTREAM_ERROR;
        }
    }

    camera->name = value;

    return VSTREAM_OK;
}


static int
vstream_camera_fps_set(vstream_camera_t *camera, vstream_slice_t value)
{
    uint64_t milli;

    if (vstream_number_milli_read(value, VSTREAM_CAMERA_FPS_MILLI_MAX, &milli)
            != VSTREAM_OK
        || milli < VSTREAM_CAMERA_FPS_MILLI_MIN)
    {
        return VSTREAM_ERROR;
    }

    camera->fps_milli = (uint32_t) milli;

    return VSTREAM_OK;
}


static int
vstream_camera_width_set(vstream_camera_t *camera, vstream_slice_t value)
{
    uint64_t width;

    if (vstream_number_read(value, VSTREAM_CAMERA_WIDTH_MAX, &width)
            != VSTREAM_OK
        || width < VSTREAM_CAMERA_WIDTH_MIN || width % 2 != 0)
    {
        return VSTREAM_ERROR;
    }

    camera->width = (uint32_t) width;

    return VSTREAM_OK;
}


static int
vstream_camera_quality_set(vstream_camera_t *camera, vstream_slice_t value)
{
    uint64_t quality;

    if (vstream_number_read(value, VSTREAM_CAMERA_QUALITY_MAX, &quality)
            != VSTREAM_OK
        || quality == 0)
    {
        return VSTREAM_ERROR;
    }

    camera->quality = (uint32_t) quality;
    camera->quality_is_set = 1;

    return VSTREAM_OK;
}


static int
vstream_camera_transport_set(vstream_camera_t *camera, vstream_slice_t value)
{
    if (vstream_camera_slice_equals(value, "tcp")) {
        camera->transport = VSTREAM_TRANSPORT_TCP;
        return VSTREAM_OK;
    }

    if (vstream_camera_slice_equals(value, "udp")) {
        camera->transport = VSTREAM_TRANSPORT_UDP;
        return VSTREAM_OK;
    }

    return VSTREAM_ERROR;
}


static int
vstream_camera_still_set(vstream_camera_t *camera, vstream_slice_t value)
{
    uint64_t milli;

    if (vstream_camera_slice_equals(value, "off")) {
        milli = 0;

    } else if (vstream_number_milli_read(value, VSTREAM_CAMERA_STILL_MS_MAX,
                                         &milli)
                   != VSTREAM_OK
               || milli < VSTREAM_CAMERA_STILL_MS_MIN)
    {
        return VSTREAM_ERROR;
    }

    camera->still_ms = (uint32_t) milli;
    camera->still_is_set = 1;

    return VSTREAM_OK;
}


/* A source like the camera's own, and held to the same bounds. */
static int
vstream_camera_substream_set(vstream_camera_t *camera, vstream_slice_t value)
{
    vstream_source_t source;

    if (vstream_source_read(value, &source) != VSTREAM_SOURCE_OK) {
        return VSTREAM_ERROR;
    }

    camera->substream = value;

    return VSTREAM_OK;
}


static int
vstream_camera_kafka_fps_set(vstream_camera_t *camera, vstream_slice_t value)
{
    uint64_t milli = 0;

    if (vstream_camera_slice_equals(value, "keyframe")) {
        camera->kafka_fps_milli = 0;
        camera->kafka_keyframe = 1;
        return VSTREAM_OK;
    }

    if (!vstream_camera_slice_equals(value, "0")
        && (vstream_number_milli_read(value, VSTREAM_CAMERA_FPS_MILLI_MAX,
                                      &milli)
                != VSTREAM_OK
            || milli < VSTREAM_CAMERA_FPS_MILLI_MIN))
    {
        return VSTREAM_ERROR;
    }

    camera->kafka_fps_milli = (uint32_t) milli;
    camera->kafka_keyframe = 0;

    return VSTREAM_OK;
}


static int
vstream_camera_interval_set(vstream_camera_t *camera, vstream_slice_t value)
{
    uint64_t milli;

    if (vstream_number_milli_read(value, VSTREAM_CAMERA_INTERVAL_MAX, &milli)
            != VSTREAM_OK
        || milli < VSTREAM_CAMERA_INTERVAL_MIN)
    {
        return VSTREAM_ERROR;
    }

    camera->interval_ms = (uint32_t) milli;

    return VSTREAM_OK;
}


static int
vstream_camera_slice_equals(vstream_slice_t slice, const char *text)
{
    return slice.length == strlen(text)
           && memcmp(slice.data, text, slice.length) == 0;
}


void
vstream_camera_json_write(vstream_writer_t *w, const vstream_camera_t *camera)
{
    vstream_writer_text(w, "{\"source\":");
    vstream_writer_json_string(w, camera->source);
    vstream_camera_pair_write(w, "origin", camera->origin);

    if (camera->name.length > 0) {
        vstream_camera_pair_write(w, "name", camera->name);
    }

    if (camera->fps_milli > 0) {
        vstream_camera_milli_write(w, "fps", camera->fps_milli);
    }

    if (camera->width > 0) {
        vstream_camera_milli_write(w, "width", camera->width * 1000);
    }

    if (camera->quality_is_set) {
        vstream_camera_milli_write(w, "quality", camera->quality * 1000);
    }

    if (camera->transport == VSTREAM_TRANSPORT_UDP) {
        vstream_camera_pair_write(w, "transport", VSTREAM_SLICE("udp"));
    }

    if (camera->still_is_set) {
        if (camera->still_ms > 0) {
            vstream_camera_milli_write(w, "still", camera->still_ms);

        } else {
            vstream_camera_pair_write(w, "still", VSTREAM_SLICE("off"));
        }
    }

    if (camera->substream.length > 0) {
        vstream_camera_pair_write(w, "substream", camera->substream);
    }

    if (!camera->kafka_keyframe) {
        vstream_camera_milli_write(w, "kafka_fps", camera->kafka_fps_milli);
    }

    if (camera->interval_ms != VSTREAM_CAMERA_INTERVAL_MS) {
        vstream_camera_milli_write(w, "interval", camera->interval_ms);
    }

    vstream_writer_text(w, "}");
}


static void
vstream_camera_pair_write(vstream_writer_t *w, const char *name,
                          vstream_slice_t value)
{
    vstream_writer_text(w, ",\"");
    vstream_writer_text(w, name);
    vstream_writer_text(w, "\":");
    vstream_writer_json_string(w, value);
}


/* Thousandths as an option wants them: "15", "29.97", "0.5". */
static void
vstream_camera_milli_write(vstream_writer_t *w, const char *name,
                           uint32_t milli)
{
    unsigned decimals;

    for (decimals = 3; decimals > 0 && milli % 10 == 0; decimals--) {
        milli /= 10;
    }

    vstream_writer_text(w, ",\"");
    vstream_writer_text(w, name);
    vstream_writer_text(w, "\":\"");
    vstream_writer_decimal(w, milli, decimals);
    vstream_writer_text(w, "\"");
}
