/*
 * The tap, see vsw_rtp_tap.h.
 */

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vsw_rtp_tap.h"

/* RTCP on the same channel has these as its second byte (RFC 5761). */
#define VSW_RTCP_FIRST 192
#define VSW_RTCP_LAST  223

#define VSW_RTP_HEADER 12

static _Thread_local vsw_rtp_tap_t *vsw_rtp_tap;


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


ssize_t
recv(int fd, void *data, size_t size, int flags)
{
    ssize_t n = syscall(SYS_recvfrom, fd, data, size, flags, NULL, NULL);

    if (n > 0 && vsw_rtp_tap != NULL && vsw_rtp_tap->carrier == VSW_TAP_TCP) {
        vsw_rtp_tap_follow(vsw_rtp_tap, data, size, (size_t) n);
    }

    return n;
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
