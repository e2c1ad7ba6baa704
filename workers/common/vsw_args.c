/*
 * Arguments of a Redis command, see vsw_args.h.
 */

#include "vsw_args.h"

#include "vstream_frame.h"

#include <string.h>


/* Adds what the arena has been given since `from`. */
static void vsw_args_close(vsw_args_t *args, size_t from);


void
vsw_args_init(vsw_args_t *args)
{
    args->argc = 0;
    args->overflow = false;
    vstream_writer_init(&args->arena, args->bytes, sizeof(args->bytes));
}


void
vsw_args_text(vsw_args_t *args, const char *text)
{
    vsw_args_slice(args, (vstream_slice_t) { text, strlen(text) });
}


void
vsw_args_slice(vsw_args_t *args, vstream_slice_t text)
{
    if (args->argc == VSW_ARGS_MAX) {
        args->overflow = true;
        return;
    }

    args->argv[args->argc++] = text;
}


void
vsw_args_int(vsw_args_t *args, int64_t value)
{
    size_t from = args->arena.length;

    vstream_writer_int(&args->arena, value);
    vsw_args_close(args, from);
}


void
vsw_args_decimal(vsw_args_t *args, int64_t value, unsigned decimals)
{
    size_t from = args->arena.length;

    vstream_writer_decimal(&args->arena, value, decimals);
    vsw_args_close(args, from);
}


void
vsw_args_frame_id(vsw_args_t *args, uint64_t epoch, uint64_t seq)
{
    size_t from = args->arena.length;

    vstream_frame_id_write(&args->arena, epoch, seq);
    vsw_args_close(args, from);
}


void
vsw_args_key(vsw_args_t *args, vstream_slice_t prefix, vstream_key_kind_t kind,
             const char *argument)
{
    size_t from = args->arena.length;

    vstream_schema_key_write(
        &args->arena, prefix, kind,
        (vstream_slice_t) { argument,
                            argument == NULL ? 0 : strlen(argument) });
    vsw_args_close(args, from);
}


int
vsw_args_send(const vsw_args_t *args, vsw_redis_t *redis,
              vsw_redis_reply_fn *reply, void *data,
              const vstream_slice_t *tail)
{
    if (args->overflow) {
        return VSTREAM_ERROR;
    }

    return vsw_redis_command(redis, reply, data, args->argv, args->argc, tail);
}


static void
vsw_args_close(vsw_args_t *args, size_t from)
{
    if (vstream_writer_status(&args->arena) != VSTREAM_OK) {
        args->overflow = true;
        return;
    }

    vsw_args_slice(args, (vstream_slice_t) { args->bytes + from,
                                             args->arena.length - from });
}
