/*
 * One camera, as Redis tells of it: what it holds of a still becomes a frame
 * that is of the right kind in all its parts, or none.  The first byte chooses
 * the rendition.
 */

#include "module_replies.h"

#include "ngx_http_vstream_redis_lookup.c"

static unsigned told;


static void
on_found(void *data, ngx_http_vstream_found_t found,
         ngx_http_vstream_frame_t *frame)
{
    char             id[VSTREAM_FRAME_ID_MAX];
    vstream_writer_t w;

    fuzz_check(data == &told);
    fuzz_check(found <= NGX_HTTP_VSTREAM_FOUND);
    told++;

    if (frame == NULL) {
        return;
    }

    fuzz_check(frame->length > 0 && frame->info.t_unix_us > 0);
    fuzz_check(frame->rendition < VSTREAM_RENDITIONS);
    fuzz_check(memcmp(frame->data + frame->length, "\r\n", 2) == 0);

    vstream_writer_init(&w, id, sizeof(id));
    vstream_frame_id_write(&w, frame->info.epoch, frame->info.seq);
    fuzz_check(vstream_writer_status(&w) == VSTREAM_OK);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_str_t           id = ngx_string("gate");
    vstream_rendition_t rendition = fuzz_byte(&data, &size) % 2
                                        ? VSTREAM_RENDITION_SMALL
                                        : VSTREAM_RENDITION_MAIN;

    told = 0;
    fuzz_check(ngx_http_vstream_redis_lookup(&id, rendition, on_found, &told)
               != NULL);
    replies_run(data, size);
    fuzz_check(told == 1);

    return 0;
}
