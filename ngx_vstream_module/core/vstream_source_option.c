/*
 * Options of sources, see vstream_source_option.h.  One table of what there
 * is, and one function for each entry that judges its value.
 */

#include "vstream_source_option.h"
#include "vstream_camera_id.h"
#include "vstream_number.h"

#include <string.h>

#define VSTREAM_SOURCE_LATENCY_MS_MAX 10000
#define VSTREAM_SOURCE_FPS_MILLI_MIN  100
#define VSTREAM_SOURCE_FPS_MILLI_MAX  240000
#define VSTREAM_SOURCE_SIZE_MIN       16
#define VSTREAM_SOURCE_SIZE_MAX       7680
#define VSTREAM_SOURCE_FORMAT_MAX     16
#define VSTREAM_SOURCE_INTERFACE_MAX  45 /* INET6_ADDRSTRLEN - 1 */


typedef vstream_source_result_t (*vstream_source_option_pt)(
    vstream_slice_t value, vstream_source_t *source);


static vstream_source_result_t vstream_source_mode_read(
    vstream_slice_t value, vstream_source_t *source);
static vstream_source_result_t vstream_source_latency_read(
    vstream_slice_t value, vstream_source_t *source);
static vstream_source_result_t vstream_source_streamid_read(
    vstream_slice_t value, vstream_source_t *source);
static vstream_source_result_t vstream_source_passphrase_read(
    vstream_slice_t value, vstream_source_t *source);
static vstream_source_result_t vstream_source_pbkeylen_read(
    vstream_slice_t value, vstream_source_t *source);
static vstream_source_result_t vstream_source_interface_read(
    vstream_slice_t value, vstream_source_t *source);
static vstream_source_result_t vstream_source_size_read(
    vstream_slice_t value, vstream_source_t *source);
static vstream_source_result_t vstream_source_fps_read(
    vstream_slice_t value, vstream_source_t *source);
static vstream_source_result_t vstream_source_format_read(
    vstream_slice_t value, vstream_source_t *source);
static vstream_source_result_t vstream_source_camera_read(
    vstream_slice_t value, vstream_source_t *source);
static vstream_source_result_t vstream_source_option_read(
    vstream_source_t *source, vstream_slice_t name, vstream_slice_t value,
    uint32_t *seen);
static int vstream_source_edge_check(vstream_slice_t text);
static int vstream_source_hex_digit(char c);
static int vstream_source_slice_equals(vstream_slice_t slice, const char *text);


const vstream_source_option_t vstream_source_options[] = {
    { VSTREAM_SOURCE_SRT, "mode", "caller or listener" },
    { VSTREAM_SOURCE_SRT, "latency", "milliseconds, 0 to 10000" },
    { VSTREAM_SOURCE_SRT, "streamid", "1 to 512 bytes" },
    { VSTREAM_SOURCE_SRT, "passphrase", "${NAME}" },
    { VSTREAM_SOURCE_SRT, "pbkeylen", "16, 24 or 32" },
    { VSTREAM_SOURCE_UDP, "interface", "an address of this host" },
    { VSTREAM_SOURCE_V4L2, "size", "as 1280x720" },
    { VSTREAM_SOURCE_V4L2, "fps", "a number from 0.1 to 240" },
    { VSTREAM_SOURCE_V4L2, "format", "as mjpeg, yuyv422 or h264" },
    { VSTREAM_SOURCE_KAFKA, "camera", "the id of a camera" },
    { VSTREAM_SOURCE_TEST, NULL, NULL },
};


/* In the order of vstream_source_options. */
static const vstream_source_option_pt vstream_source_option_set[] = {
    vstream_source_mode_read,     vstream_source_latency_read,
    vstream_source_streamid_read, vstream_source_passphrase_read,
    vstream_source_pbkeylen_read, vstream_source_interface_read,
    vstream_source_size_read,     vstream_source_fps_read,
    vstream_source_format_read,   vstream_source_camera_read,
};

_Static_assert(sizeof(vstream_source_option_set)
                       / sizeof(vstream_source_option_set[0])
                   == sizeof(vstream_source_options)
                              / sizeof(vstream_source_options[0])
                          - 1,
               "each option has its reader");


vstream_source_result_t
vstream_source_options_read(vstream_source_t *source)
{
    vstream_source_result_t result;
    vstream_slice_t         query, name, value;
    uint32_t                seen;

    query = source->query;
    seen = 0;

    while (vstream_source_option_next(&query, &name, &value) == VSTREAM_OK) {
        result = vstream_source_option_read(source, name, value, &seen);

        if (result != VSTREAM_SOURCE_OK) {
            return result;
        }
    }

    return VSTREAM_SOURCE_OK;
}


static vstream_source_result_t
vstream_source_option_read(vstream_source_t *source, vstream_slice_t name,
                           vstream_slice_t value, uint32_t *seen)
{
    const vstream_source_option_t *o = vstream_source_options;
    size_t                         i;

    if (vstream_source_has_placeholder(value)
        && !vstream_source_slice_equals(name, "passphrase"))
    {
        return VSTREAM_SOURCE_PLACED_CREDENTIAL;
    }

    for (i = 0; o[i].name != NULL; i++) {
        if (o[i].kind != source->kind
            || !vstream_source_slice_equals(name, o[i].name)) {
            continue;
        }

        if (*seen & (1u << i)) {
            return VSTREAM_SOURCE_UNKNOWN_OPTION;
        }

        *seen |= 1u << i;

        return vstream_source_option_set[i](value, source);
    }

    return VSTREAM_SOURCE_UNKNOWN_OPTION;
}


int
vstream_source_option_next(vstream_slice_t *query, vstream_slice_t *name,
                           vstream_slice_t *value)
{
    const char *end, *equals;

    if (query->length == 0) {
        return VSTREAM_DECLINED;
    }

    end = memchr(query->data, '&', query->length);
    *name = *query;

    if (end == NULL) {
        query->data += query->length;
        query->length = 0;

    } else {
        name->length = (size_t) (end - query->data);
        query->data = end + 1;
        query->length -= name->length + 1;
    }

    equals = name->length ? memchr(name->data, '=', name->length) : NULL;
    value->data = name->data + name->length;
    value->length = 0;

    if (equals != NULL) {
        value->data = equals + 1;
        value->length = name->length - (size_t) (equals + 1 - name->data);
        name->length = (size_t) (equals - name->data);
    }

    return VSTREAM_OK;
}


int
vstream_source_option_decode(vstream_writer_t *w, vstream_slice_t value)
{
    int    high, low;
    char   c;
    size_t i;

    for (i = 0; i < value.length; i++) {
        c = value.data[i];

        if (c == '%') {
            if (value.length - i < 3) {
                return VSTREAM_ERROR;
            }

            high = vstream_source_hex_digit(value.data[i + 1]);
            low = vstream_source_hex_digit(value.data[i + 2]);

            if (high < 0 || low < 0 || high + low == 0) {
                return VSTREAM_ERROR;
            }

            c = (char) (high * 16 + low);
            i += 2;
        }

        vstream_writer_bytes(w, &c, 1);
    }

    return VSTREAM_OK;
}


static vstream_source_result_t
vstream_source_mode_read(vstream_slice_t value, vstream_source_t *source)
{
    if (vstream_source_slice_equals(value, "listener")) {
        source->is_listening = 1;
        return VSTREAM_SOURCE_OK;
    }

    return vstream_source_slice_equals(value, "caller")
               ? VSTREAM_SOURCE_OK
               : VSTREAM_SOURCE_BAD_OPTION;
}


static vstream_source_result_t
vstream_source_latency_read(vstream_slice_t value, vstream_source_t *source)
{
    uint64_t ms;

    (void) source;

    return vstream_number_read(value, VSTREAM_SOURCE_LATENCY_MS_MAX, &ms)
                   == VSTREAM_OK
               ? VSTREAM_SOURCE_OK
               : VSTREAM_SOURCE_BAD_OPTION;
}


static vstream_source_result_t
vstream_source_streamid_read(vstream_slice_t value, vstream_source_t *source)
{
    vstream_writer_t w;

    (void) source;

    vstream_writer_init(&w, NULL, 0);

    return vstream_source_option_decode(&w, value) == VSTREAM_OK && w.length > 0
                   && w.length <= VSTREAM_SOURCE_STREAMID_MAX
               ? VSTREAM_SOURCE_OK
               : VSTREAM_SOURCE_BAD_OPTION;
}


static vstream_source_result_t
vstream_source_passphrase_read(vstream_slice_t value, vstream_source_t *source)
{
    if (value.length == 0) {
        return VSTREAM_SOURCE_BAD_OPTION;
    }

    if (!vstream_source_has_placeholder(value)) {
        return VSTREAM_SOURCE_LITERAL_PASSWORD;
    }

    return vstream_source_placeholder_read(value, &source->credential);
}


static vstream_source_result_t
vstream_source_pbkeylen_read(vstream_slice_t value, vstream_source_t *source)
{
    (void) source;

    return vstream_source_slice_equals(value, "16")
                   || vstream_source_slice_equals(value, "24")
                   || vstream_source_slice_equals(value, "32")
               ? VSTREAM_SOURCE_OK
               : VSTREAM_SOURCE_BAD_OPTION;
}


/* Which address it is, and whether there is one, ingest finds out. */
static vstream_source_result_t
vstream_source_interface_read(vstream_slice_t value, vstream_source_t *source)
{
    size_t i;

    (void) source;

    if (value.length == 0 || value.length > VSTREAM_SOURCE_INTERFACE_MAX) {
        return VSTREAM_SOURCE_BAD_OPTION;
    }

    for (i = 0; i < value.length; i++) {
        if (vstream_source_hex_digit(value.data[i]) < 0 && value.data[i] != '.'
            && value.data[i] != ':')
        {
            return VSTREAM_SOURCE_BAD_OPTION;
        }
    }

    return VSTREAM_SOURCE_OK;
}


/* 640x480 */
static vstream_source_result_t
vstream_source_size_read(vstream_slice_t value, vstream_source_t *source)
{
    vstream_slice_t width = value, height;
    const char     *x;

    (void) source;

    x = value.length ? memchr(value.data, 'x', value.length) : NULL;

    if (x == NULL) {
        return VSTREAM_SOURCE_BAD_OPTION;
    }

    width.length = (size_t) (x - value.data);
    height.data = x + 1;
    height.length = value.length - width.length - 1;

    return vstream_source_edge_check(width) == VSTREAM_OK
                   && vstream_source_edge_check(height) == VSTREAM_OK
               ? VSTREAM_SOURCE_OK
               : VSTREAM_SOURCE_BAD_OPTION;
}


static int
vstream_source_edge_check(vstream_slice_t text)
{
    uint64_t pixels;

    return vstream_number_read(text, VSTREAM_SOURCE_SIZE_MAX, &pixels)
                       == VSTREAM_OK
                   && pixels >= VSTREAM_SOURCE_SIZE_MIN
               ? VSTREAM_OK
               : VSTREAM_ERROR;
}


static vstream_source_result_t
vstream_source_fps_read(vstream_slice_t value, vstream_source_t *source)
{
    uint64_t milli;

    (void) source;

    return vstream_number_milli_read(value, VSTREAM_SOURCE_FPS_MILLI_MAX,
                                     &milli)
                       == VSTREAM_OK
                   && milli >= VSTREAM_SOURCE_FPS_MILLI_MIN
               ? VSTREAM_SOURCE_OK
               : VSTREAM_SOURCE_BAD_OPTION;
}


/* The name of a pixel format or a codec. */
static vstream_source_result_t
vstream_source_format_read(vstream_slice_t value, vstream_source_t *source)
{
    size_t i;
    char   c;

    (void) source;

    if (value.length == 0 || value.length > VSTREAM_SOURCE_FORMAT_MAX) {
        return VSTREAM_SOURCE_BAD_OPTION;
    }

    for (i = 0; i < value.length; i++) {
        c = value.data[i];

        if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_') {
            return VSTREAM_SOURCE_BAD_OPTION;
        }
    }

    return VSTREAM_SOURCE_OK;
}


static vstream_source_result_t
vstream_source_camera_read(vstream_slice_t value, vstream_source_t *source)
{
    if (vstream_camera_id_check(value) != VSTREAM_OK) {
        return VSTREAM_SOURCE_BAD_OPTION;
    }

    source->camera = value;

    return VSTREAM_SOURCE_OK;
}


/* Its value; -1: it is none. */
static int
vstream_source_hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }

    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}


static int
vstream_source_slice_equals(vstream_slice_t slice, const char *text)
{
    return slice.length == strlen(text)
           && memcmp(slice.data, text, slice.length) == 0;
}
