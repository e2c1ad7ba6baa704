/*
 * TLS where libavformat does not check certificates: it lets nobody ask for
 * that in rtsps:, and in rtmps: forgets it.  So gnutls_handshake() is defined
 * in this executable, and asks GnuTLS, which libavformat is built with, to
 * check as it shakes hands.  The authorities of sources.ca_file are trusted in
 * all connections, beside the host's own.
 */

#ifndef VSW_TLS_H
#define VSW_TLS_H

#include <stdbool.h>


/* For all threads; `path` must live as long as the process.  NULL: none. */
void vsw_tls_ca_file_set(const char *path);

/*
 * The calling thread's connections must be to this host, by a certificate that
 * is trusted; `host` must live until the call with NULL, which ends it.
 */
void vsw_tls_host_set(const char *host);

/* Has a handshake been checked since vsw_tls_host_set()? */
bool vsw_tls_has_checked(void);


#endif /* VSW_TLS_H */
