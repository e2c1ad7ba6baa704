/*
 * What the unit tests share: cmocka with all that it wants included first,
 * slices of literals, and exact copies, whose end AddressSanitizer watches.
 */

#ifndef UNIT_H
#define UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vstream_slice.h"

#define UNIT_COUNT(array) (sizeof(array) / sizeof((array)[0]))


/* Before main(), whoever runs the program: prove reads TAP and nothing else. */
__attribute__((constructor)) static inline void
unit_output_tap(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
}


static inline vstream_slice_t
unit_slice(const char *text)
{
    return (vstream_slice_t) { text, strlen(text) };
}


/* A copy with nothing behind its last byte; freed by unit_free(). */
static inline vstream_slice_t
unit_copy(const void *data, size_t length)
{
    char *copy = malloc(length ? length : 1);

    assert_non_null(copy);

    if (length > 0) {
        memcpy(copy, data, length);
    }

    return (vstream_slice_t) { copy, length };
}


static inline void
unit_free(vstream_slice_t slice)
{
    free((void *) (uintptr_t) slice.data);
}


static inline void
unit_assert_slice(vstream_slice_t slice, const char *text)
{
    assert_int_equal(slice.length, strlen(text));
    assert_memory_equal(slice.data, text, slice.length);
}


#endif /* UNIT_H */
