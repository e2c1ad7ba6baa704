/*
 * Envelopes, taken apart.
 *
 * JSON is scanned by vstream_json.c: what is neither `frame` nor a camera's id
 * is only stepped over.
 */

#include "vstream_envelope.h"
#include "vstream_json.h"

#include <string.h>

#define VSTREAM_BASE64_NONE  0x40 /* no character of either alphabet */
#define VSTREAM_BASE64_SPACE 0x41
#define VSTREAM_BASE64_PAD   0x42

/* Longest "data:image/...;base64," that is looked for. */
#define VSTREAM_DATA_URI_MAX 64


/* Where base64 is being written to, and what is left over of four. */
typedef struct {
    unsigned char *out;
    size_t         capacity;
    size_t         length;
    uint32_t       bits;
    unsigned       digits;
    unsigned       pads;
} vstream_base64_t;


static vstream_envelope_result_t vstream_envelope_json_read(
    vstream_json_t *json, vstream_envelope_t *envelope);
static void vstream_envelope_member_note(vstream_envelope_t          *envelope,
                                         const vstream_json_member_t *member,
                                         vstream_slice_t             *source);
static vstream_envelope_result_t vstream_envelope_text_read(
    vstream_slice_t text, vstream_envelope_t *envelope);
static vstream_slice_t           vstream_envelope_uri_cut(vstream_slice_t text);
static unsigned char             vstream_base64_digit(unsigned char c);
static const unsigned char      *vstream_base64_run(vstream_base64_t    *b,
                                                    const unsigned char *p,
                                                    const unsigned char *end);
static vstream_envelope_result_t vstream_base64_put(vstream_base64_t *b,
                                                    unsigned char     c);
static vstream_envelope_result_t vstream_base64_end(vstream_base64_t *b);
static int vstream_slice_is(vstream_slice_t slice, const char *text);
static int vstream_slice_begins(vstream_slice_t slice, const char *text);


vstream_envelope_result_t
vstream_envelope_read(vstream_slice_t value, vstream_envelope_t *envelope)
{
    vstream_json_t  json;
    vstream_slice_t text;

    vstream_json_init(&json, value);
    memset(envelope, 0, sizeof(vstream_envelope_t));

    if (vstream_slice_begins(value, "\xff\xd8")) {
        envelope->form = VSTREAM_ENVELOPE_JPEG;
        envelope->picture = value;
        return VSTREAM_ENVELOPE_OK;
    }

    vstream_json_space_skip(&json);
    if (json.p == json.end) {
        return VSTREAM_ENVELOPE_EMPTY;
    }

    if (*json.p == '{') {
        return vstream_envelope_json_read(&json, envelope);
    }

    text = (vstream_slice_t) { json.p, (size_t) (json.end - json.p) };

    if (*json.p == '"') {
        if (vstream_json_string_read(&json, &text) != VSTREAM_OK) {
            return VSTREAM_ENVELOPE_UNKNOWN;
        }

        vstream_json_space_skip(&json);
        if (json.p < json.end) {
            return VSTREAM_ENVELOPE_UNKNOWN;
        }
    }

    envelope->form = VSTREAM_ENVELOPE_BASE64;

    return vstream_envelope_text_read(text, envelope);
}


static vstream_envelope_result_t
vstream_envelope_json_read(vstream_json_t *json, vstream_envelope_t *envelope)
{
    int                   rc;
    vstream_slice_t       source = { NULL, 0 };
    vstream_json_member_t member;

    envelope->form = VSTREAM_ENVELOPE_JSON;
    rc = vstream_json_object_open(json);

    while (rc == VSTREAM_OK) {
        rc = vstream_json_member_read(json, &member);

        if (rc == VSTREAM_OK) {
            vstream_envelope_member_note(envelope, &member, &source);
        }
    }

    if (rc != VSTREAM_DECLINED) {
        return VSTREAM_ENVELOPE_BAD_JSON;
    }

    if (envelope->camera.data == NULL) {
        envelope->camera = source;
    }

    if (envelope->picture.data == NULL) {
        return VSTREAM_ENVELOPE_NO_FRAME;
    }

    return vstream_envelope_text_read(envelope->picture, envelope)
                   == VSTREAM_ENVELOPE_OK
               ? VSTREAM_ENVELOPE_OK
               : VSTREAM_ENVELOPE_BAD_BASE64;
}


/* A number may be an id; null, an object or an array is none. */
static void
vstream_envelope_member_note(vstream_envelope_t          *envelope,
                             const vstream_json_member_t *member,
                             vstream_slice_t             *source)
{
    if (member->type == VSTREAM_JSON_OTHER) {
        return;
    }

    if (vstream_slice_is(member->name, "frame")) {
        if (member->type == VSTREAM_JSON_TEXT) {
            envelope->picture = member->value;
        }

    } else if (vstream_slice_is(member->name, "camera_id")) {
        envelope->camera = member->value;

    } else if (vstream_slice_is(member->name, "source")) {
        *source = member->value;
    }
}


/*
 * Base64 of a JPEG begins with that of FF D8 FF.  In JSON the slash may stand
 * escaped, so there the decoder is the judge.
 */
static vstream_envelope_result_t
vstream_envelope_text_read(vstream_slice_t text, vstream_envelope_t *envelope)
{
    envelope->picture = vstream_envelope_uri_cut(text);
    text = envelope->picture;

    if (vstream_slice_begins(text, "/9j") || vstream_slice_begins(text, "_9j")
        || vstream_slice_begins(text, "\\/9j")
        || vstream_slice_begins(text, "\\u002f9j")
        || vstream_slice_begins(text, "\\u002F9j"))
    {
        return VSTREAM_ENVELOPE_OK;
    }

    return VSTREAM_ENVELOPE_UNKNOWN;
}


/* What follows "data:image/...;base64," (RFC 2397), and space before it. */
static vstream_slice_t
vstream_envelope_uri_cut(vstream_slice_t text)
{
    vstream_json_t json;
    const char    *comma;
    size_t         n;

    vstream_json_init(&json, text);
    vstream_json_space_skip(&json);
    text = (vstream_slice_t) { json.p, (size_t) (json.end - json.p) };

    if (!vstream_slice_begins(text, "data:image")) {
        return text;
    }

    n = text.length < VSTREAM_DATA_URI_MAX ? text.length : VSTREAM_DATA_URI_MAX;
    comma = memchr(text.data, ',', n);

    if (comma == NULL || comma - text.data < 7
        || memcmp(comma - 7, ";base64", 7) != 0)
    {
        return text;
    }

    return (vstream_slice_t) { comma + 1, (size_t) (json.end - comma - 1) };
}


vstream_envelope_result_t
vstream_envelope_open(const vstream_envelope_t *envelope, unsigned char *out,
                      size_t capacity, size_t *length)
{
    vstream_base64_t          b = { out, capacity, 0, 0, 0, 0 };
    vstream_envelope_result_t result;
    const char               *p = envelope->picture.data;
    const char               *end = p + envelope->picture.length;
    int                       c;

    if (envelope->form == VSTREAM_ENVELOPE_JPEG) {
        if (envelope->picture.length > capacity) {
            return VSTREAM_ENVELOPE_TOO_LARGE;
        }

        memmove(out, p, envelope->picture.length);
        *length = envelope->picture.length;

        return VSTREAM_ENVELOPE_OK;
    }

    while (p < end) {
        p = (const char *) vstream_base64_run(&b, (const unsigned char *) p,
                                              (const unsigned char *) end);
        if (p == end) {
            break;
        }

        c = (unsigned char) *p++;

        if (c == '\\') {
            c = vstream_json_escape_read(&p, end);
        }

        if (c < 0 || c > 0x7f) {
            return VSTREAM_ENVELOPE_BAD_BASE64;
        }

        result = vstream_base64_put(&b, (unsigned char) c);
        if (result != VSTREAM_ENVELOPE_OK) {
            return result;
        }
    }

    result = vstream_base64_end(&b);
    *length = b.length;

    return result;
}


/* Both alphabets: 62 is + or -, 63 is / or _. */
static unsigned char
vstream_base64_digit(unsigned char c)
{
#define NO VSTREAM_BASE64_NONE
#define SP VSTREAM_BASE64_SPACE
#define PD VSTREAM_BASE64_PAD
    /* clang-format off */
    static const unsigned char digits[128] = {
        NO, NO, NO, NO, NO, NO, NO, NO, NO, SP, SP, NO, NO, SP, NO, NO,
        NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
        SP, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, 62, NO, 62, NO, 63,
        52, 53, 54, 55, 56, 57, 58, 59, 60, 61, NO, NO, NO, PD, NO, NO,
        NO,  0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14,
        15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, NO, NO, NO, NO, 63,
        NO, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
        41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, NO, NO, NO, NO, NO,
    };
    /* clang-format on */
#undef NO
#undef SP
#undef PD

    return c < 128 ? digits[c] : VSTREAM_BASE64_NONE;
}


/* As many whole fours of digits as there are; returns what follows. */
static const unsigned char *
vstream_base64_run(vstream_base64_t *b, const unsigned char *p,
                   const unsigned char *end)
{
    unsigned char  d0, d1, d2, d3;
    unsigned char *out;

    if (b->digits > 0 || b->pads > 0) {
        return p;
    }

    for (; end - p >= 4 && b->capacity - b->length >= 3; p += 4) {
        d0 = vstream_base64_digit(p[0]);
        d1 = vstream_base64_digit(p[1]);
        d2 = vstream_base64_digit(p[2]);
        d3 = vstream_base64_digit(p[3]);

        if ((d0 | d1 | d2 | d3) & VSTREAM_BASE64_NONE) {
            break;
        }

        out = b->out + b->length;
        out[0] = (unsigned char) (d0 << 2 | d1 >> 4);
        out[1] = (unsigned char) (d1 << 4 | d2 >> 2);
        out[2] = (unsigned char) (d2 << 6 | d3);
        b->length += 3;
    }

    return p;
}


/* One character; the first digits of a four yield what is whole of them. */
static vstream_envelope_result_t
vstream_base64_put(vstream_base64_t *b, unsigned char c)
{
    unsigned char d = vstream_base64_digit(c);

    if (d == VSTREAM_BASE64_SPACE) {
        return VSTREAM_ENVELOPE_OK;
    }

    if (d == VSTREAM_BASE64_PAD) {
        return ++b->pads <= 2 && b->digits + b->pads <= 4 && b->digits >= 2
                   ? VSTREAM_ENVELOPE_OK
                   : VSTREAM_ENVELOPE_BAD_BASE64;
    }

    if (d == VSTREAM_BASE64_NONE || b->pads > 0) {
        return VSTREAM_ENVELOPE_BAD_BASE64;
    }

    b->bits = b->bits << 6 | d;
    b->digits++;

    if (b->digits > 1) {
        if (b->length == b->capacity) {
            return VSTREAM_ENVELOPE_TOO_LARGE;
        }

        b->out[b->length++] = (unsigned char) (b->bits >> (8 - 2 * b->digits));
    }

    if (b->digits == 4) {
        b->digits = 0;
    }

    return VSTREAM_ENVELOPE_OK;
}


/* Padding may be left out; a single digit holds no byte. */
static vstream_envelope_result_t
vstream_base64_end(vstream_base64_t *b)
{
    if (b->digits == 1 || (b->pads > 0 && b->digits + b->pads != 4)) {
        return VSTREAM_ENVELOPE_BAD_BASE64;
    }

    return VSTREAM_ENVELOPE_OK;
}


static int
vstream_slice_is(vstream_slice_t slice, const char *text)
{
    return slice.length == strlen(text) && vstream_slice_begins(slice, text);
}


static int
vstream_slice_begins(vstream_slice_t slice, const char *text)
{
    size_t n = strlen(text);

    return slice.length >= n && memcmp(slice.data, text, n) == 0;
}


const char *
vstream_envelope_result_text(vstream_envelope_result_t result)
{
    switch (result) {
    case VSTREAM_ENVELOPE_OK:
        return "is right";
    case VSTREAM_ENVELOPE_EMPTY:
        return "is empty";
    case VSTREAM_ENVELOPE_UNKNOWN:
        return "is no JPEG, no base64 of one and no JSON object";
    case VSTREAM_ENVELOPE_BAD_JSON:
        return "begins as a JSON object but is none, or is cut off";
    case VSTREAM_ENVELOPE_NO_FRAME:
        return "is JSON without a text \"frame\"";
    case VSTREAM_ENVELOPE_BAD_BASE64:
        return "holds what is no base64 of a JPEG, or is cut off";
    case VSTREAM_ENVELOPE_TOO_LARGE:
        return "holds a picture that is too large";
    }

    return "is wrong";
}
