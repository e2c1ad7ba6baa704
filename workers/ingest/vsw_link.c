/*
 * The link: length-framed messages over a SOCK_STREAM pair.
 *
 * A message is a header (type, payload length) and its payload.  Input is
 * gathered in one buffer that grows to the message in hand and no further
 * than the largest message there is.  Output goes straight to the socket;
 * what the socket does not take waits in a second buffer: at most the rest of
 * one FRAME or VALUE, then small messages of VSW_LINK_QUEUE_MAX bytes together.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "vsw_link.h"

#define VSW_LINK_QUEUE_MAX (64 * 1024)
#define VSW_LINK_INPUT_MIN (16 * 1024)

/* Buffers larger than this are given back once they are empty. */
#define VSW_LINK_KEEP_MAX (1024 * 1024)


typedef struct {
    uint32_t type;
    uint32_t length;
} vsw_link_header_t;

typedef struct {
    uint8_t *data;
    size_t   capacity;
    size_t   start; /* what lies before has been used up */
    size_t   end;
} vsw_link_buffer_t;

struct vsw_link_s {
    int               fd;
    bool              failed;     /* sticky */
    bool              is_drained; /* less than asked for was received */
    size_t            handed_out; /* bytes of in that the caller still reads */
    size_t            large_rest; /* bytes of out of a FRAME or VALUE */
    vsw_link_buffer_t in;
    vsw_link_buffer_t out; /* what is left of those, if any, stands first */
};


/* The lengths that a payload of this type may have; false: no such type. */
static bool
vsw_link_type_bounds(uint32_t type, size_t *least, size_t *most)
{
    switch (type) {
    case VSW_LINK_CONFIGURE:
    case VSW_LINK_STREAM:
    case VSW_LINK_FAILED:
    case VSW_LINK_LOG:
    case VSW_LINK_SUBSTREAM:
        *least = 2;
        *most = VSW_LINK_JSON_MAX;
        return true;

    case VSW_LINK_WATCHED:
        *least = *most = sizeof(vsw_link_watched_t);
        return true;

    case VSW_LINK_COUNTS:
        *least = *most = sizeof(vsw_link_counts_t);
        return true;

    case VSW_LINK_FRAME:
        *least = sizeof(vsw_link_frame_t) + 1;
        *most = VSW_LINK_PAYLOAD_MAX;
        return true;

    case VSW_LINK_VALUE:
        *least = sizeof(vsw_link_value_t) + 1;
        *most = sizeof(vsw_link_value_t) + VSW_LINK_VALUE_MAX;
        return true;
    }

    return false;
}


/* Those that are not queued. */
static bool
vsw_link_is_large(vsw_link_type_t type)
{
    return type == VSW_LINK_FRAME || type == VSW_LINK_VALUE;
}


static bool
vsw_link_length_is_right(uint32_t type, size_t length)
{
    size_t least, most;

    return vsw_link_type_bounds(type, &least, &most) && length >= least
           && length <= most;
}


/* Makes room for `more` bytes after the end. */
static int
vsw_link_buffer_reserve(vsw_link_buffer_t *b, size_t more)
{
    size_t   held = b->end - b->start;
    size_t   capacity;
    uint8_t *data;

    if (b->capacity - b->end >= more) {
        return VSTREAM_OK;
    }

    if (b->start > 0) {
        memmove(b->data, b->data + b->start, held);
        b->start = 0;
        b->end = held;
    }

    if (b->capacity - held >= more) {
        return VSTREAM_OK;
    }

    capacity = held + more;
    data = realloc(b->data, capacity);
    if (data == NULL) {
        return VSTREAM_ERROR;
    }

    b->data = data;
    b->capacity = capacity;

    return VSTREAM_OK;
}


/* Drops `n` bytes at the start; an empty buffer begins anew. */
static void
vsw_link_buffer_consume(vsw_link_buffer_t *b, size_t n)
{
    b->start += n;

    if (b->start < b->end) {
        return;
    }

    b->start = 0;
    b->end = 0;

    if (b->capacity > VSW_LINK_KEEP_MAX) {
        free(b->data);
        b->data = NULL;
        b->capacity = 0;
    }
}


vsw_link_t *
vsw_link_create(int fd)
{
    int         flags;
    vsw_link_t *link;

    flags = fcntl(fd, F_GETFL);
    if (flags == -1 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1) {
        return NULL;
    }

    link = calloc(1, sizeof(*link));
    if (link == NULL) {
        return NULL;
    }

    link->fd = fd;

    return link;
}


void
vsw_link_destroy(vsw_link_t *link)
{
    if (link == NULL) {
        return;
    }

    close(link->fd);
    free(link->in.data);
    free(link->out.data);
    free(link);
}


int
vsw_link_fd(const vsw_link_t *link)
{
    return link->fd;
}


static int
vsw_link_fail(vsw_link_t *link)
{
    link->failed = true;

    return VSTREAM_ERROR;
}


/*
 * Looks for a whole message at the start of the input.  VSTREAM_AGAIN: *need
 * more bytes at least.
 */
static int
vsw_link_message_parse(vsw_link_t *link, vsw_link_message_t *message,
                       size_t *need)
{
    size_t            held = link->in.end - link->in.start;
    vsw_link_header_t header;

    if (held < sizeof(header)) {
        *need = sizeof(header) - held;
        return VSTREAM_AGAIN;
    }

    memcpy(&header, link->in.data + link->in.start, sizeof(header));

    if (!vsw_link_length_is_right(header.type, header.length)) {
        return VSTREAM_ERROR;
    }

    if (held < sizeof(header) + header.length) {
        *need = sizeof(header) + header.length - held;
        return VSTREAM_AGAIN;
    }

    message->type = (vsw_link_type_t) header.type;
    message->payload = link->in.data + link->in.start + sizeof(header);
    message->length = header.length;
    link->handed_out = sizeof(header) + header.length;

    return VSTREAM_OK;
}


/* Receives once.  VSTREAM_OK: something came. */
static int
vsw_link_receive(vsw_link_t *link, size_t need)
{
    ssize_t            n;
    vsw_link_buffer_t *b = &link->in;

    if (need < VSW_LINK_INPUT_MIN && b->capacity - b->end < need) {
        need = VSW_LINK_INPUT_MIN;
    }

    if (vsw_link_buffer_reserve(b, need) != VSTREAM_OK) {
        return VSTREAM_ERROR;
    }

    do {
        n = recv(link->fd, b->data + b->end, b->capacity - b->end, 0);
    } while (n == -1 && errno == EINTR);

    if (n > 0) {
        link->is_drained = (size_t) n < b->capacity - b->end;
        b->end += (size_t) n;
        return VSTREAM_OK;
    }

    if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        return VSTREAM_AGAIN;
    }

    return VSTREAM_ERROR;
}


int
vsw_link_read(vsw_link_t *link, vsw_link_message_t *message)
{
    int    rc;
    size_t need = 0;

    if (link->failed) {
        return VSTREAM_ERROR;
    }

    vsw_link_buffer_consume(&link->in, link->handed_out);
    link->handed_out = 0;

    for (;;) {
        rc = vsw_link_message_parse(link, message, &need);

        if (rc == VSTREAM_OK) {
            return VSTREAM_OK;
        }

        if (rc == VSTREAM_AGAIN) {
            rc = vsw_link_receive(link, need);
        }

        if (rc == VSTREAM_AGAIN) {
            return VSTREAM_AGAIN;
        }

        if (rc == VSTREAM_ERROR) {
            return vsw_link_fail(link);
        }
    }
}


bool
vsw_link_may_have_more(const vsw_link_t *link)
{
    return !link->is_drained
           || link->in.end - link->in.start > link->handed_out;
}


int
vsw_link_flush(vsw_link_t *link)
{
    size_t             sent;
    ssize_t            n;
    vsw_link_buffer_t *b = &link->out;

    while (!link->failed && b->start < b->end) {
        n = send(link->fd, b->data + b->start, b->end - b->start, MSG_NOSIGNAL);

        if (n == -1 && errno == EINTR) {
            continue;
        }

        if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            return VSTREAM_AGAIN;
        }

        if (n <= 0) {
            return vsw_link_fail(link);
        }

        sent = (size_t) n;
        link->large_rest -= sent < link->large_rest ? sent : link->large_rest;
        vsw_link_buffer_consume(b, sent);
    }

    return link->failed ? VSTREAM_ERROR : VSTREAM_OK;
}


bool
vsw_link_is_pending(const vsw_link_t *link)
{
    return link->out.start < link->out.end;
}


/* Sends what the socket takes at once; its size in *sent. */
static int
vsw_link_send(vsw_link_t *link, struct iovec *parts, size_t count, size_t *sent)
{
    ssize_t       n;
    struct msghdr msg;

    memset(&msg, 0, sizeof(msg));
    msg.msg_iov = parts;
    msg.msg_iovlen = count;

    do {
        n = sendmsg(link->fd, &msg, MSG_NOSIGNAL);
    } while (n == -1 && errno == EINTR);

    if (n >= 0) {
        *sent = (size_t) n;
        return VSTREAM_OK;
    }

    *sent = 0;

    return errno == EAGAIN || errno == EWOULDBLOCK ? VSTREAM_OK : VSTREAM_ERROR;
}


/* Keeps what follows the first `sent` bytes of `parts` for later. */
static int
vsw_link_keep(vsw_link_t *link, const struct iovec *parts, size_t count,
              size_t sent, size_t rest)
{
    size_t             i, skip;
    vsw_link_buffer_t *b = &link->out;

    if (vsw_link_buffer_reserve(b, rest) != VSTREAM_OK) {
        return VSTREAM_ERROR;
    }

    for (i = 0; i < count; i++) {
        skip = sent < parts[i].iov_len ? sent : parts[i].iov_len;
        sent -= skip;

        if (skip < parts[i].iov_len) {
            memcpy(b->data + b->end, (const char *) parts[i].iov_base + skip,
                   parts[i].iov_len - skip);
            b->end += parts[i].iov_len - skip;
        }
    }

    return VSTREAM_OK;
}


/* May a message of `size` bytes be taken now? */
static bool
vsw_link_has_room(const vsw_link_t *link, vsw_link_type_t type, size_t size)
{
    size_t pending = link->out.end - link->out.start;

    if (vsw_link_is_large(type)) {
        return pending == 0;
    }

    return pending - link->large_rest + size <= VSW_LINK_QUEUE_MAX;
}


int
vsw_link_write(vsw_link_t *link, vsw_link_type_t type, const void *head,
               size_t head_length, const void *tail, size_t tail_length)
{
    size_t            size, sent = 0;
    struct iovec      parts[3];
    vsw_link_header_t header;

    if (vsw_link_flush(link) == VSTREAM_ERROR) {
        return VSTREAM_ERROR;
    }

    if (head_length > VSW_LINK_VALUE_MAX || tail_length > VSW_LINK_VALUE_MAX
        || !vsw_link_length_is_right(type, head_length + tail_length))
    {
        return VSTREAM_AGAIN;
    }

    size = sizeof(header) + head_length + tail_length;
    if (!vsw_link_has_room(link, type, size)) {
        return VSTREAM_AGAIN;
    }

    header.type = type;
    header.length = (uint32_t) (head_length + tail_length);
    parts[0] = (struct iovec) { &header, sizeof(header) };
    parts[1] = (struct iovec) { (void *) head, head_length };
    parts[2] = (struct iovec) { (void *) tail, tail_length };

    if (!vsw_link_is_pending(link)
        && vsw_link_send(link, parts, 3, &sent) != VSTREAM_OK)
    {
        return vsw_link_fail(link);
    }

    if (sent < size
        && vsw_link_keep(link, parts, 3, sent, size - sent) != VSTREAM_OK)
    {
        return vsw_link_fail(link);
    }

    if (vsw_link_is_large(type)) {
        link->large_rest = size - sent;
    }

    return VSTREAM_OK;
}
