/*
 * Camera credentials.  A source names one as `${NAME}` in its user-info part,
 * or as the passphrase of SRT; the value comes from VSTREAM_CAMERA_<NAME> in
 * our environment or from the file <directory>/<NAME>, and is read anew
 * whenever a camera starts.  It goes into the URL that one camera process is
 * given, and nowhere else: into no log, status, argument list or Redis value.
 *
 * The directory holds camera credentials alone.  Whoever may name a camera
 * could otherwise have any secret sent to a host of his choice.
 */

#ifndef VSW_CREDENTIALS_H
#define VSW_CREDENTIALS_H

#include <stddef.h>

#include "vsw_ingest_config.h"
#include "vstream_source.h"

#define VSW_CREDENTIAL_VALUE_MAX 512
#define VSW_CREDENTIAL_URL_MAX                                                 \
    (VSTREAM_SOURCE_MAX + 3 * VSW_CREDENTIAL_VALUE_MAX)
#define VSW_CREDENTIAL_SECRETS 2
#define VSW_CREDENTIAL_DETAIL  320


/*
 * A source whose credential has been filled in.  Whoever has one clears it
 * with vsw_credentials_clear() when done.
 */
typedef struct {
    char   url[VSW_CREDENTIAL_URL_MAX + 1];
    char   secrets[VSW_CREDENTIAL_SECRETS][3 * VSW_CREDENTIAL_VALUE_MAX + 1];
    size_t secrets_count; /* the password, and as it stands in the URL */
} vsw_filled_source_t;


/*
 * Fills `filled` from `text`, which vstream_source_read() has read into
 * `source`.  Returns NULL, or one of VSTREAM_REASON_*; `detail` (at least
 * VSW_CREDENTIAL_DETAIL bytes) then says what to do.
 */
const char *vsw_credentials_fill(const vsw_config_credentials_t *config,
                                 vstream_slice_t                 text,
                                 const vstream_source_t         *source,
                                 vsw_filled_source_t *filled, char *detail);

void vsw_credentials_clear(vsw_filled_source_t *filled);


#endif /* VSW_CREDENTIALS_H */
