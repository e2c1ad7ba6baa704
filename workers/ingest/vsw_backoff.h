/*
 * How long to wait before a camera is dialled again.  Why the last attempt
 * failed decides: a camera that says 401 is asked rarely, because cameras
 * lock out; a network that fails is asked with exponential back-off and full
 * jitter, so that many cameras that went down together do not come back
 * together; a process that crashed is started at once, unless it keeps
 * crashing.  Pure: the caller brings time and randomness.
 */

#ifndef VSW_BACKOFF_H
#define VSW_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

#define VSW_BACKOFF_NETWORK_MS      500
#define VSW_BACKOFF_NETWORK_MAX_MS  30000
#define VSW_BACKOFF_LEAST_MS        100 /* full jitter never means "now" */
#define VSW_BACKOFF_AUTH_MS         60000
#define VSW_BACKOFF_AUTH_MAX_MS     900000
#define VSW_BACKOFF_MEDIA_MS        15000
#define VSW_BACKOFF_MEDIA_MAX_MS    300000
#define VSW_BACKOFF_OPERATOR_MS     300000
#define VSW_BACKOFF_CREDENTIAL_MS   60000
#define VSW_BACKOFF_CRASH_MS        300
#define VSW_BACKOFF_CRASHES         5
#define VSW_BACKOFF_CRASH_WINDOW_MS 60000
#define VSW_BACKOFF_QUARANTINE_MS   300000
#define VSW_BACKOFF_RESET_MS        30000 /* streaming this long forgives all */
#define VSW_BACKOFF_WORKED_MS       5000


typedef enum {
    VSW_BACKOFF_ON_NETWORK = 0, /* may be over the next moment */
    VSW_BACKOFF_ON_AUTH,        /* asking again may lock us out */
    VSW_BACKOFF_ON_MEDIA,       /* it answers, but not with what we can show */
    VSW_BACKOFF_ON_OPERATOR,    /* somebody must change a configuration */
    VSW_BACKOFF_ON_CREDENTIAL,  /* a file or variable must appear */
    VSW_BACKOFF_ON_CRASH,       /* the camera process itself died or hung */
} vsw_backoff_class_t;

#define VSW_BACKOFF_CLASSES (VSW_BACKOFF_ON_CRASH + 1)

typedef struct {
    /* Failed since it last streamed; classes that take turns all grow. */
    unsigned attempts[VSW_BACKOFF_CLASSES];
    unsigned crashes;                         /* entries used in crashes_ms */
    int64_t  crashes_ms[VSW_BACKOFF_CRASHES]; /* oldest first */
} vsw_backoff_t;

typedef struct {
    int64_t delay_ms;
    bool    quarantined;
} vsw_backoff_verdict_t;


void vsw_backoff_init(vsw_backoff_t *backoff);

/*
 * After VSW_BACKOFF_RESET_MS of streaming, or VSW_BACKOFF_WORKED_MS before a
 * crash.  Crashes themselves are not forgotten.
 */
void vsw_backoff_reset(vsw_backoff_t *backoff);

/* `reason` is one of VSTREAM_REASON_*. */
vsw_backoff_class_t vsw_backoff_class(const char *reason);

/* An attempt has failed.  `random` is any number, evenly distributed. */
vsw_backoff_verdict_t vsw_backoff_next(vsw_backoff_t      *backoff,
                                       vsw_backoff_class_t failure,
                                       int64_t now_ms, uint32_t random);


#endif /* VSW_BACKOFF_H */
