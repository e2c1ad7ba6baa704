/*
 * What a camera process is told when it starts: JSON that is taken gives
 * values within their bounds, and none of its secrets passes the mask.
 */

#include "fuzz.h"

#include "vsw_camera_config.h"
#include "vstream_schema.h"


static void
check_mask(const vsw_camera_config_t *config)
{
    char        line[1024];
    size_t      i, n;
    const char *secret;

    for (i = 0; i < config->mask.count; i++) {
        secret = config->mask.secrets[i];
        n = strlen(secret);

        if (n >= sizeof(line) - 8 || strchr(secret, '*') != NULL) {
            continue; /* stars stand where it stood */
        }

        memcpy(line, "at ", 3);
        memcpy(line + 3, secret, n);
        memcpy(line + 3 + n, " it", 4);
        vsw_mask_apply(&config->mask, line);
        fuzz_check(strstr(line, secret) == NULL);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vsw_failure_t       failure = { .reason = NULL };
    vsw_camera_config_t config;

    if (vsw_camera_config_read(&config, data, size, &failure) == VSTREAM_OK) {
        fuzz_check(config.id != NULL && config.url != NULL);
        fuzz_check(config.quality >= 1 && config.quality <= 100);
        fuzz_check(config.max_frame_bytes <= VSTREAM_FRAME_BYTES_MAX);
        fuzz_check(config.dial.count <= VSW_NETWORKS_MAX);
        fuzz_check(config.dial.listens_count <= VSW_LISTENS_MAX);
        fuzz_check(config.file_roots_count <= VSW_FILE_ROOTS_MAX);
        fuzz_check(config.devices_count <= VSW_DEVICES_MAX);
        check_mask(&config);

    } else {
        fuzz_check(failure.reason != NULL);
    }

    vsw_camera_config_clear(&config);

    return 0;
}
