/*
 * The first words to Redis: see ngx_http_vstream_redis_greeting.h.
 */

#include "ngx_http_vstream_redis_greeting.h"


#define NGX_HTTP_VSTREAM_REDIS_OLDEST 7 /* version that has SSUBSCRIBE */


static ngx_int_t
ngx_http_vstream_redis_greeting_auth(ngx_http_vstream_redis_connection_t *redis)
{
    ngx_str_t                      argv[3];
    ngx_uint_t                     argc;
    ngx_http_vstream_redis_conf_t *conf;

    conf = redis->conf;

    if (conf->password.len == 0) {
        return NGX_OK;
    }

    ngx_str_set(&argv[0], "AUTH");
    argc = 1;

    if (conf->user.len) {
        argv[argc++] = conf->user;
    }

    argv[argc++] = conf->password;

    return ngx_http_vstream_redis_connection_send(redis, argc, argv);
}


/* Channels have no database, so this is for commands alone. */
static ngx_int_t
ngx_http_vstream_redis_greeting_select(
    ngx_http_vstream_redis_connection_t *redis)
{
    u_char    number[NGX_INT_T_LEN];
    ngx_str_t argv[2];

    if (redis->conf->database == 0) {
        return NGX_OK;
    }

    ngx_str_set(&argv[0], "SELECT");
    argv[1].data = number;
    argv[1].len =
        (size_t) (ngx_sprintf(number, "%ui", redis->conf->database) - number);

    return ngx_http_vstream_redis_connection_send(redis, 2, argv);
}


static ngx_int_t
ngx_http_vstream_redis_greeting_versions(
    ngx_http_vstream_redis_connection_t *redis)
{
    u_char    key[VSTREAM_KEY_MAX];
    ngx_str_t hello[] = { ngx_string("HELLO"), ngx_string("2") };
    ngx_str_t get[] = { ngx_string("GET"), ngx_null_string };

    get[1] = ngx_http_vstream_redis_key(key, VSTREAM_KEY_SCHEMA, NULL);

    if (ngx_http_vstream_redis_connection_send(redis, 2, hello) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_vstream_redis_connection_send(redis, 2, get);
}


ngx_int_t
ngx_http_vstream_redis_greeting_send(ngx_http_vstream_redis_connection_t *redis)
{
    ngx_str_t ping = ngx_string("PING");

    if (ngx_http_vstream_redis_greeting_auth(redis) != NGX_OK) {
        return NGX_ERROR;
    }

    if (redis->index == 0
        && (ngx_http_vstream_redis_greeting_select(redis) != NGX_OK
            || ngx_http_vstream_redis_greeting_versions(redis) != NGX_OK))
    {
        return NGX_ERROR;
    }

    return ngx_http_vstream_redis_connection_send(redis, 1, &ping);
}


/* Its version, as far as it is told: HELLO is as new as Redis 6. */
static void
ngx_http_vstream_redis_greeting_refuse_old(
    ngx_http_vstream_redis_connection_t *redis, const char *version,
    size_t length)
{
    ngx_str_t said;

    if (!redis->complained) {
        redis->complained = 1;
        said = ngx_http_vstream_redis_quote(version, length);
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "vstream: redis \"%V\" is of version %V; it must be "
                      "Redis 7 or later",
                      &redis->conf->name, &said);
    }

    redis->old = 1;
    ngx_http_vstream_redis_connection_fail(redis);
}


/* [server, redis, version, 7.0.15, ...] */
static void
ngx_http_vstream_redis_greeting_check_version(
    ngx_http_vstream_redis_connection_t *redis, redisReply *reply)
{
    size_t      i;
    u_char     *p, *version;
    ngx_int_t   major;
    redisReply *name, *value;

    for (i = 0; i + 1 < reply->elements; i += 2) {
        name = reply->element[i];
        value = reply->element[i + 1];

        if (name->type != REDIS_REPLY_STRING
            || ngx_strcmp(name->str, "version") != 0
            || value->type != REDIS_REPLY_STRING)
        {
            continue;
        }

        version = (u_char *) value->str;
        p = ngx_strlchr(version, version + value->len, '.');
        major =
            ngx_atoi(version, p ? (size_t) (p - version) : (size_t) value->len);

        if (major != NGX_ERROR && major < NGX_HTTP_VSTREAM_REDIS_OLDEST) {
            ngx_http_vstream_redis_greeting_refuse_old(redis, value->str,
                                                       (size_t) value->len);
        }

        return;
    }
}


/* The contract's version as Redis holds it; none yet is fine. */
static void
ngx_http_vstream_redis_greeting_check_schema(
    ngx_http_vstream_redis_connection_t *redis, redisReply *reply)
{
    ngx_int_t version;
    ngx_str_t said;

    version = ngx_atoi((u_char *) reply->str, (size_t) reply->len);

    if (version == VSTREAM_SCHEMA_VERSION
        || version == VSTREAM_SCHEMA_VERSION - 1) {
        return;
    }

    if (!redis->complained) {
        redis->complained = 1;
        said = ngx_http_vstream_redis_quote(reply->str, (size_t) reply->len);
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "vstream: redis \"%V\" holds version \"%V\" of the "
                      "contract, this module speaks %d: upgrade the older "
                      "side",
                      &redis->conf->name, &said, VSTREAM_SCHEMA_VERSION);
    }

    ngx_http_vstream_redis_connection_fail(redis);
}


static void
ngx_http_vstream_redis_greeting_refused(
    ngx_http_vstream_redis_connection_t *redis, const char *text, size_t length)
{
    ngx_str_t said;

    if (ngx_strncmp(text, "ERR unknown command", 19) == 0) {
        ngx_http_vstream_redis_greeting_refuse_old(redis, "5 or older", 10);
        return;
    }

    if (!redis->complained) {
        redis->complained = 1;
        said = ngx_http_vstream_redis_quote(text, length);
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "vstream: redis \"%V\" refuses: \"%V\"; check user, "
                      "password and database of vstream_redis",
                      &redis->conf->name, &said);
    }

    ngx_http_vstream_redis_connection_fail(redis);
}


/* What was refused before does not become well by its PONG. */
static ngx_int_t
ngx_http_vstream_redis_greeting_status(
    ngx_http_vstream_redis_connection_t *redis, const char *text, size_t length)
{
    return length == 4 && ngx_strncmp(text, "PONG", 4) == 0 && !redis->c->error
               ? NGX_OK
               : NGX_AGAIN;
}


ngx_int_t
ngx_http_vstream_redis_greeting_reply(
    ngx_http_vstream_redis_connection_t *redis, redisReply *reply)
{
    switch (reply->type) {
    case REDIS_REPLY_STRING:
        ngx_http_vstream_redis_greeting_check_schema(redis, reply);
        break;

    case REDIS_REPLY_ARRAY:
        ngx_http_vstream_redis_greeting_check_version(redis, reply);
        break;

    case REDIS_REPLY_ERROR:
        ngx_http_vstream_redis_greeting_refused(redis, reply->str,
                                                (size_t) reply->len);
        break;

    case REDIS_REPLY_STATUS:
        return ngx_http_vstream_redis_greeting_status(redis, reply->str,
                                                      (size_t) reply->len);
    }

    return NGX_AGAIN;
}


ngx_int_t
ngx_http_vstream_redis_greeting_push(ngx_http_vstream_redis_connection_t *redis,
                                     ngx_http_vstream_push_t             *push)
{
    switch (push->type) {
    case NGX_HTTP_VSTREAM_PUSH_ERROR:
        ngx_http_vstream_redis_greeting_refused(redis, (char *) push->text,
                                                push->length);
        return NGX_AGAIN;

    case NGX_HTTP_VSTREAM_PUSH_STATUS:
        return ngx_http_vstream_redis_greeting_status(
            redis, (char *) push->text, push->length);

    default:
        return NGX_AGAIN;
    }
}
