/*
 * What a camera says by HTTP: the type of its answer and the first bytes, one
 * line each, and then URLs that its playlists name.  What may be opened is, by
 * libcurl's reading, http or https.
 */

#include "fuzz.h"

#include <curl/curl.h>

#include "vsw_source_http.c"


static void
check_url(const char *url)
{
    char  *scheme = NULL;
    CURLU *parsed;

    if (!vsw_http_is_allowed(url)) {
        return;
    }

    if (strncmp(url, "crypto", 6) == 0) {
        url += 7;
    }

    parsed = curl_url();
    fuzz_check(parsed != NULL);

    if (curl_url_set(parsed, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME)
        == CURLUE_OK)
    {
        fuzz_check(curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0)
                   == CURLUE_OK);
        fuzz_check(strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
        curl_free(scheme);
    }

    curl_url_cleanup(parsed);
}


/* The denial shows a scheme, and nothing that could be a password. */
static void
check_denial(const char *url)
{
    vsw_source_t source = { .denied = { .reason = NULL } };

    vsw_http_deny(&source, url);
    fuzz_check(source.denied.reason != NULL);
    fuzz_check(strstr(source.denied.detail, "hunter2") == NULL
               || strcspn(url, ":/?") >= 7);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char           *text;
    uint8_t        *head;
    vstream_slice_t line = fuzz_line(&data, &size);

    text = fuzz_text((const uint8_t *) line.data, line.length);
    fuzz_check(vsw_http_type_kind(text) <= VSW_HTTP_UNKNOWN);
    free(text);

    line = fuzz_line(&data, &size);
    head = fuzz_copy(line.data, line.length);
    fuzz_check(vsw_http_head_kind(head, line.length) <= VSW_HTTP_UNKNOWN);
    free(head);

    while (size > 0) {
        line = fuzz_line(&data, &size);
        text = fuzz_text((const uint8_t *) line.data, line.length);
        check_url(text);
        check_denial(text);
        free(text);
    }

    return 0;
}
