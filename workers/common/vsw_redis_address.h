/*
 * Where Redis is, as operators write it:
 *     redis://[user[:password]@]host[:port][/db]
 *     unix:/path
 * User and password are percent-encoded as in any URL (RFC 3986).  Reads
 * text, opens nothing.
 */

#ifndef VSW_REDIS_ADDRESS_H
#define VSW_REDIS_ADDRESS_H

#include <stdint.h>

#define VSW_REDIS_PORT         6379
#define VSW_REDIS_PASSWORD_MAX 512
#define VSW_REDIS_DB_MAX       65535


typedef struct {
    char     path[108]; /* of a Unix socket; empty: host and port */
    char     host[256]; /* name or address, without brackets */
    uint16_t port;
    char     user[128]; /* empty: Redis's default user */
    char     password[VSW_REDIS_PASSWORD_MAX + 1];
    unsigned db;
} vsw_redis_address_t;


/*
 * Fills `address`.  Returns NULL, or a sentence that says what is wrong with
 * the text; `address` is undefined then.  The sentence never repeats any part
 * of the text, which may hold a password.
 */
const char *vsw_redis_address_read(const char          *text,
                                   vsw_redis_address_t *address);

/*
 * Reads a password from the first line of a file.  Returns NULL, or what is
 * wrong: it cannot be read, is empty or too long, or others may read it.
 */
const char *vsw_redis_password_read(const char          *path,
                                    vsw_redis_address_t *address);


#endif /* VSW_REDIS_ADDRESS_H */
