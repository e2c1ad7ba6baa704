/*
 * The media libraries' log, see vsw_media_log.h.  libavutil knows one callback
 * for the whole process, called by any thread; so this file has one state,
 * but for the newest error: each source has a thread of its own.
 *
 * Lines are held to a rate by a bucket: VSW_MEDIA_LOG_BURST at once, then one
 * a second.  What was left out is counted and told with the next line.
 */

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <libavutil/log.h>
#include <libavutil/time.h>

#include "vsw_media_log.h"

#define VSW_MEDIA_LOG_BURST  8
#define VSW_MEDIA_LOG_PLACES 16

/* Long enough for the longest source and what is said of it. */
#define VSW_MEDIA_LOG_RAW_MAX 4096


static struct {
    pthread_mutex_t      lock;
    const vsw_mask_t    *mask;
    vsw_media_log_line_t lines[VSW_MEDIA_LOG_PLACES];
    unsigned             first;
    unsigned             count;
    unsigned             left_out;
    unsigned             tokens;
    int64_t              filled_us;
} vsw_media_log = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* A thread is told of its own errors alone: it explains what it did. */
static _Thread_local char vsw_media_log_last[VSW_MEDIA_LOG_KEPT]
                                            [VSW_MEDIA_LOG_TEXT_MAX];


/* May one more line go out now? */
static bool
vsw_media_log_token_take(void)
{
    int64_t  now_us = av_gettime_relative();
    unsigned seconds =
        (unsigned) ((now_us - vsw_media_log.filled_us) / 1000000);

    if (seconds > 0) {
        vsw_media_log.tokens += seconds;
        vsw_media_log.filled_us = now_us;
    }

    if (vsw_media_log.tokens > VSW_MEDIA_LOG_BURST) {
        vsw_media_log.tokens = VSW_MEDIA_LOG_BURST;
    }

    if (vsw_media_log.tokens == 0) {
        return false;
    }

    vsw_media_log.tokens--;

    return true;
}


static void
vsw_media_log_put(const char *text, bool is_error)
{
    unsigned              place;
    vsw_media_log_line_t *line;

    if (vsw_media_log.count == VSW_MEDIA_LOG_PLACES
        || !vsw_media_log_token_take()) {
        vsw_media_log.left_out++;
        return;
    }

    place =
        (vsw_media_log.first + vsw_media_log.count++) % VSW_MEDIA_LOG_PLACES;
    line = &vsw_media_log.lines[place];
    line->is_error = is_error;

    if (vsw_media_log.left_out == 0) {
        snprintf(line->text, sizeof(line->text), "%.*s",
                 VSW_MEDIA_LOG_TEXT_MAX - 1, text);
        return;
    }

    snprintf(line->text, sizeof(line->text), "(%u lines left out) %.*s",
             vsw_media_log.left_out, VSW_MEDIA_LOG_TEXT_MAX - 40, text);
    vsw_media_log.left_out = 0;
}


/* "[rtsp @ 0x5581...] text" becomes "[rtsp] text". */
static void
vsw_media_log_address_cut(char *text)
{
    char *at = strstr(text, " @ 0x");
    char *end = at != NULL ? strchr(at, ']') : NULL;

    if (end != NULL) {
        memmove(at, end, strlen(end) + 1);
    }
}


/* As the newest error of this thread. */
static void
vsw_media_log_keep(const char text[VSW_MEDIA_LOG_TEXT_MAX])
{
    memmove(vsw_media_log_last[1], vsw_media_log_last[0],
            sizeof(vsw_media_log_last) - sizeof(vsw_media_log_last[0]));
    memcpy(vsw_media_log_last[0], text, VSW_MEDIA_LOG_TEXT_MAX);
}


static void
vsw_media_log_callback(void *context, int level, const char *format,
                       va_list args)
{
    int  prefix = 1;
    char text[VSW_MEDIA_LOG_RAW_MAX];

    if (level > AV_LOG_WARNING) {
        return;
    }

    av_log_format_line2(context, level, format, args, text, sizeof(text),
                        &prefix);
    text[strcspn(text, "\r\n")] = '\0';
    vsw_media_log_address_cut(text);

    pthread_mutex_lock(&vsw_media_log.lock);

    vsw_mask_apply(vsw_media_log.mask, text);
    text[VSW_MEDIA_LOG_TEXT_MAX - 1] = '\0';

    if (level <= AV_LOG_ERROR) {
        vsw_media_log_keep(text);
    }

    vsw_media_log_put(text, level <= AV_LOG_ERROR);

    pthread_mutex_unlock(&vsw_media_log.lock);
}


void
vsw_media_log_start(const vsw_mask_t *mask)
{
    vsw_media_log.mask = mask;
    vsw_media_log.tokens = VSW_MEDIA_LOG_BURST;
    vsw_media_log.filled_us = av_gettime_relative();

    av_log_set_level(AV_LOG_WARNING);
    av_log_set_callback(vsw_media_log_callback);
}


bool
vsw_media_log_take(vsw_media_log_line_t *line)
{
    bool found;

    pthread_mutex_lock(&vsw_media_log.lock);

    found = vsw_media_log.count > 0;

    if (found) {
        *line = vsw_media_log.lines[vsw_media_log.first];
        vsw_media_log.first = (vsw_media_log.first + 1) % VSW_MEDIA_LOG_PLACES;
        vsw_media_log.count--;
    }

    pthread_mutex_unlock(&vsw_media_log.lock);

    return found;
}


const char *
vsw_media_log_error(unsigned age)
{
    return age < VSW_MEDIA_LOG_KEPT ? vsw_media_log_last[age] : "";
}


void
vsw_media_log_forget(void)
{
    memset(vsw_media_log_last, 0, sizeof(vsw_media_log_last));
}
