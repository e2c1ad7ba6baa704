/*
 * Many viewers of MJPEG streams in one process, for the fault tests: they
 * join, leave, stall, drip, read slowly, come back when their stream has ended,
 * and check every byte that they get.  Plain HTTP/1.1 or TLS, one epoll loop.
 *
 * A picture names itself in a comment at its start (t/clients/publisher):
 * camera, id, and the MD5 of all that follows.  So a picture that is torn,
 * mixed, or under a wrong header is found without knowing what was sent.
 * Pictures of cameras do not (-c): these must be whole, be what a sum in
 * them says if there is one, and of one id be the same for all viewers.
 *
 * One line of JSON on standard output says what was seen, when the time is over
 * or SIGTERM has come; SIGUSR1 asks for one in between.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>

#define HEAD_MAX    2048
#define PICTURE_MAX (8u * 1024 * 1024 + 2)
#define READ_SIZE   65536
#define EVENTS      256
#define BACK_MS     20 /* from an end to coming back */
#define WAIT_MS     5
#define GAP_MAX_MS  10000 /* that a gap is counted as, at most */
#define SUM_SIZE    16
#define SUMS        8192 /* of the pictures that were seen last */

enum { FINE, WRONG, REFUSED };

#define DIGITS  "0123456789"
#define HEX     DIGITS "abcdef"
#define LETTERS "ghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


typedef enum {
    AWAY, /* comes back at back_ms */
    CONNECTING,
    HANDSHAKE,
    RESPONSE, /* reads the header of the response */
    PART,     /* reads the header of a part */
    PICTURE,
    ENDED,  /* the closing boundary has come */
    STALLED /* reads no more, or drips */
} phase_t;

typedef enum {
    CHUNK_SIZE,
    CHUNK_DATA,
    CHUNK_END, /* CRLF after the data */
    CHUNK_LAST /* CRLF after the chunk of size 0 */
} chunk_t;

typedef struct {
    int            fd;
    SSL           *ssl;
    phase_t        phase;
    char           head[HEAD_MAX];
    size_t         head_length;
    char           boundary[80];
    chunk_t        chunk;
    uint64_t       chunk_left;
    unsigned       chunk_seen; /* characters of a line of the framing */
    unsigned       whole : 1;  /* the last chunk has come */
    unsigned       stalls : 1;
    unsigned char *picture;
    size_t         picture_length; /* with CRLF */
    size_t         picture_got;
    size_t         picture_capacity;
    char           camera[65];
    char           id[64];
    uint64_t       epoch, seq; /* of the picture before */
    long           frames;
    uint64_t       newest_epoch, newest_seq; /* also of other connections */
    int64_t        newest_ms;                /* when that came */
    int64_t        taken_ms; /* the picture was, by the wall clock */
    int64_t        opened_ms, last_ms, ended_ms, back_ms, leaves_ms, read_ms;
} viewer_t;

typedef struct {
    char          camera[65];
    uint64_t      epoch, seq;
    unsigned char sum[SUM_SIZE];
} sum_t;

static struct {
    char **paths; /* viewers have them in turn */
    int    path_count, count, seconds, tls, joins, stalled, rate, buffer;
    int    drip, comes_back, of_cameras;
} options = { .count = 1, .seconds = 1 };

static struct {
    long opened, frames, bytes, bad, disorder, repeated;
    long complete, torn, cut, refused, left, broken;
    long gap_ms, late_ms, back_ms, header_ms, stalled_closed, first_closed_ms;
    long last_closed_ms, first_complete_ms, last_complete_ms;
    long news_gap_ms, held_up_ms; /* since a line */
    long gaps[GAP_MAX_MS + 1]; /* pictures by the time since the one before */
} seen;

static struct sockaddr_in address;
static SSL_CTX           *tls;
static viewer_t          *viewers;
static int                epoll;
static int64_t            began_ms;
static sum_t              sums[SUMS];

static volatile sig_atomic_t is_asked, is_over;


static int64_t
clock_ms(clockid_t which)
{
    struct timespec ts;

    clock_gettime(which, &ts);

    return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}


static int64_t
now_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}


/* The same numbers in every run. */
static unsigned
chance(unsigned below)
{
    static uint32_t state = 1;

    state = state * 1664525 + 1013904223;

    return (state >> 8) % below;
}


static int
number(const char *text)
{
    return (int) strtol(text, NULL, 10);
}


/* A word of `set` at the start of `text`; its length. */
static size_t
word(char *to, size_t size, const char *text, const char *set)
{
    size_t n;

    n = strspn(text, set);
    n = n < size ? n : size - 1;
    memcpy(to, text, n);
    to[n] = '\0';

    return n;
}


static void
die(const char *what)
{
    perror(what);
    exit(2);
}


static void
most(long *value, int64_t other)
{
    if (other > *value) {
        *value = (long) other;
    }
}


static void
viewer_wait(viewer_t *v, uint32_t events)
{
    struct epoll_event ev = { .events = events, .data.ptr = v };

    if (epoll_ctl(epoll, EPOLL_CTL_MOD, v->fd, &ev) != 0) {
        die("epoll_ctl");
    }
}


static void
viewer_open(viewer_t *v, int64_t now)
{
    struct epoll_event ev = { .events = EPOLLOUT, .data.ptr = v };

    v->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (v->fd < 0) {
        die("socket");
    }

    if (options.buffer) {
        (void) setsockopt(v->fd, SOL_SOCKET, SO_RCVBUF, &options.buffer,
                          sizeof(int));
    }

    if (connect(v->fd, (struct sockaddr *) &address, sizeof(address)) != 0
        && errno != EINPROGRESS)
    {
        die("connect");
    }

    if (epoll_ctl(epoll, EPOLL_CTL_ADD, v->fd, &ev) != 0) {
        die("epoll_ctl");
    }

    v->phase = CONNECTING;
    v->head_length = 0;
    v->chunk = CHUNK_SIZE;
    v->chunk_left = 0;
    v->chunk_seen = 0;
    v->whole = 0;
    v->epoch = 0;
    v->seq = 0;
    v->last_ms = 0;
    v->opened_ms = now;
    v->read_ms = now;
    v->leaves_ms = 0;

    if (options.joins) {
        v->leaves_ms =
            now + 1 + chance((unsigned) (2000 * options.count / options.joins));
    }

    seen.opened++;
}


/* How did it end?  Counted once, here. */
static void
viewer_close(viewer_t *v, int64_t now, int by_us)
{
    if (by_us) {
        seen.left++;

    } else if (v->stalls) {
        seen.stalled_closed++;

        if (seen.first_closed_ms == 0) {
            seen.first_closed_ms = (long) (now - v->opened_ms);
        }

        most(&seen.last_closed_ms, now - v->opened_ms);

    } else if (v->phase == ENDED && v->whole) {
        seen.complete++;
        most(&seen.last_complete_ms, now - began_ms);

        if (seen.first_complete_ms == 0) {
            seen.first_complete_ms = (long) (now - began_ms);
        }

    } else if (v->phase == PART && v->head_length == 0 && v->last_ms) {
        seen.cut++; /* between two parts, without an end of the body */

    } else if (v->phase == RESPONSE || v->phase < RESPONSE) {
        seen.broken++;

    } else {
        seen.torn++;
    }

    if (v->ssl) {
        SSL_free(v->ssl);
        v->ssl = NULL;
    }

    close(v->fd);
    v->fd = -1;
    v->phase = AWAY;
    v->ended_ms = now;
    v->back_ms = by_us || options.comes_back ? now + BACK_MS : 0;
}


static void
viewer_ask(viewer_t *v)
{
    int  n;
    char request[512];

    n = snprintf(request, sizeof(request),
                 "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
                 options.paths[(v - viewers) % options.path_count]);

    if ((v->ssl ? SSL_write(v->ssl, request, n)
                : (int) write(v->fd, request, (size_t) n))
        != n)
    {
        die("write");
    }

    v->phase = RESPONSE;
    viewer_wait(v, EPOLLIN);
}


/* 0: all is well, or goes on; -1: the connection is of no use. */
static int
viewer_shake(viewer_t *v)
{
    int rc;

    rc = SSL_connect(v->ssl);

    if (rc == 1) {
        viewer_ask(v);
        return 0;
    }

    switch (SSL_get_error(v->ssl, rc)) {
    case SSL_ERROR_WANT_READ:
        viewer_wait(v, EPOLLIN);
        return 0;
    case SSL_ERROR_WANT_WRITE:
        viewer_wait(v, EPOLLOUT);
        return 0;
    default:
        return -1;
    }
}


static int
viewer_connected(viewer_t *v)
{
    int       error;
    socklen_t length;

    error = 0;
    length = sizeof(error);

    if (getsockopt(v->fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0 || error)
    {
        return -1;
    }

    if (!options.tls) {
        viewer_ask(v);
        return 0;
    }

    v->ssl = SSL_new(tls);
    if (v->ssl == NULL || SSL_set_fd(v->ssl, v->fd) != 1) {
        die("TLS");
    }

    v->phase = HANDSHAKE;

    return viewer_shake(v);
}


/* 1: the response is a stream of parts. */
static int
viewer_responded(viewer_t *v, int64_t now)
{
    char *boundary;

    v->head[v->head_length] = '\0';
    v->head_length = 0;

    if (strncmp(v->head, "HTTP/1.1 200 ", 13) != 0
        || strstr(v->head, "Transfer-Encoding: chunked") == NULL)
    {
        seen.refused++;
        return 0;
    }

    boundary = strstr(v->head, "boundary=");

    if (boundary == NULL
        || word(v->boundary, sizeof(v->boundary), boundary + 9, HEX) == 0)
    {
        seen.bad++;
        return 0;
    }

    most(&seen.header_ms, now - v->opened_ms);
    v->phase = v->stalls ? STALLED : PART;

    return 1;
}


/* The value of a field of the part's header; empty: there is none. */
static const char *
part_field(const char *head, const char *name)
{
    const char *at;

    at = strstr(head, name);

    return at ? at + strlen(name) : "";
}


/* The complete header of a part is in head. */
static int
viewer_part_began(viewer_t *v)
{
    size_t length, n;

    v->head[v->head_length] = '\0';
    v->head_length = 0;
    n = strlen(v->boundary);

    if (strncmp(v->head, "--", 2) != 0
        || strncmp(v->head + 2, v->boundary, n) != 0
        || strncmp(v->head + 2 + n, "\r\n", 2) != 0)
    {
        return -1;
    }

    (void) word(v->camera, sizeof(v->camera),
                part_field(v->head, "\r\nX-Camera: "), HEX LETTERS "._-");
    v->taken_ms =
        (int64_t) (1000
                   * strtod(part_field(v->head, "\r\nX-Timestamp: "), NULL));
    length = strtoul(part_field(v->head, "\r\nContent-Length: "), NULL, 10);
    (void) word(v->id, sizeof(v->id), part_field(v->head, "\r\nX-Frame-Id: "),
                DIGITS "-");

    if (length == 0 || length + 2 > PICTURE_MAX) {
        return -1;
    }

    v->picture_length = length + 2;
    v->picture_got = 0;
    v->phase = PICTURE;

    if (v->picture_capacity < v->picture_length) {
        free(v->picture);
        v->picture_capacity = v->picture_length;
        v->picture = malloc(v->picture_capacity);
        if (v->picture == NULL) {
            die("malloc");
        }
    }

    return 0;
}


/* The length of a picture's comment, which is copied to text; 0: there is
 * none at its start. */
static size_t
picture_comment(const viewer_t *v, char *text, size_t size)
{
    size_t               comment;
    const unsigned char *p;

    p = v->picture;
    comment = ((size_t) p[4] << 8) + p[5];

    if (p[2] != 0xff || p[3] != 0xfe || comment < 3
        || comment + 6 > v->picture_length || comment > size)
    {
        return 0;
    }

    memcpy(text, p + 6, comment - 2);
    text[comment - 2] = '\0';

    return comment;
}


static int
digest(const unsigned char *p, size_t n, unsigned char *sum)
{
    unsigned length;

    return EVP_Digest(p, n, sum, &length, EVP_md5(), NULL) == 1
           && length == SUM_SIZE;
}


/* Has every viewer of it got the same bytes under this id? */
static int
picture_is_same(const viewer_t *v)
{
    sum_t        *known;
    unsigned char sum[EVP_MAX_MD_SIZE];
    uint64_t      epoch, seq, place;
    const char   *p;

    epoch = strtoull(v->id, NULL, 10);
    p = strchr(v->id, '-');
    seq = p ? strtoull(p + 1, NULL, 10) : 0;

    if (!digest(v->picture, v->picture_length, sum)) {
        return 0;
    }

    place = epoch * 31 + seq;
    for (p = v->camera; *p; p++) {
        place = place * 31 + (unsigned char) *p;
    }

    known = &sums[place % SUMS];

    if (known->epoch == epoch && known->seq == seq
        && strcmp(known->camera, v->camera) == 0)
    {
        return memcmp(known->sum, sum, SUM_SIZE) == 0;
    }

    snprintf(known->camera, sizeof(known->camera), "%s", v->camera);
    known->epoch = epoch;
    known->seq = seq;
    memcpy(known->sum, sum, SUM_SIZE);

    return 1;
}


/* Does the picture say what it is, and is it that? */
static int
picture_is_right(const viewer_t *v)
{
    int                  i, is_named;
    char                 text[256], claim[256], hex[33];
    size_t               length, comment;
    unsigned char        sum[EVP_MAX_MD_SIZE];
    const unsigned char *p;

    p = v->picture;
    length = v->picture_length - 2;

    if (length < 8 || p[0] != 0xff || p[1] != 0xd8
        || memcmp(p + length, "\r\n", 2) != 0)
    {
        return 0;
    }

    comment = picture_comment(v, text, sizeof(text));
    is_named = comment && strncmp(text, "vstream ", 8) == 0;

    if (options.of_cameras
        && (memcmp(p + length - 2, "\xff\xd9", 2) != 0 || !picture_is_same(v)))
    {
        return 0;
    }

    if (!is_named) {
        return options.of_cameras;
    }

    if (!digest(p + 4 + comment, length - 4 - comment, sum)) {
        return 0;
    }

    for (i = 0; i < SUM_SIZE; i++) {
        snprintf(hex + 2 * i, 3, "%02x", sum[i]);
    }

    if (options.of_cameras) {
        return strcmp(strrchr(text, ' ') + 1, hex) == 0;
    }

    snprintf(claim, sizeof(claim), "vstream %s %s %s", v->camera, v->id, hex);

    return strcmp(claim, text) == 0;
}


/* Is it newer than all that this viewer has had? */
static void
viewer_news(viewer_t *v, int64_t now)
{
    if (v->epoch < v->newest_epoch
        || (v->epoch == v->newest_epoch && v->seq <= v->newest_seq))
    {
        return;
    }

    most(&seen.news_gap_ms, now - v->newest_ms);
    v->newest_epoch = v->epoch;
    v->newest_seq = v->seq;
    v->newest_ms = now;
}


static void
viewer_pictured(viewer_t *v, int64_t now)
{
    char    *rest;
    uint64_t epoch, seq;

    v->phase = PART;
    seen.frames++;
    v->frames++;

    epoch = strtoull(v->id, &rest, 10);
    seq = *rest == '-' ? strtoull(rest + 1, NULL, 10) : 0;

    if (!picture_is_right(v)) {
        seen.bad++;

    } else {
        if (epoch == v->epoch && seq == v->seq) {
            seen.repeated++;

        } else if (epoch < v->epoch || (epoch == v->epoch && seq < v->seq)) {
            seen.disorder++;
        }

        v->epoch = epoch;
        v->seq = seq;
        viewer_news(v, now);
    }

    if (v->taken_ms) {
        most(&seen.late_ms, clock_ms(CLOCK_REALTIME) - v->taken_ms);
    }

    if (v->last_ms) {
        most(&seen.gap_ms, now - v->last_ms);
        seen.gaps[now - v->last_ms < GAP_MAX_MS ? now - v->last_ms
                                                : GAP_MAX_MS]++;

    } else if (v->ended_ms) {
        most(&seen.back_ms, now - v->ended_ms);
    }

    v->last_ms = now;
}


/* Bytes of the body, without the framing of HTTP.  WRONG, or FINE. */
static int
viewer_body(viewer_t *v, const char *p, size_t n, int64_t now)
{
    int    length;
    char   last[96];
    size_t part;

    while (n > 0) {
        if (v->phase == PICTURE) {
            part = v->picture_length - v->picture_got;
            part = part < n ? part : n;
            memcpy(v->picture + v->picture_got, p, part);
            v->picture_got += part;
            p += part;
            n -= part;

            if (v->picture_got == v->picture_length) {
                viewer_pictured(v, now);
            }

            continue;
        }

        if (v->phase != PART || v->head_length + 1 == HEAD_MAX) {
            return WRONG;
        }

        v->head[v->head_length++] = *p++;
        n--;

        if (v->head_length > 4
            && memcmp(v->head + v->head_length - 4, "\r\n\r\n", 4) == 0)
        {
            if (viewer_part_began(v) != FINE) {
                return WRONG;
            }

            continue;
        }

        length = snprintf(last, sizeof(last), "--%s--\r\n", v->boundary);

        if (v->head_length == (size_t) length
            && memcmp(v->head, last, v->head_length) == 0)
        {
            v->phase = ENDED;
        }
    }

    return FINE;
}


/* One character of the framing of HTTP's chunks. */
static int
viewer_chunk(viewer_t *v, char c)
{
    int digit;

    if (v->chunk == CHUNK_SIZE && c != '\r' && c != '\n') {
        digit = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                       : -1;
        if (digit < 0 || ++v->chunk_seen > 8) {
            return WRONG;
        }

        v->chunk_left = v->chunk_left * 16 + (unsigned) digit;
        return FINE;
    }

    if (c == '\r') {
        return v->chunk == CHUNK_SIZE && v->chunk_seen == 0 ? WRONG : FINE;
    }

    if (c != '\n') {
        return WRONG;
    }

    v->chunk_seen = 0;

    switch (v->chunk) {
    case CHUNK_SIZE:
        v->chunk = v->chunk_left ? CHUNK_DATA : CHUNK_LAST;
        return FINE;
    case CHUNK_LAST:
        v->whole = 1;
        return FINE;
    default:
        v->chunk = CHUNK_SIZE;
        return FINE;
    }
}


static int
viewer_feed(viewer_t *v, const char *p, size_t n, int64_t now)
{
    size_t part;

    while (n > 0) {
        if (v->phase == RESPONSE) {
            if (v->head_length + 1 == HEAD_MAX) {
                return WRONG;
            }

            v->head[v->head_length++] = *p++;
            n--;

            if (v->head_length >= 4
                && memcmp(v->head + v->head_length - 4, "\r\n\r\n", 4) == 0
                && !viewer_responded(v, now))
            {
                return REFUSED;
            }

        } else if (v->phase == STALLED) {
            return FINE;

        } else if (v->whole) {
            return WRONG;

        } else if (v->chunk == CHUNK_DATA) {
            part = v->chunk_left < n ? (size_t) v->chunk_left : n;

            if (viewer_body(v, p, part, now) != FINE) {
                return WRONG;
            }

            p += part;
            n -= part;
            v->chunk_left -= part;

            if (v->chunk_left == 0) {
                v->chunk = CHUNK_END;
            }

        } else if (viewer_chunk(v, *p++) != FINE) {
            return WRONG;

        } else {
            n--;
        }
    }

    return FINE;
}


/* > 0: bytes; 0: nothing now; -1: the connection has ended. */
static ssize_t
viewer_recv(viewer_t *v, char *buffer, size_t size)
{
    int     n;
    ssize_t rc;

    if (v->ssl) {
        ERR_clear_error();
        n = SSL_read(v->ssl, buffer, (int) size);

        if (n > 0) {
            return n;
        }

        return SSL_get_error(v->ssl, n) == SSL_ERROR_WANT_READ ? 0 : -1;
    }

    rc = read(v->fd, buffer, size);

    if (rc > 0) {
        return rc;
    }

    return rc < 0 && errno == EAGAIN ? 0 : -1;
}


static void
viewer_read(viewer_t *v, int64_t now)
{
    int         rc;
    size_t      size;
    ssize_t     n;
    static char buffer[READ_SIZE];

    size = sizeof(buffer);

    if (options.rate) {
        size = (size_t) ((now - v->read_ms) * options.rate / 1000);
        size = size < sizeof(buffer) ? size : sizeof(buffer);

        if (size == 0) {
            viewer_wait(v, EPOLLRDHUP);
            return;
        }
    }

    do {
        n = viewer_recv(v, buffer, size);
        v->read_ms = now;

        if (n == 0) {
            return;
        }

        if (n < 0) {
            viewer_close(v, now, 0);
            return;
        }

        seen.bytes += n;
        rc = viewer_feed(v, buffer, (size_t) n, now);

        if (rc != FINE) {
            seen.bad += rc == WRONG;
            viewer_close(v, now, 1);
            return;
        }

    } while (v->ssl && SSL_pending(v->ssl) && !options.rate);

    if (v->phase == STALLED) {
        viewer_wait(v, EPOLLRDHUP);

    } else if (v->phase == ENDED && v->whole) {
        viewer_close(v, now, 0);
    }
}


static void
viewer_event(viewer_t *v, uint32_t events, int64_t now)
{
    switch (v->phase) {
    case CONNECTING:
        if (viewer_connected(v) != 0) {
            viewer_close(v, now, 0);
        }

        return;

    case HANDSHAKE:
        if (viewer_shake(v) != 0) {
            viewer_close(v, now, 0);
        }

        return;

    case STALLED:
        if (events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP)) {
            viewer_close(v, now, 0);
        }

        return;

    default:
        viewer_read(v, now);
    }
}


/* A byte off the socket, whatever it is of: with TLS, too. */
static void
viewer_drip(viewer_t *v, int64_t now)
{
    char byte;

    if (now - v->read_ms >= 1000 * options.drip) {
        v->read_ms = now;
        (void) !read(v->fd, &byte, 1);
    }
}


/* What is due without an event: coming, leaving, and slow reading. */
static void
viewers_look(int64_t now)
{
    int       i;
    viewer_t *v;

    for (i = 0; i < options.count; i++) {
        v = &viewers[i];

        if (v->phase == AWAY) {
            if (v->back_ms && now >= v->back_ms) {
                viewer_open(v, now);
            }

        } else if (v->leaves_ms && now >= v->leaves_ms) {
            viewer_close(v, now, 1);

        } else if (v->phase == STALLED) {
            if (options.drip) {
                viewer_drip(v, now);
            }

        } else if (options.rate && v->phase >= RESPONSE) {
            viewer_wait(v, EPOLLIN);
        }
    }
}


/* So many of a thousand gaps are not longer than this. */
static int
gap_ms(long permille)
{
    int  ms;
    long n, sum;

    n = 0;
    sum = 0;

    for (ms = 0; ms <= GAP_MAX_MS; ms++) {
        sum += seen.gaps[ms];
    }

    for (ms = 0; ms < GAP_MAX_MS; ms++) {
        n += seen.gaps[ms];

        if (n * 1000 >= sum * permille) {
            break;
        }
    }

    return ms;
}


/* Pictures of the viewer that got the fewest. */
static long
least_frames(void)
{
    int  i;
    long least;

    least = viewers[0].frames;

    for (i = 1; i < options.count; i++) {
        least = viewers[i].frames < least ? viewers[i].frames : least;
    }

    return least;
}


static void
report(void)
{
    int  i, there, stuck;
    long silent_ms, news_age_ms;

    there = 0;
    stuck = 0;
    silent_ms = 0;
    news_age_ms = 0;

    for (i = 0; i < options.count; i++) {
        there += viewers[i].phase == PART || viewers[i].phase == PICTURE;
        stuck += viewers[i].phase == STALLED;

        if (viewers[i].last_ms && viewers[i].phase != AWAY) {
            most(&silent_ms, now_ms() - viewers[i].last_ms);
        }

        most(&news_age_ms, now_ms() - viewers[i].newest_ms);
    }

    most(&seen.news_gap_ms, news_age_ms);

    printf("{\"opened\":%ld,\"frames\":%ld,\"bytes\":%ld,\"bad\":%ld,"
           "\"disorder\":%ld,\"repeated\":%ld,\"complete\":%ld,"
           "\"torn\":%ld,\"cut\":%ld,\"refused\":%ld,\"broken\":%ld,"
           "\"left\":%ld,",
           seen.opened, seen.frames, seen.bytes, seen.bad, seen.disorder,
           seen.repeated, seen.complete, seen.torn, seen.cut, seen.refused,
           seen.broken, seen.left);

    printf("\"gap_ms\":%ld,\"gap_p50_ms\":%d,\"gap_p99_ms\":%d,"
           "\"late_ms\":%ld,\"back_ms\":%ld,\"header_ms\":%ld,"
           "\"silent_ms\":%ld,\"news_gap_ms\":%ld,\"news_age_ms\":%ld,"
           "\"held_up_ms\":%ld,",
           seen.gap_ms, gap_ms(500), gap_ms(990), seen.late_ms, seen.back_ms,
           seen.header_ms, silent_ms, seen.news_gap_ms, news_age_ms,
           seen.held_up_ms);

    printf("\"stalled_closed\":%ld,\"first_closed_ms\":%ld,"
           "\"last_closed_ms\":%ld,\"first_complete_ms\":%ld,"
           "\"last_complete_ms\":%ld,\"least_frames\":%ld,\"there\":%d,"
           "\"stuck\":%d}\n",
           seen.stalled_closed, seen.first_closed_ms, seen.last_closed_ms,
           seen.first_complete_ms, seen.last_complete_ms, least_frames(), there,
           stuck);
    fflush(stdout);
    seen.news_gap_ms = 0;
    seen.held_up_ms = 0;
    memset(seen.gaps, 0, sizeof(seen.gaps));
}


static void
on_asked(int which)
{
    if (which == SIGTERM) {
        is_over = 1;
    }

    is_asked = which == SIGUSR1;
}


static void
viewers_run(void)
{
    int                i, n;
    int64_t            now, end;
    struct epoll_event events[EVENTS];

    began_ms = now_ms();
    end = began_ms + 1000 * options.seconds;

    for (i = 0; i < options.count; i++) {
        viewers[i].stalls = i < options.stalled;
        viewers[i].newest_ms = began_ms;
        viewers[i].back_ms = began_ms + i * 300 / options.count + 1;
    }

    for (now = began_ms; now < end && !is_over; now = now_ms()) {
        n = epoll_wait(epoll, events, EVENTS, WAIT_MS);
        most(&seen.held_up_ms, now_ms() - now - WAIT_MS);
        now = now_ms();

        for (i = 0; i < n; i++) {
            viewer_event(events[i].data.ptr, events[i].events, now);
        }

        viewers_look(now);

        if (is_asked) {
            is_asked = 0;
            report();
        }
    }
}


static void
usage(void)
{
    fprintf(stderr, "viewers [options] PORT PATH...\n"
                    "  -n N      viewers at once\n"
                    "  -t N      for so many seconds\n"
                    "  -T        over TLS\n"
                    "  -j N      so many leave in a second, and others join\n"
                    "  -s N      the first N read the header and no more\n"
                    "  -d N      these read a byte every N seconds\n"
                    "  -r N      each reads at most N bytes in a second\n"
                    "  -b N      with a receive buffer of N bytes\n"
                    "  -w        comes back when its stream has ended\n"
                    "  -c        pictures are a camera's own\n");
    exit(2);
}


int
main(int argc, char **argv)
{
    int option;

    while ((option = getopt(argc, argv, "n:t:Tj:s:d:r:b:wc")) != -1) {
        switch (option) {
        case 'n':
            options.count = number(optarg);
            break;
        case 't':
            options.seconds = number(optarg);
            break;
        case 'T':
            options.tls = 1;
            break;
        case 'j':
            options.joins = number(optarg);
            break;
        case 's':
            options.stalled = number(optarg);
            break;
        case 'd':
            options.drip = number(optarg);
            break;
        case 'r':
            options.rate = number(optarg);
            break;
        case 'b':
            options.buffer = number(optarg);
            break;
        case 'w':
            options.comes_back = 1;
            break;
        case 'c':
            options.of_cameras = 1;
            break;
        default:
            usage();
        }
    }

    if (argc - optind < 2 || options.count < 1) {
        usage();
    }

    address.sin_family = AF_INET;
    address.sin_port = htons((uint16_t) number(argv[optind]));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    options.paths = argv + optind + 1;
    options.path_count = argc - optind - 1;

    tls = SSL_CTX_new(TLS_client_method());
    epoll = epoll_create1(EPOLL_CLOEXEC);
    viewers = calloc((size_t) options.count, sizeof(viewer_t));

    (void) signal(SIGUSR1, on_asked);
    (void) signal(SIGTERM, on_asked);

    if (tls == NULL || epoll < 0 || viewers == NULL) {
        die("start");
    }

    viewers_run();
    report();

    return 0;
}
