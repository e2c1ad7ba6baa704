/*
 * One camera process, see vsw_process.h.
 */

#include "vsw_process.h"

#include "vsw_clock.h"
#include "vsw_log.h"
#include "vstream_schema.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define VSW_PROCESS_TURNS 64 /* messages in one event */


static void vsw_process_on_readable(struct ev_loop *loop, ev_io *io,
                                    int events);
static void vsw_process_on_writable(struct ev_loop *loop, ev_io *io,
                                    int events);
static bool vsw_process_read(vsw_process_t *process);
static void vsw_process_message(vsw_process_t            *process,
                                const vsw_link_message_t *message);
static void vsw_process_json(vsw_process_t            *process,
                             const vsw_link_message_t *message);
static void vsw_process_stream(vsw_process_t *process, const json_t *json);
static void vsw_process_failed(vsw_process_t *process, const json_t *json);
static void vsw_process_substream(vsw_process_t *process, const json_t *json);
static const char *vsw_process_reason(const char *text);
static void        vsw_process_log(vsw_process_t *process, const json_t *json);
static void vsw_process_write(vsw_process_t *process, vsw_link_type_t type,
                              const void *payload, size_t length);
static bool vsw_process_kill(vsw_process_t *process, vsw_spawner_t *spawner);
static void vsw_process_break(vsw_process_t *process);
static void vsw_process_unlink(vsw_process_t *process);
static void vsw_process_limit(pid_t pid, const vsw_process_memory_t *memory);
static void vsw_process_explain(vsw_process_t *process, int status);
static const char *vsw_process_text(const json_t *json, const char *name);
static uint32_t    vsw_process_number(const json_t *json, const char *name);


void
vsw_process_init(vsw_process_t *process, struct ev_loop *loop,
                 const vsw_process_handlers_t *handlers, void *data,
                 const char *id)
{
    memset(process, 0, sizeof(*process));
    process->loop = loop;
    process->handlers = handlers;
    process->data = data;
    process->id = id;
}


int
vsw_process_start(vsw_process_t *process, vsw_spawner_t *spawner,
                  const char *configuration, size_t length,
                  const vsw_process_memory_t *memory)
{
    int   fds[2], error;
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == -1) {
        return -1;
    }

    pid = vsw_spawner_start(spawner, process->id, fds[1]);
    error = errno;
    close(fds[1]);

    if (pid == -1) {
        close(fds[0]);
        errno = error;
        return -1;
    }

    process->link = vsw_link_create(fds[0]);
    if (process->link == NULL) {
        close(fds[0]); /* it ends when it finds its link closed */
        errno = ENOMEM;
        return -1;
    }

    vsw_process_limit(pid, memory);

    process->state = VSW_PROCESS_RUNNING;
    process->pid = pid;
    process->heard_ms = vsw_clock_ms();
    process->spoke = 0;
    process->doomed = 0;
    process->killed = 0;
    process->reason[0] = '\0';
    process->detail[0] = '\0';

    ev_io_init(&process->readable, vsw_process_on_readable,
               vsw_link_fd(process->link), EV_READ);
    ev_io_init(&process->writable, vsw_process_on_writable,
               vsw_link_fd(process->link), EV_WRITE);
    process->readable.data = process;
    process->writable.data = process;
    ev_io_start(process->loop, &process->readable);

    vsw_process_write(process, VSW_LINK_CONFIGURE, configuration, length);

    return 0;
}


void
vsw_process_stop(vsw_process_t *process)
{
    if (process->state != VSW_PROCESS_RUNNING) {
        return;
    }

    vsw_process_unlink(process);
    process->state = VSW_PROCESS_STOPPING;
    process->kill_ms = vsw_clock_ms() + VSW_PROCESS_STOP_MS;
}


void
vsw_process_watched(vsw_process_t *process, vstream_rendition_t rendition,
                    uint32_t viewers)
{
    vsw_link_watched_t watched = { rendition, viewers };

    if (process->link != NULL) {
        vsw_process_write(process, VSW_LINK_WATCHED, &watched, sizeof(watched));
    }
}


int
vsw_process_value(vsw_process_t *process, const vsw_link_value_t *head,
                  const void *value, size_t length)
{
    int rc;

    if (process->link == NULL) {
        return VSTREAM_AGAIN; /* the next process may have it */
    }

    rc = vsw_link_write(process->link, VSW_LINK_VALUE, head, sizeof(*head),
                        value, length);

    if (vsw_link_is_pending(process->link)) {
        ev_io_start(process->loop, &process->writable);
    }

    return rc;
}


void
vsw_process_died(vsw_process_t *process, int status)
{
    bool stopped = process->state == VSW_PROCESS_STOPPING;
    int  turns;

    if (process->state == VSW_PROCESS_IDLE) {
        return;
    }

    /* Its last words may still be in the link. */
    for (turns = 0; turns < VSW_PROCESS_TURNS; turns++) {
        if (process->link == NULL || !vsw_process_read(process)) {
            break;
        }
    }

    vsw_process_unlink(process);
    process->state = VSW_PROCESS_IDLE;
    process->pid = 0;

    if (stopped) {
        process->reason[0] = '\0';
        process->detail[0] = '\0';
    } else if (process->reason[0] == '\0') {
        vsw_process_explain(process, status);
    }

    process->handlers->gone(process->data, process->reason, process->detail);
}


bool
vsw_process_tick(vsw_process_t *process, vsw_spawner_t *spawner, int64_t now_ms)
{
    int64_t patience =
        process->spoke ? VSW_PROCESS_SILENT_MS : VSW_PROCESS_MUTE_MS;

    if (process->state == VSW_PROCESS_IDLE) {
        return true;
    }

    if (process->link == NULL) {
        if (now_ms < process->kill_ms) {
            return true;
        }
        process->kill_ms = now_ms + VSW_PROCESS_STOP_MS;
        return vsw_process_kill(process, spawner);
    }

    if (now_ms - process->heard_ms <= patience) {
        return true;
    }

    vsw_log(VSW_LOG_WARN, "camera process is silent and is killed",
            VSW_LOG_TEXT("camera", process->id),
            VSW_LOG_NUMBER("pid", process->pid),
            VSW_LOG_NUMBER("silent_ms", now_ms - process->heard_ms));
    process->killed = 1;
    process->heard_ms = now_ms;

    return vsw_process_kill(process, spawner);
}


void
vsw_process_excuse(vsw_process_t *process, int64_t now_ms)
{
    process->heard_ms = now_ms;
}


static void
vsw_process_on_readable(struct ev_loop *loop, ev_io *io, int events)
{
    vsw_process_t *process = io->data;
    int            turns;

    (void) events;

    for (turns = 0; turns < VSW_PROCESS_TURNS; turns++) {
        if (process->link == NULL || !vsw_process_read(process)
            || !vsw_link_may_have_more(process->link))
        {
            return;
        }
    }

    /* The link may hold more than the socket: others first, then go on. */
    ev_feed_event(loop, io, EV_READ);
}


static void
vsw_process_on_writable(struct ev_loop *loop, ev_io *io, int events)
{
    vsw_process_t *process = io->data;

    (void) events;

    if (vsw_link_flush(process->link) == VSTREAM_AGAIN) {
        return;
    }

    ev_io_stop(loop, io);
    process->handlers->room(process->data);
}


/* Takes one message; false: there was none, or the link is closed. */
static bool
vsw_process_read(vsw_process_t *process)
{
    vsw_link_message_t message;
    int                rc = vsw_link_read(process->link, &message);

    if (rc == VSTREAM_OK) {
        process->heard_ms = vsw_clock_ms();
        process->spoke = 1;
        vsw_process_message(process, &message);
        return process->link != NULL;
    }

    if (rc == VSTREAM_AGAIN) {
        return false;
    }

    vsw_process_break(process);

    return false;
}


static void
vsw_process_message(vsw_process_t *process, const vsw_link_message_t *message)
{
    vsw_link_counts_t counts;

    switch (message->type) {
    case VSW_LINK_FRAME:
        process->handlers->frame(process->data, message->payload,
                                 message->length);
        break;

    case VSW_LINK_COUNTS:
        memcpy(&counts, message->payload, sizeof(counts));
        process->handlers->counts(process->data, &counts);
        break;

    case VSW_LINK_STREAM:
    case VSW_LINK_FAILED:
    case VSW_LINK_LOG:
    case VSW_LINK_SUBSTREAM:
        vsw_process_json(process, message);
        break;

    default: /* a message of ours, sent back: it may be large, and anything */
        vsw_process_break(process);
    }
}


static void
vsw_process_json(vsw_process_t *process, const vsw_link_message_t *message)
{
    json_t *json;

    json = json_loadb((const char *) message->payload, message->length,
                      JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(json)) {
        json_decref(json);
        return;
    }

    switch (message->type) {
    case VSW_LINK_STREAM:
        vsw_process_stream(process, json);
        break;
    case VSW_LINK_FAILED:
        vsw_process_failed(process, json);
        break;
    case VSW_LINK_LOG:
        vsw_process_log(process, json);
        break;
    default:
        vsw_process_substream(process, json);
        break;
    }

    json_decref(json);
}


static void
vsw_process_stream(vsw_process_t *process, const json_t *json)
{
    char codec[VSW_PROCESS_REASON_MAX];

    snprintf(codec, sizeof(codec), "%s", vsw_process_text(json, "codec"));
    process->handlers->stream(process->data, codec,
                              vsw_process_number(json, "width"),
                              vsw_process_number(json, "height"));
}


static void
vsw_process_failed(vsw_process_t *process, const json_t *json)
{
    snprintf(process->reason, sizeof(process->reason), "%s",
             vsw_process_reason(vsw_process_text(json, "reason")));
    snprintf(process->detail, sizeof(process->detail), "%s",
             vsw_process_text(json, "detail"));
}


static void
vsw_process_substream(vsw_process_t *process, const json_t *json)
{
    const char *state = vsw_process_text(json, "state");

    if (strcmp(state, VSTREAM_STATE_CONNECTING) != 0
        && strcmp(state, VSTREAM_STATE_STREAMING) != 0)
    {
        state = vsw_process_reason(state);
    }

    process->handlers->substream(process->data, state,
                                 vsw_process_text(json, "detail"));
}


/* Only a reason that we know is passed on. */
static const char *
vsw_process_reason(const char *text)
{
    static const char *const reasons[] = {
        VSTREAM_REASON_AUTH_FAILED,
        VSTREAM_REASON_NOT_FOUND,
        VSTREAM_REASON_REFUSED,
        VSTREAM_REASON_TIMEOUT,
        VSTREAM_REASON_UNREACHABLE,
        VSTREAM_REASON_DNS_FAILED,
        VSTREAM_REASON_NO_VIDEO,
        VSTREAM_REASON_UNSUPPORTED_CODEC,
        VSTREAM_REASON_PROTOCOL_ERROR,
        VSTREAM_REASON_STALLED,
        VSTREAM_REASON_ENDED,
        VSTREAM_REASON_TOO_LARGE,
        VSTREAM_REASON_SOURCE_DENIED,
        VSTREAM_REASON_BAD_SOURCE,
        VSTREAM_REASON_CREDENTIAL_MISSING,
    };
    size_t i;

    for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (strcmp(reasons[i], text) == 0) {
            return reasons[i];
        }
    }

    return VSTREAM_REASON_PROTOCOL_ERROR;
}


bool
vsw_process_may_log(vsw_process_t *process)
{
    int64_t now = vsw_clock_ms();

    if (now - process->log_ms > VSW_PROCESS_LOG_MS) {
        if (process->log_lines > VSW_PROCESS_LOG_LINES) {
            vsw_log(VSW_LOG_WARN, "camera process wrote too much to its log",
                    VSW_LOG_TEXT("camera", process->id),
                    VSW_LOG_NUMBER("lines_dropped",
                                   process->log_lines - VSW_PROCESS_LOG_LINES));
        }
        process->log_ms = now;
        process->log_lines = 0;
    }

    return ++process->log_lines <= VSW_PROCESS_LOG_LINES;
}


static void
vsw_process_log(vsw_process_t *process, const json_t *json)
{
    const char     *level = vsw_process_text(json, "level");
    vsw_log_level_t value = VSW_LOG_INFO;

    if (!vsw_process_may_log(process)) {
        return;
    }

    if (strcmp(level, "error") == 0 || strcmp(level, "warn") == 0) {
        value = VSW_LOG_WARN; /* an error is one camera's, not ours */
    } else if (strcmp(level, "debug") == 0) {
        value = VSW_LOG_DEBUG;
    }

    vsw_log(value, vsw_process_text(json, "message"),
            VSW_LOG_TEXT("camera", process->id),
            VSW_LOG_NUMBER("pid", process->pid));
}


static void
vsw_process_write(vsw_process_t *process, vsw_link_type_t type,
                  const void *payload, size_t length)
{
    (void) vsw_link_write(process->link, type, payload, length, NULL, 0);

    if (vsw_link_is_pending(process->link)) {
        ev_io_start(process->loop, &process->writable);
    }
}


/* Once in vain may be bad luck. */
static bool
vsw_process_kill(vsw_process_t *process, vsw_spawner_t *spawner)
{
    if (process->doomed && vsw_spawner_is_deaf(spawner)) {
        return false;
    }

    process->doomed = 1;
    vsw_spawner_kill(spawner, process->pid);

    return true;
}


/* Closed or broken: its death follows, or is helped along. */
static void
vsw_process_break(vsw_process_t *process)
{
    vsw_process_unlink(process);
    process->kill_ms = vsw_clock_ms() + VSW_PROCESS_STOP_MS;
}


static void
vsw_process_unlink(vsw_process_t *process)
{
    if (process->link == NULL) {
        return;
    }

    ev_io_stop(process->loop, &process->readable);
    ev_io_stop(process->loop, &process->writable);
    vsw_link_destroy(process->link);
    process->link = NULL;
}


/*
 * The spawner sets a bound of its own; an operator may lower it.  A sanitizer
 * needs terabytes of address space, so none is set there.
 */
static void
vsw_process_limit(pid_t pid, const vsw_process_memory_t *memory)
{
#ifndef __SANITIZE_ADDRESS__
    struct rlimit space = { memory->space_bytes, memory->space_bytes };
    struct rlimit data = { memory->data_bytes, memory->data_bytes };

    if (memory->space_bytes != 0) {
        (void) prlimit(pid, RLIMIT_AS, &space, NULL);
    }

    if (memory->data_bytes != 0) {
        (void) prlimit(pid, RLIMIT_DATA, &data, NULL);
    }
#else
    (void) pid;
    (void) memory;
#endif
}


static void
vsw_process_explain(vsw_process_t *process, int status)
{
    snprintf(process->reason, sizeof(process->reason), "%s",
             VSTREAM_REASON_CRASHED);

    if (process->killed) {
        snprintf(process->detail, sizeof(process->detail),
                 "the camera process was silent for too long and was killed");
    } else if (WIFSIGNALED(status)) {
        snprintf(process->detail, sizeof(process->detail),
                 "the camera process was ended by signal %d (%s)",
                 WTERMSIG(status), strsignal(WTERMSIG(status)));
    } else {
        snprintf(process->detail, sizeof(process->detail),
                 "the camera process exited with status %d, unannounced",
                 WEXITSTATUS(status));
    }
}


static const char *
vsw_process_text(const json_t *json, const char *name)
{
    const char *text = json_string_value(json_object_get(json, name));

    return text == NULL ? "" : text;
}


static uint32_t
vsw_process_number(const json_t *json, const char *name)
{
    json_int_t value = json_integer_value(json_object_get(json, name));

    return value < 0 || value > UINT16_MAX ? 0 : (uint32_t) value;
}
