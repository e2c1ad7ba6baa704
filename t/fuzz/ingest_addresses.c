/*
 * Addresses in the configuration, one a line: where pages are served, and
 * brokers of Kafka.  What passes is an address and a port and nothing else, by
 * the standard library's own reading.
 */

#include "fuzz.h"

#include <arpa/inet.h>

#include "vsw_http.h"
#include "vsw_kafka_config.h"


/* The text up to its last colon, without brackets. */
static void
split(const char *text, char host[256], const char **port)
{
    const char *colon = strrchr(text, ':');
    size_t      length;

    fuzz_check(colon != NULL);
    length = (size_t) (colon - text);
    *port = colon + 1;

    if (text[0] == '[') {
        fuzz_check(length > 2 && text[length - 1] == ']');
        text++;
        length -= 2;
    }

    fuzz_check(length > 0 && length < 256);
    memcpy(host, text, length);
    host[length] = '\0';
}


static void
check_port(const char *port)
{
    char         *end;
    unsigned long n = strtoul(port, &end, 10);

    fuzz_check(port[0] >= '0' && port[0] <= '9' && *end == '\0');
    fuzz_check(n <= 65535);
}


static void
check_listen(const char *text)
{
    char        host[256];
    const char *port;
    uint8_t     address[16];

    if (vsw_http_address_check(text) != 0) {
        return;
    }

    split(text, host, &port);
    check_port(port);
    fuzz_check(inet_pton(text[0] == '[' ? AF_INET6 : AF_INET, host, address)
               == 1);
}


static void
check_broker(char *text)
{
    char               path[64];
    const char        *port;
    char               host[256];
    vsw_kafka_config_t config = { .brokers = &text, .brokers_count = 1 };

    if (strlen(text) > 250
        || vsw_kafka_config_check(&config, path, sizeof(path)) != NULL)
    {
        return;
    }

    split(text, host, &port);
    check_port(port);
    fuzz_check(strpbrk(host, ",/@ \t\r\n") == NULL);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char           *text;
    vstream_slice_t line;

    while (size > 0) {
        line = fuzz_line(&data, &size);
        text = fuzz_text((const uint8_t *) line.data, line.length);
        check_listen(text);
        check_broker(text);
        free(text);
    }

    return 0;
}
