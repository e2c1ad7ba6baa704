/*
 * A webcam for machines that have none: preloaded into a camera process, it
 * answers for /dev/video0 as a driver does, out of a file of pictures.
 *
 *   FAKE_V4L2_FILE   pictures, one after the other
 *   FAKE_V4L2_SIZES  bytes of each picture, by commas
 *   FAKE_V4L2_MODES  fourcc:WxH@fps, by commas, what it offers
 *   FAKE_V4L2_STRIDE bytes of a row, where that is more than it needs
 *   FAKE_V4L2_FAIL   open=ERRNO, S_FMT=ERRNO or STREAMON=ERRNO; or gone: it is
 *                    taken away after 20 pictures; silent: it sends none
 *   FAKE_V4L2_KIND   output (no camera), file (no device)
 */

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include <linux/videodev2.h>

#define FAKE_ROOM  (8 * 1024 * 1024)
#define FAKE_MODES 16

typedef struct {
    uint32_t fourcc;
    uint32_t width;
    uint32_t height;
    uint32_t fps;
} fake_mode_t;

int open(const char *path, int flags, ...);
int open64(const char *path, int flags, ...);
int fstat(int fd, struct stat *st);
int fstat64(int fd, struct stat64 *st);
int ioctl(int fd, unsigned long request, ...);

static int         fake_fd = -1;
static fake_mode_t fake_modes[FAKE_MODES];
static unsigned    fake_modes_count;
static uint32_t    fake_fps = 30;
static uint32_t    fake_queue[32];
static unsigned    fake_queued;
static unsigned    fake_sent;
static int64_t     fake_due_ns;
static const char *fake_sizes;
static off_t       fake_offset;


static const char *
fake_setting(const char *name)
{
    const char *value = getenv(name);

    return value != NULL ? value : "";
}


static int
fake_failure(const char *name)
{
    size_t      n = strlen(name);
    const char *fail = fake_setting("FAKE_V4L2_FAIL");

    return strncmp(fail, name, n) == 0 && fail[n] == '='
               ? (int) strtol(fail + n + 1, NULL, 10)
               : 0;
}


static uint32_t
fake_number(const char **text)
{
    uint32_t value = (uint32_t) strtoul(*text, (char **) text, 10);

    *text += **text != '\0';

    return value;
}


static void
fake_modes_read(void)
{
    const char *text = fake_setting("FAKE_V4L2_MODES");

    while (fake_modes_count < FAKE_MODES && strlen(text) > 5) {
        fake_mode_t *m = &fake_modes[fake_modes_count++];

        m->fourcc = v4l2_fourcc(text[0], text[1], text[2], text[3]);
        text += 5;
        m->width = fake_number(&text);
        m->height = fake_number(&text);
        m->fps = fake_number(&text);
    }
}


static int
fake_open(void)
{
    if (fake_failure("open") != 0) {
        errno = fake_failure("open");
        return -1;
    }

    fake_modes_read();
    fake_sizes = fake_setting("FAKE_V4L2_SIZES");
    fake_fd = memfd_create("video0", MFD_CLOEXEC);

    if (ftruncate(fake_fd, 8 * (off_t) FAKE_ROOM) == -1) {
        return -1;
    }

    return fake_fd;
}


int
open(const char *path, int flags, ...)
{
    int     mode;
    va_list args;

    if (strcmp(path, "/dev/video0") == 0) {
        return fake_open();
    }

    va_start(args, flags);
    mode = va_arg(args, int);
    va_end(args);

    return (int) syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}


int
open64(const char *path, int flags, ...)
{
    int     mode;
    va_list args;

    va_start(args, flags);
    mode = va_arg(args, int);
    va_end(args);

    return open(path, flags, mode);
}


int
fstat(int fd, struct stat *st)
{
    int rc = (int) syscall(SYS_fstat, fd, st);

    if (rc == 0 && fd == fake_fd
        && strcmp(fake_setting("FAKE_V4L2_KIND"), "file") != 0)
    {
        st->st_mode = S_IFCHR | 0660;
        st->st_rdev = makedev(81, 0);
    }

    return rc;
}


int
fstat64(int fd, struct stat64 *st)
{
    return fstat(fd, (struct stat *) st);
}


static int
fake_refuse(int error)
{
    errno = error;

    return -1;
}


/* The `n`th mode of its format, or the first of each format. */
static const fake_mode_t *
fake_mode(uint32_t fourcc, uint32_t n)
{
    for (unsigned i = 0; i < fake_modes_count; i++) {
        const fake_mode_t *m = &fake_modes[i];
        unsigned           before;

        for (before = 0; before < i; before++) {
            if (fourcc == 0 && fake_modes[before].fourcc == m->fourcc) {
                break;
            }
        }

        if ((fourcc == 0 ? before == i : m->fourcc == fourcc) && n-- == 0) {
            return m;
        }
    }

    return NULL;
}


static int
fake_format_set(struct v4l2_format *f)
{
    const char *stride = fake_setting("FAKE_V4L2_STRIDE");

    if (fake_failure("S_FMT") != 0) {
        return fake_refuse(fake_failure("S_FMT"));
    }

    f->fmt.pix.bytesperline = (uint32_t) strtoul(stride, NULL, 10);

    return 0;
}


static int
fake_buffer_take(struct v4l2_buffer *b)
{
    char           *bytes;
    int             file;
    ssize_t         n;
    int64_t         now_ns;
    struct timespec ts;
    const char     *fail = fake_setting("FAKE_V4L2_FAIL");

    clock_gettime(CLOCK_MONOTONIC, &ts);
    now_ns = (int64_t) ts.tv_sec * 1000000000 + ts.tv_nsec;

    if (strcmp(fail, "gone") == 0 && fake_sent == 20) {
        return fake_refuse(ENODEV);
    }

    if (fake_queued == 0 || now_ns < fake_due_ns || strcmp(fail, "silent") == 0)
    {
        return fake_refuse(EAGAIN);
    }

    if (*fake_sizes == '\0') { /* again from the first one */
        fake_sizes = fake_setting("FAKE_V4L2_SIZES");
        fake_offset = 0;
    }

    n = (ssize_t) strtol(fake_sizes, (char **) &fake_sizes, 10);
    fake_sizes += *fake_sizes == ',';
    bytes = malloc((size_t) n + 1);
    file = open(fake_setting("FAKE_V4L2_FILE"), O_RDONLY);

    if (pread(file, bytes, (size_t) n, fake_offset) != n
        || pwrite(fake_fd, bytes, (size_t) n, (off_t) fake_queue[0] * FAKE_ROOM)
               != n)
    {
        abort();
    }

    close(file);
    free(bytes);

    fake_offset += n;
    fake_due_ns = now_ns + 1000000000 / fake_fps;
    b->index = fake_queue[0];
    b->bytesused = (uint32_t) n;
    fake_queued--;
    memmove(fake_queue, fake_queue + 1, fake_queued * sizeof(fake_queue[0]));

    /* a picture that the driver itself calls damaged, now and then */
    b->flags = ++fake_sent % 10 == 0 ? V4L2_BUF_FLAG_ERROR : 0;

    return 0;
}


static int
fake_ioctl(unsigned long request, void *argument)
{
    const fake_mode_t          *m;
    struct v4l2_capability     *c = argument;
    struct v4l2_fmtdesc        *d = argument;
    struct v4l2_frmsizeenum    *s = argument;
    struct v4l2_frmivalenum    *i = argument;
    struct v4l2_streamparm     *p = argument;
    struct v4l2_requestbuffers *r = argument;
    struct v4l2_buffer         *b = argument;

    switch (request) {
    case VIDIOC_QUERYCAP:
        c->capabilities = V4L2_CAP_DEVICE_CAPS | V4L2_CAP_VIDEO_CAPTURE;
        c->device_caps = strcmp(fake_setting("FAKE_V4L2_KIND"), "output") == 0
                             ? V4L2_CAP_VIDEO_OUTPUT | V4L2_CAP_STREAMING
                             : V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
        return 0;

    case VIDIOC_ENUM_FMT:
        m = fake_mode(0, d->index);
        d->pixelformat = m != NULL ? m->fourcc : 0;
        return m != NULL ? 0 : fake_refuse(EINVAL);

    case VIDIOC_ENUM_FRAMESIZES:
        m = fake_mode(s->pixel_format, s->index);
        s->type = V4L2_FRMSIZE_TYPE_DISCRETE;
        s->discrete.width = m != NULL ? m->width : 0;
        s->discrete.height = m != NULL ? m->height : 0;
        return m != NULL ? 0 : fake_refuse(EINVAL);

    case VIDIOC_ENUM_FRAMEINTERVALS:
        for (uint32_t n = 0; (m = fake_mode(i->pixel_format, n)); n++) {
            if (m->width == i->width && m->height == i->height) {
                break;
            }
        }

        i->type = V4L2_FRMIVAL_TYPE_DISCRETE;
        i->discrete.numerator = 1;
        i->discrete.denominator = m != NULL ? m->fps : 0;
        return m != NULL && i->index == 0 ? 0 : fake_refuse(EINVAL);

    case VIDIOC_S_FMT:
        return fake_format_set(argument);

    case VIDIOC_S_PARM:
        fake_fps = p->parm.capture.timeperframe.denominator
                   / p->parm.capture.timeperframe.numerator;
        return 0;

    case VIDIOC_REQBUFS:
        r->count = r->count > 3 ? 3 : r->count;
        return 0;

    case VIDIOC_QUERYBUF:
        b->length = FAKE_ROOM;
        b->m.offset = b->index * FAKE_ROOM;
        return 0;

    case VIDIOC_QBUF:
        fake_queue[fake_queued++] = b->index;
        return 0;

    case VIDIOC_DQBUF:
        return fake_buffer_take(b);

    case VIDIOC_STREAMON:
        return fake_failure("STREAMON") != 0
                   ? fake_refuse(fake_failure("STREAMON"))
                   : 0;

    case VIDIOC_STREAMOFF:
        return 0;

    default:
        return fake_refuse(ENOTTY);
    }
}


int
ioctl(int fd, unsigned long request, ...)
{
    void   *argument;
    va_list args;

    va_start(args, request);
    argument = va_arg(args, void *);
    va_end(args);

    return fd == fake_fd && fake_fd != -1
               ? fake_ioctl(request, argument)
               : (int) syscall(SYS_ioctl, fd, request, argument);
}
