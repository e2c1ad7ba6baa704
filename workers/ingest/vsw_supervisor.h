/*
 * The supervisor: one thread, one loop, everything that vstream-ingest does
 * but taking media apart.  It owns the connections to Redis, the spawner and
 * all cameras, and gives each of them its turn.
 */

#ifndef VSW_SUPERVISOR_H
#define VSW_SUPERVISOR_H

#include <stdint.h>

#include "vsw_cameras.h"
#include "vsw_catalog.h"
#include "vsw_clock.h"
#include "vsw_demand.h"
#include "vsw_http.h"
#include "vsw_ingest_config.h"
#include "vsw_options.h"
#include "vsw_replicas.h"

#define VSW_SUPERVISOR_TICK_MS  50
#define VSW_SUPERVISOR_SLEPT_MS 1000 /* a tick this late: we were stopped */
#define VSW_SUPERVISOR_LEAVE_MS 1000 /* for leases to be given back */
#define VSW_SUPERVISOR_STOP_MS  300  /* for cameras to tell their sources */
#define VSW_SUPERVISOR_SPAWN_MS 500  /* until a spawner is tried again */
#define VSW_SUPERVISOR_PING_MS  3000


typedef struct {
    const vsw_options_t *options;
    vsw_ingest_config_t *config;
    struct ev_loop      *loop;
    vsw_redis_t         *news; /* the third connection; it is subscribed */
    vsw_http_t          *http;

    vsw_camera_env_t env;
    vsw_cameras_t    cameras;
    vsw_catalog_t    catalog;
    vsw_demand_t     demand;
    vsw_replicas_t   replicas;

    ev_timer  tick;
    ev_io     deaths;
    ev_signal terminate;
    ev_signal interrupt;
    ev_signal reload;

    vsw_clock_watch_t clock;
    int64_t           ticked_ms;
    int64_t           spawn_ms;    /* without a spawner: when to try again */
    int64_t           patience_ms; /* with one that is not ready: its end */
    int64_t           ping_ms;
    int64_t           leave_ms;    /* leaving: when patience ends */
    int64_t           stop_ms;     /* leaving: and that with processes */
    int64_t           watchdog_ms; /* when systemd wants to hear from us */
    int64_t           watchdog_every_ms;
    uint64_t          clock_jumps;
    unsigned          give_backs; /* answers that are due */
    unsigned          schema_ok : 1;
    unsigned          connected_once : 1;
    unsigned          leaving : 1;
    int               exit_code;
} vsw_supervisor_t;


/*
 * Runs until a signal ends it; returns an exit code.  Takes `config` over,
 * which is replaced when it is reread.
 */
int vsw_supervisor_run(const vsw_options_t *options,
                       vsw_ingest_config_t *config);

/* Redis can be worked with now: connected, of a kind we know, and awake. */
bool vsw_supervisor_is_ready(const vsw_supervisor_t *supervisor);


#endif /* VSW_SUPERVISOR_H */
