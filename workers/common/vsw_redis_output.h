/*
 * Commands on their way to Redis: a list of chunks.  Small commands share
 * one, a picture has its own, and nothing is moved after it was copied in.
 */

#ifndef VSW_REDIS_OUTPUT_H
#define VSW_REDIS_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "vstream_slice.h"

#define VSW_REDIS_OUTPUT_MAX (16u * 1024 * 1024) /* unsent bytes at most */


typedef struct vsw_redis_chunk_s vsw_redis_chunk_t;

typedef struct {
    vsw_redis_chunk_t *first; /* the oldest */
    vsw_redis_chunk_t *last;
    size_t             unsent; /* bytes */
} vsw_redis_output_t;          /* all zero: empty */


/*
 * Appends a command as RESP.  `tail` (may be NULL) goes on with the last
 * argument.  VSTREAM_OK; VSTREAM_AGAIN: too much is unsent; VSTREAM_ERROR:
 * out of memory.
 */
int vsw_redis_output_add(vsw_redis_output_t    *output,
                         const vstream_slice_t *argv, size_t argc,
                         const vstream_slice_t *tail);

/* Writes what the socket takes.  0 or an errno. */
int vsw_redis_output_write(vsw_redis_output_t *output, int fd);

/*
 * Both at once.  A picture that waits behind nothing goes out from where it
 * lies; only what the socket does not take of it is copied.  What fails fails
 * again in vsw_redis_output_write().
 */
int vsw_redis_output_send(vsw_redis_output_t *output, int fd,
                          const vstream_slice_t *argv, size_t argc,
                          const vstream_slice_t *tail);

/*
 * For those who write by other means: the oldest bytes, which stay where they
 * are until vsw_redis_output_written() says that `n` of them have gone out.
 * Empty: there are none.
 */
vstream_slice_t vsw_redis_output_oldest(const vsw_redis_output_t *output);
void            vsw_redis_output_written(vsw_redis_output_t *output, size_t n);

void vsw_redis_output_clear(vsw_redis_output_t *output);


#endif /* VSW_REDIS_OUTPUT_H */
