/*
 * What is read ahead of a connection: recv() and poll() say the same as without
 * it, to the end and for other connections.
 */

#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vsw_rtp_tap.h"


typedef struct {
    vsw_rtp_tap_t   tap;
    vsw_rtp_ahead_t ahead;
    int             fds[2];   /* read ahead, and its other end */
    int             other[2]; /* not */
} tapped_t;


static int
tap_setup(void **state)
{
    tapped_t *t = calloc(1, sizeof(*t));

    assert_non_null(t);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, t->fds), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, t->other), 0);

    vsw_rtp_ahead_init(&t->ahead);
    t->tap.ahead = &t->ahead;
    vsw_rtp_tap_set(&t->tap);
    *state = t;

    return 0;
}


static int
tap_teardown(void **state)
{
    tapped_t *t = *state;

    vsw_rtp_tap_set(NULL);
    close(t->fds[0]);
    close(t->fds[1]);
    close(t->other[0]);
    close(t->other[1]);
    free(t);

    return 0;
}


static void
check_recv(int fd, size_t size, const char *want)
{
    char    data[64];
    ssize_t n = recv(fd, data, size, 0);

    assert_int_equal(n, strlen(want));
    assert_memory_equal(data, want, strlen(want));
}


static int
readable(int fd)
{
    struct pollfd pfd = { .fd = fd, .events = POLLIN };

    return poll(&pfd, 1, 0);
}


static void
test_pieces(void **state)
{
    tapped_t *t = *state;

    assert_int_equal(readable(t->fds[0]), 0);
    assert_int_equal(write(t->fds[1], "abcdef", 6), 6);
    assert_int_equal(readable(t->fds[0]), 1);
    check_recv(t->fds[0], 1, "a");
    check_recv(t->fds[0], 3, "bcd");
    assert_int_equal(readable(t->fds[0]), 1);

    /* what came later is not before what is left */
    assert_int_equal(write(t->fds[1], "gh", 2), 2);
    check_recv(t->fds[0], 10, "ef");
    check_recv(t->fds[0], 10, "gh");
    assert_int_equal(readable(t->fds[0]), 0);
}


static void
test_end(void **state)
{
    char      byte;
    tapped_t *t = *state;

    assert_int_equal(write(t->fds[1], "abc", 3), 3);
    assert_int_equal(shutdown(t->fds[1], SHUT_WR), 0);
    check_recv(t->fds[0], 1, "a");
    check_recv(t->fds[0], 10, "bc");
    assert_int_equal(readable(t->fds[0]), 1);
    assert_int_equal(recv(t->fds[0], &byte, 1, 0), 0);
}


static void
test_nothing_there(void **state)
{
    char           byte;
    tapped_t      *t = *state;
    struct timeval soon = { 0, 1000 };

    assert_int_equal(
        setsockopt(t->fds[0], SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon)), 0);
    assert_int_equal(recv(t->fds[0], &byte, 1, 0), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(write(t->fds[1], "a", 1), 1);
    check_recv(t->fds[0], 10, "a");
}


static void
test_others(void **state)
{
    tapped_t     *t = *state;
    struct pollfd pfd = { .fd = t->fds[0], .events = POLLOUT };

    assert_int_equal(write(t->fds[1], "abc", 3), 3);
    check_recv(t->fds[0], 1, "a");

    assert_int_equal(poll(&pfd, 1, 0), 1);
    assert_int_equal(pfd.revents, POLLOUT);

    assert_int_equal(readable(t->other[0]), 0);
    assert_int_equal(write(t->other[1], "xyz", 3), 3);
    assert_int_equal(readable(t->other[0]), 1);
    check_recv(t->other[0], 1, "x");
    vsw_rtp_tap_set(NULL);
    check_recv(t->other[0], 10, "yz");
}


static void
test_marker(void **state)
{
    static const uint8_t packet[] = { '$', 0, 0, 4, 0x80, 0xe0, 0, 1 };
    char                 data[8];
    tapped_t            *t = *state;

    assert_int_equal(write(t->fds[1], packet, sizeof(packet)), sizeof(packet));
    assert_int_equal(recv(t->fds[0], data, 1, 0), 1);
    assert_int_equal(recv(t->fds[0], data, 3, 0), 3);
    assert_false(t->tap.is_marked);
    assert_int_equal(recv(t->fds[0], data, 4, 0), 4);
    assert_true(t->tap.is_marked);
}


int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pieces, tap_setup, tap_teardown),
        cmocka_unit_test_setup_teardown(test_end, tap_setup, tap_teardown),
        cmocka_unit_test_setup_teardown(test_nothing_there, tap_setup,
                                        tap_teardown),
        cmocka_unit_test_setup_teardown(test_others, tap_setup, tap_teardown),
        cmocka_unit_test_setup_teardown(test_marker, tap_setup, tap_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
