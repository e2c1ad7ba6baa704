/*
 * A small HTTP server for machines: health, readiness, metrics.  It runs
 * inside the libev loop of its owner, answers GET and HEAD, and knows nothing
 * of what it serves.
 */

#ifndef VSW_HTTP_H
#define VSW_HTTP_H

#include <stddef.h>

#include <ev.h>

#define VSW_HTTP_CONNECTIONS_MAX 64
#define VSW_HTTP_TIMEOUT_S       10


typedef struct vsw_http_s vsw_http_t;

typedef struct {
    unsigned    status; /* 200 until the handler says otherwise */
    const char *type;   /* of the content; text/plain until ... */
    char       *body;   /* malloc(3); the server frees it; NULL: empty */
    size_t      length;
} vsw_http_answer_t;

typedef void vsw_http_handler_fn(void *data, const char *path,
                                 vsw_http_answer_t *answer);


/*
 * Listens on `address`, an IPv4 or IPv6 address and a port: 127.0.0.1:9464,
 * [::1]:9464.  NULL: errno says why (EINVAL: the address is none).
 */
vsw_http_t *vsw_http_create(struct ev_loop *loop, const char *address,
                            vsw_http_handler_fn *handler, void *data);
void        vsw_http_destroy(vsw_http_t *http); /* accepts NULL */

/* 0, or -1 if `address` is not of the form above. */
int vsw_http_address_check(const char *address);


#endif /* VSW_HTTP_H */
