/*
 * THE CONTRACT between workers and module: every key, field, channel, TTL and
 * bound in Redis.  Both sides compile this file; nobody else builds a key.
 * `{id}` is a Redis Cluster hash tag: all that belongs to a camera lives on
 * one shard.  The prefix, "vs" by default, is an option on both sides.
 *
 * vs:schema              string   version of this contract
 * vs:{_}:cameras         hash     camera id -> JSON (vstream_camera.h)
 * vs:{_}:set:<origin>    string   JSON {"generation":ms,"cameras":[ids]}
 * vs:{_}:news            channel  the id that changed, or "*" for many
 * vs:replicas            hash     replica name -> unix ms of its last sign
 * vs:replica:<name>      string   JSON of one replica, with a TTL
 * vs:{id}:lease          string   owner, with a TTL
 * vs:{id}:epoch          string   the counter, without a TTL
 * vs:{id}:frame          channel  vstream_frame.h line, then the JPEG
 * vs:{id}:frame:small    channel  the same, of the rendition small
 * vs:{id}:still          stream   id <epoch>-<seq>; fields t w h jpeg, and
 *                                 rendition where that is small; MAXLEN 2
 * vs:{id}:status         hash     fields below, with a TTL, by _renew_ only
 * vs:{id}:news           channel  the camera's new state
 */

#ifndef VSTREAM_SCHEMA_H
#define VSTREAM_SCHEMA_H

#include "vstream_writer.h"

/* N and N - 1 work together; others refuse by name. */
#define VSTREAM_SCHEMA_VERSION 1

#define VSTREAM_PREFIX_DEFAULT "vs"
#define VSTREAM_PREFIX_MAX     32
#define VSTREAM_ORIGIN_MAX     64 /* an origin obeys the grammar of a camera id */

/* Longest key of all kinds. */
#define VSTREAM_KEY_MAX 160

#define VSTREAM_LEASE_TTL_MS    2000
#define VSTREAM_LEASE_RENEW_MS  500
#define VSTREAM_LEASE_MARGIN_MS 300 /* publishing stops this long before */
#define VSTREAM_STATUS_TTL_MS   3000
#define VSTREAM_REPLICA_TTL_MS  2000
#define VSTREAM_STILL_MAXLEN    2
#define VSTREAM_STILL_MS        1000 /* default least time between stills */
#define VSTREAM_REREAD_MS       5000 /* replicas reread the cameras this often */

#define VSTREAM_FRAME_BYTES_MAX  (8u * 1024 * 1024)
#define VSTREAM_FRAME_PIXELS_MAX (7680u * 4320)
#define VSTREAM_CAMERAS_MAX      1024 /* cameras in one set */

/*
 * No epoch is higher.  One that is found in Redis raises those to come only
 * up to the second bound, above which there is room for ever.
 */
#define VSTREAM_EPOCH_MAX       UINT64_C(999999999999999)
#define VSTREAM_EPOCH_LEARN_MAX (VSTREAM_EPOCH_MAX / 2)


typedef enum {
    VSTREAM_KEY_SCHEMA,
    VSTREAM_KEY_CAMERAS,
    VSTREAM_KEY_SET, /* argument: the origin */
    VSTREAM_KEY_NEWS,
    VSTREAM_KEY_REPLICAS,
    VSTREAM_KEY_REPLICA, /* argument: the replica's name */
    VSTREAM_KEY_LEASE,   /* argument, from here on: the camera id */
    VSTREAM_KEY_EPOCH,
    VSTREAM_KEY_FRAME,       /* of the rendition main */
    VSTREAM_KEY_FRAME_SMALL, /* of the rendition small */
    VSTREAM_KEY_STILL,
    VSTREAM_KEY_STATUS,
    VSTREAM_KEY_CAMERA_NEWS,
} vstream_key_kind_t;

/* Of a camera's frames.  small: of its substream, where it has one. */
typedef enum {
    VSTREAM_RENDITION_MAIN,
    VSTREAM_RENDITION_SMALL,
    VSTREAM_RENDITIONS,
} vstream_rendition_t;


/* Writes one key or channel name.  `argument` has passed its own check. */
void vstream_schema_key_write(vstream_writer_t *w, vstream_slice_t prefix,
                              vstream_key_kind_t kind,
                              vstream_slice_t    argument);

/* VSTREAM_KEY_FRAME or the like: the channel of a rendition's frames. */
vstream_key_kind_t vstream_schema_frame_key(vstream_rendition_t rendition);

/*
 * The camera id in the name of a frame channel, `<prefix>:{id}:frame` or
 * `<prefix>:{id}:frame:<rendition>`, as a slice of `channel`, and the
 * rendition.  VSTREAM_OK or VSTREAM_ERROR.
 */
int vstream_schema_frame_channel_read(vstream_slice_t      prefix,
                                      vstream_slice_t      channel,
                                      vstream_slice_t     *id,
                                      vstream_rendition_t *rendition);

/* "main", "small": in queries, in status and in stills. */
const char *vstream_schema_rendition_text(vstream_rendition_t rendition);

/* VSTREAM_OK, or VSTREAM_ERROR: there is no such rendition. */
int vstream_schema_rendition_read(vstream_slice_t      text,
                                  vstream_rendition_t *rendition);


/* Fields of a still. */
#define VSTREAM_STILL_TIME      "t"
#define VSTREAM_STILL_WIDTH     "w"
#define VSTREAM_STILL_HEIGHT    "h"
#define VSTREAM_STILL_JPEG      "jpeg"
#define VSTREAM_STILL_RENDITION "rendition" /* missing: main */

/*
 * Fields of the status hash.  Texts as they are, numbers as decimal text.
 * state, reason: one of the words below; detail: a sentence for people, with
 * what to do; owner: the replica's name; heard: when the newest access unit
 * was received; fps, kbps: of the camera, as measured; keyframe_ms: interval;
 * since_unix_ms: when the state was entered.  substream: "connecting",
 * "streaming", or the reason why it is not there, which substream_detail
 * explains; empty where the camera has none.  kafka: "up", "connecting",
 * "away", "refused", "unknown_topic" or "same_topic", which kafka_detail
 * explains; missing where its frames do not go there.  The rest are counters
 * since this owner took the camera.
 */
#define VSTREAM_STATUS_STATE            "state"
#define VSTREAM_STATUS_REASON           "reason"
#define VSTREAM_STATUS_DETAIL           "detail"
#define VSTREAM_STATUS_OWNER            "owner"
#define VSTREAM_STATUS_EPOCH            "epoch"
#define VSTREAM_STATUS_SINCE            "since_unix_ms"
#define VSTREAM_STATUS_CODEC            "codec"
#define VSTREAM_STATUS_WIDTH            "width"
#define VSTREAM_STATUS_HEIGHT           "height"
#define VSTREAM_STATUS_FPS              "fps"
#define VSTREAM_STATUS_KBPS             "kbps"
#define VSTREAM_STATUS_KEYFRAME_MS      "keyframe_ms"
#define VSTREAM_STATUS_HEARD            "heard_unix_us"
#define VSTREAM_STATUS_STILL            "still_unix_us"
#define VSTREAM_STATUS_SUBSTREAM        "substream"
#define VSTREAM_STATUS_SUBSTREAM_DETAIL "substream_detail"
#define VSTREAM_STATUS_KAFKA            "kafka"
#define VSTREAM_STATUS_KAFKA_DETAIL     "kafka_detail"
#define VSTREAM_STATUS_KAFKA_PUBLISHED  "kafka_published"
#define VSTREAM_STATUS_KAFKA_DROPPED    "kafka_dropped"
#define VSTREAM_STATUS_WATCHED          "watched"
#define VSTREAM_STATUS_ACCESS_UNITS     "access_units"
#define VSTREAM_STATUS_FRAMES_PUBLISHED "frames_published"
#define VSTREAM_STATUS_FRAMES_DROPPED   "frames_dropped"
#define VSTREAM_STATUS_DIALS            "dials"
#define VSTREAM_STATUS_RESTARTS         "restarts"

/* Values of `state`. */
#define VSTREAM_STATE_CONNECTING  "connecting"
#define VSTREAM_STATE_STREAMING   "streaming"
#define VSTREAM_STATE_BACKING_OFF "backing_off"
#define VSTREAM_STATE_QUARANTINED "quarantined" /* crashes, or a barred epoch */
/* Shown by the module where no status exists: nobody holds the camera. */
#define VSTREAM_STATE_AWAY "away"

/* Values of `reason`; empty while all is well. */
#define VSTREAM_REASON_AUTH_FAILED        "auth_failed"
#define VSTREAM_REASON_NOT_FOUND          "not_found"
#define VSTREAM_REASON_REFUSED            "refused"
#define VSTREAM_REASON_TIMEOUT            "timeout"
#define VSTREAM_REASON_UNREACHABLE        "unreachable"
#define VSTREAM_REASON_DNS_FAILED         "dns_failed"
#define VSTREAM_REASON_NO_VIDEO           "no_video"
#define VSTREAM_REASON_UNSUPPORTED_CODEC  "unsupported_codec"
#define VSTREAM_REASON_PROTOCOL_ERROR     "protocol_error"
#define VSTREAM_REASON_STALLED            "stalled"
#define VSTREAM_REASON_ENDED              "ended"
#define VSTREAM_REASON_TOO_LARGE          "too_large"
#define VSTREAM_REASON_CRASHED            "crashed"
#define VSTREAM_REASON_SOURCE_DENIED      "source_denied"
#define VSTREAM_REASON_BAD_SOURCE         "bad_source"
#define VSTREAM_REASON_CREDENTIAL_MISSING "credential_missing"
#define VSTREAM_REASON_CLAIMED_TWICE      "claimed_twice" /* two origins */
#define VSTREAM_REASON_NO_REPLICA         "no_replica"    /* by the module */


/*
 * The scripts: each runs on the keys of one camera (one slot) and is allowed
 * on a full Redis, because leases must still move then.
 *
 * take      KEYS lease epoch; ARGV owner, ttl_ms, highest epoch seen.
 *           -> the new epoch as text, or nil if somebody holds the lease.
 * renew     KEYS lease status; ARGV owner, ttl_ms, status_ttl_ms, then field
 *           and value pairs, which become the whole hash; none: it is kept.
 *           -> 1, or 0 if the lease is not the owner's.
 * give_back KEYS lease status; ARGV owner.  Deletes both.  -> 1 or 0.
 */
extern const char vstream_script_take[];
extern const char vstream_script_renew[];
extern const char vstream_script_give_back[];

/*
 * declare   KEYS cameras set; ARGV origin, generation, ids as a JSON array,
 *           news channel, then id and camera JSON pairs.
 *           Writes the origin's cameras and its set, withdraws cameras of
 *           this origin that the set lacks, leaves cameras of other origins
 *           alone, publishes news of each camera that changed.  Run again
 *           with the same arguments it writes only what is missing.
 *           -> array: first the number of cameras changed (-1: this
 *           generation is older than the stored one, nothing was written),
 *           then the ids that another origin holds.
 */
extern const char vstream_script_declare[];


#endif /* VSTREAM_SCHEMA_H */
