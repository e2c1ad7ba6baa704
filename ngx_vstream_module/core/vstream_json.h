/*
 * JSON (RFC 8259) of others, scanned without memory: the members of one
 * object, each a slice of what was given.  Strings are searched for their end,
 * so that a picture of 100 KB costs one memchr(); what is nested is stepped
 * over.  Of numbers and of what stands within the nested, no more is checked
 * than what finds their end.
 */

#ifndef VSTREAM_JSON_H
#define VSTREAM_JSON_H

#include "vstream_slice.h"

#define VSTREAM_JSON_DEPTH_MAX 64 /* objects and arrays within another */


typedef struct {
    const char *p;
    const char *end;
    int         begun; /* a member has been read */
} vstream_json_t;

typedef enum {
    VSTREAM_JSON_TEXT,
    VSTREAM_JSON_NUMBER,
    VSTREAM_JSON_OTHER
} vstream_json_type_t;

typedef struct {
    vstream_slice_t     name; /* escapes as they stand */
    vstream_json_type_t type;
    vstream_slice_t     value; /* of a text: without quotes, escapes as above */
} vstream_json_member_t;


void vstream_json_init(vstream_json_t *json, vstream_slice_t text);

void vstream_json_space_skip(vstream_json_t *json);

/* A string at `p`: without its quotes, escapes as they stand.  OK or ERROR. */
int vstream_json_string_read(vstream_json_t *json, vstream_slice_t *text);

/* Space, and the brace that opens an object.  OK or ERROR. */
int vstream_json_object_open(vstream_json_t *json);

/*
 * The next member of the object.  DECLINED: it has ended, and nothing but
 * space follows it.  ERROR: this is no JSON, or something follows.
 */
int vstream_json_member_read(vstream_json_t        *json,
                             vstream_json_member_t *member);

/*
 * What an escape stands for, *p being behind its backslash, which it moves on:
 * one code unit of UTF-16.  -1: it is none, or cut off.
 */
int vstream_json_escape_read(const char **p, const char *end);

/*
 * A text as UTF-8, its escapes resolved, into `out`, which has room for
 * text.length bytes; in place, too.  Returns its length; ERROR (-1): a control
 * character, a bad escape, half a surrogate pair, or a zero.  That what was
 * not escaped is UTF-8 is not checked.
 */
int64_t vstream_json_text_write(vstream_slice_t text, char *out);


#endif /* VSTREAM_JSON_H */
