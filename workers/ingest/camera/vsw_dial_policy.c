/*
 * The dial policy, see vsw_dial_policy.h: pure, so that tests reach all of it.
 */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "vstream_schema.h"
#include "vsw_dial_policy.h"

#define VSW_V4_MAPPED 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff

/* Refused unless allowed. */
static const vsw_network_t vsw_denied[] = {
    { { VSW_V4_MAPPED, 0 }, 96 + 8 },             /* this network */
    { { VSW_V4_MAPPED, 127 }, 96 + 8 },           /* loopback */
    { { VSW_V4_MAPPED, 169, 254 }, 96 + 16 },     /* link-local */
    { { VSW_V4_MAPPED, 192, 0, 0, 0 }, 96 + 24 }, /* protocol assignments */
    { { VSW_V4_MAPPED, 224 }, 96 + 4 },           /* multicast */
    { { VSW_V4_MAPPED, 240 }, 96 + 4 },           /* reserved, broadcast */
    { { 0 }, 128 },                               /* :: */
    { { [15] = 1 }, 128 },                        /* ::1 */
    { { 0xfe, 0x80 }, 10 },                       /* link-local */
    { { 0xfe, 0xc0 }, 10 },                       /* site-local, once */
    { { 0xff }, 8 },                              /* multicast */
};

/* IPv6 networks whose addresses carry an IPv4 address. */
typedef struct {
    vsw_network_t network;
    unsigned      offset; /* of the four bytes */
    uint8_t       flip;   /* Teredo writes them inverted */
} vsw_embedding_t;

static const vsw_embedding_t vsw_embeddings[] = {
    { { { 0 }, 96 }, 12, 0 },                                  /* compatible */
    { { { 0x20, 0x02 }, 16 }, 2, 0 },                          /* 6to4 */
    { { { 0x20, 0x01, 0, 0 }, 32 }, 12, 0xff },                /* Teredo */
    { { { 0x00, 0x64, 0xff, 0x9b }, 96 }, 12, 0 },             /* NAT64 */
    { { { 0x00, 0x64, 0xff, 0x9b, 0, 1 }, 48 }, 12, 0 },       /* local NAT64 */
    { { { 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff }, 96 }, 12, 0 }, /* SIIT */
};

#define VSW_COUNT(array) (sizeof(array) / sizeof((array)[0]))


static bool
vsw_network_holds(const vsw_network_t *network, const uint8_t address[16])
{
    unsigned bytes = network->bits / 8;
    unsigned rest = network->bits % 8;
    unsigned difference;

    if (memcmp(network->address, address, bytes) != 0) {
        return false;
    }

    if (rest == 0) {
        return true;
    }

    difference = network->address[bytes] ^ address[bytes];

    return difference >> (8 - rest) == 0;
}


static void
vsw_map_v4(uint8_t address[16], const void *v4)
{
    static const uint8_t prefix[12] = { VSW_V4_MAPPED };

    memcpy(address, prefix, sizeof(prefix));
    memcpy(address + sizeof(prefix), v4, 4);
}


/* The number after the slash; `most` without one. */
static int
vsw_prefix_read(const char *text, unsigned most, unsigned *bits)
{
    char         *end;
    unsigned long value;

    if (text == NULL) {
        *bits = most;
        return VSTREAM_OK;
    }

    if (*text < '0' || *text > '9') {
        return VSTREAM_ERROR;
    }

    value = strtoul(text, &end, 10);
    if (*end != '\0' || value > most) {
        return VSTREAM_ERROR;
    }

    *bits = (unsigned) value;

    return VSTREAM_OK;
}


int
vsw_network_read(vsw_network_t *network, const char *text)
{
    char    copy[INET6_ADDRSTRLEN + 5];
    char   *slash;
    uint8_t v4[4];

    if (strlen(text) >= sizeof(copy)) {
        return VSTREAM_ERROR;
    }

    memcpy(copy, text, strlen(text) + 1);
    slash = strchr(copy, '/');
    if (slash != NULL) {
        *slash++ = '\0';
    }

    if (inet_pton(AF_INET6, copy, network->address) == 1) {
        return vsw_prefix_read(slash, 128, &network->bits);
    }

    if (inet_pton(AF_INET, copy, v4) != 1
        || vsw_prefix_read(slash, 32, &network->bits) != VSTREAM_OK)
    {
        return VSTREAM_ERROR;
    }

    vsw_map_v4(network->address, v4);
    network->bits += 96;

    return VSTREAM_OK;
}


/* "9000" or "9000-9010" */
static int
vsw_ports_read(vsw_listen_t *listen, const char *text)
{
    char         *end;
    unsigned long first, last;

    if (*text < '1' || *text > '9') {
        return VSTREAM_ERROR;
    }

    first = last = strtoul(text, &end, 10);

    if (end[0] == '-' && end[1] >= '1' && end[1] <= '9') {
        last = strtoul(end + 1, &end, 10);
    }

    if (*end != '\0' || last > UINT16_MAX || first > last) {
        return VSTREAM_ERROR;
    }

    listen->first = (uint16_t) first;
    listen->last = (uint16_t) last;

    return VSTREAM_OK;
}


int
vsw_listen_read(vsw_listen_t *listen, const char *text)
{
    char          copy[INET6_ADDRSTRLEN];
    size_t        length;
    const char   *colon = strrchr(text, ':');
    vsw_network_t network;

    length = colon != NULL ? (size_t) (colon - text) : 0;

    if (length > 2 && text[0] == '[' && text[length - 1] == ']') {
        text++;
        length -= 2;

    } else if (memchr(text, ':', length) != NULL) {
        return VSTREAM_ERROR; /* IPv6 without brackets */
    }

    if (length == 0 || length >= sizeof(copy)) {
        return VSTREAM_ERROR;
    }

    memcpy(copy, text, length);
    copy[length] = '\0';

    if (strchr(copy, '/') != NULL
        || vsw_network_read(&network, copy) != VSTREAM_OK) {
        return VSTREAM_ERROR;
    }

    memcpy(listen->address, network.address, sizeof(listen->address));

    return vsw_ports_read(listen, colon + 1);
}


static bool
vsw_address_is_any(const uint8_t address[16])
{
    static const uint8_t any4[16] = { VSW_V4_MAPPED };
    static const uint8_t any6[16] = { 0 };

    return memcmp(address, any4, 16) == 0 || memcmp(address, any6, 16) == 0;
}


static bool
vsw_address_is_multicast(const uint8_t address[16])
{
    static const vsw_network_t v4 = { { VSW_V4_MAPPED, 224 }, 96 + 4 };
    static const vsw_network_t v6 = { { 0xff }, 8 };

    return vsw_network_holds(&v4, address) || vsw_network_holds(&v6, address);
}


static bool
vsw_address_is_v4(const uint8_t address[16])
{
    static const vsw_network_t v4 = { { VSW_V4_MAPPED }, 96 };

    return vsw_network_holds(&v4, address);
}


static bool
vsw_listen_holds(const vsw_listen_t *listen, const uint8_t address[16],
                 uint16_t port)
{
    if (port < listen->first || port > listen->last) {
        return false;
    }

    if (memcmp(listen->address, address, 16) == 0) {
        return true;
    }

    return vsw_address_is_any(listen->address)
           && !vsw_address_is_multicast(address)
           && vsw_address_is_v4(listen->address) == vsw_address_is_v4(address);
}


bool
vsw_listen_covers(const vsw_listen_t *listen, const char *address,
                  uint16_t port)
{
    vsw_network_t network;

    return strchr(address, '/') == NULL
           && vsw_network_read(&network, address) == VSTREAM_OK
           && vsw_listen_holds(listen, network.address, port);
}


/* VSTREAM_ERROR: no internet address. */
static int
vsw_address_read(uint8_t out[16], const struct sockaddr *address,
                 socklen_t length)
{
    const struct sockaddr_in  *sin = (const struct sockaddr_in *) address;
    const struct sockaddr_in6 *sin6 = (const struct sockaddr_in6 *) address;

    if (address->sa_family == AF_INET && length >= sizeof(*sin)) {
        vsw_map_v4(out, &sin->sin_addr);
        return VSTREAM_OK;
    }

    if (address->sa_family == AF_INET6
        && length >= offsetof(struct sockaddr_in6, sin6_scope_id))
    {
        memcpy(out, &sin6->sin6_addr, 16);
        return VSTREAM_OK;
    }

    return VSTREAM_ERROR;
}


static bool
vsw_policy_allows(const vsw_dial_policy_t *policy, const uint8_t address[16])
{
    for (size_t i = 0; i < policy->count; i++) {
        if (vsw_network_holds(&policy->allowed[i], address)) {
            return true;
        }
    }

    return false;
}


static bool
vsw_address_is_denied(const vsw_dial_policy_t *policy,
                      const uint8_t            address[16])
{
    for (size_t i = 0; i < VSW_COUNT(vsw_denied); i++) {
        if (vsw_network_holds(&vsw_denied[i], address)) {
            return !vsw_policy_allows(policy, address);
        }
    }

    return false;
}


/* Is an IPv4 address that stands inside this IPv6 address denied? */
static bool
vsw_embedded_is_denied(const vsw_dial_policy_t *policy,
                       const uint8_t            address[16])
{
    uint8_t                v4[4], mapped[16];
    const vsw_embedding_t *e = vsw_embeddings;
    const vsw_embedding_t *end = e + VSW_COUNT(vsw_embeddings);

    for (; e < end; e++) {
        if (!vsw_network_holds(&e->network, address)) {
            continue;
        }

        for (size_t i = 0; i < 4; i++) {
            v4[i] = address[e->offset + i] ^ e->flip;
        }

        vsw_map_v4(mapped, v4);
        if (vsw_address_is_denied(policy, mapped)) {
            return true;
        }
    }

    return false;
}


bool
vsw_dial_is_allowed(const vsw_dial_policy_t *policy,
                    const struct sockaddr *address, socklen_t length)
{
    uint8_t bytes[16];

    if (length < sizeof(address->sa_family)
        || vsw_address_read(bytes, address, length) != VSTREAM_OK)
    {
        return false;
    }

    if (vsw_address_is_denied(policy, bytes)) {
        return false;
    }

    return vsw_policy_allows(policy, bytes)
           || !vsw_embedded_is_denied(policy, bytes);
}


/* The port stands at the same place in both families. */
static uint16_t
vsw_address_port(const struct sockaddr *address)
{
    return ntohs(((const struct sockaddr_in *) address)->sin_port);
}


bool
vsw_listen_is_allowed(const vsw_dial_policy_t *policy,
                      const struct sockaddr *address, socklen_t length)
{
    uint8_t bytes[16];

    if (length < sizeof(address->sa_family)
        || vsw_address_read(bytes, address, length) != VSTREAM_OK)
    {
        return false;
    }

    for (size_t i = 0; i < policy->listens_count; i++) {
        if (vsw_listen_holds(&policy->listens[i], bytes,
                             vsw_address_port(address))) {
            return true;
        }
    }

    return false;
}


bool
vsw_bind_is_allowed(const vsw_dial_policy_t *policy,
                    const struct sockaddr *address, socklen_t length)
{
    uint8_t bytes[16];

    if (length < sizeof(address->sa_family)
        || vsw_address_read(bytes, address, length) != VSTREAM_OK)
    {
        return false;
    }

    if (vsw_address_is_any(bytes)) {
        return true;
    }

    return vsw_dial_is_allowed(policy, address, length);
}
