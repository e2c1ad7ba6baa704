/*
 * The URL of Redis: what is read, written again with all its parts encoded,
 * reads the same; and what is refused is refused without a word of it, since
 * it may hold a password.
 */

#include "fuzz.h"

#include "vsw_redis_address.h"
#include "vstream_writer.h"


static void
encode(vstream_writer_t *w, const char *text)
{
    static const char hex[] = "0123456789abcdef";

    for (/* void */; *text != '\0'; text++) {
        vstream_writer_text(w, "%");
        vstream_writer_bytes(w, &hex[(uint8_t) *text >> 4], 1);
        vstream_writer_bytes(w, &hex[(uint8_t) *text & 15], 1);
    }
}


static void
write_again(vstream_writer_t *w, const vsw_redis_address_t *address)
{
    int is_ipv6 = strchr(address->host, ':') != NULL
                  || strchr(address->host, '/') != NULL;

    vstream_writer_text(w, address->tls ? "rediss://" : "redis://");

    if (address->user[0] != '\0' || address->password[0] != '\0') {
        encode(w, address->user);
        vstream_writer_text(w, ":");
        encode(w, address->password);
        vstream_writer_text(w, "@");
    }

    vstream_writer_text(w, is_ipv6 ? "[" : "");
    vstream_writer_text(w, address->host);
    vstream_writer_text(w, is_ipv6 ? "]:" : ":");
    vstream_writer_uint(w, address->port);
    vstream_writer_text(w, "/");
    vstream_writer_uint(w, address->db);
}


static void
check_again(const vsw_redis_address_t *address)
{
    char                text[8192];
    vstream_writer_t    w;
    vsw_redis_address_t again;

    if (strpbrk(address->host, "@/[]") != NULL) {
        return; /* no name can be found of that */
    }

    vstream_writer_init(&w, text, sizeof(text) - 1);
    write_again(&w, address);
    fuzz_check(vstream_writer_status(&w) == VSTREAM_OK);
    text[w.length] = '\0';

    fuzz_check(vsw_redis_address_read(text, &again) == NULL);
    fuzz_check(strcmp(again.user, address->user) == 0);
    fuzz_check(strcmp(again.password, address->password) == 0);
    fuzz_check(strcmp(again.host, address->host) == 0);
    fuzz_check(again.port == address->port && again.db == address->db
               && again.tls == address->tls);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char               *text = fuzz_text(data, size);
    const char         *error;
    vsw_redis_address_t address;

    error = vsw_redis_address_read(text, &address);

    if (error != NULL) {
        fuzz_check(error < text || error > text + size);
        fuzz_check(strchr(error, '%') == NULL);

    } else if (address.path[0] != '\0') {
        fuzz_check(strcmp(text + 5, address.path) == 0);

    } else {
        fuzz_check(address.host[0] != '\0' && address.port != 0);
        check_again(&address);
    }

    free(text);

    return 0;
}
