/*
 * Paces, see vsw_paces.h.
 */

#include "vsw_paces.h"

/* Without a rate of its own, Kafka gets no more than this. */
#define VSW_KAFKA_US 1000000

/* Faster than this, Kafka needs more than keyframes, wherever they are. */
#define VSW_KAFKA_UNITS_MILLI 2000


static bool
vsw_pace_is_due(const vsw_pace_t *pace, int64_t now_us)
{
    return now_us + pace->slack_us >= pace->due_us;
}


/* Keeps to the grid, unless it was left by more than one step. */
static void
vsw_pace_advance(vsw_pace_t *pace, int64_t now_us)
{
    pace->due_us += pace->interval_us;

    if (pace->due_us + pace->slack_us < now_us) {
        pace->due_us = now_us + pace->interval_us;
    }
}


void
vsw_paces_init(vsw_paces_t *paces, const vsw_camera_config_t *config)
{
    uint32_t still_ms = config->still_ms;

    *paces = (vsw_paces_t) { .config = config };

    if (config->fps_milli > 0) {
        paces->live.interval_us = 1000000000 / config->fps_milli;
        paces->live.slack_us = paces->live.interval_us / 4;
    }

    paces->still.interval_us =
        (int64_t) (still_ms > 0 ? still_ms : VSTREAM_STILL_MS) * 1000;

    paces->kafka.interval_us = config->kafka_fps_milli > 0
                                   ? 1000000000 / config->kafka_fps_milli
                                   : VSW_KAFKA_US;
    paces->kafka.slack_us = paces->kafka.interval_us / 4;
}


static bool
vsw_duty_is_watched(const vsw_duty_t *duty)
{
    return duty->watched > 0 || duty->stand_in > 0;
}


void
vsw_paces_duty_set(vsw_paces_t *paces, const vsw_duty_t *duty)
{
    if (!vsw_duty_is_watched(&paces->duty) && vsw_duty_is_watched(duty)) {
        paces->live.due_us = 0;
        paces->still.due_us = 0;
    }

    paces->duty = *duty;
}


bool
vsw_paces_is_watched(const vsw_paces_t *paces)
{
    return vsw_duty_is_watched(&paces->duty);
}


uint32_t
vsw_paces_flags(const vsw_paces_t *paces, int64_t now_us)
{
    uint32_t          flags = 0;
    bool              is_watched = vsw_paces_is_watched(paces);
    const vsw_duty_t *duty = &paces->duty;

    if (is_watched && vsw_pace_is_due(&paces->live, now_us)) {
        flags |= duty->watched > 0 ? VSW_FRAME_LIVE : 0;
        flags |= duty->stand_in > 0 ? VSW_FRAME_STAND_IN : 0;
    }

    if (duty->stills && (is_watched || paces->config->still_ms > 0)
        && vsw_pace_is_due(&paces->still, now_us))
    {
        flags |= VSW_FRAME_STILL;
    }

    /*
     * A rate is a promise; without one Kafka gets what others have caused, of
     * the stream that is decoded whoever watches.
     */
    if ((paces->config->kafka_fps_milli > 0
         || (paces->config->kafka_keyframe && duty->stills && flags != 0))
        && vsw_pace_is_due(&paces->kafka, now_us))
    {
        flags |= VSW_FRAME_KAFKA;
    }

    return flags;
}


void
vsw_paces_sent(vsw_paces_t *paces, uint32_t flags, int64_t now_us)
{
    if (flags & (VSW_FRAME_LIVE | VSW_FRAME_STAND_IN)) {
        vsw_pace_advance(&paces->live, now_us);
    }

    if (flags & VSW_FRAME_STILL) {
        vsw_pace_advance(&paces->still, now_us);
    }

    if (flags & VSW_FRAME_KAFKA) {
        vsw_pace_advance(&paces->kafka, now_us);
    }
}


static bool
vsw_paces_give_stills(const vsw_paces_t *paces)
{
    return paces->duty.stills && paces->config->still_ms > 0;
}


int64_t
vsw_paces_keyframe_due_us(const vsw_paces_t *paces)
{
    int64_t kafka_us = paces->kafka.due_us - paces->kafka.slack_us;
    int64_t due_us = VSW_NEVER_US;

    if (vsw_paces_give_stills(paces)) {
        due_us = paces->still.due_us;
    }

    if (paces->config->kafka_fps_milli > 0 && kafka_us < due_us) {
        due_us = kafka_us;
    }

    return due_us;
}


int64_t
vsw_paces_wanted_us(const vsw_paces_t *paces)
{
    int64_t wanted_us = VSW_NEVER_US;

    if (paces->config->still_is_set && vsw_paces_give_stills(paces)) {
        wanted_us = paces->still.interval_us;
    }

    if (paces->config->kafka_fps_milli > 0
        && paces->kafka.interval_us < wanted_us) {
        wanted_us = paces->kafka.interval_us;
    }

    return wanted_us;
}


bool
vsw_paces_need_units(const vsw_paces_t *paces)
{
    return paces->config->kafka_fps_milli > VSW_KAFKA_UNITS_MILLI;
}
