/*
 * A camera as it stands in Redis, JSON of whoever may write there: it gives a
 * camera that is right in all its parts, or one whose status says in one
 * sentence what is wrong, without showing a password.
 */

#include "fuzz.h"

#include "vsw_desired.h"
#include "vsw_log.h"


static void
check_right(const vsw_desired_t *desired)
{
    vstream_source_t source;

    fuzz_check(desired->json != NULL);
    fuzz_check(vstream_source_read(desired->camera.source, &source)
               == VSTREAM_SOURCE_OK);
    fuzz_check(source.kind == desired->source.kind);
    fuzz_check(desired->camera.source.length <= VSTREAM_SOURCE_MAX);
    fuzz_check(desired->camera.name.length <= VSTREAM_CAMERA_NAME_MAX);
    fuzz_check(desired->camera.quality >= 1 && desired->camera.quality <= 100);

    if (desired->camera.substream.length > 0) {
        fuzz_check(vstream_source_read(desired->camera.substream, &source)
                   == VSTREAM_SOURCE_OK);
    }
}


static void
check_wrong(const vsw_desired_t *desired)
{
    const char *secret = "hunter2"; /* dictionary and seeds have it */

    fuzz_check(desired->detail[0] != '\0');
    fuzz_check(memchr(desired->detail, '\0', sizeof(desired->detail)) != NULL);
    fuzz_check(strpbrk(desired->detail, "\r\n") == NULL);
    fuzz_check(strstr(desired->detail, secret) == NULL);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vsw_desired_t *desired = vsw_desired_create(fuzz_slice(data, size));

    vsw_log_configure(VSW_LOG_JSON, VSW_LOG_ERROR);
    fuzz_check(desired != NULL && desired->length == size);

    if (desired->reason == NULL) {
        check_right(desired);
    } else {
        check_wrong(desired);
    }

    vsw_desired_destroy(desired);

    return 0;
}
