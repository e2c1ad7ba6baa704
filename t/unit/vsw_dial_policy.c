/*
 * Where a camera process may connect to, in all the forms that an address can
 * take, at the edges of every network.
 */

#include "unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "vsw_dial_policy.h"

static vsw_dial_policy_t none;


static bool
asks(bool (*question)(const vsw_dial_policy_t *, const struct sockaddr *,
                      socklen_t),
     const vsw_dial_policy_t *policy, const char *text)
{
    struct sockaddr_in  v4 = { .sin_family = AF_INET };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };

    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
        return question(policy, (struct sockaddr *) &v4, sizeof(v4));
    }

    assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);

    return question(policy, (struct sockaddr *) &v6, sizeof(v6));
}


static bool
may_dial(const vsw_dial_policy_t *policy, const char *text)
{
    return asks(vsw_dial_is_allowed, policy, text);
}


static void
test_allowed(void **state)
{
    size_t             i;
    static const char *addresses[] = {
        "1.0.0.0",        "10.1.2.3",        "126.255.255.255",
        "128.0.0.0",      "169.253.255.255", "169.255.0.0",
        "172.16.0.1",     "192.168.0.1",     "223.255.255.255",
        "2001:db8::1",    "fd00::1",         "fc00::1",
        "fe00::1",        "::ffff:10.0.0.1", "64:ff9b::10.0.0.1",
        "2002:0a00:1::1", "2000::",
    };

    (void) state;

    for (i = 0; i < UNIT_COUNT(addresses); i++) {
        if (!may_dial(&none, addresses[i])) {
            fail_msg("%s is refused", addresses[i]);
        }
    }
}


static void
test_refused(void **state)
{
    size_t             i;
    static const char *addresses[] = {
        "0.0.0.0",
        "0.255.255.255",
        "127.0.0.0",
        "127.0.0.1",
        "127.255.255.255",
        "169.254.0.0",
        "169.254.169.254",
        "169.254.255.255",
        "192.0.0.1",
        "224.0.0.0",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::",
        "fe80::1",
        "febf:ffff::1",
        "fec0::1",
        "feff::1",
        "ff00::",
        "ff02::1",
        /* IPv4 inside IPv6 */
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:0.0.0.0",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::169.254.169.254",
        "64:ff9b:1::127.0.0.1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "2001:0:1:2:3:4:80ff:fffe",
        "::ffff:0:127.0.0.1",
    };

    (void) state;

    for (i = 0; i < UNIT_COUNT(addresses); i++) {
        if (may_dial(&none, addresses[i])) {
            fail_msg("%s is allowed", addresses[i]);
        }
    }
}


static void
test_other_families(void **state)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "/x" };
    struct sockaddr    unspecified = { .sa_family = AF_UNSPEC };
    struct sockaddr_in v4 = { .sin_family = AF_INET };

    (void) state;

    v4.sin_addr.s_addr = htonl(0x0a000001);

    assert_false(
        vsw_dial_is_allowed(&none, (struct sockaddr *) &un, sizeof(un)));
    assert_false(vsw_dial_is_allowed(&none, &unspecified, sizeof(unspecified)));
    assert_true(
        vsw_dial_is_allowed(&none, (struct sockaddr *) &v4, sizeof(v4)));
    assert_false(
        vsw_dial_is_allowed(&none, (struct sockaddr *) &v4, sizeof(v4) - 1));
    assert_false(vsw_dial_is_allowed(&none, (struct sockaddr *) &v4, 1));
    assert_false(vsw_dial_is_allowed(&none, (struct sockaddr *) &v4, 0));
}


static void
test_allow(void **state)
{
    vsw_dial_policy_t p = { .count = 3 };

    (void) state;

    assert_int_equal(vsw_network_read(&p.allowed[0], "127.0.0.2/32"), 0);
    assert_int_equal(vsw_network_read(&p.allowed[1], "169.254.8.0/21"), 0);
    assert_int_equal(vsw_network_read(&p.allowed[2], "fe80::/64"), 0);

    assert_true(may_dial(&p, "127.0.0.2"));
    assert_false(may_dial(&p, "127.0.0.1"));
    assert_false(may_dial(&p, "127.0.0.3"));
    assert_true(may_dial(&p, "::ffff:127.0.0.2"));
    assert_true(may_dial(&p, "64:ff9b::127.0.0.2"));
    assert_false(may_dial(&p, "64:ff9b::127.0.0.1"));

    assert_false(may_dial(&p, "169.254.7.255"));
    assert_true(may_dial(&p, "169.254.8.0"));
    assert_true(may_dial(&p, "169.254.15.255"));
    assert_false(may_dial(&p, "169.254.16.0"));

    assert_true(may_dial(&p, "fe80::1"));
    assert_false(may_dial(&p, "fe80:0:0:1::1"));
}


static void
test_network_texts(void **state)
{
    size_t             i;
    vsw_network_t      n;
    static const char *wrong[] = {
        "",
        "/",
        "127.0.0.1/",
        "127.0.0.1/33",
        "::1/129",
        "127.1/8",
        "0x7f.0.0.1",
        "127.0.0.1/8 ",
        "127.0.0.1/-1",
        "127.0.0.1/+8",
        "127.0.0.1/99999999999999999999",
        "localhost",
        "127.0.0.0/8/8",
        "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd/128",
    };

    (void) state;

    for (i = 0; i < UNIT_COUNT(wrong); i++) {
        if (vsw_network_read(&n, wrong[i]) == VSTREAM_OK) {
            fail_msg("\"%s\" is taken", wrong[i]);
        }
    }

    assert_int_equal(vsw_network_read(&n, "10.0.0.0/8"), 0);
    assert_int_equal(n.bits, 104);
    assert_int_equal(vsw_network_read(&n, "10.0.0.1"), 0);
    assert_int_equal(n.bits, 128);
    assert_int_equal(vsw_network_read(&n, "::/0"), 0);
    assert_int_equal(n.bits, 0);
}


static void
test_bind(void **state)
{
    (void) state;

    assert_true(asks(vsw_bind_is_allowed, &none, "0.0.0.0"));
    assert_true(asks(vsw_bind_is_allowed, &none, "::"));
    assert_true(asks(vsw_bind_is_allowed, &none, "10.0.0.1"));
    assert_false(asks(vsw_bind_is_allowed, &none, "127.0.0.1"));
    assert_false(asks(vsw_bind_is_allowed, &none, "239.0.0.1"));
}


static bool
listens(const char *entry, const char *address, uint16_t port)
{
    vsw_listen_t listen;

    assert_int_equal(vsw_listen_read(&listen, entry), VSTREAM_OK);

    return vsw_listen_covers(&listen, address, port);
}


static void
test_listens(void **state)
{
    (void) state;

    assert_true(listens("192.0.2.1:9000", "192.0.2.1", 9000));
    assert_false(listens("192.0.2.1:9000", "192.0.2.1", 9001));
    assert_false(listens("192.0.2.1:9000", "192.0.2.2", 9000));
    assert_false(listens("192.0.2.1:9000", "0.0.0.0", 9000));
    assert_true(listens("192.0.2.1:9000-9002", "192.0.2.1", 9000));
    assert_true(listens("192.0.2.1:9000-9002", "192.0.2.1", 9002));
    assert_false(listens("192.0.2.1:9000-9002", "192.0.2.1", 8999));
    assert_false(listens("192.0.2.1:9000-9002", "192.0.2.1", 9003));
    assert_true(listens("[2001:db8::1]:1-65535", "2001:db8::1", 65535));
    assert_true(listens("0.0.0.0:9000", "0.0.0.0", 9000));
    assert_true(listens("0.0.0.0:9000", "192.0.2.1", 9000));
    assert_false(listens("0.0.0.0:9000", "239.0.0.1", 9000));
    assert_false(listens("0.0.0.0:9000", "::", 9000));
    assert_true(listens("[::]:9000", "::", 9000));
    assert_true(listens("[::]:9000", "2001:db8::1", 9000));
    assert_false(listens("[::]:9000", "ff02::1", 9000));
    assert_true(listens("239.0.0.1:9000", "239.0.0.1", 9000));
    assert_false(listens("0.0.0.0:9000", "camera", 9000));
    assert_false(listens("0.0.0.0:9000", "192.0.2.0/24", 9000));
}


static void
test_listen_texts(void **state)
{
    size_t             i;
    vsw_listen_t       listen;
    static const char *wrong[] = {
        "",
        ":",
        "9000",
        ":9000",
        "192.0.2.1",
        "192.0.2.1:",
        "192.0.2.1:0",
        "192.0.2.1:01",
        "192.0.2.1:65536",
        "192.0.2.1:9000-",
        "192.0.2.1:9000-65536",
        "192.0.2.1:9001-9000",
        "192.0.2.1:9000-9001-9002",
        "192.0.2.1:9000 ",
        "192.0.2.0/24:9000",
        "host:9000",
        "::1:9000",
        "[::1:9000",
        "[]:9000",
        "[::1]9000",
        "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:1",
    };

    (void) state;

    for (i = 0; i < UNIT_COUNT(wrong); i++) {
        if (vsw_listen_read(&listen, wrong[i]) == VSTREAM_OK) {
            fail_msg("\"%s\" is taken", wrong[i]);
        }
    }
}


static void
test_listening(void **state)
{
    vsw_dial_policy_t  p = { .listens_count = 1 };
    struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(9000) };

    (void) state;

    assert_int_equal(vsw_listen_read(&p.listens[0], "0.0.0.0:9000-9001"), 0);
    assert_true(vsw_listen_is_allowed(&p, (struct sockaddr *) &v4, sizeof(v4)));
    v4.sin_port = htons(9002);
    assert_false(
        vsw_listen_is_allowed(&p, (struct sockaddr *) &v4, sizeof(v4)));
    v4.sin_port = 0;
    assert_false(
        vsw_listen_is_allowed(&p, (struct sockaddr *) &v4, sizeof(v4)));
    assert_false(asks(vsw_listen_is_allowed, &p, "::"));

    p.listens_count = 0;
    v4.sin_port = htons(9000);
    assert_false(
        vsw_listen_is_allowed(&p, (struct sockaddr *) &v4, sizeof(v4)));
}


int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allowed),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_other_families),
        cmocka_unit_test(test_allow),
        cmocka_unit_test(test_network_texts),
        cmocka_unit_test(test_bind),
        cmocka_unit_test(test_listens),
        cmocka_unit_test(test_listen_texts),
        cmocka_unit_test(test_listening),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
