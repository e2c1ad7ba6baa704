/*
 * Up to thousands of viewers of MJPEG streams, from one thread: how many of
 * the pictures each has got, how old they were when their last byte was here
 * (X-Timestamp), and which were left out (X-Frame-Seq).
 *
 *     mjpeg_load [-n VIEWERS] [-w WARM] [-t SECONDS] [-f FPS] [-s STALLED]
 *                [-l SLOW] [-P PID]... [-o FILE] PORT PATH...
 *
 * Viewer i asks for the path i modulo their number.  STALLED of them read no
 * more after the head of their answer, SLOW of them a few pictures a second;
 * figures are of the others.  Of the processes PID it tells the CPU time that
 * they use meanwhile, and their memory before and after.  The bytes of
 * pictures are thrown away in the kernel, so that this costs little.
 *
 * FILE gets a line for each picture of each viewer: "SEQ HEAD END", when its
 * head and its last byte were here, in microseconds of Unix.
 *
 * Nothing is counted for WARM seconds after all have connected.  One line of
 * JSON says what was seen.
 */

#include "ages.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD_MAX   1024
#define READ_SIZE  512 /* of heads: little of a picture comes along */
#define EVENTS     256
#define PIDS_MAX   16
#define TIMES_MAX  (1 << 21)
#define TURNS      8 /* reads of one viewer before the others' turn */
#define SLOW_BYTES 32768
#define SLOW_EVERY 0.1

#define OPENED_AT_ONCE 16
#define OPEN_PAUSE     0.002


typedef enum { RESPONSE, PICTURES, IDLE, GONE } phase_t;

/* Where the framing of a body is; one that is not chunked has no end. */
typedef enum { CHUNK_SIZE, CHUNK_DATA, CHUNK_END } chunk_t;

typedef struct {
    int      fd;
    phase_t  phase;
    chunk_t  chunk;
    size_t   chunk_left;
    char     head[HEAD_MAX];
    size_t   head_length;
    size_t   left; /* bytes of a picture that are still to come */
    double   taken;
    double   head_came; /* where it is asked for */
    uint64_t seq, seq_before;
    long     pictures, missed;
    double   came, longest; /* seconds without a picture */
} viewer_t;

typedef struct {
    uint64_t seq;
    double   head, end;
} times_t;

static struct {
    int    port, viewers, stalled, slow, pids[PIDS_MAX], npids;
    double warm, seconds, fps;
    char **paths;
    int    npaths;
    FILE  *file;
} option = { .viewers = 1, .warm = 1, .seconds = 3, .fps = 30 };

static viewer_t *viewers;
static int       epoll, counting, lost;
static long      pictures;
static uint64_t  bytes_read;
static times_t  *times;
static size_t    times_count;


/* Nanoseconds that all threads of these have run. */
static double
pids_cpu(void)
{
    char           path[64], line[64];
    double         sum = 0;
    struct dirent *entry;
    DIR           *tasks;
    FILE          *file;
    int            i;

    for (i = 0; i < option.npids; i++) {
        snprintf(path, sizeof(path), "/proc/%d/task", option.pids[i]);
        tasks = opendir(path);

        while (tasks != NULL && (entry = readdir(tasks)) != NULL) {
            snprintf(path, sizeof(path), "/proc/%d/task/%.16s/schedstat",
                     option.pids[i], entry->d_name);
            file = entry->d_name[0] == '.' ? NULL : fopen(path, "r");
            if (file != NULL && fgets(line, sizeof(line), file) != NULL) {
                sum += strtod(line, NULL) * 1e-9;
            }
            if (file != NULL) {
                fclose(file);
            }
        }
        if (tasks != NULL) {
            closedir(tasks);
        }
    }

    return sum;
}


/* Resident KiB of these. */
static long
pids_memory(void)
{
    char  path[64], line[128];
    long  sum = 0;
    FILE *file;
    int   i;

    for (i = 0; i < option.npids; i++) {
        snprintf(path, sizeof(path), "/proc/%d/status", option.pids[i]);
        file = fopen(path, "r");
        while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
            if (strncmp(line, "VmRSS:", 6) == 0) {
                sum += strtol(line + 6, NULL, 10);
            }
        }
        if (file != NULL) {
            fclose(file);
        }
    }

    return sum;
}


static double
own_cpu(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);

    return (double) (u.ru_utime.tv_sec + u.ru_stime.tv_sec)
           + (double) (u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}


static void
viewer_close(viewer_t *v)
{
    close(v->fd);
    v->phase = GONE;
    lost++;
}


static void
times_add(const viewer_t *v)
{
    if (times == NULL) {
        times = malloc(TIMES_MAX * sizeof(times_t));
    }
    if (times != NULL && times_count < TIMES_MAX) {
        times[times_count++] =
            (times_t) { v->seq, v->head_came, clock_seconds(CLOCK_REALTIME) };
    }
}


static void
times_print(void)
{
    size_t i;

    for (i = 0; i < times_count; i++) {
        fprintf(option.file, "%llu %.0f %.0f\n",
                (unsigned long long) times[i].seq, times[i].head * 1e6,
                times[i].end * 1e6);
    }
    if (fclose(option.file) != 0) {
        perror("mjpeg_load");
        exit(1);
    }
}


static void
picture_end(viewer_t *v)
{
    double now;

    if (v->seq != 0 && v->seq == v->seq_before) {
        return; /* the last one again, while there is no new one */
    }

    if (counting) {
        now = clock_seconds(CLOCK_MONOTONIC);
        ages_add(v->taken);
        if (option.file != NULL) {
            times_add(v);
        }
        pictures++;
        v->pictures++;
        if (v->seq_before != 0 && v->seq > v->seq_before + 1) {
            v->missed += (long) (v->seq - v->seq_before - 1);
        }
        if (v->came != 0 && now - v->came > v->longest) {
            v->longest = now - v->came;
        }
        v->came = now;
    }
    v->seq_before = v->seq;
}


/* The value of a field of the head; NULL: it is not there. */
static const char *
field(const viewer_t *v, const char *name)
{
    const char *found = strcasestr(v->head, name);

    return found == NULL ? NULL : found + strlen(name);
}


/* A head is whole: that of the answer, or of a part.  -1: it is no good. */
static int
head_end(viewer_t *v)
{
    const char *length, *time, *seq;

    if (v->phase == RESPONSE) {
        v->chunk = field(v, "\r\nTransfer-Encoding: chunked") != NULL
                       ? CHUNK_SIZE
                       : CHUNK_DATA;
        v->chunk_left = v->chunk == CHUNK_SIZE ? 0 : SIZE_MAX;
        v->phase = v - viewers < option.stalled + option.slow ? IDLE : PICTURES;
        return strncmp(v->head + 8, " 200", 4) == 0 ? 0 : -1;
    }

    length = field(v, "\r\nContent-Length:");
    time = field(v, "\r\nX-Timestamp:");
    seq = field(v, "\r\nX-Frame-Seq:");
    if (length == NULL) {
        return -1;
    }

    v->left = strtoul(length, NULL, 10);
    v->taken = time == NULL ? 0 : strtod(time, NULL);
    v->seq = seq == NULL ? 0 : strtoull(seq, NULL, 10);
    if (option.file != NULL) {
        v->head_came = clock_seconds(CLOCK_REALTIME);
    }

    return 0;
}


/* What begins a line of its own before a head is left out of it. */
static int
head_byte(viewer_t *v, char byte)
{
    if (v->head_length == 0 && (byte == '\r' || byte == '\n')) {
        return 0;
    }
    if (v->head_length == HEAD_MAX - 1) {
        return -1;
    }

    v->head[v->head_length++] = byte;
    v->head[v->head_length] = '\0';

    if (v->head_length < 4
        || memcmp(v->head + v->head_length - 4, "\r\n\r\n", 4) != 0)
    {
        return 0;
    }

    v->head_length = 0;

    return head_end(v);
}


static void
chunk_byte(viewer_t *v, char byte)
{
    int digit = byte >= 'a'   ? byte - 'a' + 10
                : byte >= 'A' ? byte - 'A' + 10
                              : byte - '0';

    if (v->chunk == CHUNK_END) {
        v->chunk = byte == '\n' ? CHUNK_SIZE : CHUNK_END;

    } else if (byte == '\n') {
        v->chunk = CHUNK_DATA;

    } else if (byte != '\r') {
        v->chunk_left = v->chunk_left * 16 + (size_t) digit;
    }
}


/* So many bytes of a picture have come. */
static void
picture_bytes(viewer_t *v, size_t n)
{
    v->left -= n;
    if (v->left == 0) {
        picture_end(v);
    }
}


static void
chunk_bytes(viewer_t *v, size_t n)
{
    if (v->chunk_left != SIZE_MAX) {
        v->chunk_left -= n;
        v->chunk = v->chunk_left == 0 ? CHUNK_END : CHUNK_DATA;
    }
}


static size_t
least(size_t a, size_t b)
{
    return a < b ? a : b;
}


static int
viewer_bytes(viewer_t *v, const char *bytes, size_t n)
{
    size_t i, part;
    int    framed;

    for (i = 0; i < n; i += part) {
        part = 1;
        framed = v->phase != RESPONSE;

        if (framed && v->chunk != CHUNK_DATA) {
            chunk_byte(v, bytes[i]);
            continue;
        }

        if (v->left > 0) {
            part = least(least(n - i, v->left), v->chunk_left);
            picture_bytes(v, part);
        } else if (head_byte(v, bytes[i]) != 0) {
            return -1;
        }
        if (framed) {
            chunk_bytes(v, part);
        }
    }

    return 0;
}


static ssize_t
viewer_receive(viewer_t *v)
{
    static char bytes[1 << 16];
    size_t      most = sizeof(bytes);
    ssize_t     n;

    if (v->left == 0 || (v->phase == PICTURES && v->chunk != CHUNK_DATA)) {
        n = recv(v->fd, bytes, READ_SIZE, 0);
        return n > 0 && viewer_bytes(v, bytes, (size_t) n) != 0 ? 0 : n;
    }

    most = least(most, least(v->left, v->chunk_left));
    n = recv(v->fd, bytes, most, MSG_TRUNC);
    if (n > 0) {
        picture_bytes(v, (size_t) n);
        chunk_bytes(v, (size_t) n);
    }

    return n;
}


static void
viewer_read(viewer_t *v)
{
    ssize_t n = 1;
    int     turn;

    for (turn = 0; turn < TURNS && v->phase < IDLE && n > 0; turn++) {
        n = viewer_receive(v);
        if (n == 0 || (n < 0 && errno != EAGAIN)) {
            viewer_close(v);
            return;
        }
        bytes_read += n > 0 ? (uint64_t) n : 0;
    }

    if (v->phase == IDLE) {
        epoll_ctl(epoll, EPOLL_CTL_DEL, v->fd, NULL);
    }
}


static void
slow_read(void)
{
    static char   bytes[SLOW_BYTES];
    static double next;
    viewer_t     *v;

    if (clock_seconds(CLOCK_MONOTONIC) < next) {
        return;
    }
    next = clock_seconds(CLOCK_MONOTONIC) + SLOW_EVERY;

    for (v = viewers + option.stalled;
         v < viewers + option.stalled + option.slow; v++)
    {
        if (v->phase == IDLE
            && recv(v->fd, bytes, sizeof(bytes), MSG_TRUNC) == 0) {
            v->phase = GONE; /* it was cut, which is all right */
        }
    }
}


/* Whatever comes within so many milliseconds. */
static void
viewers_read(int timeout)
{
    struct epoll_event events[EVENTS];
    int                i, n = epoll_wait(epoll, events, EVENTS, timeout);

    for (i = 0; i < n; i++) {
        viewer_read(events[i].data.ptr);
    }
    if (option.slow > 0) {
        slow_read();
    }
}


static void
viewer_open(viewer_t *v, const char *path)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons((uint16_t) option.port) };
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = v };
    char               request[1024];
    int                n;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    n = snprintf(request, sizeof(request),
                 "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", path);

    v->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (v->fd < 0
        || connect(v->fd, (struct sockaddr *) &address, sizeof(address)) != 0
        || write(v->fd, request, (size_t) n) != n)
    {
        fprintf(stderr, "mjpeg_load: %s\n", strerror(errno));
        exit(1);
    }

    fcntl(v->fd, F_SETFL, O_NONBLOCK);
    epoll_ctl(epoll, EPOLL_CTL_ADD, v->fd, &event);
}


/* So many at a time that a server's backlog holds them. */
static void
viewers_open(void)
{
    double pause;
    int    i;

    for (i = 0; i < option.viewers; i++) {
        viewer_open(&viewers[i], option.paths[i % option.npaths]);
        if (i % OPENED_AT_ONCE != 0) {
            continue;
        }
        pause = clock_seconds(CLOCK_MONOTONIC) + OPEN_PAUSE;
        while (clock_seconds(CLOCK_MONOTONIC) < pause) {
            viewers_read(1);
        }
    }
}


static int
rates_compare(const void *a, const void *b)
{
    const viewer_t *x = a, *y = b;

    return (x->pictures > y->pictures) - (x->pictures < y->pictures);
}


/* `seconds` is what it took, `cpu` what the servers have used meanwhile. */
static void
print(double seconds, double cpu, double own, long memory_before)
{
    int       idle = option.stalled + option.slow, i;
    int       n = option.viewers - idle;
    viewer_t *v = viewers + idle;
    double    expected = seconds * option.fps * n, longest = 0;
    long      missed = 0;

    for (i = 0; i < n; i++) {
        missed += v[i].missed;
        longest = v[i].longest > longest ? v[i].longest : longest;
    }
    qsort(v, (size_t) n, sizeof(viewer_t), rates_compare);
    ages_sort();

    printf("{\"viewers\":%d,\"seconds\":%.3f,\"pictures\":%ld,"
           "\"expected\":%.0f,\"delivered\":%.4f,\"missed\":%ld,\"lost\":%d,",
           option.viewers, seconds, pictures, expected,
           (double) pictures / expected, missed, lost);
    printf("\"fps_min\":%.2f,\"fps_p50\":%.2f,\"p50_ms\":%.3f,\"p90_ms\":%.3f,"
           "\"p99_ms\":%.3f,\"max_ms\":%.3f,\"longest_ms\":%.1f,",
           (double) v[0].pictures / seconds,
           (double) v[n / 2].pictures / seconds, ages_quantile(.5),
           ages_quantile(.9), ages_quantile(.99), ages_quantile(1),
           longest * 1e3);
    printf("\"mb_per_second\":%.1f,\"load_cpu\":%.3f,\"server_cpu\":%.4f,"
           "\"us_per_picture\":%.3f,\"kb_before\":%ld,\"kb\":%ld}\n",
           (double) bytes_read / seconds * 1e-6, own / seconds, cpu / seconds,
           pictures == 0 ? 0 : cpu * 1e6 / (double) pictures, memory_before,
           pids_memory());
}


static void
watch(void)
{
    long   memory = pids_memory();
    double began, end, cpu, own, now;

    viewers_open();
    began = clock_seconds(CLOCK_MONOTONIC) + option.warm;
    while (clock_seconds(CLOCK_MONOTONIC) < began) {
        viewers_read(1);
    }

    cpu = pids_cpu();
    own = own_cpu();
    bytes_read = 0;
    counting = 1;
    began = now = clock_seconds(CLOCK_MONOTONIC);
    end = began + option.seconds;
    while (now < end) {
        viewers_read((int) ((end - now) * 1e3) + 1);
        now = clock_seconds(CLOCK_MONOTONIC);
    }

    print(now - began, pids_cpu() - cpu, own_cpu() - own, memory);
}


static int
usage(void)
{
    fprintf(stderr, "mjpeg_load [-n VIEWERS] [-w WARM] [-t SECONDS] [-f FPS]\n"
                    "           [-s STALLED] [-l SLOW] [-P PID]... [-o FILE] "
                    "PORT PATH...\n");
    return 2;
}


int
main(int argc, char **argv)
{
    struct rlimit files;
    int           letter;

    while ((letter = getopt(argc, argv, "n:w:t:f:s:l:P:o:")) > 0) {
        switch (letter) {
        case 'n':
            option.viewers = (int) strtol(optarg, NULL, 10);
            break;
        case 'w':
            option.warm = strtod(optarg, NULL);
            break;
        case 't':
            option.seconds = strtod(optarg, NULL);
            break;
        case 'f':
            option.fps = strtod(optarg, NULL);
            break;
        case 's':
            option.stalled = (int) strtol(optarg, NULL, 10);
            break;
        case 'l':
            option.slow = (int) strtol(optarg, NULL, 10);
            break;
        case 'P':
            if (option.npids == PIDS_MAX) {
                return usage();
            }
            option.pids[option.npids++] = (int) strtol(optarg, NULL, 10);
            break;
        case 'o':
            option.file = fopen(optarg, "w");
            if (option.file == NULL) {
                return usage();
            }
            break;
        default:
            return usage();
        }
    }

    if (argc - optind < 2 || option.viewers <= option.stalled + option.slow) {
        return usage();
    }
    option.port = (int) strtol(argv[optind], NULL, 10);
    option.paths = argv + optind + 1;
    option.npaths = argc - optind - 1;

    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);

    epoll = epoll_create1(0);
    viewers = calloc((size_t) option.viewers, sizeof(viewer_t));
    if (viewers == NULL) {
        return 1;
    }

    watch();
    if (option.file != NULL) {
        times_print();
    }
    return 0;
}
