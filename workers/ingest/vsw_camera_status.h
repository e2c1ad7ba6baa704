/*
 * What a replica tells of a camera that it holds: the fields of its status in
 * Redis, which the lease writes with each renewal.
 */

#ifndef VSW_CAMERA_STATUS_H
#define VSW_CAMERA_STATUS_H

#include "vsw_args.h"
#include "vsw_camera.h"


/* Appends names and values, in turn, VSTREAM_STATUS_…. */
void vsw_camera_status_write(const vsw_camera_t *camera, vsw_args_t *args);


#endif /* VSW_CAMERA_STATUS_H */
