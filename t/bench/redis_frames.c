/*
 * Frames through Redis with nothing around them: one publisher, and readers
 * that are each subscribed to all channels, as nginx workers are.
 *
 *     redis_frames -p PORT -f FILE [-a PASSWORD] [-c CHANNELS] [-n NAME]
 *                  [-r FRAMES/S] [-w READERS] [-d SECONDS]
 *
 * The file's bytes are the frame; its first eight become the time at which it
 * was published.  With -r 0 it only reads what others publish, to channels of
 * NAME, a text with "%d" in it, in its sharded kind.  One line of JSON says
 * what was seen.
 */

#include "load.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>

#include <hiredis/hiredis.h>

#define READERS_MAX  16
#define PASSWORD_MAX 128
#define CHANNEL_MAX  96
#define IN_FLIGHT    8  /* frames that the publisher does not wait for */
#define STEPS        32 /* of a histogram, for each doubling */
#define BINS         (STEPS * 32)


typedef struct {
    pthread_t thread;
    long      frames;
    long      ages[BINS]; /* by the logarithm of microseconds */
} reader_t;

static struct {
    const char *password, *file, *name;
    int         port, channels, readers;
    double      rate, seconds;
} options = {
    .name = "frame:%d", .channels = 10, .readers = 2, .rate = 300, .seconds = 4
};

static reader_t    readers[READERS_MAX];
static long        published;
static atomic_bool is_warm, is_over;


static void
fail(const char *what, const redisContext *c)
{
    fprintf(stderr, "redis_frames: %s: %s\n", what,
            c != NULL ? c->errstr : "no memory");
    exit(1);
}


static redisContext *
connection(void)
{
    redisReply    *reply;
    redisContext  *c = redisConnect("127.0.0.1", options.port);
    struct timeval patience = { 0, 200000 };

    if (c == NULL || c->err != 0) {
        fail("connect", c);
    }

    if (options.password != NULL) {
        reply = redisCommand(c, "AUTH admin %s", options.password);
        if (reply == NULL || reply->type == REDIS_REPLY_ERROR) {
            fail("AUTH", c);
        }
        freeReplyObject(reply);
    }

    redisSetTimeout(c, patience);

    return c;
}


static void
subscribe(redisContext *c)
{
    char name[CHANNEL_MAX];
    int  i;

    for (i = 0; i < options.channels; i++) {
        snprintf(name, sizeof(name), options.name, i);
        redisAppendCommand(c, "%s %s",
                           options.rate > 0 ? "SUBSCRIBE" : "SSUBSCRIBE", name);
    }
}


static void
reader_count(reader_t *r, const char *bytes)
{
    double sent, age_us;
    int    bin;

    if (!is_warm) {
        return;
    }

    r->frames++;
    if (options.rate == 0) {
        return;
    }

    memcpy(&sent, bytes, sizeof(sent));
    age_us = (load_now() - sent) * 1e6;
    bin = age_us > 1 ? (int) (log2(age_us) * STEPS) : 0;
    r->ages[bin < BINS ? bin : BINS - 1]++;
}


static bool
is_message(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_ARRAY && reply->elements == 3
           && reply->element[2]->type == REDIS_REPLY_STRING
           && reply->element[2]->len >= sizeof(double);
}


static void *
reader_main(void *data)
{
    reader_t     *r = data;
    redisReply   *reply;
    redisContext *c = connection();

    subscribe(c);

    while (!is_over) {
        if (redisGetReply(c, (void **) &reply) != REDIS_OK) {
            if (c->err != REDIS_ERR_IO) {
                fail("a reader", c);
            }
            c->err = 0; /* it waited in vain */
            continue;
        }

        if (is_message(reply)) {
            reader_count(r, reply->element[2]->str);
        }
        freeReplyObject(reply);
    }

    return NULL;
}


/* Sends all that is to be sent, and takes answers where many are due. */
static void
publisher_flush(redisContext *c, int *in_flight)
{
    int         is_done = 0;
    redisReply *reply;

    while (!is_done) {
        if (redisBufferWrite(c, &is_done) != REDIS_OK) {
            fail("the publisher", c);
        }
    }

    for (; *in_flight >= IN_FLIGHT; (*in_flight)--) {
        if (redisGetReply(c, (void **) &reply) != REDIS_OK) {
            fail("the publisher", c);
        }
        freeReplyObject(reply);
    }
}


static void
sleep_until(double when)
{
    double left = when - load_now();

    if (left > 0) {
        usleep((useconds_t) (left * 1e6));
    }
}


static void *
publisher_main(void *data)
{
    char          name[CHANNEL_MAX];
    long          n;
    double        now, start = load_now();
    int           in_flight = 0;
    redisContext *c = connection();

    (void) data;

    for (n = 0; !is_over; n++) {
        sleep_until(start + (double) n / options.rate);
        now = load_now();
        memcpy(load.bytes, &now, sizeof(now));

        snprintf(name, sizeof(name), options.name,
                 (int) (n % options.channels));
        redisAppendCommand(c, "PUBLISH %s %b", name, load.bytes,
                           (size_t) load.size);
        in_flight++;
        publisher_flush(c, &in_flight);
        published += is_warm;
    }

    return NULL;
}


/* Of all readers' ages, in microseconds. */
static double
quantile(double q)
{
    long all = 0, sum = 0;
    int  bin, i;

    for (i = 0; i < options.readers; i++) {
        all += readers[i].frames;
    }

    for (bin = 0; bin < BINS && all > 0; bin++) {
        for (i = 0; i < options.readers; i++) {
            sum += readers[i].ages[bin];
        }

        if ((double) sum >= q * (double) all) {
            return exp2((bin + .5) / STEPS);
        }
    }

    return 0;
}


static void
print(double seconds)
{
    long least = readers[0].frames, most = least;
    int  i;

    for (i = 1; i < options.readers; i++) {
        least = readers[i].frames < least ? readers[i].frames : least;
        most = readers[i].frames > most ? readers[i].frames : most;
    }

    printf("{\"bytes\":%d,\"published\":%.1f,\"delivered\":%.1f,"
           "\"delivered_most\":%.1f,\"p50_us\":%.1f,\"p99_us\":%.1f}\n",
           load.size, (double) published / seconds, (double) least / seconds,
           (double) most / seconds, quantile(.5), quantile(.99));
}


static void
options_read(int argc, char **argv)
{
    int letter;

    while ((letter = getopt(argc, argv, "a:p:f:n:c:r:w:d:")) > 0) {
        switch (letter) {
        case 'a':
            options.password = optarg;
            break;
        case 'p':
            options.port = (int) strtol(optarg, NULL, 10);
            break;
        case 'f':
            options.file = optarg;
            break;
        case 'n':
            options.name = optarg;
            break;
        case 'c':
            options.channels = (int) strtol(optarg, NULL, 10);
            break;
        case 'r':
            options.rate = strtod(optarg, NULL);
            break;
        case 'w':
            options.readers = (int) strtol(optarg, NULL, 10);
            break;
        case 'd':
            options.seconds = strtod(optarg, NULL);
            break;
        default:
            exit(2);
        }
    }

    if (options.port == 0 || options.file == NULL || options.channels < 1
        || options.readers < 1 || options.readers > READERS_MAX)
    {
        fprintf(stderr, "redis_frames: see its head\n");
        exit(2);
    }
}


int
main(int argc, char **argv)
{
    pthread_t publisher;
    double    began;
    int       i;

    options_read(argc, argv);
    load.file = options.file;
    load_file();

    for (i = 0; i < options.readers; i++) {
        pthread_create(&readers[i].thread, NULL, reader_main, &readers[i]);
    }

    if (options.rate > 0) {
        usleep(200000); /* the readers are there */
        pthread_create(&publisher, NULL, publisher_main, NULL);
    }

    usleep((useconds_t) (LOAD_WARM_SECONDS * 1e6));
    began = load_now();
    is_warm = true;
    usleep((useconds_t) (options.seconds * 1e6));
    is_warm = false;
    print(load_now() - began);
    fflush(stdout);
    _exit(0);
}
