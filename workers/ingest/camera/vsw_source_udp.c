/*
 * udp: MPEG-TS that is sent to us, to an address of this host or to a group of
 * multicast.  Where that may be, the configuration says: the supervisor looks,
 * and so does the interposed bind().
 */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "vstream_source_option.h"
#include "vsw_dial.h"
#include "vsw_source.h"

#define VSW_UDP_URL_MAX     128
#define VSW_UDP_ADDRESS_MAX 64


typedef struct {
    char url[VSW_UDP_URL_MAX];           /* without its options */
    char address[VSW_UDP_ADDRESS_MAX];   /* without brackets */
    char interface[VSW_UDP_ADDRESS_MAX]; /* empty: the kernel chooses one */
} vsw_udp_t;


/* A slice as a string; VSTREAM_ERROR: it is too long. */
static int
vsw_udp_text(char text[VSW_UDP_ADDRESS_MAX], vstream_slice_t slice)
{
    if (slice.length >= VSW_UDP_ADDRESS_MAX) {
        return VSTREAM_ERROR;
    }

    memcpy(text, slice.data, slice.length);
    text[slice.length] = '\0';

    return VSTREAM_OK;
}


/* The only option that there is. */
static int
vsw_udp_interface_read(vsw_udp_t *udp, vstream_slice_t query)
{
    vstream_slice_t name, value;

    if (vstream_source_option_next(&query, &name, &value) != VSTREAM_OK) {
        return VSTREAM_OK;
    }

    return vsw_udp_text(udp->interface, value);
}


static int
vsw_udp_read(vsw_udp_t *udp, const char *text)
{
    vstream_source_t source;
    vstream_slice_t  slice = { text, strlen(text) };

    memset(udp, 0, sizeof(*udp));

    if (vstream_source_read(slice, &source) != VSTREAM_SOURCE_OK
        || vsw_udp_text(udp->address, source.host) != VSTREAM_OK)
    {
        return VSTREAM_ERROR;
    }

    snprintf(udp->url, sizeof(udp->url),
             strchr(udp->address, ':') != NULL ? "udp://[%s]:%u"
                                               : "udp://%s:%u",
             udp->address, (unsigned) source.port);

    return vsw_udp_interface_read(udp, source.query);
}


/* 224.0.0.0/4 or ff00::/8 */
static bool
vsw_udp_is_multicast(const vsw_udp_t *udp)
{
    struct in_addr  v4;
    struct in6_addr v6;

    if (inet_pton(AF_INET, udp->address, &v4) == 1) {
        return IN_MULTICAST(ntohl(v4.s_addr));
    }

    return inet_pton(AF_INET6, udp->address, &v6) == 1
           && IN6_IS_ADDR_MULTICAST(&v6);
}


/*
 * A fifo of libavformat's would be a thread and another queue; the socket's
 * buffer is one already.
 */
static int
vsw_udp_options(vsw_source_t *source, const vsw_udp_t *udp,
                AVDictionary **options, vsw_failure_t *failure)
{
    const char *local =
        vsw_udp_is_multicast(udp) ? udp->interface : udp->address;

    if (vsw_source_net_options(source, options, failure) != VSTREAM_OK) {
        return VSTREAM_ERROR;
    }

    av_dict_set(options, "fifo_size", "0", 0);

    if (local[0] != '\0') {
        av_dict_set(options, "localaddr", local, 0);
    }

    return VSTREAM_OK;
}


int
vsw_source_udp_open(vsw_source_t *source, vsw_failure_t *failure)
{
    int           rc;
    vsw_udp_t     udp;
    AVDictionary *options = NULL;

    if (vsw_udp_read(&udp, source->config->url) != VSTREAM_OK) {
        vsw_failure_set(failure, VSTREAM_REASON_BAD_SOURCE,
                        "udp: needs an address and a port to listen on");
        return VSTREAM_ERROR;
    }

    if (vsw_udp_options(source, &udp, &options, failure) != VSTREAM_OK) {
        return VSTREAM_ERROR;
    }

    vsw_dial_listening_set(true);
    rc = vsw_source_net_start(source, udp.url, source->scheme->format, &options,
                              failure);

    if (rc == VSTREAM_OK) {
        rc = vsw_source_net_wait(source, failure);
    }

    if (rc != VSTREAM_OK && failure->reason != NULL
        && strcmp(failure->reason, VSTREAM_REASON_TIMEOUT) == 0)
    {
        failure->reason = NULL;
        vsw_failure_set(failure, VSTREAM_REASON_TIMEOUT,
                        "nothing came to %s: check that the camera sends "
                        "MPEG-TS there, and the firewall",
                        udp.url);
    }

    return rc;
}
