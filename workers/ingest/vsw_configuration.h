/*
 * What a camera process is told when it starts: VSW_LINK_CONFIGURE, from what
 * is wanted of the camera, the configuration of this replica and the camera's
 * credential.  Holds a secret: whoever has one clears it.
 */

#ifndef VSW_CONFIGURATION_H
#define VSW_CONFIGURATION_H

#include <stddef.h>

#include "vsw_credentials.h"
#include "vsw_desired.h"
#include "vsw_ingest_config.h"


typedef struct {
    char  *json; /* NULL: none */
    size_t length;

    /* Why the substream is left out, as below; NULL: it is not. */
    const char *substream_reason;
    char        substream_detail[VSW_CREDENTIAL_DETAIL];
} vsw_configuration_t;


/*
 * Returns NULL, or one of VSTREAM_REASON_*; `detail` (at least
 * VSW_CREDENTIAL_DETAIL bytes) then says what to do.  A substream that may not
 * be had stops no camera.
 */
const char *vsw_configuration_create(vsw_configuration_t       *configuration,
                                     const char                *id,
                                     const vsw_desired_t       *desired,
                                     const vsw_ingest_config_t *config,
                                     char                      *detail);

/* Clears and frees; accepts one that is empty. */
void vsw_configuration_clear(vsw_configuration_t *configuration);


#endif /* VSW_CONFIGURATION_H */
