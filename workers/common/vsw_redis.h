/*
 * One connection to Redis inside a libev loop.  It keeps itself connected,
 * answers for time (a reply that is overdue, a connect that hangs) and bounds
 * what it holds in memory.  hiredis is used as codec only: its asynchronous
 * half (0.14) has no timeouts, does not know SSUBSCRIBE, and copies every
 * picture twice.
 *
 * Replies come from a program that is not trusted: callbacks check the type
 * of whatever they read.  A connection that breaks the protocol is closed.
 *
 * It knows no key of the contract and no camera.
 */

#ifndef VSW_REDIS_H
#define VSW_REDIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ev.h>
#include <hiredis/hiredis.h>

#include "vsw_redis_address.h"
#include "vsw_redis_tls.h"
#include "vstream_slice.h"

#define VSW_REDIS_CONNECT_MS 2000  /* for the socket, and for TLS */
#define VSW_REDIS_HUNG_MS    1000  /* a reply this late: Redis hangs */
#define VSW_REDIS_REPLY_MS   10000 /* a reply this late: connect anew */
#define VSW_REDIS_REFUSED_MS 5000  /* until a refused Redis is tried again */
#define VSW_REDIS_RETRY_MS   50    /* first delay, doubled up to ... */
#define VSW_REDIS_STEADY_MS  2000 /* up for this long: the next delay is short */
#define VSW_REDIS_RETRY_MAX  500

/*
 * Most of one reply: as many cameras as a replica may know, each with two
 * sources and a name of the greatest length, come to 22 MiB.
 */
#define VSW_REDIS_INPUT_MAX (24u * 1024 * 1024)


typedef struct vsw_redis_s vsw_redis_t;

/*
 * `reply` is borrowed for the call; NULL: the connection was lost before the
 * answer came, and no command may be sent from this call.
 */
typedef void vsw_redis_reply_fn(void *data, const redisReply *reply);

typedef struct {
    /* Connected and authenticated; commands may be sent now. */
    void (*up)(void *data);

    /* The connection is lost; all pending commands have been told. */
    void (*down)(void *data);

    /* An answer came after VSW_REDIS_HUNG_MS or more. */
    void (*recovered)(void *data);

    /* A pushed message of a subscribed connection. */
    void (*pushed)(void *data, const redisReply *reply);
} vsw_redis_handlers_t; /* each may be NULL */

typedef struct {
    vsw_redis_address_t     address;
    vsw_redis_tls_options_t tls;
    const char *password_file; /* NULL: none; read at each connect */
    const char *name;          /* for the log: "control" */
} vsw_redis_options_t;


/*
 * Starts to connect.  `options` and `handlers` are copied, but the strings
 * that they point to must outlive the connection.  NULL: out of memory.
 */
vsw_redis_t *vsw_redis_create(struct ev_loop             *loop,
                              const vsw_redis_options_t  *options,
                              const vsw_redis_handlers_t *handlers, void *data);

/* Pending commands are dropped without a call.  Accepts NULL. */
void vsw_redis_destroy(vsw_redis_t *redis);

/*
 * Sends a command.  `tail` (may be NULL) goes on with the last argument, so
 * that a header and a picture become one value.  Everything is copied.
 * `reply` may be NULL.
 * VSTREAM_OK; VSTREAM_DECLINED: not connected; VSTREAM_AGAIN: too much is
 * unsent already; VSTREAM_ERROR: out of memory.  Only after VSTREAM_OK will
 * `reply` be called, once.
 */
int vsw_redis_command(vsw_redis_t *redis, vsw_redis_reply_fn *reply, void *data,
                      const vstream_slice_t *argv, size_t argc,
                      const vstream_slice_t *tail);

/* Pending replies for `data` will not be delivered. */
void vsw_redis_forget(vsw_redis_t *redis, const void *data);

/*
 * This Redis is not one that we can work with: closes the connection, logs
 * the reason and tries again every VSW_REDIS_REFUSED_MS.
 */
void vsw_redis_refuse(vsw_redis_t *redis, const char *reason);

bool     vsw_redis_is_up(const vsw_redis_t *redis);
bool     vsw_redis_is_hung(const vsw_redis_t *redis);
bool     vsw_redis_is_old(const vsw_redis_t *redis); /* it is older than 7 */
size_t   vsw_redis_unsent(const vsw_redis_t *redis); /* bytes */
uint64_t vsw_redis_connections(const vsw_redis_t *redis); /* so far */

/* The error text of a reply, or NULL if it is none. */
const char *vsw_redis_error(const redisReply *reply);

/* A string reply (status or bulk) as slice; empty, with data NULL: none. */
vstream_slice_t vsw_redis_string(const redisReply *reply);


#endif /* VSW_REDIS_H */
