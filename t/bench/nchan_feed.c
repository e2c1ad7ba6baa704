/*
 * Publishes one picture over and over, at an exact pace, to Nchan: as parts of
 * a stream of MJPEG, which its raw subscribers get as they are.
 *
 *     nchan_feed [-f FPS] PORT JPEG
 *
 * It ends when Nchan does, or when it is told to.
 */

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define TEXT_MAX 512

static char  *jpeg;
static size_t jpeg_length;
static int    nchan;


static void
die(const char *what)
{
    perror(what);
    exit(1);
}


static void
jpeg_read(const char *path)
{
    FILE *file = fopen(path, "rb");

    jpeg = malloc(1 << 20);
    if (file == NULL || jpeg == NULL
        || (jpeg_length = fread(jpeg, 1, 1 << 20, file)) == 0)
    {
        die(path);
    }
    fclose(file);
}


static void
nchan_connect(int port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons((uint16_t) port) };

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    nchan = socket(AF_INET, SOCK_STREAM, 0);

    if (nchan < 0
        || connect(nchan, (struct sockaddr *) &address, sizeof(address)) != 0)
    {
        die("nchan");
    }
}


/* All of it; what Nchan has answered meanwhile is of no interest. */
static void
nchan_write(const char *head, const char *end)
{
    char    answers[1 << 14];
    size_t  length = strlen(head) + jpeg_length + strlen(end), sent = 0;
    char   *bytes = malloc(length);
    ssize_t n;

    if (bytes == NULL) {
        die("memory");
    }
    memcpy(bytes, head, strlen(head));
    memcpy(bytes + strlen(head), jpeg, jpeg_length);
    memcpy(bytes + length - strlen(end), end, strlen(end));

    while (sent < length) {
        n = send(nchan, bytes + sent, length - sent, MSG_NOSIGNAL);
        if (n < 0) {
            exit(0);
        }
        sent += (size_t) n;
    }
    free(bytes);

    while (recv(nchan, answers, sizeof(answers), MSG_DONTWAIT) > 0) {
    }
}


static void
publish(uint64_t seq)
{
    char            part[TEXT_MAX], head[2 * TEXT_MAX];
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    snprintf(part, sizeof(part),
             "--nchan\r\nContent-Type: image/jpeg\r\nContent-Length: %zu\r\n"
             "X-Timestamp: %ld.%06ld\r\nX-Frame-Seq: %lu\r\n\r\n",
             jpeg_length, (long) ts.tv_sec, ts.tv_nsec / 1000,
             (unsigned long) seq);
    snprintf(head, sizeof(head),
             "POST /publish HTTP/1.1\r\nHost: 127.0.0.1\r\n"
             "Content-Type: application/octet-stream\r\n"
             "Content-Length: %zu\r\n\r\n%s",
             strlen(part) + jpeg_length + 2, part);
    nchan_write(head, "\r\n");
}


int
main(int argc, char **argv)
{
    struct timespec next;
    uint64_t        seq;
    double          fps = 30;
    int             letter;

    while ((letter = getopt(argc, argv, "f:")) > 0) {
        fps = letter == 'f' ? strtod(optarg, NULL) : 0;
    }
    if (argc - optind != 2 || fps <= 0) {
        fprintf(stderr, "nchan_feed [-f FPS] PORT JPEG\n");
        return 2;
    }

    jpeg_read(argv[optind + 1]);
    nchan_connect((int) strtol(argv[optind], NULL, 10));
    clock_gettime(CLOCK_MONOTONIC, &next);

    for (seq = 1;; seq++) {
        publish(seq);
        next.tv_nsec += (long) (1e9 / fps);
        next.tv_sec += next.tv_nsec / 1000000000;
        next.tv_nsec %= 1000000000;
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
    }
}
