/*
 * A frame is one JPEG as it came from Redis; a part is a frame with the
 * multipart header that describes it at one moment.  Both are immutable,
 * counted by reference, and shared by all viewers of an nginx worker: sending
 * a picture to one more viewer copies and allocates nothing.
 *
 * Whoever hands a part's memory to nginx's output chain holds a reference
 * until the bufs are empty, or until the request's pool is destroyed.
 */

#ifndef NGX_HTTP_VSTREAM_FRAME_H
#define NGX_HTTP_VSTREAM_FRAME_H

#include "ngx_http_vstream_module.h"
#include "vstream_multipart.h"


/* A size in hexadecimal, and CRLF (RFC 9112 section 7.1). */
#define NGX_HTTP_VSTREAM_CHUNK_MAX (2 * sizeof(size_t) + 2)


struct ngx_http_vstream_frame_s {
    ngx_uint_t          refs;
    vstream_frame_t     info;
    vstream_rendition_t rendition;
    ngx_msec_t          received; /* ngx_current_msec when this worker got it */
    size_t              length;   /* of the JPEG */
    unsigned            pushed : 1; /* it was new when it was received */
    u_char              data[];     /* the JPEG, CRLF twice: part and chunk */
};

#define NGX_HTTP_VSTREAM_FRAME_END 4 /* bytes behind the JPEG */

typedef struct {
    ngx_uint_t                refs;
    ngx_uint_t                stamp; /* rises with every part of a worker */
    ngx_http_vstream_frame_t *frame;
    ngx_str_t                 chunk;         /* the line before a chunk of it */
    ngx_str_t                 advance_chunk; /* with the early header block */
    size_t                    header_length;
    u_char                    header[VSTREAM_MULTIPART_HEADER_MAX];
    u_char                    lines[2][NGX_HTTP_VSTREAM_CHUNK_MAX];
} ngx_http_vstream_part_t;


/*
 * Copies the JPEG once; its rendition is main.  The caller owns one reference.
 * NULL: no memory.
 */
ngx_http_vstream_frame_t *ngx_http_vstream_frame_create(
    const vstream_frame_t *info, const u_char *jpeg, size_t length,
    ngx_log_t *log);
void ngx_http_vstream_frame_release(ngx_http_vstream_frame_t *frame);

/* Milliseconds since the frame's last byte reached its camera process. */
uint64_t ngx_http_vstream_frame_age_ms(const ngx_http_vstream_frame_t *frame);

/* Takes a reference of the frame; the caller owns one of the part. */
ngx_http_vstream_part_t *ngx_http_vstream_part_create(
    ngx_http_vstream_frame_t *frame, ngx_str_t *camera, ngx_log_t *log);
void ngx_http_vstream_part_release(ngx_http_vstream_part_t *part);

/* 128 random bits in hexadecimal: a picture cannot hold what it cannot guess. */
ngx_int_t        ngx_http_vstream_boundary_init(ngx_log_t *log);
extern ngx_str_t ngx_http_vstream_boundary;

/*
 * The early header block for browsers (vstream_multipart.h), behind which is
 * CRLF, to end a chunk; the body's end.
 */
extern ngx_str_t ngx_http_vstream_advance;
extern ngx_str_t ngx_http_vstream_end;

/* Wall clock now, not nginx's cached one. */
int64_t ngx_http_vstream_now_us(void);


#endif /* NGX_HTTP_VSTREAM_FRAME_H */
