/*
 * Commands to Redis, one a line, its arguments divided by tabs: hiredis, whose
 * reader knows nothing of our writer, reads from the socket what was written.
 * An argument may hold anything; the last one may come in two pieces.
 */

#include "fuzz.h"

#include <hiredis/hiredis.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vsw_redis_output.h"

#define ARGS_MAX 16


/* Cuts a line into arguments. */
static size_t
split(vstream_slice_t line, vstream_slice_t argv[ARGS_MAX])
{
    size_t      n = 0;
    const char *tab;

    do {
        tab = line.length ? memchr(line.data, '\t', line.length) : NULL;
        argv[n] = line;

        if (tab != NULL && n + 1 < ARGS_MAX) {
            argv[n].length = (size_t) (tab - line.data);
            line.length -= argv[n].length + 1;
            line.data = tab + 1;
        }

        n++;
    } while (tab != NULL && n < ARGS_MAX);

    return n;
}


static void
add(vsw_redis_output_t *output, const vstream_slice_t *argv, size_t argc)
{
    vstream_slice_t pieces[ARGS_MAX], tail = argv[argc - 1];
    size_t          half = tail.length / 2;
    int             rc;

    if (argc % 2 == 0) {
        rc = vsw_redis_output_add(output, argv, argc, NULL);

    } else {
        memcpy(pieces, argv, argc * sizeof(*argv));
        pieces[argc - 1].length = half;
        tail.data += half;
        tail.length -= half;
        rc = vsw_redis_output_add(output, pieces, argc, &tail);
    }

    fuzz_check(rc == VSTREAM_OK);
}


static void
check_command(redisReader *reader, const vstream_slice_t *argv, size_t argc)
{
    size_t      i;
    void       *object = NULL;
    redisReply *reply;

    fuzz_check(redisReaderGetReply(reader, &object) == REDIS_OK);
    reply = object;
    fuzz_check(reply != NULL && reply->type == REDIS_REPLY_ARRAY);
    fuzz_check(reply->elements == argc);

    for (i = 0; i < argc; i++) {
        fuzz_check(reply->element[i]->type == REDIS_REPLY_STRING);
        fuzz_check(
            fuzz_equals((vstream_slice_t) { reply->element[i]->str,
                                            (size_t) reply->element[i]->len },
                        argv[i]));
    }

    freeReplyObject(reply);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int                fds[2];
    char               bytes[4096];
    size_t             argc, rest = size;
    ssize_t            n;
    redisReader       *reader = redisReaderCreate();
    const uint8_t     *p = data;
    vstream_slice_t    argv[ARGS_MAX];
    vsw_redis_output_t output = { .first = NULL };

    fuzz_check(reader != NULL);
    fuzz_check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);

    while (rest > 0) {
        argc = split(fuzz_line(&p, &rest), argv);
        add(&output, argv, argc);
    }

    do {
        fuzz_check(vsw_redis_output_write(&output, fds[0]) == 0);

        while ((n = read(fds[1], bytes, sizeof(bytes))) > 0) {
            fuzz_check(redisReaderFeed(reader, bytes, (size_t) n) == REDIS_OK);
        }
    } while (output.unsent > 0);

    fuzz_check(output.first == NULL);

    for (p = data, rest = size; rest > 0; /* void */) {
        argc = split(fuzz_line(&p, &rest), argv);
        check_command(reader, argv, argc);
    }

    fuzz_check(reader->len == reader->pos);
    vsw_redis_output_clear(&output);
    redisReaderFree(reader);
    close(fds[0]);
    close(fds[1]);

    return 0;
}
