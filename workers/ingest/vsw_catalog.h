/*
 * The catalog: which cameras are wanted.  It is read from `vs:{_}:cameras`
 * when Redis comes up, on news, and every VSTREAM_REREAD_MS.
 *
 * A camera that is no longer in the hash is withdrawn only where the record
 * of its origin exists and lacks it: a Redis that was emptied withdraws
 * nothing.
 */

#ifndef VSW_CATALOG_H
#define VSW_CATALOG_H

#include "vsw_cameras.h"

#define VSW_CATALOG_GAP_MS 50 /* least time between two readings */


typedef struct {
    vsw_camera_env_t *env;
    vsw_cameras_t    *cameras;
    int64_t           read_ms; /* when the next reading is due */
    uint64_t          round;   /* of reading; marks what was seen */
    unsigned          reading : 1;
    unsigned          read_once : 1;
} vsw_catalog_t;


void vsw_catalog_init(vsw_catalog_t *catalog, vsw_camera_env_t *env,
                      vsw_cameras_t *cameras);

/* There is news, or Redis has come up: read soon. */
void vsw_catalog_hurry(vsw_catalog_t *catalog);

/* To be called every 50 ms or so. */
void vsw_catalog_tick(vsw_catalog_t *catalog, int64_t now_ms);


#endif /* VSW_CATALOG_H */
