/*
 * What the media libraries have to say: warnings and errors are caught,
 * masked, held to a rate and kept for the main thread, which sends them over
 * the link.  Nothing of it goes to stderr.
 */

#ifndef VSW_MEDIA_LOG_H
#define VSW_MEDIA_LOG_H

#include <stdbool.h>

#include "vsw_mask.h"

#define VSW_MEDIA_LOG_TEXT_MAX 320
#define VSW_MEDIA_LOG_KEPT     3


typedef struct {
    bool is_error; /* else a warning */
    char text[VSW_MEDIA_LOG_TEXT_MAX];
} vsw_media_log_line_t;


/* Once; `mask` must live as long as the process. */
void vsw_media_log_start(const vsw_mask_t *mask);

/* The oldest line not taken yet; false: none. */
bool vsw_media_log_take(vsw_media_log_line_t *line);

/*
 * An error of the calling thread, for the detail of a failure: 0 is the newest
 * one, VSW_MEDIA_LOG_KEPT - 1 the oldest that is kept.  Empty: there was none
 * since vsw_media_log_forget().
 * Valid until the thread logs again.
 */
const char *vsw_media_log_error(unsigned age);

/* This thread begins anew with its source. */
void vsw_media_log_forget(void);


#endif /* VSW_MEDIA_LOG_H */
