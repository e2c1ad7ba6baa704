/*
 * Frames and parts: see ngx_http_vstream_frame.h.
 */

#include "ngx_http_vstream_frame.h"

#include <sys/random.h>


#define NGX_HTTP_VSTREAM_BOUNDARY_BYTES 16


static u_char
    ngx_http_vstream_boundary_text[2 * NGX_HTTP_VSTREAM_BOUNDARY_BYTES];
static u_char ngx_http_vstream_advance_text[VSTREAM_MULTIPART_HEADER_MAX + 2];
static u_char ngx_http_vstream_end_text[VSTREAM_MULTIPART_BOUNDARY_MAX + 8];

ngx_str_t ngx_http_vstream_boundary;
ngx_str_t ngx_http_vstream_advance;
ngx_str_t ngx_http_vstream_end;

static ngx_uint_t ngx_http_vstream_stamp;


int64_t
ngx_http_vstream_now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);

    return (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}


ngx_int_t
ngx_http_vstream_boundary_init(ngx_log_t *log)
{
    u_char           bytes[NGX_HTTP_VSTREAM_BOUNDARY_BYTES];
    vstream_writer_t w;

    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t) sizeof(bytes)) {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno, "getrandom() failed");
        return NGX_ERROR;
    }

    ngx_hex_dump(ngx_http_vstream_boundary_text, bytes, sizeof(bytes));
    ngx_http_vstream_boundary.data = ngx_http_vstream_boundary_text;
    ngx_http_vstream_boundary.len = sizeof(ngx_http_vstream_boundary_text);

    vstream_writer_init(&w, (char *) ngx_http_vstream_advance_text,
                        VSTREAM_MULTIPART_HEADER_MAX);
    vstream_multipart_advance_write(
        &w, ngx_http_vstream_slice(&ngx_http_vstream_boundary));
    ngx_http_vstream_advance.data = ngx_http_vstream_advance_text;
    ngx_http_vstream_advance.len = w.length;
    ngx_memcpy(ngx_http_vstream_advance_text + w.length, CRLF, 2);

    vstream_writer_init(&w, (char *) ngx_http_vstream_end_text,
                        sizeof(ngx_http_vstream_end_text));
    vstream_multipart_end_write(
        &w, ngx_http_vstream_slice(&ngx_http_vstream_boundary));
    ngx_http_vstream_end.data = ngx_http_vstream_end_text;
    ngx_http_vstream_end.len = w.length;

    return NGX_OK;
}


ngx_http_vstream_frame_t *
ngx_http_vstream_frame_create(const vstream_frame_t *info, const u_char *jpeg,
                              size_t length, ngx_log_t *log)
{
    u_char                   *p;
    ngx_http_vstream_frame_t *frame;

    frame = ngx_alloc(sizeof(ngx_http_vstream_frame_t) + length
                          + NGX_HTTP_VSTREAM_FRAME_END,
                      log);
    if (frame == NULL) {
        return NULL;
    }

    frame->refs = 1;
    frame->info = *info;
    frame->rendition = VSTREAM_RENDITION_MAIN;
    frame->received = ngx_current_msec;
    frame->length = length;
    frame->pushed = 0;

    p = ngx_cpymem(frame->data, jpeg, length);
    ngx_memcpy(p, CRLF CRLF, NGX_HTTP_VSTREAM_FRAME_END);

    return frame;
}


void
ngx_http_vstream_frame_release(ngx_http_vstream_frame_t *frame)
{
    if (frame && --frame->refs == 0) {
        ngx_free(frame);
    }
}


uint64_t
ngx_http_vstream_frame_age_ms(const ngx_http_vstream_frame_t *frame)
{
    int64_t age_us;

    age_us = ngx_http_vstream_now_us() - frame->info.t_unix_us;

    return age_us > 0 ? (uint64_t) age_us / 1000 : 0;
}


static ngx_str_t
ngx_http_vstream_chunk_line(u_char *line, size_t size)
{
    ngx_str_t text;

    text.data = line;
    text.len = (size_t) (ngx_sprintf(line, "%xz" CRLF, size) - line);

    return text;
}


ngx_http_vstream_part_t *
ngx_http_vstream_part_create(ngx_http_vstream_frame_t *frame, ngx_str_t *camera,
                             ngx_log_t *log)
{
    vstream_writer_t         w;
    ngx_http_vstream_part_t *part;

    part = ngx_alloc(sizeof(ngx_http_vstream_part_t), log);
    if (part == NULL) {
        return NULL;
    }

    vstream_writer_init(&w, (char *) part->header, sizeof(part->header));
    vstream_multipart_header_write(
        &w, ngx_http_vstream_slice(&ngx_http_vstream_boundary),
        ngx_http_vstream_slice(camera), &frame->info, frame->length,
        ngx_http_vstream_frame_age_ms(frame));

    if (vstream_writer_status(&w) != VSTREAM_OK) {
        ngx_free(part);
        return NULL;
    }

    part->refs = 1;
    part->stamp = ++ngx_http_vstream_stamp;
    part->header_length = w.length;
    part->chunk = ngx_http_vstream_chunk_line(part->lines[0],
                                              w.length + frame->length + 2);
    part->advance_chunk = ngx_http_vstream_chunk_line(
        part->lines[1], frame->length + 2 + ngx_http_vstream_advance.len);
    part->frame = frame;
    frame->refs++;

    return part;
}


void
ngx_http_vstream_part_release(ngx_http_vstream_part_t *part)
{
    if (part && --part->refs == 0) {
        ngx_http_vstream_frame_release(part->frame);
        ngx_free(part);
    }
}
