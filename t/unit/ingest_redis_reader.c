/*
 * Replies of a Redis that announces more than it may: refused before there is
 * room for them, however they are nested; the bound itself is still read.
 */

#include "unit.h"

#include "vsw_redis_reader.h"

#include <stdio.h>


/* Feeds `text`; the reply, or NULL where the reader has failed. */
static redisReply *
reads(redisReader *reader, const char *text)
{
    void *reply = NULL;

    assert_int_equal(redisReaderFeed(reader, text, strlen(text)), REDIS_OK);

    return redisReaderGetReply(reader, &reply) == REDIS_OK ? reply : NULL;
}


static void
an_announcement_that_is_too_large(void **state)
{
    static const char *const cases[] = {
        "*32769\r\n",
        "*2147483647\r\n",
        "*2\r\n*16384\r\n",
    };

    redisReader *reader;
    char         nested[64 + 4 * 16384];
    size_t       i, n;

    (void) state;

    for (i = 0; i < 2; i++) {
        reader = vsw_redis_reader_create();
        assert_non_null(reader);
        assert_null(reads(reader, cases[i]));
        assert_int_not_equal(reader->err, 0);
        vsw_redis_reader_destroy(reader);
    }

    /* 2 + 16384 + 16384 */
    n = (size_t) snprintf(nested, sizeof(nested), "%s", cases[2]);

    for (i = 0; i < 16384; i++) {
        memcpy(nested + n, ":1\r\n", 4);
        n += 4;
    }

    snprintf(nested + n, sizeof(nested) - n, "*16384\r\n");
    reader = vsw_redis_reader_create();
    assert_non_null(reader);
    assert_null(reads(reader, nested));
    assert_int_not_equal(reader->err, 0);
    vsw_redis_reader_destroy(reader);
}


/* Twice, since each reply is counted anew. */
static void
the_bound(void **state)
{
    redisReader *reader = vsw_redis_reader_create();
    redisReply  *reply;
    char        *text = malloc(16 + 4 * VSW_REDIS_ELEMENTS_MAX);
    size_t       i, n, turns;

    (void) state;
    assert_non_null(reader);
    assert_non_null(text);

    n = (size_t) snprintf(text, 16, "*%d\r\n", VSW_REDIS_ELEMENTS_MAX);

    for (i = 0; i < VSW_REDIS_ELEMENTS_MAX; i++) {
        memcpy(text + n, ":1\r\n", 4);
        n += 4;
    }

    text[n] = '\0';

    for (turns = 0; turns < 2; turns++) {
        reply = reads(reader, text);
        assert_non_null(reply);
        assert_int_equal(reply->elements, VSW_REDIS_ELEMENTS_MAX);
        freeReplyObject(reply);
    }

    free(text);
    vsw_redis_reader_destroy(reader);
    vsw_redis_reader_destroy(NULL);
}


int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_announcement_that_is_too_large),
        cmocka_unit_test(the_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
