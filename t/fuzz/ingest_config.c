/*
 * The configuration file: whatever it holds, it gives a configuration that
 * passes its own check, or one line that says what is wrong.
 */

#include "fuzz.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vsw_ingest_config.h"
#include "vsw_yaml.h"


static void
check_error(const char *error, const char *file)
{
    size_t length = strnlen(error, VSW_INGEST_ERROR_MAX);

    fuzz_check(length > 0 && length < VSW_INGEST_ERROR_MAX);
    fuzz_check(strpbrk(error, "\r\n") == NULL);
    fuzz_check(strncmp(error, file, strlen(file)) == 0);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;

    char                 file[64], error[VSW_INGEST_ERROR_MAX] = "", path[256];
    vsw_ingest_config_t *config;

    if (fd == -1) {
        fd = memfd_create("ingest.yaml", 0);
        setenv("SSL_CERT_FILE", "/dev/null", 1); /* there are many to read */
    }

    snprintf(file, sizeof(file), "/proc/self/fd/%d", fd);
    fuzz_check(ftruncate(fd, 0) == 0);
    fuzz_check(pwrite(fd, data, size, 0) == (ssize_t) size);

    config = vsw_ingest_config_load(file, error, sizeof(error));

    if (config == NULL) {
        check_error(error, file);
        return 0;
    }

    fuzz_check(vsw_ingest_config_check(config, path, sizeof(path)) == NULL);
    vsw_ingest_config_destroy(config);

    return 0;
}
