/*
 * TLS on a socket to Redis, against a server in the same process, over a
 * socket that takes little: whom it accepts, and that no byte is torn or lost
 * however writes and reads are cut.
 */

#include "unit.h"

#include "vsw_redis_tls.h"

#include <errno.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LENGTH (3u * 1024 * 1024)


static char      ca_path[] = "/tmp/vstream-ca-XXXXXX";
static EVP_PKEY *key;
static X509     *cert;


/* Signed by itself, for "redis.example" and 192.0.2.1. */
static int
make_certificate(void **state)
{
    X509_EXTENSION *names;
    X509_NAME      *name;
    FILE           *file;
    int             fd = mkstemp(ca_path);

    (void) state;
    key = EVP_EC_gen("P-256");
    cert = X509_new();

    if (fd == -1 || key == NULL || cert == NULL) {
        return -1;
    }

    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    name = X509_get_subject_name(cert);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                               (const unsigned char *) "test", -1, -1, 0);
    X509_set_issuer_name(cert, name);
    names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name,
                                "DNS:redis.example,IP:192.0.2.1");
    X509_add_ext(cert, names, -1);
    X509_EXTENSION_free(names);

    file = fdopen(fd, "w");
    if (X509_sign(cert, key, EVP_sha256()) == 0
        || PEM_write_X509(file, cert) != 1) {
        return -1;
    }

    return fclose(file);
}


static int
remove_certificate(void **state)
{
    (void) state;
    EVP_PKEY_free(key);
    X509_free(cert);

    return unlink(ca_path);
}


static SSL *
server_create(int fd)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    SSL     *ssl;

    assert_non_null(context);
    assert_int_equal(SSL_CTX_use_certificate(context, cert), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(context, key), 1);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE
                                  | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    ssl = SSL_new(context);
    assert_non_null(ssl);
    SSL_CTX_free(context);
    SSL_set_fd(ssl, fd);
    SSL_set_accept_state(ssl);

    return ssl;
}


static void
sockets_create(int fds[2])
{
    int i;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds),
                     0);

    for (i = 0; i < 2; i++) {
        setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &(int) { 4608 }, sizeof(int));
    }
}


/* The result of a handshake with that name expected. */
static int
handshake(vsw_redis_tls_t *tls, SSL *server)
{
    int i, rc = VSTREAM_AGAIN;

    for (i = 0; i < 1000 && rc == VSTREAM_AGAIN; i++) {
        rc = vsw_redis_tls_handshake(tls);
        (void) SSL_do_handshake(server);
    }

    return rc;
}


static int
greet(const char *host, const char *server_name, char *error, size_t size)
{
    vsw_redis_tls_options_t options = { .ca_file = ca_path,
                                        .server_name = server_name };
    vsw_redis_tls_t        *tls;
    const char             *problem;
    SSL                    *server;
    int                     rc, fds[2];

    sockets_create(fds);
    server = server_create(fds[1]);
    tls = vsw_redis_tls_create(&options, host, fds[0], &problem);
    assert_non_null(tls);
    rc = handshake(tls, server);
    snprintf(error, size, "%s", vsw_redis_tls_error(tls));
    assert_int_equal(vsw_redis_tls_is_refusal(tls), rc == VSTREAM_ERROR);

    vsw_redis_tls_destroy(tls);
    SSL_free(server);
    close(fds[0]);
    close(fds[1]);

    return rc;
}


static void
the_certificate_is_of_the_name_or_address(void **state)
{
    static const struct {
        const char *host;
        const char *server_name;
        const char *error; /* NULL: accepted */
    } cases[] = {
        { "redis.example", NULL, NULL },
        { "REDIS.example", NULL, NULL },
        { "192.0.2.1", NULL, NULL },
        { "other", "redis.example", NULL },
        { "other", "192.0.2.1", NULL },
        { "other", NULL, "hostname mismatch" },
        { "example", NULL, "hostname mismatch" },
        { "a.redis.example", NULL, "hostname mismatch" },
        { "test", NULL, "hostname mismatch" }, /* names bar the common name */
        { "192.0.2.2", NULL, "IP address mismatch" },
        { "::1", NULL, "IP address mismatch" },
        { "redis.example", "other", "hostname mismatch" },
    };

    char   error[256];
    size_t i;
    int    rc;

    (void) state;

    for (i = 0; i < UNIT_COUNT(cases); i++) {
        rc = greet(cases[i].host, cases[i].server_name, error, sizeof(error));

        if ((rc == VSTREAM_OK) != (cases[i].error == NULL)
            || (cases[i].error != NULL && !strstr(error, cases[i].error)))
        {
            fail_msg("%s, %s: %d, \"%s\"", cases[i].host,
                     cases[i].server_name == NULL ? "-" : cases[i].server_name,
                     rc, error);
        }
    }
}


/* The certificate's is of elliptic curves. */
static void
a_key_of_another_kind_is_refused(void **state)
{
    char      path[] = "/tmp/vstream-key-XXXXXX";
    int       fd = mkstemp(path);
    FILE     *out = fdopen(fd, "w");
    EVP_PKEY *other = EVP_RSA_gen(2048);

    vsw_redis_tls_options_t options = { ca_path, ca_path, path, NULL };
    vsw_redis_tls_file_t    file;

    (void) state;
    assert_non_null(out);
    assert_int_equal(
        PEM_write_PrivateKey(out, other, NULL, NULL, 0, NULL, NULL), 1);
    fclose(out);
    EVP_PKEY_free(other);

    assert_non_null(vsw_redis_tls_check(&options, &file));
    assert_int_equal(file, VSW_REDIS_TLS_KEY);
    unlink(path);
}


static void
names_of_files_are_checked(void **state)
{
    vsw_redis_tls_options_t options = { .ca_file = ca_path };
    vsw_redis_tls_file_t    file = VSW_REDIS_TLS_KEY;

    (void) state;
    assert_null(vsw_redis_tls_check(&options, &file));
    options.ca_file = "/dev/null";
    assert_non_null(vsw_redis_tls_check(&options, &file));
    assert_int_equal(file, VSW_REDIS_TLS_CA_FILE);
    options.ca_file = NULL;
    assert_null(vsw_redis_tls_check(&options, &file));
    options.certificate = ca_path;
    assert_null(vsw_redis_tls_check(&options, &file));
    options.key = ca_path; /* a certificate is no key */
    assert_non_null(vsw_redis_tls_check(&options, &file));
    assert_int_equal(file, VSW_REDIS_TLS_KEY);
}


typedef struct {
    size_t sent;
    size_t received;
} progress_t;


static char
byte_at(size_t i)
{
    return (char) (i * 2654435761u >> 13);
}


/* The server reads a little and writes a little. */
static void
server_turn(SSL *server, progress_t *progress, unsigned *seed)
{
    static char buffer[70000];

    size_t i, want;
    int    n;

    *seed = *seed * 1103515245 + 12345;
    want = 1 + (*seed >> 8) % sizeof(buffer);

    n = SSL_read(server, buffer, (int) want);
    for (i = 0; n > 0 && i < (size_t) n; i++) {
        assert_int_equal(buffer[i], byte_at(progress->received + i));
    }
    progress->received += n > 0 ? (size_t) n : 0;

    /* The same bytes again, where they were not taken. */
    want = LENGTH - progress->sent < 20000 ? LENGTH - progress->sent : 20000;
    for (i = 0; i < want; i++) {
        buffer[i] = byte_at(progress->sent + i);
    }
    n = want == 0 ? 0 : SSL_write(server, buffer, (int) want);
    progress->sent += n > 0 ? (size_t) n : 0;
}


static void
client_turn(vsw_redis_tls_t *tls, progress_t *progress, const char *data,
            unsigned seed)
{
    static char buffer[65536];

    ssize_t n;
    size_t  i, want = LENGTH - progress->sent;

    if (want > 0) {
        n = vsw_redis_tls_write(tls, data + progress->sent, want);
        assert_true(n > 0 || (n == -1 && errno == EAGAIN));
        progress->sent += n > 0 ? (size_t) n : 0;
    }

    n = vsw_redis_tls_read(tls, buffer, 1 + seed % sizeof(buffer));
    assert_true(n > 0 || (n == -1 && errno == EAGAIN));

    for (i = 0; n > 0 && i < (size_t) n; i++) {
        assert_int_equal(buffer[i], byte_at(progress->received + i));
    }
    progress->received += n > 0 ? (size_t) n : 0;
}


static void
nothing_is_torn(void **state)
{
    vsw_redis_tls_options_t options = { .ca_file = ca_path };
    progress_t              ours = { 0, 0 }, theirs = { 0, 0 };
    vsw_redis_tls_t        *tls;
    const char             *problem;
    unsigned                seed = 7;
    size_t                  i;
    char                   *data = malloc(LENGTH);
    SSL                    *server;
    int                     fds[2];

    (void) state;
    assert_non_null(data);
    for (i = 0; i < LENGTH; i++) {
        data[i] = byte_at(i);
    }

    sockets_create(fds);
    server = server_create(fds[1]);
    tls = vsw_redis_tls_create(&options, "redis.example", fds[0], &problem);
    assert_non_null(tls);
    assert_int_equal(handshake(tls, server), VSTREAM_OK);

    for (i = 0;
         i < 1000000 && (ours.received < LENGTH || theirs.received < LENGTH);
         i++)
    {
        client_turn(tls, &ours, data, seed >> 5);
        server_turn(server, &theirs, &seed);
    }

    assert_int_equal(ours.received, LENGTH);
    assert_int_equal(theirs.received, LENGTH);

    close(fds[1]);
    assert_true(vsw_redis_tls_read(tls, data, LENGTH) <= 0);
    assert_int_not_equal(errno, EAGAIN);
    assert_string_equal(vsw_redis_tls_error(tls), "it closed the connection");

    vsw_redis_tls_destroy(tls);
    SSL_free(server);
    close(fds[0]);
    free(data);
}


int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_certificate_is_of_the_name_or_address),
        cmocka_unit_test(names_of_files_are_checked),
        cmocka_unit_test(a_key_of_another_kind_is_refused),
        cmocka_unit_test(nothing_is_torn),
    };

    return cmocka_run_group_tests(tests, make_certificate, remove_certificate);
}
