/*
 * The state of all cameras, as status shows it: a survey.  Taken when somebody
 * asks, shared by all who ask meanwhile, kept for those who ask when storage
 * is away.
 */

#ifndef NGX_HTTP_VSTREAM_STORE_SURVEY_H
#define NGX_HTTP_VSTREAM_STORE_SURVEY_H

#include "ngx_http_vstream_module.h"


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

/* Storage is there (again): for those who wait. */
void ngx_http_vstream_store_survey_ready(void);

void ngx_http_vstream_store_survey_init(void);


#endif /* NGX_HTTP_VSTREAM_STORE_SURVEY_H */
