/*
 * The link: framing whole and byte by byte, bounds at their limit and one
 * beyond, and what happens when the other end does not read.
 */

#include "unit.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vsw_link.h"

/* As vsw_link.c writes them. */
typedef struct {
    uint32_t type;
    uint32_t length;
} header_t;

typedef struct {
    vsw_link_t *link;
    int         peer;
} ends_t;

static uint8_t large[VSW_LINK_VALUE_MAX + 1];


static ends_t
ends_open(void)
{
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);

    return (ends_t) { vsw_link_create(pair[0]), pair[1] };
}


static void
ends_close(ends_t ends)
{
    vsw_link_destroy(ends.link);
    close(ends.peer);
}


/* Writes all of it, however little the socket takes at once. */
static void
peer_write(ends_t ends, const void *data, size_t size)
{
    assert_int_equal(send(ends.peer, data, size, MSG_NOSIGNAL), size);
}


static void
peer_message(ends_t ends, uint32_t type, const void *payload, uint32_t length)
{
    header_t header = { type, length };

    peer_write(ends, &header, sizeof(header));
    peer_write(ends, payload, length);
}


static void
test_message_whole(void **state)
{
    vsw_link_watched_t watched = { VSTREAM_RENDITION_SMALL, 7 };
    ends_t             ends = ends_open();
    vsw_link_message_t m;

    (void) state;

    assert_int_equal(vsw_link_read(ends.link, &m), VSTREAM_AGAIN);
    peer_message(ends, VSW_LINK_WATCHED, &watched, sizeof(watched));
    peer_message(ends, VSW_LINK_LOG, "{}", 2);

    assert_int_equal(vsw_link_read(ends.link, &m), VSTREAM_OK);
    assert_int_equal(m.type, VSW_LINK_WATCHED);
    assert_int_equal(m.length, sizeof(watched));
    assert_memory_equal(m.payload, &watched, sizeof(watched));
    assert_true(vsw_link_may_have_more(ends.link));

    assert_int_equal(vsw_link_read(ends.link, &m), VSTREAM_OK);
    assert_int_equal(m.type, VSW_LINK_LOG);
    assert_memory_equal(m.payload, "{}", 2);
    assert_false(vsw_link_may_have_more(ends.link));

    assert_int_equal(vsw_link_read(ends.link, &m), VSTREAM_AGAIN);
    ends_close(ends);
}


static void
test_message_byte_by_byte(void **state)
{
    size_t             i;
    char               bytes[sizeof(header_t) + 5];
    header_t           header = { VSW_LINK_CONFIGURE, 5 };
    ends_t             ends = ends_open();
    vsw_link_message_t m;

    (void) state;

    memcpy(bytes, &header, sizeof(header));
    memcpy(bytes + sizeof(header), "{\"a\"}", 5);

    for (i = 0; i < sizeof(bytes); i++) {
        assert_int_equal(vsw_link_read(ends.link, &m), VSTREAM_AGAIN);
        peer_write(ends, bytes + i, 1);
    }

    assert_int_equal(vsw_link_read(ends.link, &m), VSTREAM_OK);
    assert_int_equal(m.length, 5);
    assert_memory_equal(m.payload, "{\"a\"}", 5);
    ends_close(ends);
}


/* What a header alone is answered with: AGAIN (it is fine) or ERROR. */
static int
header_answer(uint32_t type, uint32_t length)
{
    int                rc;
    ends_t             ends = ends_open();
    header_t           header = { type, length };
    vsw_link_message_t m;

    peer_write(ends, &header, sizeof(header));
    rc = vsw_link_read(ends.link, &m);

    /* an error sticks */
    if (rc == VSTREAM_ERROR) {
        assert_int_equal(vsw_link_read(ends.link, &m), VSTREAM_ERROR);
    }

    ends_close(ends);

    return rc;
}


static void
test_lengths(void **state)
{
    size_t i;
    static const struct {
        uint32_t type, least, most;
    } bounds[] = {
        { VSW_LINK_CONFIGURE, 2, VSW_LINK_JSON_MAX },
        { VSW_LINK_STREAM, 2, VSW_LINK_JSON_MAX },
        { VSW_LINK_FAILED, 2, VSW_LINK_JSON_MAX },
        { VSW_LINK_LOG, 2, VSW_LINK_JSON_MAX },
        { VSW_LINK_WATCHED, 8, 8 },
        { VSW_LINK_COUNTS, sizeof(vsw_link_counts_t),
          sizeof(vsw_link_counts_t) },
        { VSW_LINK_FRAME, sizeof(vsw_link_frame_t) + 1, VSW_LINK_PAYLOAD_MAX },
        { VSW_LINK_VALUE, sizeof(vsw_link_value_t) + 1,
          sizeof(vsw_link_value_t) + VSW_LINK_VALUE_MAX },
    };

    (void) state;

    for (i = 0; i < UNIT_COUNT(bounds); i++) {
        uint32_t type = bounds[i].type;

        assert_int_equal(header_answer(type, bounds[i].least), VSTREAM_AGAIN);
        assert_int_equal(header_answer(type, bounds[i].most), VSTREAM_AGAIN);
        assert_int_equal(header_answer(type, bounds[i].least - 1),
                         VSTREAM_ERROR);
        assert_int_equal(header_answer(type, bounds[i].most + 1),
                         VSTREAM_ERROR);
        assert_int_equal(header_answer(type, UINT32_MAX), VSTREAM_ERROR);
    }

    assert_int_equal(header_answer(0, 4), VSTREAM_ERROR);
    assert_int_equal(header_answer(99, 4), VSTREAM_ERROR);
}


/* What was sent before the end is still handed out. */
static void
test_end(void **state)
{
    ends_t             ends = ends_open();
    vsw_link_message_t m;

    (void) state;

    peer_message(ends, VSW_LINK_LOG, "{}", 2);
    peer_write(ends, "\x14", 1);
    shutdown(ends.peer, SHUT_WR);

    assert_int_equal(vsw_link_read(ends.link, &m), VSTREAM_OK);
    assert_int_equal(vsw_link_read(ends.link, &m), VSTREAM_ERROR);
    ends_close(ends);
}


static void
test_write_bounds(void **state)
{
    ends_t ends = ends_open();

    (void) state;

    assert_int_equal(vsw_link_write(ends.link, VSW_LINK_LOG, large,
                                    VSW_LINK_JSON_MAX + 1, NULL, 0),
                     VSTREAM_AGAIN);
    assert_int_equal(vsw_link_write(ends.link, VSW_LINK_LOG, large, 1, NULL, 0),
                     VSTREAM_AGAIN);
    assert_int_equal(vsw_link_write(ends.link, VSW_LINK_FRAME, large,
                                    sizeof(vsw_link_frame_t), large,
                                    VSW_LINK_PAYLOAD_MAX),
                     VSTREAM_AGAIN);
    assert_int_equal(vsw_link_write(ends.link, VSW_LINK_VALUE, large,
                                    sizeof(vsw_link_value_t), large,
                                    VSW_LINK_VALUE_MAX + 1),
                     VSTREAM_AGAIN);
    assert_false(vsw_link_is_pending(ends.link));

    close(ends.peer);
    assert_int_equal(vsw_link_write(ends.link, VSW_LINK_LOG, "{}", 2, NULL, 0),
                     VSTREAM_ERROR);
    vsw_link_destroy(ends.link);
}


/* Reads all that comes through a second link, flushing the first. */
static unsigned
drain(ends_t ends, vsw_link_t *reader, uint32_t type)
{
    int                rc;
    unsigned           n = 0;
    vsw_link_message_t m;

    do {
        assert_int_not_equal(vsw_link_flush(ends.link), VSTREAM_ERROR);

        while ((rc = vsw_link_read(reader, &m)) == VSTREAM_OK) {
            n += m.type == type;
        }

        assert_int_equal(rc, VSTREAM_AGAIN);
    } while (vsw_link_is_pending(ends.link));

    return n;
}


/* The largest of its type, against an end that does not read. */
static void
assert_in_flight(vsw_link_type_t type, const void *head, size_t length,
                 size_t rest)
{
    unsigned    logs = 0;
    ends_t      ends = ends_open();
    vsw_link_t *reader = vsw_link_create(ends.peer);

    assert_int_equal(vsw_link_write(ends.link, type, head, length, large, rest),
                     VSTREAM_OK);
    assert_true(vsw_link_is_pending(ends.link));

    /* no second one, but small messages up to 64 KiB */
    assert_int_equal(vsw_link_write(ends.link, type, head, length, large, 1),
                     VSTREAM_AGAIN);

    while (vsw_link_write(ends.link, VSW_LINK_LOG, large, 1016, NULL, 0)
           == VSTREAM_OK)
    {
        logs++;
    }

    assert_int_equal(logs, 64 * 1024 / 1024);

    ends.peer = -1;
    assert_int_equal(drain(ends, reader, VSW_LINK_LOG), logs);

    assert_int_equal(vsw_link_write(ends.link, type, head, length, large, 1),
                     VSTREAM_OK);
    assert_int_equal(drain(ends, reader, type), 1);

    vsw_link_destroy(ends.link);
    vsw_link_destroy(reader);
}


static void
test_frame_in_flight(void **state)
{
    vsw_link_frame_t head = { .width = 1 };

    (void) state;

    assert_in_flight(VSW_LINK_FRAME, &head, sizeof(head),
                     VSW_LINK_PAYLOAD_MAX - sizeof(head));
}


static void
test_value_in_flight(void **state)
{
    vsw_link_value_t head = { 1 };

    (void) state;

    assert_in_flight(VSW_LINK_VALUE, &head, sizeof(head), VSW_LINK_VALUE_MAX);
}


int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_message_whole),
        cmocka_unit_test(test_message_byte_by_byte),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_end),
        cmocka_unit_test(test_write_bounds),
        cmocka_unit_test(test_frame_in_flight),
        cmocka_unit_test(test_value_in_flight),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
