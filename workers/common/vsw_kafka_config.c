/*
 * How Kafka is reached, see vsw_kafka_config.h.
 */

#include "vsw_kafka_config.h"

#include "vsw_secret.h"
#include "vstream_number.h"
#include "vstream_writer.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define VSW_KAFKA_BROKERS_TEXT 4096


static bool        vsw_kafka_config_is_broker(const char *broker);
static const char *vsw_kafka_config_tls(const vsw_kafka_config_t *config,
                                        char *path, size_t path_size);
static const char *vsw_kafka_config_sasl(const vsw_kafka_config_t *config,
                                         char *path, size_t path_size);
static const char *vsw_kafka_config_secret(const char *key, const char *name,
                                           char *path, size_t path_size);
static bool        vsw_kafka_config_has_tls(const vsw_kafka_config_t *config);
static vsw_kafka_sasl_t vsw_kafka_config_mechanism(
    const vsw_kafka_config_t *config);
static int vsw_kafka_config_brokers_set(const vsw_kafka_config_t *config,
                                        rd_kafka_conf_t *conf, char *error,
                                        size_t error_size);
static int vsw_kafka_config_tls_set(const vsw_kafka_config_t *config,
                                    rd_kafka_conf_t *conf, char *error,
                                    size_t error_size);
static int vsw_kafka_config_sasl_set(const vsw_kafka_config_t *config,
                                     rd_kafka_conf_t *conf, char *error,
                                     size_t error_size);
static int vsw_kafka_config_secret_set(rd_kafka_conf_t *conf, const char *name,
                                       const char *file, char *error,
                                       size_t error_size);
static int vsw_kafka_config_set(rd_kafka_conf_t *conf, const char *name,
                                const char *value, char *error,
                                size_t error_size);


const char *
vsw_kafka_config_check(const vsw_kafka_config_t *config, char *path,
                       size_t path_size)
{
    const char *problem;
    uint32_t    i;

    for (i = 0; i < config->brokers_count; i++) {
        if (!vsw_kafka_config_is_broker(config->brokers[i])) {
            snprintf(path, path_size, "brokers[%u]", i);
            return "must be a host and a port, as kafka-1:9092 or "
                   "[2001:db8::1]:9092";
        }
    }

    problem = vsw_kafka_config_tls(config, path, path_size);

    return problem != NULL ? problem
                           : vsw_kafka_config_sasl(config, path, path_size);
}


const char *
vsw_kafka_config_apply(const vsw_kafka_config_t *config, rd_kafka_conf_t *conf,
                       char *error, size_t error_size)
{
    static const char *const common[][2] = {
        { "log.queue", "true" },
        { "log.connection.close", "false" },
        { "socket.nagle.disable", "true" },
        { "socket.keepalive.enable", "true" },
        { "socket.timeout.ms", "10000" },
        { "socket.connection.setup.timeout.ms", "5000" },
        { "reconnect.backoff.ms", "100" },
        { "reconnect.backoff.max.ms", "1000" },
        { "topic.metadata.refresh.interval.ms", "30000" },
        { "ssl.endpoint.identification.algorithm", "https" },
    };

    size_t i;

    for (i = 0; i < sizeof(common) / sizeof(common[0]); i++) {
        if (vsw_kafka_config_set(conf, common[i][0], common[i][1], error,
                                 error_size)
            != 0)
        {
            return error;
        }
    }

    if (vsw_kafka_config_set(conf, "client.id", config->client_id, error,
                             error_size)
            != 0
        || vsw_kafka_config_brokers_set(config, conf, error, error_size) != 0
        || vsw_kafka_config_tls_set(config, conf, error, error_size) != 0
        || vsw_kafka_config_sasl_set(config, conf, error, error_size) != 0)
    {
        return error;
    }

    return NULL;
}


bool
vsw_kafka_config_is_in_clear(const vsw_kafka_config_t *config)
{
    return vsw_kafka_config_mechanism(config) == VSW_KAFKA_SASL_PLAIN
           && !vsw_kafka_config_has_tls(config);
}


/* librdkafka would take "plaintext://h:p", lists, and ports left out. */
static bool
vsw_kafka_config_is_broker(const char *broker)
{
    static const char host[] = "abcdefghijklmnopqrstuvwxyz"
                               "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    static const char address[] = "0123456789abcdefABCDEF:.";

    const char *end = broker;
    uint64_t    port;

    if (broker[0] == '[') {
        end = broker + 1 + strspn(broker + 1, address);
        end = end == broker + 1 || *end != ']' ? broker : end + 1;
    } else {
        end = broker + strspn(broker, host);
    }

    return end != broker && *end == ':'
           && vstream_number_read(
                  (vstream_slice_t) { end + 1, strlen(end + 1) }, 65535, &port)
                  == VSTREAM_OK
           && port != 0;
}


static const char *
vsw_kafka_config_tls(const vsw_kafka_config_t *config, char *path,
                     size_t path_size)
{
    const struct {
        const char *key;
        const char *file;
    } files[] = {
        { "ca_file", config->ca_file },
        { "cert_file", config->cert_file },
        { "key_file", config->key_file },
        { "key_password_file", config->key_password_file },
    };

    const char *problem;
    size_t      i;

    for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        if (files[i].file != NULL && !vsw_kafka_config_has_tls(config)) {
            snprintf(path, path_size, "%s", files[i].key);
            return "has no meaning without tls: true";
        }
    }

    for (i = 0; i < 2; i++) {
        if (files[i].file != NULL
            && (files[i].file[0] != '/' || access(files[i].file, R_OK) != 0))
        {
            snprintf(path, path_size, "%s", files[i].key);
            return "must be the absolute path of a file that can be read";
        }
    }

    if ((config->cert_file == NULL) != (config->key_file == NULL)) {
        snprintf(path, path_size, "%s",
                 config->cert_file == NULL ? "key_file" : "cert_file");
        return "needs the other one of cert_file and key_file";
    }

    problem =
        vsw_kafka_config_secret("key_file", config->key_file, path, path_size);

    return problem != NULL ? problem
                           : vsw_kafka_config_secret("key_password_file",
                                                     config->key_password_file,
                                                     path, path_size);
}


static const char *
vsw_kafka_config_sasl(const vsw_kafka_config_t *config, char *path,
                      size_t path_size)
{
    bool has_sasl = vsw_kafka_config_mechanism(config) != VSW_KAFKA_SASL_NONE;

    if (has_sasl && (config->user == NULL || config->user[0] == '\0')) {
        snprintf(path, path_size, "sasl");
        return "needs user and password_file";
    }

    if (has_sasl && config->password_file == NULL) {
        snprintf(path, path_size, "user");
        return "needs password_file";
    }

    if (!has_sasl && (config->user != NULL || config->password_file != NULL)) {
        snprintf(path, path_size, "%s",
                 config->user != NULL ? "user" : "password_file");
        return "has no meaning without sasl";
    }

    return vsw_kafka_config_secret("password_file", config->password_file, path,
                                   path_size);
}


static const char *
vsw_kafka_config_secret(const char *key, const char *name, char *path,
                        size_t path_size)
{
    const char *problem = name == NULL ? NULL : vsw_secret_check(name);

    if (problem != NULL) {
        snprintf(path, path_size, "%s", key);
    }

    return problem;
}


static bool
vsw_kafka_config_has_tls(const vsw_kafka_config_t *config)
{
    return config->tls != NULL && *config->tls;
}


static vsw_kafka_sasl_t
vsw_kafka_config_mechanism(const vsw_kafka_config_t *config)
{
    return config->sasl == NULL ? VSW_KAFKA_SASL_NONE : *config->sasl;
}


static int
vsw_kafka_config_brokers_set(const vsw_kafka_config_t *config,
                             rd_kafka_conf_t *conf, char *error,
                             size_t error_size)
{
    vstream_writer_t w;
    char             text[VSW_KAFKA_BROKERS_TEXT];
    uint32_t         i;

    vstream_writer_init(&w, text, sizeof(text) - 1);

    for (i = 0; i < config->brokers_count; i++) {
        vstream_writer_text(&w, i == 0 ? "" : ",");
        vstream_writer_text(&w, config->brokers[i]);
    }

    if (vstream_writer_status(&w) != VSTREAM_OK) {
        snprintf(error, error_size, "the list of brokers is too long");
        return -1;
    }

    text[w.length] = '\0';

    return vsw_kafka_config_set(conf, "bootstrap.servers", text, error,
                                error_size);
}


static int
vsw_kafka_config_tls_set(const vsw_kafka_config_t *config,
                         rd_kafka_conf_t *conf, char *error, size_t error_size)
{
    bool        has_tls = vsw_kafka_config_has_tls(config);
    bool        has_sasl;
    const char *protocol, *problem;
    char        path[VSW_SECRET_PATH_MAX];

    has_sasl = vsw_kafka_config_mechanism(config) != VSW_KAFKA_SASL_NONE;
    protocol = has_tls ? (has_sasl ? "sasl_ssl" : "ssl")
                       : (has_sasl ? "sasl_plaintext" : "plaintext");

    if (vsw_kafka_config_set(conf, "security.protocol", protocol, error,
                             error_size)
        != 0)
    {
        return -1;
    }

    if (config->ca_file != NULL
        && vsw_kafka_config_set(conf, "ssl.ca.location", config->ca_file, error,
                                error_size)
               != 0)
    {
        return -1;
    }

    if (config->cert_file == NULL) {
        return 0;
    }

    problem = vsw_secret_path(config->key_file, path);
    if (problem != NULL) {
        snprintf(error, error_size, "key_file %s", problem);
        return -1;
    }

    if (vsw_kafka_config_set(conf, "ssl.certificate.location",
                             config->cert_file, error, error_size)
            != 0
        || vsw_kafka_config_set(conf, "ssl.key.location", path, error,
                                error_size)
               != 0)
    {
        return -1;
    }

    return config->key_password_file == NULL
               ? 0
               : vsw_kafka_config_secret_set(conf, "ssl.key.password",
                                             config->key_password_file, error,
                                             error_size);
}


static int
vsw_kafka_config_sasl_set(const vsw_kafka_config_t *config,
                          rd_kafka_conf_t *conf, char *error, size_t error_size)
{
    static const char *const mechanisms[] = { "", "PLAIN", "SCRAM-SHA-256",
                                              "SCRAM-SHA-512" };

    vsw_kafka_sasl_t mechanism = vsw_kafka_config_mechanism(config);

    if (mechanism == VSW_KAFKA_SASL_NONE) {
        return 0;
    }

    if (vsw_kafka_config_set(conf, "sasl.mechanism", mechanisms[mechanism],
                             error, error_size)
            != 0
        || vsw_kafka_config_set(conf, "sasl.username", config->user, error,
                                error_size)
               != 0)
    {
        return -1;
    }

    return vsw_kafka_config_secret_set(
        conf, "sasl.password", config->password_file, error, error_size);
}


static int
vsw_kafka_config_secret_set(rd_kafka_conf_t *conf, const char *name,
                            const char *file, char *error, size_t error_size)
{
    const char *problem;
    char        secret[VSW_SECRET_MAX + 1];
    int         rc;

    problem = vsw_secret_read(file, secret);
    if (problem != NULL) {
        snprintf(error, error_size, "%s %s", file, problem);
        return -1;
    }

    rc = vsw_kafka_config_set(conf, name, secret, error, error_size);
    explicit_bzero(secret, sizeof(secret));

    if (rc != 0) { /* librdkafka's own text may repeat the value */
        snprintf(error, error_size, "the value for %s is refused", name);
    }

    return rc;
}


static int
vsw_kafka_config_set(rd_kafka_conf_t *conf, const char *name, const char *value,
                     char *error, size_t error_size)
{
    return rd_kafka_conf_set(conf, name, value, error, error_size)
                   == RD_KAFKA_CONF_OK
               ? 0
               : -1;
}
