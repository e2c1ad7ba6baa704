/*
 * Where a camera process may connect to: anywhere but loopback, link-local,
 * "this network", multicast, broadcast and local sockets, unless configured
 * networks allow it.  IPv6 forms that carry an IPv4 address (mapped,
 * compatible, 6to4, NAT64, Teredo) are judged by that address too.  Names and
 * odd spellings do not matter here: what is judged is the address really used.
 *
 * A source that waits for its camera (udp:, srt: with mode=listener) binds
 * what the configuration lists, and nothing else.
 */

#ifndef VSW_DIAL_POLICY_H
#define VSW_DIAL_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define VSW_NETWORKS_MAX 64
#define VSW_LISTENS_MAX  32


/* A network in CIDR form; IPv4 stands as mapped IPv6 (::ffff:a.b.c.d). */
typedef struct {
    uint8_t  address[16];
    unsigned bits; /* 0 to 128 */
} vsw_network_t;

/* Where sources may listen: an address and a range of ports. */
typedef struct {
    uint8_t  address[16]; /* a wildcard stands for all addresses of the host */
    uint16_t first;
    uint16_t last;
} vsw_listen_t;

typedef struct {
    vsw_network_t allowed[VSW_NETWORKS_MAX];
    size_t        count;
    vsw_listen_t  listens[VSW_LISTENS_MAX];
    size_t        listens_count;
} vsw_dial_policy_t;


/* Reads "127.0.0.0/8", "::1/128" or a bare address. */
int vsw_network_read(vsw_network_t *network, const char *text);

/* Reads "192.0.2.1:9000", "0.0.0.0:5000-5010" or "[::]:9000". */
int vsw_listen_read(vsw_listen_t *listen, const char *text);

/*
 * Does it cover this address, as inet_pton() reads it, and port?  A wildcard
 * covers no group of multicast: joining one makes networks send.
 */
bool vsw_listen_covers(const vsw_listen_t *listen, const char *address,
                       uint16_t port);

/* May a socket send to this address? */
bool vsw_dial_is_allowed(const vsw_dial_policy_t *policy,
                         const struct sockaddr *address, socklen_t length);

/* May a source listen there? */
bool vsw_listen_is_allowed(const vsw_dial_policy_t *policy,
                           const struct sockaddr *address, socklen_t length);

/* May a socket be bound to it?  The wildcard address is fine here. */
bool vsw_bind_is_allowed(const vsw_dial_policy_t *policy,
                         const struct sockaddr *address, socklen_t length);


#endif /* VSW_DIAL_POLICY_H */
