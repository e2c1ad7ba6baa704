/*
 * When frames of a camera come out of Redis, to one that is subscribed as an
 * nginx worker is, and when they had been made and taken:
 *
 *     frame_times -p PORT -a PASSWORD -n CHANNEL -d SECONDS
 *
 * A line for each frame at the end: "EPOCH SEQ TAKEN MADE CAME", the last three
 * in microseconds of Unix.  MADE is what the picture says by itself (a comment
 * of http_camera --clock); 0: nothing.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <hiredis/hiredis.h>

#define FRAMES_MAX 65536


typedef struct {
    unsigned long long epoch, seq, taken, made, came;
} frame_t;

static frame_t frames[FRAMES_MAX];
static size_t  count;


static unsigned long long
now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);

    return (unsigned long long) ts.tv_sec * 1000000
           + (unsigned long long) ts.tv_nsec / 1000;
}


static void
fail(const char *what)
{
    fprintf(stderr, "frame_times: %s\n", what);
    exit(1);
}


/* What the comment at the start of a picture says. */
static unsigned long long
picture_made(const char *jpeg, size_t size)
{
    char text[32] = "";

    if (size < 28 || memcmp(jpeg, "\xff\xd8\xff\xfe", 4) != 0
        || memcmp(jpeg + 6, "clock ", 6) != 0)
    {
        return 0;
    }
    memcpy(text, jpeg + 12, 16);

    return strtoull(text, NULL, 10);
}


/* A message is a line, and the picture. */
static void
frame_add(const char *message, size_t size)
{
    frame_t    *frame = &frames[count];
    const char *end = memchr(message, '\n', size);
    char       *rest = NULL;

    if (end == NULL) {
        fail("no frame");
    }

    frame->came = now_us();
    frame->epoch = strtoull(message, &rest, 10);
    frame->seq = strtoull(rest, &rest, 10);
    frame->taken = strtoull(rest, NULL, 10);
    end++;
    frame->made = picture_made(end, size - (size_t) (end - message));
    count++;
}


static redisContext *
subscribed(int port, const char *password, const char *channel)
{
    struct timeval patience = { 0, 100000 };
    redisContext  *c = redisConnect("127.0.0.1", port);
    redisReply    *reply;

    if (c == NULL || c->err != 0) {
        fail("no Redis");
    }

    reply = redisCommand(c, "AUTH admin %s", password);
    if (reply == NULL || reply->type == REDIS_REPLY_ERROR) {
        fail("AUTH");
    }
    freeReplyObject(reply);

    redisSetTimeout(c, patience);
    redisAppendCommand(c, "SSUBSCRIBE %s", channel);

    return c;
}


static void
watch(redisContext *c, double seconds)
{
    unsigned long long end = now_us() + (unsigned long long) (seconds * 1e6);
    redisReply        *reply;

    while (now_us() < end && count < FRAMES_MAX) {
        if (redisGetReply(c, (void **) &reply) != REDIS_OK) {
            if (c->err != REDIS_ERR_IO) {
                fail(c->errstr);
            }
            c->err = 0; /* it waited in vain */
            continue;
        }

        if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 3
            && reply->element[2]->type == REDIS_REPLY_STRING)
        {
            frame_add(reply->element[2]->str, reply->element[2]->len);
        }
        freeReplyObject(reply);
    }
}


int
main(int argc, char **argv)
{
    const char *password = "", *channel = NULL;
    double      seconds = 1;
    size_t      i;
    int         letter, port = 0;

    while ((letter = getopt(argc, argv, "p:a:n:d:")) > 0) {
        switch (letter) {
        case 'p':
            port = (int) strtol(optarg, NULL, 10);
            break;
        case 'a':
            password = optarg;
            break;
        case 'n':
            channel = optarg;
            break;
        case 'd':
            seconds = strtod(optarg, NULL);
            break;
        default:
            channel = NULL;
            optind = argc;
        }
    }

    if (port == 0 || channel == NULL) {
        fail("-p PORT -a PASSWORD -n CHANNEL -d SECONDS");
    }

    watch(subscribed(port, password, channel), seconds);
    for (i = 0; i < count; i++) {
        printf("%llu %llu %llu %llu %llu\n", frames[i].epoch, frames[i].seq,
               frames[i].taken, frames[i].made, frames[i].came);
    }

    return 0;
}
