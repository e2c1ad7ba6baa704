/*
 * The least that it costs to produce frames with librdkafka: its plain call,
 * which copies the bytes, no headers, no slots, reports counted and forgotten.
 * See load.h for the options.
 */

#include "load.h"

#include <unistd.h>

#include <librdkafka/rdkafka.h>


static void
report(rd_kafka_t *kafka, const rd_kafka_message_t *message, void *data)
{
    (void) kafka;
    (void) data;

    if (message->err) {
        seen.failed++;
    } else {
        seen.delivered++;
    }
}


static rd_kafka_t *
producer_create(void)
{
    const char *settings[][2] = { { "bootstrap.servers", load.brokers },
                                  { "acks", "1" },
                                  { "linger.ms", load.linger },
                                  { "compression.type", "none" },
                                  { "partitioner", "murmur2_random" },
                                  { "queue.buffering.max.kbytes", "262144" } };

    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_t      *kafka;
    char             error[512];
    size_t           i;

    for (i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        if (rd_kafka_conf_set(conf, settings[i][0], settings[i][1], error,
                              sizeof(error))
            != RD_KAFKA_CONF_OK)
        {
            fprintf(stderr, "%s\n", error);
            exit(1);
        }
    }

    rd_kafka_conf_set_dr_msg_cb(conf, report);
    kafka = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
    if (kafka == NULL) {
        fprintf(stderr, "%s\n", error);
        exit(1);
    }

    return kafka;
}


int
main(int argc, char **argv)
{
    rd_kafka_topic_t *topic;
    rd_kafka_t       *kafka;
    double            started, now, due;
    char              key[32];
    long              n = 0;
    int               length;

    load_options(argc, argv);
    kafka = producer_create();
    topic = rd_kafka_topic_new(kafka, load.topic, NULL);
    started = load_now();

    while (!load_is_over(started)) {
        due = started + (double) n / load.rate;
        now = load_now();
        if (due > now) {
            rd_kafka_poll(kafka, 0);
            usleep((useconds_t) ((due - now) * 1e6));
            continue;
        }

        length = snprintf(key, sizeof(key), "camera-%ld", n % load.cameras);
        now = load_now();
        if (rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY,
                             load.bytes, (size_t) load.size, key,
                             (size_t) length, NULL)
            != 0)
        {
            seen.failed++;
        }
        load_called(now);
        rd_kafka_poll(kafka, 0);
        n++;
    }

    load_print();
    _exit(0);
}
