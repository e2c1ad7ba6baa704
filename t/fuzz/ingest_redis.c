/*
 * The supervisor against a Redis that answers what it likes: the connection,
 * the catalog, the replicas, demand and leases.  The input is what Redis
 * sends, in parts; before each of them one turn of the supervisor's work is
 * done, so that there is something to be answered.  The first byte is how many
 * bytes come at a time, which must make no difference.
 */

#include "fuzz.h"

#include "vsw_redis.c"

#include "vsw_cameras.h"
#include "vsw_catalog.h"
#include "vsw_demand.h"
#include "vsw_replicas.h"

#define PART_END    0xfe
#define STEP_MS     1000
#define PARTS_MAX   24
#define PATIENCE_MS 1000000


typedef struct {
    vsw_ingest_config_t config;
    vsw_camera_env_t    env;
    vsw_cameras_t       cameras;
    vsw_catalog_t       catalog;
    vsw_replicas_t      replicas;
    vsw_demand_t        demand;
    int                 peer; /* Redis's end */
} supervisor_t;


/* In place of vsw_log.c: a Redis that lies has much said of it. */
void
vsw_log_write(vsw_log_level_t level, const char *message,
              const vsw_log_field_t *fields)
{
    (void) level;
    fuzz_check(message != NULL);

    for (/* void */; fields->key != NULL; fields++) {
        fuzz_check(fields->text == NULL || strlen(fields->text) < 1u << 24);
    }
}


/* As if it had just been connected. */
static void
connection_begin(vsw_redis_t *redis, int fd)
{
    redis->fd = fd;
    redis->reader = vsw_redis_reader_create();
    fuzz_check(redis->reader != NULL);
    ev_io_init(&redis->readable, vsw_redis_on_readable, fd, EV_READ);
    ev_io_init(&redis->writable, vsw_redis_on_writable, fd, EV_WRITE);
    redis->readable.data = redis;
    redis->writable.data = redis;
    redis->retry_ms = INT64_MAX;
    vsw_redis_enter(redis, VSW_REDIS_CONNECTING);
    vsw_redis_connected(redis);
}


static void
supervisor_begin(supervisor_t *s)
{
    static const vsw_redis_handlers_t none;

    int                 fds[2];
    vsw_redis_options_t options = { .name = "fuzz" };

    memset(s, 0, sizeof(*s));
    fuzz_check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
    s->peer = fds[0];
    s->config.replica = (char *) "ingest-1";
    s->env.loop = ev_loop_new(EVBACKEND_POLL | EVFLAG_NOENV);
    s->env.config = &s->config;
    s->env.control = vsw_redis_create(s->env.loop, &options, &none, NULL);
    s->env.media = vsw_redis_create(s->env.loop, &options, &none, NULL);
    s->env.media->retry_ms = INT64_MAX;
    s->env.office.redis = s->env.control;
    s->env.office.prefix = VSTREAM_SLICE("vs");
    memcpy(s->env.office.owner, "ingest-1:1", 11);
    connection_begin(s->env.control, fds[1]);
    vsw_catalog_init(&s->catalog, &s->env, &s->cameras);
    vsw_replicas_init(&s->replicas, &s->env, &s->cameras);
    vsw_demand_init(&s->demand, &s->env, &s->cameras);
}


static void
supervisor_end(supervisor_t *s)
{
    vsw_cameras_clear(&s->cameras);
    vsw_redis_destroy(s->env.control);
    vsw_redis_destroy(s->env.media);
    ev_loop_destroy(s->env.loop);
    close(s->peer);
}


/* What the supervisor does 20 times a second; here each is a second long. */
static void
supervisor_work(supervisor_t *s, int64_t now_ms)
{
    char   bytes[16384];
    size_t i;

    if (!vsw_redis_is_up(s->env.control)) {
        return;
    }

    vsw_catalog_hurry(&s->catalog);
    vsw_catalog_tick(&s->catalog, now_ms);
    vsw_replicas_tick(&s->replicas, now_ms);
    vsw_demand_tick(&s->demand, now_ms);

    for (i = 0; i < s->cameras.count; i++) {
        vsw_lease_renew(&s->cameras.list[i]->lease);
    }

    vsw_cameras_sweep(&s->cameras);

    while (read(s->peer, bytes, sizeof(bytes)) > 0) {
        /* Redis reads it, whatever it then says */
    }
}


static void
supervisor_hears(supervisor_t *s, const uint8_t *data, size_t size, size_t step)
{
    size_t n;

    for (/* void */; size > 0; data += n, size -= n) {
        n = size < step ? size : step;

        if (s->env.control->fd == -1 || write(s->peer, data, n) != (ssize_t) n)
        {
            return;
        }

        vsw_redis_on_readable(s->env.loop, &s->env.control->readable, EV_READ);
    }
}


static void
check_camera(const vsw_camera_t *camera)
{
    vstream_slice_t id = { camera->id, strlen(camera->id) };

    fuzz_check(vstream_camera_id_check(id) == VSTREAM_OK);
    fuzz_check(camera->lease.epoch <= VSTREAM_EPOCH_MAX);
    fuzz_check(memchr(camera->former, '\0', sizeof(camera->former)) != NULL);
    fuzz_check(camera->process.state == VSW_PROCESS_IDLE);
}


static void
check_supervisor(const supervisor_t *s)
{
    size_t i;

    fuzz_check(s->cameras.count <= VSW_CAMERAS_MAX);
    fuzz_check(s->replicas.count >= 1 && s->replicas.count <= VSW_REPLICAS_MAX);
    fuzz_check(s->replicas.names_count < VSW_REPLICAS_MAX);
    fuzz_check(s->env.office.highest_epoch <= VSTREAM_EPOCH_MAX);

    for (i = 0; i < s->cameras.count; i++) {
        check_camera(s->cameras.list[i]);
        fuzz_check(i == 0
                   || strcmp(s->cameras.list[i - 1]->id, s->cameras.list[i]->id)
                          < 0);
    }
}


static void
supervisor_run(supervisor_t *s, const uint8_t *data, size_t size, size_t step)
{
    int            i;
    size_t         n;
    const uint8_t *end;

    supervisor_begin(s);

    for (i = 0; i < PARTS_MAX && size > 0; i++) {
        end = memchr(data, PART_END, size);
        n = end != NULL ? (size_t) (end - data) : size;

        supervisor_work(s, vsw_clock_ms() + PATIENCE_MS + i * STEP_MS);
        supervisor_hears(s, data, n, step);
        check_supervisor(s);

        n += end != NULL;
        data += n;
        size -= n;
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static supervisor_t whole, pieces;

    size_t i, step = 1 + fuzz_byte(&data, &size) % 64 + size / 64;

    supervisor_run(&whole, data, size, size + 1);
    supervisor_run(&pieces, data, size, step);

    fuzz_check((whole.env.control->fd == -1) == (pieces.env.control->fd == -1));
    fuzz_check(whole.cameras.count == pieces.cameras.count);

    for (i = 0; i < whole.cameras.count; i++) {
        fuzz_check(strcmp(whole.cameras.list[i]->id, pieces.cameras.list[i]->id)
                   == 0);
    }

    supervisor_end(&whole);
    supervisor_end(&pieces);

    return 0;
}
