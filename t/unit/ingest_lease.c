/*
 * A lease whose answers get lost, by a Redis of our own.
 */

#include "unit.h"

#include "vsw_lease.h"
#include "vstream_schema.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>


static struct ev_loop *loop;
static int             server;
static unsigned        held;


static void
on_held(void *data)
{
    (void) data;
    held++;
}


static void
on_lost(void *data, const char *why)
{
    (void) data;
    (void) why;
    fail();
}


static void
on_status(void *data, vsw_args_t *args)
{
    (void) data;
    (void) args;
}


/* Lets the client run until it has sent a command, and answers it. */
static void
answer(int fd, const char *command, const char *reply)
{
    char    bytes[16384];
    ssize_t n = -1;

    while (n <= 0) {
        ev_run(loop, EVRUN_ONCE);
        n = recv(fd, bytes, sizeof(bytes) - 1, MSG_DONTWAIT);
    }

    bytes[n] = '\0';
    assert_non_null(strstr(bytes, command));
    assert_int_equal(write(fd, reply, strlen(reply)), strlen(reply));
}


static int
connected(vsw_redis_t *redis)
{
    int fd;

    do {
        ev_run(loop, EVRUN_ONCE);
        fd = accept4(server, NULL, NULL, SOCK_NONBLOCK);
    } while (fd == -1);

    answer(fd, "HELLO", "*2\r\n$7\r\nversion\r\n$5\r\n7.0.0\r\n+PONG\r\n");
    while (!vsw_redis_is_up(redis)) {
        ev_run(loop, EVRUN_ONCE);
    }

    return fd;
}


static vsw_redis_t *
redis_create(void)
{
    static const vsw_redis_handlers_t none;
    vsw_redis_options_t               options = { .name = "lease" };
    struct sockaddr_un                address = { .sun_family = AF_UNIX };

    snprintf(address.sun_path, sizeof(address.sun_path),
             "/tmp/vstream-lease-%d", (int) getpid());
    snprintf(options.address.path, sizeof(options.address.path), "%s",
             address.sun_path);

    server = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(
        bind(server, (struct sockaddr *) &address, sizeof(address)), 0);
    assert_int_equal(listen(server, 4), 0);
    loop = ev_loop_new(EVFLAG_NOENV);

    return vsw_redis_create(loop, &options, &none, NULL);
}


static void
an_epoch_that_was_not_learnt_is_not_used(void **state)
{
    static const vsw_lease_handlers_t handlers = { .held = on_held,
                                                   .lost = on_lost,
                                                   .status = on_status };

    vsw_redis_t       *redis = redis_create();
    vsw_lease_office_t office = { .redis = redis,
                                  .prefix = VSTREAM_SLICE("vs"),
                                  .owner = "one" };
    vsw_lease_t        lease;
    char               path[64];
    int                fd;

    (void) state;
    vsw_lease_init(&lease, &office, &handlers, NULL, "door");
    fd = connected(redis);
    lease.state = VSW_LEASE_SUSPENDED;
    lease.epoch = 5;

    /* It has run out; the answer to the take is lost. */
    vsw_lease_renew(&lease);
    answer(fd, "door", ":0\r\n");
    answer(fd, "door", "");
    close(fd);
    fd = connected(redis);

    /* Redis says that it is ours: that take has succeeded. */
    vsw_lease_renew(&lease);
    answer(fd, "door", ":1\r\n");
    answer(fd, "door", ":1\r\n$1\r\n9\r\n");
    while (lease.state != VSW_LEASE_HELD) {
        ev_run(loop, EVRUN_ONCE);
    }

    assert_int_equal(lease.epoch, 9);
    assert_int_equal(held, 1);

    vsw_lease_close(&lease);
    vsw_redis_destroy(redis);
    ev_loop_destroy(loop);
    close(fd);
    close(server);
    snprintf(path, sizeof(path), "/tmp/vstream-lease-%d", (int) getpid());
    unlink(path);
}


int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_epoch_that_was_not_learnt_is_not_used),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
