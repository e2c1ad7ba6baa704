/*
 * A credential, the first line, goes into a source, the second: libcurl, which
 * reads URLs in its own way, finds host, user and password as they were meant,
 * and the secret is among those that are masked.
 */

#include "fuzz.h"

#include <curl/curl.h>

#include "vsw_credentials.h"

#define VARIABLE "VSTREAM_CAMERA_A="

/* What environ holds; setenv(3) would never give memory back. */
static char variable[sizeof(VARIABLE) + VSW_CREDENTIAL_VALUE_MAX];


/* libcurl decodes none of these. */
static int
has_controls(vstream_slice_t text)
{
    size_t i;

    for (i = 0; i < text.length; i++) {
        if ((uint8_t) text.data[i] < ' ' || text.data[i] == 0x7f) {
            return 1;
        }
    }

    return 0;
}


static void
check_part(CURLU *url, CURLUPart part, const char *want, size_t length)
{
    char *is = NULL;

    if (curl_url_get(url, part, &is, CURLU_URLDECODE) != CURLUE_OK) {
        fuzz_check(length == 0);
        return;
    }

    fuzz_check(strlen(is) == length && memcmp(is, want, length) == 0);
    curl_free(is);
}


/* `${A}@` takes the value as a pair, `user:${A}@` as the password. */
static void
check_url(const vsw_filled_source_t *filled, const vstream_source_t *source,
          const char *value)
{
    CURLU      *url = curl_url();
    const char *colon = strchr(value, ':');

    fuzz_check(url != NULL);

    if (curl_url_set(url, CURLUPART_URL, filled->url,
                     CURLU_NON_SUPPORT_SCHEME | CURLU_NO_AUTHORITY)
        == CURLUE_OK)
    {
        if (source->user_info.length > 4) {
            check_part(url, CURLUPART_PASSWORD, value, strlen(value));

        } else if (colon != NULL) {
            check_part(url, CURLUPART_USER, value, (size_t) (colon - value));
            check_part(url, CURLUPART_PASSWORD, colon + 1, strlen(colon + 1));

        } else {
            check_part(url, CURLUPART_USER, value, strlen(value));
        }
    }

    curl_url_cleanup(url);
}


static void
check_filled(vsw_filled_source_t *filled, vstream_slice_t text,
             const vstream_source_t *source, const char *value)
{
    const char *colon = strchr(value, ':');
    const char *password = value;

    if (source->user_info.length == 4 && colon != NULL && colon[1] != '\0') {
        password = colon + 1;
    }

    fuzz_check(filled->secrets_count == VSW_CREDENTIAL_SECRETS);
    fuzz_check(strcmp(filled->secrets[0], password) == 0);
    fuzz_check(strstr(filled->url, filled->secrets[1]) != NULL
               || (colon != NULL && colon[1] == '\0')); /* no password */
    fuzz_check(strlen(filled->url) <= text.length - 4 + 3 * strlen(value));

    if (source->user_info.length > 0) {
        check_url(filled, source, value);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static vsw_filled_source_t filled;

    char                     detail[VSW_CREDENTIAL_DETAIL];
    const char              *reason, *value = variable + sizeof(VARIABLE) - 1;
    vstream_slice_t          line = fuzz_line(&data, &size), text;
    vstream_source_t         source;
    vsw_config_credentials_t config = { .directory = NULL };

    text = fuzz_slice(data, size);

    if (line.length > VSW_CREDENTIAL_VALUE_MAX || has_controls(line)
        || vstream_source_read(text, &source) != VSTREAM_SOURCE_OK)
    {
        return 0;
    }

    memcpy(variable, VARIABLE, sizeof(VARIABLE) - 1);
    memcpy(variable + sizeof(VARIABLE) - 1, line.data, line.length);
    variable[sizeof(VARIABLE) - 1 + line.length] = '\0';
    putenv(variable);

    reason = vsw_credentials_fill(&config, text, &source, &filled, detail);

    if (reason != NULL) {
        fuzz_check(value[0] == '\0'
                   || !fuzz_equals(source.credential, VSTREAM_SLICE("A")));

    } else if (source.credential.length > 0) {
        check_filled(&filled, text, &source, value);

    } else {
        fuzz_check(filled.secrets_count == 0);
        fuzz_check(strlen(filled.url) == text.length
                   && memcmp(filled.url, text.data, text.length) == 0);
    }

    vsw_credentials_clear(&filled);

    return 0;
}
