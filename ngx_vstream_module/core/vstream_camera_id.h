/*
 * Camera ids: [A-Za-z0-9][A-Za-z0-9._-]{0,63}.  This is the only gate before
 * an id becomes part of a Redis key, a topic or a path: whatever passes holds
 * no brace, colon, slash, space, control character or `*`.
 */

#ifndef VSTREAM_CAMERA_ID_H
#define VSTREAM_CAMERA_ID_H

#include "vstream_slice.h"

#define VSTREAM_CAMERA_ID_MAX 64


/* VSTREAM_OK or VSTREAM_ERROR. */
int vstream_camera_id_check(vstream_slice_t id);


#endif /* VSTREAM_CAMERA_ID_H */
