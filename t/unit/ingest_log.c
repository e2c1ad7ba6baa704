/*
 * The log: one event is one line, whatever text it carries.
 */

#include "unit.h"

#include "vsw_log.h"

#include <jansson.h>
#include <stdio.h>
#include <fcntl.h>
#include <unistd.h>


/* What was written to standard error by one call. */
static size_t
line(vsw_log_format_t format, const char *message, const char *value,
     char *text, size_t size)
{
    int     fds[2], saved;
    ssize_t n;

    assert_int_equal(pipe(fds), 0);
    saved = dup(STDERR_FILENO);
    dup2(fds[1], STDERR_FILENO);

    vsw_log_configure(format, VSW_LOG_INFO);
    vsw_log(VSW_LOG_DEBUG, "is left out");
    vsw_log(VSW_LOG_WARN, message, VSW_LOG_TEXT("value", value),
            VSW_LOG_NUMBER("number", -5));

    dup2(saved, STDERR_FILENO);
    close(saved);
    close(fds[1]);
    n = read(fds[0], text, size - 1);
    close(fds[0]);
    assert_true(n > 0);
    text[n] = '\0';

    return (size_t) n;
}


static void
json_is_json(void **state)
{
    static const char *const values[] = {
        "plain", "\"quoted\\\"", "a\r\nb\x1b[31m\x01", "\xff\xfe", "</script>",
    };

    char    text[4096];
    size_t  i, n;
    json_t *json;

    (void) state;

    for (i = 0; i < UNIT_COUNT(values); i++) {
        n = line(VSW_LOG_JSON, values[i], values[i], text, sizeof(text));
        assert_ptr_equal(strchr(text, '\n'), text + n - 1);

        json = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(json);
        assert_string_equal(json_string_value(json_object_get(json, "level")),
                            "warn");
        assert_int_equal(json_integer_value(json_object_get(json, "number")),
                         -5);
        if (i < 3) {
            assert_string_equal(
                json_string_value(json_object_get(json, "value")), values[i]);
        }
        json_decref(json);
    }
}


static void
plain_text_is_one_line_of_ascii(void **state)
{
    char   text[4096];
    size_t i, n;

    (void) state;
    n = line(VSW_LOG_PLAIN, "camera\nsays", "x\r\n\x1b[2J\xc3\xa9\x7f", text,
             sizeof(text));

    for (i = 0; i + 1 < n; i++) {
        assert_in_range(text[i], 0x20, 0x7e);
    }

    assert_int_equal(text[n - 1], '\n');
    assert_non_null(strstr(text, "number=-5"));
}


static void
long_texts_are_cut(void **state)
{
    char   value[VSW_LOG_TEXT_MAX + 2], text[16384];
    size_t n;

    (void) state;
    memset(value, '\x01', sizeof(value));
    value[sizeof(value) - 1] = '\0';

    n = line(VSW_LOG_JSON, "short", value, text, sizeof(text));
    assert_ptr_equal(strchr(text, '\n'), text + n - 1);
    assert_in_range(n, 6 * VSW_LOG_TEXT_MAX, 6 * VSW_LOG_TEXT_MAX + 120);

    /* both are more than a pipe takes at once: the message alone */
    n = line(VSW_LOG_JSON, value, value, text, sizeof(text));
    assert_ptr_equal(strchr(text, '\n'), text + n - 1);
    assert_in_range(n, 6 * VSW_LOG_TEXT_MAX, 6 * VSW_LOG_TEXT_MAX + 120);
    assert_null(strstr(text, "number"));
}


static void
a_log_that_nobody_reads_stops_nobody(void **state)
{
    char text[65536];
    int  fds[2], saved, i;

    (void) state;
    assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
    saved = dup(STDERR_FILENO);
    dup2(fds[1], STDERR_FILENO);
    vsw_log_configure(VSW_LOG_PLAIN, VSW_LOG_INFO);

    while (write(fds[1], text, 4096) > 0) {
        continue;
    }
    fcntl(fds[1], F_SETFL, 0);

    for (i = 0; i < 3; i++) {
        vsw_log(VSW_LOG_WARN, "is dropped");
    }
    while (read(fds[0], text, sizeof(text)) > 0) {
        continue;
    }
    vsw_log(VSW_LOG_WARN, "is there");

    dup2(saved, STDERR_FILENO);
    close(saved);
    memset(text, 0, sizeof(text));
    assert_true(read(fds[0], text, sizeof(text) - 1) > 0);
    assert_null(strstr(text, "is dropped"));
    assert_non_null(strstr(text, "lines=3"));
    assert_non_null(strstr(text, "is there"));
    close(fds[0]);
    close(fds[1]);
}


int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_is_json),
        cmocka_unit_test(plain_text_is_one_line_of_ascii),
        cmocka_unit_test(long_texts_are_cut),
        cmocka_unit_test(a_log_that_nobody_reads_stops_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
