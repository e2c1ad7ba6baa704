/*
 * Back-off by class of failure, see vsw_backoff.h.
 */

#include "vsw_backoff.h"

#include "vstream_schema.h"

#include <string.h>


/* Full jitter lies anywhere up to the ceiling, the other above a floor. */
static int64_t vsw_backoff_full(int64_t first, int64_t max, unsigned attempts,
                                uint32_t random);
static int64_t vsw_backoff_above(int64_t first, int64_t max, unsigned attempts,
                                 uint32_t random);
static int64_t vsw_backoff_ceiling(int64_t first, int64_t max,
                                   unsigned attempts);
static int64_t vsw_backoff_scale(int64_t range, uint32_t random);
static vsw_backoff_verdict_t vsw_backoff_crash(vsw_backoff_t *backoff,
                                               unsigned       attempts,
                                               int64_t now_ms, uint32_t random);


void
vsw_backoff_init(vsw_backoff_t *backoff)
{
    memset(backoff, 0, sizeof(*backoff));
}


void
vsw_backoff_reset(vsw_backoff_t *backoff)
{
    memset(backoff->attempts, 0, sizeof(backoff->attempts));
}


vsw_backoff_class_t
vsw_backoff_class(const char *reason)
{
    static const struct {
        const char         *reason;
        vsw_backoff_class_t failure;
    } table[] = {
        { VSTREAM_REASON_AUTH_FAILED, VSW_BACKOFF_ON_AUTH },
        { VSTREAM_REASON_NO_VIDEO, VSW_BACKOFF_ON_MEDIA },
        { VSTREAM_REASON_UNSUPPORTED_CODEC, VSW_BACKOFF_ON_MEDIA },
        { VSTREAM_REASON_TOO_LARGE, VSW_BACKOFF_ON_MEDIA },
        { VSTREAM_REASON_SOURCE_DENIED, VSW_BACKOFF_ON_OPERATOR },
        { VSTREAM_REASON_BAD_SOURCE, VSW_BACKOFF_ON_OPERATOR },
        { VSTREAM_REASON_CREDENTIAL_MISSING, VSW_BACKOFF_ON_CREDENTIAL },
        { VSTREAM_REASON_CRASHED, VSW_BACKOFF_ON_CRASH },
    };
    size_t i;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (strcmp(table[i].reason, reason) == 0) {
            return table[i].failure;
        }
    }

    return VSW_BACKOFF_ON_NETWORK;
}


vsw_backoff_verdict_t
vsw_backoff_next(vsw_backoff_t *backoff, vsw_backoff_class_t failure,
                 int64_t now_ms, uint32_t random)
{
    vsw_backoff_verdict_t verdict = { 0, false };
    unsigned              n = backoff->attempts[failure]++;

    switch (failure) {
    case VSW_BACKOFF_ON_AUTH:
        verdict.delay_ms = vsw_backoff_above(
            VSW_BACKOFF_AUTH_MS, VSW_BACKOFF_AUTH_MAX_MS, n, random);
        break;
    case VSW_BACKOFF_ON_MEDIA:
        verdict.delay_ms = vsw_backoff_above(
            VSW_BACKOFF_MEDIA_MS, VSW_BACKOFF_MEDIA_MAX_MS, n, random);
        break;
    case VSW_BACKOFF_ON_OPERATOR:
        verdict.delay_ms = VSW_BACKOFF_OPERATOR_MS;
        break;
    case VSW_BACKOFF_ON_CREDENTIAL:
        verdict.delay_ms = VSW_BACKOFF_CREDENTIAL_MS;
        break;
    case VSW_BACKOFF_ON_CRASH:
        return vsw_backoff_crash(backoff, n, now_ms, random);
    case VSW_BACKOFF_ON_NETWORK:
        verdict.delay_ms = vsw_backoff_full(
            VSW_BACKOFF_NETWORK_MS, VSW_BACKOFF_NETWORK_MAX_MS, n, random);
        break;
    }

    return verdict;
}


static int64_t
vsw_backoff_full(int64_t first, int64_t max, unsigned attempts, uint32_t random)
{
    int64_t delay =
        vsw_backoff_scale(vsw_backoff_ceiling(first, max, attempts), random);

    return delay < VSW_BACKOFF_LEAST_MS ? VSW_BACKOFF_LEAST_MS : delay;
}


static int64_t
vsw_backoff_above(int64_t first, int64_t max, unsigned attempts,
                  uint32_t random)
{
    int64_t floor = vsw_backoff_ceiling(first, max, attempts);

    return floor + vsw_backoff_scale(floor / 4, random);
}


static int64_t
vsw_backoff_ceiling(int64_t first, int64_t max, unsigned attempts)
{
    int64_t ceiling = first;

    while (attempts-- > 0 && ceiling < max) {
        ceiling *= 2;
    }

    return ceiling < max ? ceiling : max;
}


/* From 0 to `range`, both included. */
static int64_t
vsw_backoff_scale(int64_t range, uint32_t random)
{
    return (int64_t) (((uint64_t) random * ((uint64_t) range + 1)) >> 32);
}


/* A crash after good work costs little; one after the other doubles. */
static vsw_backoff_verdict_t
vsw_backoff_crash(vsw_backoff_t *backoff, unsigned attempts, int64_t now_ms,
                  uint32_t random)
{
    vsw_backoff_verdict_t verdict = { 0, false };

    while (
        backoff->crashes > 0
        && (backoff->crashes == VSW_BACKOFF_CRASHES
            || now_ms - backoff->crashes_ms[0] > VSW_BACKOFF_CRASH_WINDOW_MS))
    {
        backoff->crashes--;
        memmove(&backoff->crashes_ms[0], &backoff->crashes_ms[1],
                backoff->crashes * sizeof(backoff->crashes_ms[0]));
    }

    backoff->crashes_ms[backoff->crashes++] = now_ms;

    if (backoff->crashes == VSW_BACKOFF_CRASHES) {
        backoff->crashes = 0;
        backoff->attempts[VSW_BACKOFF_ON_CRASH] = 0;
        verdict.delay_ms = VSW_BACKOFF_QUARANTINE_MS;
        verdict.quarantined = true;
        return verdict;
    }

    verdict.delay_ms = vsw_backoff_full(
        VSW_BACKOFF_CRASH_MS, VSW_BACKOFF_NETWORK_MAX_MS, attempts, random);

    return verdict;
}
