/*
 * The log, see vsw_log.h.  A line is put together on the stack and handed to
 * the kernel in one write(2), if it takes it at once: whoever reads the log may
 * have stopped, and nobody shall stop with him.  It never allocates, so that it
 * also works where memory has run out.
 */

#include "vsw_log.h"
#include "vsw_clock.h"
#include "vstream_writer.h"

#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

/* A pipe that is writable takes as much without blocking, see pipe(7). */
#define VSW_LOG_LINE_MAX PIPE_BUF


static struct {
    vsw_log_format_t format;
    vsw_log_level_t  level;
    uint64_t         dropped; /* lines, since the last one that was written */
} vsw_log_settings = { VSW_LOG_JSON, VSW_LOG_INFO, 0 };

static const char *const vsw_log_levels[] = { "error", "warn", "info",
                                              "debug" };


static void            vsw_log_line(vsw_log_level_t level, const char *message,
                                    const vsw_log_field_t *fields);
static bool            vsw_log_is_writable(void);
static void            vsw_log_json(vstream_writer_t *w, vsw_log_level_t level,
                                    const char *message, const vsw_log_field_t *fields);
static void            vsw_log_plain(vstream_writer_t *w, vsw_log_level_t level,
                                     const char *message, const vsw_log_field_t *fields);
static vstream_slice_t vsw_log_slice(const char *text);


void
vsw_log_configure(vsw_log_format_t format, vsw_log_level_t level)
{
    vsw_log_settings.format = format;
    vsw_log_settings.level = level;
}


void
vsw_log_write(vsw_log_level_t level, const char *message,
              const vsw_log_field_t *fields)
{
    uint64_t dropped = vsw_log_settings.dropped;

    if (level > vsw_log_settings.level) {
        return;
    }

    if (dropped > 0 && vsw_log_is_writable()) {
        vsw_log_settings.dropped = 0;
        vsw_log_line(VSW_LOG_WARN, "log was not read, lines were dropped",
                     (const vsw_log_field_t[]) {
                         VSW_LOG_NUMBER("lines", dropped), { NULL, NULL, 0 } });
    }

    vsw_log_line(level, message, fields);
}


static void
vsw_log_line(vsw_log_level_t level, const char *message,
             const vsw_log_field_t *fields)
{
    static const vsw_log_field_t none[] = { { NULL, NULL, 0 } };

    char             line[VSW_LOG_LINE_MAX];
    vstream_writer_t w;

    if (!vsw_log_is_writable()) {
        vsw_log_settings.dropped++;
        return;
    }

    do {
        vstream_writer_init(&w, line, sizeof(line));

        if (vsw_log_settings.format == VSW_LOG_JSON) {
            vsw_log_json(&w, level, message, fields);
        } else {
            vsw_log_plain(&w, level, message, fields);
        }

        /* Too long for one line: the message alone always fits. */
        fields = none;
    } while (vstream_writer_status(&w) != VSTREAM_OK);

    (void) !write(STDERR_FILENO, line, w.length);
}


static bool
vsw_log_is_writable(void)
{
    struct pollfd pfd = { .fd = STDERR_FILENO, .events = POLLOUT };

    return poll(&pfd, 1, 0) == 1;
}


static void
vsw_log_json(vstream_writer_t *w, vsw_log_level_t level, const char *message,
             const vsw_log_field_t *fields)
{
    char time[VSW_CLOCK_TEXT_SIZE];

    vsw_clock_text(time, vsw_clock_unix_ms());

    vstream_writer_text(w, "{\"time\":\"");
    vstream_writer_text(w, time);
    vstream_writer_text(w, "\",\"level\":\"");
    vstream_writer_text(w, vsw_log_levels[level]);
    vstream_writer_text(w, "\",\"message\":");
    vstream_writer_json_string(w, vsw_log_slice(message));

    for (; fields->key != NULL; fields++) {
        vstream_writer_text(w, ",\"");
        vstream_writer_text(w, fields->key);
        vstream_writer_text(w, "\":");

        if (fields->text == NULL) {
            vstream_writer_int(w, fields->number);
        } else {
            vstream_writer_json_string(w, vsw_log_slice(fields->text));
        }
    }

    vstream_writer_text(w, "}\n");
}


static void
vsw_log_plain(vstream_writer_t *w, vsw_log_level_t level, const char *message,
              const vsw_log_field_t *fields)
{
    char time[VSW_CLOCK_TEXT_SIZE];

    vsw_clock_text(time, vsw_clock_unix_ms());

    vstream_writer_bytes(w, time + 11, 12);
    vstream_writer_text(w, " ");
    vstream_writer_text(w, vsw_log_levels[level]);
    vstream_writer_text(w, strlen(vsw_log_levels[level]) < 5 ? "  " : " ");
    vstream_writer_log_text(w, vsw_log_slice(message), VSW_LOG_TEXT_MAX);

    for (; fields->key != NULL; fields++) {
        if (fields->text != NULL && fields->text[0] == '\0') {
            continue; /* people need not read that there is nothing */
        }

        vstream_writer_text(w, " ");
        vstream_writer_text(w, fields->key);
        vstream_writer_text(w, "=");

        if (fields->text == NULL) {
            vstream_writer_int(w, fields->number);
            continue;
        }

        vstream_writer_text(w, "\"");
        vstream_writer_log_text(w, vsw_log_slice(fields->text),
                                VSW_LOG_TEXT_MAX);
        vstream_writer_text(w, "\"");
    }

    vstream_writer_text(w, "\n");
}


static vstream_slice_t
vsw_log_slice(const char *text)
{
    return (vstream_slice_t) { text, strnlen(text, VSW_LOG_TEXT_MAX) };
}
