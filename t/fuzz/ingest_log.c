/*
 * The log: whatever texts an event carries, it is one line, no longer than a
 * pipe takes at once; as JSON it is an object that holds them, as text it is
 * printable.  The first byte chooses the form, each line is a text.
 */

#include "fuzz.h"

#include <jansson.h>
#include <unistd.h>

static int sink[2];

#undef STDERR_FILENO
#define STDERR_FILENO sink[1]

#include "vsw_log.c"

#define TEXTS 4


static void
check_json(const char *line, size_t length, char *texts[TEXTS])
{
    size_t      i, n;
    json_t     *json = json_loadb(line, length, 0, NULL);
    const char *message = json_string_value(json_object_get(json, "message"));

    fuzz_check(json != NULL && message != NULL);
    n = strlen(texts[0]);

    for (i = 0; i < n && texts[0][i] >= 0x20 && texts[0][i] < 0x7f; i++) {
        /* void */
    }

    if (i == n && n <= VSW_LOG_TEXT_MAX) {
        fuzz_check(strcmp(message, texts[0]) == 0);
    }

    json_decref(json);
}


static void
check_plain(const char *line, size_t length)
{
    size_t i;

    for (i = 0; i + 1 < length; i++) {
        fuzz_check(line[i] >= 0x20 && line[i] < 0x7f);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char             line[2 * VSW_LOG_LINE_MAX], *texts[TEXTS];
    ssize_t          n;
    vstream_slice_t  text;
    vsw_log_format_t format =
        fuzz_byte(&data, &size) % 2 ? VSW_LOG_PLAIN : VSW_LOG_JSON;

    if (sink[1] == 0) {
        fuzz_check(pipe(sink) == 0);
    }

    for (int i = 0; i < TEXTS; i++) {
        text = fuzz_line(&data, &size);
        texts[i] = fuzz_text((const uint8_t *) text.data, text.length);
    }

    vsw_log_configure(format, VSW_LOG_INFO);
    vsw_log(VSW_LOG_WARN, texts[0], VSW_LOG_TEXT("camera", texts[1]),
            VSW_LOG_TEXT("reason", texts[2]), VSW_LOG_TEXT("detail", texts[3]),
            VSW_LOG_NUMBER("pid", size));

    n = read(sink[0], line, sizeof(line));
    fuzz_check(n > 0 && n <= VSW_LOG_LINE_MAX && line[n - 1] == '\n');
    fuzz_check(memchr(line, '\n', (size_t) n) == line + n - 1);

    if (format == VSW_LOG_JSON) {
        check_json(line, (size_t) n, texts);
    } else {
        check_plain(line, (size_t) n);
    }

    for (int i = 0; i < TEXTS; i++) {
        free(texts[i]);
    }

    return 0;
}
