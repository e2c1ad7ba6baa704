/*
 * Where Redis is, see vsw_redis_address.h.
 */

#include "vsw_redis_address.h"

#include <stdio.h>
#include <string.h>


static const char *vsw_redis_address_unix(const char          *path,
                                          vsw_redis_address_t *address);
static const char *vsw_redis_address_user(const char *text, size_t length,
                                          vsw_redis_address_t *address);
static const char *vsw_redis_address_host(const char         **text,
                                          vsw_redis_address_t *address);
static bool        vsw_redis_address_number(const char **text, unsigned max,
                                            unsigned *value);
static bool vsw_redis_address_decode(const char *text, size_t length, char *out,
                                     size_t size);
static int  vsw_redis_address_hex(char c);


const char *
vsw_redis_address_read(const char *text, vsw_redis_address_t *address)
{
    const char *at, *error, *end;
    unsigned    value;

    memset(address, 0, sizeof(*address));
    address->port = VSW_REDIS_PORT;

    if (strncmp(text, "unix:", 5) == 0) {
        return vsw_redis_address_unix(text + 5, address);
    }

    address->tls = strncmp(text, "rediss://", 9) == 0;

    if (!address->tls && strncmp(text, "redis://", 8) != 0) {
        return "must be redis[s]://[user[:password]@]host[:port][/db] or "
               "unix:/path";
    }

    text += address->tls ? 9 : 8;
    end = text + strcspn(text, "/");
    at = memrchr(text, '@', (size_t) (end - text));

    if (at != NULL) {
        error = vsw_redis_address_user(text, (size_t) (at - text), address);
        if (error != NULL) {
            return error;
        }

        text = at + 1;
    }

    error = vsw_redis_address_host(&text, address);
    if (error != NULL) {
        return error;
    }

    if (*text == ':') {
        text++;
        if (!vsw_redis_address_number(&text, 65535, &value) || value == 0) {
            return "has no port number from 1 to 65535 after the colon";
        }
        address->port = (uint16_t) value;
    }

    if (*text == '/' && text[1] != '\0') {
        text++;
        if (!vsw_redis_address_number(&text, VSW_REDIS_DB_MAX, &address->db)) {
            return "has no database number after the slash";
        }
    } else if (*text == '/') {
        text++;
    }

    return *text == '\0' ? NULL : "has something left over at its end";
}


static const char *
vsw_redis_address_unix(const char *path, vsw_redis_address_t *address)
{
    if (path[0] != '/') {
        return "must name an absolute path after unix:";
    }

    if (strlen(path) >= sizeof(address->path)) {
        return "names a path that is too long for a Unix socket";
    }

    snprintf(address->path, sizeof(address->path), "%s", path);

    return NULL;
}


static const char *
vsw_redis_address_user(const char *text, size_t length,
                       vsw_redis_address_t *address)
{
    const char *colon = memchr(text, ':', length);
    size_t      n = colon == NULL ? length : (size_t) (colon - text);

    if (!vsw_redis_address_decode(text, n, address->user,
                                  sizeof(address->user))) {
        return "has a user that is too long or badly percent-encoded";
    }

    if (colon != NULL
        && !vsw_redis_address_decode(colon + 1, length - n - 1,
                                     address->password,
                                     sizeof(address->password)))
    {
        return "has a password that is too long or badly percent-encoded";
    }

    return NULL;
}


static const char *
vsw_redis_address_host(const char **text, vsw_redis_address_t *address)
{
    const char *begin = *text;
    size_t      n;

    if (*begin == '[') {
        begin++;
        n = strcspn(begin, "]");
        if (begin[n] != ']') {
            return "has an opening bracket without a closing one";
        }
        *text = begin + n + 1;

    } else {
        n = strcspn(begin, ":/");
        *text = begin + n;
    }

    if (n == 0 || n >= sizeof(address->host)) {
        return "names no host";
    }

    memcpy(address->host, begin, n);
    address->host[n] = '\0';

    return NULL;
}


static bool
vsw_redis_address_number(const char **text, unsigned max, unsigned *value)
{
    const char *p = *text;
    unsigned    n = 0;

    for (; *p >= '0' && *p <= '9'; p++) {
        n = n * 10 + (unsigned) (*p - '0');
        if (n > max) {
            return false;
        }
    }

    if (p == *text) {
        return false;
    }

    *text = p;
    *value = n;

    return true;
}


static bool
vsw_redis_address_decode(const char *text, size_t length, char *out,
                         size_t size)
{
    size_t i, n;
    int    high, low;

    for (i = 0, n = 0; i < length; i++, n++) {
        if (n + 1 >= size) {
            return false;
        }

        if (text[i] != '%') {
            out[n] = text[i];
            continue;
        }

        if (length - i < 3) {
            return false;
        }

        high = vsw_redis_address_hex(text[i + 1]);
        low = vsw_redis_address_hex(text[i + 2]);
        if (high < 0 || low < 0 || high + low == 0) {
            return false;
        }

        out[n] = (char) (high * 16 + low);
        i += 2;
    }

    out[n] = '\0';

    return true;
}


static int
vsw_redis_address_hex(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }

    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }

    return -1;
}
