/*
 * A client of Kafka on the loop.  librdkafka works in threads of its own; all
 * that it has to say (delivery reports, messages, results, errors, its log)
 * comes to one queue, which wakes the loop by a descriptor, so that handlers
 * run where everything else does.  No call here waits, but that to create (a
 * few milliseconds, and files are read) and that to destroy.
 *
 * Only the supervisor has such a client: never a spawner or a camera process.
 */

#ifndef VSW_KAFKA_H
#define VSW_KAFKA_H

#include <stdbool.h>
#include <stdint.h>

#include <ev.h>
#include <librdkafka/rdkafka.h>

#include "vsw_kafka_config.h"

#define VSW_KAFKA_ERROR_MAX   512
#define VSW_KAFKA_EVENTS_STEP 256  /* in one turn, so that others get theirs */
#define VSW_KAFKA_HEARD_MS    2000 /* an answer this old proves nothing */
#define VSW_KAFKA_PURGE_MS    200  /* for reports of what is given up */
#define VSW_KAFKA_DESTROY_MS  1000 /* then it is left to the process's end */


typedef enum {
    VSW_KAFKA_CONNECTING = 0, /* nothing is known yet */
    VSW_KAFKA_UP,
    VSW_KAFKA_AWAY,
    VSW_KAFKA_REFUSED, /* reached, but our credentials or its are not right */
    VSW_KAFKA_STATES,
} vsw_kafka_state_t;

typedef struct {
    const char     *name; /* "frames": for the log */
    rd_kafka_type_t type;
    int             events; /* RD_KAFKA_EVENT_*, beside log and error */
    const char *const (*settings)[2]; /* more of librdkafka's, by name */
    size_t settings_count;
} vsw_kafka_options_t;

typedef struct vsw_kafka_s vsw_kafka_t;

typedef struct {
    /* One event of those asked for, or a result; it is borrowed. */
    void (*event)(void *data, rd_kafka_event_t *event);
    void (*changed)(void *data, vsw_kafka_state_t state); /* may be NULL */

    /* An error, of a topic perhaps; may be NULL. */
    void (*failed)(void *data, rd_kafka_resp_err_t error);
} vsw_kafka_handlers_t;


/*
 * `config` has at least one broker and has passed its check; of `config` and
 * `options` nothing but the name is kept.  NULL: `error` says why.
 */
vsw_kafka_t *vsw_kafka_create(struct ev_loop             *loop,
                              const vsw_kafka_config_t   *config,
                              const vsw_kafka_options_t  *options,
                              const vsw_kafka_handlers_t *handlers, void *data,
                              char error[VSW_KAFKA_ERROR_MAX]);

/*
 * A producer gives up what is under way and reports it to the handler, within
 * this call; after it no handler is called any more.  False: librdkafka's
 * threads do not end (one may look a name up) and go on with what they were
 * given; whatever of it is borrowed must stay.  Accepts NULL.
 */
bool vsw_kafka_destroy(vsw_kafka_t *kafka);

/*
 * As vsw_kafka_destroy(), but waits for nothing: queue and handle are the
 * caller's from now on, to be destroyed, in this order, where waiting does no
 * harm.
 */
void vsw_kafka_release(vsw_kafka_t *kafka);

/* Has the last thread of all clients ended? */
bool vsw_kafka_is_over(void);

rd_kafka_t *vsw_kafka_handle(const vsw_kafka_t *kafka);

/* For results of the admin API, and where a consumer's queue is sent to. */
rd_kafka_queue_t *vsw_kafka_queue(const vsw_kafka_t *kafka);

/*
 * Whoever gets an answer of a broker's, good or bad, says so; and whoever
 * waited for one in vain, which does not count where another has just got his.
 * `why` is for the log.
 */
void vsw_kafka_heard(vsw_kafka_t *kafka);
void vsw_kafka_missed(vsw_kafka_t *kafka, const char *why);

vsw_kafka_state_t vsw_kafka_state(const vsw_kafka_t *kafka);

/* "connecting", "up", ...: for pages and metrics. */
const char *vsw_kafka_state_text(vsw_kafka_state_t state);

/* The last error while it is not up, for people; empty: none. */
const char *vsw_kafka_detail(const vsw_kafka_t *kafka);


#endif /* VSW_KAFKA_H */
