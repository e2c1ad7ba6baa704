/*
 * How old pictures are when they have come: what the programs of t/bench that
 * receive them collect, and their quantiles.
 */

#ifndef BENCH_AGES_H
#define BENCH_AGES_H

#include <stdlib.h>
#include <time.h>

#define AGES_MAX (1 << 22)


static struct {
    float *ms;
    size_t count;
} ages;


static inline double
clock_seconds(clockid_t which)
{
    struct timespec ts;

    clock_gettime(which, &ts);

    return (double) ts.tv_sec + (double) ts.tv_nsec * 1e-9;
}


/* Of a picture that was taken then, by the wall clock. */
static inline void
ages_add(double taken)
{
    if (ages.ms == NULL) {
        ages.ms = malloc(AGES_MAX * sizeof(ages.ms[0]));
    }
    if (ages.ms != NULL && ages.count < AGES_MAX) {
        ages.ms[ages.count++] =
            (float) ((clock_seconds(CLOCK_REALTIME) - taken) * 1e3);
    }
}


static int
ages_compare(const void *a, const void *b)
{
    float x = *(const float *) a, y = *(const float *) b;

    return (x > y) - (x < y);
}


/* Once, after the last one. */
static inline void
ages_sort(void)
{
    if (ages.count > 0) {
        qsort(ages.ms, ages.count, sizeof(ages.ms[0]), ages_compare);
    }
}


static inline double
ages_quantile(double q)
{
    return ages.count == 0
               ? 0
               : (double) ages.ms[(size_t) (q * (double) (ages.count - 1))];
}


#endif /* BENCH_AGES_H */
