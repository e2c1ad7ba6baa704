/*
 * The section `kafka:`: defaults, all values, and for each thing that may be
 * wrong the line and the column that the complaint names.
 */

#include "unit.h"

#include "vsw_ingest_config.h"
#include "vsw_secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>


static char folder[] = "/tmp/vstream-kafka-XXXXXX";


static const char *
in_folder(const char *name)
{
    static char path[2][128];
    static int  n;

    n = !n;
    snprintf(path[n], sizeof(path[n]), "%s/%s", folder, name);

    return path[n];
}


static void
write_file(const char *name, const char *text, mode_t mode)
{
    FILE *file = fopen(in_folder(name), "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(in_folder(name), mode), 0);
}


/* In `text`, each @ is the folder. */
static vsw_ingest_config_t *
load(const char *text, char error[VSW_INGEST_ERROR_MAX])
{
    FILE       *file = fopen(in_folder("ingest.yaml"), "w");
    const char *c;

    assert_non_null(file);
    for (c = text; *c != '\0'; c++) {
        if (*c == '@') {
            fputs(folder, file);
        } else {
            fputc(*c, file);
        }
    }
    fclose(file);
    error[0] = '\0';

    return vsw_ingest_config_load(in_folder("ingest.yaml"), error,
                                  VSW_INGEST_ERROR_MAX);
}


static void
defaults(void **state)
{
    vsw_ingest_config_t *config;
    char                 error[VSW_INGEST_ERROR_MAX];

    (void) state;

    config = load("replica: north\n", error);
    assert_non_null(config);
    assert_int_equal(config->kafka.client.brokers_count, 0);
    assert_false(vsw_kafka_section_sends(&config->kafka));
    assert_string_equal(config->kafka.client.client_id, "north");
    assert_false(*config->kafka.client.tls);
    assert_int_equal(*config->kafka.client.sasl, VSW_KAFKA_SASL_NONE);
    assert_string_equal(config->kafka.frames.topic, "vstream.frames.v1");
    assert_int_equal(*config->kafka.frames.value, VSW_KAFKA_VALUE_JPEG);
    assert_int_equal(config->kafka.frames.timeout_ms, 2000);
    assert_false(*config->kafka.topics.create);
    vsw_ingest_config_destroy(config);

    config = load("kafka: {brokers: ['h:1'], frames: {send: no}}\n", error);
    assert_non_null(config);
    assert_false(vsw_kafka_section_sends(&config->kafka));
    vsw_ingest_config_destroy(config);
}


static void
values(void **state)
{
    static const char text[] =
        "kafka:\n"
        "  brokers: ['kafka-1:9092', '[2001:db8::1]:9093', 192.0.2.1:1]\n"
        "  client_id: gate\n"
        "  tls: true\n"
        "  ca_file: @/ca\n"
        "  cert_file: @/cert\n"
        "  key_file: @/secret\n"
        "  key_password_file: @/secret\n"
        "  sasl: scram-sha-512\n"
        "  user: ingest\n"
        "  password_file: @/secret\n"
        "  frames:\n"
        "    topic: a.b\n"
        "    topic_per_camera: true\n"
        "    value: json\n"
        "    timeout_ms: 100\n"
        "    queue_messages: 1\n"
        "    queue_mb: 2047\n"
        "  topics: {create: on, partitions: 3, replicas: 2,\n"
        "    retention_ms: 60000}\n";

    vsw_ingest_config_t *config, *other;
    char                 error[VSW_INGEST_ERROR_MAX];

    (void) state;

    config = load(text, error);
    assert_string_equal(error, "");
    assert_non_null(config);
    assert_int_equal(config->kafka.client.brokers_count, 3);
    assert_true(vsw_kafka_section_sends(&config->kafka));
    assert_int_equal(*config->kafka.client.sasl, VSW_KAFKA_SASL_SCRAM_512);
    assert_string_equal(config->kafka.client.user, "ingest");
    assert_true(*config->kafka.frames.topic_per_camera);
    assert_int_equal(*config->kafka.frames.value, VSW_KAFKA_VALUE_JSON);
    assert_int_equal(config->kafka.topics.partitions, 3);
    assert_int_equal(config->kafka.topics.replicas, 2);

    other = load(text, error);
    assert_true(vsw_kafka_section_equals(&config->kafka, &other->kafka));
    assert_false(vsw_ingest_config_adopt(other, config));
    other->kafka.client.brokers[2][0] = '2';
    assert_false(vsw_kafka_section_equals(&config->kafka, &other->kafka));
    assert_true(vsw_ingest_config_adopt(other, config));
    vsw_ingest_config_destroy(config);
    vsw_ingest_config_destroy(other);
}


static void
complaints_name_their_place(void **state)
{
    static const struct {
        const char *text;
        const char *place;
        const char *word;
    } cases[] = {
        { "kafka: {brokers: [kafka]}\n", "line 1, column 19",
          "kafka.brokers[0]" },
        { "kafka:\n  brokers:\n    - h:1\n    - h:0\n", "line 4, column 7",
          "kafka.brokers[1]" },
        { "kafka: {brokers: ['h:65536']}\n", "column 19", "brokers[0]" },
        { "kafka: {brokers: ['ssl://h:1']}\n", "column 19", "brokers[0]" },
        { "kafka: {brokers: ['h:1,i:2']}\n", "column 19", "brokers[0]" },
        { "kafka: {brokers: ['[::1:1']}\n", "column 19", "brokers[0]" },
        { "kafka: {brokers: ':1'}\n", "line 1, column 18", "SEQUENCE" },
        { "kafka:\n  broker: x\n", "line 2, column 3", "broker" },
        { "kafka:\n  tls: maybe\n", "line 2, column 8", "maybe" },
        { "kafka:\n  ca_file: @/ca\n", "line 2, column 12", "tls: true" },
        { "kafka: {tls: on, ca_file: /no/where}\n", "column 27",
          "kafka.ca_file" },
        { "kafka: {tls: on, cert_file: @/cert}\n", "column 29", "key_file" },
        { "kafka: {tls: on, cert_file: @/cert, key_file: @/open}\n",
          "kafka.key_file", "chmod o-rwx" },
        { "kafka: {sasl: plain}\n", "line 1, column 15", "needs user" },
        { "kafka: {sasl: plain, user: me}\n", "line 1, column 28",
          "needs password_file" },
        { "kafka: {user: me}\n", "line 1, column 15", "without sasl" },
        { "kafka: {sasl: digest}\n", "line 1, column 15", "digest" },
        { "kafka:\n  sasl: plain\n  user: me\n  password_file: @/open\n",
          "line 4, column 18", "chmod o-rwx" },
        { "kafka:\n  sasl: plain\n  user: me\n  password_file: @/none\n",
          "line 4, column 18", "cannot be opened" },
        { "kafka:\n  sasl: plain\n  user: me\n  password_file: ./x\n",
          "line 4, column 18", "absolute path" },
        { "kafka:\n  sasl: plain\n  user: me\n  password_file: name\n",
          "line 4, column 18", "CREDENTIALS_DIRECTORY" },
        { "kafka: {frames: {topic: a/b}}\n", "column 25",
          "kafka.frames.topic" },
        { "kafka: {frames: {value: png}}\n", "column 25", "png" },
        { "kafka: {frames: {timeout_ms: 2001}}\n", "column 30",
          "from 100 to 2000" },
        { "kafka: {frames: {timeout_ms: 99}}\n", "column 30",
          "from 100 to 2000" },
        { "kafka: {frames: {queue_messages: 100001}}\n", "column 34",
          "queue_messages" },
        { "kafka: {frames: {queue_mb: 2048}}\n", "column 28", "queue_mb" },
        { "kafka: {topics: {partitions: 1001}}\n", "column 30", "partitions" },
        { "kafka: {topics: {replicas: 17}}\n", "column 28", "replicas" },
        { "kafka: {topics: {retention_ms: 59999}}\n", "column 32",
          "retention_ms" },
    };

    char   error[VSW_INGEST_ERROR_MAX];
    size_t i;

    (void) state;
    unsetenv("CREDENTIALS_DIRECTORY");

    for (i = 0; i < UNIT_COUNT(cases); i++) {
        assert_null(load(cases[i].text, error));

        if (strstr(error, cases[i].place) == NULL
            || strstr(error, cases[i].word) == NULL)
        {
            fail_msg("\"%s\" names neither %s nor %s", error, cases[i].place,
                     cases[i].word);
        }

        assert_null(strstr(error, "canary"));
    }
}


static void
secrets(void **state)
{
    char secret[VSW_SECRET_MAX + 1];
    char text[VSW_SECRET_MAX + 3];

    (void) state;

    assert_null(vsw_secret_read(in_folder("secret"), secret));
    assert_string_equal(secret, "canary word");

    unsetenv("CREDENTIALS_DIRECTORY");
    assert_non_null(vsw_secret_read("secret", secret));
    setenv("CREDENTIALS_DIRECTORY", folder, 1);
    assert_null(vsw_secret_read("secret", secret));
    assert_string_equal(secret, "canary word");
    unsetenv("CREDENTIALS_DIRECTORY");

    assert_non_null(vsw_secret_read(folder, secret));
    write_file("empty", "\n", 0600);
    assert_non_null(vsw_secret_read(in_folder("empty"), secret));

    memset(text, 'x', sizeof(text));
    text[VSW_SECRET_MAX] = '\0';
    write_file("long", text, 0600);
    assert_null(vsw_secret_read(in_folder("long"), secret));
    assert_int_equal(strlen(secret), VSW_SECRET_MAX);

    text[VSW_SECRET_MAX] = 'x';
    text[VSW_SECRET_MAX + 1] = '\0';
    write_file("long", text, 0600);
    assert_non_null(vsw_secret_read(in_folder("long"), secret));
}


static int
make_folder(void **state)
{
    (void) state;

    if (mkdtemp(folder) == NULL) {
        return -1;
    }

    write_file("ca", "ca\n", 0644);
    write_file("cert", "cert\n", 0644);
    write_file("secret", "canary word\nand more\n", 0600);
    write_file("open", "canary\n", 0644);

    return 0;
}


static int
remove_folder(void **state)
{
    static const char *const names[] = { "ca",   "cert",  "secret",     "open",
                                         "long", "empty", "ingest.yaml" };

    size_t i;

    (void) state;

    for (i = 0; i < UNIT_COUNT(names); i++) {
        unlink(in_folder(names[i]));
    }

    return rmdir(folder);
}


int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(values),
        cmocka_unit_test(complaints_name_their_place),
        cmocka_unit_test(secrets),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
