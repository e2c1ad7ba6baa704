/*
 * A socket on its way to Redis, see vsw_redis_socket.h.
 */

#include "vsw_redis_socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Retransmissions after 0.2, 0.6 and 1.4 s. */
#define VSW_REDIS_SOCKET_BACKOFF 3


static int vsw_redis_socket_unix(const vsw_redis_address_t *redis,
                                 const char               **error);
static int vsw_redis_socket_tcp(const vsw_redis_address_t *redis,
                                vsw_redis_lookup_t *lookup, unsigned attempt,
                                const char **error);


int
vsw_redis_socket_connect(const vsw_redis_address_t *address,
                         vsw_redis_lookup_t *lookup, unsigned attempt,
                         const char **error)
{
    return address->path[0] != '\0'
               ? vsw_redis_socket_unix(address, error)
               : vsw_redis_socket_tcp(address, lookup, attempt, error);
}


static int
vsw_redis_socket_unix(const vsw_redis_address_t *redis, const char **error)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int                fd;

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", redis->path);

    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd == -1) {
        *error = strerror(errno);
        return -1;
    }

    if (connect(fd, (struct sockaddr *) &address, sizeof(address)) == -1) {
        *error = strerror(errno);
        close(fd);
        return -1;
    }

    return fd;
}


/* Each attempt takes the next of the host's addresses. */
static int
vsw_redis_socket_tcp(const vsw_redis_address_t *redis,
                     vsw_redis_lookup_t *lookup, unsigned attempt,
                     const char **error)
{
    const struct addrinfo *list, *chosen;
    unsigned               n;
    int                    fd, rc = 0;

    list = vsw_redis_lookup_get(lookup, redis->host, redis->port, error);
    if (list == NULL) {
        return -1;
    }

    for (n = 0, chosen = list; chosen != NULL; chosen = chosen->ai_next) {
        n++;
    }

    if (attempt % n == n - 1) {
        vsw_redis_lookup_again(lookup, redis->host, redis->port);
    }

    for (n = attempt % n, chosen = list; n > 0; n--) {
        chosen = chosen->ai_next;
    }

    fd = socket(chosen->ai_family,
                chosen->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd != -1) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int) { 1 }, sizeof(int));
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &(int) { 1 }, sizeof(int));
        rc = connect(fd, chosen->ai_addr, chosen->ai_addrlen);
    }

    if (fd == -1 || (rc == -1 && errno != EINPROGRESS)) {
        *error = strerror(errno);
        if (fd != -1) {
            close(fd);
        }
        fd = -1;
    }

    return fd;
}


bool
vsw_redis_socket_is_cut(int fd)
{
    struct tcp_info info;
    socklen_t       size = sizeof(info);

    memset(&info, 0, sizeof(info));

    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0
           && info.tcpi_unacked > 0
           && info.tcpi_backoff >= VSW_REDIS_SOCKET_BACKOFF;
}
