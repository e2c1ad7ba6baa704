/*
 * The camera process: one camera, taken in once.  It demuxes, decodes what
 * somebody needs, encodes JPEG, and hands it all to the supervisor over its
 * link.  It knows its own camera's secret and nothing else: no Redis, no
 * Kafka, no files but its own source.
 */

#ifndef VSW_CAMERA_PROCESS_H
#define VSW_CAMERA_PROCESS_H


/*
 * Runs one camera on the link at VSW_LINK_FD until the link closes or the
 * source fails; never returns.  Called by the spawner in a fresh fork, after
 * all other descriptors were closed and limits were set.
 */
_Noreturn void vsw_camera_process_run(const char *id);

/*
 * What the spawner does once, before its first fork, so that all camera
 * processes share the pages: loads libavformat's and libavcodec's tables.
 */
void vsw_camera_process_preload(void);


#endif /* VSW_CAMERA_PROCESS_H */
