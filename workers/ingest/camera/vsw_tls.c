/*
 * Interposed calls of GnuTLS, see vsw_tls.h.  Its few prototypes stand here:
 * we are not linked with it, libavformat is.
 */

#include <dlfcn.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "vsw_rtp_tap.h"
#include "vsw_tls.h"

#define VSW_GNUTLS_X509_FMT_PEM     1
#define VSW_GNUTLS_E_INTERNAL_ERROR (-59)

static _Atomic(const char *) vsw_tls_ca_file;

static _Thread_local const char *vsw_tls_host;
static _Thread_local bool        vsw_tls_is_checked;

int     gnutls_handshake(void *session);
int     gnutls_certificate_set_x509_system_trust(void *credentials);
ssize_t gnutls_record_recv(void *session, void *data, size_t size);


void
vsw_tls_ca_file_set(const char *path)
{
    atomic_store(&vsw_tls_ca_file, path);
}


void
vsw_tls_host_set(const char *host)
{
    vsw_tls_host = host;
    vsw_tls_is_checked = false;
}


bool
vsw_tls_has_checked(void)
{
    return vsw_tls_is_checked;
}


int
gnutls_handshake(void *session)
{
    int rc;
    int (*next)(void *);
    void (*check)(void *, const char *, unsigned);

    *(void **) &next = dlsym(RTLD_NEXT, "gnutls_handshake");
    *(void **) &check = dlsym(RTLD_NEXT, "gnutls_session_set_verify_cert");

    if (next == NULL || (vsw_tls_host != NULL && check == NULL)) {
        return VSW_GNUTLS_E_INTERNAL_ERROR;
    }

    if (vsw_tls_host != NULL) {
        check(session, vsw_tls_host, 0);
    }

    rc = next(session);

    if (rc == 0 && vsw_tls_host != NULL) {
        vsw_tls_is_checked = true;
    }

    return rc;
}


int
gnutls_certificate_set_x509_system_trust(void *credentials)
{
    int rc, added;
    int (*next)(void *);
    int (*add)(void *, const char *, int);
    const char *file = atomic_load(&vsw_tls_ca_file);

    *(void **) &next =
        dlsym(RTLD_NEXT, "gnutls_certificate_set_x509_system_trust");
    *(void **) &add =
        dlsym(RTLD_NEXT, "gnutls_certificate_set_x509_trust_file");

    rc = next != NULL ? next(credentials) : VSW_GNUTLS_E_INTERNAL_ERROR;

    if (file == NULL || add == NULL) {
        return rc;
    }

    added = add(credentials, file, VSW_GNUTLS_X509_FMT_PEM);

    return added > 0 && rc > 0 ? rc + added : added;
}


/* What RTSP reads is looked at as that of a plain connection is. */
ssize_t
gnutls_record_recv(void *session, void *data, size_t size)
{
    ssize_t n;
    ssize_t (*next)(void *, void *, size_t);

    *(void **) &next = dlsym(RTLD_NEXT, "gnutls_record_recv");
    n = next != NULL ? next(session, data, size) : VSW_GNUTLS_E_INTERNAL_ERROR;

    if (n > 0) {
        vsw_rtp_tap_decrypted(data, size, (size_t) n);
    }

    return n;
}
