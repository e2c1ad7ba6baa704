/*
 * Output to Redis, see vsw_redis_output.h.
 */

#include "vsw_redis_output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define VSW_REDIS_CHUNK  16384
#define VSW_REDIS_IOV    16
#define VSW_REDIS_NUMBER 24 /* a RESP header: type, number, CRLF */

/* To copy less than this costs less than to send it by itself. */
#define VSW_REDIS_LARGE 16384


struct vsw_redis_chunk_s {
    vsw_redis_chunk_t *next;
    size_t             capacity;
    size_t             used;
    size_t             sent;
    char               data[];
};


static void   vsw_redis_output_pass(vsw_redis_output_t *output,
                                    vsw_redis_chunk_t *chunk, int fd,
                                    vstream_slice_t last);
static size_t vsw_redis_measure(const vstream_slice_t *argv, size_t argc,
                                const vstream_slice_t *tail);
static vsw_redis_chunk_t *vsw_redis_chunk(vsw_redis_output_t *output,
                                          size_t              need);
static vstream_slice_t    vsw_redis_last_piece(const vstream_slice_t *argv,
                                               size_t                 argc,
                                               const vstream_slice_t *tail);
static void               vsw_redis_append_command(vsw_redis_chunk_t     *chunk,
                                                   const vstream_slice_t *argv, size_t argc,
                                                   const vstream_slice_t *tail);
static void               vsw_redis_append_end(vsw_redis_chunk_t *chunk,
                                               vstream_slice_t    last);
static void vsw_redis_append(vsw_redis_chunk_t *chunk, vstream_slice_t bytes);
static void vsw_redis_append_header(vsw_redis_chunk_t *chunk, char type,
                                    size_t number);


int
vsw_redis_output_add(vsw_redis_output_t *output, const vstream_slice_t *argv,
                     size_t argc, const vstream_slice_t *tail)
{
    size_t             before, need;
    vsw_redis_chunk_t *chunk;

    need = vsw_redis_measure(argv, argc, tail);

    if (output->unsent + need > VSW_REDIS_OUTPUT_MAX) {
        return VSTREAM_AGAIN;
    }

    chunk = vsw_redis_chunk(output, need);
    if (chunk == NULL) {
        return VSTREAM_ERROR;
    }

    before = chunk->used;
    vsw_redis_append_command(chunk, argv, argc, tail);
    vsw_redis_append_end(chunk, vsw_redis_last_piece(argv, argc, tail));
    output->unsent += chunk->used - before;

    return VSTREAM_OK;
}


int
vsw_redis_output_send(vsw_redis_output_t *output, int fd,
                      const vstream_slice_t *argv, size_t argc,
                      const vstream_slice_t *tail)
{
    int                rc;
    size_t             need = vsw_redis_measure(argv, argc, tail);
    vstream_slice_t    last = vsw_redis_last_piece(argv, argc, tail);
    vsw_redis_chunk_t *chunk;

    if (output->first != NULL || last.length < VSW_REDIS_LARGE
        || need > VSW_REDIS_OUTPUT_MAX)
    {
        rc = vsw_redis_output_add(output, argv, argc, tail);
        if (rc == VSTREAM_OK) {
            (void) vsw_redis_output_write(output, fd);
        }
        return rc;
    }

    /* with room for all, lest there be none for what is not taken */
    chunk = vsw_redis_chunk(output, need);
    if (chunk == NULL) {
        return VSTREAM_ERROR;
    }

    vsw_redis_append_command(chunk, argv, argc, tail);
    vsw_redis_output_pass(output, chunk, fd, last);

    return VSTREAM_OK;
}


/*
 * Sends the only chunk, which lacks its command's last piece, and that piece;
 * keeps what is not taken.
 */
static void
vsw_redis_output_pass(vsw_redis_output_t *output, vsw_redis_chunk_t *chunk,
                      int fd, vstream_slice_t last)
{
    struct iovec  iov[] = { { chunk->data, chunk->used },
                            { (void *) last.data, last.length },
                            { (void *) "\r\n", 2 } };
    struct msghdr message = { .msg_iov = iov, .msg_iovlen = 3 };
    ssize_t       n = sendmsg(fd, &message, MSG_NOSIGNAL);
    size_t        sent = n > 0 ? (size_t) n : 0;

    output->unsent = chunk->used + last.length + 2;

    if (sent < output->unsent) {
        vsw_redis_append_end(chunk, last);
    } else {
        chunk->used = sent;
    }

    vsw_redis_output_written(output, sent);
}


int
vsw_redis_output_write(vsw_redis_output_t *output, int fd)
{
    vsw_redis_chunk_t *chunk;
    struct iovec       iov[VSW_REDIS_IOV];
    struct msghdr      message = { .msg_iov = iov };
    ssize_t            n;

    for (chunk = output->first;
         chunk != NULL && message.msg_iovlen < VSW_REDIS_IOV;
         chunk = chunk->next)
    {
        iov[message.msg_iovlen].iov_base = chunk->data + chunk->sent;
        iov[message.msg_iovlen++].iov_len = chunk->used - chunk->sent;
    }

    if (message.msg_iovlen == 0) {
        return 0;
    }

    n = sendmsg(fd, &message, MSG_NOSIGNAL);
    if (n == -1) {
        return errno == EAGAIN || errno == EINTR ? 0 : errno;
    }

    vsw_redis_output_written(output, (size_t) n);

    return 0;
}


vstream_slice_t
vsw_redis_output_oldest(const vsw_redis_output_t *output)
{
    const vsw_redis_chunk_t *chunk = output->first;

    if (chunk == NULL) {
        return (vstream_slice_t) { NULL, 0 };
    }

    return (vstream_slice_t) { chunk->data + chunk->sent,
                               chunk->used - chunk->sent };
}


/* A chunk that has gone out whole is freed. */
void
vsw_redis_output_written(vsw_redis_output_t *output, size_t n)
{
    vsw_redis_chunk_t *chunk;

    output->unsent -= n;

    while (n > 0) {
        chunk = output->first;

        if (n < chunk->used - chunk->sent) {
            chunk->sent += n;
            return;
        }

        n -= chunk->used - chunk->sent;
        output->first = chunk->next;
        free(chunk);
    }

    if (output->first == NULL) {
        output->last = NULL;
    }
}


void
vsw_redis_output_clear(vsw_redis_output_t *output)
{
    vsw_redis_chunk_t *chunk;

    while ((chunk = output->first) != NULL) {
        output->first = chunk->next;
        free(chunk);
    }

    output->last = NULL;
    output->unsent = 0;
}


static vstream_slice_t
vsw_redis_last_piece(const vstream_slice_t *argv, size_t argc,
                     const vstream_slice_t *tail)
{
    return tail != NULL ? *tail : argv[argc - 1];
}


/* All but the last piece, and the end of its argument. */
static void
vsw_redis_append_command(vsw_redis_chunk_t *chunk, const vstream_slice_t *argv,
                         size_t argc, const vstream_slice_t *tail)
{
    size_t i;

    vsw_redis_append_header(chunk, '*', argc);

    for (i = 0; i + 1 < argc; i++) {
        vsw_redis_append_header(chunk, '$', argv[i].length);
        vsw_redis_append_end(chunk, argv[i]);
    }

    if (tail == NULL) {
        vsw_redis_append_header(chunk, '$', argv[i].length);
        return;
    }

    vsw_redis_append_header(chunk, '$', argv[i].length + tail->length);
    vsw_redis_append(chunk, argv[i]);
}


static void
vsw_redis_append_end(vsw_redis_chunk_t *chunk, vstream_slice_t last)
{
    vsw_redis_append(chunk, last);
    vsw_redis_append(chunk, VSTREAM_SLICE("\r\n"));
}


/* An upper bound of the command's length. */
static size_t
vsw_redis_measure(const vstream_slice_t *argv, size_t argc,
                  const vstream_slice_t *tail)
{
    size_t i, need = VSW_REDIS_NUMBER;

    for (i = 0; i < argc; i++) {
        need += VSW_REDIS_NUMBER + argv[i].length + 2;
    }

    return need + (tail == NULL ? 0 : tail->length);
}


static vsw_redis_chunk_t *
vsw_redis_chunk(vsw_redis_output_t *output, size_t need)
{
    vsw_redis_chunk_t *chunk = output->last;
    size_t             capacity;

    if (chunk != NULL && chunk->capacity - chunk->used >= need) {
        return chunk;
    }

    capacity = need > VSW_REDIS_CHUNK ? need : VSW_REDIS_CHUNK;

    chunk = malloc(sizeof(*chunk) + capacity);
    if (chunk == NULL) {
        return NULL;
    }

    chunk->next = NULL;
    chunk->capacity = capacity;
    chunk->used = 0;
    chunk->sent = 0;

    if (output->last == NULL) {
        output->first = chunk;
    } else {
        output->last->next = chunk;
    }

    output->last = chunk;

    return chunk;
}


static void
vsw_redis_append(vsw_redis_chunk_t *chunk, vstream_slice_t bytes)
{
    if (bytes.length > 0) {
        memcpy(chunk->data + chunk->used, bytes.data, bytes.length);
        chunk->used += bytes.length;
    }
}


static void
vsw_redis_append_header(vsw_redis_chunk_t *chunk, char type, size_t number)
{
    chunk->used += (size_t) snprintf(chunk->data + chunk->used,
                                     chunk->capacity - chunk->used, "%c%zu\r\n",
                                     type, number);
}
