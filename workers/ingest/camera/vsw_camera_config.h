/*
 * What the supervisor tells a camera process in CONFIGURE (vsw_link.h), read
 * into a struct.  Everything in it was checked by the supervisor once; it is
 * bounded here again where a slip would cost memory.
 */

#ifndef VSW_CAMERA_CONFIG_H
#define VSW_CAMERA_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "vsw_dial_policy.h"
#include "vsw_failure.h"
#include "vsw_mask.h"

#define VSW_FILE_ROOTS_MAX 32
#define VSW_DEVICES_MAX    32


typedef struct {
    json_t *json; /* owns the texts below */

    const char *id;
    const char *url;       /* credentials filled in, percent-encoded */
    const char *substream; /* the same; NULL: there is none */
    const char *transport;
    const char *file_roots[VSW_FILE_ROOTS_MAX];
    size_t      file_roots_count;
    const char *devices[VSW_DEVICES_MAX];
    size_t      devices_count;
    const char *ca_file; /* NULL: the host's authorities alone */

    uint32_t fps_milli; /* 0: as they come */
    uint32_t width;     /* 0: as it comes */
    uint32_t quality;
    uint32_t still_ms; /* 0: no stills while nobody watches */
    bool     still_is_set;
    uint32_t kafka_fps_milli; /* 0: no promise */
    bool     kafka_keyframe;  /* Kafka gets of what is decoded anyway */
    bool     quality_is_set;
    int64_t  interval_us; /* between two polls of a JPEG */
    int64_t  connect_timeout_us;
    size_t   max_frame_bytes;
    uint64_t max_pixels;

    vsw_dial_policy_t dial;
    vsw_mask_t        mask;
} vsw_camera_config_t;


/* VSTREAM_ERROR: `failure` says what is wrong. */
int vsw_camera_config_read(vsw_camera_config_t *config, const void *text,
                           size_t length, vsw_failure_t *failure);

void vsw_camera_config_clear(vsw_camera_config_t *config);

/*
 * `substream` becomes what `config` is for the source of its substream, whose
 * pictures keep the size that they have; a rate for Kafka is the main
 * stream's.  Borrows all from `config`; is not
 * to be cleared.
 */
void vsw_camera_config_substream(const vsw_camera_config_t *config,
                                 vsw_camera_config_t       *substream);


#endif /* VSW_CAMERA_CONFIG_H */
