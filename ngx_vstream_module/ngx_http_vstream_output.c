/*
 * Output: see ngx_http_vstream_output.h.
 */

#include "ngx_http_vstream_output.h"


/* Lends bytes to the output chain: two pieces, sent by one call. */
static void
ngx_http_vstream_output_lend(ngx_http_vstream_viewer_t *viewer, u_char *first,
                             size_t first_length, u_char *second,
                             size_t second_length)
{
    ngx_uint_t i;

    ngx_memzero(viewer->bufs, sizeof(viewer->bufs));

    viewer->bufs[0].pos = first;
    viewer->bufs[0].last = first + first_length;
    viewer->bufs[1].pos = second;
    viewer->bufs[1].last = second + second_length;

    for (i = 0; i < 2; i++) {
        viewer->bufs[i].memory = 1;
        viewer->chain[i].buf = &viewer->bufs[i];
        viewer->chain[i].next = NULL;
    }

    if (second_length) {
        viewer->bufs[1].flush = 1;
        viewer->chain[0].next = &viewer->chain[1];

    } else {
        viewer->bufs[0].flush = 1;
    }
}


/* Something that has just begun, or not, waits for the socket. */
static ngx_int_t
ngx_http_vstream_output_wait(ngx_http_vstream_viewer_t *viewer,
                             ngx_uint_t                 begun)
{
    ngx_connection_t *c;

    c = viewer->connection;

    if (begun) {
        viewer->deadline = ngx_current_msec + viewer->conf->stall_timeout;

        if ((ngx_msec_int_t) (viewer->timer.timer.key - viewer->deadline) > 0) {
            ngx_add_timer(&viewer->timer, viewer->conf->stall_timeout);
        }
    }

    return ngx_handle_write_event(c->write, 0) == NGX_OK ? NGX_AGAIN
                                                         : NGX_ERROR;
}


/* Through the filters; without a chain, what they hold of the last one. */
static ngx_int_t
ngx_http_vstream_output_filter(ngx_http_vstream_viewer_t *viewer,
                               ngx_chain_t               *chain)
{
    if (ngx_http_output_filter(viewer->request, chain) == NGX_ERROR) {
        return NGX_ERROR;
    }

    viewer->busy = ngx_buf_size(&viewer->bufs[0]) != 0
                   || ngx_buf_size(&viewer->bufs[1]) != 0
                   || viewer->connection->buffered;

    return viewer->busy ? ngx_http_vstream_output_wait(viewer, chain != NULL)
                        : NGX_OK;
}


/*
 * As c->send_chain(), but sendmsg() has less to do than writev(), which looks
 * after positions and locks of files.  What has left; NGX_ERROR.
 */
static ssize_t
ngx_http_vstream_output_send(ngx_connection_t *c, struct iovec *pieces,
                             ngx_uint_t n)
{
    ssize_t       sent;
    ngx_err_t     err;
    struct msghdr message;

    ngx_memzero(&message, sizeof(struct msghdr));
    message.msg_iov = pieces;
    message.msg_iovlen = n;

    do {
        sent = sendmsg(c->fd, &message, 0);
        err = sent < 0 ? ngx_errno : 0;
    } while (err == NGX_EINTR);

    if (err == NGX_EAGAIN) {
        return 0;
    }

    if (err) {
        c->error = 1;
        c->write->error = 1;
        (void) ngx_connection_error(c, err, "sendmsg() failed");
        return NGX_ERROR;
    }

    c->sent += sent;

    return sent;
}


/* To the connection; the viewer keeps what that does not take. */
static ngx_int_t
ngx_http_vstream_output_direct(ngx_http_vstream_viewer_t *viewer,
                               struct iovec *pieces, ngx_uint_t n,
                               ngx_uint_t begun)
{
    size_t     left;
    ssize_t    sent;
    ngx_uint_t i;

    sent = ngx_http_vstream_output_send(viewer->connection, pieces, n);

    if (sent == NGX_ERROR) {
        return NGX_ERROR;
    }

    left = (size_t) sent;

    for (i = 0; i < n && left >= pieces[i].iov_len; i++) {
        left -= pieces[i].iov_len;
    }

    viewer->busy = i < n;

    if (i == n) {
        return NGX_OK;
    }

    pieces[i].iov_base = (u_char *) pieces[i].iov_base + left;
    pieces[i].iov_len -= left;

    viewer->connection->write->ready = 0;
    viewer->nrest = n - i;
    ngx_memmove(viewer->rest, &pieces[i], (n - i) * sizeof(struct iovec));

    return ngx_http_vstream_output_wait(viewer, begun);
}


static void
ngx_http_vstream_output_piece(struct iovec *piece, u_char *data, size_t length)
{
    piece->iov_base = data;
    piece->iov_len = length;
}


/* A part as bytes that follow each other; returns how many pieces. */
static ngx_uint_t
ngx_http_vstream_output_pieces(ngx_http_vstream_viewer_t *viewer,
                               ngx_http_vstream_part_t   *part,
                               struct iovec              *pieces)
{
    ngx_str_t                *line;
    ngx_uint_t                n;
    ngx_http_vstream_frame_t *frame;

    frame = part->frame;
    n = 0;

    if (viewer->chunked) {
        line = viewer->advance ? &part->advance_chunk : &part->chunk;
        ngx_http_vstream_output_piece(&pieces[n++], line->data, line->len);
    }

    if (!viewer->advance) {
        ngx_http_vstream_output_piece(&pieces[n++], part->header,
                                      part->header_length);
    }

    ngx_http_vstream_output_piece(&pieces[n++], frame->data, frame->length + 2);

    if (viewer->advance) {
        ngx_http_vstream_output_piece(&pieces[n++],
                                      ngx_http_vstream_advance.data,
                                      ngx_http_vstream_advance.len);
    }

    /* CRLF follows both, and ends a chunk. */

    if (viewer->chunked) {
        pieces[n - 1].iov_len += 2;
    }

    return n;
}


void
ngx_http_vstream_output_begin(ngx_http_vstream_viewer_t *viewer)
{
    ngx_connection_t   *c;
    ngx_http_request_t *r;

    r = viewer->request;
    c = viewer->connection;

    viewer->chunked = r->chunked;
    viewer->direct = c->send_chain == ngx_send_chain && r->limit_rate_set
                     && r->limit_rate == 0 && !r->filter_need_in_memory
                     && !r->main_filter_need_in_memory
                     && !r->filter_need_temporary && r->out == NULL
                     && r->postponed == NULL && !c->buffered && !viewer->busy;
}


ngx_int_t
ngx_http_vstream_output_part(ngx_http_vstream_viewer_t *viewer,
                             ngx_http_vstream_part_t   *part)
{
    ngx_uint_t                n;
    struct iovec              pieces[NGX_HTTP_VSTREAM_PIECES];
    ngx_http_vstream_frame_t *frame;

    if (viewer->direct) {
        n = ngx_http_vstream_output_pieces(viewer, part, pieces);
        return ngx_http_vstream_output_direct(viewer, pieces, n, 1);
    }

    frame = part->frame;

    if (viewer->advance) {
        ngx_http_vstream_output_lend(viewer, frame->data, frame->length + 2,
                                     ngx_http_vstream_advance.data,
                                     ngx_http_vstream_advance.len);

    } else {
        ngx_http_vstream_output_lend(viewer, part->header, part->header_length,
                                     frame->data, frame->length + 2);
    }

    return ngx_http_vstream_output_filter(viewer, &viewer->chain[0]);
}


ngx_int_t
ngx_http_vstream_output_text(ngx_http_vstream_viewer_t *viewer, ngx_str_t *text)
{
    ngx_http_vstream_output_lend(viewer, text->data, text->len, NULL, 0);

    return ngx_http_vstream_output_filter(viewer, &viewer->chain[0]);
}


ngx_int_t
ngx_http_vstream_output_rest(ngx_http_vstream_viewer_t *viewer)
{
    if (!viewer->direct) {
        return ngx_http_vstream_output_filter(viewer, NULL);
    }

    return viewer->busy ? ngx_http_vstream_output_direct(viewer, viewer->rest,
                                                         viewer->nrest, 0)
                        : NGX_OK;
}


ngx_int_t
ngx_http_vstream_output_last(ngx_http_vstream_viewer_t *viewer, ngx_str_t *text)
{
    ngx_http_vstream_output_lend(viewer, text->data, text->len, NULL, 0);
    viewer->bufs[0].last_buf = 1;

    return ngx_http_output_filter(viewer->request, &viewer->chain[0]);
}
