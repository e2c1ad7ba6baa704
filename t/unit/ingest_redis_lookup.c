/*
 * Addresses of a host: an address at once, a name when it is known.
 */

#include "unit.h"

#include "vsw_redis_lookup.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <unistd.h>


/* Asks until there is an answer, as a loop does. */
static const struct addrinfo *
wait_for(vsw_redis_lookup_t *lookup, const char *host, const char **error)
{
    const struct addrinfo *list;
    int                    i;

    for (i = 0; i < 3000; i++) {
        list = vsw_redis_lookup_get(lookup, host, 6379, error);

        if (list != NULL || *error != NULL) {
            return list;
        }
        usleep(10000);
    }

    return NULL;
}


static void
an_address_is_there_at_once(void **state)
{
    vsw_redis_lookup_t        lookup = { .list = NULL };
    const struct addrinfo    *list;
    const struct sockaddr_in *address;
    const char               *error;

    (void) state;
    list = vsw_redis_lookup_get(&lookup, "127.0.0.9", 6379, &error);
    assert_non_null(list);
    assert_int_equal(list->ai_family, AF_INET);

    address = (const struct sockaddr_in *) (const void *) list->ai_addr;
    assert_int_equal(ntohl(address->sin_addr.s_addr), 0x7f000009);
    assert_int_equal(ntohs(address->sin_port), 6379);

    vsw_redis_lookup_again(&lookup, "127.0.0.9", 6379);
    assert_null(lookup.question);
    vsw_redis_lookup_clear(&lookup);
}


static void
a_name_is_kept_while_it_is_asked_again(void **state)
{
    vsw_redis_lookup_t     lookup = { .list = NULL };
    const struct addrinfo *list;
    const char            *error;

    (void) state;
    assert_null(vsw_redis_lookup_get(&lookup, "localhost", 6379, &error));
    assert_null(error);

    list = wait_for(&lookup, "localhost", &error);
    assert_non_null(list);

    vsw_redis_lookup_again(&lookup, "localhost", 6379);
    assert_non_null(lookup.question);
    assert_non_null(vsw_redis_lookup_get(&lookup, "localhost", 6379, &error));

    vsw_redis_lookup_clear(&lookup);
    assert_null(lookup.question);
}


static void
an_unknown_name_is_told_and_asked_again(void **state)
{
    vsw_redis_lookup_t lookup = { .list = NULL };
    const char        *error;
    int                i;

    (void) state;

    for (i = 0; i < 2; i++) {
        assert_null(wait_for(&lookup, "not a name", &error));
        assert_non_null(error);
    }

    vsw_redis_lookup_clear(&lookup);
}


int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_is_there_at_once),
        cmocka_unit_test(a_name_is_kept_while_it_is_asked_again),
        cmocka_unit_test(an_unknown_name_is_told_and_asked_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
