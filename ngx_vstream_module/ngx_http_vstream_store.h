/*
 * All that endpoints know of storage: they watch a camera, and are told when
 * it has a new picture; they ask for the state of all cameras.  That there is
 * a Redis behind it, they do not know.
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


/*
 * One camera as status shows it.  Values are the text of the status hash, or
 * empty; `name`, `origin` and `has_small` come from its declaration.
 */
typedef struct {
    ngx_str_t  id;
    ngx_str_t  name;
    ngx_str_t  origin;
    ngx_str_t *values;        /* by index of ngx_http_vstream_status_fields */
    unsigned   has_small : 1; /* the rendition */
} ngx_http_vstream_row_t;

typedef enum {
    NGX_HTTP_VSTREAM_FIELD_TEXT,
    NGX_HTTP_VSTREAM_FIELD_NUMBER,
} ngx_http_vstream_field_type_t;

typedef struct {
    ngx_str_t                     name;
    ngx_http_vstream_field_type_t type;
} ngx_http_vstream_field_t;

enum {
    NGX_HTTP_VSTREAM_FIELD_STATE,
    NGX_HTTP_VSTREAM_FIELD_REASON,
    NGX_HTTP_VSTREAM_FIELD_DETAIL,
    NGX_HTTP_VSTREAM_FIELD_OWNER,
    NGX_HTTP_VSTREAM_FIELD_EPOCH,
    NGX_HTTP_VSTREAM_FIELD_SINCE,
    NGX_HTTP_VSTREAM_FIELD_CODEC,
    NGX_HTTP_VSTREAM_FIELD_WIDTH,
    NGX_HTTP_VSTREAM_FIELD_HEIGHT,
    NGX_HTTP_VSTREAM_FIELD_FPS,
    NGX_HTTP_VSTREAM_FIELD_KBPS,
    NGX_HTTP_VSTREAM_FIELD_KEYFRAME_MS,
    NGX_HTTP_VSTREAM_FIELD_HEARD,
    NGX_HTTP_VSTREAM_FIELD_STILL,
    NGX_HTTP_VSTREAM_FIELD_WATCHED,
    NGX_HTTP_VSTREAM_FIELD_ACCESS_UNITS,
    NGX_HTTP_VSTREAM_FIELD_FRAMES_PUBLISHED,
    NGX_HTTP_VSTREAM_FIELD_FRAMES_DROPPED,
    NGX_HTTP_VSTREAM_FIELD_KAFKA,
    NGX_HTTP_VSTREAM_FIELD_KAFKA_DETAIL,
    NGX_HTTP_VSTREAM_FIELD_KAFKA_PUBLISHED,
    NGX_HTTP_VSTREAM_FIELD_KAFKA_DROPPED,
    NGX_HTTP_VSTREAM_FIELD_DIALS,
    NGX_HTTP_VSTREAM_FIELD_RESTARTS,
    NGX_HTTP_VSTREAM_FIELD_SUBSTREAM,
    NGX_HTTP_VSTREAM_FIELD_SUBSTREAM_DETAIL,
    NGX_HTTP_VSTREAM_FIELDS
};

extern const ngx_http_vstream_field_t
    ngx_http_vstream_status_fields[NGX_HTTP_VSTREAM_FIELDS];

/* All cameras, as they were at one moment; sorted by id. */
typedef struct {
    ngx_pool_t             *pool;
    ngx_msec_t              taken;
    ngx_uint_t              nrows;
    ngx_uint_t              pending; /* answers that are still awaited */
    ngx_uint_t              failed;  /* one of them was none */
    ngx_str_t               text;    /* of all rows, once it was asked for */
    ngx_http_vstream_row_t *rows;
} ngx_http_vstream_survey_t;

typedef struct ngx_http_vstream_survey_wait_s ngx_http_vstream_survey_wait_t;

/* `survey` is borrowed for the call; NULL: storage went away. */
typedef void (*ngx_http_vstream_survey_pt)(ngx_http_vstream_survey_wait_t *wait,
                                           ngx_http_vstream_survey_t *survey);

struct ngx_http_vstream_survey_wait_s {
    ngx_queue_t                queue;
    ngx_http_vstream_survey_pt handler;
    void                      *data;
    unsigned                   waiting : 1;
};

/*
 * NGX_OK: *survey is not older than 250 ms, or the last one that could be had
 * while storage is away; borrowed until the event loop goes on.  NGX_AGAIN:
 * the handler will be called, once.  NGX_DECLINED: storage is away and there
 * never was a survey.  However many ask, one survey is taken at a time.
 */
ngx_int_t ngx_http_vstream_store_survey(ngx_http_vstream_survey_wait_t *wait,
                                        ngx_http_vstream_survey_t     **survey);

/* Whatever was found last, however long ago; NULL: nothing ever. */
ngx_http_vstream_survey_t *ngx_http_vstream_store_survey_last(void);

void ngx_http_vstream_store_survey_cancel(ngx_http_vstream_survey_wait_t *wait);


#endif /* NGX_HTTP_VSTREAM_STORE_H */
