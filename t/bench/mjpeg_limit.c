/*
 * The least that it costs to show pictures to many: one thread, one epoll, one
 * copy of each picture for all viewers, one sendmsg() for each of them.  Who
 * has not taken a picture yet is passed over, and gets the newest one later.
 *
 *     mjpeg_limit [-f FPS] [-k CAMERAS] PORT FILE.jpg
 *
 * The pictures come from nowhere, at an exact pace; those of /live/c1/..., c2 and
 * so on have buffers of their own.  It ends when it is told to.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#define CAMERAS_MAX 1024
#define VIEWERS_MAX 16384
#define EVENTS      512

#define RESPONSE                                                               \
    "HTTP/1.1 200 OK\r\nConnection: close\r\n"                                 \
    "Content-Type: multipart/x-mixed-replace; boundary=limit\r\n\r\n"


typedef struct {
    unsigned refs;
    uint64_t seq;
    char     header[256];
    size_t   header_length;
    size_t   length;
    char     data[];
} picture_t;

typedef struct {
    int        fd;
    int        asked; /* its request has come */
    int        camera;
    int        waits;   /* for its socket */
    int        index;   /* in viewers[] */
    picture_t *picture; /* in flight */
    size_t     sent;
    uint64_t   seq; /* of the picture before */
} viewer_t;

static picture_t *newest[CAMERAS_MAX];
static viewer_t  *viewers[VIEWERS_MAX];
static int        nviewers, ncameras = 1;
static viewer_t  *gone[VIEWERS_MAX]; /* until their events are behind us */
static int        ngone;
static char      *jpeg;
static size_t     jpeg_length;
static int        epoll, listener, timer;


static void
picture_release(picture_t *p)
{
    if (p != NULL && --p->refs == 0) {
        free(p);
    }
}


/* A buffer of its own for each, as where pictures come from elsewhere. */
static void
picture_take(int camera, uint64_t seq)
{
    picture_t      *p = malloc(sizeof(picture_t) + jpeg_length + 2);
    struct timespec ts;

    if (p == NULL) {
        return;
    }

    clock_gettime(CLOCK_REALTIME, &ts);
    p->refs = 1;
    p->seq = seq;
    p->header_length = (size_t) snprintf(
        p->header, sizeof(p->header),
        "--limit\r\nContent-Type: image/jpeg\r\nContent-Length: %zu\r\n"
        "X-Camera: c%d\r\nX-Timestamp: %ld.%06ld\r\nX-Frame-Seq: %lu\r\n"
        "X-Frame-Id: 1764600000000-%lu\r\nX-Frame-Age-Ms: 0\r\n\r\n",
        jpeg_length, camera + 1, (long) ts.tv_sec, ts.tv_nsec / 1000,
        (unsigned long) seq, (unsigned long) seq);
    p->length = jpeg_length + 2;
    memcpy(p->data, jpeg, jpeg_length);
    memcpy(p->data + jpeg_length, "\r\n", 2);

    picture_release(newest[camera]);
    newest[camera] = p;
}


static void
viewer_close(viewer_t *v)
{
    close(v->fd);
    v->fd = -1;
    picture_release(v->picture);
    viewers[v->index] = viewers[--nviewers];
    viewers[v->index]->index = v->index;
    gone[ngone++] = v;
}


static void
viewer_wait(viewer_t *v, int waits)
{
    struct epoll_event event = { .events = EPOLLIN | (waits ? EPOLLOUT : 0),
                                 .data.ptr = v };

    if (v->waits != waits) {
        v->waits = waits;
        epoll_ctl(epoll, EPOLL_CTL_MOD, v->fd, &event);
    }
}


/* What is left of the picture in flight; -1: the viewer is gone. */
static ssize_t
viewer_write(viewer_t *v)
{
    picture_t *p = v->picture;
    size_t body = v->sent > p->header_length ? v->sent - p->header_length : 0;
    struct iovec  iov[2] = { { p->header + v->sent,
                              body ? 0 : p->header_length - v->sent },
                             { p->data + body, p->length - body } };
    struct msghdr message = { .msg_iov = body ? &iov[1] : iov,
                              .msg_iovlen = body ? 1 : 2 };
    ssize_t       n = sendmsg(v->fd, &message, MSG_NOSIGNAL);

    if (n < 0) {
        return errno == EAGAIN ? 0 : -1;
    }
    v->sent += (size_t) n;

    return n;
}


/* Sends what there is for it, as far as its socket takes it. */
static void
viewer_send(viewer_t *v)
{
    picture_t *p;

    for (;;) {
        if (v->picture == NULL) {
            p = newest[v->camera];
            if (p == NULL || p->seq == v->seq) {
                viewer_wait(v, 0);
                return;
            }
            v->picture = p;
            v->sent = 0;
            v->seq = p->seq;
            p->refs++;
        }

        if (viewer_write(v) < 0) {
            viewer_close(v);
            return;
        }
        if (v->sent < v->picture->header_length + v->picture->length) {
            viewer_wait(v, 1);
            return;
        }

        picture_release(v->picture);
        v->picture = NULL;
    }
}


static void
viewer_read(viewer_t *v)
{
    static const char sought[] = "/live/c";
    char              bytes[2048];
    ssize_t           n = read(v->fd, bytes, sizeof(bytes) - 1);
    const char       *found;

    if (n == 0 || (n < 0 && errno != EAGAIN)) {
        viewer_close(v);
        return;
    }
    if (n < 0 || v->asked) {
        return;
    }

    bytes[n] = '\0';
    found = strstr(bytes, sought);
    v->camera = found == NULL
                    ? 0
                    : (int) ((strtoul(found + sizeof(sought) - 1, NULL, 10) - 1)
                             % (unsigned) ncameras);
    v->asked = 1;
    if (send(v->fd, RESPONSE, sizeof(RESPONSE) - 1, MSG_NOSIGNAL) < 0) {
        viewer_close(v);
        return;
    }
    viewer_send(v);
}


static void
viewers_accept(void)
{
    struct epoll_event event = { .events = EPOLLIN };
    viewer_t          *v;
    int                fd, on = 1;

    while (nviewers < VIEWERS_MAX
           && (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0)
    {
        v = calloc(1, sizeof(viewer_t));
        if (v == NULL) {
            close(fd);
            return;
        }

        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        v->fd = fd;
        v->index = nviewers;
        viewers[nviewers++] = v;
        event.data.ptr = v;
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    }
}


/* Ticks that were missed are pictures that nobody gets. */
static void
pictures_take(void)
{
    static uint64_t seq;
    uint64_t        ticks;
    int             i;

    if (read(timer, &ticks, sizeof(ticks)) != (ssize_t) sizeof(ticks)) {
        return;
    }

    seq += ticks;
    for (i = 0; i < ncameras; i++) {
        picture_take(i, seq);
    }

    for (i = nviewers - 1; i >= 0; i--) {
        if (viewers[i]->asked && !viewers[i]->waits) {
            viewer_send(viewers[i]);
        }
    }
}


static void
event_handle(const struct epoll_event *event)
{
    viewer_t *v = event->data.ptr;

    if (event->data.ptr == &listener) {
        viewers_accept();
        return;
    }
    if (event->data.ptr == &timer) {
        pictures_take();
        return;
    }

    if (v->fd >= 0 && event->events & (EPOLLIN | EPOLLERR | EPOLLHUP)) {
        viewer_read(v);
    }
    if (v->fd >= 0 && event->events & EPOLLOUT) {
        viewer_send(v);
    }
}


static void
jpeg_read(const char *path)
{
    FILE *file = fopen(path, "rb");

    jpeg = malloc(1 << 20);
    jpeg_length =
        file == NULL || jpeg == NULL ? 0 : fread(jpeg, 1, 1 << 20, file);
    if (jpeg_length == 0) {
        fprintf(stderr, "mjpeg_limit: %s\n", path);
        exit(1);
    }
    fclose(file);
}


static void
begin(int port, double fps)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons((uint16_t) port) };
    long               period = (long) (1e9 / fps);
    struct timespec    every = { period / 1000000000, period % 1000000000 };
    struct itimerspec  pace = { every, every };
    struct epoll_event event = { .events = EPOLLIN };
    struct rlimit      files;
    int                on = 1;

    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(listener, (struct sockaddr *) &address, sizeof(address)) != 0
        || listen(listener, 4096) != 0)
    {
        fprintf(stderr, "mjpeg_limit: %s\n", strerror(errno));
        exit(1);
    }

    epoll = epoll_create1(0);
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    timerfd_settime(timer, 0, &pace, NULL);
    event.data.ptr = &listener;
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    event.data.ptr = &timer;
    epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event);
}


int
main(int argc, char **argv)
{
    struct epoll_event events[EVENTS];
    double             fps = 30;
    int                letter, i, n;

    while ((letter = getopt(argc, argv, "f:k:")) > 0) {
        if (letter == 'f') {
            fps = strtod(optarg, NULL);
        } else if (letter == 'k') {
            ncameras = (int) strtol(optarg, NULL, 10);
        } else {
            return 2;
        }
    }

    if (argc - optind != 2 || fps <= 0 || ncameras < 1
        || ncameras > CAMERAS_MAX) {
        fprintf(stderr, "mjpeg_limit [-f FPS] [-k CAMERAS] PORT FILE.jpg\n");
        return 2;
    }

    jpeg_read(argv[optind + 1]);
    begin((int) strtol(argv[optind], NULL, 10), fps);

    for (;;) {
        n = epoll_wait(epoll, events, EVENTS, -1);
        for (i = 0; i < n; i++) {
            event_handle(&events[i]);
        }
        while (ngone > 0) {
            free(gone[--ngone]);
        }
    }
}
