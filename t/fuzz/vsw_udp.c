/*
 * Where udp: listens: what libavformat is given names the address and port of
 * the source and nothing else, and multicast is what its first bits say.
 */

#include "fuzz.h"

#include "vsw_source_udp.c"


static void
check_multicast(const vsw_udp_t *udp)
{
    uint8_t v4[4], v6[16];

    if (inet_pton(AF_INET, udp->address, v4) == 1) {
        fuzz_check(vsw_udp_is_multicast(udp) == (v4[0] >> 4 == 14));

    } else if (inet_pton(AF_INET6, udp->address, v6) == 1) {
        fuzz_check(vsw_udp_is_multicast(udp) == (v6[0] == 0xff));
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char            *text = fuzz_text(data, size);
    vsw_udp_t        udp;
    vstream_slice_t  slice = { text, strlen(text) };
    vstream_source_t source;

    if (vstream_source_read(slice, &source) == VSTREAM_SOURCE_OK
        && source.kind == VSTREAM_SOURCE_UDP
        && vsw_udp_read(&udp, text) == VSTREAM_OK)
    {
        fuzz_check(strlen(udp.url) < sizeof(udp.url) - 1);
        fuzz_check(strncmp(udp.url, "udp://", 6) == 0);
        fuzz_check(strpbrk(udp.url + 6, "/?&#@ ") == NULL);
        fuzz_check(strstr(udp.url, udp.address) != NULL);
        fuzz_check(strtoul(strrchr(udp.url, ':') + 1, NULL, 10) == source.port);
        check_multicast(&udp);
    }

    free(text);

    return 0;
}
