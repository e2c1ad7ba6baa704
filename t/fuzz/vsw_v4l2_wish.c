/*
 * Options of a webcam: what passes is within its bounds.
 */

#include "fuzz.h"

#include "vstream_schema.h"
#include "vsw_v4l2_mode.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char           *query = malloc(size + 1);
    vsw_v4l2_wish_t wish;

    fuzz_check(query != NULL);
    memcpy(query, data, size);
    query[size] = '\0';

    if (vsw_v4l2_wish_read(&wish, query) == VSTREAM_OK) {
        fuzz_check(wish.width <= 16384 && wish.height <= 16384);
        fuzz_check((wish.width > 0) == (wish.height > 0));
        fuzz_check(wish.fps_milli <= 240000);
        fuzz_check(memchr(wish.format, '\0', sizeof(wish.format)) != NULL);
    }

    free(query);

    return 0;
}
