/*
 * Interposed socket calls, see vsw_dial.h.  The kernel is called directly:
 * dlsym(RTLD_NEXT) would find the same, but could be interposed itself.
 * getaddrinfo() is interposed to know when a name is looked up: the host's own
 * services for that (nss-resolve, sss, mdns) are reached by local sockets.
 */

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vsw_dial.h"

static _Atomic(const vsw_dial_policy_t *) vsw_dial_policy;

static pthread_mutex_t vsw_dial_lock = PTHREAD_MUTEX_INITIALIZER;
static char            vsw_dial_refused[VSW_DIAL_TEXT_MAX];

/* The same of a thread that reads a source; NULL: it is none. */
static _Thread_local char *vsw_dial_own;
static _Thread_local char  vsw_dial_own_refused[VSW_DIAL_TEXT_MAX];

static _Thread_local bool vsw_dial_is_resolving;
static _Thread_local bool vsw_dial_is_listening;


void
vsw_dial_activate(const vsw_dial_policy_t *policy)
{
    atomic_store(&vsw_dial_policy, policy);
}


void
vsw_dial_listening_set(bool is_listening)
{
    vsw_dial_is_listening = is_listening;
}


void
vsw_dial_thread_begin(void)
{
    vsw_dial_own = vsw_dial_own_refused;
    vsw_dial_own[0] = '\0';
}


bool
vsw_dial_has_refused(char text[VSW_DIAL_TEXT_MAX])
{
    if (vsw_dial_own != NULL && vsw_dial_own[0] != '\0') {
        memcpy(text, vsw_dial_own, VSW_DIAL_TEXT_MAX);
        return true;
    }

    pthread_mutex_lock(&vsw_dial_lock);
    memcpy(text, vsw_dial_refused, VSW_DIAL_TEXT_MAX);
    pthread_mutex_unlock(&vsw_dial_lock);

    return text[0] != '\0';
}


static void
vsw_dial_text(char text[VSW_DIAL_TEXT_MAX], const struct sockaddr *address,
              socklen_t length)
{
    char                       host[INET6_ADDRSTRLEN] = "?";
    const struct sockaddr_in  *sin = (const struct sockaddr_in *) address;
    const struct sockaddr_in6 *sin6 = (const struct sockaddr_in6 *) address;

    if (address->sa_family == AF_INET && length >= sizeof(*sin)) {
        inet_ntop(AF_INET, &sin->sin_addr, host, sizeof(host));
        snprintf(text, VSW_DIAL_TEXT_MAX, "%s port %u", host,
                 (unsigned) ntohs(sin->sin_port));

    } else if (address->sa_family == AF_INET6 && length >= sizeof(*sin6)) {
        inet_ntop(AF_INET6, &sin6->sin6_addr, host, sizeof(host));
        snprintf(text, VSW_DIAL_TEXT_MAX, "%s port %u", host,
                 (unsigned) ntohs(sin6->sin6_port));

    } else {
        snprintf(text, VSW_DIAL_TEXT_MAX, "a local socket");
    }
}


static int
vsw_dial_refuse(const struct sockaddr *address, socklen_t length)
{
    char *refused = vsw_dial_own != NULL ? vsw_dial_own : vsw_dial_refused;

    pthread_mutex_lock(&vsw_dial_lock);

    if (refused[0] == '\0') {
        vsw_dial_text(refused, address, length);
    }

    pthread_mutex_unlock(&vsw_dial_lock);

    errno = EACCES;

    return -1;
}


/* An address that passes is where the source leads now. */
static void
vsw_dial_forget(void)
{
    char *refused = vsw_dial_own != NULL ? vsw_dial_own : vsw_dial_refused;

    pthread_mutex_lock(&vsw_dial_lock);
    refused[0] = '\0';
    pthread_mutex_unlock(&vsw_dial_lock);
}


/* A local socket, while a name is looked up? */
static bool
vsw_dial_is_lookup(const struct sockaddr *address, socklen_t length)
{
    return vsw_dial_is_resolving && length >= sizeof(address->sa_family)
           && (address->sa_family == AF_UNIX
               || address->sa_family == AF_NETLINK);
}


static bool
vsw_dial_passes(const struct sockaddr *address, socklen_t length)
{
    const vsw_dial_policy_t *policy = atomic_load(&vsw_dial_policy);

    return policy == NULL || address == NULL
           || vsw_dial_is_lookup(address, length)
           || vsw_dial_is_allowed(policy, address, length);
}


int
getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
            struct addrinfo **result)
{
    int rc;
    int (*next)(const char *, const char *, const struct addrinfo *,
                struct addrinfo **);

    *(void **) &next = dlsym(RTLD_NEXT, "getaddrinfo");
    if (next == NULL) {
        return EAI_SYSTEM;
    }

    vsw_dial_is_resolving = true;
    rc = next(node, service, hints, result);
    vsw_dial_is_resolving = false;

    return rc;
}


int
vsw_dial_check(const struct sockaddr *address, socklen_t length)
{
    if (!vsw_dial_passes(address, length)) {
        return vsw_dial_refuse(address, length);
    }

    if (!vsw_dial_is_resolving) {
        vsw_dial_forget();
    }

    return 0;
}


int
connect(int fd, const struct sockaddr *address, socklen_t length)
{
    if (vsw_dial_check(address, length) != 0) {
        return -1;
    }

    return (int) syscall(SYS_connect, fd, address, length);
}


ssize_t
sendto(int fd, const void *data, size_t size, int flags,
       const struct sockaddr *address, socklen_t length)
{
    if (!vsw_dial_passes(address, length)) {
        return vsw_dial_refuse(address, length);
    }

    return syscall(SYS_sendto, fd, data, size, flags, address, length);
}


ssize_t
sendmsg(int fd, const struct msghdr *msg, int flags)
{
    if (!vsw_dial_passes(msg->msg_name, msg->msg_namelen)) {
        return vsw_dial_refuse(msg->msg_name, msg->msg_namelen);
    }

    return syscall(SYS_sendmsg, fd, msg, flags);
}


int
sendmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags)
{
    for (unsigned int i = 0; i < count; i++) {
        const struct msghdr *msg = &messages[i].msg_hdr;

        if (!vsw_dial_passes(msg->msg_name, msg->msg_namelen)) {
            return vsw_dial_refuse(msg->msg_name, msg->msg_namelen);
        }
    }

    return (int) syscall(SYS_sendmmsg, fd, messages, count, flags);
}


static bool
vsw_dial_may_bind(const struct sockaddr *address, socklen_t length)
{
    const vsw_dial_policy_t *policy = atomic_load(&vsw_dial_policy);

    if (policy == NULL || vsw_dial_is_lookup(address, length)) {
        return true;
    }

    return vsw_dial_is_listening
               ? vsw_listen_is_allowed(policy, address, length)
               : vsw_bind_is_allowed(policy, address, length);
}


int
bind(int fd, const struct sockaddr *address, socklen_t length)
{
    if (!vsw_dial_may_bind(address, length)) {
        return vsw_dial_refuse(address, length);
    }

    return (int) syscall(SYS_bind, fd, address, length);
}
