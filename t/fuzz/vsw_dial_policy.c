/*
 * The dial policy: lines of networks that are allowed, an empty one, then an
 * address.  Without those networks, what the system itself holds to be
 * loopback, link-local, multicast and the like is refused; with one network
 * that holds it, it is allowed.
 */

#include "fuzz.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "vsw_dial_policy.h"

#define TEXT_MAX 64


/* By the macros of <netinet/in.h>, not by ours. */
static int
is_special(const struct in6_addr *a)
{
    uint32_t v4;

    if (IN6_IS_ADDR_V4MAPPED(a)) {
        memcpy(&v4, &a->s6_addr[12], 4);
        v4 = ntohl(v4);

        return v4 >> 24 == 0 || v4 >> 24 == 127 || v4 >> 16 == 0xa9fe
               || IN_MULTICAST(v4) || IN_BADCLASS(v4);
    }

    return IN6_IS_ADDR_UNSPECIFIED(a) || IN6_IS_ADDR_LOOPBACK(a)
           || IN6_IS_ADDR_MULTICAST(a) || IN6_IS_ADDR_LINKLOCAL(a)
           || IN6_IS_ADDR_SITELOCAL(a);
}


static int
allows(const vsw_dial_policy_t *policy, const struct sockaddr_in6 *address)
{
    return vsw_dial_is_allowed(policy, (const struct sockaddr *) address,
                               sizeof(*address));
}


static void
check_network(const char *text)
{
    vsw_dial_policy_t   policy = { .count = 1 };
    struct sockaddr_in6 self = { .sin6_family = AF_INET6 };

    if (vsw_network_read(&policy.allowed[0], text) != VSTREAM_OK) {
        return;
    }

    fuzz_check(policy.allowed[0].bits <= 128);
    memcpy(&self.sin6_addr, policy.allowed[0].address, 16);
    fuzz_check(allows(&policy, &self));
}


static void
check_listen(const char *text)
{
    char          address[INET6_ADDRSTRLEN];
    vsw_listen_t  listen;
    vsw_network_t network;

    if (vsw_listen_read(&listen, text) != VSTREAM_OK) {
        return;
    }

    fuzz_check(listen.first >= 1 && listen.first <= listen.last);
    inet_ntop(AF_INET6, listen.address, address, sizeof(address));
    fuzz_check(vsw_network_read(&network, address) == VSTREAM_OK);
    fuzz_check(memcmp(network.address, listen.address, 16) == 0);
    fuzz_check(vsw_listen_covers(&listen, address, listen.first));
    fuzz_check(vsw_listen_covers(&listen, address, listen.last));
    fuzz_check(!vsw_listen_covers(&listen, address, listen.first - 1));
}


/* The bytes as the kernel would hand them on, whatever they say they are. */
static void
check_bytes(const vsw_dial_policy_t *policy, const uint8_t *data, size_t size)
{
    struct sockaddr_storage address = { 0 };
    socklen_t               length;

    length = (socklen_t) (size < sizeof(address) ? size : sizeof(address));
    memcpy(&address, data, length);

    (void) vsw_dial_is_allowed(policy, (struct sockaddr *) &address, length);
    (void) vsw_listen_is_allowed(policy, (struct sockaddr *) &address, length);
    (void) vsw_bind_is_allowed(policy, (struct sockaddr *) &address, length);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char                text[TEXT_MAX + 1];
    vstream_slice_t     line;
    vsw_dial_policy_t   none = { .count = 0 }, some = { .count = 0 };
    struct sockaddr_in6 address = { .sin6_family = AF_INET6 };

    while ((line = fuzz_line(&data, &size)).length > 0) {
        if (line.length > TEXT_MAX) {
            continue;
        }

        memcpy(text, line.data, line.length);
        text[line.length] = '\0';
        check_network(text);
        check_listen(text);

        if (some.count < VSW_NETWORKS_MAX
            && vsw_network_read(&some.allowed[some.count], text) == VSTREAM_OK)
        {
            some.count++;
        }
    }

    if (size > 0) {
        check_bytes(&some, data, size);
    }

    memcpy(&address.sin6_addr, data, size < 16 ? size : 16);
    fuzz_check(!is_special(&address.sin6_addr) || !allows(&none, &address));
    fuzz_check(!allows(&none, &address) || allows(&some, &address));

    return 0;
}
