/*
 * The supervisor, see vsw_supervisor.h.
 *
 * DESIGN  Three connections: `control` carries leases, status and demand, so
 * that none of them ever waits behind a picture; `media` carries pictures;
 * `news` is subscribed.  One tick of 50 ms looks at everything that is due;
 * only sockets and deaths are events of their own.
 */

#include "vsw_supervisor.h"

#include "vsw_cgroup.h"
#include "vsw_ingest_pages.h"
#include "vsw_log.h"
#include "vsw_notify.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>


static int  vsw_supervisor_start(vsw_supervisor_t *supervisor);
static void vsw_supervisor_hide(void);
static void vsw_supervisor_bound_cameras(vsw_supervisor_t *supervisor);
static void vsw_supervisor_raise_files(void);
static void vsw_supervisor_name_owner(vsw_supervisor_t *supervisor);
static int  vsw_supervisor_connect(vsw_supervisor_t *supervisor);
static void vsw_supervisor_watch(vsw_supervisor_t *supervisor);
static void vsw_supervisor_stop(vsw_supervisor_t *supervisor);
static void vsw_supervisor_on_tick(struct ev_loop *loop, ev_timer *timer,
                                   int events);
static void vsw_supervisor_slept(vsw_supervisor_t *supervisor, int64_t now_ms);
static void vsw_supervisor_housekeeping(vsw_supervisor_t *supervisor,
                                        int64_t           now_ms);
static void vsw_supervisor_spawn(vsw_supervisor_t *supervisor, int64_t now_ms);
static bool vsw_supervisor_is_in_vain(vsw_supervisor_t *supervisor,
                                      int64_t           now_ms);
static void vsw_supervisor_unspawn(vsw_supervisor_t *supervisor);
static void vsw_supervisor_on_death(struct ev_loop *loop, ev_io *io,
                                    int events);
static void vsw_supervisor_bury(vsw_supervisor_t          *supervisor,
                                const vsw_spawner_death_t *death);
static void vsw_supervisor_on_terminate(struct ev_loop *loop, ev_signal *signal,
                                        int events);
static void vsw_supervisor_given_back(void *data, const redisReply *reply);
static void vsw_supervisor_end(vsw_supervisor_t *supervisor, int64_t now_ms);
static void vsw_supervisor_on_reload(struct ev_loop *loop, ev_signal *signal,
                                     int events);
static void vsw_supervisor_up(void *data);
static void vsw_supervisor_sign_schema(vsw_supervisor_t *supervisor);
static void vsw_supervisor_schema(void *data, const redisReply *reply);
static void vsw_supervisor_ready(vsw_supervisor_t *supervisor);
static void vsw_supervisor_down(void *data);
static void vsw_supervisor_recovered(void *data);
static void vsw_supervisor_subscribe(void *data);
static void vsw_supervisor_subscribed(void *data, const redisReply *reply);
static void vsw_supervisor_news(void *data, const redisReply *reply);


int
vsw_supervisor_run(const vsw_options_t *options, vsw_ingest_config_t *config)
{
    vsw_supervisor_t supervisor;

    memset(&supervisor, 0, sizeof(supervisor));
    supervisor.options = options;
    supervisor.config = config;
    supervisor.env.config = config;
    vsw_ages_init(&supervisor.env.ages, vsw_ages_of_frames_us);

    if (vsw_supervisor_start(&supervisor) == 0) {
        ev_run(supervisor.loop, 0);
    } else {
        supervisor.exit_code = VSW_EXIT_RUNTIME;
    }

    vsw_supervisor_stop(&supervisor);

    /* exit() would take OpenSSL from under a thread that still looks around. */
    if (!vsw_kafka_is_over()) {
        _exit(supervisor.exit_code);
    }

    return supervisor.exit_code;
}


bool
vsw_supervisor_is_ready(const vsw_supervisor_t *supervisor)
{
    return supervisor->schema_ok && !supervisor->leaving
           && vsw_redis_is_up(supervisor->env.control)
           && !vsw_redis_is_hung(supervisor->env.control)
           && vsw_redis_is_up(supervisor->env.media);
}


static int
vsw_supervisor_start(vsw_supervisor_t *supervisor)
{
    vsw_camera_env_t *env = &supervisor->env;

    signal(SIGPIPE, SIG_IGN);
    vsw_supervisor_hide();
    vsw_supervisor_raise_files();
    vsw_clock_watch_init(&supervisor->clock);
    supervisor->ticked_ms = vsw_clock_ms();
    supervisor->watchdog_every_ms = vsw_notify_watchdog_ms();
    vsw_supervisor_bound_cameras(supervisor);

    supervisor->loop = ev_default_loop(EVFLAG_NOENV);
    if (supervisor->loop == NULL) {
        vsw_log(VSW_LOG_ERROR, "no event loop");
        return -1;
    }

    env->loop = supervisor->loop;
    vsw_supervisor_name_owner(supervisor);

    if (vsw_supervisor_connect(supervisor) != 0) {
        vsw_log(VSW_LOG_ERROR, "out of memory");
        return -1;
    }

    env->office.redis = env->control;
    vsw_kafka_sources_init(&env->kafka, env->loop,
                           &supervisor->config->kafka.client);

    if (vsw_kafka_section_sends(&supervisor->config->kafka)) {
        env->frames =
            vsw_kafka_frames_create(env->loop, &supervisor->config->kafka);
    }

    vsw_catalog_init(&supervisor->catalog, env, &supervisor->cameras);
    vsw_demand_init(&supervisor->demand, env, &supervisor->cameras);
    vsw_replicas_init(&supervisor->replicas, env, &supervisor->cameras);

    supervisor->http =
        vsw_http_create(supervisor->loop, supervisor->config->listen,
                        vsw_ingest_pages_answer, supervisor);
    if (supervisor->http == NULL) {
        vsw_log(VSW_LOG_ERROR, "cannot listen",
                VSW_LOG_TEXT("address", supervisor->config->listen),
                VSW_LOG_TEXT("error", strerror(errno)));
        return -1;
    }

    vsw_supervisor_spawn(supervisor, supervisor->ticked_ms);
    vsw_supervisor_watch(supervisor);

    vsw_log(VSW_LOG_INFO, "vstream-ingest " VSTREAM_VERSION " runs",
            VSW_LOG_TEXT("replica", supervisor->config->replica),
            VSW_LOG_TEXT("listen", supervisor->config->listen),
            VSW_LOG_NUMBER("pid", getpid()));
    vsw_notify("READY=1\nSTATUS=waiting for Redis");

    return 0;
}


/*
 * It holds passwords: no core, no debugger of our own user.  A sanitizer is
 * such a debugger.
 */
static void
vsw_supervisor_hide(void)
{
#ifndef __SANITIZE_ADDRESS__
    (void) prctl(PR_SET_DUMPABLE, 0);
#endif
}


/*
 * Whoever goes beyond what a cgroup allows is killed: a camera that wants more
 * than half of it is told so before, and refused as too large.
 */
static void
vsw_supervisor_bound_cameras(vsw_supervisor_t *supervisor)
{
    vsw_process_memory_t *memory = &supervisor->env.memory;
    uint64_t              allowed = vsw_cgroup_memory_max();

    memory->space_bytes = (size_t) supervisor->config->limits.camera_memory_mb
                          << 20;
    memory->data_bytes = (size_t) (allowed / 2);

    if (allowed != 0) {
        vsw_log(VSW_LOG_INFO, "memory is bound by a cgroup",
                VSW_LOG_NUMBER("mb", (int64_t) (allowed >> 20)),
                VSW_LOG_NUMBER("camera_mb", (int64_t) (allowed >> 21)));
    }
}


/* A descriptor per camera: the usual soft limit of 1024 is soon reached. */
static void
vsw_supervisor_raise_files(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void) setrlimit(RLIMIT_NOFILE, &limit);
    }
}


/* Unique to this process: a replica that starts anew is another owner. */
static void
vsw_supervisor_name_owner(vsw_supervisor_t *supervisor)
{
    vsw_lease_office_t *office = &supervisor->env.office;
    uint64_t            random = 0;

    if (getrandom(&random, sizeof(random), 0) != sizeof(random)) {
        random = (uint64_t) vsw_clock_unix_us();
    }

    snprintf(office->owner, sizeof(office->owner), "%s:%d:%016llx",
             supervisor->config->replica, (int) getpid(),
             (unsigned long long) random);
    office->prefix =
        (vstream_slice_t) { supervisor->config->redis.prefix,
                            strlen(supervisor->config->redis.prefix) };
}


static int
vsw_supervisor_connect(vsw_supervisor_t *supervisor)
{
    static const vsw_redis_handlers_t control = {
        .up = vsw_supervisor_up,
        .down = vsw_supervisor_down,
        .recovered = vsw_supervisor_recovered,
    };
    static const vsw_redis_handlers_t media = { .up = NULL };
    static const vsw_redis_handlers_t news = {
        .up = vsw_supervisor_subscribe,
        .pushed = vsw_supervisor_news,
    };

    const vsw_config_redis_t *redis = &supervisor->config->redis;
    vsw_camera_env_t         *env = &supervisor->env;
    vsw_redis_options_t       options = {
              .password_file = redis->password_file,
              .tls = vsw_ingest_config_tls(redis),
    };

    if (vsw_redis_address_read(redis->url, &options.address) != NULL) {
        return -1;
    }

    if (options.address.user[0] == '\0' && redis->user != NULL) {
        snprintf(options.address.user, sizeof(options.address.user), "%s",
                 redis->user);
    }

    options.name = "control";
    env->control = vsw_redis_create(env->loop, &options, &control, supervisor);
    options.name = "media";
    env->media = vsw_redis_create(env->loop, &options, &media, supervisor);
    options.name = "news";
    supervisor->news = vsw_redis_create(env->loop, &options, &news, supervisor);
    explicit_bzero(&options, sizeof(options));

    return env->control == NULL || env->media == NULL
                   || supervisor->news == NULL
               ? -1
               : 0;
}


static void
vsw_supervisor_watch(vsw_supervisor_t *supervisor)
{
    ev_timer_init(&supervisor->tick, vsw_supervisor_on_tick, 0.0,
                  VSW_SUPERVISOR_TICK_MS / 1000.0);
    ev_signal_init(&supervisor->terminate, vsw_supervisor_on_terminate,
                   SIGTERM);
    ev_signal_init(&supervisor->interrupt, vsw_supervisor_on_terminate, SIGINT);
    ev_signal_init(&supervisor->reload, vsw_supervisor_on_reload, SIGHUP);

    supervisor->tick.data = supervisor;
    supervisor->terminate.data = supervisor;
    supervisor->interrupt.data = supervisor;
    supervisor->reload.data = supervisor;

    ev_timer_start(supervisor->loop, &supervisor->tick);
    ev_signal_start(supervisor->loop, &supervisor->terminate);
    ev_signal_start(supervisor->loop, &supervisor->interrupt);
    ev_signal_start(supervisor->loop, &supervisor->reload);
}


static void
vsw_supervisor_stop(vsw_supervisor_t *supervisor)
{
    vsw_camera_env_t *env = &supervisor->env;

    vsw_http_destroy(supervisor->http);

    if (env->control != NULL && env->media != NULL) {
        vsw_cameras_clear(&supervisor->cameras);
    }

    vsw_supervisor_unspawn(supervisor);
    vsw_kafka_sources_close(&env->kafka);
    vsw_kafka_frames_destroy(env->frames);
    vsw_redis_destroy(env->control);
    vsw_redis_destroy(env->media);
    vsw_redis_destroy(supervisor->news);
    vsw_ingest_config_destroy(supervisor->config);

    if (supervisor->loop != NULL) {
        ev_loop_destroy(supervisor->loop);
    }
}


static void
vsw_supervisor_on_tick(struct ev_loop *loop, ev_timer *timer, int events)
{
    vsw_supervisor_t *supervisor = timer->data;
    int64_t           now = vsw_clock_ms();
    size_t            i;

    (void) loop;
    (void) events;

    if (now - supervisor->ticked_ms > VSW_SUPERVISOR_SLEPT_MS) {
        vsw_supervisor_slept(supervisor, now);
    }

    supervisor->ticked_ms = now;
    vsw_supervisor_housekeeping(supervisor, now);

    if (supervisor->leaving) {
        return;
    }

    if (supervisor->schema_ok) {
        vsw_catalog_tick(&supervisor->catalog, now);
        vsw_replicas_tick(&supervisor->replicas, now);
        vsw_demand_tick(&supervisor->demand, now);
    }

    vsw_kafka_sources_tick(&supervisor->env.kafka, now);
    vsw_kafka_frames_tick(supervisor->env.frames, now);

    for (i = 0; i < supervisor->cameras.count; i++) {
        vsw_camera_tick(supervisor->cameras.list[i], now);
    }

    vsw_cameras_sweep(&supervisor->cameras);

    if (supervisor->env.spawner_lost
        || vsw_supervisor_is_in_vain(supervisor, now)) {
        supervisor->env.spawner_lost = false;
        vsw_supervisor_unspawn(supervisor);
    }

    vsw_supervisor_spawn(supervisor, now);
}


/* Nobody was silent but we. */
static void
vsw_supervisor_slept(vsw_supervisor_t *supervisor, int64_t now_ms)
{
    size_t i;

    vsw_log(VSW_LOG_WARN, "this process was stopped for a while",
            VSW_LOG_NUMBER("ms", now_ms - supervisor->ticked_ms));
    supervisor->patience_ms += now_ms - supervisor->ticked_ms;
    vsw_kafka_sources_slept(&supervisor->env.kafka);

    for (i = 0; i < supervisor->cameras.count; i++) {
        vsw_process_excuse(&supervisor->cameras.list[i]->process, now_ms);
    }
}


static void
vsw_supervisor_housekeeping(vsw_supervisor_t *supervisor, int64_t now_ms)
{
    int64_t    step = vsw_clock_watch_step(&supervisor->clock);
    vsw_args_t args;

    if (step != 0) {
        supervisor->clock_jumps++;
        vsw_log(VSW_LOG_WARN, "clock_jump", VSW_LOG_NUMBER("step_ms", step));
    }

    if (supervisor->watchdog_every_ms != 0 && now_ms >= supervisor->watchdog_ms)
    {
        supervisor->watchdog_ms = now_ms + supervisor->watchdog_every_ms;
        vsw_notify("WATCHDOG=1");
    }

    if (supervisor->leaving) {
        vsw_supervisor_end(supervisor, now_ms);

        if (now_ms >= supervisor->leave_ms) {
            vsw_log(VSW_LOG_WARN, "leases could not be given back in time");
            ev_break(supervisor->loop, EVBREAK_ALL);
        }
        return;
    }

    /* Only an answer shows that quiet connections are alive. */
    if (now_ms >= supervisor->ping_ms) {
        supervisor->ping_ms = now_ms + VSW_SUPERVISOR_PING_MS;
        vsw_args_init(&args);
        vsw_args_text(&args, "PING");
        (void) vsw_args_send(&args, supervisor->news, NULL, NULL, NULL);
        (void) vsw_args_send(&args, supervisor->env.media, NULL, NULL, NULL);

        if (supervisor->schema_ok) {
            vsw_supervisor_sign_schema(supervisor);
        }
    }
}


static void
vsw_supervisor_spawn(vsw_supervisor_t *supervisor, int64_t now_ms)
{
    vsw_camera_env_t *env = &supervisor->env;

    if (env->spawner != NULL || now_ms < supervisor->spawn_ms) {
        return;
    }

    supervisor->spawn_ms = now_ms + VSW_SUPERVISOR_SPAWN_MS;
    supervisor->patience_ms = now_ms + VSW_SPAWNER_READY_MS;
    env->spawner = vsw_spawner_create();

    if (env->spawner == NULL) {
        vsw_log(VSW_LOG_ERROR, "spawner could not be started",
                VSW_LOG_TEXT("error", strerror(errno)));
        return;
    }

    vsw_log(VSW_LOG_INFO, "spawner started",
            VSW_LOG_NUMBER("pid", vsw_spawner_pid(env->spawner)));
    ev_io_init(&supervisor->deaths, vsw_supervisor_on_death,
               vsw_spawner_fd(env->spawner), EV_READ);
    supervisor->deaths.data = supervisor;
    ev_io_start(supervisor->loop, &supervisor->deaths);
}


/*
 * The spawner does not become ready, or not again.  One that is only slow, on
 * a host that is busy, is waited for: all camera processes would go with it.
 */
static bool
vsw_supervisor_is_in_vain(vsw_supervisor_t *supervisor, int64_t now_ms)
{
    if (supervisor->env.spawner == NULL) {
        return false;
    }

    if (vsw_spawner_is_ready(supervisor->env.spawner)) {
        supervisor->patience_ms = now_ms + VSW_SPAWNER_HUNG_MS;
        return false;
    }

    if (now_ms < supervisor->patience_ms) {
        return false;
    }

    vsw_log(VSW_LOG_ERROR, "spawner hangs; it is started anew",
            VSW_LOG_NUMBER("pid", vsw_spawner_pid(supervisor->env.spawner)));

    return true;
}


/* Its camera processes go with it; they start anew under the next one. */
static void
vsw_supervisor_unspawn(vsw_supervisor_t *supervisor)
{
    vsw_camera_env_t *env = &supervisor->env;
    size_t            i;

    if (env->spawner == NULL) {
        return;
    }

    ev_io_stop(supervisor->loop, &supervisor->deaths);
    vsw_spawner_destroy(env->spawner);
    env->spawner = NULL;

    for (i = 0; i < supervisor->cameras.count; i++) {
        vsw_process_stop(&supervisor->cameras.list[i]->process);
        vsw_process_died(&supervisor->cameras.list[i]->process, 0);
    }
}


static void
vsw_supervisor_on_death(struct ev_loop *loop, ev_io *io, int events)
{
    vsw_supervisor_t   *supervisor = io->data;
    vsw_spawner_death_t death;
    int                 rc;

    (void) loop;
    (void) events;

    while ((rc = vsw_spawner_read(supervisor->env.spawner, &death)) == 1) {
        vsw_supervisor_bury(supervisor, &death);
    }

    if (rc == -1) {
        vsw_log(
            VSW_LOG_ERROR, "spawner is gone; it is started anew",
            VSW_LOG_NUMBER("pid", vsw_spawner_pid(supervisor->env.spawner)));
        vsw_supervisor_unspawn(supervisor);
    }
}


static void
vsw_supervisor_bury(vsw_supervisor_t          *supervisor,
                    const vsw_spawner_death_t *death)
{
    vsw_process_t *process;
    size_t         i;

    for (i = 0; i < supervisor->cameras.count; i++) {
        process = &supervisor->cameras.list[i]->process;

        if (process->pid == death->pid) {
            vsw_process_died(process, death->status);
            return;
        }
    }
}


static void
vsw_supervisor_on_terminate(struct ev_loop *loop, ev_signal *signal, int events)
{
    vsw_supervisor_t *supervisor = signal->data;
    vsw_camera_t     *camera;
    int64_t           now = vsw_clock_ms();
    size_t            i;

    (void) events;

    if (supervisor->leaving) {
        ev_break(loop, EVBREAK_ALL); /* asked twice */
        return;
    }

    vsw_notify("STOPPING=1");
    vsw_log(VSW_LOG_INFO, "leaving: leases are given back");
    supervisor->leaving = 1;
    supervisor->leave_ms = now + VSW_SUPERVISOR_LEAVE_MS;
    supervisor->stop_ms = now + VSW_SUPERVISOR_STOP_MS;

    for (i = 0; i < supervisor->cameras.count; i++) {
        camera = supervisor->cameras.list[i];
        vsw_process_stop(&camera->process);

        if (camera->lease.state == VSW_LEASE_NONE) {
            continue;
        }

        supervisor->give_backs++;
        vsw_lease_give_back(&camera->lease, vsw_supervisor_given_back,
                            supervisor);
    }

    vsw_replicas_leave(&supervisor->replicas);

    if (!vsw_redis_is_up(supervisor->env.control)) {
        supervisor->give_backs = 0;
    }

    vsw_supervisor_end(supervisor, now);
}


static void
vsw_supervisor_given_back(void *data, const redisReply *reply)
{
    vsw_supervisor_t *supervisor = data;

    (void) reply;

    supervisor->give_backs--;
    vsw_supervisor_end(supervisor, vsw_clock_ms());
}


/* When leases are given back, and processes have ended or had their time. */
static void
vsw_supervisor_end(vsw_supervisor_t *supervisor, int64_t now_ms)
{
    size_t i;

    if (supervisor->give_backs > 0) {
        return;
    }

    for (i = 0; i < supervisor->cameras.count; i++) {
        if (supervisor->cameras.list[i]->process.state != VSW_PROCESS_IDLE
            && now_ms < supervisor->stop_ms)
        {
            return;
        }
    }

    ev_break(supervisor->loop, EVBREAK_ALL);
}


static void
vsw_supervisor_on_reload(struct ev_loop *loop, ev_signal *signal, int events)
{
    vsw_supervisor_t    *supervisor = signal->data;
    vsw_ingest_config_t *config, *former = supervisor->config;
    size_t               i;
    char                 error[VSW_INGEST_ERROR_MAX];

    (void) loop;
    (void) events;

    vsw_notify_reloading();
    config = vsw_options_config(supervisor->options, error, sizeof(error));

    if (config == NULL) {
        vsw_log(VSW_LOG_ERROR, "configuration refused, the former one stays",
                VSW_LOG_TEXT("error", error));
        vsw_notify("READY=1");
        return;
    }

    if (vsw_ingest_config_adopt(config, former)) {
        vsw_log(VSW_LOG_WARN,
                "replica, listen, redis and kafka take effect at the next "
                "start");
    }

    supervisor->config = config;
    supervisor->env.config = config;
    supervisor->env.kafka.config = &config->kafka.client;
    vsw_log_configure(*config->log.format, *config->log.level);

    for (i = 0; i < supervisor->cameras.count; i++) {
        vsw_camera_reconfigure(supervisor->cameras.list[i]);
    }

    vsw_ingest_config_destroy(former);
    vsw_log(VSW_LOG_INFO, "configuration reread");
    vsw_notify("READY=1");
}


/* The contract's version comes first; nothing else is sent before. */
static void
vsw_supervisor_up(void *data)
{
    vsw_supervisor_t *supervisor = data;
    vsw_camera_env_t *env = &supervisor->env;
    vsw_args_t        args;

    supervisor->schema_ok = 0;
    vsw_supervisor_sign_schema(supervisor);

    vsw_args_init(&args);
    vsw_args_text(&args, "GET");
    vsw_args_key(&args, env->office.prefix, VSTREAM_KEY_SCHEMA, NULL);
    (void) vsw_args_send(&args, env->control, vsw_supervisor_schema, supervisor,
                         NULL);
}


/* Again and again, since a Redis may be emptied at any time. */
static void
vsw_supervisor_sign_schema(vsw_supervisor_t *supervisor)
{
    vsw_camera_env_t *env = &supervisor->env;
    vsw_args_t        args;

    vsw_args_init(&args);
    vsw_args_text(&args, "SETNX");
    vsw_args_key(&args, env->office.prefix, VSTREAM_KEY_SCHEMA, NULL);
    vsw_args_int(&args, VSTREAM_SCHEMA_VERSION);
    (void) vsw_args_send(&args, env->control, NULL, NULL, NULL);
}


/* A full Redis may have no record yet; it is written when there is room. */
static void
vsw_supervisor_schema(void *data, const redisReply *reply)
{
    vsw_supervisor_t *supervisor = data;
    vstream_slice_t   text;
    long              version;

    if (reply == NULL) {
        return;
    }

    text = vsw_redis_string(reply);
    version = text.data == NULL ? VSTREAM_SCHEMA_VERSION
                                : strtol(text.data, NULL, 10);

    if (vsw_redis_error(reply) != NULL) {
        vsw_log(VSW_LOG_ERROR, "redis does not let us read its schema",
                VSW_LOG_TEXT("answer", vsw_redis_error(reply)));
        vsw_redis_refuse(supervisor->env.control,
                         "the version of its contract cannot be read");
        return;
    }

    if (version > VSTREAM_SCHEMA_VERSION || version < VSTREAM_SCHEMA_VERSION - 1
        || version < 1)
    {
        vsw_log(VSW_LOG_ERROR, "redis holds another version of the contract",
                VSW_LOG_NUMBER("its_version", version),
                VSW_LOG_NUMBER("our_version", VSTREAM_SCHEMA_VERSION));
        vsw_redis_refuse(supervisor->env.control,
                         "vs:schema is of a version that we do not speak");
        return;
    }

    vsw_supervisor_ready(supervisor);
}


/* What we held we may ask for at once; what we did not must wait. */
static void
vsw_supervisor_ready(vsw_supervisor_t *supervisor)
{
    size_t i;

    supervisor->schema_ok = 1;
    vsw_replicas_reset(&supervisor->replicas);

    if (supervisor->connected_once) {
        vsw_replicas_hold_off(&supervisor->replicas, "redis came back");
    }

    supervisor->connected_once = 1;
    vsw_catalog_hurry(&supervisor->catalog);

    for (i = 0; i < supervisor->cameras.count; i++) {
        vsw_lease_renew(&supervisor->cameras.list[i]->lease);
    }

    vsw_notify("STATUS=at work");
}


static void
vsw_supervisor_down(void *data)
{
    vsw_supervisor_t *supervisor = data;

    supervisor->schema_ok = 0;
    vsw_notify("STATUS=Redis is away");
}


static void
vsw_supervisor_recovered(void *data)
{
    vsw_supervisor_t *supervisor = data;

    vsw_replicas_hold_off(&supervisor->replicas, "redis hung");
}


static void
vsw_supervisor_subscribe(void *data)
{
    vsw_supervisor_t *supervisor = data;
    vsw_args_t        args;

    vsw_args_init(&args);
    vsw_args_text(&args, "SSUBSCRIBE");
    vsw_args_key(&args, supervisor->env.office.prefix, VSTREAM_KEY_NEWS, NULL);
    (void) vsw_args_send(&args, supervisor->news, vsw_supervisor_subscribed,
                         supervisor, NULL);
}


static void
vsw_supervisor_subscribed(void *data, const redisReply *reply)
{
    vsw_supervisor_t *supervisor = data;
    const char       *error = reply == NULL ? NULL : vsw_redis_error(reply);

    if (error == NULL) {
        return;
    }

    if (strncmp(error, "ERR unknown command", 19) == 0) {
        vsw_log(VSW_LOG_ERROR, "this Redis is older than 7 and cannot be used");
        vsw_redis_refuse(supervisor->env.control, "Redis is older than 7");
        vsw_redis_refuse(supervisor->env.media, "Redis is older than 7");
        vsw_redis_refuse(supervisor->news, "Redis is older than 7");
        return;
    }

    /* An ACL without &vs:*, perhaps.  Cameras are reread without news too. */
    vsw_log(VSW_LOG_ERROR, "redis does not let us subscribe",
            VSW_LOG_TEXT("answer", error));
}


static void
vsw_supervisor_news(void *data, const redisReply *reply)
{
    vsw_supervisor_t *supervisor = data;

    (void) reply;
    vsw_catalog_hurry(&supervisor->catalog);
}
