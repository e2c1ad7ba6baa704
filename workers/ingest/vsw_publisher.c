/*
 * Publishing, see vsw_publisher.h.
 *
 * DESIGN  A frame that may be sent at once goes straight from the link's
 * buffer into Redis's output.  One that comes while another is under way is
 * kept in `waiting`, where the next one replaces it; a still that is replaced
 * leaves its flag behind, since the newer picture is as good a still.  Each
 * rendition has a slot of its own for that; all are numbered from one
 * sequence, in the order in which they are sent, so that stills of whichever
 * rendition follow each other.
 */

#include "vsw_publisher.h"

#include "vsw_args.h"
#include "vsw_clock.h"
#include "vsw_log.h"
#include "vstream_jpeg.h"

#include <stdlib.h>
#include <string.h>


static int  vsw_publisher_check(vsw_publisher_t *publisher,
                                const uint8_t *payload, size_t length,
                                vstream_frame_t *frame, uint32_t *flags,
                                vstream_slice_t *jpeg);
static void vsw_publisher_offer(vsw_publisher_slot_t *slot,
                                vstream_frame_t frame, uint32_t flags,
                                vstream_slice_t jpeg);
static void vsw_publisher_wait(vsw_publisher_slot_t  *slot,
                               const vstream_frame_t *frame, uint32_t flags,
                               vstream_slice_t jpeg);
static void vsw_publisher_send(vsw_publisher_slot_t *slot,
                               vstream_frame_t *frame, uint32_t flags,
                               vstream_slice_t jpeg);
static void vsw_publisher_number(vsw_publisher_slot_t *slot,
                                 vstream_frame_t *frame, uint32_t flags);
static int  vsw_publisher_push(vsw_publisher_slot_t  *slot,
                               const vstream_frame_t *frame,
                               vstream_slice_t        jpeg);
static int  vsw_publisher_still(vsw_publisher_slot_t  *slot,
                                const vstream_frame_t *frame,
                                vstream_slice_t        jpeg);
static void vsw_publisher_pushed_handler(void *data, const redisReply *reply);
static void vsw_publisher_stilled_handler(void *data, const redisReply *reply);
static void vsw_publisher_failed(vsw_publisher_slot_t *slot,
                                 const redisReply     *reply);
static void vsw_publisher_answered(vsw_publisher_slot_t *slot);
static void vsw_publisher_drop(vsw_publisher_t *publisher, vsw_drop_t reason);


void
vsw_publisher_init(vsw_publisher_t *publisher, vsw_redis_t *redis,
                   vsw_lease_t *lease, vsw_ages_t   *ages,
                   void (*fenced)(void *data), void *data)
{
    int i;

    memset(publisher, 0, sizeof(*publisher));
    publisher->redis = redis;
    publisher->prefix = lease->office->prefix;
    publisher->id = lease->id;
    publisher->lease = lease;
    publisher->ages = ages;
    publisher->fenced = fenced;
    publisher->data = data;

    for (i = 0; i < VSTREAM_RENDITIONS; i++) {
        publisher->slots[i].publisher = publisher;
        publisher->slots[i].rendition = (vstream_rendition_t) i;
    }
}


void
vsw_publisher_close(vsw_publisher_t *publisher)
{
    vsw_publisher_slot_t *slot;
    int                   i;

    for (i = 0; i < VSTREAM_RENDITIONS; i++) {
        slot = &publisher->slots[i];
        vsw_redis_forget(publisher->redis, slot);
        free(slot->waiting.jpeg);
        slot->waiting = (vsw_publisher_waiting_t) { .jpeg = NULL };
    }
}


void
vsw_publisher_begin(vsw_publisher_t *publisher)
{
    int i;

    for (i = 0; i < VSTREAM_RENDITIONS; i++) {
        publisher->slots[i].waiting.flags = 0;
        publisher->slots[i].pushed = 0;
    }

    publisher->still_unix_us = 0;
    publisher->stills = 0;
    memset(publisher->dropped, 0, sizeof(publisher->dropped));
}


void
vsw_publisher_end(vsw_publisher_t *publisher)
{
    int i;

    for (i = 0; i < VSTREAM_RENDITIONS; i++) {
        publisher->slots[i].watched = 0;
    }
}


void
vsw_publisher_frame(vsw_publisher_t *publisher, uint32_t may,
                    const uint8_t *payload, size_t length)
{
    vstream_slice_t       jpeg;
    vstream_frame_t       frame;
    uint32_t              flags;
    vsw_publisher_slot_t *main_slot, *small_slot;

    if (vsw_publisher_check(publisher, payload, length, &frame, &flags, &jpeg)
        != VSTREAM_OK)
    {
        return;
    }

    flags &= may;
    main_slot = &publisher->slots[VSTREAM_RENDITION_MAIN];
    small_slot = &publisher->slots[VSTREAM_RENDITION_SMALL];

    if (publisher->kafka == NULL || !vsw_lease_may_publish(publisher->lease)) {
        flags &= ~(uint32_t) VSW_FRAME_KAFKA;
    }

    if (flags & VSW_FRAME_KAFKA) {
        frame.epoch = publisher->lease->epoch;
        frame.seq = ++publisher->seq;
    }

    vsw_publisher_offer(flags & VSW_FRAME_SMALL ? small_slot : main_slot, frame,
                        flags & (VSW_FRAME_LIVE | VSW_FRAME_STILL), jpeg);

    if ((flags & VSW_FRAME_STAND_IN) && !(flags & VSW_FRAME_SMALL)) {
        vsw_publisher_offer(small_slot, frame, VSW_FRAME_LIVE, jpeg);
    }

    /* last, since whoever watches is not to wait for it */
    if (flags & VSW_FRAME_KAFKA) {
        vsw_kafka_camera_frame(publisher->kafka, &frame, jpeg);
    }
}


uint32_t
vsw_publisher_watched(const vsw_publisher_t *publisher)
{
    uint64_t sum = 0;
    int      i;

    for (i = 0; i < VSTREAM_RENDITIONS; i++) {
        sum += publisher->slots[i].watched;
    }

    return sum > UINT32_MAX ? UINT32_MAX : (uint32_t) sum;
}


uint64_t
vsw_publisher_pushed(const vsw_publisher_t *publisher)
{
    uint64_t sum = 0;
    int      i;

    for (i = 0; i < VSTREAM_RENDITIONS; i++) {
        sum += publisher->slots[i].pushed;
    }

    return sum;
}


uint64_t
vsw_publisher_drops(const vsw_publisher_t *publisher)
{
    uint64_t sum = 0;
    size_t   i;

    for (i = 0; i < VSW_DROP_REASONS; i++) {
        sum += publisher->dropped[i];
    }

    return sum;
}


const char *
vsw_publisher_drop_text(vsw_drop_t reason)
{
    static const char *const texts[VSW_DROP_REASONS] = {
        "superseded", "no_lease",   "stale",       "malformed", "redis_away",
        "redis_slow", "redis_full", "redis_error", "fenced",
    };

    return texts[reason];
}


/* Size and time are reckoned anew; what is not right is dropped. */
static int
vsw_publisher_check(vsw_publisher_t *publisher, const uint8_t *payload,
                    size_t length, vstream_frame_t *frame, uint32_t *flags,
                    vstream_slice_t *jpeg)
{
    vsw_link_frame_t header;
    vstream_jpeg_t   found;
    int64_t          now = vsw_clock_unix_us();

    if (length <= sizeof(header)
        || length - sizeof(header) > VSTREAM_FRAME_BYTES_MAX)
    {
        vsw_publisher_drop(publisher, VSW_DROP_MALFORMED);
        return VSTREAM_ERROR;
    }

    memcpy(&header, payload, sizeof(header));
    jpeg->data = (const char *) payload + sizeof(header);
    jpeg->length = length - sizeof(header);

    if (vstream_jpeg_scan(*jpeg, VSTREAM_FRAME_PIXELS_MAX, &found)
        != VSTREAM_JPEG_OK)
    {
        vsw_publisher_drop(publisher, VSW_DROP_MALFORMED);
        return VSTREAM_ERROR;
    }

    jpeg->length = found.length;
    *flags = header.flags;
    *frame = (vstream_frame_t) { .t_unix_us = header.t_unix_us,
                                 .width = found.width,
                                 .height = found.height };

    if (header.t_unix_us > now || header.t_unix_us <= 0) {
        frame->t_unix_us = now;
    }

    return VSTREAM_OK;
}


/* A frame for one rendition: sent, left to wait, or not wanted there. */
static void
vsw_publisher_offer(vsw_publisher_slot_t *slot, vstream_frame_t frame,
                    uint32_t flags, vstream_slice_t jpeg)
{
    int64_t age_us = vsw_clock_unix_us() - frame.t_unix_us;

    if (slot->watched == 0) {
        flags &= ~(uint32_t) VSW_FRAME_LIVE;
    }

    if ((flags & VSW_FRAME_LIVE)
        && age_us > VSW_PUBLISHER_STALE_MS * INT64_C(1000)) {
        vsw_publisher_drop(slot->publisher, VSW_DROP_STALE);
        flags &= ~(uint32_t) VSW_FRAME_LIVE;
    }

    if (flags == 0) {
        return;
    }

    if (slot->in_flight > 0) {
        vsw_publisher_wait(slot, &frame, flags, jpeg);
        return;
    }

    vsw_publisher_send(slot, &frame, flags, jpeg);
}


static void
vsw_publisher_wait(vsw_publisher_slot_t *slot, const vstream_frame_t *frame,
                   uint32_t flags, vstream_slice_t jpeg)
{
    vsw_publisher_t         *publisher = slot->publisher;
    vsw_publisher_waiting_t *waiting = &slot->waiting;
    uint8_t                 *bytes;

    if (waiting->flags != 0) {
        vsw_publisher_drop(publisher, VSW_DROP_SUPERSEDED);
    }

    if (waiting->capacity < jpeg.length) {
        bytes = realloc(waiting->jpeg, jpeg.length);
        if (bytes == NULL) {
            vsw_publisher_drop(publisher, VSW_DROP_REDIS_SLOW);
            return;
        }
        waiting->jpeg = bytes;
        waiting->capacity = jpeg.length;
    }

    memcpy(waiting->jpeg, jpeg.data, jpeg.length);
    waiting->length = jpeg.length;
    waiting->frame = *frame;
    waiting->flags = flags | (waiting->flags & VSW_FRAME_STILL);
}


/*
 * The deadline is looked at here: where the socket takes all at once, nothing
 * can wait after it.  Where older output waits for Redis, a frame waits behind
 * it, at times beyond the deadline; then its epoch alone tells that it is late.
 */
static void
vsw_publisher_send(vsw_publisher_slot_t *slot, vstream_frame_t *frame,
                   uint32_t flags, vstream_slice_t jpeg)
{
    int              rc = VSTREAM_OK;
    vsw_publisher_t *publisher = slot->publisher;

    if (!vsw_lease_may_publish(publisher->lease)) {
        vsw_publisher_drop(publisher, VSW_DROP_NO_LEASE);
        return;
    }

    vsw_publisher_number(slot, frame, flags);
    slot->in_flight_unix_us = frame->t_unix_us;
    slot->in_flight_epoch = frame->epoch;

    if (flags & VSW_FRAME_LIVE) {
        rc = vsw_publisher_push(slot, frame, jpeg);
    }

    if (rc == VSTREAM_OK && (flags & VSW_FRAME_STILL)) {
        rc = vsw_publisher_still(slot, frame, jpeg);
    }

    if (slot->in_flight > 0) {
        slot->sent = frame->seq;
    }

    if (slot->in_flight > 0 && frame->seq > publisher->seq) {
        publisher->seq = frame->seq;
    }

    if (rc == VSTREAM_DECLINED) {
        vsw_publisher_drop(publisher, VSW_DROP_REDIS_AWAY);
    } else if (rc != VSTREAM_OK) {
        vsw_publisher_drop(publisher, VSW_DROP_REDIS_SLOW);
    }
}


/*
 * A number that it has for Kafka is kept, unless it has become too low while
 * the frame waited: a still would be refused, as that of a former owner.
 */
static void
vsw_publisher_number(vsw_publisher_slot_t *slot, vstream_frame_t *frame,
                     uint32_t flags)
{
    vsw_publisher_t *publisher = slot->publisher;

    if (frame->epoch != publisher->lease->epoch || frame->seq <= slot->sent
        || ((flags & VSW_FRAME_STILL) && frame->seq <= publisher->still_seq))
    {
        frame->epoch = publisher->lease->epoch;
        frame->seq = publisher->seq + 1;
    }
}


static int
vsw_publisher_push(vsw_publisher_slot_t *slot, const vstream_frame_t *frame,
                   vstream_slice_t jpeg)
{
    vsw_publisher_t *publisher = slot->publisher;
    vsw_args_t       args;
    vstream_writer_t line;
    char             bytes[VSTREAM_FRAME_LINE_MAX];
    int              rc;

    vstream_writer_init(&line, bytes, sizeof(bytes));
    vstream_frame_line_write(&line, frame);

    vsw_args_init(&args);
    vsw_args_text(&args, "SPUBLISH");
    vsw_args_key(&args, publisher->prefix,
                 vstream_schema_frame_key(slot->rendition), publisher->id);
    vsw_args_slice(&args, vstream_writer_slice(&line));

    rc = vsw_args_send(&args, publisher->redis, vsw_publisher_pushed_handler,
                       slot, &jpeg);
    slot->in_flight += rc == VSTREAM_OK;

    return rc;
}


static int
vsw_publisher_still(vsw_publisher_slot_t *slot, const vstream_frame_t *frame,
                    vstream_slice_t jpeg)
{
    vsw_publisher_t *publisher = slot->publisher;
    vsw_args_t       args;
    int              rc;

    vsw_args_init(&args);
    vsw_args_text(&args, "XADD");
    vsw_args_key(&args, publisher->prefix, VSTREAM_KEY_STILL, publisher->id);
    vsw_args_text(&args, "MAXLEN");
    vsw_args_int(&args, VSTREAM_STILL_MAXLEN);
    vsw_args_frame_id(&args, frame->epoch, frame->seq);
    vsw_args_text(&args, VSTREAM_STILL_TIME);
    vsw_args_int(&args, frame->t_unix_us);
    vsw_args_text(&args, VSTREAM_STILL_WIDTH);
    vsw_args_int(&args, frame->width);
    vsw_args_text(&args, VSTREAM_STILL_HEIGHT);
    vsw_args_int(&args, frame->height);

    if (slot->rendition != VSTREAM_RENDITION_MAIN) {
        vsw_args_text(&args, VSTREAM_STILL_RENDITION);
        vsw_args_text(&args, vstream_schema_rendition_text(slot->rendition));
    }

    vsw_args_text(&args, VSTREAM_STILL_JPEG);
    vsw_args_slice(&args, jpeg);

    rc = vsw_args_send(&args, publisher->redis, vsw_publisher_stilled_handler,
                       slot, NULL);

    if (rc == VSTREAM_OK) {
        slot->in_flight++;
        publisher->still_seq = frame->seq;
    }

    return rc;
}


static void
vsw_publisher_pushed_handler(void *data, const redisReply *reply)
{
    vsw_publisher_slot_t *slot = data;

    if (reply == NULL || reply->type != REDIS_REPLY_INTEGER) {
        vsw_publisher_failed(slot, reply);
    } else {
        slot->pushed++;
        vsw_ages_add(slot->publisher->ages,
                     vsw_clock_unix_us() - slot->in_flight_unix_us);
    }

    vsw_publisher_answered(slot);
}


static void
vsw_publisher_stilled_handler(void *data, const redisReply *reply)
{
    vsw_publisher_slot_t *slot = data;

    if (reply == NULL || vsw_redis_string(reply).data == NULL) {
        vsw_publisher_failed(slot, reply);
    } else {
        slot->publisher->stills++;
        slot->publisher->still_unix_us = slot->in_flight_unix_us;
    }

    vsw_publisher_answered(slot);
}


static void
vsw_publisher_failed(vsw_publisher_slot_t *slot, const redisReply *reply)
{
    vsw_publisher_t *publisher = slot->publisher;
    const char      *error = reply == NULL ? NULL : vsw_redis_error(reply);

    if (reply == NULL) {
        vsw_publisher_drop(publisher, VSW_DROP_REDIS_AWAY);
        return;
    }

    if (error != NULL && strncmp(error, "OOM ", 4) == 0) {
        vsw_publisher_drop(publisher, VSW_DROP_REDIS_FULL);
        return;
    }

    if (error != NULL && strstr(error, "equal or smaller") != NULL) {
        vsw_publisher_drop(publisher, VSW_DROP_FENCED);

        /* A frame of a former epoch that comes too late says nothing. */
        if (slot->in_flight_epoch == publisher->lease->epoch) {
            publisher->fenced(publisher->data);
        }
        return;
    }

    vsw_publisher_drop(publisher, VSW_DROP_REDIS_ERROR);
    vsw_log(VSW_LOG_DEBUG, "redis refused a frame",
            VSW_LOG_TEXT("camera", publisher->id),
            VSW_LOG_TEXT("answer", error));
}


/* When the last answer is there, whoever waits has his turn. */
static void
vsw_publisher_answered(vsw_publisher_slot_t *slot)
{
    vsw_publisher_waiting_t *waiting = &slot->waiting;
    uint32_t                 flags = waiting->flags;

    if (--slot->in_flight > 0 || flags == 0) {
        return;
    }

    waiting->flags = 0;
    vsw_publisher_send(
        slot, &waiting->frame, flags,
        (vstream_slice_t) { (const char *) waiting->jpeg, waiting->length });
}


static void
vsw_publisher_drop(vsw_publisher_t *publisher, vsw_drop_t reason)
{
    publisher->dropped[reason]++;
}
