/*
 * vstream_health: this nginx worker is alive; touches nothing.
 * vstream_ready: it can serve pictures, because Redis answers.
 */

#include "ngx_http_vstream_reply.h"
#include "ngx_http_vstream_store.h"


ngx_int_t
ngx_http_vstream_health_handler(ngx_http_request_t *r)
{
    static u_char body[] = "{\"status\":\"alive\"}\n";

    return ngx_http_vstream_reply(r, NGX_HTTP_OK, "application/json", body,
                                  sizeof(body) - 1);
}


ngx_int_t
ngx_http_vstream_ready_handler(ngx_http_request_t *r)
{
    static u_char body[] = "{\"status\":\"ready\"}\n";

    if (!ngx_http_vstream_store_is_there()
        && !ngx_http_vstream_store_is_starting()) {
        return ngx_http_vstream_problem(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                        ngx_http_vstream_store_is_old()
                                            ? "Redis is older than 7."
                                            : "Redis does not answer.");
    }

    return ngx_http_vstream_reply(r, NGX_HTTP_OK, "application/json", body,
                                  sizeof(body) - 1);
}
