/*
 * One camera, without Redis and without a process: what it decides, and what
 * it believes of a camera process that lies.
 */

#include "unit.h"

#include "vsw_camera.h"
#include "vsw_clock.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* 16 x 16, grey. */
#define JPEG                                                                   \
    "\xff\xd8\xff\xc0\x00\x0b\x08\x00\x10\x00\x10\x01\x01\x11\x00"             \
    "\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00\x12\x34\xff\xd9"

#define SHUT "{\"reason\":\"auth_failed\",\"detail\":\"\"}"


/* A camera of a replica that has nobody to talk to. */
static vsw_camera_t *
camera_create(vsw_camera_env_t *env)
{
    static const vsw_redis_handlers_t none;
    static vsw_ingest_config_t        config;
    vsw_redis_options_t               options = { .name = "none" };

    memset(env, 0, sizeof(*env));
    env->loop = ev_loop_new(EVFLAG_NOENV);
    config.replica = (char *) "nobody";
    env->config = &config;
    env->control = vsw_redis_create(env->loop, &options, &none, NULL);
    env->media = vsw_redis_create(env->loop, &options, &none, NULL);
    env->office.redis = env->control;
    env->office.prefix = VSTREAM_SLICE("vs");

    return vsw_camera_create(env, "door");
}


static void
camera_end(vsw_camera_t *camera)
{
    vsw_camera_env_t *env = camera->env;

    vsw_camera_destroy(camera);
    vsw_redis_destroy(env->control);
    vsw_redis_destroy(env->media);
    ev_loop_destroy(env->loop);
}


static void
withdrawn_while_it_is_taken(void **state)
{
    vsw_camera_env_t env;
    vsw_camera_t    *camera = camera_create(&env);

    (void) state;
    camera->lease.state = VSW_LEASE_TAKING;
    vsw_camera_withdraw(camera);
    assert_false(vsw_camera_is_idle(camera));

    camera->lease.state = VSW_LEASE_HELD;
    camera->lease.handlers->held(camera);
    assert_true(vsw_camera_is_idle(camera));
    assert_int_equal(camera->state, VSW_CAMERA_IDLE);

    camera_end(camera);
}


/* The other end of a link whose camera process may say what it likes. */
static vsw_link_t *
process_begin(vsw_camera_t *camera)
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    camera->process.link = vsw_link_create(fds[0]);
    camera->process.state = VSW_PROCESS_RUNNING;
    camera->state = VSW_CAMERA_CONNECTING;

    return vsw_link_create(fds[1]);
}


static void
says(vsw_link_t *link, vsw_link_type_t type, const char *head, size_t length)
{
    assert_int_equal(vsw_link_write(link, type, head, length, NULL, 0),
                     VSTREAM_OK);
}


/* What is only ever told to it is no word of its own. */
static void
a_process_that_sends_what_it_gets(void **state)
{
    static const struct {
        vsw_link_type_t type;
        size_t          length;
    } ours[] = {
        { VSW_LINK_CONFIGURE, 100 },
        { VSW_LINK_WATCHED, sizeof(vsw_link_watched_t) },
        { VSW_LINK_VALUE, 10000 },
    };

    vsw_camera_env_t env;
    vsw_camera_t    *camera = camera_create(&env);
    vsw_link_t      *link;
    char             bytes[10000];
    size_t           i;

    (void) state;
    memset(bytes, '[', sizeof(bytes));

    for (i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
        link = process_begin(camera);
        says(link, ours[i].type, bytes, ours[i].length);
        says(link, VSW_LINK_FAILED, SHUT, sizeof(SHUT) - 1);
        vsw_process_died(&camera->process, 0);
        assert_string_equal(camera->reason, VSTREAM_REASON_CRASHED);
        vsw_link_destroy(link);
    }

    camera_end(camera);
}


/* How many lines stand on standard error after `n` words of its substream. */
static int
lines_of_substream(vsw_camera_t *camera, int n)
{
    const char *states[] = { "{\"state\":\"connecting\"}",
                             "{\"state\":\"streaming\"}" };
    vsw_link_t *link = process_begin(camera);
    FILE       *log = tmpfile();
    int         i, c, lines = 0, stderr_fd = dup(STDERR_FILENO);

    dup2(fileno(log), STDERR_FILENO);

    for (i = 0; i < n; i++) {
        says(link, VSW_LINK_SUBSTREAM, states[i % 2], strlen(states[i % 2]));
    }

    vsw_process_died(&camera->process, 0);
    dup2(stderr_fd, STDERR_FILENO);
    close(stderr_fd);
    vsw_link_destroy(link);

    rewind(log);
    while ((c = fgetc(log)) != EOF) {
        lines += c == '\n';
    }
    fclose(log);

    return lines;
}


static void
a_process_that_floods_the_log(void **state)
{
    vsw_camera_env_t env;
    vsw_camera_t    *camera = camera_create(&env);

    (void) state;
    vsw_camera_declare(camera, VSTREAM_SLICE("{\"source\":\"rtsp://a/\","
                                             "\"substream\":\"rtsp://a/\"}"));
    assert_int_not_equal(lines_of_substream(camera, 2), 0);
    assert_in_range(lines_of_substream(camera, 60), 0,
                    VSW_PROCESS_LOG_LINES + 4);
    assert_string_equal(camera->substream, VSTREAM_STATE_CONNECTING);

    camera_end(camera);
}


/* A frame of this camera's, as its process flags it. */
static void
frame_comes(vsw_camera_t *camera, uint32_t flags)
{
    vsw_link_frame_t head = { .t_unix_us = 1, .flags = flags };
    uint8_t          payload[sizeof(head) + sizeof(JPEG) - 1];

    memcpy(payload, &head, sizeof(head));
    memcpy(payload + sizeof(head), JPEG, sizeof(JPEG) - 1);
    camera->process.handlers->frame(camera, payload, sizeof(payload));
}


/* It is not its process that decides where a camera's pictures go. */
static void
a_process_that_flags_what_it_may_not(void **state)
{
    vsw_camera_env_t   env;
    vsw_camera_t      *camera;
    vsw_config_kafka_t config = { .frames.topic = (char *) "frames" };
    bool               no = false;

    (void) state;
    config.frames.topic_per_camera = &no;

    camera = camera_create(&env);
    env.frames = vsw_kafka_frames_create(env.loop, &config);
    camera->publisher.kafka =
        vsw_kafka_camera_create(env.frames, camera->id, &camera->lease);
    camera->lease.state = VSW_LEASE_HELD;
    camera->lease.deadline_ms = INT64_MAX;

    vsw_camera_declare(camera, VSTREAM_SLICE("{\"source\":\"test:\","
                                             "\"kafka_fps\":\"0\"}"));
    frame_comes(camera, VSW_FRAME_KAFKA);
    assert_int_equal(vsw_kafka_camera_drops(camera->publisher.kafka), 0);
    frame_comes(camera, VSW_FRAME_SMALL | VSW_FRAME_STILL);
    assert_int_equal(camera->publisher.dropped[VSW_DROP_REDIS_AWAY], 1);

    vsw_camera_declare(camera, VSTREAM_SLICE("{\"source\":\"test:\"}"));
    frame_comes(camera, VSW_FRAME_KAFKA);
    assert_int_equal(vsw_kafka_camera_drops(camera->publisher.kafka), 1);

    camera_end(camera);
    vsw_kafka_frames_destroy(env.frames);
}


/* A topic without news is waited for at once; a process that lies is not. */
static void
a_process_that_stalls_at_once(void **state)
{
    vsw_camera_env_t  env;
    vsw_camera_t     *camera = camera_create(&env);
    vsw_kafka_topic_t topic = { .taps = NULL };

    (void) state;
    camera->tap.topic = &topic;

    camera->process.handlers->stream(camera, "mjpeg", 16, 16);
    camera->state = VSW_CAMERA_STREAMING;
    camera->since_ms = vsw_clock_ms() - VSW_BACKOFF_WORKED_MS;
    camera->process.handlers->gone(camera, VSTREAM_REASON_STALLED, "");
    assert_in_range(camera->start_ms, 0, vsw_clock_ms());

    camera->state = VSW_CAMERA_STREAMING;
    camera->since_ms = vsw_clock_ms();
    camera->process.handlers->gone(camera, VSTREAM_REASON_STALLED, "");
    assert_true(camera->start_ms > vsw_clock_ms());

    camera->tap.topic = NULL;
    camera_end(camera);
}


int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(withdrawn_while_it_is_taken),
        cmocka_unit_test(a_process_that_sends_what_it_gets),
        cmocka_unit_test(a_process_that_floods_the_log),
        cmocka_unit_test(a_process_that_flags_what_it_may_not),
        cmocka_unit_test(a_process_that_stalls_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
