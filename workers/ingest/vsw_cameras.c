/*
 * The table of cameras, see vsw_cameras.h.
 */

#include "vsw_cameras.h"

#include "vsw_log.h"

#include <stdlib.h>
#include <string.h>


static size_t vsw_cameras_position(const vsw_cameras_t *cameras,
                                   vstream_slice_t id, int *found);
static int    vsw_cameras_reserve(vsw_cameras_t *cameras);
static int    vsw_cameras_compare(vstream_slice_t a, const char *b);


vsw_camera_t *
vsw_cameras_find(const vsw_cameras_t *cameras, vstream_slice_t id)
{
    int    found;
    size_t i = vsw_cameras_position(cameras, id, &found);

    return found ? cameras->list[i] : NULL;
}


vsw_camera_t *
vsw_cameras_get(vsw_cameras_t *cameras, vsw_camera_env_t *env,
                vstream_slice_t id)
{
    vsw_camera_t *camera;
    size_t        i;
    char          text[VSTREAM_CAMERA_ID_MAX + 1];
    int           found;

    if (vstream_camera_id_check(id) != VSTREAM_OK) {
        return NULL;
    }

    i = vsw_cameras_position(cameras, id, &found);
    if (found) {
        return cameras->list[i];
    }

    if (vsw_cameras_reserve(cameras) != 0) {
        return NULL;
    }

    memcpy(text, id.data, id.length);
    text[id.length] = '\0';

    camera = vsw_camera_create(env, text);
    if (camera == NULL) {
        return NULL;
    }

    memmove(&cameras->list[i + 1], &cameras->list[i],
            (cameras->count - i) * sizeof(cameras->list[0]));
    cameras->list[i] = camera;
    cameras->count++;
    cameras->version++;

    return camera;
}


void
vsw_cameras_sweep(vsw_cameras_t *cameras)
{
    vsw_camera_t *camera;
    size_t        i, kept = 0;

    for (i = 0; i < cameras->count; i++) {
        camera = cameras->list[i];

        if (camera->withdrawn && vsw_camera_is_idle(camera)) {
            vsw_camera_destroy(camera);
        } else {
            cameras->list[kept++] = camera;
        }
    }

    if (kept != cameras->count) {
        cameras->count = kept;
        cameras->version++;
    }
}


void
vsw_cameras_clear(vsw_cameras_t *cameras)
{
    size_t i;

    for (i = 0; i < cameras->count; i++) {
        vsw_process_stop(&cameras->list[i]->process);
        vsw_camera_destroy(cameras->list[i]);
    }

    free(cameras->list);
    memset(cameras, 0, sizeof(*cameras));
}


/* Where `id` is, or would have to go. */
static size_t
vsw_cameras_position(const vsw_cameras_t *cameras, vstream_slice_t id,
                     int *found)
{
    size_t low = 0, high = cameras->count, middle;
    int    order;

    *found = 0;

    while (low < high) {
        middle = low + (high - low) / 2;
        order = vsw_cameras_compare(id, cameras->list[middle]->id);

        if (order == 0) {
            *found = 1;
            return middle;
        }

        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }

    return low;
}


static int
vsw_cameras_reserve(vsw_cameras_t *cameras)
{
    size_t         capacity;
    vsw_camera_t **list;

    if (cameras->count < cameras->capacity) {
        return 0;
    }

    if (cameras->count == VSW_CAMERAS_MAX) {
        vsw_log(VSW_LOG_ERROR, "more cameras than one replica can know",
                VSW_LOG_NUMBER("most", VSW_CAMERAS_MAX));
        return -1;
    }

    capacity = cameras->capacity == 0 ? 64 : cameras->capacity * 2;
    list = reallocarray(cameras->list, capacity, sizeof(*list));
    if (list == NULL) {
        return -1;
    }

    cameras->list = list;
    cameras->capacity = capacity;

    return 0;
}


static int
vsw_cameras_compare(vstream_slice_t a, const char *b)
{
    size_t length = strlen(b);
    int    order = memcmp(a.data, b, a.length < length ? a.length : length);

    if (order != 0) {
        return order;
    }

    return (a.length > length) - (a.length < length);
}
