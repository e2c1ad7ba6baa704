/*
 * A histogram of times: how old frames are where they arrive, how long calls
 * take.
 */

#ifndef VSW_AGES_H
#define VSW_AGES_H

#include <stdint.h>

#define VSW_AGES_BUCKETS 10


typedef struct {
    const uint32_t *bounds_us;                    /* VSW_AGES_BUCKETS */
    uint64_t        counts[VSW_AGES_BUCKETS + 1]; /* last: above all bounds */
    uint64_t        sum_us;
} vsw_ages_t;


extern const uint32_t vsw_ages_of_frames_us[VSW_AGES_BUCKETS];
extern const uint32_t vsw_ages_of_calls_us[VSW_AGES_BUCKETS];

void vsw_ages_init(vsw_ages_t *ages, const uint32_t *bounds_us);

/* What is negative, by a step of a clock, counts as 0. */
void vsw_ages_add(vsw_ages_t *ages, int64_t age_us);


#endif /* VSW_AGES_H */
