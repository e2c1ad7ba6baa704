/*
 * The topics that frames go to: whether each is there, and their creation
 * where that is wanted.  A topic is not touched before a broker has said that
 * it exists, since brokers make topics of their own liking of any name that
 * they hear.  The same questions, asked again and again, tell whether Kafka is
 * there at all.
 */

#ifndef VSW_FRAME_TOPICS_H
#define VSW_FRAME_TOPICS_H

#include <stdbool.h>
#include <stdint.h>

#include "vsw_kafka.h"
#include "vsw_kafka_section.h"
#include "vstream_kafka.h"

#define VSW_FRAME_TOPICS_CHECK_MS 5000 /* while all is well */
#define VSW_FRAME_TOPICS_RETRY_MS 1000 /* while it is not */
#define VSW_FRAME_TOPICS_WAIT_MS  2000 /* for an answer */
#define VSW_FRAME_TOPICS_AWAY_MS  3000 /* while Kafka is away */
#define VSW_FRAME_TOPICS_BRIEF_MS 500  /* for an answer, then */
#define VSW_FRAME_TOPICS_STEP     100  /* topics in one question */

/* A JPEG of the largest size, as base64 in JSON. */
#define VSW_KAFKA_MESSAGE_MAX (12 * 1024 * 1024)

/* Frames that travel together; a topic that takes less refuses them all. */
#define VSW_KAFKA_BATCH_MAX 1000000


typedef enum {
    VSW_FRAME_TOPIC_UNKNOWN = 0,
    VSW_FRAME_TOPIC_THERE,
    VSW_FRAME_TOPIC_MISSING,
} vsw_frame_topic_state_t;

typedef struct vsw_frame_topic_s vsw_frame_topic_t;

struct vsw_frame_topic_s {
    vsw_frame_topic_t      *next;
    char                    name[VSTREAM_KAFKA_TOPIC_MAX + 1];
    unsigned                users; /* cameras */
    vsw_frame_topic_state_t state;
    rd_kafka_topic_t       *handle; /* NULL until it was there once */
    int64_t                 asked_ms;
    int64_t                 check_ms;  /* when to ask again */
    bool                    is_wanted; /* a frame has come for it */
    bool                    is_told;   /* people know that it is missing */
};

typedef struct {
    vsw_kafka_t                     *kafka;
    const vsw_config_kafka_topics_t *config;
    vsw_frame_topic_t               *list;
    unsigned                         answers; /* that are due */
} vsw_frame_topics_t;


/* What is pointed to must outlive it. */
void vsw_frame_topics_init(vsw_frame_topics_t              *topics,
                           const vsw_config_kafka_topics_t *config);

/* From now on there is a client. */
void vsw_frame_topics_connect(vsw_frame_topics_t *topics, vsw_kafka_t *kafka);

void vsw_frame_topics_clear(vsw_frame_topics_t *topics);

/* One more camera for a topic.  NULL: out of memory. */
vsw_frame_topic_t *vsw_frame_topics_join(vsw_frame_topics_t *topics,
                                         vstream_slice_t     name);
void               vsw_frame_topics_leave(vsw_frame_topics_t *topics,
                                          vsw_frame_topic_t  *topic);

/* To be called every 50 ms or so. */
void vsw_frame_topics_tick(vsw_frame_topics_t *topics, int64_t now_ms);

/* A frame is there for it. */
void vsw_frame_topics_want(vsw_frame_topic_t *topic);

/* Somebody has heard that it does not exist, or has waited in vain. */
void vsw_frame_topics_doubt(vsw_frame_topic_t *topic);

/* An event of the client's that is not a delivery report. */
void vsw_frame_topics_event(vsw_frame_topics_t *topics,
                            rd_kafka_event_t   *event);

/* Of those that frames came for. */
unsigned vsw_frame_topics_missing(const vsw_frame_topics_t *topics);


#endif /* VSW_FRAME_TOPICS_H */
