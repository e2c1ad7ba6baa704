/*
 * A slice: bytes that somebody else owns, and how many there are.  Never
 * zero-terminated, never freed by whoever is handed one.  The return codes of
 * all core functions stand here too.
 */

#ifndef VSTREAM_SLICE_H
#define VSTREAM_SLICE_H

#include <stddef.h>
#include <stdint.h>

#define VSTREAM_OK       0
#define VSTREAM_ERROR    -1
#define VSTREAM_AGAIN    -2 /* more input is needed */
#define VSTREAM_DECLINED -5 /* well formed, but not for us */


typedef struct {
    const char *data;
    size_t      length;
} vstream_slice_t;


/* A string literal as a slice; its terminating zero is not counted. */
#define VSTREAM_SLICE(literal)                                                 \
    ((vstream_slice_t) { (literal), sizeof(literal) - 1 })


#endif /* VSTREAM_SLICE_H */
