/*
 * What a picture travels in where somebody else's program sends it: the JPEG
 * itself, its base64 (RFC 4648 sections 4 and 5), or a JSON object (RFC 8259)
 * whose member `frame` is that base64.  Which of the three it is, is told by
 * looking.  Nothing is allocated, no tree is built, and every byte is passed
 * by once; whether what comes out is a picture, vstream_jpeg_scan() says.
 *
 * Base64 is taken as programs write it: either alphabet, with or without
 * padding, over lines of any length, in quotes, behind "data:image/...".
 */

#ifndef VSTREAM_ENVELOPE_H
#define VSTREAM_ENVELOPE_H

#include "vstream_slice.h"


typedef enum {
    VSTREAM_ENVELOPE_JPEG,
    VSTREAM_ENVELOPE_BASE64,
    VSTREAM_ENVELOPE_JSON,
} vstream_envelope_form_t;

typedef enum {
    VSTREAM_ENVELOPE_OK = 0,
    VSTREAM_ENVELOPE_EMPTY,
    VSTREAM_ENVELOPE_UNKNOWN,    /* none of the three */
    VSTREAM_ENVELOPE_BAD_JSON,   /* not an object, whole and nothing else */
    VSTREAM_ENVELOPE_NO_FRAME,   /* JSON, but without the text `frame` */
    VSTREAM_ENVELOPE_BAD_BASE64, /* or cut off within it */
    VSTREAM_ENVELOPE_TOO_LARGE,  /* the picture is larger than `capacity` */
} vstream_envelope_result_t;

typedef struct {
    vstream_envelope_form_t form;

    /* The JPEG, or its base64 as it stands there; slices of the value. */
    vstream_slice_t picture;

    /*
     * JSON: the text or number of `camera_id`, or where there is none of
     * `source`; empty: neither is there.
     */
    vstream_slice_t camera;
} vstream_envelope_t;


/*
 * Looks at a whole value.  Of members that stand twice the last one counts.
 * NO_FRAME leaves `camera` as it was found; on other results than OK the
 * content of `envelope` is undefined.
 */
vstream_envelope_result_t vstream_envelope_read(vstream_slice_t     value,
                                                vstream_envelope_t *envelope);

/*
 * Writes the picture out, *length bytes; with the same `out` and
 * envelope->picture.data it does so in place.  OK, BAD_BASE64 or TOO_LARGE.
 */
vstream_envelope_result_t vstream_envelope_open(
    const vstream_envelope_t *envelope, unsigned char *out, size_t capacity,
    size_t *length);

/* "is no JPEG, no base64 of one and no JSON", ...: follows "the value ". */
const char *vstream_envelope_result_text(vstream_envelope_result_t result);


#endif /* VSTREAM_ENVELOPE_H */
