/*
 * http: and https: that answer with a single JPEG: asked for again and again,
 * `interval=` seconds apart, over one connection, and only for what is new
 * (RFC 9110 section 13.1).  libcurl speaks HTTP.
 *
 * Names are looked up here, by the interposed getaddrinfo() and in this
 * thread: libcurl would start another one, which a camera process may not.
 * Redirects are followed here, too, so that each of their names is, and no
 * other host is told the camera's password.
 */

#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>
#include <libavutil/time.h>

#include "vsw_dial.h"
#include "vsw_source.h"

#define VSW_POLL_REDIRECTS_MAX 5
#define VSW_POLL_ADDRESSES_MAX 8
#define VSW_POLL_VALIDATOR_MAX 256
#define VSW_POLL_URL_MAX       4096
#define VSW_POLL_FIRST_ROOM    65536


/* What tells an answer from a newer one; empty: it does not say. */
typedef struct {
    char etag[VSW_POLL_VALIDATOR_MAX];
    char modified[VSW_POLL_VALIDATOR_MAX];
} vsw_validators_t;

typedef struct {
    CURL              *curl;
    CURLU             *home; /* the source's own URL, with its password */
    struct curl_slist *headers;
    struct curl_slist *addresses;
    char               host[300]; /* "name:port" that `addresses` are of */
    const char        *ca_file;
    uint8_t           *body;
    size_t             length;
    size_t             room;
    size_t             most;
    bool               is_too_large;
    bool               is_learned; /* how it wants to be asked for a password */
    bool               has_first;  /* open() has got the first picture */
    vsw_validators_t   head;       /* of the answer that is coming in */
    vsw_validators_t   known;      /* of the newest picture */
    int64_t            due_us;
} vsw_poll_t;

static const vsw_scheme_t vsw_poll_scheme = {
    "http",
    vsw_source_poll_open,
    vsw_source_poll_read,
    vsw_source_poll_close,
    NULL,
    NULL,
    NULL,
    false,
};


const vsw_scheme_t *
vsw_source_poll_scheme(const char *url)
{
    size_t length = strcspn(url, "?#");

    if (strncasecmp(url, "http", 4) != 0) {
        return NULL;
    }

    return (length > 4 && strncasecmp(url + length - 4, ".jpg", 4) == 0)
                   || (length > 5
                       && strncasecmp(url + length - 5, ".jpeg", 5) == 0)
               ? &vsw_poll_scheme
               : NULL;
}


const vsw_scheme_t *
vsw_source_poll_scheme_known(void)
{
    return &vsw_poll_scheme;
}


/* libcurl's callbacks. */


static size_t
vsw_poll_body_write(char *data, size_t one, size_t size, void *opaque)
{
    size_t      room;
    uint8_t    *body;
    vsw_poll_t *poll = opaque;

    (void) one;

    if (size > poll->most - poll->length) {
        poll->is_too_large = true;
        return 0;
    }

    if (poll->length + size > poll->room) {
        room = poll->room > 0 ? poll->room : VSW_POLL_FIRST_ROOM;

        while (room < poll->length + size) {
            room *= 2;
        }

        body = realloc(poll->body, room);
        if (body == NULL) {
            return 0;
        }

        poll->body = body;
        poll->room = room;
    }

    memcpy(poll->body + poll->length, data, size);
    poll->length += size;

    return size;
}


/* Of the answer's head: what a later request says that it has already. */
static void
vsw_poll_validator_keep(char        validator[VSW_POLL_VALIDATOR_MAX],
                        const char *name, const char *line, size_t size)
{
    size_t length = strlen(name);

    if (size <= length || strncasecmp(line, name, length) != 0) {
        return;
    }

    line += length;
    size -= length;

    while (size > 0 && (*line == ' ' || *line == '\t')) {
        line++;
        size--;
    }

    while (size > 0 && (line[size - 1] == '\r' || line[size - 1] == '\n')) {
        size--;
    }

    for (length = 0; length < size && (unsigned char) line[length] >= ' ';
         length++) {
        /* void */
    }

    if (length < size || size >= VSW_POLL_VALIDATOR_MAX) {
        size = 0; /* longer than it may be, or more than a line: as if none */
    }

    memcpy(validator, line, size);
    validator[size] = '\0';
}


static size_t
vsw_poll_head_write(char *line, size_t one, size_t size, void *opaque)
{
    vsw_poll_t *poll = opaque;

    (void) one;

    if (size > 5 && strncmp(line, "HTTP/", 5) == 0) {
        memset(&poll->head, 0, sizeof(poll->head)); /* another one begins */
    }

    vsw_poll_validator_keep(poll->head.etag, "ETag:", line, size);
    vsw_poll_validator_keep(poll->head.modified, "Last-Modified:", line, size);

    return size;
}


static int
vsw_poll_progress(void *opaque, curl_off_t down_all, curl_off_t down,
                  curl_off_t up_all, curl_off_t up)
{
    (void) down_all;
    (void) down;
    (void) up_all;
    (void) up;

    return vsw_source_is_interrupted(opaque);
}


/* Requests. */


static bool
vsw_poll_header_add(struct curl_slist **headers, const char *name,
                    const char *value)
{
    char               line[VSW_POLL_VALIDATOR_MAX + 32];
    struct curl_slist *more;

    snprintf(line, sizeof(line), "%s: %s", name, value);
    more = curl_slist_append(*headers, line);

    if (more == NULL) {
        return false;
    }

    *headers = more;

    return true;
}


/* Asks for what is newer than the picture at hand, if there is one. */
static bool
vsw_poll_headers_set(vsw_poll_t *poll)
{
    struct curl_slist *headers = NULL;

    if (!vsw_poll_header_add(&headers, "Accept", "image/jpeg, */*;q=0.5")
        || (poll->known.etag[0] != '\0'
            && !vsw_poll_header_add(&headers, "If-None-Match",
                                    poll->known.etag))
        || (poll->known.modified[0] != '\0'
            && !vsw_poll_header_add(&headers, "If-Modified-Since",
                                    poll->known.modified)))
    {
        curl_slist_free_all(headers);
        return false;
    }

    curl_slist_free_all(poll->headers);
    poll->headers = headers;

    return curl_easy_setopt(poll->curl, CURLOPT_HTTPHEADER, headers)
           == CURLE_OK;
}


static bool
vsw_poll_part_is(CURLU *a, CURLU *b, CURLUPart part)
{
    bool  same;
    char *x = NULL, *y = NULL;

    same = curl_url_get(a, part, &x, CURLU_DEFAULT_PORT) == CURLUE_OK
           && curl_url_get(b, part, &y, CURLU_DEFAULT_PORT) == CURLUE_OK
           && strcasecmp(x, y) == 0;

    curl_free(x);
    curl_free(y);

    return same;
}


/* The password goes to the host that it is meant for, and in no other way. */
static CURLcode
vsw_poll_password_set(vsw_poll_t *poll, CURLU *url)
{
    char    *user = NULL, *password = NULL;
    CURLcode rc;

    if (vsw_poll_part_is(poll->home, url, CURLUPART_HOST)
        && vsw_poll_part_is(poll->home, url, CURLUPART_PORT)
        && vsw_poll_part_is(poll->home, url, CURLUPART_SCHEME))
    {
        (void) curl_url_get(poll->home, CURLUPART_USER, &user, CURLU_URLDECODE);
        (void) curl_url_get(poll->home, CURLUPART_PASSWORD, &password,
                            CURLU_URLDECODE);
    }

    rc = curl_easy_setopt(poll->curl, CURLOPT_USERNAME, user);

    if (rc == CURLE_OK) {
        rc = curl_easy_setopt(poll->curl, CURLOPT_PASSWORD, password);
    }

    curl_free(user);
    curl_free(password);

    return rc;
}


static struct curl_slist *
vsw_poll_addresses_list(const char *host, const struct addrinfo *found)
{
    int                n = 0;
    char               line[1024], address[64];
    size_t             length;
    struct curl_slist *addresses;

    length = (size_t) snprintf(line, sizeof(line), "%s:", host);

    for (; found != NULL && n < VSW_POLL_ADDRESSES_MAX; found = found->ai_next)
    {
        if (getnameinfo(found->ai_addr, found->ai_addrlen, address,
                        sizeof(address), NULL, 0, NI_NUMERICHOST)
            != 0)
        {
            continue;
        }

        length +=
            (size_t) snprintf(line + length, sizeof(line) - length,
                              found->ai_family == AF_INET6 ? "%s[%s]" : "%s%s",
                              n++ > 0 ? "," : "", address);

        if (length >= sizeof(line)) {
            return NULL;
        }
    }

    addresses = n > 0 ? curl_slist_append(NULL, line) : NULL;

    return addresses;
}


/* Looks the host up, once for as long as it is the same. */
static int
vsw_poll_host_find(vsw_poll_t *poll, CURLU *url, vsw_failure_t *failure)
{
    int              rc;
    char             host[sizeof(poll->host)];
    char            *name = NULL, *port = NULL;
    struct addrinfo  hints = { .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;

    (void) curl_url_get(url, CURLUPART_HOST, &name, 0);
    (void) curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);
    snprintf(host, sizeof(host), "%s:%s", name != NULL ? name : "",
             port != NULL ? port : "");

    if (name == NULL || name[0] == '[' || strcmp(host, poll->host) == 0) {
        curl_free(name);
        curl_free(port);
        return VSTREAM_OK;
    }

    rc = getaddrinfo(name, port, &hints, &found);
    curl_free(name);
    curl_free(port);

    if (rc != 0) {
        vsw_failure_set(failure, VSTREAM_REASON_DNS_FAILED,
                        "the camera's host name does not resolve: check it, "
                        "and the name server (%s)",
                        gai_strerror(rc));
        return VSTREAM_ERROR;
    }

    curl_slist_free_all(poll->addresses);
    poll->addresses = vsw_poll_addresses_list(host, found);
    freeaddrinfo(found);

    if (poll->addresses == NULL
        || curl_easy_setopt(poll->curl, CURLOPT_RESOLVE, poll->addresses)
               != CURLE_OK)
    {
        vsw_failure_set_av(failure, AVERROR(ENOMEM), "the camera");
        return VSTREAM_ERROR;
    }

    memcpy(poll->host, host, sizeof(host));

    return VSTREAM_OK;
}


/* Why there was no answer, nearest cause first. */
static void
vsw_poll_explain(vsw_source_t *source, CURLcode rc, vsw_failure_t *failure)
{
    long        error = 0;
    char        address[VSW_DIAL_TEXT_MAX];
    vsw_poll_t *poll = source->state;

    (void) curl_easy_getinfo(poll->curl, CURLINFO_OS_ERRNO, &error);

    if (vsw_dial_has_refused(address)) {
        vsw_failure_set(failure, VSTREAM_REASON_SOURCE_DENIED,
                        VSW_SOURCE_DENIED_TEXT, address);
        return;
    }

    switch (rc) {
    case CURLE_ABORTED_BY_CALLBACK:
    case CURLE_OPERATION_TIMEDOUT:
        vsw_failure_set_av(failure, AVERROR(ETIMEDOUT), "the camera");
        break;

    case CURLE_COULDNT_CONNECT:
        vsw_failure_set_av(
            failure, error > 0 ? AVERROR((int) error) : AVERROR(ECONNREFUSED),
            "the camera");
        break;

    case CURLE_WRITE_ERROR:
        if (poll->is_too_large) {
            vsw_failure_set(failure, VSTREAM_REASON_TOO_LARGE,
                            "the camera sent a picture of more than the %zu "
                            "bytes allowed: lower its resolution or quality",
                            poll->most);
        }

        vsw_failure_set_av(failure, AVERROR(ENOMEM), "the camera");
        break;

    case CURLE_PEER_FAILED_VERIFICATION:
        vsw_failure_set(failure, VSTREAM_REASON_PROTOCOL_ERROR,
                        "the camera's certificate is not trusted here: add "
                        "the authority that signed it to this host's, or to "
                        "sources.ca_file of vstream-ingest");
        break;

    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
        vsw_failure_set_av(failure, AVERROR_PROTOCOL_NOT_FOUND, "the camera");
        break;

    case CURLE_OUT_OF_MEMORY:
        vsw_failure_set_av(failure, AVERROR(ENOMEM), "the camera");
        break;

    default:
        vsw_failure_set(failure, VSTREAM_REASON_PROTOCOL_ERROR,
                        "the connection to the camera failed: %s",
                        curl_easy_strerror(rc));
    }
}


/* An answer that is no picture and no redirect. */
static int
vsw_poll_refused(long status, vsw_failure_t *failure)
{
    int error = AVERROR_INVALIDDATA;

    switch (status) {
    case 400:
        error = AVERROR_HTTP_BAD_REQUEST;
        break;
    case 401:
        error = AVERROR_HTTP_UNAUTHORIZED;
        break;
    case 403:
        error = AVERROR_HTTP_FORBIDDEN;
        break;
    case 404:
        error = AVERROR_HTTP_NOT_FOUND;
        break;
    default:
        if (status >= 500) {
            error = AVERROR_HTTP_SERVER_ERROR;

        } else if (status >= 400) {
            error = AVERROR_HTTP_OTHER_4XX;
        }
    }

    vsw_failure_set_av(failure, error, "the camera");

    return VSTREAM_ERROR;
}


/* One request to `url`.  *status: of the answer. */
static int
vsw_poll_request(vsw_source_t *source, CURLU *url, long *status,
                 vsw_failure_t *failure)
{
    CURLcode    rc;
    vsw_poll_t *poll = source->state;

    if (vsw_poll_host_find(poll, url, failure) != VSTREAM_OK) {
        return VSTREAM_ERROR;
    }

    poll->length = 0;
    rc = vsw_poll_password_set(poll, url);

    if (rc == CURLE_OK) {
        rc = curl_easy_setopt(poll->curl, CURLOPT_CURLU, url);
    }

    if (rc == CURLE_OK) {
        rc = curl_easy_perform(poll->curl);
    }

    if (rc != CURLE_OK) {
        vsw_poll_explain(source, rc, failure);
        return VSTREAM_ERROR;
    }

    (void) curl_easy_getinfo(poll->curl, CURLINFO_RESPONSE_CODE, status);

    return VSTREAM_OK;
}


/* Goes where a redirect leads.  VSTREAM_DECLINED: it leads nowhere. */
static int
vsw_poll_redirect(vsw_poll_t *poll, CURLU *url)
{
    char *to = NULL;

    (void) curl_easy_getinfo(poll->curl, CURLINFO_REDIRECT_URL, &to);

    /* one that names a password sends it where it likes; it is its own */
    return to != NULL && strlen(to) < VSW_POLL_URL_MAX
                   && curl_url_set(url, CURLUPART_URL, to, 0) == CURLUE_OK
               ? VSTREAM_OK
               : VSTREAM_DECLINED;
}


/*
 * Asks the camera, wherever that leads.  VSTREAM_OK: a new picture is in
 * `body`; VSTREAM_AGAIN: it has none that is new.
 */
static int
vsw_poll_ask(vsw_source_t *source, vsw_failure_t *failure)
{
    int         rc = VSTREAM_ERROR;
    long        status = 0;
    CURLU      *url;
    vsw_poll_t *poll = source->state;

    url = curl_url_dup(poll->home);
    if (url == NULL || !vsw_poll_headers_set(poll)) {
        vsw_failure_set_av(failure, AVERROR(ENOMEM), "the camera");
        curl_url_cleanup(url);
        return VSTREAM_ERROR;
    }

    for (int i = 0; i <= VSW_POLL_REDIRECTS_MAX; i++) {
        rc = vsw_poll_request(source, url, &status, failure);

        if (rc != VSTREAM_OK || status < 300 || status > 399 || status == 304
            || vsw_poll_redirect(poll, url) != VSTREAM_OK)
        {
            break;
        }
    }

    curl_url_cleanup(url);

    if (rc != VSTREAM_OK) {
        return VSTREAM_ERROR;
    }

    if (status == 304) {
        return VSTREAM_AGAIN;
    }

    return status == 200 ? VSTREAM_OK : vsw_poll_refused(status, failure);
}


/* After the first answer: asks in the way it wants, without trying others. */
static void
vsw_poll_learn(vsw_poll_t *poll)
{
    long offered = 0;

    if (poll->is_learned) {
        return;
    }

    poll->is_learned = true;
    (void) curl_easy_getinfo(poll->curl, CURLINFO_HTTPAUTH_AVAIL, &offered);

    if (offered & CURLAUTH_DIGEST) {
        (void) curl_easy_setopt(poll->curl, CURLOPT_HTTPAUTH,
                                (long) CURLAUTH_DIGEST);
    } else if (offered & CURLAUTH_BASIC) {
        (void) curl_easy_setopt(poll->curl, CURLOPT_HTTPAUTH,
                                (long) CURLAUTH_BASIC);
    }
}


/* Asks, and looks whether what came can be a JPEG at all. */
static int
vsw_poll_picture(vsw_source_t *source, vsw_failure_t *failure)
{
    int         rc;
    const char *type = NULL;
    vsw_poll_t *poll = source->state;

    rc = vsw_poll_ask(source, failure);
    if (rc != VSTREAM_OK) {
        return rc;
    }

    vsw_poll_learn(poll);
    poll->known = poll->head;

    if (poll->length > 3 && memcmp(poll->body, "\xff\xd8\xff", 3) == 0) {
        return VSTREAM_OK;
    }

    (void) curl_easy_getinfo(poll->curl, CURLINFO_CONTENT_TYPE, &type);
    vsw_failure_set(failure, VSTREAM_REASON_PROTOCOL_ERROR,
                    "the camera answered with %.100s where a JPEG was expected",
                    type != NULL ? type : "nothing");

    return VSTREAM_ERROR;
}


static bool
vsw_poll_options_set(vsw_poll_t *poll, vsw_source_t *source)
{
    CURL *c = poll->curl;

    return curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK
           && curl_easy_setopt(c, CURLOPT_PROXY, "") == CURLE_OK
           && curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https")
                  == CURLE_OK
           && curl_easy_setopt(c, CURLOPT_HTTP_VERSION,
                               (long) CURL_HTTP_VERSION_1_1)
                  == CURLE_OK
           && curl_easy_setopt(c, CURLOPT_HTTPAUTH,
                               (long) (CURLAUTH_BASIC | CURLAUTH_DIGEST))
                  == CURLE_OK
           && curl_easy_setopt(c, CURLOPT_USERAGENT, VSW_USER_AGENT) == CURLE_OK
           && curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, vsw_poll_body_write)
                  == CURLE_OK
           && curl_easy_setopt(c, CURLOPT_WRITEDATA, poll) == CURLE_OK
           && curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, vsw_poll_head_write)
                  == CURLE_OK
           && curl_easy_setopt(c, CURLOPT_HEADERDATA, poll) == CURLE_OK
           && curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L) == CURLE_OK
           && curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, vsw_poll_progress)
                  == CURLE_OK
           && curl_easy_setopt(c, CURLOPT_XFERINFODATA, source) == CURLE_OK
           && curl_easy_setopt(
                  c, CURLOPT_TIMEOUT_MS,
                  (long) (source->config->connect_timeout_us / 1000))
                  == CURLE_OK
           && (poll->ca_file == NULL
               || curl_easy_setopt(c, CURLOPT_CAINFO, poll->ca_file)
                      == CURLE_OK);
}


int
vsw_source_poll_open(vsw_source_t *source, vsw_failure_t *failure)
{
    vsw_poll_t *poll;

    poll = source->state = calloc(1, sizeof(*poll));

    if (poll == NULL || curl_global_init(CURL_GLOBAL_SSL) != CURLE_OK) {
        vsw_failure_set_av(failure, AVERROR(ENOMEM), "the camera");
        return VSTREAM_ERROR;
    }

    poll->most = source->config->max_frame_bytes;
    poll->ca_file = source->config->ca_file;
    poll->curl = curl_easy_init();
    poll->home = curl_url();

    if (poll->curl == NULL || poll->home == NULL
        || !vsw_poll_options_set(poll, source))
    {
        vsw_failure_set_av(failure, AVERROR(ENOMEM), "the camera");
        return VSTREAM_ERROR;
    }

    if (curl_url_set(poll->home, CURLUPART_URL, source->config->url, 0)
        != CURLUE_OK)
    {
        vsw_failure_set(failure, VSTREAM_REASON_BAD_SOURCE,
                        "the source is no URL that can be asked for");
        return VSTREAM_ERROR;
    }

    source->parameters->codec_type = AVMEDIA_TYPE_VIDEO;
    source->parameters->codec_id = AV_CODEC_ID_MJPEG;
    source->interval_us = source->config->interval_us;
    poll->due_us = av_gettime_relative() + source->interval_us;

    if (vsw_poll_picture(source, failure) != VSTREAM_OK) {
        vsw_failure_set_av(failure, AVERROR_INVALIDDATA, "the camera");
        return VSTREAM_ERROR;
    }

    poll->has_first = true;

    return VSTREAM_OK;
}


/* The next request is due one interval after the last one was, or now. */
static int
vsw_poll_wait(vsw_source_t *source)
{
    int64_t     now_us = av_gettime_relative();
    vsw_poll_t *poll = source->state;

    if (poll->due_us > now_us
        && vsw_source_sleep_until(source, poll->due_us) != VSTREAM_OK)
    {
        return VSTREAM_ERROR;
    }

    poll->due_us += source->interval_us;

    if (poll->due_us < now_us) {
        poll->due_us = now_us;
    }

    /* an answer gets as long as it did at first, however long we waited */
    atomic_store(&source->deadline_us,
                 av_gettime_relative() + source->config->connect_timeout_us);

    return VSTREAM_OK;
}


int
vsw_source_poll_read(vsw_source_t *source, AVPacket *packet,
                     vsw_failure_t *failure)
{
    int         rc = VSTREAM_OK;
    vsw_poll_t *poll = source->state;

    if (!poll->has_first) {
        rc = vsw_poll_wait(source);

        if (rc == VSTREAM_OK) {
            rc = vsw_poll_picture(source, failure);
        }
    }

    if (rc != VSTREAM_OK) {
        return rc;
    }

    poll->has_first = false;

    if (av_new_packet(packet, (int) poll->length) < 0) {
        vsw_failure_set_av(failure, AVERROR(ENOMEM), "the camera");
        return VSTREAM_ERROR;
    }

    memcpy(packet->data, poll->body, poll->length);

    return VSTREAM_OK;
}


void
vsw_source_poll_close(vsw_source_t *source)
{
    vsw_poll_t *poll = source->state;

    if (poll == NULL) {
        return;
    }

    curl_easy_cleanup(poll->curl);
    curl_url_cleanup(poll->home);
    curl_slist_free_all(poll->headers);
    curl_slist_free_all(poll->addresses);
    free(poll->body);
    free(poll);
    source->state = NULL;
}
