/*
 * UTF-8 (RFC 3629), one character at a time.  The JSON writer and the check
 * of a camera's name need it; nobody else should care about characters.
 */

#ifndef VSTREAM_UTF8_H
#define VSTREAM_UTF8_H

#include "vstream_slice.h"


/*
 * Reads the character at the start of `text` into *code and returns how many
 * bytes it takes, 1 to 4.  0: `text` is empty, or does not start with a
 * whole, shortest-form character that is no surrogate and at most U+10FFFF.
 */
size_t vstream_utf8_read(vstream_slice_t text, uint32_t *code);


#endif /* VSTREAM_UTF8_H */
