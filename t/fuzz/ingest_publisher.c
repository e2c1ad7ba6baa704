/*
 * What is published of what a camera process sends: frames come and Redis
 * answers, in whatever order.  All that goes out is one whole JPEG of the size
 * that is told with it, under the lease's epoch, numbered higher than what was
 * sent before it, one at a time of each rendition.
 */

#include "fuzz.h"

#include "vstream_jpeg.h"
#include "vstream_number.h"
#include "vsw_clock.h"
#include "vsw_link.h"
#include "vsw_publisher.h"

#define PENDING_MAX 8


typedef struct {
    vsw_redis_reply_fn *reply;
    void               *data;
} pending_t;

static vsw_publisher_t publisher;
static vsw_lease_t     lease;
static pending_t       pending[PENDING_MAX];
static size_t          pending_count;
static uint64_t        pushed[VSTREAM_RENDITIONS]; /* seq of the last one */
static vstream_frame_t stilled;


static void
check_jpeg(vstream_slice_t jpeg, uint64_t width, uint64_t height)
{
    vstream_jpeg_t found;

    fuzz_check(vstream_jpeg_scan(jpeg, VSTREAM_FRAME_PIXELS_MAX, &found)
               == VSTREAM_JPEG_OK);
    fuzz_check(found.length == jpeg.length);
    fuzz_check(found.width == width && found.height == height);
}


static void
check_push(const vstream_slice_t *argv, size_t argc, vstream_slice_t jpeg)
{
    size_t              length;
    vstream_frame_t     frame;
    vstream_slice_t     id;
    vstream_rendition_t rendition;

    fuzz_check(argc == 3);
    fuzz_check(vstream_schema_frame_channel_read(VSTREAM_SLICE("vs"), argv[1],
                                                 &id, &rendition)
                   == VSTREAM_OK
               && fuzz_equals(id, VSTREAM_SLICE("door")));
    fuzz_check(vstream_frame_line_read(argv[2], &frame, &length) == VSTREAM_OK
               && length == argv[2].length);
    fuzz_check(frame.epoch == lease.epoch && frame.t_unix_us > 0);
    fuzz_check(frame.seq > pushed[rendition]);
    pushed[rendition] = frame.seq;
    check_jpeg(jpeg, frame.width, frame.height);
}


/* XADD key MAXLEN n id field value ...; the last value is the JPEG. */
static void
check_still(const vstream_slice_t *argv, size_t argc)
{
    vstream_frame_t still;
    uint64_t        width, height;

    fuzz_check(argc == 13 || argc == 15);
    fuzz_check(fuzz_equals(argv[1], VSTREAM_SLICE("vs:{door}:still")));
    fuzz_check(vstream_frame_id_read(argv[4], &still.epoch, &still.seq)
               == VSTREAM_OK);
    fuzz_check(vstream_frame_compare(&still, &stilled) > 0);
    fuzz_check(still.epoch == lease.epoch);
    stilled = still;

    fuzz_check(vstream_number_read(argv[8], UINT32_MAX, &width) == VSTREAM_OK);
    fuzz_check(vstream_number_read(argv[10], UINT32_MAX, &height)
               == VSTREAM_OK);
    check_jpeg(argv[argc - 1], width, height);
}


/* In place of vsw_redis.c. */


int
vsw_redis_command(vsw_redis_t *redis, vsw_redis_reply_fn *reply, void *data,
                  const vstream_slice_t *argv, size_t argc,
                  const vstream_slice_t *tail)
{
    (void) redis;

    if (pending_count == PENDING_MAX) {
        return VSTREAM_AGAIN;
    }

    if (fuzz_equals(argv[0], VSTREAM_SLICE("SPUBLISH"))) {
        check_push(argv, argc, *tail);
    } else if (fuzz_equals(argv[0], VSTREAM_SLICE("XADD"))) {
        check_still(argv, argc);
    }

    pending[pending_count++] = (pending_t) { reply, data };

    return VSTREAM_OK;
}


void
vsw_redis_forget(vsw_redis_t *redis, const void *data)
{
    (void) redis;
    (void) data;
}


const char *
vsw_redis_error(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_ERROR ? reply->str : NULL;
}


vstream_slice_t
vsw_redis_string(const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_STRING) {
        return (vstream_slice_t) { NULL, 0 };
    }

    return (vstream_slice_t) { reply->str, (size_t) reply->len };
}


/* The oldest command is answered, in one of the ways there are. */
static void
answer(uint8_t kind)
{
    static const struct {
        int         type;
        const char *text;
    } kinds[] = {
        { REDIS_REPLY_INTEGER, "" },
        { REDIS_REPLY_STRING, "1-1" },
        { REDIS_REPLY_ERROR, "OOM command not allowed" },
        { REDIS_REPLY_ERROR, "ERR The ID specified in XADD is equal or smaller "
                             "than the target stream top item" },
        { REDIS_REPLY_ERROR, "NOPERM" },
        { REDIS_REPLY_NIL, "" },
        { REDIS_REPLY_ARRAY, "" },
    };

    redisReply reply = { 0 };
    pending_t  first = pending[0];

    if (pending_count == 0) {
        return;
    }

    memmove(pending, pending + 1, --pending_count * sizeof(pending[0]));

    if (kind % 8 == 7) {
        first.reply(first.data, NULL);
        return;
    }

    reply.type = kinds[kind % 8].type;
    reply.str = (char *) kinds[kind % 8].text;
    reply.len = strlen(reply.str);
    first.reply(first.data, &reply);
}


static void
on_fenced(void *data)
{
    (void) data;
}


/* Flags, an age, and the next `n` bytes as its JPEG. */
static void
frame_comes(const uint8_t **data, size_t *size)
{
    size_t           n;
    uint8_t         *payload;
    vsw_link_frame_t head = { 0 };

    head.flags = fuzz_byte(data, size);
    head.t_unix_us =
        vsw_clock_unix_us() - (int8_t) fuzz_byte(data, size) * 100000;
    n = fuzz_byte(data, size);
    n = n < *size ? n : *size;

    payload = malloc(sizeof(head) + n);
    fuzz_check(payload != NULL);
    memcpy(payload, &head, sizeof(head));
    memcpy(payload + sizeof(head), *data, n);
    vsw_publisher_frame(&publisher,
                        VSW_FRAME_LIVE | VSW_FRAME_STILL | VSW_FRAME_SMALL
                            | VSW_FRAME_STAND_IN,
                        payload, sizeof(head) + n);
    free(payload);
    *data += n;
    *size -= n;
}


static void
step(const uint8_t **data, size_t *size)
{
    uint8_t op = fuzz_byte(data, size);

    switch (op % 8) {
    case 0:
        answer(fuzz_byte(data, size));
        break;

    case 1: /* a take, under a higher epoch */
        lease.epoch++;
        break;

    case 2:
        publisher.slots[op >> 3 & 1].watched = op >> 4;
        break;

    case 3:
        lease.state = op >> 3 & 1 ? VSW_LEASE_HELD : VSW_LEASE_SUSPENDED;
        break;

    default:
        frame_comes(data, size);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static vsw_lease_office_t office;
    static vsw_ages_t         ages;

    office.prefix = VSTREAM_SLICE("vs");
    lease = (vsw_lease_t) { .office = &office, .id = "door" };
    lease.state = VSW_LEASE_HELD;
    lease.epoch = 1764000000123;
    lease.deadline_ms = INT64_MAX;
    stilled = (vstream_frame_t) { 0 };
    memset(pushed, 0, sizeof(pushed));
    pending_count = 0;
    vsw_ages_init(&ages, vsw_ages_of_frames_us);
    vsw_publisher_init(&publisher, NULL, &lease, &ages, on_fenced, NULL);

    while (size > 0) {
        step(&data, &size);

        for (int i = 0; i < VSTREAM_RENDITIONS; i++) {
            fuzz_check(publisher.slots[i].in_flight <= 2);
        }
    }

    vsw_publisher_close(&publisher);

    return 0;
}
