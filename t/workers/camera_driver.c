/*
 * Plays supervisor for one camera process, for tests and by hand: starts it,
 * configures it, watches it for a while, and prints one line for each message
 * it sends, with the milliseconds since the start in front.
 *
 *   camera_driver [-s] [-m] [-t seconds] [-w seconds] [-u seconds]
 *                 [-r rendition] [-p seconds] [-d folder] [-v folder]
 *                 [-n rate] url [name=value ...]
 *
 * -s  through the spawner, as the supervisor does; else by a plain fork
 * -m  prints the camera process's memory at the end
 * -t  how long (10)
 * -w  watches from then on, -u until then
 * -r  which rendition: main (the default) or small
 * -p  reads nothing for so long, from two seconds on
 * -d  writes each frame into this folder
 * -v  sends the files of this folder as values, once each, in order of names
 * -n  so many of them a second (10)
 * name=value  fields of CONFIGURE (vsw_link.h); lists by commas
 */

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "vsw_camera_process.h"
#include "vsw_link.h"
#include "vsw_spawner.h"

typedef struct {
    bool           through_spawner;
    bool           shows_memory;
    double         seconds;
    double         watch_at; /* negative: never */
    double         unwatch_at;
    double         pause;
    const char    *folder;
    glob_t         values;
    double         rate;
    size_t         sent; /* values that were sent or refused */
    size_t         refused;
    vsw_spawner_t *spawner;
    pid_t          pid;
    vsw_link_t    *link;
    uint32_t       rendition; /* that is watched */
    uint32_t       watched;
    unsigned       frames;
    int64_t        start_us;
} driver_t;


static int64_t
driver_now_us(clockid_t clock)
{
    struct timespec ts;

    clock_gettime(clock, &ts);

    return (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}


static double
driver_elapsed(const driver_t *d)
{
    return (double) (driver_now_us(CLOCK_MONOTONIC) - d->start_us) / 1e6;
}


static bool
driver_is_list(const char *name)
{
    return strcmp(name, "allow") == 0 || strcmp(name, "file_roots") == 0
           || strcmp(name, "listen") == 0 || strcmp(name, "devices") == 0
           || strcmp(name, "secrets") == 0;
}


static json_t *
driver_list(const char *text)
{
    json_t *list = json_array();

    while (*text != '\0') {
        size_t n = strcspn(text, ",");

        json_array_append_new(list, json_stringn(text, n));
        text += n;
        text += *text == ',';
    }

    return list;
}


static json_t *
driver_value(const char *name, const char *text)
{
    char *end;
    long  number = strtol(text, &end, 10);

    if (driver_is_list(name)) {
        return driver_list(text);
    }

    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0) {
        return json_boolean(text[0] == 't');
    }

    return *text != '\0' && *end == '\0' ? json_integer(number)
                                         : json_string(text);
}


static void
driver_configure(driver_t *d, char **args)
{
    char   *text;
    json_t *json = json_pack("{s:s, s:s, s:i}", "id", "driver", "url", args[0],
                             "still_ms", 1000);

    for (args++; *args != NULL; args++) {
        char *value = strchr(*args, '=');

        if (value == NULL) {
            fprintf(stderr, "camera_driver: \"%s\" is no name=value\n", *args);
            exit(2);
        }

        *value++ = '\0';
        json_object_set_new(json, *args, driver_value(*args, value));
    }

    text = json_dumps(json, JSON_COMPACT);
    vsw_link_write(d->link, VSW_LINK_CONFIGURE, text, strlen(text), NULL, 0);
    free(text);
    json_decref(json);
}


static pid_t
driver_fork(const driver_t *d, int fd)
{
    pid_t pid = fork();

    if (pid != 0) {
        return pid;
    }

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close(vsw_link_fd(d->link)); /* or its end would never be seen */
    dup2(fd, VSW_LINK_FD);
    vsw_camera_process_run("driver");
}


static void
driver_start(driver_t *d)
{
    int pair[2];

    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);
    d->link = vsw_link_create(pair[0]);

    if (d->through_spawner) {
        d->spawner = vsw_spawner_create();
        d->pid = vsw_spawner_start(d->spawner, "driver", pair[1]);
    } else {
        d->pid = driver_fork(d, pair[1]);
    }

    if (d->pid == -1) {
        perror("camera_driver: start");
        exit(1);
    }

    close(pair[1]);
    d->start_us = driver_now_us(CLOCK_MONOTONIC);
    printf("%6d PID %d\n", 0, (int) d->pid);
}


static void
driver_frame_write(const driver_t *d, const vsw_link_frame_t *head,
                   const uint8_t *jpeg, size_t length)
{
    int  fd;
    char path[4096];

    snprintf(path, sizeof(path), "%s/%05u-%s%s.jpg", d->folder, d->frames,
             head->flags & VSW_FRAME_LIVE ? "L" : "",
             head->flags & VSW_FRAME_STILL ? "S" : "");

    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (fd == -1 || write(fd, jpeg, length) != (ssize_t) length) {
        perror(path);
        exit(1);
    }

    close(fd);
}


static void
driver_frame(driver_t *d, const vsw_link_message_t *m)
{
    vsw_link_frame_t head;
    size_t           length = m->length - sizeof(head);

    memcpy(&head, m->payload, sizeof(head));
    d->frames++;

    printf(
        "FRAME n=%u live=%d still=%d kafka=%d small=%d stand_in=%d size=%ux%u "
        "bytes=%zu age_us=%lld t=%lld\n",
        d->frames, (head.flags & VSW_FRAME_LIVE) != 0,
        (head.flags & VSW_FRAME_STILL) != 0,
        (head.flags & VSW_FRAME_KAFKA) != 0,
        (head.flags & VSW_FRAME_SMALL) != 0,
        (head.flags & VSW_FRAME_STAND_IN) != 0, head.width, head.height, length,
        (long long) (driver_now_us(CLOCK_REALTIME) - head.t_unix_us),
        (long long) head.t_unix_us);

    if (d->folder != NULL) {
        driver_frame_write(d, &head, m->payload + sizeof(head), length);
    }
}


static void
driver_counts(const vsw_link_message_t *m)
{
    vsw_link_counts_t c;

    memcpy(&c, m->payload, sizeof(c));

    printf("COUNTS units=%llu bytes=%llu late=%llu broken=%llu skipped=%llu "
           "fps_milli=%u kbps=%u keyframe_ms=%u heard=%lld values=%llu "
           "values_late=%llu values_broken=%llu\n",
           (unsigned long long) c.access_units, (unsigned long long) c.bytes,
           (unsigned long long) c.frames_late,
           (unsigned long long) c.frames_broken,
           (unsigned long long) c.units_skipped, c.fps_milli, c.kbps,
           c.keyframe_ms, (long long) c.heard_unix_us,
           (unsigned long long) c.values, (unsigned long long) c.values_late,
           (unsigned long long) c.values_broken);
}


static void
driver_message(driver_t *d, const vsw_link_message_t *m)
{
    printf("%6d ", (int) (driver_elapsed(d) * 1000));

    switch (m->type) {
    case VSW_LINK_FRAME:
        driver_frame(d, m);
        break;
    case VSW_LINK_COUNTS:
        driver_counts(m);
        break;
    case VSW_LINK_STREAM:
        printf("STREAM %.*s\n", (int) m->length, (char *) m->payload);
        break;
    case VSW_LINK_FAILED:
        printf("FAILED %.*s\n", (int) m->length, (char *) m->payload);
        break;
    case VSW_LINK_SUBSTREAM:
        printf("SUBSTREAM %.*s\n", (int) m->length, (char *) m->payload);
        break;
    case VSW_LINK_LOG:
        printf("LOG %.*s\n", (int) m->length, (char *) m->payload);
        break;
    default:
        printf("UNEXPECTED %d\n", (int) m->type);
    }
}


static void
driver_watch(driver_t *d)
{
    double   now = driver_elapsed(d);
    uint32_t watched = d->watch_at >= 0 && now >= d->watch_at
                       && !(d->unwatch_at >= 0 && now >= d->unwatch_at);
    vsw_link_watched_t message = { d->rendition, watched };

    if (watched == d->watched) {
        return;
    }

    d->watched = watched;
    printf("%6d WATCHED %u\n", (int) (now * 1000), watched);
    vsw_link_write(d->link, VSW_LINK_WATCHED, &message, sizeof(message), NULL,
                   0);
}


static void
driver_values_find(driver_t *d, const char *folder)
{
    char pattern[4096];

    snprintf(pattern, sizeof(pattern), "%s/*", folder);

    if (glob(pattern, 0, NULL, &d->values) != 0) {
        fprintf(stderr, "camera_driver: no values in %s\n", folder);
        exit(2);
    }
}


static void
driver_value_send(driver_t *d, const char *path)
{
    FILE            *f = fopen(path, "rb");
    char            *data = malloc(VSW_LINK_VALUE_MAX);
    size_t           length;
    vsw_link_value_t head = { driver_now_us(CLOCK_REALTIME) };

    if (f == NULL || data == NULL) {
        perror(path);
        exit(1);
    }

    length = fread(data, 1, VSW_LINK_VALUE_MAX, f);
    fclose(f);

    if (vsw_link_write(d->link, VSW_LINK_VALUE, &head, sizeof(head), data,
                       length)
        != VSTREAM_OK)
    {
        d->refused++;
    }

    free(data);
}


/* Those that are due by now. */
static void
driver_values_send(driver_t *d)
{
    vsw_link_flush(d->link);

    while (d->sent < d->values.gl_pathc
           && (double) d->sent <= driver_elapsed(d) * d->rate)
    {
        driver_value_send(d, d->values.gl_pathv[d->sent++]);
    }
}


/* Until time is up or the camera process is gone. */
static void
driver_loop(driver_t *d)
{
    int                rc = VSTREAM_OK;
    struct pollfd      pfd = { .fd = vsw_link_fd(d->link), .events = POLLIN };
    vsw_link_message_t m;

    while (driver_elapsed(d) < d->seconds) {
        driver_watch(d);
        driver_values_send(d);

        if (driver_elapsed(d) >= 2 && driver_elapsed(d) < 2 + d->pause) {
            usleep(5000);
            continue;
        }

        poll(&pfd, 1, 5);

        while ((rc = vsw_link_read(d->link, &m)) == VSTREAM_OK) {
            driver_message(d, &m);
        }

        fflush(stdout);

        if (rc == VSTREAM_ERROR) {
            printf("%6d GONE\n", (int) (driver_elapsed(d) * 1000));
            return;
        }
    }
}


static void
driver_memory_show(const driver_t *d)
{
    char  path[64], line[256];
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int) d->pid);
    f = fopen(path, "r");

    while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        if (strncmp(line, "Pss:", 4) == 0 || strncmp(line, "Rss:", 4) == 0
            || strncmp(line, "Private_Dirty:", 14) == 0)
        {
            printf("MEMORY %s", line);
        }
    }

    if (f != NULL) {
        fclose(f);
    }
}


/* Ends the camera process by closing the link, and says how it went. */
static void
driver_stop(driver_t *d)
{
    int                 status = 0;
    struct pollfd       pfd;
    vsw_spawner_death_t death = { .status = -1 };

    vsw_link_destroy(d->link);

    if (d->through_spawner) {
        pfd = (struct pollfd) { .fd = vsw_spawner_fd(d->spawner),
                                .events = POLLIN };
        poll(&pfd, 1, 2000);
        vsw_spawner_read(d->spawner, &death);
        status = death.status;
        vsw_spawner_destroy(d->spawner);

    } else {
        waitpid(d->pid, &status, 0);
    }

    printf("%6d EXIT status=%d signal=%d\n", (int) (driver_elapsed(d) * 1000),
           WIFEXITED(status) ? WEXITSTATUS(status) : -1,
           WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}


static char **
driver_options_read(driver_t *d, int argc, char **argv)
{
    int c;

    while ((c = getopt(argc, argv, "smt:w:u:r:p:d:v:n:")) != -1) {
        switch (c) {
        case 's':
            d->through_spawner = true;
            break;
        case 'm':
            d->shows_memory = true;
            break;
        case 't':
            d->seconds = strtod(optarg, NULL);
            break;
        case 'w':
            d->watch_at = strtod(optarg, NULL);
            break;
        case 'u':
            d->unwatch_at = strtod(optarg, NULL);
            break;
        case 'r':
            d->rendition = strcmp(optarg, "small") == 0;
            break;
        case 'p':
            d->pause = strtod(optarg, NULL);
            break;
        case 'd':
            d->folder = optarg;
            break;
        case 'v':
            driver_values_find(d, optarg);
            break;
        case 'n':
            d->rate = strtod(optarg, NULL);
            break;
        default:
            exit(2);
        }
    }

    if (optind == argc) {
        fprintf(stderr, "usage: camera_driver [options] url [name=value]\n");
        exit(2);
    }

    return argv + optind;
}


int
main(int argc, char **argv)
{
    char   **args;
    driver_t d = {
        .seconds = 10, .watch_at = -1, .unwatch_at = -1, .rate = 10
    };

    if (argc > 1 && strcmp(argv[1], "--spawner") == 0) {
        vsw_spawner_run(argc, argv);
    }

    args = driver_options_read(&d, argc, argv);
    driver_start(&d);
    driver_configure(&d, args);
    driver_loop(&d);

    if (d.values.gl_pathc > 0) {
        printf("%6d VALUES sent=%zu refused=%zu\n",
               (int) (driver_elapsed(&d) * 1000), d.sent, d.refused);
        globfree(&d.values);
    }

    if (d.shows_memory) {
        driver_memory_show(&d);
    }

    driver_stop(&d);

    return 0;
}
