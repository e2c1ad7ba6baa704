/*
 * The replicas: who else is there, who holds what, and which camera is to be
 * taken or handed over by us.
 *
 * Each replica announces itself twice a second under a key with a TTL, and
 * reads what the others announce.  It polls the leases of cameras that it
 * does not hold.  Of those that are free each replica takes what falls to it
 * by vsw_shares.h; the next in line waits VSW_REPLICAS_RANK_MS per rank and
 * takes it then.  A replica that holds more than its share hands over one
 * camera a second.
 *
 * After Redis was away, hung or emptied, no lease is taken for one TTL: its
 * holder is alive and will have it back, without a camera being dialled anew.
 */

#ifndef VSW_REPLICAS_H
#define VSW_REPLICAS_H

#include "vsw_cameras.h"
#include "vsw_shares.h"

#define VSW_REPLICAS_MAX          128
#define VSW_REPLICAS_ANNOUNCE_MS  500
#define VSW_REPLICAS_POLL_MS      100
#define VSW_REPLICAS_RANK_MS      250 /* the first in line has seen it by then */
#define VSW_REPLICAS_HAND_OVER_MS 1000
#define VSW_REPLICAS_SETTLE_MS    900 /* after start: see who is there */
#define VSW_REPLICAS_HURRY_MS     150 /* announced this often while holding off */
#define VSW_REPLICAS_TWIN_MS      5000
#define VSW_REPLICAS_FORGET_MS    600000 /* a name without a sign of life */


/* A replica as it has announced itself, ourselves among them. */
typedef struct {
    char     name[VSTREAM_CAMERA_ID_MAX + 1];
    char     owner[VSW_LEASE_OWNER_MAX]; /* of its leases */
    uint32_t max;
    uint32_t load_milli;
    bool     closed;    /* takes nothing now: it holds off, or leaves */
    uint32_t announced; /* leases, as it says */
    uint32_t held;      /* leases, by the last poll */
    uint32_t counted;   /* leases, by the poll under way */
} vsw_replica_t;

typedef struct {
    vsw_camera_env_t *env;
    vsw_cameras_t    *cameras;
    vsw_replica_t     list[VSW_REPLICAS_MAX]; /* the first is ourselves */
    size_t            count;

    char     names[VSW_REPLICAS_MAX][VSTREAM_CAMERA_ID_MAX + 1];
    bool     names_old[VSW_REPLICAS_MAX]; /* no sign of life for long */
    size_t   names_count;                 /* asked for in this round */
    int64_t  announce_ms;                 /* when it is due */
    int64_t  poll_ms;
    int64_t  hand_over_ms;
    int64_t  hold_off_ms;    /* take nothing before */
    int64_t  polled_sent_ms; /* of the poll under way */
    uint64_t polled_version; /* of the table, when it was sent */
    size_t   polled_next;    /* camera that the next answer begins with */
    size_t   free_cameras;   /* by the last poll */
    int64_t  twin_ms; /* since when another process uses our name; 0: none */
    unsigned polls;   /* answers that are due */
    unsigned announced : 1; /* our key was written on this connection */
    unsigned reading : 1;
    unsigned settled : 1; /* the others were read at least once */
    unsigned leaving : 1;
} vsw_replicas_t;


void vsw_replicas_init(vsw_replicas_t *replicas, vsw_camera_env_t *env,
                       vsw_cameras_t *cameras);

/* Redis has come up, or answers again: hold off for one TTL. */
void vsw_replicas_hold_off(vsw_replicas_t *replicas, const char *why);

/* The connection is new: nothing is under way any more. */
void vsw_replicas_reset(vsw_replicas_t *replicas);

/* To be called every 50 ms or so. */
void vsw_replicas_tick(vsw_replicas_t *replicas, int64_t now_ms);

/* Takes back the announcement: the others need not wait for its TTL. */
void vsw_replicas_leave(vsw_replicas_t *replicas);


#endif /* VSW_REPLICAS_H */
