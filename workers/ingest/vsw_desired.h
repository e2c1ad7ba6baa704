/*
 * A camera as it stands in `vs:{_}:cameras`: what somebody wants us to take
 * in.  The text comes out of Redis and is not trusted.  One that is not right
 * is kept together with what is wrong, so that status can say so.
 */

#ifndef VSW_DESIRED_H
#define VSW_DESIRED_H

#include <jansson.h>

#include "vstream_camera.h"
#include "vstream_source.h"

#define VSW_DESIRED_JSON_MAX 16384
#define VSW_DESIRED_DETAIL   256


typedef struct {
    char            *text; /* the JSON, as it was found */
    size_t           length;
    json_t          *json;      /* owns what `camera` points to */
    vstream_camera_t camera;    /* defaults where the text is not right */
    vstream_source_t source;    /* of camera.source */
    vstream_source_t substream; /* of camera.substream, if there is one */
    const char      *reason;    /* VSTREAM_REASON_*; NULL: all is right */
    char             detail[VSW_DESIRED_DETAIL];
} vsw_desired_t;


/* NULL: out of memory. */
vsw_desired_t *vsw_desired_create(vstream_slice_t json);
void           vsw_desired_destroy(vsw_desired_t *desired); /* accepts NULL */


#endif /* VSW_DESIRED_H */
