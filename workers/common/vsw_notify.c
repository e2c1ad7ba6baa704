/*
 * sd_notify(3) in its documented form: one datagram to the Unix socket that
 * NOTIFY_SOCKET names.  Written out here because it is shorter than a
 * dependency on libsystemd.
 */

#include "vsw_notify.h"
#include "vsw_clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>


void
vsw_notify(const char *state)
{
    const char        *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    size_t             length;
    int                fd;

    if (path == NULL || (path[0] != '/' && path[0] != '@')) {
        return;
    }

    length = strlen(path);
    if (length >= sizeof(address.sun_path)) {
        return;
    }

    memcpy(address.sun_path, path, length);
    if (path[0] == '@') {
        address.sun_path[0] = '\0'; /* the abstract namespace */
    }

    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd == -1) {
        return;
    }

    (void) sendto(
        fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *) &address,
        (socklen_t) (offsetof(struct sockaddr_un, sun_path) + length));
    close(fd);
}


void
vsw_notify_reloading(void)
{
    char state[64];

    snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
             vsw_clock_ms() * 1000);
    vsw_notify(state);
}


int64_t
vsw_notify_watchdog_ms(void)
{
    const char        *pid = getenv("WATCHDOG_PID");
    const char        *usec = getenv("WATCHDOG_USEC");
    char              *end;
    unsigned long long value;

    if (usec == NULL || getenv("NOTIFY_SOCKET") == NULL) {
        return 0;
    }

    if (pid != NULL && strtoull(pid, NULL, 10) != (unsigned long long) getpid())
    {
        return 0;
    }

    errno = 0;
    value = strtoull(usec, &end, 10);
    if (errno != 0 || *end != '\0' || value < 2000) {
        return 0;
    }

    return (int64_t) (value / 2000);
}
