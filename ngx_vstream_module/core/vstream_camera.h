/*
 * A camera as it was declared: its desired state.  `vstream_camera` lines of
 * nginx.conf become one of these, are written as JSON into the hash
 * `vs:{_}:cameras`, and are read there by vstream-ingest.  Both sides accept
 * and refuse the same options because both call this file.
 */

#ifndef VSTREAM_CAMERA_H
#define VSTREAM_CAMERA_H

#include "vstream_source.h"
#include "vstream_writer.h"

#define VSTREAM_CAMERA_NAME_MAX   128 /* bytes of UTF-8 */
#define VSTREAM_CAMERA_OPTION_MAX 160 /* of all but `substream=` */


typedef enum {
    VSTREAM_TRANSPORT_TCP = 0,
    VSTREAM_TRANSPORT_UDP,
} vstream_transport_t;

typedef struct {
    vstream_slice_t     id;
    vstream_slice_t     source;
    vstream_slice_t     origin;
    vstream_slice_t     name;      /* for people; empty: the id is shown */
    uint32_t            fps_milli; /* most frames per 1000 s; 0: as they come */
    uint32_t            width;   /* pixels, 16 to 7680, even; 0: as it comes */
    uint32_t            quality; /* of JPEG, 1 to 100; default 80 */
    vstream_transport_t transport; /* of RTSP */
    vstream_slice_t     substream; /* a second, smaller source; empty: none */
    uint32_t interval_ms;     /* between two polls of a JPEG; default 1000 */
    uint32_t still_ms;        /* least time between stills; 0: `still=off` */
    uint32_t kafka_fps_milli; /* frames per 1000 s to Kafka, by decoding; 0 */
    unsigned kafka_keyframe : 1; /* and no rate: what is decoded anyway */
    unsigned still_is_set : 1; /* `still=` was given: keep to it by decoding */
    unsigned quality_is_set : 1; /* `quality=` was given: MJPEG is re-encoded */
} vstream_camera_t;

/* One option, for parsers, error texts and README. */
typedef struct {
    const char *name;  /* "fps" */
    const char *value; /* what is right: "a number from 0.01 to 120" */
    const char *text;  /* one sentence for README and --help */
} vstream_camera_option_t;

/* Ends with an entry whose name is NULL. */
extern const vstream_camera_option_t vstream_camera_options[];


/* All empty or default. */
void vstream_camera_init(vstream_camera_t *camera);

/*
 * Sets one option.  `value` must live as long as `camera`.
 * VSTREAM_DECLINED: there is no such option.  VSTREAM_ERROR: the value is not
 * right; *option (if not NULL) then says what would be.  `camera` is
 * unchanged in both cases.
 */
int vstream_camera_option_set(vstream_camera_t *camera, vstream_slice_t name,
                              vstream_slice_t                 value,
                              const vstream_camera_option_t **option);

/*
 * What is wrong with a value that vstream_camera_option_set() refused, as
 * text that follows the option's name; NULL where option->value says it all.
 * Such a value may hold a password and is not to be shown.
 */
const char *vstream_camera_option_problem(const vstream_camera_option_t *option,
                                          vstream_slice_t                value);

/*
 * The camera as JSON, one object on one line, without its id:
 * {"source":"...","origin":"...","name":"...","fps":"15",...}.  Options stand
 * there by name with the text that vstream_camera_option_set() takes; those
 * that have their default are left out.
 */
void vstream_camera_json_write(vstream_writer_t       *w,
                               const vstream_camera_t *camera);


#endif /* VSTREAM_CAMERA_H */
