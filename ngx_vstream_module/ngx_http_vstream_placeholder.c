/*
 * vstream_placeholder: the picture that viewers get while there is none.
 */

#include "ngx_http_vstream_frame.h"


/* The whole file, checked as every other picture is; NULL: it was named why. */
static ngx_http_vstream_frame_t *
ngx_http_vstream_placeholder_read(ngx_conf_t *cf, ngx_str_t *name, ngx_fd_t fd,
                                  size_t size)
{
    size_t                    whole;
    u_char                   *data;
    ssize_t                   n;
    vstream_jpeg_t            jpeg;
    vstream_slice_t           slice;
    vstream_frame_t           info;
    vstream_jpeg_result_t     result;
    ngx_http_vstream_frame_t *frame, *copy;

    data = ngx_pnalloc(cf->temp_pool, size);
    if (data == NULL) {
        return NULL;
    }

    n = ngx_read_fd(fd, data, size);

    if (n < 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_read_fd_n " \"%V\" failed", name);
        return NULL;
    }

    slice.data = (char *) data;
    slice.length = (size_t) n;
    result = vstream_jpeg_scan(slice, VSTREAM_FRAME_PIXELS_MAX, &jpeg);

    if (result != VSTREAM_JPEG_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "placeholder \"%V\" is no usable JPEG: %s", name,
                           vstream_jpeg_result_text(result));
        return NULL;
    }

    ngx_memzero(&info, sizeof(vstream_frame_t));
    info.width = jpeg.width;
    info.height = jpeg.height;

    copy = ngx_http_vstream_frame_create(&info, data, jpeg.length, cf->log);
    if (copy == NULL) {
        return NULL;
    }

    /* It lives as long as the configuration does. */

    whole = sizeof(ngx_http_vstream_frame_t) + jpeg.length
            + NGX_HTTP_VSTREAM_FRAME_END;
    frame = ngx_palloc(cf->pool, whole);
    if (frame) {
        ngx_memcpy(frame, copy, whole);
    }

    ngx_http_vstream_frame_release(copy);

    return frame;
}


char *
ngx_http_vstream_placeholder_directive(ngx_conf_t *cf, ngx_command_t *cmd,
                                       void *conf)
{
    ngx_fd_t                     fd;
    ngx_str_t                   *value;
    ngx_file_info_t              info;
    ngx_http_vstream_loc_conf_t *vlcf;

    (void) cmd;

    vlcf = conf;
    value = cf->args->elts;

    if (vlcf->placeholder != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    if (ngx_conf_full_name(cf->cycle, &value[1], 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    fd = ngx_open_file(value[1].data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_open_file_n " \"%V\" failed", &value[1]);
        return NGX_CONF_ERROR;
    }

    vlcf->placeholder = NULL;

    if (ngx_fd_info(fd, &info) == NGX_FILE_ERROR || ngx_file_size(&info) <= 0
        || ngx_file_size(&info) > (off_t) VSTREAM_FRAME_BYTES_MAX)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "placeholder \"%V\" is empty or larger than %ud "
                           "bytes",
                           &value[1], VSTREAM_FRAME_BYTES_MAX);

    } else {
        vlcf->placeholder = ngx_http_vstream_placeholder_read(
            cf, &value[1], fd, (size_t) ngx_file_size(&info));
    }

    (void) ngx_close_file(fd);

    return vlcf->placeholder ? NGX_CONF_OK : NGX_CONF_ERROR;
}
