/*
 * The substream, see vsw_substream.h.
 *
 *     RUNNING -> ENDING -> WAITING -> RUNNING
 *
 * ENDING lasts until its thread has let go of the source.  The supervisor
 * hears a reason when RUNNING ends, and "streaming" when it bears fruit.
 */

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <libavutil/error.h>
#include <libavutil/time.h>

#include "vstream_writer.h"
#include "vsw_backoff.h"
#include "vsw_substream.h"

#define VSW_SUBSTREAM_NEVER_US INT64_MAX


typedef enum {
    VSW_SUBSTREAM_RUNNING,
    VSW_SUBSTREAM_ENDING,
    VSW_SUBSTREAM_WAITING,
} vsw_substream_state_t;

struct vsw_substream_s {
    vsw_camera_config_t   config; /* the camera's, for this source */
    vsw_link_t           *link;
    vsw_stream_t         *stream;
    vsw_substream_state_t state;
    vsw_backoff_t         backoff;
    bool                  is_there;
    int64_t               since_us; /* it is there, or was */
    int64_t               redial_us;
};


/* `detail` is masked already. */
static void
vsw_substream_tell(vsw_link_t *link, const char *state, const char *detail)
{
    char             json[4096];
    vstream_writer_t w;

    vstream_writer_init(&w, json, sizeof(json));
    vstream_writer_text(&w, "{\"state\":\"");
    vstream_writer_text(&w, state);
    vstream_writer_text(&w, "\",\"detail\":");
    vstream_writer_json_string(&w,
                               (vstream_slice_t) { detail, strlen(detail) });
    vstream_writer_text(&w, "}");

    if (vstream_writer_status(&w) == VSTREAM_OK) {
        (void) vsw_link_write(link, VSW_LINK_SUBSTREAM, json, w.length, NULL,
                              0);
    }
}


static void
vsw_substream_failure_tell(vsw_link_t *link, const vsw_mask_t *mask,
                           vsw_failure_t *failure)
{
    vsw_mask_apply(mask, failure->detail);
    vsw_substream_tell(link, failure->reason, failure->detail);
}


vsw_substream_t *
vsw_substream_create(const vsw_camera_config_t *config, vsw_link_t *link)
{
    vsw_failure_t    failure = { 0 };
    vsw_substream_t *substream;

    substream = calloc(1, sizeof(*substream));

    if (substream != NULL) {
        vsw_camera_config_substream(config, &substream->config);
        vsw_backoff_init(&substream->backoff);
        substream->link = link;
        substream->stream = vsw_stream_create(
            &substream->config, VSTREAM_RENDITION_SMALL, link, &failure);
    }

    if (substream == NULL || substream->stream == NULL) {
        vsw_failure_set_av(&failure, AVERROR(ENOMEM), "the camera");
        vsw_substream_failure_tell(link, &config->mask, &failure);
        free(substream);
        return NULL;
    }

    vsw_substream_watched_set(substream, 0);

    return substream;
}


int
vsw_substream_fd(const vsw_substream_t *substream)
{
    return vsw_stream_fd(substream->stream);
}


void
vsw_substream_fd_clear(vsw_substream_t *substream)
{
    vsw_stream_fd_clear(substream->stream);
}


void
vsw_substream_watched_set(vsw_substream_t *substream, uint32_t watched)
{
    vsw_duty_t duty = { .watched = watched, .stills = true };

    vsw_stream_duty_set(substream->stream, &duty);
}


/* Tries again after a while, which depends on what went wrong. */
static void
vsw_substream_fail(vsw_substream_t *substream, vsw_failure_t *failure)
{
    uint32_t              random = 0;
    int64_t               now_us = av_gettime_relative();
    vsw_backoff_verdict_t verdict;

    (void) getrandom(&random, sizeof(random), GRND_NONBLOCK);

    if (substream->is_there
        && now_us - substream->since_us > VSW_BACKOFF_RESET_MS * INT64_C(1000))
    {
        vsw_backoff_reset(&substream->backoff);
    }

    verdict = vsw_backoff_next(&substream->backoff,
                               vsw_backoff_class(failure->reason),
                               now_us / 1000, random);

    substream->is_there = false;
    substream->redial_us = now_us + verdict.delay_ms * 1000;
    substream->state = VSW_SUBSTREAM_ENDING;

    vsw_stream_abort(substream->stream);
    vsw_substream_failure_tell(substream->link, &substream->config.mask,
                               failure);
}


static int
vsw_substream_run(vsw_substream_t *substream, int64_t *due_us)
{
    int           rc;
    vsw_failure_t failure = { 0 };

    rc = vsw_stream_work(substream->stream, due_us, &failure);

    if (rc == VSTREAM_ERROR && failure.reason == NULL) {
        return VSTREAM_ERROR;
    }

    if (rc == VSTREAM_ERROR) {
        vsw_substream_fail(substream, &failure);
        return VSTREAM_OK;
    }

    if (!substream->is_there && vsw_stream_is_there(substream->stream)) {
        substream->is_there = true;
        substream->since_us = av_gettime_relative();
        vsw_substream_tell(substream->link, VSTREAM_STATE_STREAMING, "");
    }

    return rc;
}


int
vsw_substream_work(vsw_substream_t *substream, int64_t *due_us)
{
    int64_t now_us = av_gettime_relative();

    *due_us = VSW_SUBSTREAM_NEVER_US;

    if (substream->state == VSW_SUBSTREAM_ENDING
        && vsw_stream_has_ended(substream->stream))
    {
        substream->state = VSW_SUBSTREAM_WAITING;
    }

    if (substream->state == VSW_SUBSTREAM_WAITING
        && now_us >= substream->redial_us) {
        if (vsw_stream_redial(substream->stream) == VSTREAM_OK) {
            substream->state = VSW_SUBSTREAM_RUNNING;

        } else {
            substream->redial_us =
                now_us + VSW_BACKOFF_NETWORK_MAX_MS * INT64_C(1000);
        }
    }

    if (substream->state == VSW_SUBSTREAM_RUNNING) {
        return vsw_substream_run(substream, due_us);
    }

    if (substream->state == VSW_SUBSTREAM_WAITING) {
        *due_us = substream->redial_us;
    }

    return VSTREAM_AGAIN;
}


bool
vsw_substream_is_there(const vsw_substream_t *substream)
{
    return substream->is_there;
}


void
vsw_substream_counts_add(const vsw_substream_t *substream,
                         vsw_link_counts_t     *counts)
{
    vsw_link_counts_t own = { 0 };

    vsw_stream_counts(substream->stream, &own);

    counts->frames_late += own.frames_late;
    counts->frames_broken += own.frames_broken;
    counts->units_skipped += own.units_skipped;
}


void
vsw_substream_stop(vsw_substream_t *substream, int64_t wait_us)
{
    vsw_stream_stop(substream->stream, wait_us);
}
