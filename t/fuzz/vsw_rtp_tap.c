/*
 * The tap, as libavformat reads: what it says of a packet does not depend on
 * how many bytes each read brought, and it finds its way back from anything.
 */

#include "fuzz.h"

#include "vsw_rtp_tap.h"


static void
check_tap(const vsw_rtp_tap_t *tap)
{
    fuzz_check(tap->state <= VSW_TAP_PACKET);
    fuzz_check(tap->need <= tap->length && tap->length <= 0xffff);
}


/* One read of `asked` bytes, in pieces of `most` at the most. */
static void
follow(vsw_rtp_tap_t *tap, const uint8_t *data, size_t asked, size_t most)
{
    size_t got, done = 0;

    do {
        got = asked - done < most ? asked - done : most;
        vsw_rtp_tap_follow(tap, data + done, asked - done, got);
        check_tap(tap);
        done += got;
    } while (done < asked);
}


/* "$", a header, a packet; or a byte of text. */
static size_t
read_one(vsw_rtp_tap_t *tap, const uint8_t *data, size_t size, size_t most)
{
    size_t length;

    follow(tap, data, 1, most);

    if (data[0] != '$' || size < 4) {
        return 1;
    }

    follow(tap, data + 1, 3, most);
    length = (size_t) data[2] << 8 | data[3];

    if (length == 0 || length > size - 4) {
        return 4; /* a read that ends with the connection */
    }

    follow(tap, data + 4, length, most);

    return 4 + length;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t        n;
    vsw_rtp_tap_t whole = { 0 }, bytes = { 0 };

    while (size > 0) {
        n = read_one(&whole, data, size, size);
        fuzz_check(read_one(&bytes, data, size, 1) == n);
        fuzz_check(whole.is_marked == bytes.is_marked);
        fuzz_check(whole.state == bytes.state);

        data += n;
        size -= n;
    }

    return 0;
}
