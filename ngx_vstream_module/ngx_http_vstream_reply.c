/*
 * Requests and answers: see ngx_http_vstream_reply.h.
 */

#include "ngx_http_vstream_reply.h"


#define NGX_HTTP_VSTREAM_PROBLEM_MAX 512


static void ngx_http_vstream_reply_release(void *data);


ngx_int_t
ngx_http_vstream_handler(ngx_http_request_t *r)
{
    ngx_int_t                    rc;
    ngx_str_t                    allowed = ngx_string("GET, HEAD");
    ngx_http_vstream_loc_conf_t *conf;

    if (r != r->main) {
        return NGX_HTTP_FORBIDDEN;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    if (!(r->method & (NGX_HTTP_GET | NGX_HTTP_HEAD))) {
        if (ngx_http_vstream_add_header(r, "Allow", &allowed) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        return ngx_http_vstream_problem(r, NGX_HTTP_NOT_ALLOWED,
                                        "This is read by GET and HEAD only.");
    }

    conf = ngx_http_get_module_loc_conf(r, ngx_vstream_module);

    return conf->handler(r);
}


ngx_int_t
ngx_http_vstream_request_camera(ngx_http_request_t *r, ngx_str_t *id)
{
    ngx_http_vstream_loc_conf_t *conf;

    conf = ngx_http_get_module_loc_conf(r, ngx_vstream_module);

    if (ngx_http_complex_value(r, conf->camera, id) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (vstream_camera_id_check(ngx_http_vstream_slice(id)) != VSTREAM_OK) {
        return NGX_DECLINED;
    }

    return ngx_http_vstream_request_context(r, id);
}


ngx_int_t
ngx_http_vstream_refuse_camera(ngx_http_request_t *r, ngx_int_t rc)
{
    if (rc != NGX_DECLINED) {
        return rc;
    }

    return ngx_http_vstream_problem(r, NGX_HTTP_BAD_REQUEST,
                                    "A camera id " NGX_HTTP_VSTREAM_ID_GRAMMAR
                                    ".");
}


ngx_int_t
ngx_http_vstream_request_context(ngx_http_request_t *r, ngx_str_t *camera)
{
    ngx_http_vstream_ctx_t *ctx;

    ctx = ngx_pcalloc(r->pool, sizeof(ngx_http_vstream_ctx_t));
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->camera = *camera;
    ngx_http_set_ctx(r, ctx, ngx_vstream_module);

    return NGX_OK;
}


ngx_int_t
ngx_http_vstream_request_rendition(ngx_http_request_t  *r,
                                   vstream_rendition_t *rendition)
{
    ngx_str_t value;

    *rendition = VSTREAM_RENDITION_MAIN;

    if (ngx_http_arg(r, (u_char *) "rendition", 9, &value) != NGX_OK) {
        return NGX_DECLINED;
    }

    return vstream_schema_rendition_read(ngx_http_vstream_slice(&value),
                                         rendition)
                   == VSTREAM_OK
               ? NGX_OK
               : NGX_ERROR;
}


void
ngx_http_vstream_await_close(ngx_http_request_t *r)
{
    ngx_event_t *rev;

    /* nginx's own handler of it would take the place of ours, and would end
       the request when the body does not come */

    if (r->discard_body) {
        r->discard_body = 0;
        r->main->count--;
        r->keepalive = 0;
        r->lingering_close = 1;
    }

    r->read_event_handler = ngx_http_test_reading;

    /* epoll has told of it already, and will not do so again */

    rev = r->connection->read;

    if (r->stream == NULL && (rev->ready || rev->pending_eof)) {
        ngx_post_event(rev, &ngx_posted_events);
    }
}


/* An element is filled in at once: nginx sends all that are in the list. */
static ngx_table_elt_t *
ngx_http_vstream_push_header(ngx_http_request_t *r, const char *name,
                             ngx_str_t *value)
{
    ngx_table_elt_t *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NULL;
    }

    h->hash = 1;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif
    h->key.data = (u_char *) name;
    h->key.len = ngx_strlen(name);
    h->value = *value;

    return h;
}


ngx_int_t
ngx_http_vstream_add_header(ngx_http_request_t *r, const char *name,
                            ngx_str_t *value)
{
    return ngx_http_vstream_push_header(r, name, value) ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_http_vstream_reply(ngx_http_request_t *r, ngx_uint_t status,
                       const char *content_type, u_char *data, size_t length)
{
    ngx_buf_t  *b;
    ngx_int_t   rc;
    ngx_str_t   no_store = ngx_string("no-store");
    ngx_chain_t out;

    r->headers_out.status = status;
    r->headers_out.content_length_n = (off_t) length;
    r->headers_out.content_type.data = (u_char *) content_type;
    r->headers_out.content_type.len = ngx_strlen(content_type);
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    if (ngx_http_vstream_add_header(r, "Cache-Control", &no_store) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (length == 0) {
        r->header_only = 1;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->memory = 1;
    b->pos = data;
    b->last = data + length;
    b->last_buf = 1;
    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


static const char *
ngx_http_vstream_problem_title(ngx_uint_t status)
{
    switch (status) {
    case NGX_HTTP_BAD_REQUEST:
        return "Bad Request";
    case NGX_HTTP_NOT_FOUND:
        return "Not Found";
    case NGX_HTTP_NOT_ALLOWED:
        return "Not Allowed";
    case NGX_HTTP_TOO_MANY_REQUESTS:
        return "Too Many Requests";
    case NGX_HTTP_SERVICE_UNAVAILABLE:
        return "Service Unavailable";
    default:
        return "Internal Server Error";
    }
}


ngx_int_t
ngx_http_vstream_problem(ngx_http_request_t *r, ngx_uint_t status,
                         const char *detail)
{
    u_char   *p, *data;
    ngx_str_t soon = ngx_string("1");

    if (status == NGX_HTTP_SERVICE_UNAVAILABLE
        && ngx_http_vstream_add_header(r, "Retry-After", &soon) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    data = ngx_pnalloc(r->pool, NGX_HTTP_VSTREAM_PROBLEM_MAX);
    if (data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    p = ngx_snprintf(data, NGX_HTTP_VSTREAM_PROBLEM_MAX,
                     "{\"type\":\"about:blank\",\"title\":\"%s\","
                     "\"status\":%ui,\"detail\":\"%s\"}\n",
                     ngx_http_vstream_problem_title(status), status, detail);

    return ngx_http_vstream_reply(r, status, "application/problem+json", data,
                                  (size_t) (p - data));
}


static void
ngx_http_vstream_reply_release(void *data)
{
    ngx_http_vstream_frame_release(data);
}


static ngx_int_t
ngx_http_vstream_add_etag(ngx_http_request_t       *r,
                          ngx_http_vstream_frame_t *frame)
{
    ngx_str_t        etag;
    vstream_writer_t w;

    etag.data = ngx_pnalloc(r->pool, VSTREAM_FRAME_ID_MAX + 2);
    if (etag.data == NULL) {
        return NGX_ERROR;
    }

    vstream_writer_init(&w, (char *) etag.data, VSTREAM_FRAME_ID_MAX + 2);
    vstream_writer_text(&w, "\"");
    vstream_frame_id_write(&w, frame->info.epoch, frame->info.seq);
    vstream_writer_text(&w, "\"");
    etag.len = w.length;

    r->headers_out.etag = ngx_http_vstream_push_header(r, "ETag", &etag);

    return r->headers_out.etag ? NGX_OK : NGX_ERROR;
}


/* `value` divided by 10^decimals, as text. */
static ngx_int_t
ngx_http_vstream_add_number(ngx_http_request_t *r, const char *name,
                            int64_t value, unsigned decimals)
{
    ngx_str_t        text;
    vstream_writer_t w;

    text.data = ngx_pnalloc(r->pool, 2 * NGX_INT64_LEN);
    if (text.data == NULL) {
        return NGX_ERROR;
    }

    vstream_writer_init(&w, (char *) text.data, 2 * NGX_INT64_LEN);
    vstream_writer_decimal(&w, value, decimals);
    text.len = w.length;

    return ngx_http_vstream_add_header(r, name, &text);
}


/* A placeholder is no picture of the camera's: it has no time, no number. */
static ngx_int_t
ngx_http_vstream_reply_frame_headers(ngx_http_request_t       *r,
                                     ngx_http_vstream_frame_t *frame)
{
    ngx_str_t no_cache = ngx_string("no-cache");
    ngx_str_t no_store = ngx_string("no-store");

    if (frame->info.epoch == 0) {
        return ngx_http_vstream_add_header(r, "Cache-Control", &no_store);
    }

    if (ngx_http_vstream_add_etag(r, frame) != NGX_OK
        || ngx_http_vstream_add_number(r, "X-Timestamp", frame->info.t_unix_us,
                                       6)
               != NGX_OK
        || ngx_http_vstream_add_number(r, "X-Frame-Seq",
                                       (int64_t) frame->info.seq, 0)
               != NGX_OK
        || ngx_http_vstream_add_number(
               r, "X-Frame-Age-Ms",
               (int64_t) ngx_http_vstream_frame_age_ms(frame), 0)
               != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_vstream_add_header(r, "Cache-Control", &no_cache);
}


ngx_int_t
ngx_http_vstream_reply_frame(ngx_http_request_t       *r,
                             ngx_http_vstream_frame_t *frame)
{
    ngx_buf_t              *b;
    ngx_int_t               rc;
    ngx_chain_t             out;
    ngx_pool_cleanup_t     *cln;
    ngx_http_vstream_ctx_t *ctx;

    cln = ngx_pool_cleanup_add(r->pool, 0);
    b = ngx_calloc_buf(r->pool);

    if (cln == NULL || b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_vstream_reply_frame_headers(r, frame) != NGX_OK) {
        ngx_http_clean_header(r); /* the answer is not of this frame any more */
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = (off_t) frame->length;
    ngx_str_set(&r->headers_out.content_type, "image/jpeg");
    r->headers_out.content_type_len = r->headers_out.content_type.len;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    frame->refs++;
    cln->handler = ngx_http_vstream_reply_release;
    cln->data = frame;

    ctx = ngx_http_get_module_ctx(r, ngx_vstream_module);
    if (ctx) {
        ctx->frames++;
    }

    b->memory = 1;
    b->pos = frame->data;
    b->last = frame->data + frame->length;
    b->last_buf = 1;
    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


ngx_int_t
ngx_http_vstream_fps_read(ngx_str_t *text)
{
    ngx_int_t milli;

    milli = ngx_atofp(text->data, text->len, 3);

    return milli < 10 || milli > 1000000 ? NGX_ERROR : milli;
}
