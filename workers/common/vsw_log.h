/*
 * The log: one line per event on standard error, as JSON for machines or as
 * short text for people.  It never waits for whoever reads it: lines that find
 * no room are dropped and counted, and the next one says how many.  Whatever text an event carries (a camera's error
 * message, an id out of Redis) is escaped here, centrally, so that nobody can
 * forge a line.
 *
 *     vsw_log(VSW_LOG_WARN, "camera process ended",
 *             VSW_LOG_TEXT("camera", id), VSW_LOG_NUMBER("pid", pid));
 */

#ifndef VSW_LOG_H
#define VSW_LOG_H

#include <stdint.h>

#define VSW_LOG_TEXT_MAX 512 /* bytes of one text; what follows is cut */


typedef enum {
    VSW_LOG_ERROR = 0,
    VSW_LOG_WARN,
    VSW_LOG_INFO,
    VSW_LOG_DEBUG,
} vsw_log_level_t;

typedef enum {
    VSW_LOG_JSON = 0,
    VSW_LOG_PLAIN,
} vsw_log_format_t;

typedef struct {
    const char *key;  /* NULL ends the list */
    const char *text; /* NULL: the field is a number */
    int64_t     number;
} vsw_log_field_t;


#define VSW_LOG_TEXT(name, value)                                              \
    {                                                                          \
        (name), (value) != NULL ? (value) : "", 0                              \
    }
#define VSW_LOG_NUMBER(name, value)                                            \
    {                                                                          \
        (name), NULL, (int64_t) (value)                                        \
    }

#ifndef vsw_log /* cppcheck, which does not know __VA_OPT__, has its own */
#define vsw_log(level, message, ...)                                           \
    vsw_log_write((level), (message),                                          \
                  (const vsw_log_field_t[]) {                                  \
                      __VA_ARGS__ __VA_OPT__(, ) { NULL, NULL, 0 } })
#endif


/* Until it is called: JSON, VSW_LOG_INFO. */
void vsw_log_configure(vsw_log_format_t format, vsw_log_level_t level);

void vsw_log_write(vsw_log_level_t level, const char *message,
                   const vsw_log_field_t *fields);


#endif /* VSW_LOG_H */
