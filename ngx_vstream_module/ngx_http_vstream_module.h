/*
 * What the files of the module share: the configuration as the directives
 * left it, the context of a request, and the entry points of the endpoints.
 */

#ifndef NGX_HTTP_VSTREAM_MODULE_H
#define NGX_HTTP_VSTREAM_MODULE_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "vstream_camera.h"
#include "vstream_camera_id.h"
#include "vstream_jpeg.h"
#include "vstream_schema.h"


/* What vstream_camera_id_check() lets through; follows "it". */
#define NGX_HTTP_VSTREAM_ID_GRAMMAR                                            \
    "has 1 to 64 letters, digits, dots, dashes or underscores and begins "     \
    "with a letter or digit"


/* Where Redis is. */
typedef struct {
    ngx_str_t   name; /* for logs: the URL without its password */
    ngx_addr_t *addrs;
    ngx_uint_t  naddrs;
    ngx_str_t   user;
    ngx_str_t   password;
    ngx_uint_t  database;
    ngx_str_t   prefix;
    ngx_uint_t  connections; /* for subscriptions, per nginx worker */
    ngx_uint_t  tls;         /* rediss: */
    ngx_ssl_t  *ssl;         /* NULL: without TLS */
    ngx_str_t   ca_file;     /* empty: the CAs of this host */
    ngx_str_t   certificate;
    ngx_str_t   certificate_key;
    ngx_str_t   server_name; /* that the certificate must have */
} ngx_http_vstream_redis_conf_t;

/* A `vstream_camera` line. */
typedef struct {
    vstream_camera_t camera;
    ngx_str_t        json; /* made once the origin is known */
    ngx_str_t        file;
    ngx_uint_t       line;
} ngx_http_vstream_declared_t;

typedef struct {
    ngx_http_vstream_redis_conf_t redis;
    ngx_str_t                     origin;
    ngx_array_t                   cameras; /* of ngx_http_vstream_declared_t */
    uint64_t        generation; /* unix ms at which this file was read */
    ngx_shm_zone_t *zone;       /* counters */
    ngx_str_t       used_file;  /* first line that needs a Redis */
    ngx_uint_t      used_line;
} ngx_http_vstream_main_conf_t;

typedef struct ngx_http_vstream_frame_s ngx_http_vstream_frame_t;

typedef struct {
    ngx_http_handler_pt       handler; /* of the endpoint; NULL: none */
    ngx_http_complex_value_t *camera;  /* NULL: all cameras */
    ngx_flag_t                anonymous;
    ngx_uint_t                max_viewers; /* per camera, in all workers */
    ngx_msec_t                stall_timeout;
    size_t                    max_frame_size;
    ngx_uint_t                max_fps_milli; /* 0: as they come */
    ngx_http_vstream_frame_t *placeholder;
    ngx_str_t  endpoint; /* the directive that made this an endpoint */
    ngx_str_t  endpoint_file;
    ngx_uint_t endpoint_line;
    ngx_uint_t endpoint_open; /* by its nature: health, ready */
} ngx_http_vstream_loc_conf_t;

/* Of a request that reached an endpoint; for $vstream_* variables. */
typedef struct {
    ngx_str_t  camera;
    ngx_uint_t frames;
    void      *viewer; /* of ngx_http_vstream_viewer.c, or NULL */
} ngx_http_vstream_ctx_t;


extern ngx_module_t ngx_vstream_module;


/* The endpoints, one file each; called by ngx_http_vstream_handler(). */
ngx_int_t ngx_http_vstream_mjpeg_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_vstream_wall_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_vstream_snapshot_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_vstream_status_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_vstream_health_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_vstream_ready_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_vstream_metrics_handler(ngx_http_request_t *r);

/* Directives that have a file of their own. */
char *ngx_http_vstream_redis_directive(ngx_conf_t *cf, ngx_command_t *cmd,
                                       void *conf);
char *ngx_http_vstream_origin_directive(ngx_conf_t *cf, ngx_command_t *cmd,
                                        void *conf);
char *ngx_http_vstream_camera_directive(ngx_conf_t *cf, ngx_command_t *cmd,
                                        void *conf);
char *ngx_http_vstream_placeholder_directive(ngx_conf_t *cf, ngx_command_t *cmd,
                                             void *conf);

/* The directive that is being read makes no sense without vstream_redis. */
void ngx_http_vstream_needs_redis(ngx_conf_t                   *cf,
                                  ngx_http_vstream_main_conf_t *vmcf);

/* The cameras of this file, as JSON; after all directives were read. */
char *ngx_http_vstream_origin_init(ngx_conf_t                   *cf,
                                   ngx_http_vstream_main_conf_t *vmcf);

/*
 * Writes the cameras of this file to Redis.  The store calls it in worker 0
 * of the newest cycle, whenever Redis is there (again).
 */
void ngx_http_vstream_origin_declare(ngx_http_vstream_main_conf_t *vmcf);

/* This file's line of a camera; NULL: there is none. */
ngx_http_vstream_declared_t *ngx_http_vstream_origin_find(
    ngx_http_vstream_main_conf_t *vmcf, ngx_str_t *id);

/*
 * Called a few times a second: declares again every 30 s, and at once where
 * Redis has lost the set (it was emptied).
 */
void ngx_http_vstream_origin_tend(ngx_http_vstream_main_conf_t *vmcf);


static ngx_inline vstream_slice_t
ngx_http_vstream_slice(ngx_str_t *s)
{
    vstream_slice_t slice;

    slice.data = (const char *) s->data;
    slice.length = s->len;

    return slice;
}


#endif /* NGX_HTTP_VSTREAM_MODULE_H */
