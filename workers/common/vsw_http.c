/*
 * HTTP by libmicrohttpd, see vsw_http.h.  The library waits on an epoll
 * descriptor of its own; that descriptor is what our loop waits on.
 */

#include "vsw_http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define VSW_HTTP_HOUSEKEEPING_S 1.0


struct vsw_http_s {
    struct ev_loop      *loop;
    struct MHD_Daemon   *daemon;
    ev_io                io;
    ev_timer             timer;
    vsw_http_handler_fn *handler;
    void                *data;
};


static int             vsw_http_address_read(const char              *text,
                                             struct sockaddr_storage *address);
static enum MHD_Result vsw_http_on_request(void                  *data,
                                           struct MHD_Connection *connection,
                                           const char *url, const char *method,
                                           const char *version,
                                           const char *upload,
                                           size_t *upload_length, void **state);
static void vsw_http_on_io(struct ev_loop *loop, ev_io *io, int events);
static void vsw_http_on_timer(struct ev_loop *loop, ev_timer *timer,
                              int events);
static void vsw_http_run(vsw_http_t *http);


vsw_http_t *
vsw_http_create(struct ev_loop *loop, const char *address,
                vsw_http_handler_fn *handler, void *data)
{
    const union MHD_DaemonInfo *info;
    struct sockaddr_storage     socket_address;
    unsigned                    flags = MHD_USE_EPOLL;
    vsw_http_t                 *http;

    if (vsw_http_address_read(address, &socket_address) != 0) {
        errno = EINVAL;
        return NULL;
    }

    if (socket_address.ss_family == AF_INET6) {
        flags |= MHD_USE_IPv6;
    }

    http = calloc(1, sizeof(*http));
    if (http == NULL) {
        return NULL;
    }

    http->loop = loop;
    http->handler = handler;
    http->data = data;

    errno = 0;
    http->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, vsw_http_on_request, http, MHD_OPTION_SOCK_ADDR,
        (struct sockaddr *) &socket_address, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned) VSW_HTTP_CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned) VSW_HTTP_TIMEOUT_S, MHD_OPTION_END);

    if (http->daemon == NULL) {
        free(http);
        return NULL;
    }

    info = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD);

    ev_io_init(&http->io, vsw_http_on_io, info->listen_fd, EV_READ);
    ev_timer_init(&http->timer, vsw_http_on_timer, VSW_HTTP_HOUSEKEEPING_S,
                  VSW_HTTP_HOUSEKEEPING_S);
    http->io.data = http;
    http->timer.data = http;
    ev_io_start(loop, &http->io);
    ev_timer_start(loop, &http->timer);

    return http;
}


void
vsw_http_destroy(vsw_http_t *http)
{
    if (http == NULL) {
        return;
    }

    ev_io_stop(http->loop, &http->io);
    ev_timer_stop(http->loop, &http->timer);
    MHD_stop_daemon(http->daemon);
    free(http);
}


int
vsw_http_address_check(const char *address)
{
    struct sockaddr_storage ignored;

    return vsw_http_address_read(address, &ignored);
}


static int
vsw_http_address_read(const char *text, struct sockaddr_storage *address)
{
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *) address;
    struct sockaddr_in  *in = (struct sockaddr_in *) address;
    const char          *colon = strrchr(text, ':');
    char                 host[INET6_ADDRSTRLEN + 2], *end;
    unsigned long        port;
    size_t               length;

    memset(address, 0, sizeof(*address));

    if (colon == NULL || (size_t) (colon - text) >= sizeof(host)
        || colon[1] < '0' || colon[1] > '9')
    {
        return -1;
    }

    port = strtoul(colon + 1, &end, 10);
    if (*end != '\0' || port < 1 || port > 65535) {
        return -1;
    }

    length = (size_t) (colon - text);
    memcpy(host, text, length);
    host[length] = '\0';

    if (inet_pton(AF_INET, host, &in->sin_addr) == 1) {
        in->sin_family = AF_INET;
        in->sin_port = htons((uint16_t) port);
        return 0;
    }

    if (length < 2 || host[0] != '[' || host[length - 1] != ']') {
        return -1;
    }

    host[length - 1] = '\0';
    if (inet_pton(AF_INET6, host + 1, &in6->sin6_addr) != 1) {
        return -1;
    }

    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons((uint16_t) port);

    return 0;
}


static enum MHD_Result
vsw_http_on_request(void *data, struct MHD_Connection *connection,
                    const char *url, const char *method, const char *version,
                    const char *upload, size_t *upload_length, void **state)
{
    vsw_http_answer_t    answer = { .status = MHD_HTTP_OK,
                                    .type = "text/plain; charset=utf-8" };
    vsw_http_t          *http = data;
    struct MHD_Response *response;
    enum MHD_Result      rc;

    (void) version;
    (void) upload;
    (void) state;

    if (*upload_length != 0) {
        return MHD_NO; /* nobody has anything to upload here */
    }

    if (strcmp(method, MHD_HTTP_METHOD_GET) == 0
        || strcmp(method, MHD_HTTP_METHOD_HEAD) == 0)
    {
        http->handler(http->data, url, &answer);
    } else {
        answer.status = MHD_HTTP_METHOD_NOT_ALLOWED;
    }

    response = MHD_create_response_from_buffer(
        answer.length, answer.body,
        answer.body == NULL ? MHD_RESPMEM_PERSISTENT : MHD_RESPMEM_MUST_FREE);
    if (response == NULL) {
        free(answer.body);
        return MHD_NO;
    }

    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
                            answer.type);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL,
                            "no-store");
    if (answer.status == MHD_HTTP_METHOD_NOT_ALLOWED) {
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    }

    rc = MHD_queue_response(connection, answer.status, response);
    MHD_destroy_response(response);

    return rc;
}


static void
vsw_http_on_io(struct ev_loop *loop, ev_io *io, int events)
{
    (void) loop;
    (void) events;
    vsw_http_run(io->data);
}


static void
vsw_http_on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void) loop;
    (void) events;
    vsw_http_run(timer->data);
}


/* A timeout of 0 means that the library has work left over. */
static void
vsw_http_run(vsw_http_t *http)
{
    MHD_UNSIGNED_LONG_LONG timeout;
    int                    turns;

    for (turns = 0; turns < VSW_HTTP_CONNECTIONS_MAX; turns++) {
        MHD_run(http->daemon);

        if (MHD_get_timeout(http->daemon, &timeout) != MHD_YES || timeout > 0) {
            return;
        }
    }
}
