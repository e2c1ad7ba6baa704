/*
 * Reads frames of vstream from Kafka, and says what came:
 *
 *     cc -o frames frames.c -lrdkafka
 *     ./frames BROKERS [TOPIC [COUNT]]
 *
 * Reads until Ctrl-C, or COUNT frames.  What is not as the schemas say is told
 * on standard error, and the end's status is 1.
 */

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>

static volatile sig_atomic_t stopped;


static void
stop(int signal_number)
{
    (void) signal_number;
    stopped = 1;
}


/* A header's text, which librdkafka ends with a zero; "": there is none. */
static const char *
header(const rd_kafka_message_t *message, const char *name)
{
    rd_kafka_headers_t *headers;
    const void         *value;
    size_t              size;

    if (rd_kafka_message_headers(message, &headers) != 0
        || rd_kafka_header_get_last(headers, name, &value, &size) != 0)
    {
        return "";
    }

    return value;
}


/* What is wrong with a frame; NULL: nothing. */
static const char *
fault(const rd_kafka_message_t *message)
{
    const unsigned char *jpeg = message->payload;
    size_t               size = message->len;
    char                 id[256];

    if (strcmp(header(message, "ce_specversion"), "1.0") != 0
        || strcmp(header(message, "ce_type"), "vstream.frame.v1") != 0)
    {
        return "no frame of vstream";
    }

    snprintf(id, sizeof(id), "%.*s/%s/%s", (int) message->key_len,
             (const char *) message->key, header(message, "epoch"),
             header(message, "seq"));
    if (strcmp(header(message, "ce_id"), id) != 0) {
        return "key, epoch and seq are not those of its id";
    }

    if (strcmp(header(message, "content-type"), "image/jpeg") != 0) {
        return "not sent as a plain JPEG";
    }

    if (size < 4 || memcmp(jpeg, "\xff\xd8", 2) != 0
        || memcmp(jpeg + size - 2, "\xff\xd9", 2) != 0)
    {
        return "not a whole JPEG";
    }

    return NULL;
}


/* Whether it was a frame as it should be. */
static bool
show(const rd_kafka_message_t *message)
{
    const char *why;

    if (message->err) {
        fprintf(stderr, "%s\n", rd_kafka_message_errstr(message));
        return false;
    }

    why = fault(message);
    if (why != NULL) {
        fprintf(stderr, "partition %d, offset %lld: %s\n",
                (int) message->partition, (long long) message->offset, why);
        return false;
    }

    printf("%.*s %s %sx%s %zu %s\n", (int) message->key_len,
           (const char *) message->key, header(message, "seq"),
           header(message, "width"), header(message, "height"), message->len,
           header(message, "ce_time"));
    fflush(stdout);

    return true;
}


static rd_kafka_t *
consumer_create(const char *brokers)
{
    const char *settings[][2] = { { "bootstrap.servers", brokers },
                                  { "group.id", "vstream-example-c" },
                                  { "auto.offset.reset", "latest" },
                                  { "enable.auto.commit", "false" } };

    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_t      *consumer;
    char             error[512];
    size_t           i;

    for (i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        if (rd_kafka_conf_set(conf, settings[i][0], settings[i][1], error,
                              sizeof(error))
            != RD_KAFKA_CONF_OK)
        {
            fprintf(stderr, "%s\n", error);
            exit(2);
        }
    }

    consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, error, sizeof(error));
    if (consumer == NULL) {
        fprintf(stderr, "%s\n", error);
        exit(2);
    }

    return consumer;
}


int
main(int argc, char **argv)
{
    const char                      *topic = "vstream.frames.v1";
    long                             count = -1;
    int                              wrong = 0;
    rd_kafka_t                      *consumer;
    rd_kafka_message_t              *message;
    rd_kafka_topic_partition_list_t *topics;

    if (argc < 2) {
        fprintf(stderr, "frames BROKERS [TOPIC [COUNT]]\n");
        return 2;
    }

    topic = argc > 2 ? argv[2] : topic;
    count = argc > 3 ? strtol(argv[3], NULL, 10) : count;
    signal(SIGINT, stop);

    consumer = consumer_create(argv[1]);
    topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, topic, RD_KAFKA_PARTITION_UA);
    rd_kafka_poll_set_consumer(consumer);
    rd_kafka_subscribe(consumer, topics);
    rd_kafka_topic_partition_list_destroy(topics);

    while (!stopped && count != 0) {
        message = rd_kafka_consumer_poll(consumer, 250);
        if (message == NULL) {
            continue;
        }

        if (!show(message)) {
            wrong = 1;
        } else if (count > 0) {
            count--;
        }
        rd_kafka_message_destroy(message);
    }

    rd_kafka_consumer_close(consumer);
    rd_kafka_destroy(consumer);

    return wrong;
}
