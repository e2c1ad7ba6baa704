/*
 * The link between the supervisor and one camera process: a SOCK_STREAM pair
 * that carries length-framed messages.  Both ends are the same binary on the
 * same host, so numbers stand in native order.  The camera process is not
 * trusted: vsw_link_read() bounds every length, and the supervisor checks
 * what it is told.
 *
 * End of file means "stop" in both directions: the camera process exits at
 * once, and the supervisor takes the camera process for gone.
 */

#ifndef VSW_LINK_H
#define VSW_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vstream_schema.h"

/* The camera process finds its end of the link here. */
#define VSW_LINK_FD 3

#define VSW_LINK_JSON_MAX    16384
#define VSW_LINK_PAYLOAD_MAX (VSTREAM_FRAME_BYTES_MAX + 64)

/* The largest frame as base64, over lines, in JSON. */
#define VSW_LINK_VALUE_MAX (VSTREAM_FRAME_BYTES_MAX / 2 * 3)


typedef enum {
    /*
     * supervisor -> camera process
     *
     * CONFIGURE, JSON, once and first:
     * {"id":"street","url":"rtsp://user:pass@...","secrets":["pass",...],
     *  "transport":"tcp","fps_milli":0,"width":0,"quality":80,
     *  "still_ms":1000,"still_is_set":false,"quality_is_set":false,
     *  "interval_ms":1000,
     *  "connect_timeout_ms":5000,"allow":["127.0.0.0/8",...],
     *  "file_roots":["/srv/video"],"listen":["0.0.0.0:9000",...],
     *  "devices":["/dev/video0",...],"ca_file":"/etc/ssl/cameras.pem",
     *  "kafka_fps_milli":0,"kafka_keyframe":true,
     *  "max_frame_bytes":8388608,"max_pixels":33177600}
     * `url` has its credentials filled in, percent-encoded; so has
     * `substream`, which stands there where the camera has one.  `secrets` are
     * texts that must appear in no message and no log line.
     */
    VSW_LINK_CONFIGURE = 1,

    /* vsw_link_watched_t: how many watch one of its renditions now. */
    VSW_LINK_WATCHED = 2,

    /*
     * vsw_link_value_t, then one value of the camera's topic as it came from
     * Kafka (vstream_envelope.h).
     */
    VSW_LINK_VALUE = 3,

    /*
     * camera process -> supervisor
     *
     * STREAM, JSON, when the source has been opened and when it changes:
     * {"codec":"h264","width":768,"height":576}
     */
    VSW_LINK_STREAM = 16,

    /* vsw_link_frame_t, then the JPEG. */
    VSW_LINK_FRAME = 17,

    /* vsw_link_counts_t, four times a second. */
    VSW_LINK_COUNTS = 18,

    /*
     * FAILED, JSON, just before the camera process exits by itself:
     * {"reason":"auth_failed","detail":"the camera answered 401 ..."}
     * reason is one of VSTREAM_REASON_*; no exit is without one but a crash.
     */
    VSW_LINK_FAILED = 19,

    /* LOG, JSON: {"level":"warn","message":"..."}; secrets already masked. */
    VSW_LINK_LOG = 20,

    /*
     * SUBSTREAM, JSON, whenever it changes:
     * {"state":"streaming","detail":""}
     * state is VSTREAM_STATE_CONNECTING, VSTREAM_STATE_STREAMING, or one of
     * VSTREAM_REASON_*: it has failed, and is dialled again in a while.
     */
    VSW_LINK_SUBSTREAM = 21,
} vsw_link_type_t;

#define VSW_FRAME_LIVE     0x1  /* push it to whoever watches its rendition */
#define VSW_FRAME_STILL    0x2  /* keep it as the newest still */
#define VSW_FRAME_KAFKA    0x4  /* produce it to Kafka */
#define VSW_FRAME_SMALL    0x8  /* of the substream: its rendition is small */
#define VSW_FRAME_STAND_IN 0x10 /* of main: push it to those of small, too */

typedef struct {
    uint32_t rendition; /* vstream_rendition_t */
    uint32_t viewers;   /* subscribers of its frames; 0: nobody watches */
} vsw_link_watched_t;

typedef struct {
    int64_t t_unix_us; /* when its last byte reached the supervisor */
} vsw_link_value_t;

typedef struct {
    int64_t  t_unix_us; /* when its last byte reached the camera process */
    uint32_t width;
    uint32_t height;
    uint32_t flags; /* VSW_FRAME_* */
    uint32_t reserved;
} vsw_link_frame_t;

/* Counters only grow while the camera process lives. */
typedef struct {
    uint64_t access_units;
    uint64_t bytes;
    int64_t  heard_unix_us; /* when the newest access unit came; 0: never */
    uint64_t frames_late;   /* decoded, but dropped: the supervisor was slow */
    uint64_t frames_broken; /* did not decode, or no sane JPEG */
    uint64_t units_skipped; /* not decoded: decoding was too slow */
    uint64_t values;        /* of Kafka, that came over the link */
    uint64_t values_late;   /* a newer one came before they were opened */
    uint64_t values_broken; /* held no picture */
    uint32_t fps_milli;     /* measured */
    uint32_t kbps;          /* measured */
    uint32_t keyframe_ms;   /* interval, measured; 0: not known yet */
    uint32_t reserved;
} vsw_link_counts_t;


/* A message as vsw_link_read() hands it out. */
typedef struct {
    vsw_link_type_t type;
    uint8_t        *payload; /* borrowed until the next vsw_link_read() */
    size_t          length;
} vsw_link_message_t;

typedef struct vsw_link_s vsw_link_t;


/* Takes over fd, which it makes non-blocking.  NULL: out of memory. */
vsw_link_t *vsw_link_create(int fd);
void        vsw_link_destroy(vsw_link_t *link); /* closes fd; accepts NULL */
int         vsw_link_fd(const vsw_link_t *link);

/*
 * Takes one whole message out of the link.  VSTREAM_OK; VSTREAM_AGAIN: no
 * whole message yet (poll for reading); VSTREAM_ERROR: the other end has
 * closed, broke the framing or named a length above its type's bound.
 */
int vsw_link_read(vsw_link_t *link, vsw_link_message_t *message);

/*
 * After a message: may there be more?  If not, poll for reading; to ask
 * vsw_link_read() nevertheless costs a call of the kernel.
 */
bool vsw_link_may_have_more(const vsw_link_t *link);

/*
 * Sends one message of two pieces (tail may be NULL).  Small messages (all
 * but FRAME and VALUE) are queued, 64 KiB at most, when the socket is full.  A
 * FRAME or VALUE is never queued behind another message: while anything is
 * still in flight the call refuses it.  VSTREAM_OK: sent or queued;
 * VSTREAM_AGAIN: refused, nothing was sent (in flight, or its length is outside
 * its type's bounds); VSTREAM_ERROR: the other end is gone.
 */
int vsw_link_write(vsw_link_t *link, vsw_link_type_t type, const void *head,
                   size_t head_length, const void *tail, size_t tail_length);

/* Goes on with what is in flight.  As vsw_link_write(). */
int vsw_link_flush(vsw_link_t *link);

/* Something is in flight: poll for writing, then vsw_link_flush(). */
bool vsw_link_is_pending(const vsw_link_t *link);


#endif /* VSW_LINK_H */
