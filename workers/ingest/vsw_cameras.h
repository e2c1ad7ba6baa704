/*
 * All cameras that a replica knows of, sorted by id.  The table owns them.
 */

#ifndef VSW_CAMERAS_H
#define VSW_CAMERAS_H

#include <stddef.h>

#include "vsw_camera.h"

#define VSW_CAMERAS_MAX 4096


typedef struct {
    vsw_camera_t **list;
    size_t         count;
    size_t         capacity;
    uint64_t       version; /* changes whenever the list does */
} vsw_cameras_t;


/* NULL: there is none of that id. */
vsw_camera_t *vsw_cameras_find(const vsw_cameras_t *cameras,
                               vstream_slice_t      id);

/*
 * The camera of that id, made where there is none.  NULL: the id is no camera
 * id, the table is full, or memory is.
 */
vsw_camera_t *vsw_cameras_get(vsw_cameras_t *cameras, vsw_camera_env_t *env,
                              vstream_slice_t id);

/* Destroys those that are withdrawn and idle. */
void vsw_cameras_sweep(vsw_cameras_t *cameras);

/* Destroys all, whatever they do. */
void vsw_cameras_clear(vsw_cameras_t *cameras);


#endif /* VSW_CAMERAS_H */
