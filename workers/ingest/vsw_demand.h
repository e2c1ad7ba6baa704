/*
 * Demand: how many subscribers the frame channels of each held camera have.
 * Redis counts them anyway (PUBSUB SHARDNUMSUB), so that is the signal.
 */

#ifndef VSW_DEMAND_H
#define VSW_DEMAND_H

#include "vsw_cameras.h"

#define VSW_DEMAND_MS 100


typedef struct {
    vsw_camera_env_t *env;
    vsw_cameras_t    *cameras;
    int64_t           ask_ms; /* when to ask again */
    unsigned          asking; /* answers that are due */
} vsw_demand_t;


void vsw_demand_init(vsw_demand_t *demand, vsw_camera_env_t *env,
                     vsw_cameras_t *cameras);

/* To be called every 50 ms or so. */
void vsw_demand_tick(vsw_demand_t *demand, int64_t now_ms);


#endif /* VSW_DEMAND_H */
