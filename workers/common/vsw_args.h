/*
 * The arguments of one Redis command, put together on the stack: literals are
 * borrowed, numbers and keys are written into an arena.  Bounded; what does
 * not fit is remembered as an overflow, and the command is then not sent.
 */

#ifndef VSW_ARGS_H
#define VSW_ARGS_H

#include <stdbool.h>

#include "vsw_redis.h"
#include "vstream_schema.h"

#define VSW_ARGS_MAX   144
#define VSW_ARGS_ARENA 24576

/* Keys of cameras that one command may name. */
#define VSW_ARGS_BATCH 128


typedef struct {
    vstream_slice_t  argv[VSW_ARGS_MAX];
    size_t           argc;
    bool             overflow;
    vstream_writer_t arena;
    char             bytes[VSW_ARGS_ARENA];
} vsw_args_t;


void vsw_args_init(vsw_args_t *args);

/* `text` must live until the command is sent. */
void vsw_args_text(vsw_args_t *args, const char *text);
void vsw_args_slice(vsw_args_t *args, vstream_slice_t text);

/* Written into the arena. */
void vsw_args_int(vsw_args_t *args, int64_t value);
void vsw_args_decimal(vsw_args_t *args, int64_t value, unsigned decimals);
void vsw_args_frame_id(vsw_args_t *args, uint64_t epoch, uint64_t seq);
void vsw_args_key(vsw_args_t *args, vstream_slice_t prefix,
                  vstream_key_kind_t kind, const char *argument);

/* As vsw_redis_command(); VSTREAM_ERROR also after an overflow. */
int vsw_args_send(const vsw_args_t *args, vsw_redis_t *redis,
                  vsw_redis_reply_fn *reply, void *data,
                  const vstream_slice_t *tail);


#endif /* VSW_ARGS_H */
