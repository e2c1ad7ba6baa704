/*
 * The module's directives: their table, and the creating and merging of what
 * they set.  No request is handled here.
 */

#include "ngx_http_vstream_reply.h"
#include "ngx_http_vstream_store.h"
#include "ngx_http_vstream_viewer.h"


static char *ngx_http_vstream_endpoint_value(ngx_conf_t                  *cf,
                                             ngx_http_vstream_loc_conf_t *vlcf,
                                             ngx_uint_t single);
static char *ngx_http_vstream_endpoint_directive(ngx_conf_t    *cf,
                                                 ngx_command_t *cmd,
                                                 void          *conf);
static char *ngx_http_vstream_bound_is_wrong(ngx_conf_t *cf, ngx_command_t *cmd,
                                             const char *right);
static char *ngx_http_vstream_max_viewers_directive(ngx_conf_t    *cf,
                                                    ngx_command_t *cmd,
                                                    void          *conf);
static char *ngx_http_vstream_stall_timeout_directive(ngx_conf_t    *cf,
                                                      ngx_command_t *cmd,
                                                      void          *conf);
static char *ngx_http_vstream_max_frame_size_directive(ngx_conf_t    *cf,
                                                       ngx_command_t *cmd,
                                                       void          *conf);
static char *ngx_http_vstream_max_fps_directive(ngx_conf_t    *cf,
                                                ngx_command_t *cmd, void *conf);

static ngx_int_t ngx_http_vstream_add_variables(ngx_conf_t *cf);
static ngx_int_t ngx_http_vstream_camera_variable(ngx_http_request_t        *r,
                                                  ngx_http_variable_value_t *v,
                                                  uintptr_t data);
static ngx_int_t ngx_http_vstream_frames_variable(ngx_http_request_t        *r,
                                                  ngx_http_variable_value_t *v,
                                                  uintptr_t data);

static void *ngx_http_vstream_create_main_conf(ngx_conf_t *cf);
static char *ngx_http_vstream_init_main_conf(ngx_conf_t *cf, void *conf);
static void *ngx_http_vstream_create_loc_conf(ngx_conf_t *cf);
static void  ngx_http_vstream_inherit_endpoint(
     ngx_http_vstream_loc_conf_t *conf, ngx_http_vstream_loc_conf_t *prev);
static char     *ngx_http_vstream_merge_loc_conf(ngx_conf_t *cf, void *parent,
                                                 void *child);
static ngx_int_t ngx_http_vstream_init_process(ngx_cycle_t *cycle);
static void      ngx_http_vstream_exit_process(ngx_cycle_t *cycle);


/* An endpoint's directive: its handler, and what it asks for. */
typedef struct {
    ngx_str_t           name;
    ngx_http_handler_pt handler;
    ngx_uint_t          open;   /* needs no vstream_anonymous */
    ngx_uint_t          single; /* its value names one camera */
} ngx_http_vstream_endpoint_t;


static ngx_http_vstream_endpoint_t ngx_http_vstream_endpoints[] = {
    { ngx_string("vstream_mjpeg"), ngx_http_vstream_mjpeg_handler, 0, 1 },
    { ngx_string("vstream_snapshot"), ngx_http_vstream_snapshot_handler, 0, 1 },
    { ngx_string("vstream_wall"), ngx_http_vstream_wall_handler, 0, 0 },
    { ngx_string("vstream_status"), ngx_http_vstream_status_handler, 0, 1 },
    { ngx_string("vstream_health"), ngx_http_vstream_health_handler, 1, 0 },
    { ngx_string("vstream_ready"), ngx_http_vstream_ready_handler, 1, 0 },
    { ngx_string("vstream_metrics"), ngx_http_vstream_metrics_handler, 0, 0 },
    { ngx_null_string, NULL, 0, 0 }
};


static ngx_command_t ngx_http_vstream_commands[] = {

    { ngx_string("vstream_redis"), NGX_HTTP_MAIN_CONF | NGX_CONF_1MORE,
      ngx_http_vstream_redis_directive, NGX_HTTP_MAIN_CONF_OFFSET, 0, NULL },

    { ngx_string("vstream_origin"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE1,
      ngx_http_vstream_origin_directive, NGX_HTTP_MAIN_CONF_OFFSET, 0, NULL },

    { ngx_string("vstream_camera"), NGX_HTTP_MAIN_CONF | NGX_CONF_2MORE,
      ngx_http_vstream_camera_directive, NGX_HTTP_MAIN_CONF_OFFSET, 0, NULL },

    { ngx_string("vstream_mjpeg"), NGX_HTTP_LOC_CONF | NGX_CONF_TAKE1,
      ngx_http_vstream_endpoint_directive, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },

    { ngx_string("vstream_snapshot"), NGX_HTTP_LOC_CONF | NGX_CONF_TAKE1,
      ngx_http_vstream_endpoint_directive, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },

    { ngx_string("vstream_wall"), NGX_HTTP_LOC_CONF | NGX_CONF_TAKE1,
      ngx_http_vstream_endpoint_directive, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },

    { ngx_string("vstream_status"),
      NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS | NGX_CONF_TAKE1,
      ngx_http_vstream_endpoint_directive, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },

    { ngx_string("vstream_health"), NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS,
      ngx_http_vstream_endpoint_directive, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },

    { ngx_string("vstream_ready"), NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS,
      ngx_http_vstream_endpoint_directive, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },

    { ngx_string("vstream_metrics"), NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS,
      ngx_http_vstream_endpoint_directive, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },

    { ngx_string("vstream_placeholder"),
      NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF
          | NGX_CONF_TAKE1,
      ngx_http_vstream_placeholder_directive, NGX_HTTP_LOC_CONF_OFFSET, 0,
      NULL },

    { ngx_string("vstream_anonymous"),
      NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF
          | NGX_CONF_FLAG,
      ngx_conf_set_flag_slot, NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_vstream_loc_conf_t, anonymous), NULL },

    { ngx_string("vstream_max_viewers"),
      NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF
          | NGX_CONF_TAKE1,
      ngx_http_vstream_max_viewers_directive, NGX_HTTP_LOC_CONF_OFFSET, 0,
      NULL },

    { ngx_string("vstream_stall_timeout"),
      NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF
          | NGX_CONF_TAKE1,
      ngx_http_vstream_stall_timeout_directive, NGX_HTTP_LOC_CONF_OFFSET, 0,
      NULL },

    { ngx_string("vstream_max_frame_size"),
      NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF
          | NGX_CONF_TAKE1,
      ngx_http_vstream_max_frame_size_directive, NGX_HTTP_LOC_CONF_OFFSET, 0,
      NULL },

    { ngx_string("vstream_max_fps"),
      NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF
          | NGX_CONF_TAKE1,
      ngx_http_vstream_max_fps_directive, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },

    ngx_null_command
};


static ngx_http_module_t ngx_http_vstream_module_ctx = {
    ngx_http_vstream_add_variables, /* preconfiguration */
    NULL,                           /* postconfiguration */

    ngx_http_vstream_create_main_conf, /* create main configuration */
    ngx_http_vstream_init_main_conf,   /* init main configuration */

    NULL, /* create server configuration */
    NULL, /* merge server configuration */

    ngx_http_vstream_create_loc_conf, /* create location configuration */
    ngx_http_vstream_merge_loc_conf   /* merge location configuration */
};


ngx_module_t ngx_vstream_module = {
    NGX_MODULE_V1,
    &ngx_http_vstream_module_ctx,  /* module context */
    ngx_http_vstream_commands,     /* module directives */
    NGX_HTTP_MODULE,               /* module type */
    NULL,                          /* init master */
    NULL,                          /* init module */
    ngx_http_vstream_init_process, /* init process */
    NULL,                          /* init thread */
    NULL,                          /* exit thread */
    ngx_http_vstream_exit_process, /* exit process */
    NULL,                          /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_http_variable_t ngx_http_vstream_variables[] = {

    { ngx_string("vstream_camera"), NULL, ngx_http_vstream_camera_variable, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("vstream_frames"), NULL, ngx_http_vstream_frames_variable, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    ngx_http_null_variable
};


static ngx_int_t
ngx_http_vstream_add_variables(ngx_conf_t *cf)
{
    ngx_http_variable_t *var, *v;

    for (v = ngx_http_vstream_variables; v->name.len; v++) {
        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_vstream_camera_variable(ngx_http_request_t        *r,
                                 ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_vstream_ctx_t *ctx;

    (void) data;

    ctx = ngx_http_get_module_ctx(r, ngx_vstream_module);

    if (ctx == NULL || ctx->camera.len == 0) {
        v->not_found = 1;
        return NGX_OK;
    }

    v->data = ctx->camera.data;
    v->len = (unsigned) ctx->camera.len;
    v->valid = 1;
    v->no_cacheable = 1;
    v->not_found = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_http_vstream_frames_variable(ngx_http_request_t        *r,
                                 ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                 *p;
    ngx_http_vstream_ctx_t *ctx;

    (void) data;

    ctx = ngx_http_get_module_ctx(r, ngx_vstream_module);

    if (ctx == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, NGX_INT_T_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    v->data = p;
    v->len = (unsigned) (ngx_sprintf(p, "%ui", ctx->frames) - p);
    v->valid = 1;
    v->no_cacheable = 1;
    v->not_found = 0;

    return NGX_OK;
}


/* The value of an endpoint; where it holds no variable it is checked here. */
static char *
ngx_http_vstream_endpoint_value(ngx_conf_t                  *cf,
                                ngx_http_vstream_loc_conf_t *vlcf,
                                ngx_uint_t                   single)
{
    ngx_str_t                       *value;
    ngx_http_complex_value_t        *camera;
    ngx_http_compile_complex_value_t ccv;

    value = cf->args->elts;

    camera = ngx_palloc(cf->pool, sizeof(ngx_http_complex_value_t));
    if (camera == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));
    ccv.cf = cf;
    ccv.value = &value[1];
    ccv.complex_value = camera;

    if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (single && camera->lengths == NULL
        && vstream_camera_id_check(ngx_http_vstream_slice(&value[1]))
               != VSTREAM_OK)
    {
        ngx_conf_log_error(
            NGX_LOG_EMERG, cf, 0,
            "invalid camera id \"%V\" of %V: it " NGX_HTTP_VSTREAM_ID_GRAMMAR,
            &value[1], &value[0]);
        return NGX_CONF_ERROR;
    }

    vlcf->camera = camera;

    return NGX_CONF_OK;
}


static char *
ngx_http_vstream_endpoint_directive(ngx_conf_t *cf, ngx_command_t *cmd,
                                    void *conf)
{
    ngx_http_core_loc_conf_t     *clcf;
    ngx_http_vstream_loc_conf_t  *vlcf;
    ngx_http_vstream_main_conf_t *vmcf;
    ngx_http_vstream_endpoint_t  *endpoint;

    vlcf = conf;

    if (vlcf->endpoint.data) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" and \"%V\" cannot stand in one location",
                           &vlcf->endpoint, &cmd->name);
        return NGX_CONF_ERROR;
    }

    for (endpoint = ngx_http_vstream_endpoints;
         ngx_strcmp(endpoint->name.data, cmd->name.data) != 0; endpoint++)
    {
        /* the table has an entry for each directive that calls this */
    }

    if (cf->args->nelts > 1
        && ngx_http_vstream_endpoint_value(cf, vlcf, endpoint->single)
               != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    vlcf->handler = endpoint->handler;
    vlcf->endpoint = cmd->name;
    vlcf->endpoint_file = cf->conf_file->file.name;
    vlcf->endpoint_line = cf->conf_file->line;
    vlcf->endpoint_open = endpoint->open;

    vmcf = ngx_http_conf_get_module_main_conf(cf, ngx_vstream_module);

    ngx_http_vstream_needs_redis(cf, vmcf);

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_vstream_handler;

    return NGX_CONF_OK;
}


void
ngx_http_vstream_needs_redis(ngx_conf_t *cf, ngx_http_vstream_main_conf_t *vmcf)
{
    if (vmcf->used_line == 0) {
        vmcf->used_file = cf->conf_file->file.name;
        vmcf->used_line = cf->conf_file->line;
    }
}


/* What is said of a bound that is out of its own bounds. */
static char *
ngx_http_vstream_bound_is_wrong(ngx_conf_t *cf, ngx_command_t *cmd,
                                const char *right)
{
    ngx_str_t *value;

    value = cf->args->elts;

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid value \"%V\" of %V: it is %s", &value[1],
                       &cmd->name, right);

    return NGX_CONF_ERROR;
}


static char *
ngx_http_vstream_max_viewers_directive(ngx_conf_t *cf, ngx_command_t *cmd,
                                       void *conf)
{
    ngx_int_t                    n;
    ngx_str_t                   *value;
    ngx_http_vstream_loc_conf_t *vlcf;

    vlcf = conf;
    value = cf->args->elts;

    if (vlcf->max_viewers != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    n = ngx_atoi(value[1].data, value[1].len);

    if (n < 1 || n > 1000000) {
        return ngx_http_vstream_bound_is_wrong(cf, cmd,
                                               "a number from 1 to 1000000");
    }

    vlcf->max_viewers = (ngx_uint_t) n;

    return NGX_CONF_OK;
}


static char *
ngx_http_vstream_stall_timeout_directive(ngx_conf_t *cf, ngx_command_t *cmd,
                                         void *conf)
{
    ngx_int_t                    msec;
    ngx_str_t                   *value;
    ngx_http_vstream_loc_conf_t *vlcf;

    vlcf = conf;
    value = cf->args->elts;

    if (vlcf->stall_timeout != NGX_CONF_UNSET_MSEC) {
        return "is duplicate";
    }

    msec = ngx_parse_time(&value[1], 0);

    if (msec < 100 || msec > 3600000) {
        return ngx_http_vstream_bound_is_wrong(
            cf, cmd, "a time from 100ms to 1h, as in 10s");
    }

    vlcf->stall_timeout = (ngx_msec_t) msec;

    return NGX_CONF_OK;
}


static char *
ngx_http_vstream_max_frame_size_directive(ngx_conf_t *cf, ngx_command_t *cmd,
                                          void *conf)
{
    ssize_t                      size;
    ngx_str_t                   *value;
    ngx_http_vstream_loc_conf_t *vlcf;

    vlcf = conf;
    value = cf->args->elts;

    if (vlcf->max_frame_size != NGX_CONF_UNSET_SIZE) {
        return "is duplicate";
    }

    size = ngx_parse_size(&value[1]);

    if (size < 1024 || size > (ssize_t) VSTREAM_FRAME_BYTES_MAX) {
        return ngx_http_vstream_bound_is_wrong(cf, cmd, "a size from 1k to 8m");
    }

    vlcf->max_frame_size = (size_t) size;

    return NGX_CONF_OK;
}


static char *
ngx_http_vstream_max_fps_directive(ngx_conf_t *cf, ngx_command_t *cmd,
                                   void *conf)
{
    ngx_int_t                    milli;
    ngx_str_t                   *value;
    ngx_http_vstream_loc_conf_t *vlcf;

    vlcf = conf;
    value = cf->args->elts;

    if (vlcf->max_fps_milli != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    milli = ngx_atofp(value[1].data, value[1].len, 3);

    if (milli != 0 && (milli < 10 || milli > 1000000)) {
        return ngx_http_vstream_bound_is_wrong(
            cf, cmd, "a number from 0.01 to 1000, or 0 for no limit");
    }

    vlcf->max_fps_milli = (ngx_uint_t) milli;

    return NGX_CONF_OK;
}


static void *
ngx_http_vstream_create_main_conf(ngx_conf_t *cf)
{
    ngx_time_t                   *tp;
    ngx_http_vstream_main_conf_t *vmcf;

    vmcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_vstream_main_conf_t));
    if (vmcf == NULL) {
        return NULL;
    }

    if (ngx_array_init(&vmcf->cameras, cf->pool, 16,
                       sizeof(ngx_http_vstream_declared_t))
        != NGX_OK)
    {
        return NULL;
    }

    ngx_time_update();
    tp = ngx_timeofday();
    vmcf->generation = (uint64_t) tp->sec * 1000 + tp->msec;

    return vmcf;
}


static char *
ngx_http_vstream_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_http_vstream_main_conf_t *vmcf;

    vmcf = conf;

    if (vmcf->redis.addrs == NULL) {
        if (vmcf->used_line) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "no \"vstream_redis\" in the http block, but "
                          "vstream is used in %V:%ui; add for example "
                          "\"vstream_redis redis://127.0.0.1:6379;\"",
                          &vmcf->used_file, vmcf->used_line);
            return NGX_CONF_ERROR;
        }

        return NGX_CONF_OK;
    }

    if (vmcf->origin.data == NULL) {
        ngx_str_set(&vmcf->origin, "nginx");
    }

    if (ngx_http_vstream_counters_add_zone(cf, vmcf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return ngx_http_vstream_origin_init(cf, vmcf);
}


static void *
ngx_http_vstream_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_vstream_loc_conf_t *vlcf;

    vlcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_vstream_loc_conf_t));
    if (vlcf == NULL) {
        return NULL;
    }

    vlcf->anonymous = NGX_CONF_UNSET;
    vlcf->max_viewers = NGX_CONF_UNSET_UINT;
    vlcf->stall_timeout = NGX_CONF_UNSET_MSEC;
    vlcf->max_frame_size = NGX_CONF_UNSET_SIZE;
    vlcf->max_fps_milli = NGX_CONF_UNSET_UINT;
    vlcf->placeholder = NGX_CONF_UNSET_PTR;

    return vlcf;
}


/*
 * "if" and limit_except have a configuration of their own, and nginx calls
 * the content handler of the location around them with it.
 */
static void
ngx_http_vstream_inherit_endpoint(ngx_http_vstream_loc_conf_t *conf,
                                  ngx_http_vstream_loc_conf_t *prev)
{
    conf->camera = prev->camera;
    conf->handler = prev->handler;
    conf->endpoint = prev->endpoint;
    conf->endpoint_file = prev->endpoint_file;
    conf->endpoint_line = prev->endpoint_line;
    conf->endpoint_open = prev->endpoint_open;
}


static char *
ngx_http_vstream_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_core_loc_conf_t    *clcf;
    ngx_http_vstream_loc_conf_t *prev = parent;
    ngx_http_vstream_loc_conf_t *conf = child;

    ngx_conf_merge_value(conf->anonymous, prev->anonymous, 0);
    ngx_conf_merge_uint_value(conf->max_viewers, prev->max_viewers, 1000);
    ngx_conf_merge_msec_value(conf->stall_timeout, prev->stall_timeout, 10000);
    ngx_conf_merge_size_value(conf->max_frame_size, prev->max_frame_size,
                              VSTREAM_FRAME_BYTES_MAX);
    ngx_conf_merge_uint_value(conf->max_fps_milli, prev->max_fps_milli, 0);
    ngx_conf_merge_ptr_value(conf->placeholder, prev->placeholder, NULL);

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->noname) {
        ngx_http_vstream_inherit_endpoint(conf, prev);
    }

    if (conf->endpoint.data && !conf->endpoint_open && !conf->anonymous) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"%V\" in %V:%ui would be open to everybody; write "
                      "\"vstream_anonymous on;\" beside it if that is meant",
                      &conf->endpoint, &conf->endpoint_file,
                      conf->endpoint_line);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_http_vstream_main_conf_t *
ngx_http_vstream_cycle_conf(ngx_cycle_t *cycle)
{
    ngx_http_vstream_main_conf_t *vmcf;

    vmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_vstream_module);

    return vmcf && vmcf->redis.addrs ? vmcf : NULL;
}


static ngx_int_t
ngx_http_vstream_init_process(ngx_cycle_t *cycle)
{
    ngx_http_vstream_main_conf_t *vmcf;

    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    vmcf = ngx_http_vstream_cycle_conf(cycle);

    if (vmcf == NULL) {
        return NGX_OK;
    }

    if (ngx_http_vstream_boundary_init(cycle->log) != NGX_OK
        || ngx_http_vstream_counters_init(cycle, vmcf) != NGX_OK
        || ngx_http_vstream_viewers_init(cycle) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_vstream_store_init(cycle, vmcf);
}


static void
ngx_http_vstream_exit_process(ngx_cycle_t *cycle)
{
    if (ngx_http_vstream_cycle_conf(cycle)
        && (ngx_process == NGX_PROCESS_WORKER
            || ngx_process == NGX_PROCESS_SINGLE))
    {
        ngx_http_vstream_store_exit();
        ngx_http_vstream_counters_exit();
    }
}
