/*
 * One camera process as the supervisor sees it: a link, a pid and the duty to
 * watch it.  It is not trusted: what it says is bounded, its log is metered,
 * and when it says nothing at all it is killed.
 *
 *     IDLE -> RUNNING -> STOPPING -> IDLE
 *
 * It is IDLE only once the spawner has reported its death, so that a camera
 * never has two processes.
 */

#ifndef VSW_PROCESS_H
#define VSW_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <ev.h>

#include "vsw_link.h"
#include "vsw_spawner.h"

#define VSW_PROCESS_SILENT_MS  2000  /* of counts that are due every 250 ms */
#define VSW_PROCESS_MUTE_MS    10000 /* until its first word */
#define VSW_PROCESS_STOP_MS    1000  /* to end by itself when the link closes */
#define VSW_PROCESS_REASON_MAX 32
#define VSW_PROCESS_DETAIL_MAX 320
#define VSW_PROCESS_LOG_LINES  20 /* of one process, in ... */
#define VSW_PROCESS_LOG_MS     10000


typedef enum {
    VSW_PROCESS_IDLE = 0,
    VSW_PROCESS_RUNNING,
    VSW_PROCESS_STOPPING,
} vsw_process_state_t;

typedef struct {
    /* The source has been opened, or has changed. */
    void (*stream)(void *data, const char *codec, uint32_t width,
                   uint32_t height);
    void (*frame)(void *data, const uint8_t *payload, size_t length);
    void (*counts)(void *data, const vsw_link_counts_t *counts);

    /* All that was in flight has gone out: there is room for a value. */
    void (*room)(void *data);

    /* `state` is as VSW_LINK_SUBSTREAM has it. */
    void (*substream)(void *data, const char *state, const char *detail);

    /*
     * It has ended and is IDLE; `reason` is one of VSTREAM_REASON_*, or empty
     * if it was stopped.
     */
    void (*gone)(void *data, const char *reason, const char *detail);
} vsw_process_handlers_t;

typedef struct {
    struct ev_loop               *loop;
    const vsw_process_handlers_t *handlers;
    void                         *data;
    const char                   *id;

    vsw_process_state_t state;
    pid_t               pid; /* 0: none */
    vsw_link_t         *link;
    ev_io               readable;
    ev_io               writable;
    int64_t             heard_ms; /* anything at all */
    int64_t             kill_ms;  /* without a link: when patience ends */
    int64_t             log_ms;   /* since when lines are counted */
    unsigned            log_lines;
    unsigned            spoke : 1;
    unsigned            doomed : 1; /* the spawner was told to kill it */
    unsigned            killed : 1; /* by us, because it was silent */
    char                reason[VSW_PROCESS_REASON_MAX];
    char                detail[VSW_PROCESS_DETAIL_MAX];
} vsw_process_t;

/* What a process may have at most; 0: no bound but the spawner's. */
typedef struct {
    size_t space_bytes; /* address space, with programs and libraries */
    size_t data_bytes;  /* what is its alone and can be written */
} vsw_process_memory_t;


void vsw_process_init(vsw_process_t *process, struct ev_loop *loop,
                      const vsw_process_handlers_t *handlers, void *data,
                      const char *id);

/*
 * Starts it and sends `configuration`, JSON as VSW_LINK_CONFIGURE wants it.
 * 0, or -1 with errno (EPIPE: the spawner is gone).
 */
int vsw_process_start(vsw_process_t *process, vsw_spawner_t *spawner,
                      const char *configuration, size_t length,
                      const vsw_process_memory_t *memory);

/* Closes the link; gone() follows when the process has ended. */
void vsw_process_stop(vsw_process_t *process);

void vsw_process_watched(vsw_process_t *process, vstream_rendition_t rendition,
                         uint32_t viewers);

/*
 * Passes a value on.  VSTREAM_AGAIN: there is no room; VSTREAM_ERROR: its link
 * has ended.
 */
int vsw_process_value(vsw_process_t *process, const vsw_link_value_t *head,
                      const void *value, size_t length);

/*
 * May a line that this process has caused go to the log?  It counts as one
 * then.
 */
bool vsw_process_may_log(vsw_process_t *process);

/* Its death was reported by the spawner, or the spawner has gone. */
void vsw_process_died(vsw_process_t *process, int status);

/*
 * To be called every 50 ms or so.  false: the process should be dead by now,
 * and the spawner does not listen.
 */
bool vsw_process_tick(vsw_process_t *process, vsw_spawner_t *spawner,
                      int64_t now_ms);

/* The supervisor itself slept: nobody's silence counts. */
void vsw_process_excuse(vsw_process_t *process, int64_t now_ms);


#endif /* VSW_PROCESS_H */
