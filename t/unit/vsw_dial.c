/*
 * The interposed socket calls: each obeys the policy, and a refusal is
 * remembered only until a connect passes.
 */

#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "vsw_dial.h"

static vsw_dial_policy_t policy;


static struct sockaddr_in
loopback(const char *text)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons(16890) };

    assert_int_equal(inet_pton(AF_INET, text, &address.sin_addr), 1);

    return address;
}


/* connect() of a datagram socket: no packet is sent. */
static int
dial(const char *text)
{
    int                rc, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = loopback(text);

    errno = 0;
    rc = connect(fd, (struct sockaddr *) &address, sizeof(address));
    close(fd);

    return rc;
}


static void
test_refusal(void **state)
{
    char text[VSW_DIAL_TEXT_MAX];

    (void) state;

    assert_int_equal(dial("127.0.0.2"), 0);
    assert_false(vsw_dial_has_refused(text));

    assert_int_equal(dial("127.0.0.1"), -1);
    assert_int_equal(errno, EACCES);
    assert_true(vsw_dial_has_refused(text));
    assert_string_equal(text, "127.0.0.1 port 16890");

    assert_int_equal(dial("127.0.0.2"), 0);
    assert_false(vsw_dial_has_refused(text));
}


static void
test_messages(void **state)
{
    int                fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    char               byte = 'x';
    struct iovec       part = { &byte, 1 };
    struct sockaddr_in good = loopback("127.0.0.2");
    struct sockaddr_in bad = loopback("127.0.0.1");
    struct mmsghdr     both[2] = {
            { .msg_hdr = { &good, sizeof(good), &part, 1, NULL, 0, 0 } },
            { .msg_hdr = { &bad, sizeof(bad), &part, 1, NULL, 0, 0 } },
    };

    (void) state;

    assert_int_equal(sendmmsg(fd, both, 1, 0), 1);
    assert_int_equal(sendmmsg(fd, both, 2, 0), -1);
    assert_int_equal(errno, EACCES);
    assert_int_equal(sendmsg(fd, &both[1].msg_hdr, 0), -1);
    assert_int_equal(errno, EACCES);
    assert_int_equal(
        sendto(fd, &byte, 1, 0, (struct sockaddr *) &bad, sizeof(bad)), -1);
    assert_int_equal(errno, EACCES);
    close(fd);
}


/* A name is looked up; afterwards local sockets are refused as before. */
static void
test_lookup(void **state)
{
    int                fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct addrinfo   *found;
    struct sockaddr_un local = { AF_UNIX, "/nothing" };

    (void) state;

    assert_int_equal(getaddrinfo("127.0.0.1", "80", NULL, &found), 0);
    freeaddrinfo(found);

    assert_int_equal(connect(fd, (struct sockaddr *) &local, sizeof(local)),
                     -1);
    assert_int_equal(errno, EACCES);
    close(fd);
}


int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusal),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_lookup),
    };

    if (vsw_network_read(&policy.allowed[policy.count++], "127.0.0.2") != 0) {
        return 1;
    }

    vsw_dial_activate(&policy);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
