/*
 * The replicas, see vsw_replicas.h.
 *
 * DESIGN  Two rounds run side by side.  Announcing: write our key, put our
 * name down and read all names, read the others' keys.  Polling: look whether
 * our own key is still there (if not, Redis was emptied, and what looks free
 * is not), then read all leases.  An answer that comes late counts for
 * nothing, because a lease that was free then may be held now.
 */

#include "vsw_replicas.h"

#include "vsw_clock.h"
#include "vsw_log.h"

#include <jansson.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


static void   vsw_replicas_announce(vsw_replicas_t *replicas);
static void   vsw_replicas_announced(void *data, const redisReply *reply);
static void   vsw_replicas_twin(vsw_replicas_t *replicas, vstream_slice_t text);
static void   vsw_replicas_names(void *data, const redisReply *reply);
static void   vsw_replicas_read(vsw_replicas_t *replicas);
static void   vsw_replicas_others(void *data, const redisReply *reply);
static void   vsw_replicas_other(vsw_replicas_t *replicas, const char *name,
                                 vstream_slice_t text);
static bool   vsw_replicas_is_old(vstream_slice_t sign);
static void   vsw_replicas_forget(vsw_replicas_t *replicas, const char *name);
static void   vsw_replicas_poll(vsw_replicas_t *replicas);
static void   vsw_replicas_present(void *data, const redisReply *reply);
static void   vsw_replicas_polled(void *data, const redisReply *reply);
static bool   vsw_replicas_is_late(const vsw_replicas_t *replicas);
static void   vsw_replicas_lease(vsw_replicas_t *replicas, vsw_camera_t *camera,
                                 vstream_slice_t owner, int64_t now_ms);
static void   vsw_replicas_line_up(vsw_replicas_t *replicas);
static size_t vsw_replicas_former(const vsw_replicas_t *replicas,
                                  const vsw_camera_t   *camera);
static size_t vsw_replicas_shares(const vsw_replicas_t *replicas,
                                  vsw_share_t          *shares);
static void   vsw_replicas_take(vsw_replicas_t *replicas, int64_t now_ms);
static void   vsw_replicas_hand_over(vsw_replicas_t *replicas, int64_t now_ms);
static vsw_camera_t *vsw_replicas_surplus(const vsw_replicas_t *replicas,
                                          int64_t               now_ms);
static int           vsw_replicas_cost(const vsw_camera_t *camera);
static uint32_t      vsw_replicas_held(const vsw_replicas_t *replicas);
static uint32_t      vsw_replicas_load(void);
static uint32_t      vsw_replicas_number(const json_t *json, const char *name);


/* Both are allowed on a full Redis, as leases are. */
static const char vsw_replicas_announce_script[] =
    "#!lua flags=allow-oom\n"
    "local former = redis.call('GET', KEYS[1])\n"
    "redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])\n"
    "return former\n";

static const char vsw_replicas_sign_script[] =
    "#!lua flags=allow-oom\n"
    "redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])\n"
    "return redis.call('HGETALL', KEYS[1])\n";


void
vsw_replicas_init(vsw_replicas_t *replicas, vsw_camera_env_t *env,
                  vsw_cameras_t *cameras)
{
    memset(replicas, 0, sizeof(*replicas));
    replicas->env = env;
    replicas->cameras = cameras;
    replicas->count = 1;
    snprintf(replicas->list[0].name, sizeof(replicas->list[0].name), "%s",
             env->config->replica);
}


void
vsw_replicas_hold_off(vsw_replicas_t *replicas, const char *why)
{
    int64_t now = vsw_clock_ms();

    if (replicas->hold_off_ms <= now) {
        vsw_log(VSW_LOG_INFO, "no lease is taken for a while",
                VSW_LOG_TEXT("why", why),
                VSW_LOG_NUMBER("ms", VSTREAM_LEASE_TTL_MS));
    }

    replicas->hold_off_ms = now + VSTREAM_LEASE_TTL_MS;
    replicas->announce_ms = 0; /* the others should know */
}


void
vsw_replicas_reset(vsw_replicas_t *replicas)
{
    int64_t settle = vsw_clock_ms() + VSW_REPLICAS_SETTLE_MS;

    replicas->announced = 0;
    replicas->announce_ms = 0;
    replicas->poll_ms = 0;

    if (replicas->hold_off_ms < settle) {
        replicas->hold_off_ms = settle;
    }
}


void
vsw_replicas_tick(vsw_replicas_t *replicas, int64_t now_ms)
{
    if (replicas->leaving) {
        return;
    }

    if (now_ms >= replicas->announce_ms && !replicas->reading) {
        replicas->announce_ms =
            now_ms
            + (now_ms < replicas->hold_off_ms ? VSW_REPLICAS_HURRY_MS
                                              : VSW_REPLICAS_ANNOUNCE_MS);
        vsw_replicas_announce(replicas);
    }

    if (now_ms >= replicas->poll_ms && replicas->polls == 0) {
        replicas->poll_ms = now_ms + VSW_REPLICAS_POLL_MS;
        vsw_replicas_poll(replicas);
    }

    if (now_ms < replicas->hold_off_ms || !replicas->settled
        || !vsw_redis_is_up(replicas->env->control)
        || vsw_redis_is_hung(replicas->env->control))
    {
        return;
    }

    vsw_replicas_take(replicas, now_ms);
}


void
vsw_replicas_leave(vsw_replicas_t *replicas)
{
    vsw_camera_env_t *env = replicas->env;
    vsw_args_t        args;

    replicas->leaving = 1;

    vsw_args_init(&args);
    vsw_args_text(&args, "DEL");
    vsw_args_key(&args, env->office.prefix, VSTREAM_KEY_REPLICA,
                 env->config->replica);
    (void) vsw_args_send(&args, env->control, NULL, NULL, NULL);

    vsw_args_init(&args);
    vsw_args_text(&args, "HDEL");
    vsw_args_key(&args, env->office.prefix, VSTREAM_KEY_REPLICAS, NULL);
    vsw_args_text(&args, env->config->replica);
    (void) vsw_args_send(&args, env->control, NULL, NULL, NULL);
}


static void
vsw_replicas_announce(vsw_replicas_t *replicas)
{
    vsw_camera_env_t *env = replicas->env;
    vsw_replica_t    *self = &replicas->list[0];
    vstream_writer_t  w;
    vsw_args_t        args;
    char              json[512];

    self->load_milli = vsw_replicas_load();
    self->max = env->config->limits.cameras;
    self->held = vsw_replicas_held(replicas);
    self->closed = vsw_clock_ms() < replicas->hold_off_ms;

    vstream_writer_init(&w, json, sizeof(json));
    vstream_writer_text(&w, "{\"owner\":\"");
    vstream_writer_text(&w, env->office.owner);
    vstream_writer_text(&w, "\",\"held\":");
    vstream_writer_uint(&w, self->held);
    vstream_writer_text(&w, ",\"max\":");
    vstream_writer_uint(&w, self->max);
    vstream_writer_text(&w, ",\"load_milli\":");
    vstream_writer_uint(&w, self->load_milli);
    vstream_writer_text(&w, ",\"closed\":");
    vstream_writer_text(&w, self->closed ? "true" : "false");
    vstream_writer_text(&w, ",\"highest_epoch\":");
    vstream_writer_uint(&w, env->office.highest_epoch);
    vstream_writer_text(&w, ",\"version\":\"" VSTREAM_VERSION "\"}");

    vsw_args_init(&args);
    vsw_args_text(&args, "EVAL");
    vsw_args_text(&args, vsw_replicas_announce_script);
    vsw_args_text(&args, "1");
    vsw_args_key(&args, env->office.prefix, VSTREAM_KEY_REPLICA, self->name);
    vsw_args_slice(&args, vstream_writer_slice(&w));
    vsw_args_int(&args, VSTREAM_REPLICA_TTL_MS);
    (void) vsw_args_send(&args, env->control, vsw_replicas_announced, replicas,
                         NULL);

    vsw_args_init(&args);
    vsw_args_text(&args, "EVAL");
    vsw_args_text(&args, vsw_replicas_sign_script);
    vsw_args_text(&args, "1");
    vsw_args_key(&args, env->office.prefix, VSTREAM_KEY_REPLICAS, NULL);
    vsw_args_text(&args, self->name);
    vsw_args_int(&args, vsw_clock_unix_ms());
    replicas->reading =
        vsw_args_send(&args, env->control, vsw_replicas_names, replicas, NULL)
        == VSTREAM_OK;
}


static void
vsw_replicas_announced(void *data, const redisReply *reply)
{
    vsw_replicas_t *replicas = data;

    if (reply == NULL || vsw_redis_error(reply) != NULL) {
        return;
    }

    if (reply->type == REDIS_REPLY_NIL && replicas->announced) {
        vsw_replicas_hold_off(replicas, "redis was emptied, or we slept");
    }

    replicas->announced = 1;

    if (reply->type == REDIS_REPLY_STRING) {
        vsw_replicas_twin(replicas, vsw_redis_string(reply));
    }
}


/* Once: our former self.  Again and again: another process of our name. */
static void
vsw_replicas_twin(vsw_replicas_t *replicas, vstream_slice_t text)
{
    json_t     *json = json_loadb(text.data, text.length, 0, NULL);
    const char *owner = json_string_value(json_object_get(json, "owner"));
    int64_t     now = vsw_clock_ms();

    if (owner == NULL || strcmp(owner, replicas->env->office.owner) == 0) {
        json_decref(json);
        return;
    }

    if (replicas->twin_ms != 0
        && now - replicas->twin_ms > VSW_REPLICAS_TWIN_MS) {
        vsw_log(VSW_LOG_WARN, "another process uses the name of this replica",
                VSW_LOG_TEXT("replica", replicas->list[0].name),
                VSW_LOG_TEXT("its_owner", owner));
        replicas->twin_ms = 0;
    }

    if (replicas->twin_ms == 0) {
        replicas->twin_ms = now;
    }

    json_decref(json);
}


static void
vsw_replicas_names(void *data, const redisReply *reply)
{
    vsw_replicas_t *replicas = data;
    vstream_slice_t name, sign;
    size_t          i;

    replicas->reading = 0;

    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY) {
        return;
    }

    replicas->names_count = 0;

    for (i = 0; i + 1 < reply->elements; i += 2) {
        name = vsw_redis_string(reply->element[i]);
        sign = vsw_redis_string(reply->element[i + 1]);

        if (name.data == NULL || vstream_camera_id_check(name) != VSTREAM_OK
            || strcmp(name.data, replicas->list[0].name) == 0)
        {
            continue;
        }

        if (replicas->names_count < VSW_REPLICAS_MAX - 1) {
            replicas->names_old[replicas->names_count] =
                vsw_replicas_is_old(sign);
            memcpy(replicas->names[replicas->names_count], name.data,
                   name.length);
            replicas->names[replicas->names_count++][name.length] = '\0';
        }
    }

    vsw_replicas_read(replicas);
}


static void
vsw_replicas_read(vsw_replicas_t *replicas)
{
    vsw_camera_env_t *env = replicas->env;
    vsw_args_t        args;
    size_t            i;

    if (replicas->names_count == 0) {
        replicas->count = 1;
        replicas->settled = 1;
        return;
    }

    vsw_args_init(&args);
    vsw_args_text(&args, "MGET");
    for (i = 0; i < replicas->names_count; i++) {
        vsw_args_key(&args, env->office.prefix, VSTREAM_KEY_REPLICA,
                     replicas->names[i]);
    }

    replicas->reading =
        vsw_args_send(&args, env->control, vsw_replicas_others, replicas, NULL)
        == VSTREAM_OK;
}


static void
vsw_replicas_others(void *data, const redisReply *reply)
{
    vsw_replicas_t *replicas = data;
    vstream_slice_t text;
    size_t          i, before = replicas->count;

    replicas->reading = 0;

    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY
        || reply->elements != replicas->names_count)
    {
        return;
    }

    replicas->count = 1;
    replicas->settled = 1;

    for (i = 0; i < reply->elements; i++) {
        text = vsw_redis_string(reply->element[i]);

        if (text.data != NULL) {
            vsw_replicas_other(replicas, replicas->names[i], text);
        } else if (replicas->names_old[i]) {
            vsw_replicas_forget(replicas, replicas->names[i]);
        }
    }

    if (replicas->count != before) {
        vsw_log(VSW_LOG_INFO, "number of replicas changed",
                VSW_LOG_NUMBER("replicas", replicas->count));
    }
}


static void
vsw_replicas_other(vsw_replicas_t *replicas, const char *name,
                   vstream_slice_t text)
{
    const char         *owner;
    vsw_lease_office_t *office = &replicas->env->office;
    vsw_replica_t      *other = &replicas->list[replicas->count];
    json_t             *json;
    json_int_t          epoch;

    json = json_loadb(text.data, text.length, 0, NULL);

    if (json_is_object(json)) {
        owner = json_string_value(json_object_get(json, "owner"));
        snprintf(other->name, sizeof(other->name), "%s", name);
        snprintf(other->owner, sizeof(other->owner), "%s",
                 owner == NULL ? "" : owner);
        other->max = vsw_replicas_number(json, "max");
        other->load_milli = vsw_replicas_number(json, "load_milli");
        other->closed = json_is_true(json_object_get(json, "closed"));
        other->announced = vsw_replicas_number(json, "held");
        other->held = other->announced;
        other->counted = other->announced;
        replicas->count++;

        epoch = json_integer_value(json_object_get(json, "highest_epoch"));
        if (epoch > 0 && (uint64_t) epoch <= VSTREAM_EPOCH_LEARN_MAX
            && (uint64_t) epoch > office->highest_epoch)
        {
            office->highest_epoch = (uint64_t) epoch;
        }
    }

    json_decref(json);
}


/* By this host's clock, which may be another than the one that it came by. */
static bool
vsw_replicas_is_old(vstream_slice_t sign)
{
    return sign.data == NULL
           || strtoll(sign.data, NULL, 10)
                  < vsw_clock_unix_ms() - VSW_REPLICAS_FORGET_MS;
}


/* Its sign of life is old and its key has gone: the name is struck off. */
static void
vsw_replicas_forget(vsw_replicas_t *replicas, const char *name)
{
    vsw_camera_env_t *env = replicas->env;
    vsw_args_t        args;

    vsw_args_init(&args);
    vsw_args_text(&args, "HDEL");
    vsw_args_key(&args, env->office.prefix, VSTREAM_KEY_REPLICAS, NULL);
    vsw_args_text(&args, name);
    (void) vsw_args_send(&args, env->control, NULL, NULL, NULL);
}


static void
vsw_replicas_poll(vsw_replicas_t *replicas)
{
    vsw_camera_env_t *env = replicas->env;
    vsw_cameras_t    *cameras = replicas->cameras;
    vsw_args_t        args;
    size_t            i;

    replicas->polled_sent_ms = vsw_clock_ms();
    replicas->polled_version = cameras->version;
    replicas->polled_next = 0;
    replicas->free_cameras = 0;

    vsw_args_init(&args);
    vsw_args_text(&args, "EXISTS");
    vsw_args_key(&args, env->office.prefix, VSTREAM_KEY_REPLICA,
                 replicas->list[0].name);
    replicas->polls +=
        vsw_args_send(&args, env->control, vsw_replicas_present, replicas, NULL)
        == VSTREAM_OK;

    for (i = 0; i < cameras->count && replicas->polls > 0; i++) {
        if (i % VSW_ARGS_BATCH == 0) {
            vsw_args_init(&args);
            vsw_args_text(&args, "MGET");
        }

        vsw_args_key(&args, env->office.prefix, VSTREAM_KEY_LEASE,
                     cameras->list[i]->id);

        if (i % VSW_ARGS_BATCH == VSW_ARGS_BATCH - 1 || i + 1 == cameras->count)
        {
            if (vsw_args_send(&args, env->control, vsw_replicas_polled,
                              replicas, NULL)
                != VSTREAM_OK)
            {
                return; /* answers are told apart by their order alone */
            }
            replicas->polls++;
        }
    }
}


static void
vsw_replicas_present(void *data, const redisReply *reply)
{
    vsw_replicas_t *replicas = data;
    size_t          i;

    replicas->polls--;

    for (i = 1; i < replicas->count; i++) {
        replicas->list[i].counted = 0;
    }

    if (reply != NULL && reply->type == REDIS_REPLY_INTEGER
        && reply->integer == 0 && replicas->announced)
    {
        replicas->announced = 0; /* once is enough */
        vsw_replicas_hold_off(replicas, "redis was emptied, or we slept");
    }
}


static void
vsw_replicas_polled(void *data, const redisReply *reply)
{
    vsw_replicas_t *replicas = data;
    vsw_cameras_t  *cameras = replicas->cameras;
    int64_t         now = vsw_clock_ms();
    size_t          i;

    replicas->polls--;

    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY
        || vsw_replicas_is_late(replicas))
    {
        replicas->polled_next += VSW_ARGS_BATCH;
        return;
    }

    for (i = 0; i < reply->elements && replicas->polled_next < cameras->count;
         i++) {
        vsw_replicas_lease(replicas, cameras->list[replicas->polled_next++],
                           vsw_redis_string(reply->element[i]), now);
    }

    if (replicas->polls == 0) {
        vsw_replicas_line_up(replicas);
        vsw_replicas_hand_over(replicas, now);
    }
}


/* Also where the table has changed since, and answers fit no camera. */
static bool
vsw_replicas_is_late(const vsw_replicas_t *replicas)
{
    return replicas->polled_version != replicas->cameras->version
           || vsw_clock_ms() - replicas->polled_sent_ms > VSW_REDIS_HUNG_MS;
}


static void
vsw_replicas_lease(vsw_replicas_t *replicas, vsw_camera_t *camera,
                   vstream_slice_t owner, int64_t now_ms)
{
    vsw_replica_t *other;
    size_t         i, length;

    if (owner.data == NULL) {
        if (camera->lease.state == VSW_LEASE_NONE && !camera->withdrawn) {
            camera->free_ms = camera->free_ms == 0 ? now_ms : camera->free_ms;
            replicas->free_cameras++;
        }
        return;
    }

    camera->free_ms = 0;
    camera->take_ms = 0;
    snprintf(camera->former, sizeof(camera->former), "%s", owner.data);

    for (i = 1; i < replicas->count; i++) {
        other = &replicas->list[i];
        length = strlen(other->name);

        if (owner.length > length && owner.data[length] == ':'
            && memcmp(owner.data, other->name, length) == 0)
        {
            other->counted++;
            return;
        }
    }
}


/* When is our turn for each camera that is free? */
static void
vsw_replicas_line_up(vsw_replicas_t *replicas)
{
    vsw_share_t   shares[VSW_REPLICAS_MAX];
    vsw_camera_t *camera;
    int64_t       since;
    size_t        i, rank, count;

    for (i = 1; i < replicas->count; i++) {
        replicas->list[i].held = replicas->list[i].counted;
    }

    count = vsw_replicas_shares(replicas, shares);

    for (i = 0; i < replicas->cameras->count; i++) {
        camera = replicas->cameras->list[i];

        if (camera->free_ms == 0 || camera->lease.state != VSW_LEASE_NONE) {
            continue;
        }

        rank = vsw_shares_give(shares, count, 0,
                               vsw_replicas_former(replicas, camera));
        since = camera->free_ms > replicas->hold_off_ms ? camera->free_ms
                                                        : replicas->hold_off_ms;
        camera->take_ms = rank == VSW_SHARES_NEVER
                              ? 0
                              : since + (int64_t) rank * VSW_REPLICAS_RANK_MS;
    }
}


/*
 * The replica that had the lease last, if it is still announced and has not
 * been started anew since.
 */
static size_t
vsw_replicas_former(const vsw_replicas_t *replicas, const vsw_camera_t *camera)
{
    size_t i = 1;

    while (i < replicas->count
           && strcmp(replicas->list[i].owner, camera->former) != 0)
    {
        i++;
    }

    return i;
}


static size_t
vsw_replicas_shares(const vsw_replicas_t *replicas, vsw_share_t *shares)
{
    size_t i;

    for (i = 0; i < replicas->count; i++) {
        shares[i] = (vsw_share_t) {
            .name = replicas->list[i].name,
            .held =
                i == 0 ? vsw_replicas_held(replicas) : replicas->list[i].held,
            .max = replicas->list[i].max,
            .load_milli = replicas->list[i].load_milli,
            .closed = replicas->list[i].closed,
        };
    }

    return replicas->count;
}


static void
vsw_replicas_take(vsw_replicas_t *replicas, int64_t now_ms)
{
    uint32_t      held = vsw_replicas_held(replicas);
    uint32_t      max = replicas->env->config->limits.cameras;
    vsw_camera_t *camera;
    size_t        i;

    for (i = 0; i < replicas->cameras->count; i++) {
        camera = replicas->cameras->list[i];

        if (max != 0 && held >= max) {
            return;
        }

        if (camera->take_ms == 0 || now_ms < camera->take_ms
            || now_ms < camera->avoid_ms || camera->withdrawn
            || camera->desired == NULL || camera->lease.state != VSW_LEASE_NONE)
        {
            continue;
        }

        camera->take_ms = 0;
        vsw_lease_take(&camera->lease);
        held++;
    }
}


static void
vsw_replicas_hand_over(vsw_replicas_t *replicas, int64_t now_ms)
{
    vsw_share_t   shares[VSW_REPLICAS_MAX];
    vsw_camera_t *camera;
    size_t        i, count;

    if (replicas->free_cameras > 0 || replicas->count < 2
        || now_ms < replicas->hand_over_ms || now_ms < replicas->hold_off_ms)
    {
        return;
    }

    replicas->hand_over_ms = now_ms + VSW_REPLICAS_HAND_OVER_MS;
    count = vsw_replicas_shares(replicas, shares);

    /* One that holds less than it says leaves, or has died a moment ago. */
    for (i = 1; i < count; i++) {
        shares[i].closed |=
            replicas->list[i].held < replicas->list[i].announced;
    }

    if (!vsw_shares_has_surplus(shares, count, 0)) {
        return;
    }

    camera = vsw_replicas_surplus(replicas, now_ms);
    if (camera == NULL) {
        return;
    }

    replicas->env->handed_over++;
    camera->avoid_ms = now_ms + VSW_CAMERA_AVOID_MS;
    vsw_camera_release(camera, "handed over to a replica that holds fewer");
}


/* Rather one that shows nothing, then one that nobody watches, then the one
 * that came last. */
static vsw_camera_t *
vsw_replicas_surplus(const vsw_replicas_t *replicas, int64_t now_ms)
{
    vsw_camera_t *best = NULL, *camera;
    size_t        i;
    int           cost, best_cost = 0;

    for (i = 0; i < replicas->cameras->count; i++) {
        camera = replicas->cameras->list[i];

        if (camera->lease.state != VSW_LEASE_HELD
            || now_ms - camera->taken_ms < VSW_CAMERA_KEEP_MS)
        {
            continue;
        }

        cost = vsw_replicas_cost(camera);

        if (best == NULL || cost < best_cost
            || (cost == best_cost && camera->taken_ms > best->taken_ms))
        {
            best = camera;
            best_cost = cost;
        }
    }

    return best;
}


/* What a hand-over would cost: pictures, or a try that may lock us out. */
static int
vsw_replicas_cost(const vsw_camera_t *camera)
{
    if (strcmp(camera->reason, VSTREAM_REASON_AUTH_FAILED) == 0) {
        return 4;
    }

    return (camera->state == VSW_CAMERA_STREAMING) * 2
           + (vsw_publisher_watched(&camera->publisher) > 0);
}


static uint32_t
vsw_replicas_held(const vsw_replicas_t *replicas)
{
    uint32_t held = 0;
    size_t   i;

    for (i = 0; i < replicas->cameras->count; i++) {
        held += replicas->cameras->list[i]->lease.state != VSW_LEASE_NONE;
    }

    return held;
}


/* 1-minute load average per core that we may use, x 1000. */
static uint32_t
vsw_replicas_load(void)
{
    cpu_set_t cores;
    double    load;
    int       count = 1;

    if (sched_getaffinity(0, sizeof(cores), &cores) == 0) {
        count = CPU_COUNT(&cores);
    }

    if (getloadavg(&load, 1) != 1 || load < 0.0 || count < 1) {
        return 0;
    }

    return (uint32_t) (load * 1000.0 / count);
}


static uint32_t
vsw_replicas_number(const json_t *json, const char *name)
{
    json_int_t value = json_integer_value(json_object_get(json, name));

    return value < 0 || value > INT32_MAX ? 0 : (uint32_t) value;
}
