/*
 * A histogram of times, see vsw_ages.h.
 */

#include "vsw_ages.h"

#include <string.h>


const uint32_t vsw_ages_of_frames_us[VSW_AGES_BUCKETS] = {
    5000, 10000, 20000, 40000, 80000, 160000, 320000, 640000, 1280000, 2560000
};

const uint32_t vsw_ages_of_calls_us[VSW_AGES_BUCKETS] = {
    10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000
};


void
vsw_ages_init(vsw_ages_t *ages, const uint32_t *bounds_us)
{
    memset(ages, 0, sizeof(*ages));
    ages->bounds_us = bounds_us;
}


void
vsw_ages_add(vsw_ages_t *ages, int64_t age_us)
{
    size_t i = 0;

    if (age_us < 0) {
        age_us = 0;
    }

    while (i < VSW_AGES_BUCKETS && age_us > (int64_t) ages->bounds_us[i]) {
        i++;
    }

    ages->counts[i]++;
    ages->sum_us += (uint64_t) age_us;
}
