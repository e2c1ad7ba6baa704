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


static void ngx_http_vstream_origin_answer(void *data, redisReply *reply);
static void ngx_http_vstream_origin_found(void *data, redisReply *reply);


#define NGX_HTTP_VSTREAM_ORIGIN_AGAIN 30000 /* ms between declarations */
#define NGX_HTTP_VSTREAM_ORIGIN_LOOK  1000  /* and between looks at the set */

#define NGX_HTTP_VSTREAM_OPTIONS_TEXT 256 /* "name=, fps= and still=" */


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
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid origin \"%V\": it has 1 to 64 letters, "
                           "digits, dots, dashes or underscores and begins "
                           "with a letter or digit",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    vmcf->origin = value[1];

    return NGX_CONF_OK;
}


static ngx_http_vstream_declared_t *
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


ngx_uint_t
ngx_http_vstream_origin_declares(ngx_http_vstream_main_conf_t *vmcf,
                                 ngx_str_t                    *id)
{
    return ngx_http_vstream_origin_find(vmcf, id) != NULL;
}


/* A source, perhaps, that holds a password: nothing of it is shown. */
static void
ngx_http_vstream_camera_hide(ngx_str_t *text, ngx_str_t *shown)
{
    if (ngx_strlchr(text->data, text->data + text->len, '@')) {
        ngx_str_set(shown, "...");
    }
}


static char *
ngx_http_vstream_camera_option_unknown(ngx_conf_t *cf, ngx_str_t *name)
{
    u_char                        *p, *last;
    const char                    *before;
    const vstream_camera_option_t *option;
    u_char                         text[NGX_HTTP_VSTREAM_OPTIONS_TEXT];

    p = text;
    last = text + sizeof(text);
    before = "";

    for (option = vstream_camera_options; option->name; option++) {
        p = ngx_slprintf(p, last, "%s%s=", before, option->name);
        before = option[1].name && option[2].name ? ", " : " and ";
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "unknown camera option \"%V\"; there are %*s", name,
                       (size_t) (p - text), text);

    return NGX_CONF_ERROR;
}


/* `name=value`; complains where it is not right. */
static char *
ngx_http_vstream_camera_option(ngx_conf_t *cf, vstream_camera_t *camera,
                               ngx_str_t *text)
{
    int                            rc;
    u_char                        *equals;
    ngx_str_t                      name, value;
    const char                    *problem;
    const vstream_camera_option_t *option;

    equals = ngx_strlchr(text->data, text->data + text->len, '=');

    if (equals == NULL) {
        ngx_http_vstream_camera_hide(text, text);
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid camera option \"%V\": options are written "
                           "as name=value, and with a space in them as "
                           "\"name=North gate\"",
                           text);
        return NGX_CONF_ERROR;
    }

    name.data = text->data;
    name.len = (size_t) (equals - text->data);
    value.data = equals + 1;
    value.len = text->len - name.len - 1;

    rc = vstream_camera_option_set(camera, ngx_http_vstream_slice(&name),
                                   ngx_http_vstream_slice(&value), &option);

    if (rc == VSTREAM_DECLINED) {
        ngx_http_vstream_camera_hide(text, &name);
        return ngx_http_vstream_camera_option_unknown(cf, &name);
    }

    problem = rc == VSTREAM_OK ? NULL
                               : vstream_camera_option_problem(
                                   option, ngx_http_vstream_slice(&value));

    if (problem) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "camera option \"%V\" %s",
                           &name, problem);
        return NGX_CONF_ERROR;
    }

    if (rc != VSTREAM_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\" of camera option \"%V\": it "
                           "is %s",
                           &value, &name, option->value);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* The source may hold a password: it is named by what is wrong, not shown. */
static char *
ngx_http_vstream_camera_source(ngx_conf_t *cf, ngx_str_t *id, ngx_str_t *source)
{
    vstream_source_t        parsed;
    vstream_source_result_t result;

    result = vstream_source_read(ngx_http_vstream_slice(source), &parsed);

    if (result == VSTREAM_SOURCE_OK) {
        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "source of camera \"%V\" %s", id,
                       vstream_source_result_text(result));

    return NGX_CONF_ERROR;
}


char *
ngx_http_vstream_camera_directive(ngx_conf_t *cf, ngx_command_t *cmd,
                                  void *conf)
{
    ngx_str_t                    *value;
    ngx_uint_t                    i;
    ngx_http_vstream_declared_t  *declared, *same;
    ngx_http_vstream_main_conf_t *vmcf;

    (void) cmd;

    vmcf = conf;
    value = cf->args->elts;

    if (vstream_camera_id_check(ngx_http_vstream_slice(&value[1]))
        != VSTREAM_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid camera id \"%V\": it has 1 to 64 letters, "
                           "digits, dots, dashes or underscores and begins "
                           "with a letter or digit",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    same = ngx_http_vstream_origin_find(vmcf, &value[1]);

    if (same) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "camera \"%V\" is declared already in %V:%ui",
                           &value[1], &same->file, same->line);
        return NGX_CONF_ERROR;
    }

    if (vmcf->cameras.nelts == VSTREAM_CAMERAS_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "too many cameras: one origin has at most %d",
                           VSTREAM_CAMERAS_MAX);
        return NGX_CONF_ERROR;
    }

    if (ngx_http_vstream_camera_source(cf, &value[1], &value[2]) != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    declared = ngx_array_push(&vmcf->cameras);
    if (declared == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(declared, sizeof(ngx_http_vstream_declared_t));
    vstream_camera_init(&declared->camera);
    declared->camera.id = ngx_http_vstream_slice(&value[1]);
    declared->camera.source = ngx_http_vstream_slice(&value[2]);
    declared->file = cf->conf_file->file.name;
    declared->line = cf->conf_file->line;

    for (i = 3; i < cf->args->nelts; i++) {
        if (ngx_http_vstream_camera_option(cf, &declared->camera, &value[i])
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    if (vmcf->used_line == 0) {
        vmcf->used_file = declared->file;
        vmcf->used_line = declared->line;
    }

    return NGX_CONF_OK;
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


void
ngx_http_vstream_origin_declare(ngx_http_vstream_main_conf_t *vmcf)
{
    u_char                       cameras[VSTREAM_KEY_MAX];
    u_char                       set[VSTREAM_KEY_MAX], news[VSTREAM_KEY_MAX];
    u_char                       schema[VSTREAM_KEY_MAX];
    u_char                       generation[NGX_INT64_LEN];
    u_char                       version[NGX_INT_T_LEN];
    ngx_str_t                   *argv;
    ngx_uint_t                   i, argc;
    ngx_pool_t                  *pool;
    ngx_http_vstream_declared_t *declared;

    pool = ngx_create_pool(4096, ngx_cycle->log);
    if (pool == NULL) {
        return;
    }

    ngx_http_vstream_origin_declared = ngx_current_msec;
    ngx_http_vstream_origin_looked = ngx_current_msec;
    declared = vmcf->cameras.elts;
    argv = ngx_palloc(pool, (9 + 2 * vmcf->cameras.nelts) * sizeof(ngx_str_t));
    if (argv == NULL) {
        goto done;
    }

    ngx_str_set(&argv[0], "SET");
    argv[1] = ngx_http_vstream_redis_key(schema, VSTREAM_KEY_SCHEMA, NULL);
    argv[2].data = version;
    argv[2].len =
        (size_t) (ngx_sprintf(version, "%d", VSTREAM_SCHEMA_VERSION) - version);
    ngx_str_set(&argv[3], "NX");
    (void) ngx_http_vstream_redis_call(NULL, NULL, 4, argv);

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

    for (i = 0; i < vmcf->cameras.nelts; i++) {
        argv[argc].data = (u_char *) declared[i].camera.id.data;
        argv[argc++].len = declared[i].camera.id.length;
        argv[argc++] = declared[i].json;
    }

    if (argv[7].len == 0
        || ngx_http_vstream_redis_call(ngx_http_vstream_origin_answer, vmcf,
                                       argc, argv)
               == NULL)
    {
        ngx_http_vstream_origin_again_soon();
    }

done:

    ngx_destroy_pool(pool);
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
