/*
 * One stream of a camera: a source that is read by a thread of its own, the
 * access units at hand, and what is shown of them under one rendition.  A
 * camera process has one of them for each source.
 */

#ifndef VSW_STREAM_H
#define VSW_STREAM_H

#include "vsw_camera_config.h"
#include "vsw_link.h"
#include "vsw_value_box.h"

typedef struct vsw_stream_s vsw_stream_t;

/* What a stream is wanted for now. */
typedef struct {
    uint32_t watched;  /* viewers of its own rendition */
    uint32_t stand_in; /* viewers of small, while the substream is not there */
    bool     stills;   /* it gives the stills */
} vsw_duty_t;


/*
 * Dials the source of `config`, which is borrowed, as `link` is.  Starts a
 * thread.  NULL: `failure` says why.
 */
vsw_stream_t *vsw_stream_create(const vsw_camera_config_t *config,
                                vstream_rendition_t rendition, vsw_link_t *link,
                                vsw_failure_t *failure);

/*
 * Readable when vsw_stream_work() has something to do, until it is cleared,
 * which comes before that.
 */
int  vsw_stream_fd(const vsw_stream_t *stream);
void vsw_stream_fd_clear(vsw_stream_t *stream);

void vsw_stream_duty_set(vsw_stream_t *stream, const vsw_duty_t *duty);

/*
 * Does one step.  VSTREAM_OK: call again; VSTREAM_AGAIN: nothing to do before
 * vsw_stream_fd() is readable or *due_us (by av_gettime_relative());
 * VSTREAM_ERROR: `failure` is set, or the link is gone.
 */
int vsw_stream_work(vsw_stream_t *stream, int64_t *due_us,
                    vsw_failure_t *failure);

/* The source is open, and has sent what a picture can be made of. */
bool vsw_stream_is_there(vsw_stream_t *stream);

/* As vsw_source_values(). */
vsw_value_box_t *vsw_stream_values(vsw_stream_t *stream);

/* Adds what has been dropped; the rest is as of this stream. */
void vsw_stream_counts(const vsw_stream_t *stream, vsw_link_counts_t *counts);

/*
 * After a failure, in this order: ends the reading, asks whether it has ended
 * (one that hangs, for instance in a name server, is waited for), and dials
 * anew.  Redialling says VSTREAM_ERROR where memory is out.
 */
void vsw_stream_abort(vsw_stream_t *stream);
bool vsw_stream_has_ended(vsw_stream_t *stream);
int  vsw_stream_redial(vsw_stream_t *stream);

/*
 * Closes the source, politely if that takes no longer than `wait_us`.  The
 * process is to exit next.
 */
void vsw_stream_stop(vsw_stream_t *stream, int64_t wait_us);


#endif /* VSW_STREAM_H */
