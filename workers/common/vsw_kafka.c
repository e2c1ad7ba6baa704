/*
 * A client of Kafka on the loop, see vsw_kafka.h.
 *
 * DESIGN  librdkafka writes to `wake`, an eventfd, when its queue is no longer
 * empty; a turn that leaves events behind writes there itself.  The state
 * changes through vsw_kafka_enter() alone.  An error is told to people when it
 * changes the state; while Kafka is away its repetitions are for debugging.
 */

#include "vsw_kafka.h"

#include "vsw_clock.h"
#include "vsw_log.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define VSW_KAFKA_LINES_MS  1000
#define VSW_KAFKA_LINES_MAX 5 /* of librdkafka's own, in that time */
#define VSW_KAFKA_WARNING   4 /* syslog's; what is above is for debugging */


struct vsw_kafka_s {
    struct ev_loop      *loop;
    vsw_kafka_handlers_t handlers;
    void                *data;
    const char          *name;

    rd_kafka_t       *rk;
    rd_kafka_queue_t *queue;
    int               wake;
    ev_io             readable;

    vsw_kafka_state_t state;
    char              detail[VSW_KAFKA_ERROR_MAX];
    int64_t           heard_ms;   /* when a broker answered last */
    bool              is_refusal; /* the last error was one of credentials */
    int64_t           lines_ms;   /* since when lines are counted */
    unsigned          lines;
    unsigned          suppressed;
};


static rd_kafka_conf_t *vsw_kafka_conf(const vsw_kafka_config_t  *config,
                                       const vsw_kafka_options_t *options,
                                       char error[VSW_KAFKA_ERROR_MAX]);
static int              vsw_kafka_attach(vsw_kafka_t               *kafka,
                                         const vsw_kafka_options_t *options);
static void             vsw_kafka_wake(vsw_kafka_t *kafka);
static void  vsw_kafka_on_readable(struct ev_loop *loop, ev_io *io, int events);
static void  vsw_kafka_event(vsw_kafka_t *kafka, rd_kafka_event_t *event);
static void  vsw_kafka_error(vsw_kafka_t *kafka, rd_kafka_event_t *event);
static void  vsw_kafka_line(vsw_kafka_t *kafka, rd_kafka_event_t *event);
static bool  vsw_kafka_may_log(vsw_kafka_t *kafka);
static void  vsw_kafka_enter(vsw_kafka_t *kafka, vsw_kafka_state_t state);
static void  vsw_kafka_purge(vsw_kafka_t *kafka);
static bool  vsw_kafka_end(rd_kafka_t *rk);
static void *vsw_kafka_end_run(void *data);


vsw_kafka_t *
vsw_kafka_create(struct ev_loop *loop, const vsw_kafka_config_t *config,
                 const vsw_kafka_options_t  *options,
                 const vsw_kafka_handlers_t *handlers, void *data,
                 char error[VSW_KAFKA_ERROR_MAX])
{
    vsw_kafka_t     *kafka;
    rd_kafka_conf_t *conf;

    snprintf(error, VSW_KAFKA_ERROR_MAX, "out of memory");

    kafka = calloc(1, sizeof(*kafka));
    if (kafka == NULL) {
        return NULL;
    }

    kafka->loop = loop;
    kafka->handlers = *handlers;
    kafka->data = data;
    kafka->name = options->name;
    kafka->wake = -1;

    conf = vsw_kafka_conf(config, options, error);
    if (conf != NULL) {
        kafka->rk =
            rd_kafka_new(options->type, conf, error, VSW_KAFKA_ERROR_MAX);
    }

    if (kafka->rk == NULL) {
        if (conf != NULL) {
            rd_kafka_conf_destroy(conf);
        }
        vsw_kafka_destroy(kafka);
        return NULL;
    }

    if (vsw_kafka_attach(kafka, options) != 0) {
        snprintf(error, VSW_KAFKA_ERROR_MAX, "%s", strerror(errno));
        vsw_kafka_destroy(kafka);
        return NULL;
    }

    if (vsw_kafka_config_is_in_clear(config)) {
        vsw_log(VSW_LOG_WARN,
                "kafka's password crosses the network readable: set tls",
                VSW_LOG_TEXT("client", kafka->name));
    }

    return kafka;
}


bool
vsw_kafka_destroy(vsw_kafka_t *kafka)
{
    bool ended = true;

    if (kafka == NULL) {
        return true;
    }

    ev_io_stop(kafka->loop, &kafka->readable);

    if (kafka->queue != NULL) {
        vsw_kafka_purge(kafka);
        rd_kafka_queue_io_event_enable(kafka->queue, -1, NULL, 0);
        rd_kafka_queue_destroy(kafka->queue);
    }

    if (kafka->rk != NULL) {
        ended = vsw_kafka_end(kafka->rk);
    }

    if (kafka->wake != -1) {
        close(kafka->wake);
    }

    free(kafka);

    return ended;
}


void
vsw_kafka_release(vsw_kafka_t *kafka)
{
    ev_io_stop(kafka->loop, &kafka->readable);
    rd_kafka_queue_io_event_enable(kafka->queue, -1, NULL, 0);
    close(kafka->wake);
    free(kafka);
}


bool
vsw_kafka_is_over(void)
{
    return rd_kafka_thread_cnt() == 0;
}


rd_kafka_t *
vsw_kafka_handle(const vsw_kafka_t *kafka)
{
    return kafka->rk;
}


rd_kafka_queue_t *
vsw_kafka_queue(const vsw_kafka_t *kafka)
{
    return kafka->queue;
}


void
vsw_kafka_heard(vsw_kafka_t *kafka)
{
    kafka->heard_ms = vsw_clock_ms();

    if (kafka->state != VSW_KAFKA_UP) {
        kafka->detail[0] = '\0';
        vsw_kafka_enter(kafka, VSW_KAFKA_UP);
    }
}


void
vsw_kafka_missed(vsw_kafka_t *kafka, const char *why)
{
    if (kafka->state == VSW_KAFKA_AWAY || kafka->state == VSW_KAFKA_REFUSED
        || (kafka->state == VSW_KAFKA_UP
            && vsw_clock_ms() - kafka->heard_ms < VSW_KAFKA_HEARD_MS))
    {
        return;
    }

    if (kafka->state == VSW_KAFKA_UP || kafka->detail[0] == '\0') {
        snprintf(kafka->detail, sizeof(kafka->detail), "%s", why);
    }

    vsw_kafka_enter(kafka, VSW_KAFKA_AWAY);
}


vsw_kafka_state_t
vsw_kafka_state(const vsw_kafka_t *kafka)
{
    return kafka->state;
}


const char *
vsw_kafka_state_text(vsw_kafka_state_t state)
{
    static const char *const texts[VSW_KAFKA_STATES] = { "connecting", "up",
                                                         "away", "refused" };

    return texts[state];
}


const char *
vsw_kafka_detail(const vsw_kafka_t *kafka)
{
    return kafka->state == VSW_KAFKA_UP ? "" : kafka->detail;
}


static rd_kafka_conf_t *
vsw_kafka_conf(const vsw_kafka_config_t  *config,
               const vsw_kafka_options_t *options,
               char                       error[VSW_KAFKA_ERROR_MAX])
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    size_t           i;

    if (vsw_kafka_config_apply(config, conf, error, VSW_KAFKA_ERROR_MAX)
        != NULL) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }

    for (i = 0; i < options->settings_count; i++) {
        if (rd_kafka_conf_set(conf, options->settings[i][0],
                              options->settings[i][1], error,
                              VSW_KAFKA_ERROR_MAX)
            != RD_KAFKA_CONF_OK)
        {
            rd_kafka_conf_destroy(conf);
            return NULL;
        }
    }

    rd_kafka_conf_set_events(conf, options->events | RD_KAFKA_EVENT_ERROR
                                       | RD_KAFKA_EVENT_LOG);

    return conf;
}


static int
vsw_kafka_attach(vsw_kafka_t *kafka, const vsw_kafka_options_t *options)
{
    static const uint64_t one = 1;

    /* A consumer that is in no group has none but the main queue. */
    if (options->type == RD_KAFKA_CONSUMER) {
        rd_kafka_poll_set_consumer(kafka->rk);
        kafka->queue = rd_kafka_queue_get_consumer(kafka->rk);
    }

    if (kafka->queue == NULL) {
        kafka->queue = rd_kafka_queue_get_main(kafka->rk);
    }

    kafka->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (kafka->wake == -1) {
        return -1;
    }

    rd_kafka_queue_io_event_enable(kafka->queue, kafka->wake, &one,
                                   sizeof(one));
    rd_kafka_set_log_queue(kafka->rk, kafka->queue);

    ev_io_init(&kafka->readable, vsw_kafka_on_readable, kafka->wake, EV_READ);
    kafka->readable.data = kafka;
    ev_io_start(kafka->loop, &kafka->readable);
    vsw_kafka_wake(kafka); /* for what came before */

    return 0;
}


static void
vsw_kafka_wake(vsw_kafka_t *kafka)
{
    (void) eventfd_write(kafka->wake, 1);
}


static void
vsw_kafka_on_readable(struct ev_loop *loop, ev_io *io, int events)
{
    vsw_kafka_t      *kafka = io->data;
    rd_kafka_event_t *event;
    eventfd_t         count;
    unsigned          i;

    (void) loop;
    (void) events;

    (void) eventfd_read(kafka->wake, &count);

    for (i = 0; i < VSW_KAFKA_EVENTS_STEP; i++) {
        event = rd_kafka_queue_poll(kafka->queue, 0);
        if (event == NULL) {
            return;
        }

        vsw_kafka_event(kafka, event);
        rd_kafka_event_destroy(event);
    }

    vsw_kafka_wake(kafka);
}


static void
vsw_kafka_event(vsw_kafka_t *kafka, rd_kafka_event_t *event)
{
    switch (rd_kafka_event_type(event)) {
    case RD_KAFKA_EVENT_LOG:
        vsw_kafka_line(kafka, event);
        break;
    case RD_KAFKA_EVENT_ERROR:
        vsw_kafka_error(kafka, event);
        break;
    default:
        kafka->handlers.event(kafka->data, event);
        break;
    }
}


/* An error of one broker matters when no other is left. */
static void
vsw_kafka_error(vsw_kafka_t *kafka, rd_kafka_event_t *event)
{
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    const char         *text = rd_kafka_event_error_string(event);

    vsw_log(VSW_LOG_DEBUG, "kafka tells of an error",
            VSW_LOG_TEXT("client", kafka->name),
            VSW_LOG_TEXT("code", rd_kafka_err2name(code)),
            VSW_LOG_TEXT("error", text));

    if (kafka->handlers.failed != NULL) {
        kafka->handlers.failed(kafka->data, code);
    }

    if (code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        kafka->is_refusal = code == RD_KAFKA_RESP_ERR__AUTHENTICATION
                            || code == RD_KAFKA_RESP_ERR__SSL;

        if (kafka->state != VSW_KAFKA_UP || kafka->is_refusal) {
            snprintf(kafka->detail, sizeof(kafka->detail), "%s", text);
        }
    }

    if (kafka->is_refusal) {
        vsw_kafka_enter(kafka, VSW_KAFKA_REFUSED);
        return;
    }

    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN
        || kafka->state == VSW_KAFKA_REFUSED)
    {
        if (kafka->detail[0] == '\0') {
            snprintf(kafka->detail, sizeof(kafka->detail), "%s", text);
        }
        vsw_kafka_enter(kafka, VSW_KAFKA_AWAY);
    }
}


/* What librdkafka logs; failures of connections come as errors too. */
static void
vsw_kafka_line(vsw_kafka_t *kafka, rd_kafka_event_t *event)
{
    const char     *facility, *text;
    vsw_log_level_t log_level = VSW_LOG_DEBUG;
    int             level;

    if (rd_kafka_event_log(event, &facility, &text, &level) != 0
        || !vsw_kafka_may_log(kafka))
    {
        return;
    }

    if (level <= VSW_KAFKA_WARNING && strcmp(facility, "FAIL") != 0
        && strcmp(facility, "ERROR") != 0)
    {
        log_level = VSW_LOG_WARN;
    }

    vsw_log(log_level, "kafka's client says",
            VSW_LOG_TEXT("client", kafka->name),
            VSW_LOG_TEXT("facility", facility), VSW_LOG_TEXT("text", text));
}


static bool
vsw_kafka_may_log(vsw_kafka_t *kafka)
{
    int64_t now = vsw_clock_ms();

    if (now - kafka->lines_ms >= VSW_KAFKA_LINES_MS) {
        if (kafka->suppressed > 0) {
            vsw_log(VSW_LOG_WARN, "kafka's client said more",
                    VSW_LOG_TEXT("client", kafka->name),
                    VSW_LOG_NUMBER("lines", kafka->suppressed));
        }
        kafka->lines_ms = now;
        kafka->lines = 0;
        kafka->suppressed = 0;
    }

    if (kafka->lines >= VSW_KAFKA_LINES_MAX) {
        kafka->suppressed++;
        return false;
    }

    kafka->lines++;

    return true;
}


static void
vsw_kafka_enter(vsw_kafka_t *kafka, vsw_kafka_state_t state)
{
    static const char *const messages[VSW_KAFKA_STATES] = {
        "kafka is being reached", "kafka is there", "kafka is away",
        "kafka refuses us, or we do not trust it"
    };

    if (state == kafka->state) {
        return;
    }

    vsw_log(state == VSW_KAFKA_UP ? VSW_LOG_INFO : VSW_LOG_WARN,
            messages[state], VSW_LOG_TEXT("client", kafka->name),
            VSW_LOG_TEXT("from", vsw_kafka_state_text(kafka->state)),
            VSW_LOG_TEXT("reason", state == VSW_KAFKA_UP ? "" : kafka->detail));

    kafka->state = state;

    if (kafka->handlers.changed != NULL) {
        kafka->handlers.changed(kafka->data, state);
    }
}


/* What is under way borrows memory; its owner hears that it is free again. */
static void
vsw_kafka_purge(vsw_kafka_t *kafka)
{
    rd_kafka_event_t *event;
    int64_t           end = vsw_clock_ms() + VSW_KAFKA_PURGE_MS;

    if (rd_kafka_type(kafka->rk) != RD_KAFKA_PRODUCER) {
        return;
    }

    (void) rd_kafka_purge(kafka->rk, RD_KAFKA_PURGE_F_QUEUE
                                         | RD_KAFKA_PURGE_F_INFLIGHT
                                         | RD_KAFKA_PURGE_F_NON_BLOCKING);

    while (rd_kafka_outq_len(kafka->rk) > 0 && vsw_clock_ms() < end) {
        event = rd_kafka_queue_poll(kafka->queue, 10);
        if (event != NULL) {
            vsw_kafka_event(kafka, event);
            rd_kafka_event_destroy(event);
        }
    }
}


/* rd_kafka_destroy() waits for its threads, one of which may be in DNS. */
static bool
vsw_kafka_end(rd_kafka_t *rk)
{
    struct timespec deadline;
    pthread_t       thread;

    if (pthread_create(&thread, NULL, vsw_kafka_end_run, rk) != 0) {
        return false;
    }

    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += VSW_KAFKA_DESTROY_MS / 1000;

    if (pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &deadline) != 0) {
        pthread_detach(thread);
        return false;
    }

    return true;
}


static void *
vsw_kafka_end_run(void *data)
{
    rd_kafka_destroy_flags(data, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);

    return NULL;
}
