/*
 * The JPEG scan: one pass over the marker segments.  Entropy-coded data, which
 * is nearly all of a picture, is searched for 0xFF with memchr() alone: this
 * runs for every frame of every camera.
 *
 * Motion-JPEG leaves out the Huffman tables (decoders know the usual ones), so
 * their absence is no error.  A picture whose height comes later, by DNL, is
 * refused: nobody could bound it beforehand.
 */

#include "vstream_jpeg.h"

#include <string.h>


#define VSTREAM_JPEG_COMPONENTS_MAX 4

#define VSTREAM_JPEG_SOF0 0xc0
#define VSTREAM_JPEG_SOF2 0xc2
#define VSTREAM_JPEG_DHT  0xc4
#define VSTREAM_JPEG_SOFF 0xcf
#define VSTREAM_JPEG_RST0 0xd0
#define VSTREAM_JPEG_RST7 0xd7
#define VSTREAM_JPEG_SOI  0xd8
#define VSTREAM_JPEG_EOI  0xd9
#define VSTREAM_JPEG_SOS  0xda
#define VSTREAM_JPEG_DNL  0xdc
#define VSTREAM_JPEG_DHP  0xde
#define VSTREAM_JPEG_EXP  0xdf
#define VSTREAM_JPEG_APPF 0xef
#define VSTREAM_JPEG_COM  0xfe


typedef struct {
    const unsigned char *p;    /* what is read next */
    const unsigned char *last; /* one past the end */
    uint64_t             max_pixels;
    vstream_jpeg_t      *jpeg; /* components are 0 until SOF was seen */
    unsigned char        component[VSTREAM_JPEG_COMPONENTS_MAX];
} vstream_jpeg_reader_t;

typedef struct {
    const unsigned char *data;
    size_t               length;
} vstream_jpeg_segment_t;


static vstream_jpeg_result_t vstream_jpeg_marker_read(vstream_jpeg_reader_t *r,
                                                      unsigned char *marker);
static vstream_jpeg_result_t vstream_jpeg_segment_process(
    vstream_jpeg_reader_t *r, unsigned char marker);
static vstream_jpeg_result_t vstream_jpeg_segment_read(
    vstream_jpeg_reader_t *r, vstream_jpeg_segment_t *segment);
static vstream_jpeg_result_t vstream_jpeg_frame_read(
    vstream_jpeg_reader_t *r, const vstream_jpeg_segment_t *segment);
static vstream_jpeg_result_t vstream_jpeg_scan_read(
    vstream_jpeg_reader_t *r, const vstream_jpeg_segment_t *segment);
static int vstream_jpeg_has_component(const vstream_jpeg_reader_t *r,
                                      unsigned char                id);
static vstream_jpeg_result_t vstream_jpeg_entropy_skip(
    vstream_jpeg_reader_t *r);
static uint32_t vstream_jpeg_uint16(const unsigned char *p);


vstream_jpeg_result_t
vstream_jpeg_scan(vstream_slice_t data, uint64_t max_pixels,
                  vstream_jpeg_t *jpeg)
{
    vstream_jpeg_reader_t r;
    vstream_jpeg_result_t result;
    unsigned char         marker;

    memset(jpeg, 0, sizeof(vstream_jpeg_t));
    memset(&r, 0, sizeof(vstream_jpeg_reader_t));

    if (data.length == 0) {
        return VSTREAM_JPEG_TRUNCATED;
    }

    r.p = (const unsigned char *) data.data;
    r.last = r.p + data.length;
    r.max_pixels = max_pixels;
    r.jpeg = jpeg;

    result = vstream_jpeg_marker_read(&r, &marker);

    if (result == VSTREAM_JPEG_OK && marker != VSTREAM_JPEG_SOI) {
        return VSTREAM_JPEG_MALFORMED;
    }

    while (result == VSTREAM_JPEG_OK) {
        result = vstream_jpeg_marker_read(&r, &marker);

        if (result != VSTREAM_JPEG_OK) {
            break;
        }

        if (marker == VSTREAM_JPEG_EOI) {
            jpeg->length = (size_t) ((const char *) r.p - data.data);
            return jpeg->scans > 0 ? VSTREAM_JPEG_OK : VSTREAM_JPEG_MALFORMED;
        }

        result = vstream_jpeg_segment_process(&r, marker);
    }

    return result;
}


/* 0xFF, any number of fill bytes (0xFF too), then the marker's own byte. */
static vstream_jpeg_result_t
vstream_jpeg_marker_read(vstream_jpeg_reader_t *r, unsigned char *marker)
{
    if (r->p == r->last) {
        return VSTREAM_JPEG_TRUNCATED;
    }

    if (*r->p != 0xff) {
        return VSTREAM_JPEG_MALFORMED;
    }

    while (r->p < r->last && *r->p == 0xff) {
        r->p++;
    }

    if (r->p == r->last) {
        return VSTREAM_JPEG_TRUNCATED;
    }

    *marker = *r->p++;

    return VSTREAM_JPEG_OK;
}


static vstream_jpeg_result_t
vstream_jpeg_segment_process(vstream_jpeg_reader_t *r, unsigned char marker)
{
    vstream_jpeg_segment_t segment;
    vstream_jpeg_result_t  result;

    if (marker == VSTREAM_JPEG_DNL || marker == VSTREAM_JPEG_DHP
        || marker == VSTREAM_JPEG_EXP
        || (marker > VSTREAM_JPEG_SOF2 && marker <= VSTREAM_JPEG_SOFF
            && marker != VSTREAM_JPEG_DHT))
    {
        return VSTREAM_JPEG_UNSUPPORTED;
    }

    if (marker < VSTREAM_JPEG_SOF0
        || (marker >= VSTREAM_JPEG_RST0 && marker <= VSTREAM_JPEG_EOI)
        || (marker > VSTREAM_JPEG_APPF && marker != VSTREAM_JPEG_COM))
    {
        return VSTREAM_JPEG_MALFORMED;
    }

    result = vstream_jpeg_segment_read(r, &segment);

    if (result != VSTREAM_JPEG_OK) {
        return result;
    }

    if (marker <= VSTREAM_JPEG_SOF2) {
        return vstream_jpeg_frame_read(r, &segment);
    }

    if (marker == VSTREAM_JPEG_SOS) {
        return vstream_jpeg_scan_read(r, &segment);
    }

    return VSTREAM_JPEG_OK;
}


/* Two bytes of length, which count themselves, then the parameters. */
static vstream_jpeg_result_t
vstream_jpeg_segment_read(vstream_jpeg_reader_t  *r,
                          vstream_jpeg_segment_t *segment)
{
    size_t length;

    if (r->last - r->p < 2) {
        return VSTREAM_JPEG_TRUNCATED;
    }

    length = vstream_jpeg_uint16(r->p);

    if (length < 2) {
        return VSTREAM_JPEG_MALFORMED;
    }

    if ((size_t) (r->last - r->p) < length) {
        return VSTREAM_JPEG_TRUNCATED;
    }

    segment->data = r->p + 2;
    segment->length = length - 2;
    r->p += length;

    return VSTREAM_JPEG_OK;
}


/* SOF: precision, height, width, count, then three bytes per component. */
static vstream_jpeg_result_t
vstream_jpeg_frame_read(vstream_jpeg_reader_t        *r,
                        const vstream_jpeg_segment_t *segment)
{
    const unsigned char *p = segment->data;
    vstream_jpeg_t      *jpeg = r->jpeg;
    uint32_t             i, count;

    if (jpeg->components > 0 || segment->length < 6) {
        return VSTREAM_JPEG_MALFORMED;
    }

    if (p[0] != 8) {
        return VSTREAM_JPEG_UNSUPPORTED;
    }

    count = p[5];
    jpeg->height = vstream_jpeg_uint16(p + 1);
    jpeg->width = vstream_jpeg_uint16(p + 3);

    if (jpeg->height == 0 || jpeg->width == 0 || count == 0
        || count > VSTREAM_JPEG_COMPONENTS_MAX
        || segment->length != 6 + 3 * (size_t) count)
    {
        return VSTREAM_JPEG_MALFORMED;
    }

    if ((uint64_t) jpeg->width * jpeg->height > r->max_pixels) {
        return VSTREAM_JPEG_TOO_LARGE;
    }

    for (i = 0; i < count; i++) {
        r->component[i] = p[6 + 3 * i];
    }

    jpeg->components = count;

    return VSTREAM_JPEG_OK;
}


/* SOS: count, two bytes per component, three of parameters; then the data. */
static vstream_jpeg_result_t
vstream_jpeg_scan_read(vstream_jpeg_reader_t        *r,
                       const vstream_jpeg_segment_t *segment)
{
    const unsigned char *p = segment->data;
    size_t               i, count;

    if (segment->length == 0) {
        return VSTREAM_JPEG_MALFORMED;
    }

    count = p[0];

    if (count == 0 || count > r->jpeg->components
        || segment->length != 4 + 2 * count)
    {
        return VSTREAM_JPEG_MALFORMED;
    }

    for (i = 0; i < count; i++) {
        if (!vstream_jpeg_has_component(r, p[1 + 2 * i])) {
            return VSTREAM_JPEG_MALFORMED;
        }
    }

    if (++r->jpeg->scans > VSTREAM_JPEG_SCANS_MAX) {
        return VSTREAM_JPEG_TOO_LARGE;
    }

    return vstream_jpeg_entropy_skip(r);
}


static int
vstream_jpeg_has_component(const vstream_jpeg_reader_t *r, unsigned char id)
{
    return memchr(r->component, id, r->jpeg->components) != NULL;
}


/*
 * Stops at the 0xFF of the first marker that is neither a stuffed zero nor a
 * restart.  A scan without a byte of data is half a picture.
 */
static vstream_jpeg_result_t
vstream_jpeg_entropy_skip(vstream_jpeg_reader_t *r)
{
    const unsigned char *p, *start = r->p;
    unsigned char        next;

    for (p = start; p < r->last; p += next == 0xff ? 1 : 2) {
        p = memchr(p, 0xff, (size_t) (r->last - p));

        if (p == NULL || r->last - p < 2) {
            return VSTREAM_JPEG_TRUNCATED;
        }

        next = p[1];

        if (next == 0 || next == 0xff
            || (next >= VSTREAM_JPEG_RST0 && next <= VSTREAM_JPEG_RST7))
        {
            continue;
        }

        r->p = p;

        return p == start ? VSTREAM_JPEG_MALFORMED : VSTREAM_JPEG_OK;
    }

    return VSTREAM_JPEG_TRUNCATED;
}


static uint32_t
vstream_jpeg_uint16(const unsigned char *p)
{
    return (uint32_t) p[0] << 8 | p[1];
}


const char *
vstream_jpeg_result_text(vstream_jpeg_result_t result)
{
    switch (result) {
    case VSTREAM_JPEG_OK:
        return "ok";
    case VSTREAM_JPEG_TRUNCATED:
        return "truncated";
    case VSTREAM_JPEG_MALFORMED:
        return "malformed";
    case VSTREAM_JPEG_UNSUPPORTED:
        return "unsupported";
    case VSTREAM_JPEG_TOO_LARGE:
        return "too_large";
    }

    return "unknown";
}
