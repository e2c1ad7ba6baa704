/*
 * Where Redis is, as operators write it:
 *     redis[s]://[user[:password]@]host[:port][/db]
 *     unix:/path
 * User and password are percent-encoded as in any URL (RFC 3986).  Reads
 * text, opens nothing.
 */

#ifndef VSW_REDIS_ADDRESS_H
#define VSW_REDIS_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "vsw_secret.h"

#define VSW_REDIS_PORT         6379
#define VSW_REDIS_USER_MAX     127
#define VSW_REDIS_PASSWORD_MAX VSW_SECRET_MAX
#define VSW_REDIS_DB_MAX       65535


typedef struct {
    char     path[108]; /* of a Unix socket; empty: host and port */
    char     host[256]; /* name or address, without brackets */
    uint16_t port;
    char     user[VSW_REDIS_USER_MAX + 1]; /* empty: Redis's default user */
    char     password[VSW_REDIS_PASSWORD_MAX + 1];
    unsigned db;
    bool     tls; /* rediss: */
} vsw_redis_address_t;


/*
 * Fills `address`.  Returns NULL, or a sentence that says what is wrong with
 * the text; `address` is undefined then.  The sentence never repeats any part
 * of the text, which may hold a password.
 */
const char *vsw_redis_address_read(const char          *text,
                                   vsw_redis_address_t *address);

#endif /* VSW_REDIS_ADDRESS_H */
