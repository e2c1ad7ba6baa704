/*
 * Viewers of MJPEG streams that measure how old a picture is when its last
 * byte is here, by X-Timestamp:
 *
 *     mjpeg_age PORT SECONDS VIEWERS PATH...
 *
 * Each path gets that many viewers.  One line of JSON says what was seen.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define VIEWERS_MAX 256
#define HEAD_MAX    4096
#define AGES_MAX    (1 << 22)


typedef struct {
    int    fd;
    char   head[HEAD_MAX];
    size_t head_length;
    size_t left; /* bytes of a picture that are still to come */
    double taken;
} viewer_t;

static viewer_t viewers[VIEWERS_MAX];
static float   *ages; /* milliseconds */
static size_t   count;


static double
now(clockid_t which)
{
    struct timespec ts;

    clock_gettime(which, &ts);

    return (double) ts.tv_sec + (double) ts.tv_nsec * 1e-9;
}


static int
viewer_open(viewer_t *v, int port, const char *path)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons((uint16_t) port) };
    char               request[512];
    int                n;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    n = snprintf(request, sizeof(request),
                 "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", path);

    v->fd = socket(AF_INET, SOCK_STREAM, 0);
    return v->fd < 0
                   || connect(v->fd, (struct sockaddr *) &address,
                              sizeof(address))
                          != 0
                   || write(v->fd, request, (size_t) n) != n
               ? -1
               : 0;
}


/* The value of a field of the head; NULL: it is not there. */
static const char *
field(const viewer_t *v, const char *name)
{
    const char *found = strstr(v->head, name);

    return found == NULL ? NULL : found + strlen(name);
}


static void
picture_end(viewer_t *v)
{
    if (count < AGES_MAX) {
        ages[count++] = (float) ((now(CLOCK_REALTIME) - v->taken) * 1e3);
    }
}


/* Heads are read byte by byte: the answer's, then one for each picture. */
static void
viewer_byte(viewer_t *v, char byte)
{
    const char *length, *time;

    if (v->head_length == HEAD_MAX - 1) {
        fprintf(stderr, "mjpeg_age: no MJPEG\n");
        exit(1);
    }

    v->head[v->head_length++] = byte;
    v->head[v->head_length] = '\0';

    if (v->head_length < 4
        || memcmp(v->head + v->head_length - 4, "\r\n\r\n", 4) != 0)
    {
        return;
    }

    length = field(v, "Content-Length: ");
    time = field(v, "X-Timestamp: ");

    if (length != NULL && time != NULL) {
        v->left = strtoul(length, NULL, 10);
        v->taken = strtod(time, NULL);
    }
    v->head_length = 0;
}


static void
viewer_read(viewer_t *v)
{
    static char bytes[1 << 16];
    ssize_t     n = read(v->fd, bytes, sizeof(bytes));
    ssize_t     i = 0;
    size_t      part;

    if (n <= 0) {
        fprintf(stderr, "mjpeg_age: a stream has ended\n");
        exit(1);
    }

    while (i < n) {
        if (v->left == 0) {
            viewer_byte(v, bytes[i++]);
            continue;
        }

        part = (size_t) (n - i) < v->left ? (size_t) (n - i) : v->left;
        i += (ssize_t) part;
        v->left -= part;
        if (v->left == 0) {
            picture_end(v);
        }
    }
}


static int
compare(const void *a, const void *b)
{
    float x = *(const float *) a, y = *(const float *) b;

    return (x > y) - (x < y);
}


static double
quantile(double q)
{
    return count == 0 ? 0 : (double) ages[(size_t) (q * (double) (count - 1))];
}


static void
print(void)
{
    qsort(ages, count, sizeof(ages[0]), compare);
    printf("{\"pictures\":%zu,\"p50_ms\":%.3f,\"p90_ms\":%.3f,"
           "\"p99_ms\":%.3f,\"max_ms\":%.3f}\n",
           count, quantile(.5), quantile(.9), quantile(.99), quantile(1));
}


int
main(int argc, char **argv)
{
    struct pollfd polled[VIEWERS_MAX];
    double        end, warm;
    int           n = 0, i, j, per_path, is_warm = 0;

    if (argc < 5) {
        fprintf(stderr, "mjpeg_age PORT SECONDS VIEWERS PATH...\n");
        return 2;
    }

    ages = malloc(AGES_MAX * sizeof(ages[0]));
    per_path = (int) strtol(argv[3], NULL, 10);
    for (i = 4; i < argc; i++) {
        for (j = 0; j < per_path && n < VIEWERS_MAX; j++, n++) {
            if (viewer_open(&viewers[n], (int) strtol(argv[1], NULL, 10),
                            argv[i])
                != 0) {
                fprintf(stderr, "mjpeg_age: %s\n", strerror(errno));
                return 1;
            }
            polled[n] = (struct pollfd) { viewers[n].fd, POLLIN, 0 };
        }
    }

    warm = now(CLOCK_MONOTONIC) + 1; /* nothing is counted before */
    end = warm + strtod(argv[2], NULL);

    while (now(CLOCK_MONOTONIC) < end) {
        if (poll(polled, (nfds_t) n, 100) < 0) {
            return 1;
        }
        if (!is_warm && now(CLOCK_MONOTONIC) > warm) {
            is_warm = 1;
            count = 0;
        }
        for (i = 0; i < n; i++) {
            if (polled[i].revents != 0) {
                viewer_read(&viewers[i]);
            }
        }
    }

    print();
    return 0;
}
