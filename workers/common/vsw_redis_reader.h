/*
 * hiredis's reader, with a bound on the elements that one reply may announce:
 * hiredis makes room for all of them as soon as it has read how many there
 * are, 16 GiB for a line of thirteen bytes.  The bytes of a reply are counted
 * by whoever feeds the reader.
 */

#ifndef VSW_REDIS_READER_H
#define VSW_REDIS_READER_H

#include <hiredis/hiredis.h>

/* Of all arrays together: the hash of cameras of some dozen origins. */
#define VSW_REDIS_ELEMENTS_MAX 32768


/* A reply with more elements is an error of the protocol.  NULL: no memory. */
redisReader *vsw_redis_reader_create(void);
void         vsw_redis_reader_destroy(redisReader *reader); /* accepts NULL */


#endif /* VSW_REDIS_READER_H */
