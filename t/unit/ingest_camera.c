/*
 * One camera, without Redis and without a process: what it decides.
 */

#include "unit.h"

#include "vsw_camera.h"

#include <stdio.h>


/* A camera of a replica that has nobody to talk to. */
static vsw_camera_t *
camera_create(vsw_camera_env_t *env)
{
    static const vsw_redis_handlers_t none;
    static vsw_ingest_config_t        config;
    vsw_redis_options_t               options = { .name = "none" };

    memset(env, 0, sizeof(*env));
    env->loop = ev_loop_new(EVFLAG_NOENV);
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


int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(withdrawn_while_it_is_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
