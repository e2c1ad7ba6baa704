/*
 * How Kafka is reached: what every program that speaks to it configures
 * alike.  The structs are filled by libcyaml, so that options are pointers
 * where "not given" differs from any value.
 */

#ifndef VSW_KAFKA_CONFIG_H
#define VSW_KAFKA_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <librdkafka/rdkafka.h>

#define VSW_KAFKA_BROKERS_MAX   16
#define VSW_KAFKA_CLIENT_ID_MAX 64


typedef enum {
    VSW_KAFKA_SASL_NONE = 0,
    VSW_KAFKA_SASL_PLAIN,
    VSW_KAFKA_SASL_SCRAM_256,
    VSW_KAFKA_SASL_SCRAM_512,
} vsw_kafka_sasl_t;

typedef struct {
    char            **brokers; /* host:port; none: no Kafka */
    uint32_t          brokers_count;
    char             *client_id;
    bool             *tls;               /* NULL: no */
    char             *ca_file;           /* NULL: those that the host trusts */
    char             *cert_file;         /* NULL: we show none */
    char             *key_file;          /* of cert_file; a secret */
    char             *key_password_file; /* NULL: the key has none */
    vsw_kafka_sasl_t *sasl;              /* NULL: none */
    char             *user;
    char             *password_file;
} vsw_kafka_config_t;


/* NULL, or what is wrong; *path then names the value, as "brokers[2]". */
const char *vsw_kafka_config_check(const vsw_kafka_config_t *config, char *path,
                                   size_t path_size);

/*
 * Sets all of it, passwords included, and what every client of ours has in
 * common.  NULL, or what is wrong, in `error`.
 */
const char *vsw_kafka_config_apply(const vsw_kafka_config_t *config,
                                   rd_kafka_conf_t *conf, char *error,
                                   size_t error_size);

/* A password would cross the network readable. */
bool vsw_kafka_config_is_in_clear(const vsw_kafka_config_t *config);


#endif /* VSW_KAFKA_CONFIG_H */
