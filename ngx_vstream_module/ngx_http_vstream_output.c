/*
 * Output: see ngx_http_vstream_output.h.
 */

#include "ngx_http_vstream_output.h"


/* Lends bytes to the output chain: two pieces, sent by one writev(). */
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


/* To the connection.  What it does not take becomes the viewer's own chain. */
static ngx_int_t
ngx_http_vstream_output_direct(ngx_http_vstream_viewer_t *viewer,
                               ngx_chain_t *chain, ngx_uint_t begun)
{
    ngx_uint_t        i;
    ngx_chain_t      *rest;
    ngx_connection_t *c;

    c = viewer->connection;
    rest = c->send_chain(c, chain, 0);

    if (rest == NGX_CHAIN_ERROR) {
        c->error = 1;
        return NGX_ERROR;
    }

    viewer->busy = rest != NULL;

    if (rest == NULL) {
        return NGX_OK;
    }

    for (i = 0; rest; i++, rest = rest->next) {
        viewer->bufs[i] = *rest->buf;
        viewer->chain[i].buf = &viewer->bufs[i];
        viewer->chain[i].next = rest->next ? &viewer->chain[i + 1] : NULL;
    }

    return ngx_http_vstream_output_wait(viewer, begun);
}


/*
 * A part as bytes that follow each other.  All viewers use the same bufs in
 * turn, so that in the end only a viewer that is busy has its own touched.
 */
static ngx_chain_t *
ngx_http_vstream_output_pieces(ngx_http_vstream_viewer_t *viewer,
                               ngx_http_vstream_part_t   *part)
{
    static ngx_buf_t   bufs[NGX_HTTP_VSTREAM_PIECES];
    static ngx_chain_t chain[NGX_HTTP_VSTREAM_PIECES];

    ngx_uint_t                i, n;
    ngx_str_t                 pieces[NGX_HTTP_VSTREAM_PIECES];
    ngx_http_vstream_frame_t *frame;

    frame = part->frame;
    n = 0;

    if (viewer->chunked) {
        pieces[n++] = viewer->advance ? part->advance_chunk : part->chunk;
    }

    if (!viewer->advance) {
        pieces[n].data = part->header;
        pieces[n++].len = part->header_length;
    }

    pieces[n].data = frame->data;
    pieces[n++].len = frame->length + 2;

    if (viewer->advance) {
        pieces[n++] = ngx_http_vstream_advance;
    }

    /* CRLF follows both, and ends a chunk. */

    if (viewer->chunked) {
        pieces[n - 1].len += 2;
    }

    for (i = 0; i < n; i++) {
        bufs[i].memory = 1;
        bufs[i].pos = pieces[i].data;
        bufs[i].last = pieces[i].data + pieces[i].len;
        chain[i].buf = &bufs[i];
        chain[i].next = i + 1 < n ? &chain[i + 1] : NULL;
    }

    return chain;
}


void
ngx_http_vstream_output_begin(ngx_http_vstream_viewer_t *viewer)
{
    ngx_connection_t   *c;
    ngx_http_request_t *r;

    r = viewer->request;
    c = viewer->connection;

    viewer->chunked = r->chunked;
    viewer->direct = r == r->main && r->stream == NULL && r->limit_rate_set
                     && r->limit_rate == 0 && !r->filter_need_in_memory
                     && !r->main_filter_need_in_memory
                     && !r->filter_need_temporary && r->out == NULL
                     && r->postponed == NULL && !c->buffered && !viewer->busy;

#if (NGX_SSL)
    if (c->ssl) {
        viewer->direct = 0;
    }
#endif
}


ngx_int_t
ngx_http_vstream_output_part(ngx_http_vstream_viewer_t *viewer,
                             ngx_http_vstream_part_t   *part)
{
    ngx_http_vstream_frame_t *frame;

    if (viewer->direct) {
        return ngx_http_vstream_output_direct(
            viewer, ngx_http_vstream_output_pieces(viewer, part), 1);
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
    if (viewer->direct) {
        return viewer->busy ? ngx_http_vstream_output_direct(
                   viewer, &viewer->chain[0], 0)
                            : NGX_OK;
    }

    return ngx_http_vstream_output_filter(viewer, NULL);
}


ngx_int_t
ngx_http_vstream_output_last(ngx_http_vstream_viewer_t *viewer, ngx_str_t *text)
{
    ngx_http_vstream_output_lend(viewer, text->data, text->len, NULL, 0);
    viewer->bufs[0].last_buf = 1;

    return ngx_http_output_filter(viewer->request, &viewer->chain[0]);
}
