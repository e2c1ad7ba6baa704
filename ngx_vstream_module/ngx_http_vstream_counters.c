/*
 * Counters in shared memory: see ngx_http_vstream_counters.h.
 */

#include "ngx_http_vstream_counters.h"


typedef struct {
    u_char length;
    u_char text[VSTREAM_CAMERA_ID_MAX];
} ngx_http_vstream_counted_id_t;

typedef struct {
    ngx_uint_t                    ncameras; /* only grows */
    ngx_http_vstream_counted_id_t ids[NGX_HTTP_VSTREAM_COUNTED_CAMERAS];
    ngx_http_vstream_counters_t   retired;
    ngx_uint_t                    nblocks; /* slots that had one; only grows */
    ngx_http_vstream_counters_t  *blocks[NGX_MAX_PROCESSES];
} ngx_http_vstream_shared_t;


static ngx_int_t ngx_http_vstream_counters_init_zone(ngx_shm_zone_t *zone,
                                                     void           *data);
static void      ngx_http_vstream_counters_add(ngx_http_vstream_counters_t *sum,
                                               ngx_http_vstream_counters_t *block,
                                               ngx_uint_t ncameras);


static ngx_slab_pool_t            *ngx_http_vstream_shpool;
static ngx_http_vstream_shared_t  *ngx_http_vstream_shared;
static ngx_http_vstream_counters_t ngx_http_vstream_private;
ngx_http_vstream_counters_t       *ngx_http_vstream_counted =
    &ngx_http_vstream_private;

const ngx_uint_t ngx_http_vstream_age_bounds[NGX_HTTP_VSTREAM_AGE_BUCKETS] = {
    1, 2, 5, 10, 20, 35, 50, 100, 250, 1000, 5000, 30000
};


ngx_int_t
ngx_http_vstream_counters_add_zone(ngx_conf_t                   *cf,
                                   ngx_http_vstream_main_conf_t *vmcf)
{
    ngx_str_t name = ngx_string("vstream_counters");

    vmcf->zone = ngx_shared_memory_add(cf, &name, NGX_HTTP_VSTREAM_ZONE_SIZE,
                                       &ngx_vstream_module);
    if (vmcf->zone == NULL) {
        return NGX_ERROR;
    }

    vmcf->zone->init = ngx_http_vstream_counters_init_zone;

    return NGX_OK;
}


static ngx_int_t
ngx_http_vstream_counters_init_zone(ngx_shm_zone_t *zone, void *data)
{
    ngx_slab_pool_t           *shpool;
    ngx_http_vstream_shared_t *shared;

    if (data) { /* a reload: the zone goes on */
        zone->data = data;
        return NGX_OK;
    }

    shpool = (ngx_slab_pool_t *) zone->shm.addr;

    if (zone->shm.exists) {
        zone->data = shpool->data;
        return NGX_OK;
    }

    shared = ngx_slab_calloc(shpool, sizeof(ngx_http_vstream_shared_t));
    if (shared == NULL) {
        return NGX_ERROR;
    }

    shpool->data = shared;
    zone->data = shared;

    return NGX_OK;
}


ngx_int_t
ngx_http_vstream_counters_init(ngx_cycle_t                  *cycle,
                               ngx_http_vstream_main_conf_t *vmcf)
{
    ngx_http_vstream_counters_t *block;

    ngx_http_vstream_shpool = (ngx_slab_pool_t *) vmcf->zone->shm.addr;
    ngx_http_vstream_shared = vmcf->zone->data;

    ngx_shmtx_lock(&ngx_http_vstream_shpool->mutex);

    block = ngx_http_vstream_shared->blocks[ngx_process_slot];

    if (block) {
        ngx_http_vstream_counters_add(&ngx_http_vstream_shared->retired, block,
                                      NGX_HTTP_VSTREAM_COUNTED_CAMERAS + 1);
        ngx_memzero(block, sizeof(ngx_http_vstream_counters_t));

    } else {
        block = ngx_slab_calloc_locked(ngx_http_vstream_shpool,
                                       sizeof(ngx_http_vstream_counters_t));
        ngx_http_vstream_shared->blocks[ngx_process_slot] = block;
    }

    if (block) {
        block->pid = ngx_pid;
        ngx_http_vstream_shared->nblocks =
            ngx_max(ngx_http_vstream_shared->nblocks,
                    (ngx_uint_t) ngx_process_slot + 1);
    }

    ngx_shmtx_unlock(&ngx_http_vstream_shpool->mutex);

    if (block == NULL) {
        ngx_log_error(NGX_LOG_ERR, cycle->log, 0,
                      "vstream: no shared memory for the counters of this "
                      "worker, it will not be counted");
        block = &ngx_http_vstream_private;
    }

    ngx_http_vstream_counted = block;

    return NGX_OK;
}


void
ngx_http_vstream_counters_exit(void)
{
    ngx_http_vstream_counted->pid = 0;
}


/* Ids are only ever appended, each before the number says so. */
ngx_uint_t
ngx_http_vstream_counters_find(ngx_str_t *id)
{
    ngx_uint_t                     i, n;
    ngx_http_vstream_counted_id_t *counted;

    n = ngx_http_vstream_shared->ncameras;
    ngx_memory_barrier();

    for (i = 0; i < n; i++) {
        counted = &ngx_http_vstream_shared->ids[i];

        if (counted->length == id->len
            && ngx_memcmp(counted->text, id->data, id->len) == 0)
        {
            return i;
        }
    }

    return NGX_HTTP_VSTREAM_COUNTED_CAMERAS;
}


ngx_uint_t
ngx_http_vstream_counters_camera(ngx_str_t *id)
{
    ngx_uint_t                 i;
    static ngx_uint_t          complained;
    ngx_http_vstream_shared_t *shared;

    shared = ngx_http_vstream_shared;

    ngx_shmtx_lock(&ngx_http_vstream_shpool->mutex);

    i = ngx_http_vstream_counters_find(id);

    if (i == NGX_HTTP_VSTREAM_COUNTED_CAMERAS && shared->ncameras < i) {
        i = shared->ncameras;
        shared->ids[i].length = (u_char) id->len;
        ngx_memcpy(shared->ids[i].text, id->data, id->len);
        ngx_memory_barrier();
        shared->ncameras++;
    }

    ngx_shmtx_unlock(&ngx_http_vstream_shpool->mutex);

    if (i == NGX_HTTP_VSTREAM_COUNTED_CAMERAS && !complained) {
        complained = 1;
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "vstream: more than %d cameras since nginx was started: "
                      "the later ones are not counted by name",
                      NGX_HTTP_VSTREAM_COUNTED_CAMERAS);
    }

    return i;
}


static ngx_uint_t
ngx_http_vstream_counters_is_alive(ngx_http_vstream_counters_t *block)
{
    ngx_pid_t pid;

    pid = block->pid;

    return pid != 0 && (kill(pid, 0) == 0 || ngx_errno != NGX_ESRCH);
}


uint64_t
ngx_http_vstream_counters_viewers(ngx_uint_t camera)
{
    uint64_t                     viewers;
    ngx_uint_t                   i;
    ngx_http_vstream_counters_t *block;

    viewers = 0;

    for (i = 0; i < ngx_http_vstream_shared->nblocks; i++) {
        block = ngx_http_vstream_shared->blocks[i];

        if (block && block->cameras[camera].viewers
            && ngx_http_vstream_counters_is_alive(block))
        {
            viewers += block->cameras[camera].viewers;
        }
    }

    return viewers;
}


void
ngx_http_vstream_counters_age(int64_t age_us)
{
    uint64_t   age_ms;
    ngx_uint_t i;

    if (age_us < 0) {
        age_us = 0;
    }

    age_ms = (uint64_t) age_us / 1000;

    for (i = 0; i < NGX_HTTP_VSTREAM_AGE_BUCKETS; i++) {
        if (age_ms < ngx_http_vstream_age_bounds[i]) {
            break;
        }
    }

    ngx_http_vstream_counted->age_buckets[i]++;
    ngx_http_vstream_counted->age_sum_us += (uint64_t) age_us;
}


/* Adds all that only grows. */
static void
ngx_http_vstream_counters_add(ngx_http_vstream_counters_t *sum,
                              ngx_http_vstream_counters_t *block,
                              ngx_uint_t                   ncameras)
{
    ngx_uint_t                          i, k;
    ngx_http_vstream_camera_counters_t *to, *from;

    sum->redis_reconnects += block->redis_reconnects;
    sum->redis_errors += block->redis_errors;
    sum->age_sum_us += block->age_sum_us;

    for (i = 0; i < NGX_HTTP_VSTREAM_CLOSED_REASONS; i++) {
        sum->closed[i] += block->closed[i];
    }

    for (i = 0; i <= NGX_HTTP_VSTREAM_AGE_BUCKETS; i++) {
        sum->age_buckets[i] += block->age_buckets[i];
    }

    for (i = 0; i < ncameras; i++) {
        to = &sum->cameras[i];
        from = &block->cameras[i];

        to->frames_received += from->frames_received;
        to->frames_sent += from->frames_sent;
        to->bytes_sent += from->bytes_sent;

        for (k = 0; k < NGX_HTTP_VSTREAM_SKIPPED_REASONS; k++) {
            to->skipped[k] += from->skipped[k];
        }
    }
}


ngx_uint_t
ngx_http_vstream_counters_sum(ngx_http_vstream_counters_t *sum)
{
    ngx_uint_t                   i, k;
    ngx_http_vstream_counters_t *block;
    ngx_http_vstream_shared_t   *shared;

    shared = ngx_http_vstream_shared;

    ngx_memzero(sum, sizeof(ngx_http_vstream_counters_t));

    ngx_shmtx_lock(&ngx_http_vstream_shpool->mutex);

    ngx_http_vstream_counters_add(sum, &shared->retired,
                                  NGX_HTTP_VSTREAM_COUNTED_CAMERAS + 1);

    for (i = 0; i < shared->nblocks; i++) {
        block = shared->blocks[i];

        if (block == NULL) {
            continue;
        }

        ngx_http_vstream_counters_add(sum, block,
                                      NGX_HTTP_VSTREAM_COUNTED_CAMERAS + 1);

        if (!ngx_http_vstream_counters_is_alive(block)) {
            continue;
        }

        sum->redis_connections += block->redis_connections;

        for (k = 0; k <= NGX_HTTP_VSTREAM_COUNTED_CAMERAS; k++) {
            sum->cameras[k].viewers += block->cameras[k].viewers;
        }
    }

    ngx_shmtx_unlock(&ngx_http_vstream_shpool->mutex);

    return shared->ncameras;
}


ngx_str_t
ngx_http_vstream_counters_camera_id(ngx_uint_t camera)
{
    ngx_str_t                      id;
    ngx_http_vstream_counted_id_t *counted;

    counted = &ngx_http_vstream_shared->ids[camera];
    id.data = counted->text;
    id.len = counted->length;

    return id;
}
