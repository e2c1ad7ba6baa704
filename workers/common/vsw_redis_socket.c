/*
 * A socket on its way to Redis, see vsw_redis_socket.h.
 */

#include "vsw_redis_socket.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>


static int vsw_redis_socket_unix(const vsw_redis_address_t *redis,
                                 const char               **error);
static int vsw_redis_socket_tcp(const vsw_redis_address_t *redis,
                                unsigned attempt, const char **error);


int
vsw_redis_socket_connect(const vsw_redis_address_t *address, unsigned attempt,
                         const char **error)
{
    return address->path[0] != '\0'
               ? vsw_redis_socket_unix(address, error)
               : vsw_redis_socket_tcp(address, attempt, error);
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
vsw_redis_socket_tcp(const vsw_redis_address_t *redis, unsigned attempt,
                     const char **error)
{
    struct addrinfo  hints = { .ai_socktype = SOCK_STREAM,
                               .ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG };
    struct addrinfo *list, *chosen;
    unsigned         n;
    char             port[8];
    int              fd, rc;

    snprintf(port, sizeof(port), "%u", redis->port);
    rc = getaddrinfo(redis->host, port, &hints, &list);
    if (rc != 0) {
        *error = gai_strerror(rc);
        return -1;
    }

    for (n = 0, chosen = list; chosen != NULL; chosen = chosen->ai_next) {
        n++;
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

    freeaddrinfo(list);

    return fd;
}
