/*
 * A lane: one of a viewer's cameras, from the store's first answer to its
 * last.  Knows what becomes of the camera, and whether a picture is due; the
 * viewer (ngx_http_vstream_viewer.c), whose own this is, sends it.
 */

#ifndef NGX_HTTP_VSTREAM_LANE_H
#define NGX_HTTP_VSTREAM_LANE_H

#include "ngx_http_vstream_viewer.h"

#define NGX_HTTP_VSTREAM_PIECES 3 /* of a part, that are sent together */


typedef struct ngx_http_vstream_viewer_s ngx_http_vstream_viewer_t;

typedef struct {
    ngx_http_vstream_watch_t   watch;
    ngx_http_vstream_viewer_t *viewer;
    ngx_uint_t                 stamp; /* of the part sent or passed over last */
    ngx_uint_t                 counter; /* of the camera, while counted */
    int64_t                    due_us;  /* when fps= lets the next one go */
    ngx_str_t                  id;
    vstream_rendition_t        rendition; /* that is shown */
    ngx_msec_t                 unknown_since;
    unsigned                   opened : 1;  /* the store has answered */
    unsigned                   unknown : 1; /* there is no such camera */
    unsigned                   lacked : 1;  /* nor this rendition of it */
    unsigned                   counted : 1;
} ngx_http_vstream_lane_t;

typedef enum {
    NGX_HTTP_VSTREAM_OPENING,   /* waits for the store */
    NGX_HTTP_VSTREAM_WAITING,   /* for a first picture; no header yet */
    NGX_HTTP_VSTREAM_STREAMING, /* header sent */
    NGX_HTTP_VSTREAM_DETACHED   /* answered otherwise, or leaving */
} ngx_http_vstream_viewer_state_t;

/*
 * What each picture needs stands together, at the end, next to the lanes: with
 * many viewers, memory that is touched is most of what they cost here.
 */
struct ngx_http_vstream_viewer_s {
    ngx_queue_t                     queue;
    ngx_http_request_t             *request;
    vstream_rendition_t             rendition; /* that was asked for */
    ngx_http_vstream_lack_t         lack;
    ngx_event_t                     timer;
    ngx_msec_t                      deadline;
    ngx_msec_t                      drain_at;
    ngx_http_vstream_closed_t       reason; /* why it ends */
    ngx_chain_t                     chain[2];
    ngx_buf_t                       bufs[2];
    struct iovec                    rest[NGX_HTTP_VSTREAM_PIECES];
    ngx_uint_t                      nrest; /* pieces that wait, if direct */
    ngx_connection_t               *connection; /* of the request */
    ngx_http_vstream_loc_conf_t    *conf;
    ngx_http_vstream_ctx_t         *ctx;
    ngx_http_vstream_viewer_state_t state;
    unsigned                        advance : 1; /* early header blocks */
    unsigned                        direct : 1;  /* past nginx's filters */
    unsigned                        chunked : 1; /* by whoever sends */
    unsigned                        busy : 1;    /* what was sent is not gone */
    unsigned                        draining : 1; /* ends at drain_at */
    ngx_http_vstream_part_t        *part;         /* in flight */
    ngx_uint_t                      camera;       /* its counter */
    ngx_uint_t                      frames;       /* sent so far */
    int64_t                         interval_us;  /* of fps=; 0: none */
    ngx_uint_t                      next;         /* lane whose turn it is */
    ngx_uint_t                      nlanes;
    ngx_http_vstream_lane_t         lanes[];
};


/* As ngx_http_vstream_store_watch(). */
ngx_int_t ngx_http_vstream_lane_open(ngx_http_vstream_lane_t *lane,
                                     vstream_rendition_t      rendition);
void      ngx_http_vstream_lane_close(ngx_http_vstream_lane_t *lane);

/*
 * Counts the viewer among those of the camera.  NGX_BUSY: it has as many as
 * vstream_max_viewers lets it have.
 */
ngx_int_t ngx_http_vstream_lane_count(ngx_http_vstream_lane_t *lane);

/* The camera is there; closes the lane where it must not be counted. */
void ngx_http_vstream_lane_known(ngx_http_vstream_lane_t *lane);

/*
 * There is no such camera, or no longer.  `first`: this is the answer to a try
 * to open.  When all lanes are unknown, the viewer is to end.
 */
void ngx_http_vstream_lane_unknown(ngx_http_vstream_lane_t *lane,
                                   ngx_uint_t               first);

/*
 * The camera has not, or no longer, the rendition.  NGX_OK: it is shown as
 * main; NGX_AGAIN: it will be, when the store has answered; NGX_DECLINED: the
 * lane is closed.
 */
ngx_int_t ngx_http_vstream_lane_lacked(ngx_http_vstream_lane_t *lane,
                                       ngx_uint_t               first);

/*
 * The camera has a new part.  NGX_DECLINED: the viewer does not get it now,
 * which is counted.
 */
ngx_int_t ngx_http_vstream_lane_take(ngx_http_vstream_lane_t *lane);

/* Is it time to try to open it again? */
ngx_uint_t ngx_http_vstream_lane_is_closed(ngx_http_vstream_lane_t *lane);


#endif /* NGX_HTTP_VSTREAM_LANE_H */
