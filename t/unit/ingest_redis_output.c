/*
 * Commands on their way to Redis: their form, and that nothing is lost or
 * torn however little the socket takes at a time.
 */

#include "unit.h"

#include "vsw_redis_output.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>


static void
commands_have_the_form_of_resp(void **state)
{
    static const char expected[] = "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"
                                   "*3\r\n$8\r\nSPUBLISH\r\n$1\r\nc\r\n"
                                   "$7\r\n1 2\nJPG\r\n"
                                   "*1\r\n$0\r\n\r\n";

    vstream_slice_t    get[] = { VSTREAM_SLICE("GET"), VSTREAM_SLICE("k") };
    vstream_slice_t    push[] = { VSTREAM_SLICE("SPUBLISH"), VSTREAM_SLICE("c"),
                                  VSTREAM_SLICE("1 2\n") };
    vstream_slice_t    empty[] = { { NULL, 0 } };
    vstream_slice_t    tail = VSTREAM_SLICE("JPG");
    vsw_redis_output_t output = { .first = NULL };
    char               read_back[256];
    int                fds[2];
    ssize_t            n;

    (void) state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds),
                     0);
    assert_int_equal(vsw_redis_output_add(&output, get, 2, NULL), VSTREAM_OK);
    assert_int_equal(vsw_redis_output_add(&output, push, 3, &tail), VSTREAM_OK);
    assert_int_equal(vsw_redis_output_add(&output, empty, 1, NULL), VSTREAM_OK);
    assert_int_equal(output.unsent, sizeof(expected) - 1);
    assert_int_equal(vsw_redis_output_write(&output, fds[0]), 0);
    assert_int_equal(output.unsent, 0);
    assert_null(output.first);

    n = read(fds[1], read_back, sizeof(read_back));
    assert_int_equal(n, sizeof(expected) - 1);
    assert_memory_equal(read_back, expected, sizeof(expected) - 1);

    close(fds[1]);
    assert_int_equal(vsw_redis_output_add(&output, get, 2, NULL), VSTREAM_OK);
    assert_int_not_equal(vsw_redis_output_write(&output, fds[0]), 0);
    vsw_redis_output_clear(&output);
    close(fds[0]);
}


static int
add_and_write(vsw_redis_output_t *output, int fd, const vstream_slice_t *argv)
{
    int rc = vsw_redis_output_add(output, argv, 2, NULL);

    return rc == VSTREAM_OK ? vsw_redis_output_write(output, fd) : rc;
}


static int
send_whole(vsw_redis_output_t *output, int fd, const vstream_slice_t *argv)
{
    return vsw_redis_output_send(output, fd, argv, 2, NULL);
}


/* Its last argument in two pieces. */
static int
send_with_tail(vsw_redis_output_t *output, int fd, const vstream_slice_t *argv)
{
    size_t          half = argv[1].length / 2;
    vstream_slice_t tail = { argv[1].data + half, argv[1].length - half };
    vstream_slice_t head[2] = { argv[0], { argv[1].data, half } };

    return vsw_redis_output_send(output, fd, head, 2, &tail);
}


/* A socket with a small buffer, read a little at a time. */
static void
assert_nothing_is_torn(int (*give)(vsw_redis_output_t *output, int fd,
                                   const vstream_slice_t *argv))
{
    vsw_redis_output_t output = { .first = NULL };
    vstream_slice_t    argv[2] = { VSTREAM_SLICE("SET") };
    char              *sent, *got, *value;
    size_t             length, sent_length = 0, got_length = 0, i;
    unsigned           seed = 7;
    ssize_t            n;
    int                fds[2];

    value = malloc(300000);
    sent = malloc(4000000);
    got = malloc(4000000);
    assert_true(value != NULL && sent != NULL && got != NULL);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds),
                     0);
    setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &(int) { 4096 }, sizeof(int));

    for (i = 0; i < 60; i++) {
        seed = seed * 1103515245 + 12345;
        length = i % 7 == 0 ? 100000 + (seed >> 8) % 200000 : (seed >> 8) % 90;
        memset(value, 'a' + (int) (i % 26), length);
        argv[1] = (vstream_slice_t) { value, length };

        assert_int_equal(give(&output, fds[0], argv), VSTREAM_OK);
        sent_length += (size_t) snprintf(sent + sent_length, 64,
                                         "*2\r\n$3\r\nSET\r\n$%zu\r\n", length);
        memcpy(sent + sent_length, value, length);
        memcpy(sent + sent_length + length, "\r\n", 2);
        sent_length += length + 2;

        /* what was given is no longer needed */
        memset(value, '#', length);
        n = read(fds[1], got + got_length, 1 + seed % 5000);
        got_length += n > 0 ? (size_t) n : 0;
    }

    while (output.unsent > 0 || got_length < sent_length) {
        assert_int_equal(vsw_redis_output_write(&output, fds[0]), 0);
        n = read(fds[1], got + got_length, 100000);
        assert_true(n > 0);
        got_length += (size_t) n;
    }

    assert_int_equal(got_length, sent_length);
    assert_memory_equal(got, sent, sent_length);

    close(fds[0]);
    close(fds[1]);
    free(value);
    free(sent);
    free(got);
}


static void
nothing_is_torn(void **state)
{
    (void) state;
    assert_nothing_is_torn(add_and_write);
    assert_nothing_is_torn(send_whole);
    assert_nothing_is_torn(send_with_tail);
}


/* One that waits behind nothing, to one who reads. */
static void
pictures_are_not_kept(void **state)
{
    vsw_redis_output_t output = { .first = NULL };
    size_t             length = 50000;
    char              *value = calloc(1, length), *got = malloc(length + 64);
    vstream_slice_t    argv[2] = { VSTREAM_SLICE("SET"), { value, length } };
    int                fds[2];

    (void) state;
    assert_true(value != NULL && got != NULL);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds),
                     0);

    assert_int_equal(send_whole(&output, fds[0], argv), VSTREAM_OK);
    assert_int_equal(output.unsent, 0);
    assert_null(output.first);
    assert_int_equal(read(fds[1], got, length + 64), 4 + 9 + 8 + length + 2);
    assert_memory_equal(got, "*2\r\n$3\r\nSET\r\n$50000\r\n", 21);

    /* whoever is gone is noticed when it is written again */
    close(fds[1]);
    assert_int_equal(send_whole(&output, fds[0], argv), VSTREAM_OK);
    assert_int_equal(output.unsent, 4 + 9 + 8 + length + 2);
    assert_int_not_equal(vsw_redis_output_write(&output, fds[0]), 0);

    vsw_redis_output_clear(&output);
    close(fds[0]);
    free(value);
    free(got);
}


/* As TLS writes: records of any length, taken off the oldest bytes. */
static void
bytes_are_taken_one_by_one(void **state)
{
    vsw_redis_output_t output = { .first = NULL };
    vstream_slice_t    argv[1], oldest;
    char              *value = calloc(1, 100000);
    char               got[8];
    size_t             n = 0;

    (void) state;
    assert_non_null(value);
    assert_int_equal(vsw_redis_output_oldest(&output).length, 0);

    argv[0] = VSTREAM_SLICE("PING");
    assert_int_equal(vsw_redis_output_add(&output, argv, 1, NULL), VSTREAM_OK);
    argv[0] = (vstream_slice_t) { value, 100000 };
    assert_int_equal(vsw_redis_output_add(&output, argv, 1, NULL), VSTREAM_OK);

    while ((oldest = vsw_redis_output_oldest(&output)).length > 0) {
        if (n < sizeof(got)) {
            got[n] = oldest.data[0];
        }
        vsw_redis_output_written(&output, 1);
        n++;
    }

    assert_memory_equal(got, "*1\r\n$4\r\n", sizeof(got));
    assert_int_equal(n, 14 + 4 + 9 + 100000 + 2);
    assert_int_equal(output.unsent, 0);
    assert_null(output.first);
    assert_null(output.last);
    free(value);
}


static void
unsent_bytes_are_bounded(void **state)
{
    vsw_redis_output_t output = { .first = NULL };
    vstream_slice_t    argv[1];
    char              *value = calloc(1, 1 << 20);
    size_t             added = 0;

    (void) state;
    assert_non_null(value);
    argv[0] = (vstream_slice_t) { value, 1 << 20 };

    while (vsw_redis_output_add(&output, argv, 1, NULL) == VSTREAM_OK) {
        added++;
    }

    assert_int_equal(added, 15); /* and what RESP itself takes */
    assert_in_range(output.unsent, 15u << 20, VSW_REDIS_OUTPUT_MAX);
    assert_int_equal(vsw_redis_output_add(&output, argv, 1, NULL),
                     VSTREAM_AGAIN);
    vsw_redis_output_clear(&output);
    assert_int_equal(vsw_redis_output_add(&output, argv, 1, NULL), VSTREAM_OK);
    vsw_redis_output_clear(&output);
    free(value);
}


int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_have_the_form_of_resp),
        cmocka_unit_test(nothing_is_torn),
        cmocka_unit_test(pictures_are_not_kept),
        cmocka_unit_test(bytes_are_taken_one_by_one),
        cmocka_unit_test(unsent_bytes_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
