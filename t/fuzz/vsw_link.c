/*
 * The link: what the other end sends is the same messages whether it comes at
 * once or in pieces, each within the bounds of its type; and written again
 * they are the same bytes.  The first byte says how large the pieces are.
 */

#include "fuzz.h"

#include <sys/socket.h>
#include <unistd.h>

#include "vstream_slice.h"
#include "vsw_link.h"


typedef struct {
    int         fds[2]; /* fds[1] belongs to the link */
    vsw_link_t *link;
} pair_t;


static void
pair_open(pair_t *pair)
{
    fuzz_check(socketpair(AF_UNIX, SOCK_STREAM, 0, pair->fds) == 0);
    pair->link = vsw_link_create(pair->fds[1]);
    fuzz_check(pair->link != NULL);
}


static void
pair_close(pair_t *pair)
{
    vsw_link_destroy(pair->link);
    close(pair->fds[0]);
}


static void
check_bounds(const vsw_link_message_t *message)
{
    switch (message->type) {
    case VSW_LINK_CONFIGURE:
    case VSW_LINK_STREAM:
    case VSW_LINK_FAILED:
    case VSW_LINK_LOG:
    case VSW_LINK_SUBSTREAM:
        fuzz_check(message->length >= 2 && message->length <= 16384);
        break;

    case VSW_LINK_WATCHED:
        fuzz_check(message->length == sizeof(vsw_link_watched_t));
        break;

    case VSW_LINK_COUNTS:
        fuzz_check(message->length == sizeof(vsw_link_counts_t));
        break;

    case VSW_LINK_FRAME:
        fuzz_check(message->length > sizeof(vsw_link_frame_t));
        break;

    case VSW_LINK_VALUE:
        fuzz_check(message->length > sizeof(vsw_link_value_t));
        break;

    default:
        fuzz_check(0);
    }
}


/* Takes what is there and appends it to `out`.  False: it has failed. */
static int
read_all(vsw_link_t *link, uint8_t *out, size_t *length)
{
    vsw_link_message_t message;
    uint32_t           head[2];
    int                rc;

    while ((rc = vsw_link_read(link, &message)) == VSTREAM_OK) {
        check_bounds(&message);
        head[0] = message.type;
        head[1] = (uint32_t) message.length;
        memcpy(out + *length, head, sizeof(head));
        memcpy(out + *length + sizeof(head), message.payload, message.length);
        *length += sizeof(head) + message.length;
    }

    fuzz_check(rc == VSTREAM_AGAIN || rc == VSTREAM_ERROR);

    return rc == VSTREAM_AGAIN;
}


/* Sends `step` bytes at a time; what was read, as bytes, is in `out`. */
static size_t
receive(const uint8_t *data, size_t size, size_t step, uint8_t *out)
{
    size_t n, done, length = 0;
    pair_t pair;

    pair_open(&pair);

    for (done = 0; done < size; done += n) {
        n = size - done < step ? size - done : step;
        fuzz_check(write(pair.fds[0], data + done, n) == (ssize_t) n);

        if (!read_all(pair.link, out, &length)) {
            fuzz_check(!read_all(pair.link, out, &length));
            break;
        }
    }

    pair_close(&pair);

    return length;
}


/* Messages, as bytes, through vsw_link_write(). */
static void
check_written(uint8_t *data, size_t size, uint8_t *out)
{
    size_t   n, done, head;
    pair_t   pair;
    uint32_t type, length;

    pair_open(&pair);

    for (done = 0; done < size; done += n) {
        memcpy(&type, data + done, 4);
        memcpy(&length, data + done + 4, 4);
        head = length / 2;
        n = 8 + length;

        fuzz_check(vsw_link_write(pair.link, (vsw_link_type_t) type,
                                  data + done + 8, head, data + done + 8 + head,
                                  length - head)
                   == VSTREAM_OK);
        fuzz_check(!vsw_link_is_pending(pair.link));
        fuzz_check(read(pair.fds[0], out, n) == (ssize_t) n);
        fuzz_check(memcmp(out, data + done, n) == 0);
    }

    pair_close(&pair);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t   step = 1 + fuzz_byte(&data, &size) % 64 + size / 32, length;
    uint8_t *whole = malloc(size + 1), *pieces = malloc(size + 1);

    fuzz_check(whole != NULL && pieces != NULL);

    length = receive(data, size, size + 1, whole);
    fuzz_check(length <= size && memcmp(whole, data, length) == 0);
    fuzz_check(receive(data, size, step, pieces) == length);
    fuzz_check(memcmp(whole, pieces, length) == 0);
    check_written(whole, length, pieces);

    free(whole);
    free(pieces);

    return 0;
}
