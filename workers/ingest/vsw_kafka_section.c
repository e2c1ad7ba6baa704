/*
 * The section `kafka:`, see vsw_kafka_section.h.
 */

#include "vsw_kafka_section.h"

#include "vstream_kafka.h"
#include "vstream_schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VSW_KAFKA_TEXT_MAX 1024

#define VSW_OPTIONAL     (CYAML_FLAG_OPTIONAL)
#define VSW_OPTIONAL_PTR (CYAML_FLAG_OPTIONAL | CYAML_FLAG_POINTER)


static int  vsw_kafka_section_bool(bool **value, bool otherwise);
static int  vsw_kafka_section_text(char **text, const char *otherwise);
static void vsw_kafka_section_number(uint32_t *value, uint32_t otherwise);
static bool vsw_kafka_section_is_within(uint32_t value, uint32_t least,
                                        uint32_t most);
static const char *vsw_kafka_section_frames(
    const vsw_config_kafka_frames_t *frames, char *path, size_t path_size);
static const char *vsw_kafka_section_topics(
    const vsw_config_kafka_topics_t *topics, char *path, size_t path_size);
static bool vsw_kafka_section_client_equals(const vsw_kafka_config_t *a,
                                            const vsw_kafka_config_t *b);
static bool vsw_kafka_section_texts_equal(const char *a, const char *b);
static bool vsw_kafka_section_bools_equal(const bool *a, const bool *b);


static const cyaml_strval_t vsw_kafka_bool_values[] = {
    { "false", false }, { "no", false }, { "off", false },
    { "true", true },   { "yes", true }, { "on", true },
};

static const cyaml_strval_t vsw_kafka_sasl_values[] = {
    { "none", VSW_KAFKA_SASL_NONE },
    { "plain", VSW_KAFKA_SASL_PLAIN },
    { "scram-sha-256", VSW_KAFKA_SASL_SCRAM_256 },
    { "scram-sha-512", VSW_KAFKA_SASL_SCRAM_512 },
};

static const cyaml_strval_t vsw_kafka_value_values[] = {
    { "jpeg", VSW_KAFKA_VALUE_JPEG },
    { "base64", VSW_KAFKA_VALUE_BASE64 },
    { "json", VSW_KAFKA_VALUE_JSON },
};

static const cyaml_schema_value_t vsw_kafka_broker_schema = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, VSW_KAFKA_TEXT_MAX),
};

static const cyaml_schema_field_t vsw_kafka_frames_fields[] = {
    CYAML_FIELD_ENUM_PTR("send", VSW_OPTIONAL_PTR | CYAML_FLAG_STRICT,
                         vsw_config_kafka_frames_t, send, vsw_kafka_bool_values,
                         CYAML_ARRAY_LEN(vsw_kafka_bool_values)),
    CYAML_FIELD_STRING_PTR("topic", VSW_OPTIONAL_PTR, vsw_config_kafka_frames_t,
                           topic, 1, VSTREAM_KAFKA_TOPIC_MAX),
    CYAML_FIELD_ENUM_PTR(
        "topic_per_camera", VSW_OPTIONAL_PTR | CYAML_FLAG_STRICT,
        vsw_config_kafka_frames_t, topic_per_camera, vsw_kafka_bool_values,
        CYAML_ARRAY_LEN(vsw_kafka_bool_values)),
    CYAML_FIELD_ENUM_PTR("value", VSW_OPTIONAL_PTR | CYAML_FLAG_STRICT,
                         vsw_config_kafka_frames_t, value,
                         vsw_kafka_value_values,
                         CYAML_ARRAY_LEN(vsw_kafka_value_values)),
    CYAML_FIELD_UINT("timeout_ms", VSW_OPTIONAL, vsw_config_kafka_frames_t,
                     timeout_ms),
    CYAML_FIELD_UINT("queue_messages", VSW_OPTIONAL, vsw_config_kafka_frames_t,
                     queue_messages),
    CYAML_FIELD_UINT("queue_mb", VSW_OPTIONAL, vsw_config_kafka_frames_t,
                     queue_mb),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t vsw_kafka_topics_fields[] = {
    CYAML_FIELD_ENUM_PTR("create", VSW_OPTIONAL_PTR | CYAML_FLAG_STRICT,
                         vsw_config_kafka_topics_t, create,
                         vsw_kafka_bool_values,
                         CYAML_ARRAY_LEN(vsw_kafka_bool_values)),
    CYAML_FIELD_UINT("partitions", VSW_OPTIONAL, vsw_config_kafka_topics_t,
                     partitions),
    CYAML_FIELD_UINT("replicas", VSW_OPTIONAL, vsw_config_kafka_topics_t,
                     replicas),
    CYAML_FIELD_UINT("retention_ms", VSW_OPTIONAL, vsw_config_kafka_topics_t,
                     retention_ms),
    CYAML_FIELD_END,
};

const cyaml_schema_field_t vsw_kafka_section_fields[] = {
    CYAML_FIELD_SEQUENCE("brokers", VSW_OPTIONAL_PTR, vsw_config_kafka_t,
                         client.brokers, &vsw_kafka_broker_schema, 0,
                         VSW_KAFKA_BROKERS_MAX),
    CYAML_FIELD_STRING_PTR("client_id", VSW_OPTIONAL_PTR, vsw_config_kafka_t,
                           client.client_id, 1, VSW_KAFKA_CLIENT_ID_MAX),
    CYAML_FIELD_ENUM_PTR("tls", VSW_OPTIONAL_PTR | CYAML_FLAG_STRICT,
                         vsw_config_kafka_t, client.tls, vsw_kafka_bool_values,
                         CYAML_ARRAY_LEN(vsw_kafka_bool_values)),
    CYAML_FIELD_STRING_PTR("ca_file", VSW_OPTIONAL_PTR, vsw_config_kafka_t,
                           client.ca_file, 1, VSW_KAFKA_TEXT_MAX),
    CYAML_FIELD_STRING_PTR("cert_file", VSW_OPTIONAL_PTR, vsw_config_kafka_t,
                           client.cert_file, 1, VSW_KAFKA_TEXT_MAX),
    CYAML_FIELD_STRING_PTR("key_file", VSW_OPTIONAL_PTR, vsw_config_kafka_t,
                           client.key_file, 1, VSW_KAFKA_TEXT_MAX),
    CYAML_FIELD_STRING_PTR("key_password_file", VSW_OPTIONAL_PTR,
                           vsw_config_kafka_t, client.key_password_file, 1,
                           VSW_KAFKA_TEXT_MAX),
    CYAML_FIELD_ENUM_PTR("sasl", VSW_OPTIONAL_PTR | CYAML_FLAG_STRICT,
                         vsw_config_kafka_t, client.sasl, vsw_kafka_sasl_values,
                         CYAML_ARRAY_LEN(vsw_kafka_sasl_values)),
    CYAML_FIELD_STRING_PTR("user", VSW_OPTIONAL_PTR, vsw_config_kafka_t,
                           client.user, 1, VSW_KAFKA_TEXT_MAX),
    CYAML_FIELD_STRING_PTR("password_file", VSW_OPTIONAL_PTR,
                           vsw_config_kafka_t, client.password_file, 1,
                           VSW_KAFKA_TEXT_MAX),
    CYAML_FIELD_MAPPING("frames", VSW_OPTIONAL, vsw_config_kafka_t, frames,
                        vsw_kafka_frames_fields),
    CYAML_FIELD_MAPPING("topics", VSW_OPTIONAL, vsw_config_kafka_t, topics,
                        vsw_kafka_topics_fields),
    CYAML_FIELD_END,
};


int
vsw_kafka_section_defaults(vsw_config_kafka_t *kafka, const char *replica)
{
    vsw_config_kafka_frames_t *frames = &kafka->frames;
    vsw_config_kafka_topics_t *topics = &kafka->topics;

    vsw_kafka_section_number(&frames->timeout_ms, VSW_KAFKA_TIMEOUT_MS);
    vsw_kafka_section_number(&frames->queue_messages, VSW_KAFKA_MESSAGES);
    vsw_kafka_section_number(&frames->queue_mb, VSW_KAFKA_MB);
    vsw_kafka_section_number(&topics->partitions, VSW_KAFKA_PARTITIONS);
    vsw_kafka_section_number(&topics->retention_ms, VSW_KAFKA_RETENTION_MS);

    if (kafka->frames.value == NULL) {
        kafka->frames.value = calloc(1, sizeof(*kafka->frames.value));
    }

    if (kafka->client.sasl == NULL) {
        kafka->client.sasl = calloc(1, sizeof(*kafka->client.sasl));
    }

    if (frames->value == NULL || kafka->client.sasl == NULL
        || vsw_kafka_section_bool(&kafka->client.tls, false) != 0
        || vsw_kafka_section_bool(&frames->send, true) != 0
        || vsw_kafka_section_bool(&frames->topic_per_camera, false) != 0
        || vsw_kafka_section_bool(&topics->create, false) != 0
        || vsw_kafka_section_text(&frames->topic, VSTREAM_TOPIC_FRAMES) != 0
        || vsw_kafka_section_text(&kafka->client.client_id, replica) != 0)
    {
        return -1;
    }

    return 0;
}


const char *
vsw_kafka_section_check(const vsw_config_kafka_t *kafka, char *path,
                        size_t path_size)
{
    const char *problem;
    char        key[48];

    problem = vsw_kafka_config_check(&kafka->client, key, sizeof(key));
    if (problem != NULL) {
        snprintf(path, path_size, "kafka.%s", key);
        return problem;
    }

    problem = vsw_kafka_section_frames(&kafka->frames, path, path_size);

    return problem != NULL
               ? problem
               : vsw_kafka_section_topics(&kafka->topics, path, path_size);
}


bool
vsw_kafka_section_equals(const vsw_config_kafka_t *a,
                         const vsw_config_kafka_t *b)
{
    return vsw_kafka_section_client_equals(&a->client, &b->client)
           && vsw_kafka_section_bools_equal(a->frames.send, b->frames.send)
           && vsw_kafka_section_texts_equal(a->frames.topic, b->frames.topic)
           && vsw_kafka_section_bools_equal(a->frames.topic_per_camera,
                                            b->frames.topic_per_camera)
           && *a->frames.value == *b->frames.value
           && a->frames.timeout_ms == b->frames.timeout_ms
           && a->frames.queue_messages == b->frames.queue_messages
           && a->frames.queue_mb == b->frames.queue_mb
           && vsw_kafka_section_bools_equal(a->topics.create, b->topics.create)
           && a->topics.partitions == b->topics.partitions
           && a->topics.replicas == b->topics.replicas
           && a->topics.retention_ms == b->topics.retention_ms;
}


bool
vsw_kafka_section_sends(const vsw_config_kafka_t *kafka)
{
    return kafka->client.brokers_count > 0 && *kafka->frames.send;
}


static int
vsw_kafka_section_bool(bool **value, bool otherwise)
{
    if (*value == NULL) {
        *value = calloc(1, sizeof(**value));
        if (*value == NULL) {
            return -1;
        }
        **value = otherwise;
    }

    return 0;
}


static int
vsw_kafka_section_text(char **text, const char *otherwise)
{
    if (*text == NULL) {
        *text = strdup(otherwise);
    }

    return *text == NULL ? -1 : 0;
}


static void
vsw_kafka_section_number(uint32_t *value, uint32_t otherwise)
{
    if (*value == 0) {
        *value = otherwise;
    }
}


static bool
vsw_kafka_section_is_within(uint32_t value, uint32_t least, uint32_t most)
{
    return value >= least && value <= most;
}


static const char *
vsw_kafka_section_frames(const vsw_config_kafka_frames_t *frames, char *path,
                         size_t path_size)
{
    if (vstream_kafka_topic_check(
            (vstream_slice_t) { frames->topic, strlen(frames->topic) })
        != VSTREAM_OK)
    {
        snprintf(path, path_size, "kafka.frames.topic");
        return "must be 1 to 249 of letters, digits, dot, dash and underscore";
    }

    if (!vsw_kafka_section_is_within(frames->timeout_ms, 100,
                                     VSW_KAFKA_TIMEOUT_MS)) {
        snprintf(path, path_size, "kafka.frames.timeout_ms");
        return "must be a number from 100 to 2000";
    }

    if (!vsw_kafka_section_is_within(frames->queue_messages, 1, 100000)) {
        snprintf(path, path_size, "kafka.frames.queue_messages");
        return "must be a number from 1 to 100000";
    }

    if (!vsw_kafka_section_is_within(frames->queue_mb, 1, 2047)) {
        snprintf(path, path_size, "kafka.frames.queue_mb");
        return "must be a number from 1 to 2047";
    }

    return NULL;
}


static const char *
vsw_kafka_section_topics(const vsw_config_kafka_topics_t *topics, char *path,
                         size_t path_size)
{
    if (!vsw_kafka_section_is_within(topics->partitions, 1, 1000)) {
        snprintf(path, path_size, "kafka.topics.partitions");
        return "must be a number from 1 to 1000";
    }

    if (topics->replicas > 16) {
        snprintf(path, path_size, "kafka.topics.replicas");
        return "must be a number from 0 to 16";
    }

    if (topics->retention_ms < 60000) {
        snprintf(path, path_size, "kafka.topics.retention_ms");
        return "must be a number from 60000";
    }

    return NULL;
}


static bool
vsw_kafka_section_client_equals(const vsw_kafka_config_t *a,
                                const vsw_kafka_config_t *b)
{
    uint32_t i;

    if (a->brokers_count != b->brokers_count || *a->sasl != *b->sasl
        || !vsw_kafka_section_bools_equal(a->tls, b->tls)
        || !vsw_kafka_section_texts_equal(a->client_id, b->client_id)
        || !vsw_kafka_section_texts_equal(a->ca_file, b->ca_file)
        || !vsw_kafka_section_texts_equal(a->cert_file, b->cert_file)
        || !vsw_kafka_section_texts_equal(a->key_file, b->key_file)
        || !vsw_kafka_section_texts_equal(a->key_password_file,
                                          b->key_password_file)
        || !vsw_kafka_section_texts_equal(a->user, b->user)
        || !vsw_kafka_section_texts_equal(a->password_file, b->password_file))
    {
        return false;
    }

    for (i = 0; i < a->brokers_count; i++) {
        if (strcmp(a->brokers[i], b->brokers[i]) != 0) {
            return false;
        }
    }

    return true;
}


static bool
vsw_kafka_section_texts_equal(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}


static bool
vsw_kafka_section_bools_equal(const bool *a, const bool *b)
{
    return *a == *b;
}
