/*
 * Numbers as text: plain decimal, as they stand in frame lines, ids, ports
 * and options.  One spelling for each number: no sign, no leading zeros, no
 * exponent, no spaces; overflow is an error, never a wrap.
 */

#ifndef VSTREAM_NUMBER_H
#define VSTREAM_NUMBER_H

#include "vstream_slice.h"


/* The whole of `text` is a number of at most `max`: VSTREAM_OK or _ERROR. */
int vstream_number_read(vstream_slice_t text, uint64_t max, uint64_t *value);

/*
 * Likewise, with a point and up to 3 decimals allowed, times 1000: "29.97"
 * gives 29970.  `max` is in thousandths too.
 */
int vstream_number_milli_read(vstream_slice_t text, uint64_t max,
                              uint64_t *value);


#endif /* VSTREAM_NUMBER_H */
