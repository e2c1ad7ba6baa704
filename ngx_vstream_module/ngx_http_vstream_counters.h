/*
 * Counters in shared memory, for status, metrics and the bound on viewers.
 *
 * Every nginx worker owns a block, found by its process slot, and is the only
 * one that writes to it: counting is a plain addition.  Readers add up all
 * blocks.  What a former owner of a slot counted is moved to `retired` when
 * the slot gets a new one, so that totals never go back.
 */

#ifndef NGX_HTTP_VSTREAM_COUNTERS_H
#define NGX_HTTP_VSTREAM_COUNTERS_H

#include "ngx_http_vstream_module.h"

#define NGX_HTTP_VSTREAM_ZONE_SIZE (16 * 1024 * 1024)

/* Cameras beyond these share the last index; their names are not known. */
#define NGX_HTTP_VSTREAM_COUNTED_CAMERAS VSTREAM_CAMERAS_MAX

#define NGX_HTTP_VSTREAM_AGE_BUCKETS 12


typedef enum {
    NGX_HTTP_VSTREAM_SKIPPED_SLOW,      /* the viewer was still busy */
    NGX_HTTP_VSTREAM_SKIPPED_RATE,      /* fps= or vstream_max_fps */
    NGX_HTTP_VSTREAM_SKIPPED_LARGE,     /* vstream_max_frame_size */
    NGX_HTTP_VSTREAM_SKIPPED_STALE,     /* an owner that is one no more */
    NGX_HTTP_VSTREAM_SKIPPED_OVERTAKEN, /* a newer one was in the same read */
    NGX_HTTP_VSTREAM_SKIPPED_REASONS
} ngx_http_vstream_skipped_t;

typedef enum {
    NGX_HTTP_VSTREAM_CLOSED_LEFT,    /* by the viewer */
    NGX_HTTP_VSTREAM_CLOSED_STALLED, /* vstream_stall_timeout */
    NGX_HTTP_VSTREAM_CLOSED_DRAINED, /* nginx was reloaded or stops */
    NGX_HTTP_VSTREAM_CLOSED_GONE,    /* the camera was withdrawn */
    NGX_HTTP_VSTREAM_CLOSED_REASONS
} ngx_http_vstream_closed_t;

typedef struct {
    uint64_t viewers; /* now; the others only grow */
    uint64_t frames_received;
    uint64_t frames_sent;
    uint64_t bytes_sent;
    uint64_t skipped[NGX_HTTP_VSTREAM_SKIPPED_REASONS];
} ngx_http_vstream_camera_counters_t;

typedef struct {
    ngx_pid_t pid;               /* 0: nobody owns the block */
    uint64_t  redis_connections; /* ready now */
    uint64_t  redis_reconnects;
    uint64_t  redis_errors;
    uint64_t  closed[NGX_HTTP_VSTREAM_CLOSED_REASONS];
    uint64_t  age_buckets[NGX_HTTP_VSTREAM_AGE_BUCKETS + 1];
    uint64_t  age_sum_us;
    ngx_http_vstream_camera_counters_t
        cameras[NGX_HTTP_VSTREAM_COUNTED_CAMERAS + 1];
} ngx_http_vstream_counters_t;


/* This nginx worker's own block; never NULL once it runs. */
extern ngx_http_vstream_counters_t *ngx_http_vstream_counted;

/* Upper bounds of age_buckets in milliseconds; the last bucket has none. */
extern const ngx_uint_t
    ngx_http_vstream_age_bounds[NGX_HTTP_VSTREAM_AGE_BUCKETS];


/* At configuration: asks for the shared zone. */
ngx_int_t ngx_http_vstream_counters_add_zone(
    ngx_conf_t *cf, ngx_http_vstream_main_conf_t *vmcf);

/* In a new nginx worker: takes its block.  In a leaving one: gives it back. */
ngx_int_t ngx_http_vstream_counters_init(ngx_cycle_t                  *cycle,
                                         ngx_http_vstream_main_conf_t *vmcf);
void      ngx_http_vstream_counters_exit(void);

/*
 * The index of a camera in `cameras`, the same in all nginx workers; it is
 * given one where it has none.  NGX_HTTP_VSTREAM_COUNTED_CAMERAS: the table is
 * full.
 */
ngx_uint_t ngx_http_vstream_counters_camera(ngx_str_t *id);

/* The same, but nothing is given: for those that only look. */
ngx_uint_t ngx_http_vstream_counters_find(ngx_str_t *id);

/* Viewers of a camera in all living nginx workers. */
uint64_t ngx_http_vstream_counters_viewers(ngx_uint_t camera);

/* A frame has left this worker: `age_us` from capture to socket. */
void ngx_http_vstream_counters_age(int64_t age_us);

/*
 * Adds all blocks up into `sum` (the retired ones too; gauges only of the
 * living).  Returns the number of cameras that have an index of their own.
 */
ngx_uint_t ngx_http_vstream_counters_sum(ngx_http_vstream_counters_t *sum);

/* Id of a camera by index, below what counters_sum() returned. */
ngx_str_t ngx_http_vstream_counters_camera_id(ngx_uint_t camera);


#endif /* NGX_HTTP_VSTREAM_COUNTERS_H */
