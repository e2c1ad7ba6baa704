/*
 * Clocks.  Leases, deadlines and back-off run on the monotonic clock; wall
 * time appears only in what people and other hosts read.  A watch compares the
 * two, so that a step of the wall clock is noticed and logged.
 */

#ifndef VSW_CLOCK_H
#define VSW_CLOCK_H

#include <stdint.h>

/* "2025-01-31T12:34:56.789Z" and its terminating zero. */
#define VSW_CLOCK_TEXT_SIZE 25

typedef struct {
    int64_t offset_us; /* wall clock minus monotonic clock, when last seen */
} vsw_clock_watch_t;


int64_t vsw_clock_ms(void);      /* monotonic */
int64_t vsw_clock_us(void);      /* the same, finer */
int64_t vsw_clock_unix_us(void); /* wall clock */
int64_t vsw_clock_unix_ms(void);

/* RFC 3339 in UTC with milliseconds, zero-terminated. */
void vsw_clock_text(char text[VSW_CLOCK_TEXT_SIZE], int64_t unix_ms);

void vsw_clock_watch_init(vsw_clock_watch_t *watch);

/*
 * How far the wall clock has stepped since the last call: milliseconds,
 * negative if it went back, 0 if it moved by less than half a second.
 */
int64_t vsw_clock_watch_step(vsw_clock_watch_t *watch);


#endif /* VSW_CLOCK_H */
