/*
 * A socket on its way to Redis.
 */

#ifndef VSW_REDIS_SOCKET_H
#define VSW_REDIS_SOCKET_H

#include "vsw_redis_address.h"


/*
 * Begins to connect: a non-blocking descriptor that becomes writable when the
 * connection stands or has failed.  Where a name has several addresses, each
 * `attempt` takes the next.  -1: *error says why.  Blocks while a name is
 * looked up.
 */
int vsw_redis_socket_connect(const vsw_redis_address_t *address,
                             unsigned attempt, const char **error);


#endif /* VSW_REDIS_SOCKET_H */
