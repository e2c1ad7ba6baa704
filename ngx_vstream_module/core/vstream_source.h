/*
 * Where a camera comes from, as operators write it: rtsp://, http://,
 * https://, file:/path or test:.  This file says whether such a text may be
 * used at all, and where in it credentials stand.  It opens nothing.
 *
 * Credentials never stand in a source.  The user-info part of its URL
 * (RFC 3986 section 3.2.1) may hold placeholders, `${NAME}`, that ingest fills
 * in: either `${NAME}@`, whose value is `user:password`, or
 * `user:${NAME}@`, whose value is the password.  NAME is
 * [A-Z][A-Z0-9_]{0,63}.  Anywhere else a placeholder is refused: a host or
 * path of an operator's choice would carry the secret away.
 */

#ifndef VSTREAM_SOURCE_H
#define VSTREAM_SOURCE_H

#include "vstream_slice.h"

#define VSTREAM_SOURCE_MAX          2048
#define VSTREAM_CREDENTIAL_NAME_MAX 64


typedef enum {
    VSTREAM_SOURCE_RTSP,
    VSTREAM_SOURCE_HTTP, /* http and https */
    VSTREAM_SOURCE_FILE,
    VSTREAM_SOURCE_TEST,
} vstream_source_kind_t;

typedef enum {
    VSTREAM_SOURCE_OK = 0,
    VSTREAM_SOURCE_EMPTY,
    VSTREAM_SOURCE_TOO_LONG,
    VSTREAM_SOURCE_BAD_CHARACTER, /* space, control character, non-ASCII */
    VSTREAM_SOURCE_BAD_SCHEME,
    VSTREAM_SOURCE_NO_HOST,
    VSTREAM_SOURCE_BAD_PORT,
    VSTREAM_SOURCE_BAD_PATH, /* file: without an absolute path, or with /../ */
    VSTREAM_SOURCE_LITERAL_PASSWORD,
    VSTREAM_SOURCE_BAD_PLACEHOLDER,   /* `${` without a well-formed name */
    VSTREAM_SOURCE_PLACED_CREDENTIAL, /* a placeholder outside user-info */
} vstream_source_result_t;

typedef struct {
    vstream_source_kind_t kind;
    vstream_slice_t       scheme;     /* "rtsp" */
    vstream_slice_t       user_info;  /* between "//" and "@"; may be empty */
    vstream_slice_t       host;       /* without brackets */
    uint16_t              port;       /* 0: the scheme's own */
    vstream_slice_t       path;       /* all that follows host and port */
    vstream_slice_t       credential; /* NAME of `${NAME}`; empty if none */
} vstream_source_t;


/* All slices of `source` point into `text`. */
vstream_source_result_t vstream_source_read(vstream_slice_t   text,
                                            vstream_source_t *source);

/*
 * What is wrong and what to do, as an operator wants to read it, for instance
 * "holds a literal password; write ${NAME} in its place and give the value to
 * vstream-ingest as VSTREAM_CAMERA_NAME".
 */
const char *vstream_source_result_text(vstream_source_result_t result);


#endif /* VSTREAM_SOURCE_H */
