/*
 * The substream of a camera: a second connection to it, for the rendition
 * small and for stills.  It may fail without the camera failing; then it is
 * dialled again after a while, and until it is there the main stream stands
 * in.  The supervisor is told whenever that changes.
 */

#ifndef VSW_SUBSTREAM_H
#define VSW_SUBSTREAM_H

#include "vsw_stream.h"

typedef struct vsw_substream_s vsw_substream_t;


/*
 * `config` is the camera's, and names a substream; it and `link` are borrowed.
 * NULL: it cannot even be tried, which the supervisor has been told.
 */
vsw_substream_t *vsw_substream_create(const vsw_camera_config_t *config,
                                      vsw_link_t                *link);

int  vsw_substream_fd(const vsw_substream_t *substream);
void vsw_substream_fd_clear(vsw_substream_t *substream);
void vsw_substream_watched_set(vsw_substream_t *substream, uint32_t watched);

/* As vsw_stream_work(); VSTREAM_ERROR: the link is gone. */
int vsw_substream_work(vsw_substream_t *substream, int64_t *due_us);

/* It gives stills, and the pictures of its rendition. */
bool vsw_substream_is_there(const vsw_substream_t *substream);

/* Adds what it has dropped to the camera's counts. */
void vsw_substream_counts_add(const vsw_substream_t *substream,
                              vsw_link_counts_t     *counts);

/* As vsw_stream_stop(). */
void vsw_substream_stop(vsw_substream_t *substream, int64_t wait_us);


#endif /* VSW_SUBSTREAM_H */
