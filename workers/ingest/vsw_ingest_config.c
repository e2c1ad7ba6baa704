/*
 * The configuration file, see vsw_ingest_config.h.
 *
 * libcyaml tells line and column only of what it refuses itself.  Where we
 * refuse a value, vsw_yaml_locate() walks the file once more to find it.
 */

#include "vsw_ingest_config.h"

#include "vsw_dial_policy.h"
#include "vsw_http.h"
#include "vsw_yaml.h"
#include "vstream_camera_id.h"
#include "vstream_schema.h"
#include "vstream_source.h"

#include <cyaml/cyaml.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define VSW_INGEST_TEXT_MAX  1024
#define VSW_INGEST_FILES_MAX 16
#define VSW_INGEST_FILE_MAX  256

#define VSW_OPTIONAL     (CYAML_FLAG_OPTIONAL)
#define VSW_OPTIONAL_PTR (CYAML_FLAG_OPTIONAL | CYAML_FLAG_POINTER)


/* What libcyaml has said: its first line, and the innermost position. */
typedef struct {
    char   problem[256];
    size_t line; /* 0: none was told */
    size_t column;
} vsw_ingest_config_report_t;


static int         vsw_ingest_config_defaults(vsw_ingest_config_t *config);
static bool        vsw_ingest_config_swap(char **a, char **b);
static int         vsw_ingest_config_default(char **text, const char *value);
static bool        vsw_ingest_config_kafka_swap(vsw_config_kafka_t *a,
                                                vsw_config_kafka_t *b);
static const char *vsw_ingest_config_redis(const vsw_config_redis_t *redis,
                                           char *path, size_t path_size);
static const char *vsw_ingest_config_files(const vsw_config_redis_t *redis,
                                           char *path, size_t path_size);
static const char *vsw_ingest_config_needless(const vsw_config_redis_t *redis,
                                              char *path, size_t path_size);
static const char *vsw_ingest_config_sources(
    const vsw_config_sources_t *sources, char *path, size_t path_size);
static const char *vsw_ingest_config_inputs(const vsw_config_sources_t *sources,
                                            char *path, size_t path_size);
static const char *vsw_ingest_config_credentials(
    const vsw_config_credentials_t *credentials, char *path, size_t path_size);
static const char *vsw_ingest_config_limits(const vsw_config_limits_t *limits,
                                            char *path, size_t path_size);
static void        vsw_ingest_config_log(cyaml_log_t level, void *context,
                                         const char *format, va_list args);
static void        vsw_ingest_config_explain(const char                       *file,
                                             const vsw_ingest_config_report_t *report,
                                             const char *problem, char *error,
                                             size_t error_size);
static void vsw_ingest_config_complain(const char *file, const char *path,
                                       const char *problem, char *error,
                                       size_t error_size);
static bool vsw_ingest_config_is_id(const char *text);
static bool vsw_ingest_config_is_credential(const char *name);
static bool vsw_ingest_config_is_folder(const char *path);


static const cyaml_strval_t vsw_log_level_values[] = {
    { "error", VSW_LOG_ERROR },
    { "warn", VSW_LOG_WARN },
    { "info", VSW_LOG_INFO },
    { "debug", VSW_LOG_DEBUG },
};

static const cyaml_strval_t vsw_log_format_values[] = {
    { "json", VSW_LOG_JSON },
    { "text", VSW_LOG_PLAIN },
};

/* libcyaml's own kind takes any word that is not "false" for true. */
static const cyaml_strval_t vsw_bool_values[] = {
    { "false", false }, { "no", false }, { "off", false },
    { "true", true },   { "yes", true }, { "on", true },
};

static const cyaml_schema_value_t vsw_text_schema = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, VSW_INGEST_TEXT_MAX),
};

static const cyaml_schema_value_t vsw_file_schema = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, VSW_INGEST_FILE_MAX),
};

static const cyaml_schema_field_t vsw_redis_fields[] = {
    CYAML_FIELD_STRING_PTR("url", VSW_OPTIONAL_PTR, vsw_config_redis_t, url, 1,
                           VSW_INGEST_TEXT_MAX),
    CYAML_FIELD_STRING_PTR("user", VSW_OPTIONAL_PTR, vsw_config_redis_t, user,
                           1, VSW_REDIS_USER_MAX),
    CYAML_FIELD_STRING_PTR("password_file", VSW_OPTIONAL_PTR,
                           vsw_config_redis_t, password_file, 1,
                           VSW_INGEST_TEXT_MAX),
    CYAML_FIELD_STRING_PTR("ca_file", VSW_OPTIONAL_PTR, vsw_config_redis_t,
                           ca_file, 1, VSW_INGEST_TEXT_MAX),
    CYAML_FIELD_STRING_PTR("certificate", VSW_OPTIONAL_PTR, vsw_config_redis_t,
                           certificate, 1, VSW_INGEST_TEXT_MAX),
    CYAML_FIELD_STRING_PTR("key", VSW_OPTIONAL_PTR, vsw_config_redis_t, key, 1,
                           VSW_INGEST_TEXT_MAX),
    CYAML_FIELD_STRING_PTR("server_name", VSW_OPTIONAL_PTR, vsw_config_redis_t,
                           server_name, 1, VSW_INGEST_TEXT_MAX),
    CYAML_FIELD_STRING_PTR("prefix", VSW_OPTIONAL_PTR, vsw_config_redis_t,
                           prefix, 1, VSTREAM_PREFIX_MAX),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t vsw_log_fields[] = {
    CYAML_FIELD_ENUM_PTR("level", VSW_OPTIONAL_PTR | CYAML_FLAG_STRICT,
                         vsw_config_log_t, level, vsw_log_level_values,
                         CYAML_ARRAY_LEN(vsw_log_level_values)),
    CYAML_FIELD_ENUM_PTR("format", VSW_OPTIONAL_PTR | CYAML_FLAG_STRICT,
                         vsw_config_log_t, format, vsw_log_format_values,
                         CYAML_ARRAY_LEN(vsw_log_format_values)),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t vsw_sources_fields[] = {
    CYAML_FIELD_SEQUENCE("allow", VSW_OPTIONAL_PTR, vsw_config_sources_t, allow,
                         &vsw_text_schema, 0, VSW_NETWORKS_MAX),
    CYAML_FIELD_SEQUENCE("files", VSW_OPTIONAL_PTR, vsw_config_sources_t, files,
                         &vsw_file_schema, 0, VSW_INGEST_FILES_MAX),
    CYAML_FIELD_SEQUENCE("listen", VSW_OPTIONAL_PTR, vsw_config_sources_t,
                         listen, &vsw_text_schema, 0, VSW_LISTENS_MAX),
    CYAML_FIELD_SEQUENCE("devices", VSW_OPTIONAL_PTR, vsw_config_sources_t,
                         devices, &vsw_file_schema, 0, VSW_INGEST_FILES_MAX),
    CYAML_FIELD_STRING_PTR("ca_file", VSW_OPTIONAL_PTR, vsw_config_sources_t,
                           ca_file, 1, VSW_INGEST_TEXT_MAX),
    CYAML_FIELD_ENUM_PTR("test", VSW_OPTIONAL_PTR | CYAML_FLAG_STRICT,
                         vsw_config_sources_t, test, vsw_bool_values,
                         CYAML_ARRAY_LEN(vsw_bool_values)),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t vsw_credential_fields[] = {
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, vsw_credential_hosts_t,
                           name, 1, VSTREAM_CREDENTIAL_NAME_MAX),
    CYAML_FIELD_SEQUENCE("hosts", CYAML_FLAG_POINTER, vsw_credential_hosts_t,
                         hosts, &vsw_text_schema, 1, VSTREAM_CAMERAS_MAX),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t vsw_credential_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, vsw_credential_hosts_t,
                        vsw_credential_fields),
};

static const cyaml_schema_field_t vsw_credentials_fields[] = {
    CYAML_FIELD_STRING_PTR("directory", VSW_OPTIONAL_PTR,
                           vsw_config_credentials_t, directory, 1,
                           VSW_INGEST_TEXT_MAX),
    CYAML_FIELD_SEQUENCE("hosts", VSW_OPTIONAL_PTR, vsw_config_credentials_t,
                         hosts, &vsw_credential_schema, 0, VSTREAM_CAMERAS_MAX),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t vsw_limits_fields[] = {
    CYAML_FIELD_UINT("cameras", VSW_OPTIONAL, vsw_config_limits_t, cameras),
    CYAML_FIELD_UINT("camera_memory_mb", VSW_OPTIONAL, vsw_config_limits_t,
                     camera_memory_mb),
    CYAML_FIELD_UINT("connect_timeout_ms", VSW_OPTIONAL, vsw_config_limits_t,
                     connect_timeout_ms),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t vsw_ingest_fields[] = {
    CYAML_FIELD_STRING_PTR("replica", VSW_OPTIONAL_PTR, vsw_ingest_config_t,
                           replica, 1, VSTREAM_CAMERA_ID_MAX),
    CYAML_FIELD_STRING_PTR("listen", VSW_OPTIONAL_PTR, vsw_ingest_config_t,
                           listen, 1, VSW_INGEST_TEXT_MAX),
    CYAML_FIELD_MAPPING("redis", VSW_OPTIONAL, vsw_ingest_config_t, redis,
                        vsw_redis_fields),
    CYAML_FIELD_MAPPING("kafka", VSW_OPTIONAL, vsw_ingest_config_t, kafka,
                        vsw_kafka_section_fields),
    CYAML_FIELD_MAPPING("log", VSW_OPTIONAL, vsw_ingest_config_t, log,
                        vsw_log_fields),
    CYAML_FIELD_MAPPING("sources", VSW_OPTIONAL, vsw_ingest_config_t, sources,
                        vsw_sources_fields),
    CYAML_FIELD_MAPPING("credentials", VSW_OPTIONAL, vsw_ingest_config_t,
                        credentials, vsw_credentials_fields),
    CYAML_FIELD_MAPPING("limits", VSW_OPTIONAL, vsw_ingest_config_t, limits,
                        vsw_limits_fields),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t vsw_ingest_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, vsw_ingest_config_t,
                        vsw_ingest_fields),
};

static const cyaml_config_t vsw_ingest_config_free = {
    .mem_fn = cyaml_mem,
};


vsw_ingest_config_t *
vsw_ingest_config_load(const char *path, char *error, size_t error_size)
{
    vsw_ingest_config_report_t report = { "", 0, 0 };
    vsw_ingest_config_t       *config = NULL;
    const char                *problem;
    cyaml_err_t                rc = CYAML_OK;
    char                       where[64];
    const cyaml_config_t       settings = {
              .log_fn = vsw_ingest_config_log,
              .log_ctx = &report,
              .mem_fn = cyaml_mem,
              .log_level = CYAML_LOG_ERROR,
    };

    if (path != NULL) {
        rc = cyaml_load_file(path, &settings, &vsw_ingest_schema,
                             (cyaml_data_t **) &config, NULL);
    }

    if (rc != CYAML_OK) {
        vsw_ingest_config_explain(path, &report, cyaml_strerror(rc), error,
                                  error_size);
        return NULL;
    }

    if (config == NULL) { /* no file, or one without any key */
        config = calloc(1, sizeof(*config));
    }

    if (config == NULL || vsw_ingest_config_defaults(config) != 0) {
        snprintf(error, error_size, "out of memory");
        vsw_ingest_config_destroy(config);
        return NULL;
    }

    problem = vsw_ingest_config_check(config, where, sizeof(where));
    if (problem != NULL) {
        vsw_ingest_config_complain(path, where, problem, error, error_size);
        vsw_ingest_config_destroy(config);
        return NULL;
    }

    return config;
}


void
vsw_ingest_config_destroy(vsw_ingest_config_t *config)
{
    if (config == NULL) {
        return;
    }

    /* It may hold the password of Redis. */
    if (config->redis.url != NULL) {
        explicit_bzero(config->redis.url, strlen(config->redis.url));
    }

    cyaml_free(&vsw_ingest_config_free, &vsw_ingest_schema, config, 0);
}


int
vsw_ingest_config_text_set(char **text, const char *value)
{
    char *copy = strdup(value);

    if (copy == NULL) {
        return -1;
    }

    free(*text);
    *text = copy;

    return 0;
}


bool
vsw_ingest_config_adopt(vsw_ingest_config_t *config,
                        vsw_ingest_config_t *former)
{
    vsw_config_redis_t *redis = &config->redis, *old = &former->redis;
    bool                changed = false;

    changed |= vsw_ingest_config_swap(&config->replica, &former->replica);
    changed |= vsw_ingest_config_swap(&config->listen, &former->listen);
    changed |= vsw_ingest_config_swap(&redis->url, &old->url);
    changed |= vsw_ingest_config_swap(&redis->user, &old->user);
    changed |= vsw_ingest_config_swap(&redis->prefix, &old->prefix);
    changed |=
        vsw_ingest_config_swap(&redis->password_file, &old->password_file);
    changed |= vsw_ingest_config_swap(&redis->ca_file, &old->ca_file);
    changed |= vsw_ingest_config_swap(&redis->certificate, &old->certificate);
    changed |= vsw_ingest_config_swap(&redis->key, &old->key);
    changed |= vsw_ingest_config_swap(&redis->server_name, &old->server_name);
    changed |= vsw_ingest_config_kafka_swap(&config->kafka, &former->kafka);

    return changed;
}


/* Whole, since its parts were judged together. */
static bool
vsw_ingest_config_kafka_swap(vsw_config_kafka_t *a, vsw_config_kafka_t *b)
{
    vsw_config_kafka_t kafka = *a;

    *a = *b;
    *b = kafka;

    return !vsw_kafka_section_equals(a, b);
}


/* True: the two were different. */
static bool
vsw_ingest_config_swap(char **a, char **b)
{
    char *text = *a;

    *a = *b;
    *b = text;

    if (*a == NULL || *b == NULL) {
        return *a != *b;
    }

    return strcmp(*a, *b) != 0;
}


const char *
vsw_ingest_config_check(const vsw_ingest_config_t *config, char *path,
                        size_t path_size)
{
    const char *problem;

    if (!vsw_ingest_config_is_id(config->replica)) {
        snprintf(path, path_size, "replica");
        return "must be 1 to 64 of letters, digits, dot, dash and underscore, "
               "and begin with a letter or digit";
    }

    if (vsw_http_address_check(config->listen) != 0) {
        snprintf(path, path_size, "listen");
        return "must be an address and a port, as 127.0.0.1:9464 or "
               "[::1]:9464";
    }

    problem = vsw_ingest_config_redis(&config->redis, path, path_size);

    if (problem == NULL) {
        problem = vsw_kafka_section_check(&config->kafka, path, path_size);
    }

    if (problem == NULL) {
        problem = vsw_ingest_config_sources(&config->sources, path, path_size);
    }

    if (problem == NULL) {
        problem = vsw_ingest_config_credentials(&config->credentials, path,
                                                path_size);
    }

    if (problem == NULL) {
        problem = vsw_ingest_config_limits(&config->limits, path, path_size);
    }

    return problem;
}


static int
vsw_ingest_config_defaults(vsw_ingest_config_t *config)
{
    char host[VSTREAM_CAMERA_ID_MAX + 1] = "";

    (void) gethostname(host, sizeof(host) - 1);

    if (!vsw_ingest_config_is_id(host)) {
        snprintf(host, sizeof(host), "ingest");
    }

    if (config->log.level == NULL) {
        config->log.level = calloc(1, sizeof(*config->log.level));
        if (config->log.level != NULL) {
            *config->log.level = VSW_LOG_INFO;
        }
    }

    if (config->log.format == NULL) {
        config->log.format = calloc(1, sizeof(*config->log.format));
    }

    if (config->sources.test == NULL) {
        config->sources.test = calloc(1, sizeof(*config->sources.test));
        if (config->sources.test != NULL) {
            *config->sources.test = true;
        }
    }

    if (config->limits.camera_memory_mb == 0) {
        config->limits.camera_memory_mb = VSW_INGEST_MEMORY_MB;
    }

    if (config->limits.connect_timeout_ms == 0) {
        config->limits.connect_timeout_ms = VSW_INGEST_CONNECT_MS;
    }

    if (config->log.level == NULL || config->log.format == NULL
        || config->sources.test == NULL
        || vsw_ingest_config_default(&config->replica, host) != 0
        || vsw_ingest_config_default(&config->listen, VSW_INGEST_LISTEN) != 0
        || vsw_ingest_config_default(&config->redis.url, VSW_INGEST_REDIS_URL)
               != 0
        || vsw_ingest_config_default(&config->redis.prefix,
                                     VSTREAM_PREFIX_DEFAULT)
               != 0
        || vsw_kafka_section_defaults(&config->kafka, config->replica) != 0)
    {
        return -1;
    }

    return 0;
}


static int
vsw_ingest_config_default(char **text, const char *value)
{
    return *text == NULL ? vsw_ingest_config_text_set(text, value) : 0;
}


static const char *
vsw_ingest_config_redis(const vsw_config_redis_t *redis, char *path,
                        size_t path_size)
{
    vsw_redis_address_t address;
    const char         *problem;

    bool tls;

    problem = vsw_redis_address_read(redis->url, &address);
    tls = address.tls;
    explicit_bzero(&address, sizeof(address));

    if (problem != NULL) {
        snprintf(path, path_size, "redis.url");
        return problem;
    }

    problem = tls ? vsw_ingest_config_files(redis, path, path_size)
                  : vsw_ingest_config_needless(redis, path, path_size);
    if (problem != NULL) {
        return problem;
    }

    if (!vsw_ingest_config_is_id(redis->prefix)) {
        snprintf(path, path_size, "redis.prefix");
        return "must be letters, digits, dot, dash and underscore, and begin "
               "with a letter or digit";
    }

    return NULL;
}


vsw_redis_tls_options_t
vsw_ingest_config_tls(const vsw_config_redis_t *redis)
{
    return (vsw_redis_tls_options_t) { .ca_file = redis->ca_file,
                                       .certificate = redis->certificate,
                                       .key = redis->key,
                                       .server_name = redis->server_name };
}


static const char *
vsw_ingest_config_files(const vsw_config_redis_t *redis, char *path,
                        size_t path_size)
{
    static const char *const names[] = {
        [VSW_REDIS_TLS_CA_FILE] = "redis.ca_file",
        [VSW_REDIS_TLS_CERTIFICATE] = "redis.certificate",
        [VSW_REDIS_TLS_KEY] = "redis.key",
    };

    vsw_redis_tls_options_t options = vsw_ingest_config_tls(redis);
    vsw_redis_tls_file_t    file;
    const char             *problem;

    if ((redis->certificate == NULL) != (redis->key == NULL)) {
        snprintf(path, path_size, "%s",
                 redis->key == NULL ? "redis.certificate" : "redis.key");
        return "needs the other of certificate and key, too";
    }

    problem = vsw_redis_tls_check(&options, &file);
    if (problem != NULL) {
        snprintf(path, path_size, "%s", names[file]);
    }

    return problem;
}


/* Whoever writes ca_file means to be safe: without TLS he is not. */
static const char *
vsw_ingest_config_needless(const vsw_config_redis_t *redis, char *path,
                           size_t path_size)
{
    const char *name = redis->ca_file != NULL       ? "ca_file"
                       : redis->certificate != NULL ? "certificate"
                       : redis->key != NULL         ? "key"
                       : redis->server_name != NULL ? "server_name"
                                                    : NULL;

    if (name == NULL) {
        return NULL;
    }

    snprintf(path, path_size, "redis.%s", name);

    return "needs a redis.url of rediss://";
}


static const char *
vsw_ingest_config_sources(const vsw_config_sources_t *sources, char *path,
                          size_t path_size)
{
    vsw_network_t network;
    uint32_t      i;

    for (i = 0; i < sources->allow_count; i++) {
        if (vsw_network_read(&network, sources->allow[i]) != VSTREAM_OK) {
            snprintf(path, path_size, "sources.allow[%u]", i);
            return "must be an address or a network in CIDR form, as "
                   "127.0.0.0/8 or ::1";
        }
    }

    for (i = 0; i < sources->files_count; i++) {
        if (!vsw_ingest_config_is_folder(sources->files[i])) {
            snprintf(path, path_size, "sources.files[%u]", i);
            return "must be the absolute path of a folder that exists";
        }
    }

    return vsw_ingest_config_inputs(sources, path, path_size);
}


static const char *
vsw_ingest_config_inputs(const vsw_config_sources_t *sources, char *path,
                         size_t path_size)
{
    vsw_listen_t listen;
    uint32_t     i;

    for (i = 0; i < sources->listen_count; i++) {
        if (vsw_listen_read(&listen, sources->listen[i]) != VSTREAM_OK) {
            snprintf(path, path_size, "sources.listen[%u]", i);
            return "must be an address and a port or a range of ports, as "
                   "192.0.2.1:9000 or [::]:5000-5010";
        }
    }

    for (i = 0; i < sources->devices_count; i++) {
        if (strncmp(sources->devices[i], "/dev/", 5) != 0) {
            snprintf(path, path_size, "sources.devices[%u]", i);
            return "must be the path of a device, as /dev/video0";
        }
    }

    if (sources->ca_file != NULL && access(sources->ca_file, R_OK) != 0) {
        snprintf(path, path_size, "sources.ca_file");
        return "must be a file of certificates, PEM, that can be read";
    }

    return NULL;
}


static const char *
vsw_ingest_config_credentials(const vsw_config_credentials_t *credentials,
                              char *path, size_t path_size)
{
    uint32_t i;

    if (credentials->directory != NULL
        && !vsw_ingest_config_is_folder(credentials->directory))
    {
        snprintf(path, path_size, "credentials.directory");
        return "must be the absolute path of a folder that exists";
    }

    for (i = 0; i < credentials->hosts_count; i++) {
        if (!vsw_ingest_config_is_credential(credentials->hosts[i].name)) {
            snprintf(path, path_size, "credentials.hosts[%u].name", i);
            return "must be a capital letter, then capital letters, digits "
                   "and underscores";
        }
    }

    return NULL;
}


static const char *
vsw_ingest_config_limits(const vsw_config_limits_t *limits, char *path,
                         size_t path_size)
{
    if (limits->camera_memory_mb < VSW_INGEST_MEMORY_MB_MIN
        || limits->camera_memory_mb > VSW_INGEST_MEMORY_MB)
    {
        snprintf(path, path_size, "limits.camera_memory_mb");
        return "must be a number from 64 to 1024";
    }

    if (limits->connect_timeout_ms < 500 || limits->connect_timeout_ms > 15000)
    {
        snprintf(path, path_size, "limits.connect_timeout_ms");
        return "must be a number from 500 to 15000";
    }

    return NULL;
}


/* "Load: Unexpected key: foo", then "  in mapping (line: 3, column: 1)" ... */
static void
vsw_ingest_config_log(cyaml_log_t level, void *context, const char *format,
                      va_list args)
{
    vsw_ingest_config_report_t *report = context;
    char                        line[256], *place, *text = line;

    (void) level;

    vsnprintf(line, sizeof(line), format, args);
    line[strcspn(line, "\n")] = '\0';

    if (strncmp(text, "Load: ", 6) == 0) {
        text += 6;
    }

    place = strstr(text, "(line: ");

    if (place != NULL && report->line == 0) {
        report->line = strtoul(place + 7, &place, 10);
        place = strstr(place, "column: ");
        report->column = place == NULL ? 1 : strtoul(place + 8, NULL, 10);
    }

    if (report->problem[0] == '\0') {
        snprintf(report->problem, sizeof(report->problem), "%s", text);
    }
}


/* Of an unknown key libcyaml tells the place of what stood before it. */
static void
vsw_ingest_config_explain(const char                       *file,
                          const vsw_ingest_config_report_t *report,
                          const char *problem, char *error, size_t error_size)
{
    static const char unknown[] = "Unexpected key: ";

    size_t line, column;

    if (report->problem[0] != '\0') {
        problem = report->problem;
    }

    if (strncmp(problem, unknown, sizeof(unknown) - 1) != 0
        || vsw_yaml_locate_key(file, problem + sizeof(unknown) - 1,
                               report->line, &line, &column)
               != 0)
    {
        line = report->line;
        column = report->column;
    }

    if (line == 0) {
        snprintf(error, error_size, "%s: %s", file, problem);
        return;
    }

    snprintf(error, error_size, "%s: line %zu, column %zu: %s", file, line,
             column, problem);
}


static void
vsw_ingest_config_complain(const char *file, const char *path,
                           const char *problem, char *error, size_t error_size)
{
    size_t line, column;

    if (file == NULL) {
        snprintf(error, error_size, "%s %s", path, problem);
        return;
    }

    (void) vsw_yaml_locate(file, path, &line, &column);
    snprintf(error, error_size, "%s: line %zu, column %zu: \"%s\" %s", file,
             line, column, path, problem);
}


static bool
vsw_ingest_config_is_id(const char *text)
{
    return vstream_camera_id_check((vstream_slice_t) { text, strlen(text) })
           == VSTREAM_OK;
}


static bool
vsw_ingest_config_is_credential(const char *name)
{
    static const char first[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char all[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

    return strchr(first, name[0]) != NULL && name[strspn(name, all)] == '\0';
}


static bool
vsw_ingest_config_is_folder(const char *path)
{
    struct stat st;

    return path[0] == '/' && stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}
