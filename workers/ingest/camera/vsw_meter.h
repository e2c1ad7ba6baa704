/*
 * What a camera really sends: pictures a second, kilobits a second and the
 * time between keyframes, measured on arrivals over a sliding window.  Not
 * locked; its owner does that.
 */

#ifndef VSW_METER_H
#define VSW_METER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VSW_METER_PLACES    128
#define VSW_METER_WINDOW_US 4000000


typedef struct {
    int64_t  t_us[VSW_METER_PLACES];
    uint32_t bytes[VSW_METER_PLACES];
    uint64_t count; /* of all arrivals, ever */
    int64_t  key_us;
    int64_t  key_interval_us;
} vsw_meter_t;

typedef struct {
    uint32_t fps_milli;
    uint32_t kbps;
    uint32_t keyframe_ms; /* 0: not known yet */
    int64_t  interval_us; /* between access units; 0: not known yet */
} vsw_measure_t;


void vsw_meter_add(vsw_meter_t *meter, int64_t t_us, size_t bytes, bool is_key);

/* What it is now; a camera that stopped sending slows down. */
void vsw_meter_read(const vsw_meter_t *meter, int64_t now_us,
                    vsw_measure_t *measure);


#endif /* VSW_METER_H */
