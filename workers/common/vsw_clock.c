/*
 * Clocks, see vsw_clock.h.  Nothing here keeps state but the watch that its
 * owner passes in.
 */

#include "vsw_clock.h"

#include <stdio.h>
#include <time.h>

#define VSW_CLOCK_STEP_US 500000


static int64_t vsw_clock_read_us(clockid_t clock);


int64_t
vsw_clock_ms(void)
{
    return vsw_clock_read_us(CLOCK_MONOTONIC) / 1000;
}


int64_t
vsw_clock_us(void)
{
    return vsw_clock_read_us(CLOCK_MONOTONIC);
}


int64_t
vsw_clock_unix_us(void)
{
    return vsw_clock_read_us(CLOCK_REALTIME);
}


int64_t
vsw_clock_unix_ms(void)
{
    return vsw_clock_unix_us() / 1000;
}


void
vsw_clock_text(char text[VSW_CLOCK_TEXT_SIZE], int64_t unix_ms)
{
    time_t    seconds = (time_t) (unix_ms / 1000);
    struct tm tm;
    size_t    n;

    if (gmtime_r(&seconds, &tm) == NULL) {
        tm = (struct tm) { .tm_mday = 1, .tm_year = 70 };
    }

    n = strftime(text, VSW_CLOCK_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text + n, VSW_CLOCK_TEXT_SIZE - n, ".%03uZ",
             (unsigned) (unix_ms % 1000) % 1000);
}


void
vsw_clock_watch_init(vsw_clock_watch_t *watch)
{
    watch->offset_us =
        vsw_clock_read_us(CLOCK_REALTIME) - vsw_clock_read_us(CLOCK_MONOTONIC);
}


int64_t
vsw_clock_watch_step(vsw_clock_watch_t *watch)
{
    int64_t before = watch->offset_us;
    int64_t step;

    vsw_clock_watch_init(watch);
    step = watch->offset_us - before;

    if (step > -VSW_CLOCK_STEP_US && step < VSW_CLOCK_STEP_US) {
        return 0;
    }

    return step / 1000;
}


static int64_t
vsw_clock_read_us(clockid_t clock)
{
    struct timespec ts;

    clock_gettime(clock, &ts);

    return (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}
