/*
 * The reader thread: opens the source, and puts its stream and then every
 * access unit into the ring.  It never waits for decoding.  The main thread
 * reads its reports and is woken through an eventfd.
 */

#ifndef VSW_READER_H
#define VSW_READER_H

#include "vsw_meter.h"
#include "vsw_source.h"
#include "vsw_unit_ring.h"

typedef struct vsw_reader_s vsw_reader_t;

typedef enum {
    VSW_READER_CONNECTING,
    VSW_READER_STREAMING,
    VSW_READER_FAILED,
} vsw_reader_state_t;

typedef struct {
    vsw_reader_state_t state;
    int64_t            since_us;   /* when that began */
    int64_t            connect_us; /* how long CONNECTING may last */
    vsw_failure_t      failure;
    uint64_t           access_units;
    uint64_t           bytes;
    int64_t            heard_us; /* the newest access unit; 0: none yet */
    int64_t            heard_unix_us;
    int64_t            stall_us; /* longest silence that is no stall */
    vsw_measure_t      measure;
} vsw_report_t;


/* NULL: `failure` says why.  `config` and `ring` are borrowed. */
vsw_reader_t *vsw_reader_create(const vsw_camera_config_t *config,
                                vsw_unit_ring_t *ring, vsw_failure_t *failure);

/* Readable when something came that the main thread waits for. */
int vsw_reader_fd(const vsw_reader_t *reader);

/* Makes vsw_reader_fd() unreadable until the next event. */
void vsw_reader_fd_clear(vsw_reader_t *reader);

/* true: every access unit is an event; false: keyframes are. */
void vsw_reader_set_eager(vsw_reader_t *reader, bool is_eager);

void vsw_reader_report(vsw_reader_t *reader, vsw_report_t *report);

/* As vsw_source_values(). */
vsw_value_box_t *vsw_reader_values(vsw_reader_t *reader);

/*
 * Makes the reader give its source up, which FAILED then tells.  Does nothing
 * where it has FAILED already.
 */
void vsw_reader_abort(vsw_reader_t *reader);

/*
 * Dials the source again, for `ring`, after FAILED and only then.  The
 * thread is the same: a camera process may not start another one.
 */
void vsw_reader_redial(vsw_reader_t *reader, vsw_unit_ring_t *ring);

/*
 * Ends the thread and closes the source, politely if that takes no longer
 * than `wait_us`.  The process is to exit next.
 */
void vsw_reader_stop(vsw_reader_t *reader, int64_t wait_us);


#endif /* VSW_READER_H */
