/*
 * The test pattern: colour bars, a box that moves, a running clock, and the
 * same time as a row of 48 black and white blocks (Unix milliseconds, highest
 * bit first) that a program can read off the picture.
 */

#ifndef VSW_PATTERN_H
#define VSW_PATTERN_H

#include <stdint.h>

#include <libavutil/frame.h>

#include "vsw_picture_size.h"

#define VSW_PATTERN_CLOCK_BITS 48

typedef struct vsw_pattern_s vsw_pattern_t;


vsw_pattern_t *vsw_pattern_create(vsw_size_t size);
void           vsw_pattern_destroy(vsw_pattern_t *pattern);

/* Picture number `n`, taken at t_unix_us; borrowed until the next call. */
const AVFrame *vsw_pattern_draw(vsw_pattern_t *pattern, uint64_t n,
                                int64_t t_unix_us);


#endif /* VSW_PATTERN_H */
