/*
 * v4l2: a webcam, by the kernel's own interface.  libavdevice would do as
 * much, but brings a desktop's worth of libraries into each camera process.
 *
 * JPEGs are taken as they come; many webcams leave out the Huffman tables,
 * which are always the same ones, and get them back.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <libavcodec/bsf.h>
#include <libavutil/imgutils.h>
#include <libavutil/time.h>
#include <linux/videodev2.h>

#include "vsw_assembler.h"
#include "vsw_source.h"
#include "vsw_v4l2_mode.h"

#define VSW_V4L2_MAJOR   81
#define VSW_V4L2_BUFFERS 4
#define VSW_V4L2_POLL_MS 100
#define VSW_V4L2_IDLE_US 2000

/* What enumerates may lie without end. */
#define VSW_V4L2_ENUM_MAX 64


typedef struct {
    void  *data;
    size_t length;
} vsw_v4l2_buffer_t;

typedef struct {
    int               fd;
    vsw_v4l2_buffer_t buffers[VSW_V4L2_BUFFERS];
    unsigned          buffers_count;
    vsw_v4l2_mode_t   modes[VSW_V4L2_MODES_MAX];
    size_t            modes_count;
    vsw_v4l2_mode_t   mode;
    uint32_t          stride;    /* bytes of a row as the device has them */
    AVBSFContext     *tables;    /* puts Huffman tables in */
    vsw_assembler_t  *assembler; /* of H.264 */
    int64_t           n;
} vsw_v4l2_t;


static int
vsw_v4l2_ioctl(int fd, unsigned long request, void *argument)
{
    int rc;

    do {
        rc = ioctl(fd, request, argument);
    } while (rc == -1 && errno == EINTR);

    return rc;
}


/* Opening. */


static void
vsw_v4l2_explain(int error, const char *path, vsw_failure_t *failure)
{
    switch (error) {
    case EACCES:
    case EPERM:
        vsw_failure_set(failure, VSTREAM_REASON_SOURCE_DENIED,
                        "%s may not be opened: add the user of vstream-ingest "
                        "to its group, which is usually \"video\"",
                        path);
        return;

    case EBUSY:
        vsw_failure_set(failure, VSTREAM_REASON_REFUSED,
                        "%s is in use: end the program that has it open", path);
        return;

    case ENOENT:
    case ENODEV:
    case ENXIO:
        vsw_failure_set(failure, VSTREAM_REASON_NOT_FOUND,
                        "there is no %s: is the webcam plugged in?", path);
        return;

    case ENOMEM:
        vsw_failure_set_av(failure, AVERROR(ENOMEM), "the webcam");
        return;

    default:
        vsw_failure_set(failure, VSTREAM_REASON_PROTOCOL_ERROR,
                        "%s cannot be used: %s", path, strerror(error));
    }
}


static bool
vsw_v4l2_is_allowed(const vsw_camera_config_t *config, const char *path)
{
    for (size_t i = 0; i < config->devices_count; i++) {
        if (strcmp(config->devices[i], path) == 0) {
            return true;
        }
    }

    return false;
}


static int
vsw_v4l2_device_open(vsw_source_t *source, const char *path,
                     vsw_failure_t *failure)
{
    struct stat st;
    vsw_v4l2_t *v = source->state;

    if (!vsw_v4l2_is_allowed(source->config, path)) {
        vsw_failure_set(failure, VSTREAM_REASON_SOURCE_DENIED,
                        "%s is not among sources.devices of vstream-ingest",
                        path);
        return VSTREAM_ERROR;
    }

    v->fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (v->fd == -1) {
        vsw_v4l2_explain(errno, path, failure);
        return VSTREAM_ERROR;
    }

    if (fstat(v->fd, &st) == -1 || !S_ISCHR(st.st_mode)
        || major(st.st_rdev) != VSW_V4L2_MAJOR)
    {
        vsw_failure_set(failure, VSTREAM_REASON_SOURCE_DENIED,
                        "%s is no video device", path);
        return VSTREAM_ERROR;
    }

    return VSTREAM_OK;
}


/* Is it a webcam at all, and not an encoder or a radio? */
static int
vsw_v4l2_capability_check(vsw_v4l2_t *v, const char *path,
                          vsw_failure_t *failure)
{
    uint32_t               can, want;
    struct v4l2_capability c = { 0 };

    if (vsw_v4l2_ioctl(v->fd, VIDIOC_QUERYCAP, &c) == -1) {
        vsw_v4l2_explain(errno, path, failure);
        return VSTREAM_ERROR;
    }

    can =
        c.capabilities & V4L2_CAP_DEVICE_CAPS ? c.device_caps : c.capabilities;
    want = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;

    if ((can & want) != want) {
        vsw_failure_set(failure, VSTREAM_REASON_NO_VIDEO,
                        "%s gives no pictures: a webcam may have several "
                        "devices, of which the first usually does",
                        path);
        return VSTREAM_ERROR;
    }

    return VSTREAM_OK;
}


static void
vsw_v4l2_mode_add(vsw_v4l2_t *v, const vsw_v4l2_format_t *format,
                  uint32_t width, uint32_t height, uint32_t fps_milli)
{
    if (v->modes_count < VSW_V4L2_MODES_MAX && width > 0 && height > 0) {
        v->modes[v->modes_count++] =
            (vsw_v4l2_mode_t) { format, width, height, fps_milli };
    }
}


static uint32_t
vsw_v4l2_fps_milli(const struct v4l2_fract *interval)
{
    uint64_t fps = interval->numerator > 0 ? (uint64_t) interval->denominator
                                                 * 1000 / interval->numerator
                                           : 0;

    return fps > UINT32_MAX ? 0 : (uint32_t) fps;
}


/* The fastest rate of a size. */
static uint32_t
vsw_v4l2_fps_find(vsw_v4l2_t *v, uint32_t fourcc, uint32_t width,
                  uint32_t height)
{
    uint32_t                fps, best = 0;
    struct v4l2_frmivalenum e = { .pixel_format = fourcc,
                                  .width = width,
                                  .height = height };

    for (; e.index < VSW_V4L2_ENUM_MAX; e.index++) {
        if (vsw_v4l2_ioctl(v->fd, VIDIOC_ENUM_FRAMEINTERVALS, &e) == -1) {
            break;
        }

        fps = e.type == V4L2_FRMIVAL_TYPE_DISCRETE
                  ? vsw_v4l2_fps_milli(&e.discrete)
                  : vsw_v4l2_fps_milli(&e.stepwise.min);
        best = fps > best ? fps : best;

        if (e.type != V4L2_FRMIVAL_TYPE_DISCRETE) {
            break;
        }
    }

    return best;
}


static uint32_t
vsw_v4l2_clamp(uint32_t want, uint32_t least, uint32_t most)
{
    want = want < least ? least : want;

    return want > most ? most : want;
}


/* All sizes of a format; of a range of them the one that is wanted. */
static void
vsw_v4l2_sizes_find(vsw_v4l2_t *v, const vsw_v4l2_format_t *format,
                    const vsw_v4l2_wish_t *wish)
{
    uint32_t                width, height;
    struct v4l2_frmsizeenum e = { .pixel_format = format->fourcc };

    for (; e.index < VSW_V4L2_ENUM_MAX; e.index++) {
        if (vsw_v4l2_ioctl(v->fd, VIDIOC_ENUM_FRAMESIZES, &e) == -1) {
            break;
        }

        width = e.discrete.width;
        height = e.discrete.height;

        if (e.type != V4L2_FRMSIZE_TYPE_DISCRETE) {
            width = vsw_v4l2_clamp(wish->width > 0 ? wish->width : 1280,
                                   e.stepwise.min_width, e.stepwise.max_width);
            height =
                vsw_v4l2_clamp(wish->height > 0 ? wish->height : 720,
                               e.stepwise.min_height, e.stepwise.max_height);
        }

        vsw_v4l2_mode_add(v, format, width, height,
                          vsw_v4l2_fps_find(v, format->fourcc, width, height));

        if (e.type != V4L2_FRMSIZE_TYPE_DISCRETE) {
            break;
        }
    }

    if (e.index == 0) { /* a device that does not say */
        vsw_v4l2_mode_add(v, format, wish->width > 0 ? wish->width : 640,
                          wish->height > 0 ? wish->height : 480, 0);
    }
}


static int
vsw_v4l2_mode_find(vsw_v4l2_t *v, const vsw_v4l2_wish_t *wish, const char *path,
                   vsw_failure_t *failure)
{
    const vsw_v4l2_mode_t   *mode;
    const vsw_v4l2_format_t *format;
    struct v4l2_fmtdesc      e = { .type = V4L2_BUF_TYPE_VIDEO_CAPTURE };

    for (; e.index < VSW_V4L2_ENUM_MAX; e.index++) {
        if (vsw_v4l2_ioctl(v->fd, VIDIOC_ENUM_FMT, &e) == -1) {
            break;
        }

        format = vsw_v4l2_format_find(e.pixelformat);
        if (format != NULL) {
            vsw_v4l2_sizes_find(v, format, wish);
        }
    }

    mode = vsw_v4l2_mode_choose(v->modes, v->modes_count, wish);

    if (mode == NULL) {
        vsw_failure_set(failure, VSTREAM_REASON_UNSUPPORTED_CODEC,
                        "%s gives no pictures in %s: see v4l2-ctl "
                        "--list-formats for what it has",
                        path,
                        wish->format[0] != '\0' ? wish->format
                                                : "a form that is known here");
        return VSTREAM_ERROR;
    }

    v->mode = *mode;

    return VSTREAM_OK;
}


/* Makes it so; what the device makes of it is what counts. */
static int
vsw_v4l2_mode_set(vsw_source_t *source, const vsw_v4l2_wish_t *wish,
                  const char *path, vsw_failure_t *failure)
{
    vsw_v4l2_t            *v = source->state;
    struct v4l2_format     f = { .type = V4L2_BUF_TYPE_VIDEO_CAPTURE };
    struct v4l2_streamparm p = { .type = V4L2_BUF_TYPE_VIDEO_CAPTURE };
    uint32_t fps = wish->fps_milli > 0 ? wish->fps_milli : v->mode.fps_milli;

    f.fmt.pix.width = v->mode.width;
    f.fmt.pix.height = v->mode.height;
    f.fmt.pix.pixelformat = v->mode.format->fourcc;
    f.fmt.pix.field = V4L2_FIELD_ANY;

    if (vsw_v4l2_ioctl(v->fd, VIDIOC_S_FMT, &f) == -1) {
        vsw_v4l2_explain(errno, path, failure);
        return VSTREAM_ERROR;
    }

    v->mode.format = vsw_v4l2_format_find(f.fmt.pix.pixelformat);
    v->mode.width = f.fmt.pix.width;
    v->mode.height = f.fmt.pix.height;
    v->stride = f.fmt.pix.bytesperline;

    if (v->mode.format == NULL || v->mode.width == 0 || v->mode.height == 0
        || (uint64_t) v->mode.width * v->mode.height
               > source->config->max_pixels)
    {
        vsw_failure_set(failure, VSTREAM_REASON_TOO_LARGE,
                        "%s wants to send %ux%u in a form that is not taken: "
                        "choose another size= or format=",
                        path, v->mode.width, v->mode.height);
        return VSTREAM_ERROR;
    }

    p.parm.capture.timeperframe.numerator = 1000;
    p.parm.capture.timeperframe.denominator = fps > 0 ? fps : 30000;

    if (vsw_v4l2_ioctl(v->fd, VIDIOC_S_PARM, &p) == 0) {
        fps = vsw_v4l2_fps_milli(&p.parm.capture.timeperframe);
    }

    source->interval_us = fps > 0 ? 1000000000 / fps : 0;

    return VSTREAM_OK;
}


static int
vsw_v4l2_buffer_queue(vsw_v4l2_t *v, uint32_t index)
{
    struct v4l2_buffer b = { .type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
                             .memory = V4L2_MEMORY_MMAP,
                             .index = index };

    return vsw_v4l2_ioctl(v->fd, VIDIOC_QBUF, &b);
}


static int
vsw_v4l2_buffer_map(vsw_v4l2_t *v, uint32_t index)
{
    void              *data;
    struct v4l2_buffer b = { .type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
                             .memory = V4L2_MEMORY_MMAP,
                             .index = index };

    if (vsw_v4l2_ioctl(v->fd, VIDIOC_QUERYBUF, &b) == -1) {
        return -1;
    }

    data =
        mmap(NULL, b.length, PROT_READ, MAP_SHARED, v->fd, (off_t) b.m.offset);
    if (data == MAP_FAILED) {
        return -1;
    }

    v->buffers[index] = (vsw_v4l2_buffer_t) { data, b.length };
    v->buffers_count = index + 1;

    return vsw_v4l2_buffer_queue(v, index);
}


static int
vsw_v4l2_streaming_start(vsw_v4l2_t *v, const char *path,
                         vsw_failure_t *failure)
{
    int                        type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    uint32_t                   i;
    struct v4l2_requestbuffers r = { .count = VSW_V4L2_BUFFERS,
                                     .type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
                                     .memory = V4L2_MEMORY_MMAP };

    if (vsw_v4l2_ioctl(v->fd, VIDIOC_REQBUFS, &r) == -1) {
        vsw_v4l2_explain(errno, path, failure);
        return VSTREAM_ERROR;
    }

    for (i = 0; i < r.count && i < VSW_V4L2_BUFFERS; i++) {
        if (vsw_v4l2_buffer_map(v, i) == -1) {
            vsw_v4l2_explain(errno, path, failure);
            return VSTREAM_ERROR;
        }
    }

    if (i == 0 || vsw_v4l2_ioctl(v->fd, VIDIOC_STREAMON, &type) == -1) {
        vsw_v4l2_explain(i == 0 ? ENOMEM : errno, path, failure);
        return VSTREAM_ERROR;
    }

    return VSTREAM_OK;
}


/* What makes of the device's bytes what decoders want. */
static int
vsw_v4l2_filters_create(vsw_source_t *source)
{
    vsw_v4l2_t              *v = source->state;
    const AVBitStreamFilter *filter = av_bsf_get_by_name("mjpeg2jpeg");

    if (v->mode.format->codec == AV_CODEC_ID_H264) {
        v->assembler = vsw_assembler_create(AV_CODEC_ID_H264,
                                            source->config->max_frame_bytes);
        return v->assembler != NULL ? VSTREAM_OK : VSTREAM_ERROR;
    }

    if (v->mode.format->codec != AV_CODEC_ID_MJPEG) {
        return VSTREAM_OK;
    }

    if (filter == NULL || av_bsf_alloc(filter, &v->tables) < 0) {
        return VSTREAM_ERROR;
    }

    v->tables->par_in->codec_type = AVMEDIA_TYPE_VIDEO;
    v->tables->par_in->codec_id = AV_CODEC_ID_MJPEG;

    return av_bsf_init(v->tables) < 0 ? VSTREAM_ERROR : VSTREAM_OK;
}


static void
vsw_v4l2_parameters_set(vsw_source_t *source)
{
    vsw_v4l2_t        *v = source->state;
    AVCodecParameters *p = source->parameters;

    p->codec_type = AVMEDIA_TYPE_VIDEO;
    p->codec_id = v->mode.format->codec;
    p->format = v->mode.format->pixels;
    p->width = (int) v->mode.width;
    p->height = (int) v->mode.height;

    if (p->codec_id == AV_CODEC_ID_RAWVIDEO) {
        p->color_space = AVCOL_SPC_SMPTE170M; /* whatever their size */

        if (v->stride == 0) { /* a device that does not say */
            v->stride = (uint32_t) av_image_get_linesize(v->mode.format->pixels,
                                                         p->width, 0);
        }
    }
}


int
vsw_source_v4l2_open(vsw_source_t *source, vsw_failure_t *failure)
{
    char            path[256];
    const char     *url = source->config->url + strlen("v4l2:");
    size_t          length = strcspn(url, "?");
    vsw_v4l2_t     *v;
    vsw_v4l2_wish_t wish;

    v = source->state = calloc(1, sizeof(*v));
    if (v == NULL) {
        vsw_failure_set_av(failure, AVERROR(ENOMEM), "the webcam");
        return VSTREAM_ERROR;
    }

    v->fd = -1;

    if (length >= sizeof(path)
        || vsw_v4l2_wish_read(&wish, url + length) != VSTREAM_OK)
    {
        vsw_failure_set(failure, VSTREAM_REASON_BAD_SOURCE,
                        "v4l2: takes a device, ?size=WIDTHxHEIGHT, &fps= and "
                        "&format=");
        return VSTREAM_ERROR;
    }

    memcpy(path, url, length);
    path[length] = '\0';

    if (vsw_v4l2_device_open(source, path, failure) != VSTREAM_OK
        || vsw_v4l2_capability_check(v, path, failure) != VSTREAM_OK
        || vsw_v4l2_mode_find(v, &wish, path, failure) != VSTREAM_OK
        || vsw_v4l2_mode_set(source, &wish, path, failure) != VSTREAM_OK)
    {
        return VSTREAM_ERROR;
    }

    vsw_v4l2_parameters_set(source);

    if (vsw_v4l2_filters_create(source) != VSTREAM_OK) {
        vsw_failure_set_av(failure, AVERROR(ENOMEM), "the webcam");
        return VSTREAM_ERROR;
    }

    return vsw_v4l2_streaming_start(v, path, failure);
}


/* Reading. */


/* Waits for a buffer.  0, or an AVERROR. */
static int
vsw_v4l2_buffer_wait(vsw_source_t *source, struct v4l2_buffer *b)
{
    vsw_v4l2_t   *v = source->state;
    struct pollfd pfd = { .fd = v->fd, .events = POLLIN };

    for (;;) {
        if (vsw_source_is_interrupted(source)) {
            return AVERROR_EXIT;
        }

        (void) poll(&pfd, 1, VSW_V4L2_POLL_MS);
        memset(b, 0, sizeof(*b));
        b->type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
        b->memory = V4L2_MEMORY_MMAP;

        if (vsw_v4l2_ioctl(v->fd, VIDIOC_DQBUF, b) == 0) {
            return b->index < v->buffers_count ? 0 : AVERROR(EIO);
        }

        if (errno != EAGAIN && errno != EIO) {
            return AVERROR(errno);
        }

        if (pfd.revents != 0) {
            av_usleep(VSW_V4L2_IDLE_US); /* ready, but there is nothing */
        }
    }
}


/*
 * A raw picture without what the device puts behind each row: behind those of
 * other planes that is as much in proportion, and behind the last it may lack.
 */
static int
vsw_v4l2_rows_copy(const vsw_v4l2_t *v, AVPacket *packet, const uint8_t *data,
                   size_t size)
{
    int                plane, want, all;
    int                width = (int) v->mode.width;
    int                height = (int) v->mode.height;
    int                rows[4], strides[4] = { 0 };
    uint8_t           *from[4], *to[4];
    enum AVPixelFormat pixels = v->mode.format->pixels;

    want = av_image_get_buffer_size(pixels, width, height, 1);

    if (want < 0 || av_image_fill_linesizes(rows, pixels, width) < 0
        || v->stride < (uint32_t) rows[0])
    {
        return AVERROR_INVALIDDATA;
    }

    for (plane = 0; plane < 4 && rows[plane] > 0; plane++) {
        strides[plane] = (int) ((int64_t) rows[plane] * v->stride / rows[0]);
    }

    all =
        av_image_fill_pointers(from, pixels, height, (uint8_t *) data, strides);
    plane--;

    if (all < 0 || size < (size_t) (all - (strides[plane] - rows[plane]))) {
        return AVERROR_INVALIDDATA;
    }

    if (av_new_packet(packet, want) < 0) {
        return AVERROR(ENOMEM);
    }

    (void) av_image_fill_arrays(to, rows, packet->data, pixels, width, height,
                                1);
    av_image_copy(to, rows, (const uint8_t **) from, strides, pixels, width,
                  height);

    return 0;
}


/* A copy of what is in the buffer.  AVERROR_INVALIDDATA: it is no picture. */
static int
vsw_v4l2_picture_copy(const vsw_v4l2_t *v, AVPacket *packet,
                      const uint8_t *data, size_t size)
{
    if (v->mode.format->codec == AV_CODEC_ID_RAWVIDEO) {
        return vsw_v4l2_rows_copy(v, packet, data, size);
    }

    if (size == 0 || size > INT_MAX - AV_INPUT_BUFFER_PADDING_SIZE) {
        return AVERROR_INVALIDDATA;
    }

    if (av_new_packet(packet, (int) size) < 0) {
        return AVERROR(ENOMEM);
    }

    memcpy(packet->data, data, size);

    return 0;
}


/* Does a JPEG bring its Huffman tables along? */
static bool
vsw_v4l2_has_tables(const AVPacket *packet)
{
    return memmem(packet->data, (size_t) packet->size, "\xff\xc4", 2) != NULL;
}


/* Makes it whole.  AVERROR(EAGAIN): it is no access unit yet. */
static int
vsw_v4l2_picture_filter(vsw_v4l2_t *v, AVPacket *packet)
{
    int rc;

    if (v->assembler != NULL) {
        packet->pts = v->n++;
        rc = vsw_assembler_add(v->assembler, packet, true);

        if (rc == 0 && !vsw_assembler_take(v->assembler, packet)) {
            rc = AVERROR(EAGAIN);
        }

        return rc;
    }

    if (v->tables == NULL || vsw_v4l2_has_tables(packet)) {
        return 0;
    }

    rc = av_bsf_send_packet(v->tables, packet);
    if (rc < 0) {
        return AVERROR_INVALIDDATA;
    }

    rc = av_bsf_receive_packet(v->tables, packet);

    return rc == AVERROR(ENOMEM) ? rc : rc < 0 ? AVERROR_INVALIDDATA : 0;
}


/* The next picture.  An AVERROR: the webcam is gone, or silent. */
static int
vsw_v4l2_picture_read(vsw_source_t *source, AVPacket *packet)
{
    int                rc;
    size_t             size;
    vsw_v4l2_t        *v = source->state;
    struct v4l2_buffer b;

    do {
        rc = vsw_v4l2_buffer_wait(source, &b);
        if (rc < 0) {
            return rc;
        }

        size = b.bytesused < v->buffers[b.index].length
                   ? b.bytesused
                   : v->buffers[b.index].length;
        rc = b.flags & V4L2_BUF_FLAG_ERROR
                 ? AVERROR_INVALIDDATA
                 : vsw_v4l2_picture_copy(v, packet, v->buffers[b.index].data,
                                         size);

        if (vsw_v4l2_buffer_queue(v, b.index) == -1) {
            return AVERROR(errno);
        }

        if (rc == 0) {
            rc = vsw_v4l2_picture_filter(v, packet);
        }

        if (rc < 0) {
            av_packet_unref(packet);
        }

    } while (rc == AVERROR_INVALIDDATA || rc == AVERROR(EAGAIN));

    return rc;
}


int
vsw_source_v4l2_read(vsw_source_t *source, AVPacket *packet,
                     vsw_failure_t *failure)
{
    int rc = vsw_v4l2_picture_read(source, packet);

    if (rc == 0) {
        return VSTREAM_OK;
    }

    if (rc == AVERROR_EXIT) {
        vsw_failure_set(failure, VSTREAM_REASON_STALLED, VSW_STALLED_TEXT);

    } else if (rc == AVERROR(ENODEV)) {
        vsw_failure_set(failure, VSTREAM_REASON_ENDED,
                        "the webcam was taken away");
    }

    vsw_failure_set_av(failure, rc, "the webcam");

    return VSTREAM_ERROR;
}


void
vsw_source_v4l2_close(vsw_source_t *source)
{
    int         type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    vsw_v4l2_t *v = source->state;

    if (v == NULL) {
        return;
    }

    if (v->buffers_count > 0) {
        (void) vsw_v4l2_ioctl(v->fd, VIDIOC_STREAMOFF, &type);
    }

    for (unsigned i = 0; i < v->buffers_count; i++) {
        munmap(v->buffers[i].data, v->buffers[i].length);
    }

    if (v->fd != -1) {
        close(v->fd);
    }

    av_bsf_free(&v->tables);
    vsw_assembler_destroy(v->assembler);
    free(v);
    source->state = NULL;
}
