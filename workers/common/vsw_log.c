/*
 * The log, see vsw_log.h.  A line is put together on the stack and handed to
 * the kernel in one write(2); it never allocates, so that it also works where
 * memory has run out.
 */

#include "vsw_log.h"
#include "vsw_clock.h"
#include "vstream_writer.h"

#include <string.h>
#include <unistd.h>

#define VSW_LOG_LINE_MAX 16384


static struct {
    vsw_log_format_t format;
    vsw_log_level_t  level;
} vsw_log_settings = { VSW_LOG_JSON, VSW_LOG_INFO };

static const char *const vsw_log_levels[] = { "error", "warn", "info",
                                              "debug" };


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
    static const vsw_log_field_t none[] = { { NULL, NULL, 0 } };

    char             line[VSW_LOG_LINE_MAX];
    vstream_writer_t w;
    ssize_t          ignored;

    if (level > vsw_log_settings.level) {
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

    ignored = write(STDERR_FILENO, line, w.length);
    (void) ignored;
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
