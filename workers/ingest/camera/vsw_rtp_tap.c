/*
 * The tap, see vsw_rtp_tap.h.
 */

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "vsw_rtp_tap.h"

/* RTCP on the same channel has these as its second byte (RFC 5761). */
#define VSW_RTCP_FIRST 192
#define VSW_RTCP_LAST  223

#define VSW_RTP_HEADER 12

static _Thread_local vsw_rtp_tap_t *vsw_rtp_tap;


/* The C library declares that its own reads nothing of `fds`. */
int vsw_rtp_poll(struct pollfd *fds, nfds_t count, int timeout) __asm__("poll");


void
vsw_rtp_tap_set(vsw_rtp_tap_t *tap)
{
    vsw_rtp_tap = tap;
}


/* Keeps the first three bytes of a header or a packet. */
static void
vsw_rtp_tap_head_keep(vsw_rtp_tap_t *tap, const uint8_t *data, size_t got)
{
    size_t i, at = tap->length - tap->need;

    for (i = 0; i < got && at + i < sizeof(tap->head); i++) {
        tap->head[at + i] = data[i];
    }
}


static void
vsw_rtp_tap_begin(vsw_rtp_tap_t *tap, int state, size_t length)
{
    tap->state = state;
    tap->length = length;
    tap->need = length;
}


/* A header or a packet is complete. */
static void
vsw_rtp_tap_end(vsw_rtp_tap_t *tap)
{
    if (tap->state == VSW_TAP_HEADER) {
        vsw_rtp_tap_begin(tap, VSW_TAP_PACKET,
                          (size_t) tap->head[1] << 8 | tap->head[2]);
        return;
    }

    if (tap->length > 1
        && (tap->head[1] < VSW_RTCP_FIRST || tap->head[1] > VSW_RTCP_LAST))
    {
        tap->is_marked = (tap->head[1] & 0x80) != 0;
    }

    tap->state = VSW_TAP_TEXT;
}


void
vsw_rtp_tap_follow(vsw_rtp_tap_t *tap, const uint8_t *data, size_t asked,
                   size_t got)
{
    if (tap->state != VSW_TAP_TEXT && asked == tap->need) {
        vsw_rtp_tap_head_keep(tap, data, got);
        tap->need -= got;

        if (tap->need == 0) {
            vsw_rtp_tap_end(tap);
        }

        return;
    }

    tap->state = VSW_TAP_TEXT;

    if (asked == 1 && got == 1 && data[0] == '$') {
        vsw_rtp_tap_begin(tap, VSW_TAP_HEADER, sizeof(tap->head));
    }
}


void
vsw_rtp_tap_look(vsw_rtp_tap_t *tap, const uint8_t *data, size_t length)
{
    if (length >= VSW_RTP_HEADER && data[0] >> 6 == 2
        && (data[1] < VSW_RTCP_FIRST || data[1] > VSW_RTCP_LAST))
    {
        tap->is_marked = (data[1] & 0x80) != 0;
    }
}


void
vsw_rtp_tap_decrypted(const void *data, size_t asked, size_t got)
{
    if (vsw_rtp_tap != NULL && vsw_rtp_tap->carrier == VSW_TAP_TLS) {
        vsw_rtp_tap_follow(vsw_rtp_tap, data, asked, got);
    }
}


void
vsw_rtp_ahead_init(vsw_rtp_ahead_t *ahead)
{
    ahead->fd = -1;
    ahead->left = 0;
}


/* What was read ahead of this connection; NULL: it is not read ahead. */
static vsw_rtp_ahead_t *
vsw_rtp_ahead_of(int fd)
{
    vsw_rtp_ahead_t *ahead = vsw_rtp_tap != NULL ? vsw_rtp_tap->ahead : NULL;

    if (ahead == NULL) {
        return NULL;
    }

    if (ahead->fd == -1) {
        ahead->fd = fd;
    }

    return ahead->fd == fd ? ahead : NULL;
}


/* As recv(2), but asks the kernel only where nothing is left. */
static ssize_t
vsw_rtp_ahead_receive(vsw_rtp_ahead_t *ahead, void *data, size_t size)
{
    ssize_t n;
    size_t  got;

    if (ahead->left == 0) {
        n = syscall(SYS_recvfrom, ahead->fd, ahead->bytes, sizeof(ahead->bytes),
                    0, NULL, NULL);
        if (n <= 0) {
            return n;
        }

        ahead->left = ahead->end = (size_t) n;
    }

    got = size < ahead->left ? size : ahead->left;
    memcpy(data, ahead->bytes + ahead->end - ahead->left, got);
    ahead->left -= got;

    return (ssize_t) got;
}


/* libavformat, whose connection it is, passes no flags. */
ssize_t
recv(int fd, void *data, size_t size, int flags)
{
    ssize_t          n;
    vsw_rtp_ahead_t *ahead = flags == 0 ? vsw_rtp_ahead_of(fd) : NULL;

    if (ahead == NULL) {
        return syscall(SYS_recvfrom, fd, data, size, flags, NULL, NULL);
    }

    n = vsw_rtp_ahead_receive(ahead, data, size);
    if (n > 0) {
        vsw_rtp_tap_follow(vsw_rtp_tap, data, size, (size_t) n);
    }

    return n;
}


/* Is that all that is waited for, and has it been read ahead? */
static bool
vsw_rtp_ahead_is_polled(const struct pollfd *fds, nfds_t count)
{
    vsw_rtp_ahead_t *ahead = vsw_rtp_tap != NULL ? vsw_rtp_tap->ahead : NULL;

    return ahead != NULL && ahead->left > 0 && count == 1
           && fds[0].fd == ahead->fd && (fds[0].events & POLLIN) != 0;
}


int
vsw_rtp_poll(struct pollfd *fds, nfds_t count, int timeout)
{
    struct timespec wait = { timeout / 1000, timeout % 1000 * 1000000L };

    if (vsw_rtp_ahead_is_polled(fds, count)) {
        fds[0].revents = POLLIN;
        return 1;
    }

    return (int) syscall(SYS_ppoll, fds, count, timeout < 0 ? NULL : &wait,
                         NULL, 0);
}


ssize_t
recvfrom(int fd, void *data, size_t size, int flags, struct sockaddr *address,
         socklen_t *length)
{
    ssize_t n = syscall(SYS_recvfrom, fd, data, size, flags, address, length);

    if (n > 0 && vsw_rtp_tap != NULL && vsw_rtp_tap->carrier == VSW_TAP_UDP) {
        vsw_rtp_tap_look(vsw_rtp_tap, data, (size_t) n);
    }

    return n;
}
