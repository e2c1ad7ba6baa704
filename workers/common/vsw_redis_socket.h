/*
 * A socket on its way to Redis.
 */

#ifndef VSW_REDIS_SOCKET_H
#define VSW_REDIS_SOCKET_H

#include <stdbool.h>

#include "vsw_redis_address.h"
#include "vsw_redis_lookup.h"


/*
 * Begins to connect: a non-blocking descriptor that becomes writable when the
 * connection stands or has failed.  Where a name has several addresses, each
 * `attempt` takes the next; when all have been tried, the name is looked up
 * anew.  -1: *error says why, or is NULL while the name is looked up for the
 * first time.
 */
int vsw_redis_socket_connect(const vsw_redis_address_t *address,
                             vsw_redis_lookup_t *lookup, unsigned attempt,
                             const char **error);

/*
 * Nobody has acknowledged what was sent, again and again: the path is lost.  A
 * server that hangs does not look like that, for its kernel answers.
 */
bool vsw_redis_socket_is_cut(int fd);


#endif /* VSW_REDIS_SOCKET_H */
