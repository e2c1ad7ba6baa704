/*
 * What a camera process tells the supervisor, who does not trust it: texts
 * that are handed on are bounded, reasons are of those that there are, numbers
 * are sizes of pictures, and where it broke the framing nothing more is heard.
 */

#include "fuzz.h"

#include <sys/socket.h>
#include <unistd.h>

#include "vsw_log.h"
#include "vsw_process.h"
#include "vstream_schema.h"

static unsigned gone;


static int
is_word(const char *text)
{
    return text[0] != '\0'
           && text[strspn(text, "abcdefghijklmnopqrstuvwxyz_")] == '\0';
}


static void
on_stream(void *data, const char *codec, uint32_t width, uint32_t height)
{
    (void) data;
    fuzz_check(strlen(codec) < VSW_PROCESS_REASON_MAX);
    fuzz_check(width <= 65535 && height <= 65535);
}


static void
on_frame(void *data, const uint8_t *payload, size_t length)
{
    (void) data;
    fuzz_check(length > sizeof(vsw_link_frame_t));
    free(fuzz_copy(payload, length));
}


static void
on_counts(void *data, const vsw_link_counts_t *counts)
{
    (void) data;
    (void) counts;
}


static void
on_substream(void *data, const char *state, const char *detail)
{
    (void) data;
    fuzz_check(is_word(state));
    fuzz_check(strlen(detail) <= VSW_LINK_JSON_MAX);
}


static void
on_gone(void *data, const char *reason, const char *detail)
{
    (void) data;
    gone++;
    fuzz_check(is_word(reason));
    fuzz_check(strlen(detail) < VSW_PROCESS_DETAIL_MAX);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const vsw_process_handlers_t handlers = {
        .stream = on_stream,
        .frame = on_frame,
        .counts = on_counts,
        .substream = on_substream,
        .gone = on_gone,
    };

    static struct ev_loop *loop;

    int           fds[2];
    vsw_process_t process;

    if (loop == NULL) {
        loop = ev_loop_new(EVBACKEND_POLL | EVFLAG_NOENV);
    }

    vsw_log_configure(VSW_LOG_JSON, VSW_LOG_ERROR);
    fuzz_check(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
    vsw_process_init(&process, loop, &handlers, NULL, "door");
    process.link = vsw_link_create(fds[0]);
    process.state = VSW_PROCESS_RUNNING;
    process.pid = getpid();
    fuzz_check(process.link != NULL);
    fuzz_check(write(fds[1], data, size) == (ssize_t) size);
    close(fds[1]);

    gone = 0;
    vsw_process_died(&process, 0);
    fuzz_check(gone == 1 && process.link == NULL);
    fuzz_check(process.state == VSW_PROCESS_IDLE);

    return 0;
}
