/*
 * What a subscribed connection receives: the same pushes whether the bytes
 * come at once or in pieces, and a frame in one of them holds the very bytes
 * of the message behind its line.  The first byte says how large the pieces
 * are.
 */

#include "fuzz_nginx.h"

#include "ngx_http_vstream_frame.c"
#include "ngx_http_vstream_redis_reader.c"

#define PUSHES_MAX 64


static ngx_http_vstream_counters_t counters;

ngx_http_vstream_counters_t *ngx_http_vstream_counted = &counters;


/* What is told of a push, in bytes. */
typedef struct {
    ngx_http_vstream_push_type_t type;
    size_t                       length;
    u_char                       text[VSTREAM_KEY_MAX];
    vstream_frame_t              info;
    size_t                       frame_length; /* 0: no frame */
    uint64_t                     frame_sum;
} seen_t;

typedef struct {
    seen_t    pushes[PUSHES_MAX];
    size_t    count;
    ngx_int_t rc;
} run_t;


static uint64_t
sum_of(const u_char *data, size_t size)
{
    uint64_t sum = 14695981039346656037u; /* FNV-1a */

    while (size-- > 0) {
        sum = (sum ^ *data++) * 1099511628211u;
    }

    return sum;
}


/* The JPEG stands in the input, behind the line that its numbers make. */
static void
check_frame(const ngx_http_vstream_frame_t *frame, vstream_slice_t input)
{
    char             line[VSTREAM_FRAME_LINE_MAX];
    const char      *found;
    vstream_writer_t w;

    vstream_writer_init(&w, line, sizeof(line));
    vstream_frame_line_write(&w, &frame->info);
    fuzz_check(vstream_writer_status(&w) == VSTREAM_OK);
    fuzz_check(frame->length > 0 && frame->length <= VSTREAM_FRAME_BYTES_MAX);

    found = memmem(input.data, input.length, line, w.length);
    fuzz_check(found != NULL);

    while (memcmp(found + w.length, frame->data, frame->length) != 0) {
        found++;
        found = memmem(found, (size_t) (input.data + input.length - found),
                       line, w.length);
        fuzz_check(found != NULL);
    }

    fuzz_check(memcmp(frame->data + frame->length, "\r\n", 2) == 0);
}


static void
note(run_t *run, const ngx_http_vstream_push_t *push, vstream_slice_t input)
{
    seen_t *seen = &run->pushes[run->count++ % PUSHES_MAX];

    memset(seen, 0, sizeof(*seen));
    fuzz_check(push->length <= VSTREAM_KEY_MAX);
    seen->type = push->type;
    seen->length = push->length;
    memcpy(seen->text, push->text, push->length);

    if (push->frame != NULL) {
        check_frame(push->frame, input);
        seen->info = push->frame->info;
        seen->frame_length = push->frame->length;
        seen->frame_sum = sum_of(push->frame->data, push->frame->length);
    }
}


static void
receive(run_t *run, const uint8_t *data, size_t size, size_t step)
{
    size_t                          n, done;
    uint8_t                        *piece;
    ngx_http_vstream_redis_reader_t reader = { 0 };

    run->count = 0;
    run->rc = NGX_AGAIN;
    fuzz_check(ngx_http_vstream_redis_reader_open_pushes(&reader) == NGX_OK);

    for (done = 0; done < size && run->rc == NGX_AGAIN; done += n) {
        n = size - done < step ? size - done : step;
        piece = fuzz_copy(data + done, n);
        fuzz_check(ngx_http_vstream_redis_reader_feed(&reader, piece, n)
                   == NGX_OK);
        free(piece);

        while ((run->rc = ngx_http_vstream_redis_reader_push(&reader))
               == NGX_OK) {
            note(run, &reader.push, fuzz_slice(data, size));
        }
    }

    fuzz_check(run->rc == NGX_AGAIN
               || ngx_http_vstream_redis_reader_error(&reader)[0] != '\0');
    ngx_http_vstream_redis_reader_close(&reader);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static run_t whole, pieces;

    size_t step = 1 + fuzz_byte(&data, &size) % 64;

    receive(&whole, data, size, size + 1);
    receive(&pieces, data, size, step);

    fuzz_check(whole.rc == pieces.rc && whole.count == pieces.count);
    fuzz_check(memcmp(whole.pushes, pieces.pushes,
                      (whole.count < PUSHES_MAX ? whole.count : PUSHES_MAX)
                          * sizeof(seen_t))
               == 0);

    return 0;
}
