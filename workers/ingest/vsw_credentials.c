/*
 * Camera credentials, see vsw_credentials.h.
 */

#include "vsw_credentials.h"

#include "vstream_schema.h"
#include "vstream_writer.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define VSW_CREDENTIAL_VARIABLE "VSTREAM_CAMERA_"


static bool vsw_credentials_may_go(const vsw_config_credentials_t *config,
                                   const char *name, vstream_slice_t host);
static const char *vsw_credentials_value(
    const vsw_config_credentials_t *config, const char *name,
    char value[VSW_CREDENTIAL_VALUE_MAX + 1], char *detail);
static const char *vsw_credentials_file(
    const char *directory, const char *name,
    char value[VSW_CREDENTIAL_VALUE_MAX + 1]);
static void vsw_credentials_write(vstream_slice_t         text,
                                  const vstream_source_t *source,
                                  const char             *value,
                                  vsw_filled_source_t    *filled);
static void vsw_credentials_encode(vstream_writer_t *w, vstream_slice_t text);


const char *
vsw_credentials_fill(const vsw_config_credentials_t *config,
                     vstream_slice_t text, const vstream_source_t *source,
                     vsw_filled_source_t *filled, char *detail)
{
    const char *reason;
    char        name[VSTREAM_CREDENTIAL_NAME_MAX + 1];
    char        value[VSW_CREDENTIAL_VALUE_MAX + 1];

    filled->secrets_count = 0;

    if (source->credential.length == 0) {
        memcpy(filled->url, text.data, text.length);
        filled->url[text.length] = '\0';
        return NULL;
    }

    memcpy(name, source->credential.data, source->credential.length);
    name[source->credential.length] = '\0';

    if (!vsw_credentials_may_go(config, name, source->host)) {
        snprintf(detail, VSW_CREDENTIAL_DETAIL,
                 "credential %s is bound to other hosts; see "
                 "credentials.hosts in the configuration of vstream-ingest",
                 name);
        return VSTREAM_REASON_SOURCE_DENIED;
    }

    reason = vsw_credentials_value(config, name, value, detail);
    if (reason == NULL) {
        vsw_credentials_write(text, source, value, filled);
    }

    explicit_bzero(value, sizeof(value));

    return reason;
}


void
vsw_credentials_clear(vsw_filled_source_t *filled)
{
    explicit_bzero(filled, sizeof(*filled));
}


/* A credential that is not listed may go anywhere. */
static bool
vsw_credentials_may_go(const vsw_config_credentials_t *config, const char *name,
                       vstream_slice_t host)
{
    uint32_t i, n;
    bool     listed = false;

    for (i = 0; i < config->hosts_count; i++) {
        if (strcmp(config->hosts[i].name, name) != 0) {
            continue;
        }

        listed = true;

        for (n = 0; n < config->hosts[i].hosts_count; n++) {
            const char *allowed = config->hosts[i].hosts[n];

            if (strlen(allowed) == host.length
                && strncasecmp(allowed, host.data, host.length) == 0)
            {
                return true;
            }
        }
    }

    return !listed;
}


static const char *
vsw_credentials_value(const vsw_config_credentials_t *config, const char *name,
                      char value[VSW_CREDENTIAL_VALUE_MAX + 1], char *detail)
{
    char
        variable[sizeof(VSW_CREDENTIAL_VARIABLE) + VSTREAM_CREDENTIAL_NAME_MAX];
    const char *found, *problem;

    snprintf(variable, sizeof(variable), VSW_CREDENTIAL_VARIABLE "%s", name);
    found = getenv(variable);

    if (found != NULL && found[0] != '\0'
        && strlen(found) <= VSW_CREDENTIAL_VALUE_MAX)
    {
        memcpy(value, found, strlen(found) + 1);
        return NULL;
    }

    if (config->directory == NULL) {
        snprintf(detail, VSW_CREDENTIAL_DETAIL,
                 "%s is not set in the environment of vstream-ingest, and no "
                 "credentials.directory is configured",
                 variable);
        return VSTREAM_REASON_CREDENTIAL_MISSING;
    }

    problem = vsw_credentials_file(config->directory, name, value);
    if (problem != NULL) {
        snprintf(detail, VSW_CREDENTIAL_DETAIL,
                 "%s is not set, and the file %s in credentials.directory of "
                 "vstream-ingest %s",
                 variable, name, problem);
        return VSTREAM_REASON_CREDENTIAL_MISSING;
    }

    return NULL;
}


/* The first line of a file.  NULL, or what is wrong with it. */
static const char *
vsw_credentials_file(const char *directory, const char *name,
                     char value[VSW_CREDENTIAL_VALUE_MAX + 1])
{
    struct stat st;
    ssize_t     n;
    size_t      length;
    char        path[4096];
    int         fd;

    if ((size_t) snprintf(path, sizeof(path), "%s/%s", directory, name)
        >= sizeof(path))
    {
        return "has a path that is too long";
    }

    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd == -1) {
        return "cannot be opened";
    }

    if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) {
        close(fd);
        return "is no regular file";
    }

    if (st.st_mode & S_IRWXO) {
        close(fd);
        return "is open to all users of the host; chmod o-rwx it";
    }

    n = read(fd, value, VSW_CREDENTIAL_VALUE_MAX + 1);
    close(fd);

    if (n <= 0) {
        return "is empty";
    }

    length = (size_t) n;
    while (length > 0
           && (value[length - 1] == '\n' || value[length - 1] == '\r')) {
        length--;
    }

    if (length == 0 || length > VSW_CREDENTIAL_VALUE_MAX
        || memchr(value, '\0', length) != NULL
        || memchr(value, '\n', length) != NULL)
    {
        return "must hold one line of 1 to 512 bytes";
    }

    value[length] = '\0';

    return NULL;
}


/*
 * `${NAME}@` takes the value as user and password, divided by its first
 * colon; `user:${NAME}@` and `passphrase=${NAME}` take it as the password.
 */
static void
vsw_credentials_write(vstream_slice_t text, const vstream_source_t *source,
                      const char *value, vsw_filled_source_t *filled)
{
    size_t           before, placeholder;
    const char      *colon = NULL, *password = value;
    vstream_writer_t w;

    placeholder = source->credential.length + 3; /* ${NAME} */
    before = (size_t) (source->credential.data - text.data) - 2;

    if (source->user_info.length == placeholder) {
        colon = strchr(value, ':');
        password = colon == NULL ? "" : colon + 1;
    }

    vstream_writer_init(&w, filled->url, sizeof(filled->url) - 1);
    vstream_writer_bytes(&w, text.data, before);

    if (colon != NULL) {
        vsw_credentials_encode(
            &w, (vstream_slice_t) { value, (size_t) (colon - value) });
        vstream_writer_text(&w, ":");
        vsw_credentials_encode(
            &w, (vstream_slice_t) { password, strlen(password) });
    } else {
        vsw_credentials_encode(&w, (vstream_slice_t) { value, strlen(value) });
    }

    vstream_writer_bytes(&w, text.data + before + placeholder,
                         text.length - before - placeholder);
    filled->url[w.length] = '\0';

    if (password[0] == '\0') {
        password = value;
    }

    snprintf(filled->secrets[0], sizeof(filled->secrets[0]), "%s", password);
    vstream_writer_init(&w, filled->secrets[1], sizeof(filled->secrets[1]) - 1);
    vsw_credentials_encode(&w,
                           (vstream_slice_t) { password, strlen(password) });
    filled->secrets[1][w.length] = '\0';
    filled->secrets_count = VSW_CREDENTIAL_SECRETS;
}


/* RFC 3986: all but unreserved characters become %XX. */
static void
vsw_credentials_encode(vstream_writer_t *w, vstream_slice_t text)
{
    static const char hex[] = "0123456789ABCDEF";
    static const char unreserved[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    unsigned char c;
    size_t        i;

    for (i = 0; i < text.length; i++) {
        c = (unsigned char) text.data[i];

        if (c != '\0' && strchr(unreserved, c) != NULL) {
            vstream_writer_bytes(w, &c, 1);
            continue;
        }

        vstream_writer_bytes(w, "%", 1);
        vstream_writer_bytes(w, &hex[c >> 4], 1);
        vstream_writer_bytes(w, &hex[c & 15], 1);
    }
}
