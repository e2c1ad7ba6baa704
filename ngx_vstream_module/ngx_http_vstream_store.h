/*
 * All that endpoints know of storage: they watch a camera, and are told when
 * it has a new picture; they ask for the state of all cameras
 * (ngx_http_vstream_store_survey.h).  That there is a Redis behind it, they do
 * not know.
 *
 * Everything here belongs to one nginx worker.  Handlers are called from the
 * event loop, may finalize their request, and may unwatch any watch.
 */

#ifndef NGX_HTTP_VSTREAM_STORE_H
#define NGX_HTTP_VSTREAM_STORE_H

#include "ngx_http_vstream_counters.h"
#include "ngx_http_vstream_frame.h"

/* A request waits at most this long for the store's first answer. */
#define NGX_HTTP_VSTREAM_STORE_TIMEOUT 250

/* Id, colon and rendition. */
#define NGX_HTTP_VSTREAM_STORE_KEY_MAX (VSTREAM_CAMERA_ID_MAX + 8)

/* Viewers get the last picture again after this long without a new one. */
#define NGX_HTTP_VSTREAM_REPEAT 2000


typedef enum {
    NGX_HTTP_VSTREAM_PART,    /* camera->part is a new one */
    NGX_HTTP_VSTREAM_KNOWN,   /* the camera exists; it may have a part */
    NGX_HTTP_VSTREAM_UNKNOWN, /* there is no such camera, or no longer */
    NGX_HTTP_VSTREAM_LACKED,  /* it has no such rendition, or no longer */
    NGX_HTTP_VSTREAM_LOST,    /* storage went away before it could answer */
} ngx_http_vstream_event_t;

typedef struct ngx_http_vstream_watch_s ngx_http_vstream_watch_t;

typedef void (*ngx_http_vstream_watch_pt)(ngx_http_vstream_watch_t *watch,
                                          ngx_http_vstream_event_t  event);

/*
 * A rendition of a camera that somebody in this nginx worker watches, or did a
 * moment ago.
 */
typedef struct {
    ngx_str_node_t            node; /* by id and rendition */
    ngx_str_t                 name; /* the camera's id */
    vstream_rendition_t       rendition;
    ngx_queue_t               queue;
    ngx_queue_t               watches;
    ngx_queue_t              *cursor; /* next watch of the pass under way */
    ngx_http_vstream_part_t  *part;   /* the newest; NULL: none yet */
    ngx_http_vstream_frame_t *fresh;  /* received, not yet handed out */
    ngx_queue_t               fresh_queue;
    ngx_uint_t                live; /* watches that want every frame */
    ngx_uint_t                counter;
    ngx_uint_t                connection; /* subscription's, by hash of id */
    ngx_msec_t                handed_out; /* when part was */
    ngx_msec_t                idle_since; /* no live watch is left since */
    ngx_msec_t                looked_up;
    ngx_msec_t                missing_since;
    ngx_msec_t                refused_since; /* of frames of a lower epoch */
    void                     *lookup;        /* in flight */
    unsigned                  known : 1;
    unsigned                  subscribed : 1; /* asked for */
    unsigned                  confirmed : 1;  /* and granted */
    unsigned                  missing : 1;    /* at the last lookup */
    unsigned                  refusing : 1;
    u_char                    key[NGX_HTTP_VSTREAM_STORE_KEY_MAX];
} ngx_http_vstream_camera_t;

struct ngx_http_vstream_watch_s {
    ngx_queue_t                queue;
    ngx_http_vstream_camera_t *camera; /* NULL: not watching */
    ngx_http_vstream_watch_pt  handler;
    void                      *data;
    unsigned                   live : 1;
    unsigned                   waiting : 1; /* for the first answer */
};


ngx_int_t ngx_http_vstream_store_init(ngx_cycle_t                  *cycle,
                                      ngx_http_vstream_main_conf_t *vmcf);
void      ngx_http_vstream_store_exit(void);

/* False while storage does not answer. */
ngx_uint_t ngx_http_vstream_store_is_there(void);

/* It was there a moment ago, or has not had the time yet: worth waiting. */
ngx_uint_t ngx_http_vstream_store_is_coming(void);

/* It answers, but is of a version that cannot be used. */
ngx_uint_t ngx_http_vstream_store_is_old(void);

/* It is coming, and never was there yet: this nginx worker has just begun. */
ngx_uint_t ngx_http_vstream_store_is_starting(void);

/*
 * Begins to watch.  `live` asks for every frame and so makes demand; without
 * it only the first answer comes.  `id` has passed vstream_camera_id_check().
 *
 * NGX_OK: the camera is known and live already; watch->camera->part is its
 * newest picture or NULL, the first one being the still, of whichever
 * rendition.  NGX_AGAIN: the handler will be called with KNOWN, UNKNOWN,
 * LACKED or LOST.  NGX_DECLINED: storage is away now.  NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_vstream_store_watch(ngx_http_vstream_watch_t *watch,
                                       ngx_str_t                *id,
                                       vstream_rendition_t       rendition,
                                       ngx_uint_t                live);

/* Asks for every frame from now on. */
void ngx_http_vstream_store_make_live(ngx_http_vstream_watch_t *watch);

/* Does nothing where the watch watches nothing. */
void ngx_http_vstream_store_unwatch(ngx_http_vstream_watch_t *watch);


#endif /* NGX_HTTP_VSTREAM_STORE_H */
