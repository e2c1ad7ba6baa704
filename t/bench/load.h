/*
 * What the producers of t/bench have in common: the same options, the same
 * bytes at the same pace, the same figures.  Some are rooms of ours, others
 * bare libraries; only what they call differs.
 */

#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define LOAD_WARM_SECONDS 1.0 /* connections are made, nothing is counted */
#define LOAD_CAMERAS_MAX  256
#define LOAD_FILE_MAX     (1 << 20)


static struct {
    const char *brokers, *topic, *linger, *file;
    int         cameras, size;
    double      rate, seconds; /* rate: of all cameras together */
    char       *bytes;         /* `size` of them, as a JPEG has them */
} load = { .topic = "frames",
           .linger = "5",
           .cameras = 10,
           .size = 60000,
           .rate = 300,
           .seconds = 4 };

static struct {
    double began, cpu_began; /* 0: still warming up */
    long   delivered, failed, offered;
    double longest; /* seconds of one call */
} seen;


static inline double
load_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (double) ts.tv_sec + (double) ts.tv_nsec * 1e-9;
}


/* Seconds that all threads of this process have used. */
static inline double
load_cpu(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);

    return (double) (u.ru_utime.tv_sec + u.ru_stime.tv_sec)
           + (double) (u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}


/* Noise, as an encoded picture is; the same in every run. */
static inline void
load_noise(void)
{
    uint32_t state = 1;
    int      i;

    load.bytes = malloc((size_t) load.size);
    for (i = 0; load.bytes != NULL && i < load.size; i++) {
        state = state * 1664525 + 1013904223;
        load.bytes[i] = (char) (state >> 24);
    }
}


static inline void
load_file(void)
{
    FILE *file = fopen(load.file, "rb");

    load.bytes = malloc(LOAD_FILE_MAX);
    if (file == NULL || load.bytes == NULL) {
        perror(load.file);
        exit(1);
    }

    load.size = (int) fread(load.bytes, 1, LOAD_FILE_MAX, file);
    fclose(file);
}


/* With -f the bytes are those of a file, and so many. */
static inline void
load_options(int argc, char **argv)
{
    int letter;

    while ((letter = getopt(argc, argv, "b:t:l:c:z:r:d:f:")) > 0) {
        switch (letter) {
        case 'b':
            load.brokers = optarg;
            break;
        case 't':
            load.topic = optarg;
            break;
        case 'l':
            load.linger = optarg;
            break;
        case 'c':
            load.cameras = (int) strtol(optarg, NULL, 10);
            break;
        case 'z':
            load.size = (int) strtol(optarg, NULL, 10);
            break;
        case 'r':
            load.rate = strtod(optarg, NULL);
            break;
        case 'd':
            load.seconds = strtod(optarg, NULL);
            break;
        case 'f':
            load.file = optarg;
            break;
        default:
            exit(2);
        }
    }

    if (load.brokers == NULL || load.size < 4 || load.rate <= 0
        || load.cameras < 1 || load.cameras > LOAD_CAMERAS_MAX)
    {
        fprintf(stderr, "-b SERVER [-t TOPIC] [-l LINGER_MS] [-c CAMERAS] "
                        "[-z BYTES | -f FILE] [-r MESSAGES/S] [-d SECONDS]\n");
        exit(2);
    }

    if (load.file != NULL) {
        load_file();
    } else {
        load_noise();
    }
}


/* The counting begins once it is warm; 1 when it is over. */
static inline int
load_is_over(double started)
{
    double now = load_now();

    if (seen.began == 0 && now - started > LOAD_WARM_SECONDS) {
        memset(&seen, 0, sizeof(seen));
        seen.began = now;
        seen.cpu_began = load_cpu();
    }

    return seen.began != 0 && now - seen.began > load.seconds;
}


static inline void
load_called(double began)
{
    double took = load_now() - began;

    seen.offered++;
    if (took > seen.longest) {
        seen.longest = took;
    }
}


static inline void
load_print(void)
{
    double seconds = load_now() - seen.began;
    double cpu = load_cpu() - seen.cpu_began;

    printf("{\"offered\":%ld,\"delivered\":%ld,\"failed\":%ld,"
           "\"per_second\":%.1f,\"cpu\":%.4f,\"us_per_message\":%.2f,"
           "\"longest_us\":%.1f}\n",
           seen.offered, seen.delivered, seen.failed,
           (double) seen.delivered / seconds, cpu / seconds,
           seen.delivered == 0 ? 0 : cpu * 1e6 / (double) seen.delivered,
           seen.longest * 1e6);
    fflush(stdout);
}


#endif /* BENCH_LOAD_H */
