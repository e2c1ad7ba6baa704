/*
 * Reads one topic, see vsw_kafka_reader.h.
 *
 * DESIGN  Values come to the loop through the client's queue.  What may wait
 * in librdkafka (to ask for metadata, to stop a partition, to end) is done by
 * a scout: a thread that looks at the topic now and then, starts and stops
 * its partitions, and leaves what it found where a tick picks it up.  The
 * scout owns librdkafka's objects and destroys them, however long it takes
 * and whatever has become of the reader by then.
 *
 * To go on with the newest means to stop and start all partitions.  From the
 * moment that it is wanted until the scout has done it, what still comes is
 * old and left out.
 */

#include "vsw_kafka_reader.h"

#include "vsw_clock.h"
#include "vsw_log.h"
#include "vstream_schema.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define VSW_SCOUT_ASK_MS   3000  /* for one answer to come */
#define VSW_SCOUT_LEAST_MS 200   /* between looks, however they are wanted */
#define VSW_SCOUT_SOON_MS  1000  /* while all is not well */
#define VSW_SCOUT_LATER_MS 10000 /* and while it is: for partitions to come */
#define VSW_SCOUTS_END_MS  1000

/* A partition is judged this often; few values are no sign of anything. */
#define VSW_READER_JUDGE_MS 1000
#define VSW_READER_FEW      64
#define VSW_READER_IN_A_ROW 2
#define VSW_READER_PATIENCE (VSW_KAFKA_BEHIND_MS / VSW_READER_JUDGE_MS)


/* Between the loop and the scout's thread, under the lock. */
typedef struct {
    bool                is_over;    /* to the scout: end */
    bool                is_hurry;   /* to the scout: look at once */
    uint64_t            asked;      /* to the scout: how often to skip */
    uint64_t            skipped;    /* how often that was done */
    uint64_t            looks;      /* done */
    rd_kafka_resp_err_t error;      /* of the newest look */
    rd_kafka_resp_err_t topic;      /* what it said of the topic */
    uint32_t            partitions; /* that are read */
} vsw_scout_board_t;

typedef struct {
    rd_kafka_t       *rk;
    rd_kafka_queue_t *queue;
    rd_kafka_topic_t *topic;
    uint32_t          started; /* partitions, from 0 on */

    pthread_mutex_t   lock;
    pthread_cond_t    news;
    vsw_scout_board_t board;
} vsw_scout_t;

typedef struct {
    int64_t  next; /* offset; -1: nothing has come */
    uint64_t seen; /* since it was judged */
    unsigned behind;
} vsw_reader_partition_t;

struct vsw_kafka_reader_s {
    vsw_kafka_t        *kafka;
    vsw_scout_t        *scout;
    char               *topic;
    vsw_kafka_reader_pt handler;
    void               *data;

    vsw_scout_board_t         found;   /* when the tick last looked */
    rd_kafka_resp_err_t       refused; /* a fetch was; 0: none */
    uint64_t                  skips;   /* that were wanted */
    int64_t                   judge_ms;
    vsw_reader_partition_t   *partitions;
    uint32_t                  partitions_count;
    uint32_t                  placed; /* of these: they are at their end */
    vsw_kafka_reader_counts_t counts;
};


static vsw_scout_t    *vsw_scout_create(vsw_kafka_t *kafka, const char *topic);
static int             vsw_scout_start(vsw_scout_t *scout);
static void            vsw_scout_free(vsw_scout_t *scout);
static void           *vsw_scout_run(void *data);
static void            vsw_scout_rest(vsw_scout_t *scout);
static struct timespec vsw_scout_until(int64_t wait_ms);
static void            vsw_scout_look(vsw_scout_t *scout);
static void vsw_scout_read(vsw_scout_t *scout, uint32_t partitions, bool anew);
static void vsw_scout_stop(vsw_scout_t *scout);
static void vsw_scout_end(vsw_scout_t *scout);
static void vsw_reader_event(void *data, rd_kafka_event_t *event);
static void vsw_reader_failed(void *data, rd_kafka_resp_err_t error);
static void vsw_reader_changed(void *data, vsw_kafka_state_t state);
static void vsw_reader_message(vsw_kafka_reader_t       *reader,
                               const rd_kafka_message_t *message);
static void vsw_reader_hurry(vsw_kafka_reader_t *reader);
static void vsw_reader_look(vsw_kafka_reader_t *reader);
static void vsw_reader_partitions_set(vsw_kafka_reader_t *reader,
                                      uint32_t            count);
static void vsw_reader_places_count(vsw_kafka_reader_t *reader);
static void vsw_reader_judge(vsw_kafka_reader_t *reader);
static bool vsw_reader_is_behind(vsw_kafka_reader_t *reader, uint32_t i);


static pthread_mutex_t vsw_scouts_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t  vsw_scouts_ended = PTHREAD_COND_INITIALIZER;
static unsigned        vsw_scouts;


vsw_kafka_reader_t *
vsw_kafka_reader_create(struct ev_loop *loop, const vsw_kafka_config_t *config,
                        const char *topic, vsw_kafka_reader_pt handler,
                        void *data, char error[VSW_KAFKA_ERROR_MAX])
{
    /*
     * A value that is larger than a fetch still comes, alone; so these bound
     * the memory of a topic, and not what it may carry.
     */
    static const char *const settings[][2] = {
        { "auto.offset.reset", "latest" },
        { "enable.auto.commit", "false" },
        { "enable.auto.offset.store", "false" },
        { "allow.auto.create.topics", "false" },
        { "fetch.message.max.bytes", "1048576" },
        { "fetch.max.bytes", "8388608" },
        { "fetch.error.backoff.ms", "200" },
        { "queued.min.messages", "1000" },
        { "queued.max.messages.kbytes", "16384" },
    };
    static const vsw_kafka_handlers_t handlers = {
        .event = vsw_reader_event,
        .changed = vsw_reader_changed,
        .failed = vsw_reader_failed,
    };

    vsw_kafka_reader_t *reader = calloc(1, sizeof(*reader));
    vsw_kafka_options_t options = {
        .type = RD_KAFKA_CONSUMER,
        .events = RD_KAFKA_EVENT_FETCH,
        .settings = settings,
        .settings_count = sizeof(settings) / sizeof(settings[0]),
    };

    snprintf(error, VSW_KAFKA_ERROR_MAX, "out of memory");

    if (reader == NULL || (reader->topic = strdup(topic)) == NULL) {
        free(reader);
        return NULL;
    }

    reader->handler = handler;
    reader->data = data;
    options.name = reader->topic;

    reader->kafka =
        vsw_kafka_create(loop, config, &options, &handlers, reader, error);

    if (reader->kafka != NULL) {
        reader->scout = vsw_scout_create(reader->kafka, topic);
    }

    if (reader->scout == NULL) {
        vsw_kafka_destroy(reader->kafka);
        free(reader->topic);
        free(reader);
        return NULL;
    }

    return reader;
}


void
vsw_kafka_reader_destroy(vsw_kafka_reader_t *reader)
{
    if (reader == NULL) {
        return;
    }

    vsw_kafka_release(reader->kafka); /* to the scout */

    pthread_mutex_lock(&reader->scout->lock);
    reader->scout->board.is_over = true;
    pthread_cond_signal(&reader->scout->news);
    pthread_mutex_unlock(&reader->scout->lock);

    free(reader->partitions);
    free(reader->topic);
    free(reader);
}


void
vsw_kafka_reader_tick(vsw_kafka_reader_t *reader, int64_t now_ms)
{
    vsw_reader_look(reader);
    vsw_reader_places_count(reader);

    if (now_ms - reader->judge_ms >= VSW_READER_JUDGE_MS) {
        reader->judge_ms = now_ms;
        vsw_reader_judge(reader);
    }
}


void
vsw_kafka_reader_skip(vsw_kafka_reader_t *reader)
{
    reader->skips++;
    vsw_reader_hurry(reader);
}


bool
vsw_kafka_reader_is_skipping(const vsw_kafka_reader_t *reader)
{
    return reader->skips > reader->found.skipped;
}


const char *
vsw_kafka_reader_reason(const vsw_kafka_reader_t *reader,
                        char detail[VSW_KAFKA_READER_DETAIL])
{
    rd_kafka_resp_err_t error =
        reader->refused != 0 ? reader->refused : reader->found.topic;

    if (vsw_kafka_state(reader->kafka) == VSW_KAFKA_REFUSED) {
        snprintf(detail, VSW_KAFKA_READER_DETAIL,
                 "Kafka does not take the user of vstream-ingest, or its "
                 "certificate is not trusted: check the section kafka (%s)",
                 vsw_kafka_detail(reader->kafka));
        return VSTREAM_REASON_AUTH_FAILED;
    }

    if (vsw_kafka_state(reader->kafka) == VSW_KAFKA_AWAY) {
        snprintf(detail, VSW_KAFKA_READER_DETAIL,
                 "Kafka is away: check kafka.brokers of vstream-ingest and "
                 "the network (%s)",
                 vsw_kafka_detail(reader->kafka));
        return VSTREAM_REASON_UNREACHABLE;
    }

    if (error == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) {
        snprintf(detail, VSW_KAFKA_READER_DETAIL,
                 "the user of vstream-ingest may not read this topic: grant "
                 "it Read on \"%.160s\"",
                 reader->topic);
        return VSTREAM_REASON_AUTH_FAILED;
    }

    if (error != 0) {
        snprintf(detail, VSW_KAFKA_READER_DETAIL,
                 "Kafka has no such topic as \"%.160s\": check the name in "
                 "the source, or create it",
                 reader->topic);
        return VSTREAM_REASON_NOT_FOUND;
    }

    return NULL;
}


void
vsw_kafka_reader_counts(const vsw_kafka_reader_t  *reader,
                        vsw_kafka_reader_counts_t *counts)
{
    *counts = reader->counts;
    counts->partitions = reader->placed;
}


void
vsw_kafka_readers_wait(void)
{
    struct timespec deadline;
    int             rc = 0;

    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += VSW_SCOUTS_END_MS / 1000;

    pthread_mutex_lock(&vsw_scouts_lock);

    while (vsw_scouts > 0 && rc == 0) {
        rc = pthread_cond_clockwait(&vsw_scouts_ended, &vsw_scouts_lock,
                                    CLOCK_MONOTONIC, &deadline);
    }

    pthread_mutex_unlock(&vsw_scouts_lock);
}


/* The reader, on the loop. */


static void
vsw_reader_event(void *data, rd_kafka_event_t *event)
{
    const rd_kafka_message_t *message;

    while ((message = rd_kafka_event_message_next(event)) != NULL) {
        if (message->err == 0) {
            vsw_reader_message(data, message);
        } else {
            vsw_reader_failed(data, message->err);
        }
    }
}


static void
vsw_reader_message(vsw_kafka_reader_t       *reader,
                   const rd_kafka_message_t *message)
{
    uint32_t                  i = (uint32_t) message->partition;
    rd_kafka_timestamp_type_t type;
    vsw_kafka_record_t        record = {
               .key = { message->key, message->key_len },
               .value = { message->payload, message->len },
               .partition = message->partition,
               .stamp_unix_ms = rd_kafka_message_timestamp(message, &type),
    };

    if (i < reader->partitions_count) {
        reader->partitions[i].next = message->offset + 1;
        reader->partitions[i].seen++;
    }

    if (vsw_kafka_reader_is_skipping(reader)) {
        reader->counts.left_out++;
        return;
    }

    vsw_kafka_heard(reader->kafka);
    reader->refused = 0;
    reader->counts.values++;
    reader->handler(reader->data, &record);
}


/* Whatever it was, the topic is worth a look. */
static void
vsw_reader_failed(void *data, rd_kafka_resp_err_t error)
{
    vsw_kafka_reader_t *reader = data;

    if (error == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) {
        reader->refused = error;
    }

    vsw_reader_hurry(reader);
}


/* Values that waited for Kafka to come back are not what happens now. */
static void
vsw_reader_changed(void *data, vsw_kafka_state_t state)
{
    vsw_kafka_reader_t *reader = data;

    if (state == VSW_KAFKA_AWAY) {
        vsw_kafka_reader_skip(reader);
    }
}


static void
vsw_reader_hurry(vsw_kafka_reader_t *reader)
{
    vsw_scout_t *scout = reader->scout;

    pthread_mutex_lock(&scout->lock);
    scout->board.asked = reader->skips;
    scout->board.is_hurry = true;
    pthread_cond_signal(&scout->news);
    pthread_mutex_unlock(&scout->lock);
}


/* What the scout has found since. */
static void
vsw_reader_look(vsw_kafka_reader_t *reader)
{
    vsw_scout_t      *scout = reader->scout;
    vsw_scout_board_t found;

    pthread_mutex_lock(&scout->lock);
    found = scout->board;
    pthread_mutex_unlock(&scout->lock);

    if (found.looks == reader->found.looks) {
        return;
    }

    if (found.topic != reader->found.topic && found.error == 0) {
        vsw_log(found.topic == 0 ? VSW_LOG_INFO : VSW_LOG_WARN,
                found.topic == 0 ? "topic is there" : "topic cannot be read",
                VSW_LOG_TEXT("topic", reader->topic),
                VSW_LOG_TEXT("error", rd_kafka_err2str(found.topic)));
    }

    if (found.partitions != reader->partitions_count
        || found.skipped != reader->found.skipped)
    {
        vsw_reader_partitions_set(reader, found.partitions);
    }

    reader->found = found;

    if (found.error == 0) {
        vsw_kafka_heard(reader->kafka);
    } else {
        vsw_kafka_missed(reader->kafka, rd_kafka_err2str(found.error));
    }
}


/* They have been started, perhaps anew: nothing has come from any. */
static void
vsw_reader_partitions_set(vsw_kafka_reader_t *reader, uint32_t count)
{
    vsw_reader_partition_t *partitions;
    uint32_t                i;

    partitions =
        reallocarray(reader->partitions, count + 1, sizeof(*partitions));
    if (partitions == NULL) {
        return;
    }

    for (i = 0; i < count; i++) {
        partitions[i] = (vsw_reader_partition_t) { .next = -1 };
    }

    if (count != reader->partitions_count) {
        vsw_log(VSW_LOG_INFO, "topic is read",
                VSW_LOG_TEXT("topic", reader->topic),
                VSW_LOG_NUMBER("partitions", count));
    }

    reader->partitions = partitions;
    reader->partitions_count = count;
    reader->placed = 0;
}


/* A partition is read from the end that its first answer tells. */
static void
vsw_reader_places_count(vsw_kafka_reader_t *reader)
{
    int64_t low, high;

    while (reader->placed < reader->partitions_count
           && rd_kafka_get_watermark_offsets(
                  vsw_kafka_handle(reader->kafka), reader->topic,
                  (int32_t) reader->placed, &low, &high)
                  == 0
           && high >= 0)
    {
        reader->placed++;
    }
}


/* Values that come faster than we read grow older and older. */
static void
vsw_reader_judge(vsw_kafka_reader_t *reader)
{
    bool     is_behind = false;
    uint32_t i;

    if (vsw_kafka_reader_is_skipping(reader)) {
        return;
    }

    for (i = 0; i < reader->partitions_count; i++) {
        is_behind |= vsw_reader_is_behind(reader, i);
    }

    if (is_behind) {
        vsw_log(VSW_LOG_WARN,
                "topic carries more than can be read: old values are left out",
                VSW_LOG_TEXT("topic", reader->topic));
        vsw_kafka_reader_skip(reader);
    }
}


/* More waits than comes in two seconds, and not for the first time. */
static bool
vsw_reader_is_behind(vsw_kafka_reader_t *reader, uint32_t i)
{
    vsw_reader_partition_t *p = &reader->partitions[i];
    int64_t                 low, high, waiting = 0;
    uint64_t                few = p->seen * VSW_READER_PATIENCE;

    if (p->next >= 0
        && rd_kafka_get_watermark_offsets(vsw_kafka_handle(reader->kafka),
                                          reader->topic, (int32_t) i, &low,
                                          &high)
               == 0)
    {
        waiting = high - p->next;
    }

    few = few < VSW_READER_FEW ? VSW_READER_FEW : few;
    p->seen = 0;
    p->behind = waiting > (int64_t) few ? p->behind + 1 : 0;

    if (p->behind < VSW_READER_IN_A_ROW) {
        return false;
    }

    p->behind = 0;
    reader->counts.left_out += (uint64_t) waiting;

    return true;
}


/* The scout; from vsw_scout_run() on, in its own thread. */


static vsw_scout_t *
vsw_scout_create(vsw_kafka_t *kafka, const char *topic)
{
    pthread_condattr_t attributes;
    vsw_scout_t       *scout = calloc(1, sizeof(*scout));

    if (scout == NULL) {
        return NULL;
    }

    scout->rk = vsw_kafka_handle(kafka);
    scout->queue = vsw_kafka_queue(kafka);
    scout->topic = rd_kafka_topic_new(scout->rk, topic, NULL);

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&scout->news, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&scout->lock, NULL);

    if (scout->topic == NULL || vsw_scout_start(scout) != 0) {
        if (scout->topic != NULL) {
            rd_kafka_topic_destroy(scout->topic);
        }
        vsw_scout_free(scout);
        return NULL;
    }

    return scout;
}


static int
vsw_scout_start(vsw_scout_t *scout)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, vsw_scout_run, scout) != 0) {
        return -1;
    }

    pthread_detach(thread);

    pthread_mutex_lock(&vsw_scouts_lock);
    vsw_scouts++;
    pthread_mutex_unlock(&vsw_scouts_lock);

    return 0;
}


static void
vsw_scout_free(vsw_scout_t *scout)
{
    pthread_cond_destroy(&scout->news);
    pthread_mutex_destroy(&scout->lock);
    free(scout);
}


static void *
vsw_scout_run(void *data)
{
    vsw_scout_t *scout = data;
    bool         is_over;

    do {
        vsw_scout_look(scout);
        vsw_scout_rest(scout);

        pthread_mutex_lock(&scout->lock);
        is_over = scout->board.is_over;
        pthread_mutex_unlock(&scout->lock);
    } while (!is_over);

    vsw_scout_end(scout);

    return NULL;
}


/* Until the next look is due, or wanted. */
static void
vsw_scout_rest(vsw_scout_t *scout)
{
    vsw_scout_board_t *board = &scout->board;
    struct timespec    until = vsw_scout_until(VSW_SCOUT_LEAST_MS);
    bool               is_well;
    int                rc = 0;

    pthread_mutex_lock(&scout->lock);

    while (!board->is_over && rc == 0) {
        rc = pthread_cond_timedwait(&scout->news, &scout->lock, &until);
    }

    is_well = board->error == 0 && board->topic == 0;
    until = vsw_scout_until(is_well ? VSW_SCOUT_LATER_MS : VSW_SCOUT_SOON_MS);
    rc = 0;

    while (!board->is_over && !board->is_hurry && rc == 0) {
        rc = pthread_cond_timedwait(&scout->news, &scout->lock, &until);
    }

    board->is_hurry = false;

    pthread_mutex_unlock(&scout->lock);
}


static struct timespec
vsw_scout_until(int64_t wait_ms)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += wait_ms / 1000;
    until.tv_nsec += wait_ms % 1000 * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;

    return until;
}


static void
vsw_scout_look(vsw_scout_t *scout)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t             error, topic = 0;
    uint64_t                        asked;
    uint32_t                        partitions = 0;

    pthread_mutex_lock(&scout->lock);
    asked = scout->board.asked;
    pthread_mutex_unlock(&scout->lock);

    error = rd_kafka_metadata(scout->rk, 0, scout->topic, &metadata,
                              VSW_SCOUT_ASK_MS);

    if (error == 0) {
        topic = metadata->topic_cnt == 1
                    ? metadata->topics[0].err
                    : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
        if (topic == 0) {
            partitions = (uint32_t) metadata->topics[0].partition_cnt;
        }

        vsw_scout_read(scout, partitions, asked != scout->board.skipped);
        rd_kafka_metadata_destroy(metadata);
    }

    pthread_mutex_lock(&scout->lock);
    scout->board.looks++;
    scout->board.error = error;
    scout->board.topic = error == 0 ? topic : scout->board.topic;
    scout->board.skipped = error == 0 ? asked : scout->board.skipped;
    scout->board.partitions = scout->started;
    pthread_mutex_unlock(&scout->lock);
}


/* So many are read from now on, each that is new from its newest value on. */
static void
vsw_scout_read(vsw_scout_t *scout, uint32_t partitions, bool anew)
{
    if (partitions > VSW_KAFKA_PARTITIONS_MAX) {
        partitions = VSW_KAFKA_PARTITIONS_MAX;
    }

    if (anew || partitions < scout->started) {
        vsw_scout_stop(scout);
    }

    while (scout->started < partitions
           && rd_kafka_consume_start_queue(scout->topic,
                                           (int32_t) scout->started,
                                           RD_KAFKA_OFFSET_END, scout->queue)
                  == 0)
    {
        scout->started++;
    }
}


static void
vsw_scout_stop(vsw_scout_t *scout)
{
    while (scout->started > 0) {
        scout->started--;
        (void) rd_kafka_consume_stop(scout->topic, (int32_t) scout->started);
    }
}


static void
vsw_scout_end(vsw_scout_t *scout)
{
    vsw_scout_stop(scout);
    rd_kafka_topic_destroy(scout->topic);
    rd_kafka_queue_destroy(scout->queue);
    rd_kafka_destroy_flags(scout->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    vsw_scout_free(scout);

    pthread_mutex_lock(&vsw_scouts_lock);
    vsw_scouts--;
    pthread_cond_broadcast(&vsw_scouts_ended);
    pthread_mutex_unlock(&vsw_scouts_lock);
}
