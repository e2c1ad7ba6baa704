/*
 * The meter, see vsw_meter.h.
 */

#include <string.h>

#include "vsw_meter.h"


void
vsw_meter_add(vsw_meter_t *meter, int64_t t_us, size_t bytes, bool is_key)
{
    size_t place = meter->count % VSW_METER_PLACES;

    meter->t_us[place] = t_us;
    meter->bytes[place] = (uint32_t) bytes;
    meter->count++;

    if (!is_key) {
        return;
    }

    if (meter->key_us > 0) {
        meter->key_interval_us = t_us - meter->key_us;
    }

    meter->key_us = t_us;
}


/*
 * How many arrivals back the window reaches, and the bytes that came after
 * the first of them.  At least the last two, however long ago.
 */
static size_t
vsw_meter_window(const vsw_meter_t *meter, int64_t now_us, uint64_t *bytes)
{
    size_t place, back;
    size_t most = meter->count < VSW_METER_PLACES ? (size_t) meter->count
                                                  : VSW_METER_PLACES;

    *bytes = 0;

    for (back = 1; back < most; back++) {
        place = (meter->count - 1 - back) % VSW_METER_PLACES;

        if (back > 1 && now_us - meter->t_us[place] > VSW_METER_WINDOW_US) {
            break;
        }

        *bytes += meter->bytes[(place + 1) % VSW_METER_PLACES];
    }

    return back - 1;
}


void
vsw_meter_read(const vsw_meter_t *meter, int64_t now_us, vsw_measure_t *measure)
{
    size_t   intervals;
    int64_t  first_us, last_us, span_us;
    uint64_t bytes;

    memset(measure, 0, sizeof(*measure));
    measure->keyframe_ms = (uint32_t) (meter->key_interval_us / 1000);

    if (meter->count < 2) {
        return;
    }

    intervals = vsw_meter_window(meter, now_us, &bytes);
    last_us = meter->t_us[(meter->count - 1) % VSW_METER_PLACES];
    first_us = meter->t_us[(meter->count - 1 - intervals) % VSW_METER_PLACES];
    span_us = last_us - first_us;

    if (span_us <= 0) {
        return;
    }

    measure->interval_us = span_us / (int64_t) intervals;

    if (now_us - last_us > 2 * measure->interval_us + 1000000) {
        span_us = now_us - first_us;
    }

    measure->fps_milli = (uint32_t) (intervals * 1000000000ull / span_us);
    measure->kbps = (uint32_t) (bytes * 8000 / (uint64_t) span_us);
}
