/*
 * The topics that frames go to, see vsw_frame_topics.h.
 *
 * DESIGN  DescribeConfigs is the question: it creates nothing, many topics fit
 * into one, and it tells the largest message.  Who may not ask it is told so;
 * the topic is then taken to be there, and what Kafka says of frames decides.
 *
 * While a question waits for a broker that refuses connections, librdkafka
 * 2.0.2 dials it without a pause.  So none is asked while Kafka is away and
 * frames are under way, which find out by themselves that it is back; without
 * any, questions are few and brief then.
 */

#include "vsw_frame_topics.h"

#include "vsw_clock.h"
#include "vsw_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VSW_KAFKA_NUMBER 24


static void vsw_frame_topics_ask(vsw_frame_topics_t *topics, int64_t now_ms);
static void vsw_frame_topics_describe(vsw_frame_topics_t         *topics,
                                      rd_kafka_ConfigResource_t **resources,
                                      size_t                      count);
static rd_kafka_AdminOptions_t *vsw_frame_topics_options(
    vsw_frame_topics_t *topics, rd_kafka_admin_op_t op);
static bool vsw_frame_topics_is_away(const vsw_frame_topics_t *topics);
static void vsw_frame_topics_described(vsw_frame_topics_t *topics,
                                       rd_kafka_event_t   *event);
static void vsw_frame_topics_believe(vsw_frame_topics_t *topics);
static void vsw_frame_topics_answer(vsw_frame_topics_t              *topics,
                                    const rd_kafka_ConfigResource_t *resource);
static void vsw_frame_topics_there(vsw_frame_topics_t *topics,
                                   vsw_frame_topic_t  *topic);
static void vsw_frame_topics_is_missing(vsw_frame_topics_t *topics,
                                        vsw_frame_topic_t  *topic);
static void vsw_frame_topics_limit(const vsw_frame_topic_t         *topic,
                                   const rd_kafka_ConfigResource_t *resource);
static void vsw_frame_topics_create(vsw_frame_topics_t *topics,
                                    vsw_frame_topic_t  *topic);
static rd_kafka_NewTopic_t *vsw_frame_topics_new(
    const vsw_config_kafka_topics_t *config, const char *name);
static void               vsw_frame_topics_created(vsw_frame_topics_t *topics,
                                                   rd_kafka_event_t   *event);
static vsw_frame_topic_t *vsw_frame_topics_find(vsw_frame_topics_t *topics,
                                                const char         *name);


void
vsw_frame_topics_init(vsw_frame_topics_t              *topics,
                      const vsw_config_kafka_topics_t *config)
{
    memset(topics, 0, sizeof(*topics));
    topics->config = config;
}


void
vsw_frame_topics_connect(vsw_frame_topics_t *topics, vsw_kafka_t *kafka)
{
    topics->kafka = kafka;
}


void
vsw_frame_topics_clear(vsw_frame_topics_t *topics)
{
    vsw_frame_topic_t *topic;

    while ((topic = topics->list) != NULL) {
        topics->list = topic->next;

        if (topic->handle != NULL) {
            rd_kafka_topic_destroy(topic->handle);
        }
        free(topic);
    }
}


vsw_frame_topic_t *
vsw_frame_topics_join(vsw_frame_topics_t *topics, vstream_slice_t name)
{
    char               text[VSTREAM_KAFKA_TOPIC_MAX + 1];
    vsw_frame_topic_t *topic;

    if (name.length > VSTREAM_KAFKA_TOPIC_MAX) {
        return NULL;
    }

    memcpy(text, name.data, name.length);
    text[name.length] = '\0';
    topic = vsw_frame_topics_find(topics, text);

    if (topic == NULL) {
        topic = calloc(1, sizeof(*topic));
        if (topic == NULL) {
            return NULL;
        }
        memcpy(topic->name, text, name.length + 1);
        topic->next = topics->list;
        topics->list = topic;
    }

    topic->users++;

    return topic;
}


void
vsw_frame_topics_leave(vsw_frame_topics_t *topics, vsw_frame_topic_t *topic)
{
    vsw_frame_topic_t **p;

    if (--topic->users > 0) {
        return;
    }

    for (p = &topics->list; *p != topic; p = &(*p)->next) {
        /* it is there */
    }

    *p = topic->next;

    if (topic->handle != NULL) {
        rd_kafka_topic_destroy(topic->handle);
    }

    free(topic);
}


void
vsw_frame_topics_tick(vsw_frame_topics_t *topics, int64_t now_ms)
{
    vsw_frame_topic_t *topic;

    if (topics->answers > 0
        || (vsw_frame_topics_is_away(topics)
            && rd_kafka_outq_len(vsw_kafka_handle(topics->kafka)) > 0))
    {
        return; /* one question at a time */
    }

    for (topic = topics->list; topic != NULL; topic = topic->next) {
        if (topic->is_wanted && now_ms >= topic->check_ms) {
            vsw_frame_topics_ask(topics, now_ms);
            return;
        }
    }
}


void
vsw_frame_topics_want(vsw_frame_topic_t *topic)
{
    topic->is_wanted = true;
}


void
vsw_frame_topics_doubt(vsw_frame_topic_t *topic)
{
    int64_t soon_ms = topic->asked_ms + VSW_FRAME_TOPICS_RETRY_MS;

    if (topic->check_ms > soon_ms) {
        topic->check_ms = soon_ms;
    }
}


void
vsw_frame_topics_event(vsw_frame_topics_t *topics, rd_kafka_event_t *event)
{
    switch (rd_kafka_event_type(event)) {
    case RD_KAFKA_EVENT_DESCRIBECONFIGS_RESULT:
        topics->answers--;
        vsw_frame_topics_described(topics, event);
        break;
    case RD_KAFKA_EVENT_CREATETOPICS_RESULT:
        topics->answers--;
        vsw_frame_topics_created(topics, event);
        break;
    default:
        break;
    }
}


unsigned
vsw_frame_topics_missing(const vsw_frame_topics_t *topics)
{
    const vsw_frame_topic_t *topic;
    unsigned                 count = 0;

    for (topic = topics->list; topic != NULL; topic = topic->next) {
        count += topic->state == VSW_FRAME_TOPIC_MISSING;
    }

    return count;
}


/* All that are due soon go into the same question. */
static void
vsw_frame_topics_ask(vsw_frame_topics_t *topics, int64_t now_ms)
{
    rd_kafka_ConfigResource_t *resources[VSW_FRAME_TOPICS_STEP];
    vsw_frame_topic_t         *topic;
    size_t                     count = 0;

    for (topic = topics->list; topic != NULL && count < VSW_FRAME_TOPICS_STEP;
         topic = topic->next)
    {
        if (!topic->is_wanted
            || now_ms + VSW_FRAME_TOPICS_RETRY_MS / 2 < topic->check_ms)
        {
            continue;
        }

        topic->check_ms =
            now_ms
            + (vsw_frame_topics_is_away(topics) ? VSW_FRAME_TOPICS_AWAY_MS
                                                : VSW_FRAME_TOPICS_RETRY_MS);
        topic->asked_ms = now_ms;
        resources[count++] =
            rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic->name);
    }

    vsw_frame_topics_describe(topics, resources, count);
    rd_kafka_ConfigResource_destroy_array(resources, count);
}


static void
vsw_frame_topics_describe(vsw_frame_topics_t         *topics,
                          rd_kafka_ConfigResource_t **resources, size_t count)
{
    rd_kafka_AdminOptions_t *options =
        vsw_frame_topics_options(topics, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);

    topics->answers++;
    rd_kafka_DescribeConfigs(vsw_kafka_handle(topics->kafka), resources, count,
                             options, vsw_kafka_queue(topics->kafka));
    rd_kafka_AdminOptions_destroy(options);
}


static rd_kafka_AdminOptions_t *
vsw_frame_topics_options(vsw_frame_topics_t *topics, rd_kafka_admin_op_t op)
{
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(vsw_kafka_handle(topics->kafka), op);
    char error[VSW_KAFKA_ERROR_MAX];

    (void) rd_kafka_AdminOptions_set_request_timeout(
        options,
        vsw_frame_topics_is_away(topics) ? VSW_FRAME_TOPICS_BRIEF_MS
                                         : VSW_FRAME_TOPICS_WAIT_MS,
        error, sizeof(error));

    return options;
}


static bool
vsw_frame_topics_is_away(const vsw_frame_topics_t *topics)
{
    vsw_kafka_state_t state = vsw_kafka_state(topics->kafka);

    return state == VSW_KAFKA_AWAY || state == VSW_KAFKA_REFUSED;
}


/*
 * An error of the whole is one of nobody answering; or the question itself is
 * not understood, or not ours to ask.
 */
static void
vsw_frame_topics_described(vsw_frame_topics_t *topics, rd_kafka_event_t *event)
{
    const rd_kafka_ConfigResource_t **resources;
    const char                       *error;
    rd_kafka_resp_err_t               code = rd_kafka_event_error(event);
    size_t                            count, i;

    if (code == RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE
        || code > RD_KAFKA_RESP_ERR_NO_ERROR)
    {
        vsw_frame_topics_believe(topics);
        return;
    }

    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        error = rd_kafka_event_error_string(event);
        vsw_log(VSW_LOG_DEBUG, "kafka does not tell of topics",
                VSW_LOG_TEXT("error", error));
        vsw_kafka_missed(topics->kafka, error);
        return;
    }

    vsw_kafka_heard(topics->kafka);
    resources = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(event), &count);

    for (i = 0; i < count; i++) {
        vsw_frame_topics_answer(topics, resources[i]);
    }
}


/* Nobody will tell us; what becomes of frames will. */
static void
vsw_frame_topics_believe(vsw_frame_topics_t *topics)
{
    vsw_frame_topic_t *topic;

    vsw_kafka_heard(topics->kafka);

    for (topic = topics->list; topic != NULL; topic = topic->next) {
        if (topic->is_wanted) {
            vsw_frame_topics_there(topics, topic);
        }
    }
}


static void
vsw_frame_topics_answer(vsw_frame_topics_t              *topics,
                        const rd_kafka_ConfigResource_t *resource)
{
    vsw_frame_topic_t  *topic;
    rd_kafka_resp_err_t code = rd_kafka_ConfigResource_error(resource);

    topic =
        vsw_frame_topics_find(topics, rd_kafka_ConfigResource_name(resource));
    if (topic == NULL) {
        return;
    }

    if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
        vsw_frame_topics_is_missing(topics, topic);
        return;
    }

    if (code != RD_KAFKA_RESP_ERR_NO_ERROR
        && topic->state != VSW_FRAME_TOPIC_THERE) {
        vsw_log(VSW_LOG_WARN, "kafka does not tell whether a topic is there",
                VSW_LOG_TEXT("topic", topic->name),
                VSW_LOG_TEXT("error", rd_kafka_err2str(code)));
    }

    if (code == RD_KAFKA_RESP_ERR_NO_ERROR
        && topic->state != VSW_FRAME_TOPIC_THERE) {
        vsw_frame_topics_limit(topic, resource);
    }

    vsw_frame_topics_there(topics, topic);
}


static void
vsw_frame_topics_there(vsw_frame_topics_t *topics, vsw_frame_topic_t *topic)
{
    topic->check_ms = vsw_clock_ms() + VSW_FRAME_TOPICS_CHECK_MS;

    if (topic->state == VSW_FRAME_TOPIC_THERE) {
        return;
    }

    if (topic->handle == NULL) {
        topic->handle = rd_kafka_topic_new(vsw_kafka_handle(topics->kafka),
                                           topic->name, NULL);
        if (topic->handle == NULL) {
            return;
        }
    }

    vsw_log(VSW_LOG_INFO, "kafka has the topic",
            VSW_LOG_TEXT("topic", topic->name));
    topic->state = VSW_FRAME_TOPIC_THERE;
    topic->is_told = false;
}


static void
vsw_frame_topics_is_missing(vsw_frame_topics_t *topics,
                            vsw_frame_topic_t  *topic)
{
    topic->state = VSW_FRAME_TOPIC_MISSING;

    if (*topics->config->create) {
        vsw_frame_topics_create(topics, topic);
        return;
    }

    if (!topic->is_told) {
        topic->is_told = true;
        vsw_log(VSW_LOG_ERROR,
                "kafka has no such topic: create it, or set "
                "kafka.topics.create",
                VSW_LOG_TEXT("topic", topic->name));
    }
}


/* Said when the topic is found; not an error, since frames may be small. */
static void
vsw_frame_topics_limit(const vsw_frame_topic_t         *topic,
                       const rd_kafka_ConfigResource_t *resource)
{
    const rd_kafka_ConfigEntry_t **entries;
    const char                    *value;
    size_t                         count, i;

    entries = rd_kafka_ConfigResource_configs(resource, &count);

    for (i = 0; i < count; i++) {
        if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), "max.message.bytes")
            != 0) {
            continue;
        }

        value = rd_kafka_ConfigEntry_value(entries[i]);

        if (value != NULL && strtoll(value, NULL, 10) < VSW_KAFKA_BATCH_MAX) {
            vsw_log(VSW_LOG_WARN,
                    "kafka's topic takes little: frames may be refused as too "
                    "large; raise its max.message.bytes",
                    VSW_LOG_TEXT("topic", topic->name),
                    VSW_LOG_TEXT("max_message_bytes", value));
        }
    }
}


static void
vsw_frame_topics_create(vsw_frame_topics_t *topics, vsw_frame_topic_t *topic)
{
    rd_kafka_AdminOptions_t *options;
    rd_kafka_NewTopic_t     *fresh;

    fresh = vsw_frame_topics_new(topics->config, topic->name);
    if (fresh == NULL) {
        return;
    }

    options = vsw_frame_topics_options(topics, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    topics->answers++;
    rd_kafka_CreateTopics(vsw_kafka_handle(topics->kafka), &fresh, 1, options,
                          vsw_kafka_queue(topics->kafka));
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_NewTopic_destroy(fresh);
}


/*
 * Kafka deletes whole segments only, the newest never: short retention needs
 * short segments.
 */
static rd_kafka_NewTopic_t *
vsw_frame_topics_new(const vsw_config_kafka_topics_t *config, const char *name)
{
    char              retention[VSW_KAFKA_NUMBER], segment[VSW_KAFKA_NUMBER];
    char              size[VSW_KAFKA_NUMBER];
    const char *const settings[][2] = {
        { "cleanup.policy", "delete" },
        { "retention.ms", retention },
        { "segment.ms", segment },
        { "max.message.bytes", size },
    };

    rd_kafka_NewTopic_t *topic;
    char                 error[VSW_KAFKA_ERROR_MAX];
    size_t               i;

    snprintf(retention, sizeof(retention), "%u", config->retention_ms);
    snprintf(segment, sizeof(segment), "%u", config->retention_ms / 4);
    snprintf(size, sizeof(size), "%d", VSW_KAFKA_MESSAGE_MAX);

    topic = rd_kafka_NewTopic_new(
        name, (int) config->partitions,
        config->replicas == 0 ? -1 : (int) config->replicas, error,
        sizeof(error));
    if (topic == NULL) {
        vsw_log(VSW_LOG_ERROR, "kafka topic cannot be created",
                VSW_LOG_TEXT("topic", name), VSW_LOG_TEXT("error", error));
        return NULL;
    }

    for (i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        (void) rd_kafka_NewTopic_set_config(topic, settings[i][0],
                                            settings[i][1]);
    }

    return topic;
}


/* What became of it the next question tells, which is asked at once. */
static void
vsw_frame_topics_created(vsw_frame_topics_t *topics, rd_kafka_event_t *event)
{
    const rd_kafka_topic_result_t **results;
    rd_kafka_resp_err_t             code;
    vsw_frame_topic_t              *topic;
    size_t                          count, i;

    if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        vsw_kafka_missed(topics->kafka, rd_kafka_event_error_string(event));
        return;
    }

    results = rd_kafka_CreateTopics_result_topics(
        rd_kafka_event_CreateTopics_result(event), &count);

    for (i = 0; i < count; i++) {
        code = rd_kafka_topic_result_error(results[i]);
        topic = vsw_frame_topics_find(topics,
                                      rd_kafka_topic_result_name(results[i]));

        if (topic == NULL) {
            continue;
        }

        if (code == RD_KAFKA_RESP_ERR_NO_ERROR
            || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
        {
            vsw_log(VSW_LOG_INFO, "kafka topic created",
                    VSW_LOG_TEXT("topic", topic->name));
            topic->check_ms = 0;

        } else if (!topic->is_told) {
            topic->is_told = true;
            vsw_log(VSW_LOG_ERROR, "kafka does not create the topic",
                    VSW_LOG_TEXT("topic", topic->name),
                    VSW_LOG_TEXT("error", rd_kafka_topic_result_error_string(
                                              results[i])));
        }
    }
}


static vsw_frame_topic_t *
vsw_frame_topics_find(vsw_frame_topics_t *topics, const char *name)
{
    vsw_frame_topic_t *topic;

    for (topic = topics->list; topic != NULL; topic = topic->next) {
        if (strcmp(topic->name, name) == 0) {
            return topic;
        }
    }

    return NULL;
}
