/*
 * Cameras that push one JPEG again and again, as vstream-ingest pushes those
 * of cameras that are watched, at next to no cost of their own:
 *
 *     redis_feed -p PORT -a PASSWORD [-f FPS] [-n CAMERAS] JPEG
 *
 * Camera c1 to cN, of Redis's user admin.  Their pictures are spread evenly
 * over time.  Each has a still and a status that are renewed twice a second,
 * so that snapshots find a fresh one, or only once with -q: then what Redis
 * does is for frames alone.  It ends when Redis does, or when it is told to.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define TEXT_MAX 1024

static struct {
    const char *password;
    int         port, cameras, quiet;
    double      fps;
    char       *jpeg;
    size_t      length;
} feed = { .password = "", .cameras = 1, .fps = 30 };

static int     redis;
static int64_t epoch;


static void
die(const char *what)
{
    perror(what);
    exit(1);
}


static int64_t
now_us(clockid_t which)
{
    struct timespec ts;

    clock_gettime(which, &ts);

    return (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}


static void
jpeg_read(const char *path)
{
    long  length;
    FILE *file = fopen(path, "rb");

    if (file == NULL || fseek(file, 0, SEEK_END) != 0
        || (length = ftell(file)) <= 0)
    {
        die(path);
    }

    rewind(file);
    feed.length = (size_t) length;
    feed.jpeg = malloc(feed.length);

    if (feed.jpeg == NULL
        || fread(feed.jpeg, 1, feed.length, file) != feed.length) {
        die(path);
    }

    fclose(file);
}


/* All of it; what Redis has answered meanwhile is of no interest. */
static void
redis_write(struct iovec *iov, int n)
{
    static char replies[65536];
    ssize_t     sent;

    while (n > 0) {
        sent = writev(redis, iov, n);
        if (sent < 0) {
            exit(errno == EPIPE || errno == ECONNRESET ? 0 : 1);
        }

        while (n > 0 && (size_t) sent >= iov->iov_len) {
            sent -= (ssize_t) iov->iov_len;
            iov++;
            n--;
        }

        if (n > 0) {
            iov->iov_base = (char *) iov->iov_base + sent;
            iov->iov_len -= (size_t) sent;
        }
    }

    while (recv(redis, replies, sizeof(replies), MSG_DONTWAIT) > 0) {
    }
}


/* A command of short arguments, separated by spaces. */
static void
redis_say(const char *command)
{
    char         text[2 * TEXT_MAX];
    const char  *word;
    size_t       length, n, words = 1;
    struct iovec iov;

    for (word = command; *word; word++) {
        words += *word == ' ';
    }

    n = (size_t) snprintf(text, sizeof(text), "*%zu\r\n", words);
    for (word = command; words > 0; words--) {
        length = strcspn(word, " ");
        n += (size_t) snprintf(text + n, sizeof(text) - n, "$%zu\r\n%.*s\r\n",
                               length, (int) length, word);
        word += length + 1;
    }

    iov = (struct iovec) { text, n };
    redis_write(&iov, 1);
}


/* `head` is RESP up to the last argument, which is `line` and the JPEG. */
static void
redis_say_jpeg(const char *head, const char *line)
{
    static char  end[] = "\r\n";
    char         text[TEXT_MAX];
    struct iovec iov[3];
    int          n;

    n = snprintf(text, sizeof(text), "%s$%zu\r\n%s", head,
                 strlen(line) + feed.length, line);

    iov[0] = (struct iovec) { text, (size_t) n };
    iov[1] = (struct iovec) { feed.jpeg, feed.length };
    iov[2] = (struct iovec) { end, 2 };
    redis_write(iov, 3);
}


static void
redis_connect(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons((uint16_t) feed.port) };
    char               text[TEXT_MAX];
    int                one = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    redis = socket(AF_INET, SOCK_STREAM, 0);

    if (redis < 0
        || connect(redis, (struct sockaddr *) &address, sizeof(address)) != 0)
    {
        die("redis");
    }

    (void) setsockopt(redis, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    snprintf(text, sizeof(text), "AUTH admin %s", feed.password);
    redis_say(text);
}


static void
push_frame(int camera, int64_t seq)
{
    char head[TEXT_MAX], line[TEXT_MAX], channel[64];
    int  n;

    n = snprintf(channel, sizeof(channel), "vs:{c%d}:frame", camera);
    snprintf(head, sizeof(head), "*3\r\n$8\r\nSPUBLISH\r\n$%d\r\n%s\r\n", n,
             channel);
    snprintf(line, sizeof(line), "%lld %lld %lld 1280 720\n", (long long) epoch,
             (long long) seq, (long long) now_us(CLOCK_REALTIME));
    redis_say_jpeg(head, line);
}


static void
add_still(int camera, int64_t seq)
{
    char    head[TEXT_MAX], key[64], id[64], time[32];
    int     nkey, nid, ntime;
    int64_t now = now_us(CLOCK_REALTIME);

    nkey = snprintf(key, sizeof(key), "vs:{c%d}:still", camera);
    nid = snprintf(id, sizeof(id), "%lld-%lld", (long long) epoch,
                   (long long) seq);
    ntime = snprintf(time, sizeof(time), "%lld", (long long) now);
    snprintf(head, sizeof(head),
             "*13\r\n$4\r\nXADD\r\n$%d\r\n%s\r\n$6\r\nMAXLEN\r\n$1\r\n2\r\n"
             "$%d\r\n%s\r\n$1\r\nt\r\n$%d\r\n%s\r\n$1\r\nw\r\n$4\r\n1280\r\n"
             "$1\r\nh\r\n$3\r\n720\r\n$4\r\njpeg\r\n",
             nkey, key, nid, id, ntime, time);
    redis_say_jpeg(head, "");
}


static void
set_status(int camera)
{
    char text[TEXT_MAX];

    snprintf(text, sizeof(text),
             "HSET vs:{c%d}:status state streaming owner bench epoch %lld "
             "codec mjpeg width 1280 height 720 fps %g heard_unix_us %lld",
             camera, (long long) epoch, feed.fps,
             (long long) now_us(CLOCK_REALTIME));
    redis_say(text);
    snprintf(text, sizeof(text), "PEXPIRE vs:{c%d}:status %d", camera,
             feed.quiet ? 3600000 : 3000);
    redis_say(text);
}


static void
declare(int camera)
{
    char text[TEXT_MAX];

    snprintf(text, sizeof(text),
             "HSET vs:{_}:cameras c%d {\"source\":\"test:\",\"origin\":"
             "\"bench\"}",
             camera);
    redis_say(text);
    add_still(camera, 1);
    set_status(camera);
}


static void
run(void)
{
    int64_t         i, at, next, seq, start = now_us(CLOCK_MONOTONIC);
    int64_t         per_still = (int64_t) (feed.fps / 2);
    double          step = 1e6 / feed.fps / feed.cameras;
    struct timespec ts;
    int             camera;

    per_still = per_still < 1 ? 1 : per_still;

    for (i = 0;; i++) {
        next = start + (int64_t) ((double) i * step);
        at = now_us(CLOCK_MONOTONIC);

        if (at < next) {
            ts = (struct timespec) { next / 1000000, next % 1000000 * 1000 };
            clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);

        } else if (at > next + 1000000) {
            start += at - next; /* what is late is left out */
        }

        camera = 1 + (int) (i % feed.cameras);
        seq = 2 + i / feed.cameras;
        push_frame(camera, seq);

        if (!feed.quiet && (seq + camera) % per_still == 0) {
            add_still(camera, seq);
            set_status(camera);
        }
    }
}


int
main(int argc, char **argv)
{
    int letter, i;

    while ((letter = getopt(argc, argv, "p:a:f:n:q")) > 0) {
        switch (letter) {
        case 'p':
            feed.port = (int) strtol(optarg, NULL, 10);
            break;
        case 'a':
            feed.password = optarg;
            break;
        case 'f':
            feed.fps = strtod(optarg, NULL);
            break;
        case 'n':
            feed.cameras = (int) strtol(optarg, NULL, 10);
            break;
        case 'q':
            feed.quiet = 1;
            break;
        default:
            return 2;
        }
    }

    if (argc - optind != 1 || feed.fps <= 0 || feed.cameras < 1) {
        fprintf(stderr, "redis_feed -p PORT -a PASSWORD [-f FPS] "
                        "[-n CAMERAS] [-q] JPEG\n");
        return 2;
    }

    jpeg_read(argv[optind]);
    redis_connect();
    epoch = now_us(CLOCK_REALTIME) / 1000;

    for (i = 1; i <= feed.cameras; i++) {
        declare(i);
    }

    run();
}
