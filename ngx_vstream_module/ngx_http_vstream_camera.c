/*
 * vstream_camera: a camera of this file.
 */

#include "ngx_http_vstream_module.h"


#define NGX_HTTP_VSTREAM_OPTIONS_TEXT 256 /* "name=, fps= and still=" */


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


/* May there be another camera, of this id? */
static char *
ngx_http_vstream_camera_check(ngx_conf_t                   *cf,
                              ngx_http_vstream_main_conf_t *vmcf, ngx_str_t *id)
{
    ngx_http_vstream_declared_t *same;

    if (vstream_camera_id_check(ngx_http_vstream_slice(id)) != VSTREAM_OK) {
        ngx_conf_log_error(
            NGX_LOG_EMERG, cf, 0,
            "invalid camera id \"%V\": it " NGX_HTTP_VSTREAM_ID_GRAMMAR, id);
        return NGX_CONF_ERROR;
    }

    same = ngx_http_vstream_origin_find(vmcf, id);

    if (same) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "camera \"%V\" is declared already in %V:%ui", id,
                           &same->file, same->line);
        return NGX_CONF_ERROR;
    }

    if (vmcf->cameras.nelts == VSTREAM_CAMERAS_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "too many cameras: one origin has at most %d",
                           VSTREAM_CAMERAS_MAX);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_vstream_camera_directive(ngx_conf_t *cf, ngx_command_t *cmd,
                                  void *conf)
{
    ngx_str_t                    *value;
    ngx_uint_t                    i;
    ngx_http_vstream_declared_t  *declared;
    ngx_http_vstream_main_conf_t *vmcf;

    (void) cmd;

    vmcf = conf;
    value = cf->args->elts;

    if (ngx_http_vstream_camera_check(cf, vmcf, &value[1]) != NGX_CONF_OK
        || ngx_http_vstream_camera_source(cf, &value[1], &value[2])
               != NGX_CONF_OK)
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

    ngx_http_vstream_needs_redis(cf, vmcf);

    return NGX_CONF_OK;
}
