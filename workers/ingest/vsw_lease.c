/*
 * The lease of one camera, see vsw_lease.h.  The state changes through
 * vsw_lease_enter() alone, and is set before a handler is called.
 */

#include "vsw_lease.h"

#include "vsw_clock.h"
#include "vsw_log.h"

#include <string.h>

#define VSW_LEASE_EPOCH_DIGITS 15 /* of VSTREAM_EPOCH_MAX */


static void     vsw_lease_enter(vsw_lease_t *lease, vsw_lease_state_t state);
static void     vsw_lease_ask(vsw_lease_t *lease);
static void     vsw_lease_taken(void *data, const redisReply *reply);
static void     vsw_lease_renewed(void *data, const redisReply *reply);
static void     vsw_lease_retake(vsw_lease_t *lease);
static void     vsw_lease_lose(vsw_lease_t *lease, const char *why);
static uint64_t vsw_lease_epoch(const redisReply *reply);


void
vsw_lease_init(vsw_lease_t *lease, vsw_lease_office_t *office,
               const vsw_lease_handlers_t *handlers, void *data, const char *id)
{
    memset(lease, 0, sizeof(*lease));
    lease->office = office;
    lease->handlers = handlers;
    lease->data = data;
    lease->id = id;
}


void
vsw_lease_close(vsw_lease_t *lease)
{
    vsw_redis_forget(lease->office->redis, lease);
}


void
vsw_lease_take(vsw_lease_t *lease)
{
    vsw_lease_enter(lease, VSW_LEASE_TAKING);
    vsw_lease_ask(lease);

    if (!lease->asking) {
        vsw_lease_enter(lease, VSW_LEASE_NONE);
        lease->handlers->refused(lease->data);
    }
}


void
vsw_lease_give_back(vsw_lease_t *lease, vsw_redis_reply_fn *done, void *data)
{
    vsw_lease_office_t *office = lease->office;
    vsw_args_t          args;

    vsw_redis_forget(office->redis, lease);
    lease->asking = 0;
    vsw_lease_enter(lease, VSW_LEASE_NONE);

    vsw_args_init(&args);
    vsw_args_text(&args, "EVAL");
    vsw_args_text(&args, vstream_script_give_back);
    vsw_args_text(&args, "2");
    vsw_args_key(&args, office->prefix, VSTREAM_KEY_LEASE, lease->id);
    vsw_args_key(&args, office->prefix, VSTREAM_KEY_STATUS, lease->id);
    vsw_args_text(&args, office->owner);
    (void) vsw_args_send(&args, office->redis, done, data, NULL);
}


void
vsw_lease_fence(vsw_lease_t *lease)
{
    if (lease->state == VSW_LEASE_NONE) {
        return;
    }

    vsw_lease_give_back(lease, NULL, NULL);
    lease->office->fenced++;
    vsw_lease_lose(lease, "fenced");
}


void
vsw_lease_tick(vsw_lease_t *lease, int64_t now_ms)
{
    if (!vsw_lease_is_ours(lease)) {
        return;
    }

    if (lease->state == VSW_LEASE_HELD && now_ms >= lease->deadline_ms) {
        lease->office->suspended++;
        vsw_lease_enter(lease, VSW_LEASE_SUSPENDED);
    }

    if (lease->state == VSW_LEASE_SUSPENDED
        && now_ms - lease->since_ms > VSW_LEASE_SUSPENDED_MS)
    {
        vsw_lease_lose(lease, "away");
        return;
    }

    if (now_ms >= lease->renew_ms) {
        vsw_lease_renew(lease);
    }
}


void
vsw_lease_renew(vsw_lease_t *lease)
{
    vsw_lease_office_t *office = lease->office;
    vsw_args_t          args;

    if (!vsw_lease_is_ours(lease) || lease->asking) {
        lease->renew_ms = 0;
        return;
    }

    vsw_args_init(&args);
    vsw_args_text(&args, "EVAL");
    vsw_args_text(&args, vstream_script_renew);
    vsw_args_text(&args, "2");
    vsw_args_key(&args, office->prefix, VSTREAM_KEY_LEASE, lease->id);
    vsw_args_key(&args, office->prefix, VSTREAM_KEY_STATUS, lease->id);
    vsw_args_text(&args, office->owner);
    vsw_args_int(&args, VSTREAM_LEASE_TTL_MS);
    vsw_args_int(&args, VSTREAM_STATUS_TTL_MS);
    lease->handlers->status(lease->data, &args);

    lease->sent_ms = vsw_clock_ms();
    lease->renew_ms = lease->sent_ms + VSTREAM_LEASE_RENEW_MS;
    lease->asking =
        vsw_args_send(&args, office->redis, vsw_lease_renewed, lease, NULL)
        == VSTREAM_OK;
}


bool
vsw_lease_may_publish(const vsw_lease_t *lease)
{
    return lease->state == VSW_LEASE_HELD
           && vsw_clock_ms() < lease->deadline_ms;
}


bool
vsw_lease_is_ours(const vsw_lease_t *lease)
{
    return lease->state == VSW_LEASE_HELD
           || lease->state == VSW_LEASE_SUSPENDED;
}


static void
vsw_lease_enter(vsw_lease_t *lease, vsw_lease_state_t state)
{
    static const char *const names[] = { "none", "taking", "held",
                                         "suspended" };

    if (lease->state == state) {
        return;
    }

    vsw_log(state == VSW_LEASE_SUSPENDED ? VSW_LOG_WARN : VSW_LOG_DEBUG,
            "lease changed state", VSW_LOG_TEXT("camera", lease->id),
            VSW_LOG_TEXT("from", names[lease->state]),
            VSW_LOG_TEXT("to", names[state]));

    lease->state = state;
    lease->since_ms = vsw_clock_ms();
}


/* Takes the lease if it is free; on success `asking` is set. */
static void
vsw_lease_ask(vsw_lease_t *lease)
{
    vsw_lease_office_t *office = lease->office;
    vsw_args_t          args;

    vsw_args_init(&args);
    vsw_args_text(&args, "EVAL");
    vsw_args_text(&args, vstream_script_take);
    vsw_args_text(&args, "2");
    vsw_args_key(&args, office->prefix, VSTREAM_KEY_LEASE, lease->id);
    vsw_args_key(&args, office->prefix, VSTREAM_KEY_EPOCH, lease->id);
    vsw_args_text(&args, office->owner);
    vsw_args_int(&args, VSTREAM_LEASE_TTL_MS);
    vsw_args_int(&args, (int64_t) office->highest_epoch);

    lease->sent_ms = vsw_clock_ms();
    lease->asking =
        vsw_args_send(&args, office->redis, vsw_lease_taken, lease, NULL)
        == VSTREAM_OK;
}


static void
vsw_lease_taken(void *data, const redisReply *reply)
{
    vsw_lease_t        *lease = data;
    vsw_lease_office_t *office = lease->office;
    uint64_t            epoch;

    lease->asking = 0;
    lease->epoch_unknown = reply == NULL;
    epoch = reply == NULL ? 0 : vsw_lease_epoch(reply);

    if (epoch != 0) {
        office->taken++;
        if (epoch > office->highest_epoch) {
            office->highest_epoch = epoch;
        }

        lease->epoch = epoch;
        lease->deadline_ms =
            lease->sent_ms + VSTREAM_LEASE_TTL_MS - VSTREAM_LEASE_MARGIN_MS;
        lease->renew_ms = 0;
        vsw_lease_enter(lease, VSW_LEASE_HELD);
        lease->handlers->held(lease->data);
        return;
    }

    if (reply != NULL && reply->type != REDIS_REPLY_NIL) {
        vsw_log(VSW_LOG_WARN, "lease could not be taken",
                VSW_LOG_TEXT("camera", lease->id),
                VSW_LOG_TEXT("answer", reply->str)); /* error, or no epoch */
    }

    if (lease->state == VSW_LEASE_TAKING) {
        vsw_lease_enter(lease, VSW_LEASE_NONE);
        lease->handlers->refused(lease->data);
        return;
    }

    /* It was ours; nil says that somebody else has it now. */
    if (reply != NULL && reply->type == REDIS_REPLY_NIL) {
        office->fenced++;
        vsw_lease_lose(lease, "fenced");
    }
}


static void
vsw_lease_renewed(void *data, const redisReply *reply)
{
    vsw_lease_t *lease = data;

    lease->asking = 0;

    if (reply == NULL) {
        return;
    }

    if (reply->type != REDIS_REPLY_INTEGER) {
        if (lease->state == VSW_LEASE_HELD) {
            vsw_log(VSW_LOG_WARN, "lease could not be renewed",
                    VSW_LOG_TEXT("camera", lease->id),
                    VSW_LOG_TEXT("answer", vsw_redis_error(reply)));
        }
        return;
    }

    if (reply->integer == 1 && lease->epoch_unknown) {
        vsw_lease_retake(lease);
        return;
    }

    if (reply->integer == 1) {
        lease->deadline_ms =
            lease->sent_ms + VSTREAM_LEASE_TTL_MS - VSTREAM_LEASE_MARGIN_MS;

        if (lease->deadline_ms > vsw_clock_ms()) {
            vsw_lease_enter(lease, VSW_LEASE_HELD);
        } else {
            lease->renew_ms = 0;
        }
        return;
    }

    /* It ran out, or Redis lost it.  We held it, so we may ask at once. */
    vsw_lease_enter(lease, VSW_LEASE_SUSPENDED);
    vsw_lease_ask(lease);
}


/*
 * A take has succeeded without our learning of its epoch; under the former one
 * nothing may be published any more.
 */
static void
vsw_lease_retake(vsw_lease_t *lease)
{
    vsw_lease_give_back(lease, NULL, NULL);
    vsw_lease_enter(lease, VSW_LEASE_SUSPENDED);
    vsw_lease_ask(lease);
}


static void
vsw_lease_lose(vsw_lease_t *lease, const char *why)
{
    vsw_redis_forget(lease->office->redis, lease);
    lease->asking = 0;
    vsw_lease_enter(lease, VSW_LEASE_NONE);
    lease->handlers->lost(lease->data, why);
}


/* 0: no epoch. */
static uint64_t
vsw_lease_epoch(const redisReply *reply)
{
    vstream_slice_t text = vsw_redis_string(reply);
    uint64_t        epoch = 0;
    size_t          i;

    if (text.length == 0 || text.length > VSW_LEASE_EPOCH_DIGITS) {
        return 0;
    }

    for (i = 0; i < text.length; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return 0;
        }
        epoch = epoch * 10 + (uint64_t) (text.data[i] - '0');
    }

    return epoch;
}
