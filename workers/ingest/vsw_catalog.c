/*
 * The catalog, see vsw_catalog.h.
 *
 * DESIGN  One HGETALL brings all cameras.  For those that we know and that it
 * lacked, the records of their origins are read, each once; the answers come
 * in order, so the camera is found again by its id in the command's own data.
 */

#include "vsw_catalog.h"

#include "vsw_clock.h"
#include "vsw_log.h"

#include <jansson.h>
#include <string.h>


static void vsw_catalog_read(vsw_catalog_t *catalog);
static void vsw_catalog_cameras(void *data, const redisReply *reply);
static void vsw_catalog_missing(vsw_catalog_t *catalog, vsw_camera_t *camera);
static void vsw_catalog_record(void *data, const redisReply *reply);


void
vsw_catalog_init(vsw_catalog_t *catalog, vsw_camera_env_t *env,
                 vsw_cameras_t *cameras)
{
    memset(catalog, 0, sizeof(*catalog));
    catalog->env = env;
    catalog->cameras = cameras;
}


void
vsw_catalog_hurry(vsw_catalog_t *catalog)
{
    int64_t soon = vsw_clock_ms() + VSW_CATALOG_GAP_MS;

    if (catalog->read_ms > soon) {
        catalog->read_ms = soon;
    }
}


void
vsw_catalog_tick(vsw_catalog_t *catalog, int64_t now_ms)
{
    if (now_ms >= catalog->read_ms && !catalog->reading) {
        catalog->read_ms = now_ms + VSTREAM_REREAD_MS;
        vsw_catalog_read(catalog);
    }
}


static void
vsw_catalog_read(vsw_catalog_t *catalog)
{
    vsw_camera_env_t *env = catalog->env;
    vsw_args_t        args;

    vsw_args_init(&args);
    vsw_args_text(&args, "HGETALL");
    vsw_args_key(&args, env->office.prefix, VSTREAM_KEY_CAMERAS, NULL);

    catalog->reading =
        vsw_args_send(&args, env->control, vsw_catalog_cameras, catalog, NULL)
        == VSTREAM_OK;
}


static void
vsw_catalog_cameras(void *data, const redisReply *reply)
{
    vsw_catalog_t  *catalog = data;
    vsw_cameras_t  *cameras = catalog->cameras;
    vstream_slice_t id, json;
    vsw_camera_t   *camera;
    size_t          i;

    catalog->reading = 0;

    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY) {
        return;
    }

    catalog->round++;
    catalog->read_once = 1;

    for (i = 0; i + 1 < reply->elements; i += 2) {
        id = vsw_redis_string(reply->element[i]);
        json = vsw_redis_string(reply->element[i + 1]);

        camera = id.data == NULL || json.data == NULL
                     ? NULL
                     : vsw_cameras_get(cameras, catalog->env, id);
        if (camera == NULL) {
            continue;
        }

        vsw_camera_declare(camera, json);
        camera->seen_round = catalog->round;
    }

    for (i = 0; i < cameras->count; i++) {
        if (cameras->list[i]->seen_round != catalog->round) {
            vsw_catalog_missing(catalog, cameras->list[i]);
        }
    }
}


static void
vsw_catalog_missing(vsw_catalog_t *catalog, vsw_camera_t *camera)
{
    vsw_camera_env_t *env = catalog->env;
    vstream_slice_t   origin;
    vsw_args_t        args;
    char              text[VSTREAM_ORIGIN_MAX + 1];

    if (camera->withdrawn || camera->desired == NULL) {
        return;
    }

    origin = camera->desired->camera.origin;
    if (vstream_camera_id_check(origin) != VSTREAM_OK) {
        vsw_camera_withdraw(camera); /* nobody's: the hash alone decides */
        return;
    }

    memcpy(text, origin.data, origin.length);
    text[origin.length] = '\0';

    vsw_args_init(&args);
    vsw_args_text(&args, "GET");
    vsw_args_key(&args, env->office.prefix, VSTREAM_KEY_SET, text);
    (void) vsw_args_send(&args, env->control, vsw_catalog_record, camera, NULL);
}


/* The record of a missing camera's origin: is it really gone? */
static void
vsw_catalog_record(void *data, const redisReply *reply)
{
    vsw_camera_t   *camera = data;
    vstream_slice_t text;
    json_t         *record, *ids, *id;
    size_t          i;
    bool            listed = false;

    text =
        reply == NULL ? (vstream_slice_t) { NULL, 0 } : vsw_redis_string(reply);
    if (text.data == NULL) {
        return;
    }

    record = json_loadb(text.data, text.length, 0, NULL);
    ids = json_object_get(record, "cameras");

    json_array_foreach(ids, i, id)
    {
        if (json_is_string(id)
            && strcmp(json_string_value(id), camera->id) == 0) {
            listed = true;
        }
    }

    if (json_is_array(ids) && !listed) {
        vsw_camera_withdraw(camera);
    }

    json_decref(record);
}
