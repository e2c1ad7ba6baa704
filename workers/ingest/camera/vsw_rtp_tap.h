/*
 * RTP's marker bit ends an access unit (RFC 6184 section 5.1), but libavformat
 * does not hand it on; without it, the end of one access unit is known only
 * when the next one begins, a whole frame interval late.  So recv() and
 * recvfrom() are defined in this executable, and look at the RTP packets that
 * libavformat reads from an interleaved RTSP connection or as datagrams.
 *
 * Of a connection it relies on how libavformat reads: "$", then three bytes,
 * then the packet, each asked for by itself.  Where reading looks different,
 * no markers are seen and nothing else changes.
 *
 * Before each of these libavformat polls, which makes six calls of the kernel
 * for a packet.  So what a connection has is read ahead, and poll(), defined
 * here too, knows of it.
 */

#ifndef VSW_RTP_TAP_H
#define VSW_RTP_TAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VSW_TAP_AHEAD_MAX 65536


/* What a connection had, and has not been asked for yet. */
typedef struct {
    int     fd; /* -1: not seen yet */
    size_t  left;
    size_t  end; /* of that in `bytes` */
    uint8_t bytes[VSW_TAP_AHEAD_MAX];
} vsw_rtp_ahead_t;

typedef enum {
    VSW_TAP_TCP,
    VSW_TAP_TLS,
    VSW_TAP_UDP,
} vsw_rtp_carrier_t;

typedef struct {
    vsw_rtp_carrier_t carrier;
    enum {
        VSW_TAP_TEXT,
        VSW_TAP_HEADER, /* channel and length */
        VSW_TAP_PACKET,
    } state;
    size_t           need;      /* bytes to come in this state */
    size_t           length;    /* of the packet */
    uint8_t          head[3];   /* of HEADER, or of PACKET */
    bool             is_marked; /* what the newest RTP packet said */
    vsw_rtp_ahead_t *ahead;     /* of TCP; else NULL */
} vsw_rtp_tap_t;


/*
 * Taps what the calling thread receives; NULL ends it, and what was read ahead
 * is lost with the tap.  The first connection that is received from then on is
 * the one that is read ahead.
 */
void vsw_rtp_tap_set(vsw_rtp_tap_t *tap);

/* Nothing was read ahead, from no connection. */
void vsw_rtp_ahead_init(vsw_rtp_ahead_t *ahead);

/* What the calling thread has decrypted, if it is tapped. */
void vsw_rtp_tap_decrypted(const void *data, size_t asked, size_t got);

/* Looks at one datagram. */
void vsw_rtp_tap_look(vsw_rtp_tap_t *tap, const uint8_t *data, size_t length);

/* Follows one recv() of `asked` bytes that brought `got`. */
void vsw_rtp_tap_follow(vsw_rtp_tap_t *tap, const uint8_t *data, size_t asked,
                        size_t got);


#endif /* VSW_RTP_TAP_H */
