/*
 * Where access units come from.  A table in vsw_source.c says for each scheme
 * who opens and reads it and with which options; what libavformat can open
 * over a network needs one more line there and nothing else.
 *
 * A source belongs to the reader thread.  Only vsw_source_stop() and
 * vsw_source_values() may be called by another one.
 */

#ifndef VSW_SOURCE_H
#define VSW_SOURCE_H

#include <stdatomic.h>

#include <libavformat/avformat.h>

#include "vsw_camera_config.h"
#include "vsw_failure.h"
#include "vsw_unit_ring.h"
#include "vsw_value_box.h"

/* Silence is never taken for a stall before this; nor before 5 intervals. */
#define VSW_STALL_MIN_US    3000000
#define VSW_STALL_INTERVALS 5

#define VSW_USER_AGENT "vstream/" VSTREAM_VERSION

#define VSW_STALLED_TEXT                                                       \
    "the camera is connected but sends no pictures: it may be overloaded, or " \
    "the network between drops its packets"

/* With the address that a call was refused to. */
#define VSW_SOURCE_DENIED_TEXT                                                 \
    "the source leads to %s, where cameras may not be: if it is one, add its " \
    "network to sources.allow of vstream-ingest"

#define VSW_SOURCE_UNLISTED_TEXT                                               \
    "%s is not among sources.listen of vstream-ingest, which says where "      \
    "sources may wait for their cameras"

typedef struct vsw_source_s vsw_source_t;
typedef struct vsw_scheme_s vsw_scheme_t;

struct vsw_scheme_s {
    const char *name;
    int (*open)(vsw_source_t *source, vsw_failure_t *failure);

    /*
     * One access unit, once it is due.  VSTREAM_AGAIN: a sign of life without
     * one; VSTREAM_ERROR: `failure` is set.
     */
    int (*read)(vsw_source_t *source, AVPacket *packet, vsw_failure_t *failure);
    void (*close)(vsw_source_t *source);

    /* For libavformat; NULL where it does not apply. */
    const char        *format;    /* demuxer; NULL: it finds out */
    const char        *protocols; /* those it may use, and no others */
    const char *const *options;   /* names and values by turns, then NULL */

    bool is_threaded; /* its library starts threads while it opens */
};

struct vsw_source_s {
    const vsw_scheme_t        *scheme;
    const vsw_camera_config_t *config;
    AVFormatContext           *format; /* NULL: not of libavformat */
    AVCodecParameters         *parameters;
    bool                       is_changed;   /* `parameters`, by reading */
    int                        stream;       /* index of the video stream */
    unsigned                   others;       /* units of others in a row */
    int                        version;      /* of MPEG-TS's program map */
    bool                       is_intra;     /* every unit is a keyframe */
    int64_t                    interval_us;  /* as declared; 0: not known */
    bool                       is_listening; /* it waits for its camera */
    int64_t                    connect_us;   /* how long opening may take */
    int64_t                    stall_min_us; /* no silence is a stall before */
    AVPacket                  *first;  /* read while opening; NULL: none */
    vsw_failure_t              denied; /* where it led and may not */
    void                      *state;  /* of the scheme */
    vsw_value_box_t           *values; /* where it is fed; else NULL */
    int64_t                    arrived_unix_us; /* of a value; 0: by read() */
    _Atomic int64_t            deadline_us;     /* by av_gettime_relative() */
    atomic_bool                is_overdue;      /* the deadline passed once */
    atomic_bool                is_stopped;
};


/* Does the library that opens this URL start threads? */
bool vsw_source_is_threaded(const char *url);

/* NULL: `failure` says why. */
vsw_source_t *vsw_source_create(const vsw_camera_config_t *config,
                                vsw_failure_t             *failure);
void          vsw_source_destroy(vsw_source_t *source);

/* Opens it within the time that the configuration gives. */
int vsw_source_open(vsw_source_t *source, vsw_failure_t *failure);

/*
 * Waits for the next access unit, `stall_us` at most, and tells when it came.
 * VSTREAM_AGAIN: the source says that it has nothing new, and `unit` tells when
 * it did; VSTREAM_ERROR: `failure` is set.
 */
int vsw_source_read(vsw_source_t *source, int64_t stall_us, AVPacket *packet,
                    vsw_unit_t *unit, vsw_failure_t *failure);

/* Makes a call that waits return with an error. */
void vsw_source_stop(vsw_source_t *source);

/*
 * The box that this source takes its values from; NULL: it takes none.  May be
 * called by any thread.
 */
vsw_value_box_t *vsw_source_values(const vsw_source_t *source);


/* The test pattern has no codec: a unit carries its number only. */
bool     vsw_source_is_pattern(const AVCodecParameters *parameters);
uint64_t vsw_source_pattern_number(const AVPacket *packet);


/* For schemes. */

/* Sleeps until then.  VSTREAM_ERROR: the source was stopped. */
int vsw_source_sleep_until(vsw_source_t *source, int64_t t_us);

/* What lasts longer than so long from now is interrupted. */
void vsw_source_deadline_set(vsw_source_t *source, int64_t wait_us);

/* libavformat's interrupt_callback; opaque is the source. */
int vsw_source_is_interrupted(void *opaque);

/* The scheme's options and bounds.  VSTREAM_ERROR: out of memory. */
int vsw_source_options(const vsw_source_t *source, AVDictionary **options);

/*
 * A time that a stream tells, in microseconds, and so far within what an
 * int64_t holds that the difference of two is, too.
 */
int64_t vsw_source_time_us(int64_t ticks, AVRational timebase);

/* Chooses the video stream of `format` and takes its parameters. */
int vsw_source_stream_choose(vsw_source_t *source, vsw_failure_t *failure);

/*
 * Opens `url` by libavformat, whose demuxer is `format`.  `options` are used
 * up, even on failure; one that nobody takes is a failure.  Where
 * source->format is there already, it is what is opened.  The streams are
 * chosen later.
 */
int vsw_source_net_start(vsw_source_t *source, const char *url,
                         const char *format, AVDictionary **options,
                         vsw_failure_t *failure);

/*
 * The same of the source's own URL, of which TLS is a part: all certificates
 * that are shown meanwhile must be of its host, and be trusted.
 */
int vsw_source_net_secure_start(vsw_source_t *source, AVDictionary **options,
                                vsw_failure_t *failure);

/*
 * Where streams become known only by what comes: reads to the first packet of
 * video, which the next read returns, and chooses its stream.
 */
int vsw_source_net_wait(vsw_source_t *source, vsw_failure_t *failure);

/* vsw_source_options(); VSTREAM_ERROR: `failure` is set. */
int vsw_source_net_options(const vsw_source_t *source, AVDictionary **options,
                           vsw_failure_t *failure);

/* Why a network source failed, nearest cause first. */
void vsw_source_net_explain(vsw_source_t *source, int av_error,
                            vsw_failure_t *failure);

/*
 * The next packet of the video stream, as libavformat gives it.  It may have
 * another codec or other parameters than the last one; and where a video
 * stream that is new sends in the place of the chosen one, that is chosen.
 * Returns an AVERROR.
 */
int vsw_source_packet_read(vsw_source_t *source, AVPacket *packet);

int  vsw_source_net_read(vsw_source_t *source, AVPacket *packet,
                         vsw_failure_t *failure);
void vsw_source_net_close(vsw_source_t *source);

int  vsw_source_rtsp_open(vsw_source_t *source, vsw_failure_t *failure);
int  vsw_source_rtsp_read(vsw_source_t *source, AVPacket *packet,
                          vsw_failure_t *failure);
void vsw_source_rtsp_close(vsw_source_t *source);

int vsw_source_rtmp_open(vsw_source_t *source, vsw_failure_t *failure);
int vsw_source_udp_open(vsw_source_t *source, vsw_failure_t *failure);
int vsw_source_srt_open(vsw_source_t *source, vsw_failure_t *failure);

int  vsw_source_http_open(vsw_source_t *source, vsw_failure_t *failure);
int  vsw_source_http_read(vsw_source_t *source, AVPacket *packet,
                          vsw_failure_t *failure);
void vsw_source_http_close(vsw_source_t *source);

/* Those for a single JPEG, if `url` names one; else NULL. */
const vsw_scheme_t *vsw_source_poll_scheme(const char *url);

/* The same of a URL whose answer has turned out to be one. */
const vsw_scheme_t *vsw_source_poll_scheme_known(void);

int  vsw_source_poll_open(vsw_source_t *source, vsw_failure_t *failure);
int  vsw_source_poll_read(vsw_source_t *source, AVPacket *packet,
                          vsw_failure_t *failure);
void vsw_source_poll_close(vsw_source_t *source);

int  vsw_source_file_open(vsw_source_t *source, vsw_failure_t *failure);
int  vsw_source_file_read(vsw_source_t *source, AVPacket *packet,
                          vsw_failure_t *failure);
void vsw_source_file_close(vsw_source_t *source);

int  vsw_source_v4l2_open(vsw_source_t *source, vsw_failure_t *failure);
int  vsw_source_v4l2_read(vsw_source_t *source, AVPacket *packet,
                          vsw_failure_t *failure);
void vsw_source_v4l2_close(vsw_source_t *source);

int  vsw_source_test_open(vsw_source_t *source, vsw_failure_t *failure);
int  vsw_source_test_read(vsw_source_t *source, AVPacket *packet,
                          vsw_failure_t *failure);
void vsw_source_test_close(vsw_source_t *source);

int  vsw_source_kafka_open(vsw_source_t *source, vsw_failure_t *failure);
int  vsw_source_kafka_read(vsw_source_t *source, AVPacket *packet,
                           vsw_failure_t *failure);
void vsw_source_kafka_close(vsw_source_t *source);


#endif /* VSW_SOURCE_H */
