/*
 * RTP's marker bit ends an access unit (RFC 6184 section 5.1), but libavformat
 * does not hand it on; without it, the end of one access unit is known only
 * when the next one begins, a whole frame interval late.  So recv() is defined
 * in this executable, and looks at the RTP packets that libavformat reads from
 * an interleaved RTSP connection.
 *
 * It relies on how libavformat reads: "$", then three bytes, then the packet,
 * each asked for by itself.  Where reading looks different, no markers are
 * seen and nothing else changes.
 */

#ifndef VSW_RTP_TAP_H
#define VSW_RTP_TAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>


typedef struct {
    enum {
        VSW_TAP_TEXT,
        VSW_TAP_HEADER, /* channel and length */
        VSW_TAP_PACKET,
    } state;
    size_t  need;      /* bytes to come in this state */
    size_t  length;    /* of the packet */
    uint8_t head[3];   /* of HEADER, or of PACKET */
    bool    is_marked; /* what the newest RTP packet said */
} vsw_rtp_tap_t;


/* Taps what the calling thread receives; NULL ends it. */
void vsw_rtp_tap_set(vsw_rtp_tap_t *tap);

/* Follows one recv() of `asked` bytes that brought `got`. */
void vsw_rtp_tap_follow(vsw_rtp_tap_t *tap, const uint8_t *data, size_t asked,
                        size_t got);


#endif /* VSW_RTP_TAP_H */
