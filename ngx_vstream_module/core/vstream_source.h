/*
 * Where a camera comes from, as operators write it: a URL of RTSP, RTMP, SRT,
 * HTTP or UDP, v4l2:/dev/video0, file:/path, kafka:topic or test:.  This file
 * says whether such a text may be used at all, and where in it credentials
 * stand.  It opens nothing.
 *
 * Credentials never stand in a source.  The user-info part of its URL
 * (RFC 3986 section 3.2.1) may hold placeholders, `${NAME}`, that ingest fills
 * in: either `${NAME}@`, whose value is `user:password`, or
 * `user:${NAME}@`, whose value is the password.  SRT has no user-info; there
 * the passphrase may be one: `passphrase=${NAME}`.  NAME is
 * [A-Z][A-Z0-9_]{0,63}.  Anywhere else a placeholder is refused: a host or
 * path of an operator's choice would carry the secret away.
 */

#ifndef VSTREAM_SOURCE_H
#define VSTREAM_SOURCE_H

#include "vstream_slice.h"

#define VSTREAM_SOURCE_MAX          2048
#define VSTREAM_CREDENTIAL_NAME_MAX 64


typedef enum {
    VSTREAM_SOURCE_RTSP, /* rtsp and rtsps */
    VSTREAM_SOURCE_RTMP, /* rtmp and rtmps */
    VSTREAM_SOURCE_SRT,
    VSTREAM_SOURCE_HTTP, /* http and https */
    VSTREAM_SOURCE_UDP,  /* MPEG-TS, received */
    VSTREAM_SOURCE_V4L2,
    VSTREAM_SOURCE_FILE,
    VSTREAM_SOURCE_TEST,
    VSTREAM_SOURCE_KAFKA,
} vstream_source_kind_t;

typedef enum {
    VSTREAM_SOURCE_OK = 0,
    VSTREAM_SOURCE_EMPTY,
    VSTREAM_SOURCE_TOO_LONG,
    VSTREAM_SOURCE_BAD_CHARACTER, /* space, control character, non-ASCII */
    VSTREAM_SOURCE_BAD_SCHEME,
    VSTREAM_SOURCE_NO_HOST,
    VSTREAM_SOURCE_BAD_PORT,
    VSTREAM_SOURCE_BAD_PATH,   /* no absolute path, or one with /../ */
    VSTREAM_SOURCE_BAD_DEVICE, /* no path below /dev/ */
    VSTREAM_SOURCE_BAD_TOPIC,
    VSTREAM_SOURCE_NO_ADDRESS,     /* what is listened on is a name */
    VSTREAM_SOURCE_NEEDLESS_PART,  /* user-info or path of srt: or udp: */
    VSTREAM_SOURCE_UNKNOWN_OPTION, /* or one that is there twice */
    VSTREAM_SOURCE_BAD_OPTION,     /* its value is not right */
    VSTREAM_SOURCE_LITERAL_PASSWORD,
    VSTREAM_SOURCE_BAD_PLACEHOLDER,   /* `${` without a well-formed name */
    VSTREAM_SOURCE_PLACED_CREDENTIAL, /* a placeholder where none may be */
} vstream_source_result_t;

typedef struct {
    vstream_source_kind_t kind;
    vstream_slice_t       scheme;     /* "rtsp" */
    vstream_slice_t       user_info;  /* between "//" and "@"; may be empty */
    vstream_slice_t       host;       /* without brackets */
    uint16_t              port;       /* 0: the scheme's own */
    vstream_slice_t       path;       /* what follows; device or topic */
    vstream_slice_t       query;      /* of srt:, udp:, v4l2: and kafka:, whose
                                         path ends before the "?" */
    vstream_slice_t       credential; /* NAME of `${NAME}`; empty if none */
    vstream_slice_t       camera;     /* of kafka:, an id; empty: all */
    unsigned              is_listening : 1; /* udp:, srt: with mode=listener */
} vstream_source_t;


/* All slices of `source` point into `text`. */
vstream_source_result_t vstream_source_read(vstream_slice_t   text,
                                            vstream_source_t *source);

/*
 * The whole of `text` is `${NAME}`: *name is NAME then.  VSTREAM_SOURCE_OK or
 * VSTREAM_SOURCE_BAD_PLACEHOLDER.
 */
vstream_source_result_t vstream_source_placeholder_read(vstream_slice_t  text,
                                                        vstream_slice_t *name);

/* Is there a "${" in it? */
int vstream_source_has_placeholder(vstream_slice_t text);

/*
 * What is wrong and what to do, as an operator wants to read it, for instance
 * "holds a literal password; write ${NAME} in its place and give the value to
 * vstream-ingest as VSTREAM_CAMERA_NAME".
 */
const char *vstream_source_result_text(vstream_source_result_t result);


#endif /* VSTREAM_SOURCE_H */
