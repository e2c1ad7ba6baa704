/*
 * Demand, see vsw_demand.h.  One command names up to VSW_ARGS_BATCH channels;
 * the next question waits until all answers are there, so that a slow Redis
 * is not asked faster than it answers.
 */

#include "vsw_demand.h"

#include <string.h>


static void vsw_demand_begin(vsw_args_t *args);
static void vsw_demand_name(vsw_demand_t *demand, vsw_args_t *args,
                            const vsw_camera_t *camera,
                            vstream_rendition_t rendition, size_t *named);
static void vsw_demand_send(vsw_demand_t *demand, vsw_args_t *args);
static void vsw_demand_answer(void *data, const redisReply *reply);


void
vsw_demand_init(vsw_demand_t *demand, vsw_camera_env_t *env,
                vsw_cameras_t *cameras)
{
    memset(demand, 0, sizeof(*demand));
    demand->env = env;
    demand->cameras = cameras;
}


void
vsw_demand_tick(vsw_demand_t *demand, int64_t now_ms)
{
    vsw_camera_t *camera;
    vsw_args_t    args;
    size_t        i, named = 0;

    if (now_ms < demand->ask_ms || demand->asking > 0) {
        return;
    }

    demand->ask_ms = now_ms + VSW_DEMAND_MS;
    vsw_demand_begin(&args);

    for (i = 0; i < demand->cameras->count; i++) {
        camera = demand->cameras->list[i];

        if (camera->lease.state != VSW_LEASE_HELD) {
            continue;
        }

        vsw_demand_name(demand, &args, camera, VSTREAM_RENDITION_MAIN, &named);

        if (vsw_camera_has_small(camera)) {
            vsw_demand_name(demand, &args, camera, VSTREAM_RENDITION_SMALL,
                            &named);
        }
    }

    if (named > 0) {
        vsw_demand_send(demand, &args);
    }
}


static void
vsw_demand_begin(vsw_args_t *args)
{
    vsw_args_init(args);
    vsw_args_text(args, "PUBSUB");
    vsw_args_text(args, "SHARDNUMSUB");
}


/* One more channel; the command is sent where it is full. */
static void
vsw_demand_name(vsw_demand_t *demand, vsw_args_t *args,
                const vsw_camera_t *camera, vstream_rendition_t rendition,
                size_t *named)
{
    vsw_args_key(args, demand->env->office.prefix,
                 vstream_schema_frame_key(rendition), camera->id);

    if (++*named == VSW_ARGS_BATCH) {
        vsw_demand_send(demand, args);
        vsw_demand_begin(args);
        *named = 0;
    }
}


static void
vsw_demand_send(vsw_demand_t *demand, vsw_args_t *args)
{
    if (vsw_args_send(args, demand->env->control, vsw_demand_answer, demand,
                      NULL)
        == VSTREAM_OK)
    {
        demand->asking++;
    }
}


/* Channel, count, channel, count, ... */
static void
vsw_demand_answer(void *data, const redisReply *reply)
{
    vsw_demand_t       *demand = data;
    vstream_slice_t     channel, id;
    vstream_rendition_t rendition;
    const redisReply   *count;
    vsw_camera_t       *camera;
    size_t              i;

    demand->asking--;

    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY) {
        return;
    }

    for (i = 0; i + 1 < reply->elements; i += 2) {
        channel = vsw_redis_string(reply->element[i]);
        count = reply->element[i + 1];

        if (channel.data == NULL || count->type != REDIS_REPLY_INTEGER
            || count->integer < 0 || count->integer > UINT32_MAX
            || vstream_schema_frame_channel_read(demand->env->office.prefix,
                                                 channel, &id, &rendition)
                   != VSTREAM_OK)
        {
            continue;
        }

        camera = vsw_cameras_find(demand->cameras, id);
        if (camera != NULL && vsw_lease_is_ours(&camera->lease)) {
            vsw_camera_watched(camera, rendition, (uint32_t) count->integer);
        }
    }
}
