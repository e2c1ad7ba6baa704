/*
 * Cameras that come from Kafka, `kafka:<topic>[?camera=<id>]`: one reader for
 * each topic that a camera held here wants, however many cameras it carries,
 * and for each camera a tap, which keeps the newest value until the camera
 * process has room for it.
 *
 * Whose a value is, is decided here, because only then may a newer one take
 * the place of an older one.  A tap without an id gets all values.  One with
 * an id gets those whose key is the id; and those JSON objects that name it
 * as `camera_id` or `source`, if their key is no id that a tap here has.
 *
 * That look into JSON is the one thing that this process does with what is
 * otherwise parsed in camera processes alone.  Without it, each of n cameras
 * of a topic would have to be sent all n cameras' pictures, and what thinned
 * them would keep another camera's more often than its own.  The scanner is
 * pure, bounded, fuzzed, takes no memory, and passes by pictures unseen.
 */

#ifndef VSW_KAFKA_SOURCES_H
#define VSW_KAFKA_SOURCES_H

#include "vsw_kafka_reader.h"
#include "vsw_link.h"
#include "vstream_camera_id.h"
#include "vstream_kafka.h"
#include "vstream_source.h"

#define VSW_KAFKA_SILENT_MS 10000 /* without a value: worth a word */

/*
 * Kafka keeps an order within a partition alone.  Of a camera whose values
 * come from several, one that is this much older than the newest, by its
 * stamp, comes too late; one that is older still tells of a clock that was
 * set.
 */
#define VSW_KAFKA_DISORDER_MS 2000

typedef struct vsw_kafka_topic_s vsw_kafka_topic_t;
typedef struct vsw_kafka_tap_s   vsw_kafka_tap_t;

/*
 * Sends a value to the camera process.  VSTREAM_AGAIN: it has no room, or is
 * not there; vsw_kafka_tap_flush() follows when that has changed.
 */
typedef int (*vsw_kafka_tap_pt)(void *data, const vsw_link_value_t *head,
                                const void *value, size_t length);

/* One camera's; stands in its struct.  All zero: it is closed. */
struct vsw_kafka_tap_s {
    vsw_kafka_topic_t *topic;
    vsw_kafka_tap_t   *next;
    char               camera[VSTREAM_CAMERA_ID_MAX + 1]; /* empty: all */
    vsw_kafka_tap_pt   send;
    void              *data;

    uint8_t         *value;  /* the newest that was not sent */
    size_t           length; /* 0: there is none */
    size_t           capacity;
    vsw_link_value_t head;
    int64_t          stamp_unix_ms; /* of the newest; -1: none */
    int32_t          partition;     /* that it came from */
    int64_t          heard_ms;      /* of the newest; or when it was opened */
    uint64_t         values;        /* counters since it was opened */
    uint64_t         late;          /* a newer one came before they were sent */
};

struct vsw_kafka_topic_s {
    vsw_kafka_topic_t          *next;
    struct vsw_kafka_sources_s *sources;
    vsw_kafka_reader_t         *reader;
    vsw_kafka_tap_t            *taps;
    char                        name[VSTREAM_KAFKA_TOPIC_MAX + 1];
    uint64_t unclaimed; /* values that are of no camera here */
    uint64_t too_large;
};

typedef struct vsw_kafka_sources_s {
    struct ev_loop           *loop;
    const vsw_kafka_config_t *config;
    vsw_kafka_topic_t        *topics;
    ev_prepare                flush; /* once in a turn of the loop */
    bool                      has_news;
} vsw_kafka_sources_t;


/* `config` must outlive it. */
void vsw_kafka_sources_init(vsw_kafka_sources_t *sources, struct ev_loop *loop,
                            const vsw_kafka_config_t *config);

/* All taps are closed by now; ends what still runs. */
void vsw_kafka_sources_close(vsw_kafka_sources_t *sources);

/* To be called every 50 ms or so. */
void vsw_kafka_sources_tick(vsw_kafka_sources_t *sources, int64_t now_ms);

/* This process was stopped for a while: what comes next is old. */
void vsw_kafka_sources_slept(vsw_kafka_sources_t *sources);

/*
 * Opens the tap for `source`, which is of Kafka; one that is open for the same
 * stays as it is.  0, or -1 with `error`.
 */
int  vsw_kafka_tap_open(vsw_kafka_tap_t *tap, vsw_kafka_sources_t *sources,
                        const vstream_source_t *source, vsw_kafka_tap_pt send,
                        void *data, char error[VSW_KAFKA_ERROR_MAX]);
void vsw_kafka_tap_close(vsw_kafka_tap_t *tap); /* accepts one that is */

/* A value has come; the reader's handler.  `data` is the topic. */
void vsw_kafka_topic_value(void *data, const vsw_kafka_record_t *record);

/* There may be room now. */
void vsw_kafka_tap_flush(vsw_kafka_tap_t *tap);

/*
 * Why no value comes: one of VSTREAM_REASON_*, with what to do in `detail`.
 * NULL: values come, or did lately.
 */
const char *vsw_kafka_tap_reason(const vsw_kafka_tap_t *tap, int64_t now_ms,
                                 char detail[VSW_KAFKA_READER_DETAIL]);


#endif /* VSW_KAFKA_SOURCES_H */
