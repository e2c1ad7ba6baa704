/*
 * TLS on a socket to Redis, see vsw_redis_tls.h.
 */

#include "vsw_redis_tls.h"
#include "vsw_secret.h"
#include "vstream_slice.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VSW_REDIS_TLS_DEPTH 10
#define VSW_REDIS_TLS_TEXT  192


struct vsw_redis_tls_s {
    SSL                 *ssl;
    vsw_redis_tls_want_t wants;
    bool                 refusal;
    char                 error[VSW_REDIS_TLS_TEXT];
};


static SSL_CTX    *vsw_redis_tls_context(const vsw_redis_tls_options_t *options,
                                         vsw_redis_tls_file_t          *file,
                                         const char                   **error);
static const char *vsw_redis_tls_trust(SSL_CTX *context, const char *name);
static const char *vsw_redis_tls_certificate(SSL_CTX    *context,
                                             const char *name);
static const char *vsw_redis_tls_key(SSL_CTX *context, const char *name);
static int     vsw_redis_tls_no_passphrase(char *buffer, int size, int writing,
                                           void *data);
static int     vsw_redis_tls_expect(SSL *ssl, const char *name);
static ssize_t vsw_redis_tls_done(vsw_redis_tls_t *tls, int n);
static void    vsw_redis_tls_explain(vsw_redis_tls_t *tls, int error);


const char *
vsw_redis_tls_check(const vsw_redis_tls_options_t *options,
                    vsw_redis_tls_file_t          *file)
{
    const char *error = NULL;

    SSL_CTX_free(vsw_redis_tls_context(options, file, &error));

    return error;
}


vsw_redis_tls_t *
vsw_redis_tls_create(const vsw_redis_tls_options_t *options, const char *host,
                     int fd, const char **error)
{
    vsw_redis_tls_file_t file;
    vsw_redis_tls_t     *tls;
    SSL_CTX             *context;

    context = vsw_redis_tls_context(options, &file, error);
    if (context == NULL) {
        return NULL;
    }

    *error = "out of memory";
    tls = calloc(1, sizeof(*tls));
    if (tls != NULL) {
        tls->ssl = SSL_new(context);
    }

    SSL_CTX_free(context); /* the connection holds it */

    if (tls == NULL || tls->ssl == NULL || SSL_set_fd(tls->ssl, fd) != 1
        || vsw_redis_tls_expect(tls->ssl, options->server_name == NULL
                                              ? host
                                              : options->server_name)
               != 0)
    {
        vsw_redis_tls_destroy(tls);
        return NULL;
    }

    SSL_set_connect_state(tls->ssl);

    return tls;
}


void
vsw_redis_tls_destroy(vsw_redis_tls_t *tls)
{
    if (tls == NULL) {
        return;
    }

    SSL_free(tls->ssl);
    free(tls);
}


int
vsw_redis_tls_handshake(vsw_redis_tls_t *tls)
{
    int n;

    ERR_clear_error();
    n = SSL_do_handshake(tls->ssl);

    if (n == 1) {
        return VSTREAM_OK;
    }

    (void) vsw_redis_tls_done(tls, n);

    return errno == EAGAIN ? VSTREAM_AGAIN : VSTREAM_ERROR;
}


ssize_t
vsw_redis_tls_read(vsw_redis_tls_t *tls, void *buffer, size_t size)
{
    ERR_clear_error();

    return vsw_redis_tls_done(
        tls, SSL_read(tls->ssl, buffer, size > INT_MAX ? INT_MAX : (int) size));
}


ssize_t
vsw_redis_tls_write(vsw_redis_tls_t *tls, const void *data, size_t length)
{
    ERR_clear_error();

    return vsw_redis_tls_done(
        tls,
        SSL_write(tls->ssl, data, length > INT_MAX ? INT_MAX : (int) length));
}


size_t
vsw_redis_tls_unread(const vsw_redis_tls_t *tls)
{
    return (size_t) SSL_pending(tls->ssl);
}


vsw_redis_tls_want_t
vsw_redis_tls_wants(const vsw_redis_tls_t *tls)
{
    return tls->wants;
}


const char *
vsw_redis_tls_error(const vsw_redis_tls_t *tls)
{
    return tls->error;
}


bool
vsw_redis_tls_is_refusal(const vsw_redis_tls_t *tls)
{
    return tls->refusal;
}


static SSL_CTX *
vsw_redis_tls_context(const vsw_redis_tls_options_t *options,
                      vsw_redis_tls_file_t *file, const char **error)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());

    *file = VSW_REDIS_TLS_CA_FILE;

    if (context == NULL) {
        *error = "cannot be used: out of memory";
        return NULL;
    }

    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context,
                        SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE
                                  | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_verify_depth(context, VSW_REDIS_TLS_DEPTH);
    SSL_CTX_set_default_passwd_cb(context, vsw_redis_tls_no_passphrase);

    *error = vsw_redis_tls_trust(context, options->ca_file);

    if (*error == NULL && options->certificate != NULL) {
        *file = VSW_REDIS_TLS_CERTIFICATE;
        *error = vsw_redis_tls_certificate(context, options->certificate);
    }

    if (*error == NULL && options->key != NULL) {
        *file = VSW_REDIS_TLS_KEY;
        *error = vsw_redis_tls_key(context, options->key);
    }

    ERR_clear_error();

    if (*error != NULL) {
        SSL_CTX_free(context);
        return NULL;
    }

    return context;
}


static const char *
vsw_redis_tls_trust(SSL_CTX *context, const char *name)
{
    const char *problem;
    char        path[VSW_SECRET_PATH_MAX];

    if (name == NULL) {
        return SSL_CTX_set_default_verify_paths(context) == 1
                   ? NULL
                   : "is needed: the authorities of this host cannot be used";
    }

    problem = vsw_secret_path(name, path);
    if (problem != NULL) {
        return problem;
    }

    return SSL_CTX_load_verify_file(context, path) == 1
               ? NULL
               : "must be a file of certificates (PEM) that can be read";
}


static const char *
vsw_redis_tls_certificate(SSL_CTX *context, const char *name)
{
    const char *problem;
    char        path[VSW_SECRET_PATH_MAX];

    problem = vsw_secret_path(name, path);
    if (problem != NULL) {
        return problem;
    }

    return SSL_CTX_use_certificate_chain_file(context, path) == 1
               ? NULL
               : "must be a file with a certificate (PEM) that can be read";
}


static const char *
vsw_redis_tls_key(SSL_CTX *context, const char *name)
{
    const char *problem;
    char        path[VSW_SECRET_PATH_MAX];

    problem = vsw_secret_check(name);
    if (problem == NULL) {
        problem = vsw_secret_path(name, path);
    }

    if (problem != NULL) {
        return problem;
    }

    return SSL_CTX_use_PrivateKey_file(context, path, SSL_FILETYPE_PEM) == 1
                   && SSL_CTX_check_private_key(context) == 1
               ? NULL
               : "must be the certificate's private key (PEM, without a "
                 "passphrase)";
}


/* OpenSSL's own would ask at the terminal. */
static int
vsw_redis_tls_no_passphrase(char *buffer, int size, int writing, void *data)
{
    (void) buffer;
    (void) size;
    (void) writing;
    (void) data;

    return 0;
}


/* An address is sought among the certificate's addresses, and not sent. */
static int
vsw_redis_tls_expect(SSL *ssl, const char *name)
{
    unsigned char address[sizeof(struct in6_addr)];

    if (inet_pton(AF_INET, name, address) == 1
        || inet_pton(AF_INET6, name, address) == 1)
    {
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1
                   ? 0
                   : -1;
    }

    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);

    return SSL_set1_host(ssl, name) == 1
                   && SSL_set_tlsext_host_name(ssl, name) == 1
               ? 0
               : -1;
}


/* Of what OpenSSL returned makes what recv(2) would have. */
static ssize_t
vsw_redis_tls_done(vsw_redis_tls_t *tls, int n)
{
    int error;

    if (n > 0) {
        return n;
    }

    error = SSL_get_error(tls->ssl, n);

    switch (error) {
    case SSL_ERROR_WANT_READ:
        tls->wants = VSW_REDIS_TLS_READABLE;
        errno = EAGAIN;
        return -1;
    case SSL_ERROR_WANT_WRITE:
        tls->wants = VSW_REDIS_TLS_WRITABLE;
        errno = EAGAIN;
        return -1;
    case SSL_ERROR_ZERO_RETURN:
        snprintf(tls->error, sizeof(tls->error), "it closed the connection");
        errno = EPROTO;
        return 0;
    default:
        vsw_redis_tls_explain(tls, error);
        errno = EPROTO;
        return -1;
    }
}


static void
vsw_redis_tls_explain(vsw_redis_tls_t *tls, int error)
{
    int           saved = errno;
    long          verified = SSL_get_verify_result(tls->ssl);
    unsigned long code = ERR_peek_error();
    const char   *reason = ERR_reason_error_string(code);

    if (verified != X509_V_OK) {
        snprintf(tls->error, sizeof(tls->error), "its certificate: %s",
                 X509_verify_cert_error_string(verified));
        tls->refusal = true;
        return;
    }

    if (error == SSL_ERROR_SYSCALL && code == 0) {
        snprintf(tls->error, sizeof(tls->error), "%s",
                 saved == 0 ? "it closed the connection" : strerror(saved));
        return;
    }

    snprintf(tls->error, sizeof(tls->error), "TLS: %s",
             reason == NULL ? "an error without a name" : reason);
    tls->refusal = ERR_GET_REASON(code) > SSL_AD_REASON_OFFSET;
}
