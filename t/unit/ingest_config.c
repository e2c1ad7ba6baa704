/*
 * The configuration of vstream-ingest: its defaults, and for each thing that
 * may be wrong the line and the column that the complaint names.
 */

#include "unit.h"

#include "vsw_ingest_config.h"
#include "vsw_redis_address.h"

#include <stdio.h>
#include <unistd.h>


static char path[] = "/tmp/vstream-config-XXXXXX";


static vsw_ingest_config_t *
load(const char *text, char error[VSW_INGEST_ERROR_MAX])
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    error[0] = '\0';

    return vsw_ingest_config_load(path, error, VSW_INGEST_ERROR_MAX);
}


static void
defaults(void **state)
{
    vsw_ingest_config_t *config;
    char                 error[VSW_INGEST_ERROR_MAX];

    (void) state;

    config = vsw_ingest_config_load(NULL, error, sizeof(error));
    assert_non_null(config);
    assert_string_equal(config->redis.url, VSW_INGEST_REDIS_URL);
    assert_string_equal(config->redis.prefix, "vs");
    assert_string_equal(config->listen, VSW_INGEST_LISTEN);
    assert_int_equal(*config->log.level, VSW_LOG_INFO);
    assert_int_equal(*config->log.format, VSW_LOG_JSON);
    assert_int_equal(config->sources.allow_count, 0);
    assert_true(*config->sources.test);
    assert_true(config->replica[0] != '\0');
    vsw_ingest_config_destroy(config);

    config = load("", error);
    assert_non_null(config);
    vsw_ingest_config_destroy(config);
}


static void
values(void **state)
{
    vsw_ingest_config_t *config;
    char                 error[VSW_INGEST_ERROR_MAX];

    (void) state;

    config = load("replica: north\n"
                  "redis:\n"
                  "  url: redis://user:p%40ss@[::1]:6380/2\n"
                  "  prefix: cams\n"
                  "log: {level: debug, format: text}\n"
                  "sources:\n"
                  "  allow: [127.0.0.0/8, '::1']\n"
                  "  files:\n"
                  "    - /tmp\n"
                  "  listen: ['192.0.2.1:9000-9010', '[::]:5000']\n"
                  "  devices: [/dev/video0]\n"
                  "  test: no\n"
                  "credentials:\n"
                  "  hosts:\n"
                  "    - name: STREET\n"
                  "      hosts: [192.0.2.7]\n"
                  "limits:\n"
                  "  cameras: 16\n"
                  "  camera_memory_mb: 256\n",
                  error);
    assert_string_equal(error, "");
    assert_non_null(config);
    assert_string_equal(config->replica, "north");
    assert_string_equal(config->redis.prefix, "cams");
    assert_int_equal(*config->log.level, VSW_LOG_DEBUG);
    assert_int_equal(*config->log.format, VSW_LOG_PLAIN);
    assert_int_equal(config->sources.allow_count, 2);
    assert_string_equal(config->sources.files[0], "/tmp");
    assert_int_equal(config->sources.listen_count, 2);
    assert_string_equal(config->sources.listen[1], "[::]:5000");
    assert_string_equal(config->sources.devices[0], "/dev/video0");
    assert_null(config->sources.ca_file);
    assert_false(*config->sources.test);
    assert_string_equal(config->credentials.hosts[0].hosts[0], "192.0.2.7");
    assert_int_equal(config->limits.cameras, 16);
    vsw_ingest_config_destroy(config);
}


static void
complaints_name_their_place(void **state)
{
    static const struct {
        const char *text;
        const char *place;
        const char *word;
    } cases[] = {
        { "replica: x\nreplicas: 2\n", "line 2, column 1", "replicas" },
        { "log:\n  level: loud\n", "line 2, column 10", "loud" },
        { "log:\n  colour: red\n", "line 2, column 3", "colour" },
        { "limits:\n  cameras: many\n", "line 2, column 12", "many" },
        { "sources: {test: maybe}\n", "line 1, column 17", "maybe" },
        { "redis: x\n", "line 1, column 8", "MAPPING" },
        { "replica: a b\n", "line 1, column 10", "\"replica\" must" },
        { "listen: localhost:80\n", "line 1, column 9", "\"listen\" must" },
        { "listen: 127.0.0.1:0\n", "line 1, column 9", "\"listen\" must" },
        { "redis:\n  url: http://h\n", "line 2, column 8", "redis.url" },
        { "redis:\n  prefix: 'v:s'\n", "line 2, column 11", "redis.prefix" },
        { "redis:\n  ca_file: /x\n", "line 2, column 12",
          "\"redis.ca_file\" needs a redis.url of rediss://" },
        { "redis:\n  url: unix:/x\n  server_name: h\n", "line 3, column 16",
          "\"redis.server_name\" needs a redis.url of rediss://" },
        { "redis:\n  url: rediss://h\n  ca_file: /nowhere.pem\n",
          "line 3, column 12", "redis.ca_file" },
        { "redis:\n  url: rediss://h\n  ca_file: a/b\n", "line 3, column 12",
          "an absolute path" },
        { "redis:\n  url: rediss://h\n  key: /x\n", "line 3, column 8",
          "the other of certificate and key" },
        { "redis:\n  url: rediss://h\n  certificate: /x\n", "line 3, column 16",
          "the other of certificate and key" },
        { "redis:\n  url: rediss://h\n  certificate: /x\n  key: /x\n",
          "line 3, column 16", "redis.certificate" },
        { "sources:\n  allow:\n    - 127.0.0.0/8\n    - 1.2.3\n",
          "line 4, column 7", "sources.allow[1]" },
        { "sources: {files: [relative]}\n", "line 1, column 19",
          "sources.files[0]" },
        { "sources: {listen: [0.0.0.0:1, 'host:1']}\n", "line 1, column 31",
          "sources.listen[1]" },
        { "sources: {devices: [/etc/passwd]}\n", "line 1, column 21",
          "sources.devices[0]" },
        { "sources: {ca_file: /nowhere.pem}\n", "line 1, column 20",
          "sources.ca_file" },
        { "credentials: {directory: /nowhere/at/all}\n", "line 1, column 26",
          "credentials.directory" },
        { "credentials: {hosts: [{name: low, hosts: [a]}]}\n",
          "line 1, column 30", "credentials.hosts[0].name" },
        { "limits: {camera_memory_mb: 63}\n", "line 1, column 28",
          "limits.camera_memory_mb" },
        { "limits: {connect_timeout_ms: 15001}\n", "line 1, column 30",
          "limits.connect_timeout_ms" },
        { "replica: a: b\n", "line 1, column 10", "mapping values" },
    };

    char   error[VSW_INGEST_ERROR_MAX];
    size_t i;

    (void) state;

    for (i = 0; i < UNIT_COUNT(cases); i++) {
        assert_null(load(cases[i].text, error));

        if (strstr(error, cases[i].place) == NULL
            || strstr(error, cases[i].word) == NULL)
        {
            fail_msg("\"%s\" names neither %s nor %s", error, cases[i].place,
                     cases[i].word);
        }
    }
}


static void
no_complaint_repeats_a_password(void **state)
{
    static const char *const urls[] = {
        "redis://u:canary@h:99999", "redis://u:canary%zz@h",
        "redis://u:canary@",        "redis://u:canary@h/x",
        "redisss://u:canary@h",     "redis://u:canary@h:1/2/3",
        "rediss://u:canary@",       "rediss://u:canary@h:0",
    };

    vsw_redis_address_t address;
    const char         *problem;
    char                text[128], error[VSW_INGEST_ERROR_MAX];
    size_t              i;

    (void) state;

    for (i = 0; i < UNIT_COUNT(urls); i++) {
        problem = vsw_redis_address_read(urls[i], &address);
        assert_non_null(problem);
        assert_null(strstr(problem, "canary"));

        snprintf(text, sizeof(text), "redis:\n  url: \"%s\"\n", urls[i]);
        assert_null(load(text, error));
        assert_null(strstr(error, "canary"));
    }
}


static void
addresses_of_redis(void **state)
{
    vsw_redis_address_t address;

    (void) state;

    assert_null(vsw_redis_address_read("redis://host", &address));
    assert_string_equal(address.host, "host");
    assert_int_equal(address.port, 6379);
    assert_null(
        vsw_redis_address_read("redis://u:p%40%3A@[::1]:1/15", &address));
    assert_string_equal(address.host, "::1");
    assert_string_equal(address.user, "u");
    assert_string_equal(address.password, "p@:");
    assert_int_equal(address.port, 1);
    assert_int_equal(address.db, 15);
    assert_null(vsw_redis_address_read("redis://:p@h/", &address));
    assert_string_equal(address.user, "");
    assert_null(vsw_redis_address_read("unix:/run/redis.sock", &address));
    assert_string_equal(address.path, "/run/redis.sock");
    assert_false(address.tls);
    assert_null(vsw_redis_address_read("rediss://u:p@h:6380/2", &address));
    assert_true(address.tls);
    assert_string_equal(address.host, "h");
    assert_string_equal(address.user, "u");
    assert_int_equal(address.port, 6380);
    assert_int_equal(address.db, 2);
    assert_null(vsw_redis_address_read("rediss://h", &address));
    assert_int_equal(address.port, 6379);
    assert_non_null(vsw_redis_address_read("rediss://", &address));
    assert_non_null(vsw_redis_address_read("rediss:/h", &address));
    assert_non_null(vsw_redis_address_read("rediss:unix:/run/s", &address));
    assert_non_null(vsw_redis_address_read("REDISS://h", &address));
    assert_non_null(vsw_redis_address_read("unix:redis.sock", &address));
    assert_non_null(vsw_redis_address_read("redis://a%4@h", &address));
    assert_non_null(vsw_redis_address_read("redis://a%00@h", &address));
    assert_non_null(vsw_redis_address_read("redis://h:", &address));
    assert_non_null(vsw_redis_address_read("redis://[::1", &address));
}


static int
make_file(void **state)
{
    int fd = mkstemp(path);

    (void) state;

    return fd == -1 ? -1 : close(fd);
}


static int
remove_file(void **state)
{
    (void) state;

    return unlink(path);
}


int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(values),
        cmocka_unit_test(complaints_name_their_place),
        cmocka_unit_test(no_complaint_repeats_a_password),
        cmocka_unit_test(addresses_of_redis),
    };

    return cmocka_run_group_tests(tests, make_file, remove_file);
}
