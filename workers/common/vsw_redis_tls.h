/*
 * TLS on a socket to Redis (rediss://).  The server's certificate is always
 * verified: its chain, its dates, its name or address.  Nothing here blocks or
 * waits; whoever calls waits for what vsw_redis_tls_wants() says.
 *
 * The process ignores SIGPIPE: OpenSSL writes by write(2).
 */

#ifndef VSW_REDIS_TLS_H
#define VSW_REDIS_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>


/* Names as vsw_secret_path() takes them; NULL: none. */
typedef struct {
    const char *ca_file;     /* NULL: the authorities of this host */
    const char *certificate; /* that we show, with its chain, PEM */
    const char *key;         /* of it; others may not read the file */
    const char *server_name; /* in the certificate; NULL: the URL's host */
} vsw_redis_tls_options_t;

typedef struct vsw_redis_tls_s vsw_redis_tls_t;

typedef enum {
    VSW_REDIS_TLS_CA_FILE = 1,
    VSW_REDIS_TLS_CERTIFICATE,
    VSW_REDIS_TLS_KEY,
} vsw_redis_tls_file_t;


/*
 * Can the files be used?  NULL, or what is wrong, as the end of a sentence;
 * *file then says with which.
 */
const char *vsw_redis_tls_check(const vsw_redis_tls_options_t *options,
                                vsw_redis_tls_file_t          *file);

/*
 * For one connection, on a connected non-blocking socket, which stays the
 * caller's.  Reads the files anew, so that they may be renewed.  NULL: *error
 * says why.
 */
vsw_redis_tls_t *vsw_redis_tls_create(const vsw_redis_tls_options_t *options,
                                      const char *host, int fd,
                                      const char **error);

/* Accepts NULL. */
void vsw_redis_tls_destroy(vsw_redis_tls_t *tls);

/* VSTREAM_OK, VSTREAM_AGAIN, or VSTREAM_ERROR: vsw_redis_tls_error(). */
int vsw_redis_tls_handshake(vsw_redis_tls_t *tls);

/*
 * As recv(2) and send(2): -1 with EAGAIN: not now.  Any other error is told
 * by vsw_redis_tls_error().  After EAGAIN the same bytes are written again,
 * perhaps with more behind them.
 */
ssize_t vsw_redis_tls_read(vsw_redis_tls_t *tls, void *buffer, size_t size);
ssize_t vsw_redis_tls_write(vsw_redis_tls_t *tls, const void *data,
                            size_t length);

/* Bytes that have been taken from the socket and wait to be read. */
size_t vsw_redis_tls_unread(const vsw_redis_tls_t *tls);

/*
 * What the last handshake, read or write that said "again" waits for.  TLS may
 * have to write in order to read.
 */
typedef enum {
    VSW_REDIS_TLS_READABLE,
    VSW_REDIS_TLS_WRITABLE,
} vsw_redis_tls_want_t;

vsw_redis_tls_want_t vsw_redis_tls_wants(const vsw_redis_tls_t *tls);

/* What went wrong; borrowed until the next call. */
const char *vsw_redis_tls_error(const vsw_redis_tls_t *tls);

/*
 * It went wrong because the other end is not whom we want, or does not want
 * us: to try again soon is in vain.
 */
bool vsw_redis_tls_is_refusal(const vsw_redis_tls_t *tls);


#endif /* VSW_REDIS_TLS_H */
