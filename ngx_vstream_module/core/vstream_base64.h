/*
 * Base64 (RFC 4648 section 4): the standard alphabet, padded, on one line.
 */

#ifndef VSTREAM_BASE64_H
#define VSTREAM_BASE64_H

#include "vstream_writer.h"


void vstream_base64_write(vstream_writer_t *w, vstream_slice_t data);


#endif /* VSTREAM_BASE64_H */
