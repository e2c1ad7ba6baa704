/*
 * The section `kafka:` of the configuration file, see vsw_ingest_config.h:
 * how Kafka is reached, what of our frames it gets, and in which topics.
 */

#ifndef VSW_KAFKA_SECTION_H
#define VSW_KAFKA_SECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cyaml/cyaml.h>

#include "vsw_kafka_config.h"

#define VSW_KAFKA_TIMEOUT_MS   2000
#define VSW_KAFKA_MESSAGES     2048
#define VSW_KAFKA_MB           128
#define VSW_KAFKA_PARTITIONS   6
#define VSW_KAFKA_RETENTION_MS 3600000


/* What the value of a message is. */
typedef enum {
    VSW_KAFKA_VALUE_JPEG = 0,
    VSW_KAFKA_VALUE_BASE64, /* of the JPEG */
    VSW_KAFKA_VALUE_JSON,   /* {frame, timestamp, camera_id, frame_number} */
} vsw_kafka_value_t;

typedef struct {
    bool              *send;
    char              *topic;
    bool              *topic_per_camera; /* camera-<id>, instead of `topic` */
    vsw_kafka_value_t *value;
    uint32_t           timeout_ms;     /* then a frame is given up */
    uint32_t           queue_messages; /* in librdkafka, of all cameras */
    uint32_t           queue_mb;
} vsw_config_kafka_frames_t;

/* Topics that are not there are made; 0 replicas: as the broker likes. */
typedef struct {
    bool    *create;
    uint32_t partitions;
    uint32_t replicas;
    uint32_t retention_ms;
} vsw_config_kafka_topics_t;

typedef struct {
    vsw_kafka_config_t        client;
    vsw_config_kafka_frames_t frames;
    vsw_config_kafka_topics_t topics;
} vsw_config_kafka_t;


extern const cyaml_schema_field_t vsw_kafka_section_fields[];

/* 0, or -1 if there is no memory.  `replica` names us to the brokers. */
int vsw_kafka_section_defaults(vsw_config_kafka_t *kafka, const char *replica);

/* As vsw_ingest_config_check(): NULL, or what is wrong at *path. */
const char *vsw_kafka_section_check(const vsw_config_kafka_t *kafka, char *path,
                                    size_t path_size);

bool vsw_kafka_section_equals(const vsw_config_kafka_t *a,
                              const vsw_config_kafka_t *b);

/* Frames go to Kafka. */
bool vsw_kafka_section_sends(const vsw_config_kafka_t *kafka);


#endif /* VSW_KAFKA_SECTION_H */
