/*
 * vstream_mjpeg: one camera as multipart/x-mixed-replace.
 */

#include "ngx_http_vstream_reply.h"
#include "ngx_http_vstream_viewer.h"


ngx_int_t
ngx_http_vstream_mjpeg_handler(ngx_http_request_t *r)
{
    ngx_int_t rc;
    ngx_str_t id;

    rc = ngx_http_vstream_request_camera(r, &id);
    if (rc != NGX_OK) {
        return ngx_http_vstream_refuse_camera(r, rc);
    }

    return ngx_http_vstream_viewer_start(r, &id, 1,
                                         NGX_HTTP_VSTREAM_LACK_REFUSED);
}
