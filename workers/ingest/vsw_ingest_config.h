/*
 * The configuration file of vstream-ingest, YAML.  libcyaml reads it into
 * this struct and refuses unknown keys and values of the wrong kind; what
 * only we can judge (an address, a network, a path) is judged afterwards.
 * Every refusal names line and column.  conf/ingest.example.yaml documents
 * each key.
 */

#ifndef VSW_INGEST_CONFIG_H
#define VSW_INGEST_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vsw_kafka_section.h"
#include "vsw_log.h"
#include "vsw_redis_address.h"
#include "vsw_redis_tls.h"

#define VSW_INGEST_LISTEN        "127.0.0.1:9464"
#define VSW_INGEST_REDIS_URL     "redis://127.0.0.1:6379"
#define VSW_INGEST_MEMORY_MB     1024
#define VSW_INGEST_MEMORY_MB_MIN 64
#define VSW_INGEST_CONNECT_MS    5000

#define VSW_INGEST_ERROR_MAX 512


/* A credential that may be sent to these hosts only. */
typedef struct {
    char    *name;
    char   **hosts;
    uint32_t hosts_count;
} vsw_credential_hosts_t;

typedef struct {
    char *url;
    char *user;          /* NULL: the URL's */
    char *password_file; /* NULL: none */
    char *ca_file;       /* of TLS, as in vsw_redis_tls_options_t */
    char *certificate;
    char *key;
    char *server_name;
    char *prefix;
} vsw_config_redis_t;

typedef struct {
    vsw_log_level_t  *level;
    vsw_log_format_t *format;
} vsw_config_log_t;

typedef struct {
    char   **allow; /* networks that are denied otherwise, CIDR */
    uint32_t allow_count;
    char   **files; /* folders that `file:` may read from */
    uint32_t files_count;
    char   **listen; /* where sources may listen, "address:port[-port]" */
    uint32_t listen_count;
    char   **devices; /* that `v4l2:` may open */
    uint32_t devices_count;
    char    *ca_file; /* authorities trusted beside the host's; NULL: none */
    bool    *test;    /* `test:` is allowed */
} vsw_config_sources_t;

typedef struct {
    char                   *directory; /* NULL: none */
    vsw_credential_hosts_t *hosts;
    uint32_t                hosts_count;
} vsw_config_credentials_t;

typedef struct {
    uint32_t cameras;          /* that this replica will hold; 0: any */
    uint32_t camera_memory_mb; /* address space of one camera process */
    uint32_t connect_timeout_ms;
} vsw_config_limits_t;

/* After vsw_ingest_config_load() all defaults are filled in. */
typedef struct {
    char                    *replica; /* the grammar of a camera id */
    char                    *listen;
    vsw_config_redis_t       redis;
    vsw_config_kafka_t       kafka;
    vsw_config_log_t         log;
    vsw_config_sources_t     sources;
    vsw_config_credentials_t credentials;
    vsw_config_limits_t      limits;
} vsw_ingest_config_t;


/*
 * Reads `path`; NULL: all defaults.  Returns NULL and fills `error`, one line
 * without the newline, if anything is wrong.
 */
vsw_ingest_config_t *vsw_ingest_config_load(const char *path, char *error,
                                            size_t error_size);
void                 vsw_ingest_config_destroy(vsw_ingest_config_t *config);

/* Replaces a text of the configuration; 0, or -1 if there is no memory. */
int vsw_ingest_config_text_set(char **text, const char *value);

/*
 * What takes effect at start only is taken over from `former` (the texts
 * change owners).  True: some of it had changed.
 */
bool vsw_ingest_config_adopt(vsw_ingest_config_t *config,
                             vsw_ingest_config_t *former);

/* What vsw_redis_create() wants to know of TLS; borrows the texts. */
vsw_redis_tls_options_t vsw_ingest_config_tls(const vsw_config_redis_t *redis);

/*
 * Judges what libcyaml cannot.  NULL, or what is wrong; *path then names the
 * value, as "sources.allow[2]".
 */
const char *vsw_ingest_config_check(const vsw_ingest_config_t *config,
                                    char *path, size_t path_size);


#endif /* VSW_INGEST_CONFIG_H */
