/*
 * Credentials: where they come from, how they get into a URL, and where they
 * may not go.
 */

#include "unit.h"

#include "vsw_credentials.h"
#include "vstream_schema.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>


static char folder[] = "/tmp/vstream-credentials-XXXXXX";


static const char *
fill(const vsw_config_credentials_t *config, const char *text,
     vsw_filled_source_t *filled)
{
    static char      detail[VSW_CREDENTIAL_DETAIL];
    vstream_source_t source;

    assert_int_equal(vstream_source_read(unit_slice(text), &source),
                     VSTREAM_SOURCE_OK);
    memset(filled, 'x', sizeof(*filled));

    return vsw_credentials_fill(config, unit_slice(text), &source, filled,
                                detail);
}


static void
write_file(const char *name, const char *text, mode_t mode)
{
    char  path[256];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(path, mode), 0);
}


static void
nothing_to_fill(void **state)
{
    vsw_config_credentials_t config = { .directory = NULL };
    vsw_filled_source_t      filled;

    (void) state;
    assert_null(fill(&config, "rtsp://host/path", &filled));
    assert_string_equal(filled.url, "rtsp://host/path");
    assert_int_equal(filled.secrets_count, 0);
}


static void
user_and_password(void **state)
{
    vsw_config_credentials_t config = { .directory = NULL };
    vsw_filled_source_t      filled;

    (void) state;
    setenv("VSTREAM_CAMERA_ONE", "ad@min:p:a/s%s w\xc3\xb6rd", 1);

    assert_null(fill(&config, "rtsp://${ONE}@host:554/a?b=c", &filled));
    assert_string_equal(
        filled.url, "rtsp://ad%40min:p%3Aa%2Fs%25s%20w%C3%B6rd@host:554/a?b=c");
    assert_int_equal(filled.secrets_count, 2);
    assert_string_equal(filled.secrets[0], "p:a/s%s w\xc3\xb6rd");
    assert_string_equal(filled.secrets[1], "p%3Aa%2Fs%25s%20w%C3%B6rd");
}


static void
password_alone(void **state)
{
    vsw_config_credentials_t config = { .directory = NULL };
    vsw_filled_source_t      filled;

    (void) state;
    setenv("VSTREAM_CAMERA_TWO", "a:b", 1);

    assert_null(fill(&config, "http://joe:${TWO}@host/x.mjpg", &filled));
    assert_string_equal(filled.url, "http://joe:a%3Ab@host/x.mjpg");
    assert_string_equal(filled.secrets[0], "a:b");
}


static void
passphrase_of_srt(void **state)
{
    char                    *hosts[] = { (char *) "192.0.2.7" };
    vsw_credential_hosts_t   bound = { (char *) "SRT", hosts, 1 };
    vsw_config_credentials_t config = { NULL, &bound, 1 };
    vsw_filled_source_t      filled;

    (void) state;
    setenv("VSTREAM_CAMERA_SRT", "a&b=c+d:e f%20", 1);

    assert_null(fill(&config, "srt://192.0.2.7:9?passphrase=${SRT}&latency=9",
                     &filled));
    assert_string_equal(
        filled.url,
        "srt://192.0.2.7:9?passphrase=a%26b%3Dc%2Bd%3Ae%20f%2520&latency=9");
    assert_int_equal(filled.secrets_count, 2);
    assert_string_equal(filled.secrets[0], "a&b=c+d:e f%20");
    assert_string_equal(filled.secrets[1], "a%26b%3Dc%2Bd%3Ae%20f%2520");

    assert_string_equal(
        fill(&config, "srt://192.0.2.8:9?passphrase=${SRT}", &filled),
        VSTREAM_REASON_SOURCE_DENIED);
}


static void
from_a_file(void **state)
{
    vsw_config_credentials_t config = { .directory = folder };
    vsw_filled_source_t      filled;

    (void) state;
    write_file("FILE", "u:secret\r\n", 0600);
    assert_null(fill(&config, "rtsp://${FILE}@host/", &filled));
    assert_string_equal(filled.url, "rtsp://u:secret@host/");

    /* read anew each time, and the environment comes first */
    write_file("FILE", "u:other", 0640);
    assert_null(fill(&config, "rtsp://${FILE}@host/", &filled));
    assert_string_equal(filled.url, "rtsp://u:other@host/");
    setenv("VSTREAM_CAMERA_FILE", "u:env", 1);
    assert_null(fill(&config, "rtsp://${FILE}@host/", &filled));
    assert_string_equal(filled.url, "rtsp://u:env@host/");
    unsetenv("VSTREAM_CAMERA_FILE");
}


static void
files_that_are_refused(void **state)
{
    vsw_config_credentials_t config = { .directory = folder };
    vsw_filled_source_t      filled;
    char                     text[VSW_CREDENTIAL_VALUE_MAX + 2];

    (void) state;
    write_file("OPEN", "u:p\n", 0644);
    assert_string_equal(fill(&config, "rtsp://${OPEN}@host/", &filled),
                        VSTREAM_REASON_CREDENTIAL_MISSING);
    write_file("EMPTY", "\n", 0600);
    assert_string_equal(fill(&config, "rtsp://${EMPTY}@host/", &filled),
                        VSTREAM_REASON_CREDENTIAL_MISSING);
    write_file("LINES", "a\nb\n", 0600);
    assert_string_equal(fill(&config, "rtsp://${LINES}@host/", &filled),
                        VSTREAM_REASON_CREDENTIAL_MISSING);
    assert_string_equal(fill(&config, "rtsp://${NONE}@host/", &filled),
                        VSTREAM_REASON_CREDENTIAL_MISSING);

    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    write_file("LONG", text, 0600);
    assert_string_equal(fill(&config, "rtsp://${LONG}@host/", &filled),
                        VSTREAM_REASON_CREDENTIAL_MISSING);
    text[sizeof(text) - 2] = '\0';
    write_file("LONG", text, 0600);
    assert_null(fill(&config, "rtsp://${LONG}@host/", &filled));
}


static void
bound_to_hosts(void **state)
{
    char *hosts[] = { (char *) "cam.example", (char *) "192.0.2.7" };
    vsw_credential_hosts_t   bound = { (char *) "THREE", hosts, 2 };
    vsw_config_credentials_t config = { NULL, &bound, 1 };
    vsw_filled_source_t      filled;

    (void) state;
    setenv("VSTREAM_CAMERA_THREE", "u:p", 1);

    assert_null(fill(&config, "rtsp://${THREE}@192.0.2.7/", &filled));
    assert_null(fill(&config, "rtsp://${THREE}@CAM.example:554/", &filled));
    assert_string_equal(fill(&config, "rtsp://${THREE}@192.0.2.77/", &filled),
                        VSTREAM_REASON_SOURCE_DENIED);
    assert_string_equal(fill(&config, "rtsp://${THREE}@evil.example/", &filled),
                        VSTREAM_REASON_SOURCE_DENIED);
    assert_null(fill(&config, "rtsp://${ONE}@evil.example/", &filled));
}


static int
make_folder(void **state)
{
    (void) state;

    return mkdtemp(folder) == NULL ? -1 : 0;
}


static int
remove_folder(void **state)
{
    static const char *const names[] = { "FILE", "OPEN", "EMPTY", "LINES",
                                         "LONG" };

    char   path[256];
    size_t i;

    (void) state;

    for (i = 0; i < UNIT_COUNT(names); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }

    return rmdir(folder);
}


int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_to_fill),
        cmocka_unit_test(user_and_password),
        cmocka_unit_test(password_alone),
        cmocka_unit_test(passphrase_of_srt),
        cmocka_unit_test(from_a_file),
        cmocka_unit_test(files_that_are_refused),
        cmocka_unit_test(bound_to_hosts),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
