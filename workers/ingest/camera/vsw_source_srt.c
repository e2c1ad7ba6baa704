/*
 * srt: MPEG-TS over SRT, as the caller or as the listener.  Its options are
 * read here: libavformat takes more of them from a URL than anybody should
 * have, and does not decode them.
 *
 * libavformat does not say why SRT failed, so srt_connect() and srt_close()
 * are defined in this executable: the first holds to the dial policy, of which
 * SRT's own threads could not tell us, the second asks for the reason.  The
 * few lines of <srt/srt.h> that are needed stand here: its package would bring
 * another TLS library's with it.
 */

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "vstream_source_option.h"
#include "vsw_dial.h"
#include "vsw_source.h"

#define VSW_SRT_URL_MAX        320
#define VSW_SRT_PASSPHRASE_MIN 10
#define VSW_SRT_PASSPHRASE_MAX 79

/* SRT_REJECT_REASON */
#define VSW_SRT_REJ_PEER      2
#define VSW_SRT_REJ_BADSECRET 10
#define VSW_SRT_REJ_UNSECURE  11
#define VSW_SRT_REJ_TIMEOUT   16

/* What a listener may answer by the Access Control Guidelines, plus 1000. */
#define VSW_SRT_REJX_FIRST        1000
#define VSW_SRT_REJX_UNAUTHORIZED 1401
#define VSW_SRT_REJX_FORBIDDEN    1403
#define VSW_SRT_REJX_NOTFOUND     1404

typedef int (*vsw_srt_option_pt)(AVDictionary **options, const char *value,
                                 vsw_failure_t *failure);

typedef struct {
    const char       *name;
    vsw_srt_option_pt set;
} vsw_srt_option_t;

int srt_connect(int socket, const struct sockaddr *address, int length);
int srt_close(int socket);

/* Why SRT gave up the socket that this thread has closed last; 0: it did not */
static _Thread_local int vsw_srt_rejection;


static void *
vsw_srt_symbol(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}


int
srt_connect(int socket, const struct sockaddr *address, int length)
{
    int (*next)(int, const struct sockaddr *, int);

    *(void **) &next = vsw_srt_symbol("srt_connect");

    if (next == NULL || vsw_dial_check(address, (socklen_t) length) != 0) {
        return -1;
    }

    return next(socket, address, length);
}


int
srt_close(int socket)
{
    int (*next)(int);
    int (*reason)(int);

    *(void **) &next = vsw_srt_symbol("srt_close");
    *(void **) &reason = vsw_srt_symbol("srt_getrejectreason");

    if (reason != NULL) {
        vsw_srt_rejection = reason(socket);
    }

    return next != NULL ? next(socket) : -1;
}


/* It says no more on stderr, where nobody reads. */
static void
vsw_srt_log_drop(void *opaque, int level, const char *file, int line,
                 const char *area, const char *message)
{
    (void) opaque;
    (void) level;
    (void) file;
    (void) line;
    (void) area;
    (void) message;
}


static void
vsw_srt_log_end(void)
{
    void (*set)(void *, void (*)(void *, int, const char *, int, const char *,
                                 const char *));

    *(void **) &set = vsw_srt_symbol("srt_setloghandler");

    if (set != NULL) {
        set(NULL, vsw_srt_log_drop);
    }
}


static int
vsw_srt_mode_set(AVDictionary **options, const char *value,
                 vsw_failure_t *failure)
{
    (void) failure;

    return av_dict_set(options, "mode", value, 0);
}


/* libavformat counts in microseconds. */
static int
vsw_srt_latency_set(AVDictionary **options, const char *value,
                    vsw_failure_t *failure)
{
    (void) failure;

    return av_dict_set_int(options, "latency", 1000 * strtoll(value, NULL, 10),
                           0);
}


static int
vsw_srt_streamid_set(AVDictionary **options, const char *value,
                     vsw_failure_t *failure)
{
    (void) failure;

    return av_dict_set(options, "streamid", value, 0);
}


static int
vsw_srt_passphrase_set(AVDictionary **options, const char *value,
                       vsw_failure_t *failure)
{
    size_t length = strlen(value);

    if (length < VSW_SRT_PASSPHRASE_MIN || length > VSW_SRT_PASSPHRASE_MAX) {
        vsw_failure_set(failure, VSTREAM_REASON_BAD_SOURCE,
                        "the passphrase of SRT must have %d to %d bytes",
                        VSW_SRT_PASSPHRASE_MIN, VSW_SRT_PASSPHRASE_MAX);
        return AVERROR(EINVAL);
    }

    return av_dict_set(options, "passphrase", value, 0);
}


static int
vsw_srt_pbkeylen_set(AVDictionary **options, const char *value,
                     vsw_failure_t *failure)
{
    (void) failure;

    return av_dict_set(options, "pbkeylen", value, 0);
}


static const vsw_srt_option_t vsw_srt_options[] = {
    { "mode", vsw_srt_mode_set },
    { "latency", vsw_srt_latency_set },
    { "streamid", vsw_srt_streamid_set },
    { "passphrase", vsw_srt_passphrase_set },
    { "pbkeylen", vsw_srt_pbkeylen_set },
};

#define VSW_SRT_OPTIONS (sizeof(vsw_srt_options) / sizeof(vsw_srt_options[0]))


static int
vsw_srt_option_read(AVDictionary **options, vstream_slice_t name,
                    vstream_slice_t value, vsw_failure_t *failure)
{
    int              rc = AVERROR(EINVAL);
    char             text[VSTREAM_SOURCE_STREAMID_MAX + 1];
    vstream_writer_t w;

    vstream_writer_init(&w, text, sizeof(text) - 1);

    if (vstream_source_option_decode(&w, value) != VSTREAM_OK
        || vstream_writer_status(&w) != VSTREAM_OK)
    {
        return VSTREAM_ERROR;
    }

    text[w.length] = '\0';

    for (size_t i = 0; i < VSW_SRT_OPTIONS; i++) {
        if (strlen(vsw_srt_options[i].name) == name.length
            && memcmp(vsw_srt_options[i].name, name.data, name.length) == 0)
        {
            rc = vsw_srt_options[i].set(options, text, failure);
        }
    }

    explicit_bzero(text, sizeof(text));

    return rc < 0 ? VSTREAM_ERROR : VSTREAM_OK;
}


/* The URL without its options, and these. */
static int
vsw_srt_url_read(const char *text, char url[VSW_SRT_URL_MAX],
                 AVDictionary **options, vsw_failure_t *failure)
{
    size_t          length = strcspn(text, "?");
    vstream_slice_t query = { text + length, strlen(text + length) };
    vstream_slice_t name, value;

    if (length >= VSW_SRT_URL_MAX) {
        return VSTREAM_ERROR;
    }

    memcpy(url, text, length);
    url[length] = '\0';

    if (query.length > 0) {
        query.data++;
        query.length--;
    }

    while (vstream_source_option_next(&query, &name, &value) == VSTREAM_OK) {
        if (vsw_srt_option_read(options, name, value, failure) != VSTREAM_OK) {
            return VSTREAM_ERROR;
        }
    }

    return VSTREAM_OK;
}


/* What the other side told when it turned us down. */
static void
vsw_srt_rejection_explain(vsw_failure_t *failure)
{
    switch (vsw_srt_rejection) {
    case VSW_SRT_REJ_BADSECRET:
        vsw_failure_set(failure, VSTREAM_REASON_AUTH_FAILED,
                        "the camera has another passphrase: check the "
                        "credential of its source");
        return;

    case VSW_SRT_REJ_UNSECURE:
        vsw_failure_set(failure, VSTREAM_REASON_AUTH_FAILED,
                        "of camera and source only one has a passphrase: add "
                        "passphrase=${NAME} to its source, or take it away");
        return;

    case VSW_SRT_REJ_TIMEOUT:
        vsw_failure_set_av(failure, AVERROR_EXIT, "the camera");
        return;

    case VSW_SRT_REJX_UNAUTHORIZED:
    case VSW_SRT_REJX_FORBIDDEN:
        vsw_failure_set(failure, VSTREAM_REASON_AUTH_FAILED,
                        "the camera's server refuses this streamid: check it");
        return;

    case VSW_SRT_REJX_NOTFOUND:
        vsw_failure_set(failure, VSTREAM_REASON_NOT_FOUND,
                        "the camera's server knows no such stream: check the "
                        "streamid of its source");
        return;
    }

    if (vsw_srt_rejection == VSW_SRT_REJ_PEER
        || vsw_srt_rejection >= VSW_SRT_REJX_FIRST)
    {
        vsw_failure_set(failure, VSTREAM_REASON_REFUSED,
                        "the camera turned the connection down: check port "
                        "and streamid, and whether it is in use (code %d)",
                        vsw_srt_rejection);
    }
}


/* What SRT knows is nearer to the cause than what libavformat makes of it. */
static void
vsw_srt_explain(const vsw_source_t *source, const char *url,
                vsw_failure_t *failure)
{
    vsw_failure_t told = { 0 };

    vsw_srt_rejection_explain(&told);

    if (told.reason == NULL && source->is_listening
        && strcmp(failure->reason, VSTREAM_REASON_TIMEOUT) == 0)
    {
        vsw_failure_set(&told, VSTREAM_REASON_TIMEOUT,
                        "no camera has called at %s: check where it calls, "
                        "its passphrase, and the firewall",
                        url);
    }

    if (told.reason != NULL) {
        *failure = told;
    }
}


static int
vsw_srt_start(vsw_source_t *source, vsw_failure_t *failure)
{
    int           rc;
    char          url[VSW_SRT_URL_MAX];
    AVDictionary *options = NULL;

    if (vsw_source_net_options(source, &options, failure) != VSTREAM_OK) {
        return VSTREAM_ERROR;
    }

    if (vsw_srt_url_read(source->config->url, url, &options, failure)
        != VSTREAM_OK) {
        av_dict_free(&options);
        vsw_failure_set(failure, VSTREAM_REASON_BAD_SOURCE,
                        "srt: has an option that is not right");
        return VSTREAM_ERROR;
    }

    /* Deadlines are ours: those of the library do not tell why. */
    av_dict_set_int(&options, "connect_timeout", source->connect_us / 1000, 0);
    av_dict_set_int(&options, "listen_timeout", source->connect_us, 0);

    vsw_srt_rejection = 0;
    vsw_dial_listening_set(source->is_listening);

    rc = vsw_source_net_start(source, url, source->scheme->format, &options,
                              failure);

    if (rc == VSTREAM_OK) {
        rc = vsw_source_net_wait(source, failure);
    }

    if (rc != VSTREAM_OK) {
        vsw_srt_explain(source, url, failure);
    }

    return rc;
}


int
vsw_source_srt_open(vsw_source_t *source, vsw_failure_t *failure)
{
    vsw_srt_log_end();

    return vsw_srt_start(source, failure);
}
