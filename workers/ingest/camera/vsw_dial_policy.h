/*
 * Where a camera process may connect to: anywhere but loopback, link-local,
 * "this network", multicast, broadcast and local sockets, unless configured
 * networks allow it.  IPv6 forms that carry an IPv4 address (mapped,
 * compatible, 6to4, NAT64, Teredo) are judged by that address too.  Names and
 * odd spellings do not matter here: what is judged is the address really used.
 */

#ifndef VSW_DIAL_POLICY_H
#define VSW_DIAL_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define VSW_NETWORKS_MAX 64


/* A network in CIDR form; IPv4 stands as mapped IPv6 (::ffff:a.b.c.d). */
typedef struct {
    uint8_t  address[16];
    unsigned bits; /* 0 to 128 */
} vsw_network_t;

typedef struct {
    vsw_network_t allowed[VSW_NETWORKS_MAX];
    size_t        count;
} vsw_dial_policy_t;


/* Reads "127.0.0.0/8", "::1/128" or a bare address. */
int vsw_network_read(vsw_network_t *network, const char *text);

/* May a socket send to this address? */
bool vsw_dial_is_allowed(const vsw_dial_policy_t *policy,
                         const struct sockaddr *address, socklen_t length);

/* May a socket be bound to it?  The wildcard address is fine here. */
bool vsw_bind_is_allowed(const vsw_dial_policy_t *policy,
                         const struct sockaddr *address, socklen_t length);


#endif /* VSW_DIAL_POLICY_H */
