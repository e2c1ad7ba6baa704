/*
 * Options of a source: the query of srt:, udp:, v4l2: and kafka:, as in
 * srt://192.0.2.7:9000?latency=200&passphrase=${NAME}.  Each kind knows its own
 * by name and no others; what is not listed here never reaches a library.
 */

#ifndef VSTREAM_SOURCE_OPTION_H
#define VSTREAM_SOURCE_OPTION_H

#include "vstream_source.h"
#include "vstream_writer.h"

#define VSTREAM_SOURCE_STREAMID_MAX 512 /* bytes, decoded */


/* One for README and the error texts.  Ends with a name that is NULL. */
typedef struct {
    vstream_source_kind_t kind;
    const char           *name;
    const char           *value; /* what is right */
} vstream_source_option_t;

extern const vstream_source_option_t vstream_source_options[];


/*
 * Checks source->query, and sets what of `source` stands in it: credential,
 * camera, is_listening.
 */
vstream_source_result_t vstream_source_options_read(vstream_source_t *source);

/*
 * Takes the first option off `query`: VSTREAM_OK, or VSTREAM_DECLINED where
 * there is none left.  One without "=" has an empty value.
 */
int vstream_source_option_next(vstream_slice_t *query, vstream_slice_t *name,
                               vstream_slice_t *value);

/*
 * Writes a value with its %XX decoded; "+" stays what it is.  VSTREAM_ERROR:
 * there is a "%" without two digits, or %00; the writer's content is void.
 */
int vstream_source_option_decode(vstream_writer_t *w, vstream_slice_t value);


#endif /* VSTREAM_SOURCE_OPTION_H */
