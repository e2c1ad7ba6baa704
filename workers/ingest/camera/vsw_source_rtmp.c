/*
 * rtmp: and rtmps:, pulled.  Servers say little: many close the connection, or
 * say nothing at all, where a stream does not exist.
 */

#include <string.h>

#include "vsw_media_log.h"
#include "vsw_source.h"


/* libavformat takes user-info as it stands, without decoding it. */
static bool
vsw_rtmp_is_encoded(const char *url)
{
    size_t      length;
    const char *at, *authority = strstr(url, "://");

    if (authority == NULL) {
        return false;
    }

    authority += 3;
    length = strcspn(authority, "/?#");
    at = memrchr(authority, '@', length);

    return at != NULL
           && memchr(authority, '%', (size_t) (at - authority)) != NULL;
}


static int
vsw_rtmp_start(vsw_source_t *source, vsw_failure_t *failure)
{
    int           rc;
    AVDictionary *options = NULL;

    if (vsw_source_net_options(source, &options, failure) != VSTREAM_OK) {
        return VSTREAM_ERROR;
    }

    rc = strcmp(source->scheme->name, "rtmps") == 0
             ? vsw_source_net_secure_start(source, &options, failure)
             : vsw_source_net_start(source, source->config->url,
                                    source->scheme->format, &options, failure);

    return rc == VSTREAM_OK ? vsw_source_net_wait(source, failure) : rc;
}


/* What may be behind it when a server says nothing, or hangs up. */
static void
vsw_rtmp_explain(vsw_failure_t *failure)
{
    vsw_failure_t told = { 0 };

    if (strcmp(failure->reason, VSTREAM_REASON_TIMEOUT) == 0) {
        vsw_failure_set(&told, VSTREAM_REASON_TIMEOUT,
                        "no stream came in time: check host, port and "
                        "network; a server that is there may know no stream "
                        "of that name, so check the path in its source, and "
                        "that the camera is on");

    } else if (strcmp(failure->reason, VSTREAM_REASON_PROTOCOL_ERROR) == 0
               && vsw_media_log_error(0)[0] == '\0')
    {
        vsw_failure_set(&told, VSTREAM_REASON_PROTOCOL_ERROR,
                        "the camera's server hung up when it was asked for "
                        "the stream: check path, user and password of its "
                        "source; RTMP does not tell which it is");
    }

    if (told.reason != NULL) {
        *failure = told;
    }
}


int
vsw_source_rtmp_open(vsw_source_t *source, vsw_failure_t *failure)
{
    if (vsw_rtmp_is_encoded(source->config->url)) {
        vsw_failure_set(failure, VSTREAM_REASON_BAD_SOURCE,
                        "user and password of RTMP may hold letters, digits "
                        "and -._~ only: choose another password in the camera");
        return VSTREAM_ERROR;
    }

    if (vsw_rtmp_start(source, failure) != VSTREAM_OK) {
        vsw_rtmp_explain(failure);
        return VSTREAM_ERROR;
    }

    return VSTREAM_OK;
}
