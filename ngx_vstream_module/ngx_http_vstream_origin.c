/*
 * The cameras of this nginx's own configuration: the directives that declare
 * them, and the writing of the whole set to Redis.
 *
 * One script writes the set with its generation, the millisecond at which the
 * configuration was read: a worker that is still draining, or a host that was
 * not reloaded yet, cannot bring an older set back.  Cameras of other origins
 * are never touched.
 */

#include "ngx_http_vstream_redis.h"


#define NGX_HTTP_VSTREAM_ORIGIN_AGAIN 30000 /* ms between declarations */
#define NGX_HTTP_VSTREAM_ORIGIN_LOOK  1000  /* and between looks at the set */


static void ngx_http_vstream_origin_answer(void *data, redisReply *reply);
static void ngx_http_vstream_origin_found(void *data, redisReply *reply);


/* How many of our ids another origin holds, as logged last. */
static ngx_uint_t ngx_http_vstream_origin_conflicts;

/* A host with a newer file has declared its set, and that was logged. */
static ngx_uint_t ngx_http_vstream_origin_ousted;

static ngx_msec_t ngx_http_vstream_origin_declared;
static ngx_msec_t ngx_http_vstream_origin_looked;


char *
ngx_http_vstream_origin_directive(ngx_conf_t *cf, ngx_command_t *cmd,
                                  void *conf)
{
    ngx_str_t                    *value;
    ngx_http_vstream_main_conf_t *vmcf;

    (void) cmd;

    vmcf = conf;
    value = cf->args->elts;

    if (vmcf->origin.data) {
        return "is duplicate";
    }

    if (vstream_camera_id_check(ngx_http_vstream_slice(&value[1]))
        != VSTREAM_OK) {
        ngx_conf_log_error(
            NGX_LOG_EMERG, cf, 0,
            "invalid origin \"%V\": it " NGX_HTTP_VSTREAM_ID_GRAMMAR,
            &value[1]);
        return NGX_CONF_ERROR;
    }

    vmcf->origin = value[1];

    return NGX_CONF_OK;
}


ngx_http_vstream_declared_t *
ngx_http_vstream_origin_find(ngx_http_vstream_main_conf_t *vmcf, ngx_str_t *id)
{
    ngx_uint_t                   i;
    ngx_http_vstream_declared_t *declared;

    declared = vmcf->cameras.elts;

    for (i = 0; i < vmcf->cameras.nelts; i++) {
        if (declared[i].camera.id.length == id->len
            && ngx_memcmp(declared[i].camera.id.data, id->data, id->len) == 0)
        {
            return &declared[i];
        }
    }

    return NULL;
}


char *
ngx_http_vstream_origin_init(ngx_conf_t *cf, ngx_http_vstream_main_conf_t *vmcf)
{
    ngx_uint_t                   i;
    vstream_writer_t             w;
    ngx_http_vstream_declared_t *declared;

    declared = vmcf->cameras.elts;

    for (i = 0; i < vmcf->cameras.nelts; i++) {
        declared[i].camera.origin = ngx_http_vstream_slice(&vmcf->origin);

        vstream_writer_init(&w, NULL, 0);
        vstream_camera_json_write(&w, &declared[i].camera);

        declared[i].json.len = w.length;
        declared[i].json.data = ngx_pnalloc(cf->pool, w.length);
        if (declared[i].json.data == NULL) {
            return NGX_CONF_ERROR;
        }

        vstream_writer_init(&w, (char *) declared[i].json.data, w.length);
        vstream_camera_json_write(&w, &declared[i].camera);
    }

    return NGX_CONF_OK;
}


/* The ids of the set as a JSON array; empty on lack of memory. */
static ngx_str_t
ngx_http_vstream_origin_ids(ngx_http_vstream_main_conf_t *vmcf,
                            ngx_pool_t                   *pool)
{
    ngx_str_t                    ids = ngx_null_string;
    ngx_uint_t                   i;
    vstream_writer_t             w;
    ngx_http_vstream_declared_t *declared;

    declared = vmcf->cameras.elts;
    ids.data = ngx_pnalloc(
        pool, vmcf->cameras.nelts * (VSTREAM_CAMERA_ID_MAX + 3) + 2);
    if (ids.data == NULL) {
        return ids;
    }

    vstream_writer_init(&w, (char *) ids.data,
                        vmcf->cameras.nelts * (VSTREAM_CAMERA_ID_MAX + 3) + 2);
    vstream_writer_text(&w, "[");

    for (i = 0; i < vmcf->cameras.nelts; i++) {
        vstream_writer_text(&w, i ? "," : "");
        vstream_writer_json_string(&w, declared[i].camera.id);
    }

    vstream_writer_text(&w, "]");
    ids.len = w.length;

    return ids;
}


/* The last declaration did not arrive. */
static void
ngx_http_vstream_origin_again_soon(void)
{
    ngx_http_vstream_origin_declared = ngx_current_msec
                                       - NGX_HTTP_VSTREAM_ORIGIN_AGAIN
                                       + NGX_HTTP_VSTREAM_ORIGIN_LOOK;
}


/* The contract's version, where Redis holds none yet. */
static void
ngx_http_vstream_origin_declare_schema(void)
{
    u_char    key[VSTREAM_KEY_MAX], version[NGX_INT_T_LEN];
    ngx_str_t argv[] = { ngx_string("SET"), ngx_null_string, ngx_null_string,
                         ngx_string("NX") };

    argv[1] = ngx_http_vstream_redis_key(key, VSTREAM_KEY_SCHEMA, NULL);
    argv[2].data = version;
    argv[2].len =
        (size_t) (ngx_sprintf(version, "%d", VSTREAM_SCHEMA_VERSION) - version);

    (void) ngx_http_vstream_redis_call(NULL, NULL, 4, argv);
}


/* NGX_ERROR: it was not sent. */
static ngx_int_t
ngx_http_vstream_origin_declare_set(ngx_http_vstream_main_conf_t *vmcf,
                                    ngx_pool_t                   *pool)
{
    u_char                       cameras[VSTREAM_KEY_MAX];
    u_char                       set[VSTREAM_KEY_MAX], news[VSTREAM_KEY_MAX];
    u_char                       generation[NGX_INT64_LEN];
    ngx_str_t                   *argv;
    ngx_uint_t                   i, argc;
    ngx_http_vstream_declared_t *declared;

    argv = ngx_palloc(pool, (9 + 2 * vmcf->cameras.nelts) * sizeof(ngx_str_t));
    if (argv == NULL) {
        return NGX_ERROR;
    }

    ngx_str_set(&argv[0], "EVAL");
    argv[1].data = (u_char *) vstream_script_declare;
    argv[1].len = ngx_strlen(vstream_script_declare);
    ngx_str_set(&argv[2], "2");
    argv[3] = ngx_http_vstream_redis_key(cameras, VSTREAM_KEY_CAMERAS, NULL);
    argv[4] = ngx_http_vstream_redis_key(set, VSTREAM_KEY_SET, &vmcf->origin);
    argv[5] = vmcf->origin;
    argv[6].data = generation;
    argv[6].len = (size_t) (ngx_sprintf(generation, "%uL", vmcf->generation)
                            - generation);
    argv[7] = ngx_http_vstream_origin_ids(vmcf, pool);
    argv[8] = ngx_http_vstream_redis_key(news, VSTREAM_KEY_NEWS, NULL);
    argc = 9;

    if (argv[7].len == 0) {
        return NGX_ERROR;
    }

    declared = vmcf->cameras.elts;

    for (i = 0; i < vmcf->cameras.nelts; i++) {
        argv[argc].data = (u_char *) declared[i].camera.id.data;
        argv[argc++].len = declared[i].camera.id.length;
        argv[argc++] = declared[i].json;
    }

    return ngx_http_vstream_redis_call(ngx_http_vstream_origin_answer, vmcf,
                                       argc, argv)
               ? NGX_OK
               : NGX_ERROR;
}


void
ngx_http_vstream_origin_declare(ngx_http_vstream_main_conf_t *vmcf)
{
    ngx_int_t   rc;
    ngx_pool_t *pool;

    ngx_http_vstream_origin_declared = ngx_current_msec;
    ngx_http_vstream_origin_looked = ngx_current_msec;
    ngx_http_vstream_origin_declare_schema();

    pool = ngx_create_pool(4096, ngx_cycle->log);
    rc = NGX_ERROR;

    if (pool) {
        rc = ngx_http_vstream_origin_declare_set(vmcf, pool);
        ngx_destroy_pool(pool);
    }

    if (rc != NGX_OK) {
        ngx_http_vstream_origin_again_soon();
    }
}


void
ngx_http_vstream_origin_tend(ngx_http_vstream_main_conf_t *vmcf)
{
    u_char    set[VSTREAM_KEY_MAX];
    ngx_str_t argv[2];

    if (!ngx_http_vstream_redis_is_there()) {
        return;
    }

    if (ngx_current_msec - ngx_http_vstream_origin_declared
        >= NGX_HTTP_VSTREAM_ORIGIN_AGAIN)
    {
        ngx_http_vstream_origin_declare(vmcf);
        return;
    }

    if (ngx_current_msec - ngx_http_vstream_origin_looked
        >= NGX_HTTP_VSTREAM_ORIGIN_LOOK)
    {
        ngx_http_vstream_origin_looked = ngx_current_msec;
        ngx_str_set(&argv[0], "EXISTS");
        argv[1] =
            ngx_http_vstream_redis_key(set, VSTREAM_KEY_SET, &vmcf->origin);
        (void) ngx_http_vstream_redis_call(ngx_http_vstream_origin_found, vmcf,
                                           2, argv);
    }
}


static void
ngx_http_vstream_origin_found(void *data, redisReply *reply)
{
    if (reply && reply->type == REDIS_REPLY_INTEGER && reply->integer == 0
        && !ngx_exiting)
    {
        ngx_http_vstream_origin_declare(data);
    }
}


/* [changes, id held by another origin, ...]; -1 changes: we are too old. */
static void
ngx_http_vstream_origin_answer(void *data, redisReply *reply)
{
    size_t                        i;
    ngx_str_t                     said;
    ngx_http_vstream_main_conf_t *vmcf;

    vmcf = data;

    if (reply == NULL) {
        ngx_http_vstream_origin_again_soon();
        return;
    }

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements == 0
        || reply->element[0]->type != REDIS_REPLY_INTEGER)
    {
        ngx_http_vstream_origin_again_soon();
        said = ngx_http_vstream_redis_quote(reply->str, (size_t) reply->len);
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "vstream: redis refuses the cameras of origin \"%V\": "
                      "\"%V\"",
                      &vmcf->origin, &said);
        return;
    }

    if (reply->element[0]->integer < 0) {
        if (ngx_http_vstream_origin_ousted) {
            return;
        }

        ngx_http_vstream_origin_ousted = 1;
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "vstream: another nginx has declared a newer set of "
                      "origin \"%V\", ours is left aside",
                      &vmcf->origin);
        return;
    }

    if (reply->element[0]->integer > 0) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "vstream: cameras of origin \"%V\" changed: %L",
                      &vmcf->origin, (int64_t) reply->element[0]->integer);
    }

    if (reply->elements - 1 != ngx_http_vstream_origin_conflicts) {
        for (i = 1; i < reply->elements; i++) {
            said = ngx_http_vstream_redis_quote(
                reply->element[i]->str, (size_t) reply->element[i]->len);
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "vstream: camera \"%V\" belongs to another origin; "
                          "its line here has no effect",
                          &said);
        }

        ngx_http_vstream_origin_conflicts = reply->elements - 1;
    }
}
