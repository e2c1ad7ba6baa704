/*
 * Why a camera process gave up: one of the words VSTREAM_REASON_* and a
 * sentence for people that says what to do.  The first failure of a chain is
 * the one that is kept: it stands nearest to the cause.
 */

#ifndef VSW_FAILURE_H
#define VSW_FAILURE_H

#include <stdbool.h>

#include "vstream_schema.h"

#define VSW_FAILURE_DETAIL_MAX 400


typedef struct {
    const char *reason; /* NULL: none yet */
    char        detail[VSW_FAILURE_DETAIL_MAX];
} vsw_failure_t;


/* Does nothing if `failure` holds one already. */
void vsw_failure_set(vsw_failure_t *failure, const char *reason,
                     const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * The failure that a libavformat or libavcodec error code stands for.  `what`
 * begins the sentence: "the camera", "the file".
 */
void vsw_failure_set_av(vsw_failure_t *failure, int av_error, const char *what);


#endif /* VSW_FAILURE_H */
