/*
 * file: a recording that is played for ever at its own pace.  It must lie
 * below one of the configured roots: what counts is the file that was really
 * opened, not its name, so no link leads out and nothing can be swapped in
 * between.  libavformat gets that descriptor and may open nothing else.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libavutil/common.h>
#include <libavutil/time.h>

#include "vsw_source.h"

#define VSW_FILE_BUFFER (32 * 1024)

/* Between pictures, where the file does not say. */
#define VSW_FILE_INTERVAL_US     40000
#define VSW_FILE_INTERVAL_MAX_US 1000000

/* What is due later than this before a stall would be seen is due now. */
#define VSW_FILE_MARGIN_US 250000

/* How far playing may fall behind before it starts anew from now. */
#define VSW_FILE_BEHIND_US 1000000

/* Pictures nearer to each other than that are of one moment; and so many. */
#define VSW_FILE_STEP_MIN_US 1000
#define VSW_FILE_MOMENT_MAX  8


typedef struct {
    int          fd;
    AVIOContext *io;
    bool         has_last;     /* a unit was read in this round */
    int64_t      last_time_us; /* its time in the recording */
    int64_t      due_us;       /* when it was due, or the next round's first */
    unsigned     moment_units; /* of nearly the same time, in a row */
    bool         is_changed;   /* what it began with is not what it has now */
    uint64_t     round_units;  /* access units in this round */
} vsw_file_t;


static int
vsw_file_io_read(void *opaque, uint8_t *data, int size)
{
    vsw_file_t *file = opaque;
    ssize_t     n;

    do {
        n = read(file->fd, data, (size_t) size);
    } while (n == -1 && errno == EINTR);

    if (n == 0) {
        return AVERROR_EOF;
    }

    return n == -1 ? AVERROR(errno) : (int) n;
}


static int64_t
vsw_file_io_seek(void *opaque, int64_t offset, int whence)
{
    vsw_file_t *file = opaque;
    struct stat st;
    off_t       at;

    if (whence & AVSEEK_SIZE) {
        return fstat(file->fd, &st) == -1 ? AVERROR(errno) : st.st_size;
    }

    at = lseek(file->fd, offset, whence & ~AVSEEK_FORCE);

    return at == -1 ? AVERROR(errno) : at;
}


/* What a file names is not opened; see also vsw_file_options. */
static int
vsw_file_io_open(AVFormatContext *format, AVIOContext **io, const char *url,
                 int flags, AVDictionary **options)
{
    (void) format;
    (void) io;
    (void) url;
    (void) flags;
    (void) options;

    return AVERROR_PROTOCOL_NOT_FOUND;
}


/* Is `path` below `root`, both without links? */
static bool
vsw_file_is_below(const char *root, const char *path)
{
    bool   found;
    char  *real = realpath(root, NULL);
    size_t length;

    if (real == NULL) {
        return false;
    }

    length = strlen(real);
    if (length == 1) {
        length = 0; /* "/" */
    }

    found = strncmp(real, path, length) == 0 && path[length] == '/';
    free(real);

    return found;
}


static bool
vsw_file_is_allowed(const vsw_camera_config_t *config, const char *path)
{
    for (size_t i = 0; i < config->file_roots_count; i++) {
        if (vsw_file_is_below(config->file_roots[i], path)) {
            return true;
        }
    }

    return false;
}


/*
 * Opens `path` for reading.  It is looked at before it is really opened: a
 * device or a pipe does things when it is.
 */
static int
vsw_file_descriptor_open(const vsw_camera_config_t *config, const char *path,
                         vsw_failure_t *failure)
{
    int         look, fd = -1;
    char        link[64], real[PATH_MAX];
    ssize_t     n;
    struct stat st;

    look = open(path, O_PATH | O_CLOEXEC);
    if (look == -1) {
        vsw_failure_set(failure, VSTREAM_REASON_NOT_FOUND,
                        "the file cannot be opened: %s", strerror(errno));
        return -1;
    }

    snprintf(link, sizeof(link), "/proc/self/fd/%d", look);
    n = readlink(link, real, sizeof(real) - 1);
    real[n > 0 ? n : 0] = '\0';

    if (!vsw_file_is_allowed(config, real)) {
        vsw_failure_set(failure, VSTREAM_REASON_SOURCE_DENIED,
                        "the file lies outside the folders that may be read: "
                        "move it there, or add its folder to sources.files "
                        "of vstream-ingest");

    } else if (fstat(look, &st) == -1 || !S_ISREG(st.st_mode)) {
        vsw_failure_set(failure, VSTREAM_REASON_SOURCE_DENIED,
                        "the source is not a regular file");

    } else if ((fd = open(link, O_RDONLY | O_CLOEXEC)) == -1) {
        vsw_failure_set(failure, VSTREAM_REASON_NOT_FOUND,
                        "the file cannot be read: %s", strerror(errno));
    }

    close(look);

    return fd;
}


static int
vsw_file_io_create(vsw_file_t *file)
{
    uint8_t *buffer = av_malloc(VSW_FILE_BUFFER);

    if (buffer == NULL) {
        return VSTREAM_ERROR;
    }

    file->io = avio_alloc_context(buffer, VSW_FILE_BUFFER, 0, file,
                                  vsw_file_io_read, NULL, vsw_file_io_seek);
    if (file->io == NULL) {
        av_free(buffer);
        return VSTREAM_ERROR;
    }

    return VSTREAM_OK;
}


/* Is there enough in the container's header to decode and to pace? */
static bool
vsw_file_is_described(const vsw_source_t *source)
{
    const AVCodecParameters *p = source->parameters;

    return p->width > 0 && p->height > 0 && source->interval_us > 0;
}


/* Do its streams turn up only while it is read, as those of FLV do? */
static bool
vsw_file_is_headless(const vsw_source_t *source)
{
    return (source->format->ctx_flags & AVFMTCTX_NOHEADER) != 0;
}


/*
 * JPEGs one after the other: libavformat often takes them for a single one.
 * NULL: it finds out what it is.
 */
static const AVInputFormat *
vsw_file_format_guess(const vsw_file_t *file)
{
    uint8_t head[3];

    return pread(file->fd, head, sizeof(head), 0) == sizeof(head)
                   && memcmp(head, "\xff\xd8\xff", 3) == 0
               ? av_find_input_format("mjpeg")
               : NULL;
}


/* Opens the container at the start of the file. */
static int
vsw_file_format_open(vsw_source_t *source, vsw_failure_t *failure)
{
    int           rc;
    vsw_file_t   *file = source->state;
    AVDictionary *options = NULL;

    source->format = avformat_alloc_context();

    if (source->format == NULL || vsw_file_io_create(file) != VSTREAM_OK
        || vsw_source_options(source, &options) != VSTREAM_OK)
    {
        av_dict_free(&options);
        vsw_failure_set_av(failure, AVERROR(ENOMEM), "the file");
        return VSTREAM_ERROR;
    }

    source->format->pb = file->io;
    source->format->io_open = vsw_file_io_open;
    source->format->interrupt_callback.callback = vsw_source_is_interrupted;
    source->format->interrupt_callback.opaque = source;

    rc = avformat_open_input(&source->format, NULL, vsw_file_format_guess(file),
                             &options);
    av_dict_free(&options);

    if (rc < 0) {
        vsw_failure_set(failure, VSTREAM_REASON_PROTOCOL_ERROR,
                        "the file is no recording that can be read here, or "
                        "is cut off; lists of other files are not played");
        return VSTREAM_ERROR;
    }

    if (!vsw_file_is_headless(source)
        && vsw_source_stream_choose(source, failure) == VSTREAM_OK
        && vsw_file_is_described(source))
    {
        return VSTREAM_OK;
    }

    if (failure->reason != NULL
        || avformat_find_stream_info(source->format, NULL) < 0)
    {
        vsw_failure_set_av(failure, AVERROR_INVALIDDATA, "the file");
        return VSTREAM_ERROR;
    }

    rc = vsw_source_stream_choose(source, failure);

    if (source->interval_us == 0) {
        source->interval_us = VSW_FILE_INTERVAL_US;
    }

    return rc;
}


static void
vsw_file_format_close(vsw_source_t *source)
{
    vsw_file_t *file = source->state;

    avformat_close_input(&source->format);

    if (file->io != NULL) {
        av_freep(&file->io->buffer);
        avio_context_free(&file->io);
    }
}


int
vsw_source_file_open(vsw_source_t *source, vsw_failure_t *failure)
{
    vsw_file_t *file;

    file = source->state = calloc(1, sizeof(*file));
    if (file == NULL) {
        vsw_failure_set_av(failure, AVERROR(ENOMEM), "the file");
        return VSTREAM_ERROR;
    }

    file->fd = vsw_file_descriptor_open(
        source->config, source->config->url + strlen("file:"), failure);

    return file->fd == -1 ? VSTREAM_ERROR
                          : vsw_file_format_open(source, failure);
}


/* Between pictures, where their times do not say: what is declared, if sane. */
static int64_t
vsw_file_interval_us(const vsw_source_t *source)
{
    return source->interval_us < VSW_FILE_STEP_MIN_US
                   || source->interval_us > VSW_FILE_INTERVAL_MAX_US
               ? VSW_FILE_INTERVAL_US
               : source->interval_us;
}


/* Starts the next round.  It goes on one interval after the last picture. */
static int
vsw_file_rewind(vsw_source_t *source, vsw_failure_t *failure)
{
    vsw_file_t *file = source->state;

    if (file->round_units == 0) {
        vsw_failure_set(failure, VSTREAM_REASON_NO_VIDEO,
                        "the file holds no pictures");
        return VSTREAM_ERROR;
    }

    if (file->has_last) {
        file->due_us += vsw_file_interval_us(source);
        file->has_last = false;
    }

    file->round_units = 0;

    if (source->format != NULL && !file->is_changed
        && av_seek_frame(source->format, source->stream, 0,
                         AVSEEK_FLAG_BACKWARD)
               >= 0)
    {
        return VSTREAM_OK;
    }

    file->is_changed = false;

    vsw_file_format_close(source);

    if (lseek(file->fd, 0, SEEK_SET) == -1) {
        vsw_failure_set_av(failure, AVERROR(errno), "the file");
        return VSTREAM_ERROR;
    }

    return vsw_file_format_open(source, failure);
}


/* A packet's time in the recording. */
static int64_t
vsw_file_time_us(const vsw_source_t *source, const AVPacket *packet)
{
    int64_t           ticks = packet->dts;
    const vsw_file_t *file = source->state;
    AVRational timebase = source->format->streams[source->stream]->time_base;

    if (ticks == AV_NOPTS_VALUE) {
        ticks = packet->pts;
    }

    if (ticks == AV_NOPTS_VALUE) {
        return av_sat_add64(file->last_time_us, vsw_file_interval_us(source));
    }

    return vsw_source_time_us(ticks, timebase);
}


/*
 * How long after the last packet this one is due.  A hole in the recording is
 * not waited for: nobody could tell it from a stall.  Where times run
 * backwards, or stand still for many pictures, they say nothing, and the
 * recording goes on at its usual pace.
 */
static int64_t
vsw_file_step_us(const vsw_source_t *source, int64_t time_us)
{
    int64_t     latest_us = atomic_load(&source->deadline_us);
    vsw_file_t *file = source->state;
    int64_t     step_us = av_sat_sub64(time_us, file->last_time_us);

    file->moment_units =
        step_us < VSW_FILE_STEP_MIN_US ? file->moment_units + 1 : 0;

    if (step_us < 0 || file->moment_units > VSW_FILE_MOMENT_MAX
        || step_us > latest_us - VSW_FILE_MARGIN_US - file->due_us)
    {
        return vsw_file_interval_us(source);
    }

    return step_us;
}


/* The moment at which a packet is due. */
static int64_t
vsw_file_due_us(const vsw_source_t *source, int64_t time_us)
{
    int64_t     now_us = av_gettime_relative();
    vsw_file_t *file = source->state;

    if (file->has_last) {
        file->due_us += vsw_file_step_us(source, time_us);
    }

    if (file->due_us < now_us - VSW_FILE_BEHIND_US) {
        file->due_us = now_us;
    }

    file->has_last = true;
    file->last_time_us = time_us;

    return file->due_us;
}


int
vsw_source_file_read(vsw_source_t *source, AVPacket *packet,
                     vsw_failure_t *failure)
{
    int         rc;
    int64_t     due_us;
    vsw_file_t *file = source->state;

    while ((rc = vsw_source_packet_read(source, packet)) < 0) {
        if (rc == AVERROR(ENOMEM) || rc == AVERROR_EXIT) {
            vsw_failure_set_av(failure, rc, "the file");
            return VSTREAM_ERROR;
        }

        /* its end, or the place from which on it is damaged */
        if (vsw_file_rewind(source, failure) != VSTREAM_OK) {
            return VSTREAM_ERROR;
        }
    }

    file->round_units++;
    file->is_changed |= source->is_changed;
    due_us = vsw_file_due_us(source, vsw_file_time_us(source, packet));

    return vsw_source_sleep_until(source, due_us);
}


void
vsw_source_file_close(vsw_source_t *source)
{
    vsw_file_t *file = source->state;

    if (file == NULL) {
        return;
    }

    vsw_file_format_close(source);

    if (file->fd != -1) {
        close(file->fd);
    }

    free(file);
}
