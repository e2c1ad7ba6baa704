/*
 * The lease of one camera: whether this replica holds it, under which epoch,
 * and until when it may publish.
 *
 *     NONE -> TAKING -> HELD <-> SUSPENDED, and from each back to NONE.
 *
 * HELD       renewed every VSTREAM_LEASE_RENEW_MS; publishing ends at a
 *            monotonic deadline unless an answer has moved it.
 * SUSPENDED  the deadline passed, or Redis says that the lease has run out.
 *            Nothing is published; the owner keeps its camera, asks on, and
 *            goes on under a new epoch when it gets the lease again.  It ends
 *            when another owner holds the lease, or after
 *            VSW_LEASE_SUSPENDED_MS.
 */

#ifndef VSW_LEASE_H
#define VSW_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "vsw_args.h"
#include "vsw_redis.h"

#define VSW_LEASE_SUSPENDED_MS 30000
#define VSW_LEASE_OWNER_MAX    128


typedef enum {
    VSW_LEASE_NONE = 0,
    VSW_LEASE_TAKING,
    VSW_LEASE_HELD,
    VSW_LEASE_SUSPENDED,
} vsw_lease_state_t;

/* What all leases of a replica share. */
typedef struct {
    vsw_redis_t    *redis;
    vstream_slice_t prefix;
    char            owner[VSW_LEASE_OWNER_MAX]; /* unique to this process */
    uint64_t        highest_epoch;              /* ever seen, of any camera */
    uint64_t        taken;                      /* counters */
    uint64_t        suspended;
    uint64_t        fenced; /* another owner held it when we came back */
} vsw_lease_office_t;

typedef struct {
    /* The lease is ours, perhaps under a new epoch. */
    void (*held)(void *data);

    /*
     * The lease is gone, the state is NONE; `why` is a word for the log:
     * "fenced", "away" or "given_back".
     */
    void (*lost)(void *data, const char *why);

    /* A take did not succeed: another owner was first, or Redis is away. */
    void (*refused)(void *data);

    /* Adds fields and values of the status hash. */
    void (*status)(void *data, vsw_args_t *args);
} vsw_lease_handlers_t;

typedef struct {
    vsw_lease_office_t         *office;
    const vsw_lease_handlers_t *handlers;
    void                       *data;
    const char                 *id;

    vsw_lease_state_t state;
    uint64_t          epoch;
    int64_t           sent_ms;           /* of the command that is under way */
    int64_t           deadline_ms;       /* HELD: publish until then */
    int64_t           renew_ms;          /* when the next renewal is due */
    int64_t           since_ms;          /* when the state was entered */
    unsigned          asking : 1;        /* a command is under way */
    unsigned          epoch_unknown : 1; /* the answer to a take was lost */
} vsw_lease_t;


/* `id` and what else is pointed to must outlive the lease. */
void vsw_lease_init(vsw_lease_t *lease, vsw_lease_office_t *office,
                    const vsw_lease_handlers_t *handlers, void *data,
                    const char *id);

/* Forgets what is under way; does not give the lease back. */
void vsw_lease_close(vsw_lease_t *lease);

void vsw_lease_take(vsw_lease_t *lease);

/* Calls no handler.  The reply goes to `done` (may be NULL). */
void vsw_lease_give_back(vsw_lease_t *lease, vsw_redis_reply_fn *done,
                         void *data);

/* Another owner's entry stands in a fencing stream: as if Redis had said so. */
void vsw_lease_fence(vsw_lease_t *lease);

/* To be called every 50 ms or so. */
void vsw_lease_tick(vsw_lease_t *lease, int64_t now_ms);

/*
 * Renews now, or as soon as the answer to the last renewal is there: status
 * has changed, or Redis has come back.  Nothing happens if it is not ours.
 */
void vsw_lease_renew(vsw_lease_t *lease);

/* The lease is held and its deadline has not passed at this very moment. */
bool vsw_lease_may_publish(const vsw_lease_t *lease);

/* HELD or SUSPENDED: the camera is, or may be, ours. */
bool vsw_lease_is_ours(const vsw_lease_t *lease);


#endif /* VSW_LEASE_H */
