/*
 * Reads one topic of Kafka from its newest value on: all partitions, those
 * too that come later, in no group and without commits.  A topic that is not
 * there yet, or goes, is waited for.  Whatever kept us from reading, we never
 * catch up with old values: we go on with the newest.
 *
 * Lives in the supervisor; nothing here ever waits for Kafka.
 */

#ifndef VSW_KAFKA_READER_H
#define VSW_KAFKA_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "vsw_kafka.h"
#include "vstream_slice.h"

#define VSW_KAFKA_PARTITIONS_MAX 1024 /* of one topic; others are not read */
#define VSW_KAFKA_BEHIND_MS      2000 /* then what is old is left out */
#define VSW_KAFKA_READER_DETAIL  256


typedef struct vsw_kafka_reader_s vsw_kafka_reader_t;

typedef struct {
    vstream_slice_t key;
    vstream_slice_t value;
    int32_t         partition;
    int64_t         stamp_unix_ms; /* the producer's or broker's; -1: none */
} vsw_kafka_record_t;

/* All is borrowed until the handler returns. */
typedef void (*vsw_kafka_reader_pt)(void                     *data,
                                    const vsw_kafka_record_t *record);

typedef struct {
    uint64_t values;     /* read */
    uint64_t left_out;   /* old ones, as far as they were seen */
    uint32_t partitions; /* that are read now */
} vsw_kafka_reader_counts_t;


/* `topic` has passed its check.  NULL: `error` says why. */
vsw_kafka_reader_t *vsw_kafka_reader_create(
    struct ev_loop *loop, const vsw_kafka_config_t *config, const char *topic,
    vsw_kafka_reader_pt handler, void *data, char error[VSW_KAFKA_ERROR_MAX]);

/* Waits for nothing: a thread of its own ends what is left. */
void vsw_kafka_reader_destroy(vsw_kafka_reader_t *reader); /* accepts NULL */

/* To be called every 50 ms or so. */
void vsw_kafka_reader_tick(vsw_kafka_reader_t *reader, int64_t now_ms);

/* What is on its way to us is old: go on with the newest. */
void vsw_kafka_reader_skip(vsw_kafka_reader_t *reader);

/* Until then, what comes is left out. */
bool vsw_kafka_reader_is_skipping(const vsw_kafka_reader_t *reader);

/*
 * Why nothing can be read now: one of VSTREAM_REASON_*, and what to do in
 * `detail`.  NULL: all is well, or nothing is known yet.
 */
const char *vsw_kafka_reader_reason(const vsw_kafka_reader_t *reader,
                                    char detail[VSW_KAFKA_READER_DETAIL]);

void vsw_kafka_reader_counts(const vsw_kafka_reader_t  *reader,
                             vsw_kafka_reader_counts_t *counts);

/*
 * Gives those threads that still end a moment, so that the process's own end
 * finds none of them.
 */
void vsw_kafka_readers_wait(void);


#endif /* VSW_KAFKA_READER_H */
