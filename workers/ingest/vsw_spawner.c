/*
 * The spawner, both sides of it.
 *
 * Two descriptors join them.  `control` (SOCK_SEQPACKET) carries requests to
 * the spawner, with the camera's end of its link by SCM_RIGHTS, and one reply
 * to each request to start.  `deaths` (a pipe) carries only deaths, so that a
 * poll on it misses none while a start is under way.  When the supervisor
 * goes, `control` ends: the spawner kills its children and exits.
 *
 * A camera process is a fork without exec.  Between fork and its own code it
 * loses every descriptor but its link, all signal handlers, the right to gain
 * privileges, and most of what the kernel would let it use up.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "vstream_camera_id.h"
#include "vsw_camera_process.h"
#include "vsw_link.h"
#include "vsw_spawner.h"

/* The spawner finds its ends here. */
#define VSW_SPAWNER_CONTROL_FD 3
#define VSW_SPAWNER_DEATHS_FD  4

/*
 * A spawner that hangs holds up all that the supervisor does: together these
 * are far below the time that a lease lets it publish unanswered.
 */
#define VSW_SPAWNER_START_MS 400
#define VSW_SPAWNER_END_MS   300

#define VSW_CAMERA_MEMORY_MAX ((rlim_t) 1024 * 1024 * 1024)
#define VSW_CAMERA_FILES_MAX  32
#define VSW_CAMERA_OOM_SCORE  "500"

#if defined(__SANITIZE_ADDRESS__)
#define VSW_SANITIZED 1
#else
#define VSW_SANITIZED 0
#endif


typedef enum {
    VSW_SPAWNER_START = 1,
    VSW_SPAWNER_KILL = 2,
} vsw_spawner_op_t;

typedef struct {
    uint32_t op;
    uint32_t serial; /* comes back in the reply */
    pid_t    pid;    /* of KILL */
    char     id[VSTREAM_CAMERA_ID_MAX + 1];
} vsw_spawner_request_t;

typedef struct {
    uint32_t serial; /* 0: the spawner is ready */
    pid_t    pid;    /* -1: error says why */
    int      error;
} vsw_spawner_reply_t;

struct vsw_spawner_s {
    int      control;
    int      deaths;
    pid_t    pid;
    uint32_t serial; /* of the newest request */
    bool     ready;
};

/* What the spawner's own process knows. */
typedef struct {
    char  *title;
    size_t title_room;
    int    signals; /* signalfd of SIGCHLD */
    pid_t *children;
    size_t children_count;
    size_t children_room;
} vsw_spawner_process_t;


/* Supervisor's side. */

static char vsw_spawner_name[] = "vstream-ingest";
static char vsw_spawner_option[] = "--spawner";

/* Room behind argv for the title of a camera process. */
static char vsw_spawner_title_room[] =
    "VSTREAM_TITLE_ROOM="
    "................................................................";


/* Execs with two descriptors, no environment and default signals. */
static _Noreturn void
vsw_spawner_exec(int control, int deaths)
{
    int      null;
    char    *argv[] = { vsw_spawner_name, vsw_spawner_option, NULL };
    char    *envp[4] = { vsw_spawner_title_room };
    sigset_t none;

#if VSW_SANITIZED
    int         n = 1;
    const char *name[] = { "ASAN_OPTIONS", "UBSAN_OPTIONS" };

    for (size_t i = 0; i < 2; i++) {
        char *value = getenv(name[i]);

        if (value != NULL) {
            envp[n++] = value - strlen(name[i]) - 1;
        }
    }
#endif

    control = fcntl(control, F_DUPFD, 10);
    deaths = fcntl(deaths, F_DUPFD, 10);
    null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (control == -1 || deaths == -1 || null == -1 || dup2(null, 0) == -1
        || dup2(control, VSW_SPAWNER_CONTROL_FD) == -1
        || dup2(deaths, VSW_SPAWNER_DEATHS_FD) == -1)
    {
        _exit(127);
    }

    close_range(VSW_SPAWNER_DEATHS_FD + 1, ~0u, 0);

    signal(SIGPIPE, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);

    execve("/proc/self/exe", argv, envp);
    _exit(127);
}


vsw_spawner_t *
vsw_spawner_create(void)
{
    int            control[2], deaths[2];
    pid_t          pid;
    vsw_spawner_t *spawner;

    spawner = calloc(1, sizeof(*spawner));
    if (spawner == NULL) {
        return NULL;
    }

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) == -1) {
        free(spawner);
        return NULL;
    }

    if (pipe2(deaths, O_CLOEXEC) == -1) {
        close(control[0]);
        close(control[1]);
        free(spawner);
        return NULL;
    }

    pid = fork();
    if (pid == 0) {
        vsw_spawner_exec(control[1], deaths[1]);
    }

    close(control[1]);
    close(deaths[1]);

    spawner->control = control[0];
    spawner->deaths = deaths[0];
    spawner->pid = pid;

    if (pid == -1 || fcntl(deaths[0], F_SETFL, O_NONBLOCK) == -1) {
        vsw_spawner_destroy(spawner);
        return NULL;
    }

    return spawner;
}


/* Reaps the spawner, which ends by itself, or is ended. */
static void
vsw_spawner_reap(pid_t pid)
{
    int             tries;
    struct timespec pause = { 0, 10 * 1000 * 1000 };

    for (tries = 0; tries < VSW_SPAWNER_END_MS / 10; tries++) {
        if (waitpid(pid, NULL, WNOHANG) != 0) {
            return;
        }

        nanosleep(&pause, NULL);
    }

    (void) kill(pid, SIGKILL);
    (void) waitpid(pid, NULL, 0);
}


void
vsw_spawner_destroy(vsw_spawner_t *spawner)
{
    if (spawner == NULL) {
        return;
    }

    if (spawner->pid > 0 && vsw_spawner_is_deaf(spawner)) {
        (void) kill(spawner->pid, SIGKILL);
    }

    close(spawner->control);
    close(spawner->deaths);

    if (spawner->pid > 0) {
        vsw_spawner_reap(spawner->pid);
    }

    free(spawner);
}


int
vsw_spawner_fd(const vsw_spawner_t *spawner)
{
    return spawner->deaths;
}


pid_t
vsw_spawner_pid(const vsw_spawner_t *spawner)
{
    return spawner->pid;
}


/* Sends a request, with `fd` unless it is -1.  Never blocks. */
static int
vsw_spawner_request_send(vsw_spawner_t               *spawner,
                         const vsw_spawner_request_t *request, int fd)
{
    ssize_t         n;
    struct iovec    part = { (void *) request, sizeof(*request) };
    struct msghdr   msg;
    struct cmsghdr *cmsg;
    union {
        struct cmsghdr align;
        char           room[CMSG_SPACE(sizeof(int))];
    } control;

    memset(&msg, 0, sizeof(msg));
    memset(&control, 0, sizeof(control));
    msg.msg_iov = &part;
    msg.msg_iovlen = 1;

    if (fd != -1) {
        msg.msg_control = &control;
        msg.msg_controllen = sizeof(control);
        cmsg = CMSG_FIRSTHDR(&msg);
        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
    }

    do {
        n = sendmsg(spawner->control, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (n == -1 && errno == EINTR);

    if (n == -1 && errno == EAGAIN) {
        spawner->ready = false; /* it has not read for long */
        errno = ETIMEDOUT;
    }

    return n == -1 ? VSTREAM_ERROR : VSTREAM_OK;
}


bool
vsw_spawner_is_ready(vsw_spawner_t *spawner)
{
    vsw_spawner_reply_t reply;

    if (!spawner->ready) {
        spawner->ready =
            recv(spawner->control, &reply, sizeof(reply), MSG_DONTWAIT)
            == sizeof(reply);
    }

    return spawner->ready;
}


/* Waits for the reply to the newest request; older ones came too late. */
static int
vsw_spawner_reply_read(vsw_spawner_t *spawner, vsw_spawner_reply_t *reply)
{
    int           n;
    struct pollfd pfd = { .fd = spawner->control, .events = POLLIN };

    do {
        n = poll(&pfd, 1,
                 spawner->ready ? VSW_SPAWNER_START_MS : VSW_SPAWNER_READY_MS);

        if (n == 0) {
            spawner->ready = false;
            errno = ETIMEDOUT;
            return VSTREAM_ERROR;
        }

        if (n == -1) {
            continue;
        }

        if (recv(spawner->control, reply, sizeof(*reply), 0) != sizeof(*reply))
        {
            errno = EPIPE;
            return VSTREAM_ERROR;
        }

        spawner->ready = true;

    } while (n == -1 || reply->serial != spawner->serial);

    return VSTREAM_OK;
}


pid_t
vsw_spawner_start(vsw_spawner_t *spawner, const char *id, int link_fd)
{
    vsw_spawner_reply_t   reply;
    vsw_spawner_request_t request = { .op = VSW_SPAWNER_START };

    if (strlen(id) > VSTREAM_CAMERA_ID_MAX) {
        errno = EINVAL;
        return -1;
    }

    memcpy(request.id, id, strlen(id));
    request.serial = ++spawner->serial;

    if (vsw_spawner_request_send(spawner, &request, link_fd) != VSTREAM_OK
        || vsw_spawner_reply_read(spawner, &reply) != VSTREAM_OK)
    {
        return -1;
    }

    errno = reply.error;

    return reply.pid;
}


void
vsw_spawner_kill(vsw_spawner_t *spawner, pid_t pid)
{
    vsw_spawner_request_t request = { .op = VSW_SPAWNER_KILL, .pid = pid };

    (void) vsw_spawner_request_send(spawner, &request, -1);
}


bool
vsw_spawner_is_deaf(const vsw_spawner_t *spawner)
{
    int unread = 0;

    return ioctl(spawner->control, SIOCOUTQ, &unread) == 0 && unread > 0;
}


int
vsw_spawner_read(vsw_spawner_t *spawner, vsw_spawner_death_t *death)
{
    ssize_t n;

    do {
        n = read(spawner->deaths, death, sizeof(*death));
    } while (n == -1 && errno == EINTR);

    if (n == sizeof(*death)) {
        return 1;
    }

    return n == -1 && errno == EAGAIN ? 0 : -1;
}


/* Spawner's side. */


/*
 * The space of argv and what follows it in one piece, where ps looks for a
 * process's title.
 */
static void
vsw_title_claim(vsw_spawner_process_t *p, int argc, char **argv)
{
    int    i;
    char  *end;
    char **env;

    p->title = argv[0];
    end = argv[0] + strlen(argv[0]) + 1;

    for (i = 1; i < argc && argv[i] == end; i++) {
        end += strlen(end) + 1;
    }

    for (env = environ; env != NULL && *env == end; env++) {
        end += strlen(end) + 1;
    }

    p->title_room = (size_t) (end - argv[0]);
}


static void
vsw_title_set(vsw_spawner_process_t *p, const char *title, const char *detail)
{
    memset(p->title, 0, p->title_room);
    snprintf(p->title, p->title_room, "%s: %s", title, detail);
    prctl(PR_SET_NAME, title);
}


static void
vsw_limit_set(int resource, rlim_t value)
{
    struct rlimit limit = { value, value };

    (void) setrlimit(resource, &limit);
}


static void
vsw_child_limits_set(void)
{
    int fd;

    vsw_limit_set(RLIMIT_CORE, 0);
    vsw_limit_set(RLIMIT_NOFILE, VSW_CAMERA_FILES_MAX);

    if (!VSW_SANITIZED) {
        vsw_limit_set(RLIMIT_AS, VSW_CAMERA_MEMORY_MAX);
        vsw_limit_set(RLIMIT_FSIZE, 0);
    }

    fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd != -1) {
        (void) !write(fd, VSW_CAMERA_OOM_SCORE,
                      sizeof(VSW_CAMERA_OOM_SCORE) - 1);
        close(fd);
    }

    /* last, for it takes /proc/self away: nobody reads a password from here */
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}


static int
vsw_child_descriptors_set(int link_fd)
{
    int null;

    null = open("/dev/null", O_RDWR);
    if (null == -1 || dup2(null, 0) == -1 || dup2(null, 1) == -1) {
        return VSTREAM_ERROR;
    }

    /* a sanitizer's report is worth more than a closed stderr */
    if (!VSW_SANITIZED && dup2(null, 2) == -1) {
        return VSTREAM_ERROR;
    }

    if (link_fd != VSW_LINK_FD && dup2(link_fd, VSW_LINK_FD) == -1) {
        return VSTREAM_ERROR;
    }

    return close_range(VSW_LINK_FD + 1, ~0u, 0) == -1 ? VSTREAM_ERROR
                                                      : VSTREAM_OK;
}


/* The fresh fork becomes a camera process. */
static _Noreturn void
vsw_child_run(vsw_spawner_process_t *p, const char *id, int link_fd,
              pid_t spawner)
{
    sigset_t none;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != spawner) {
        _exit(127); /* the spawner died before prctl() took hold */
    }

    if (vsw_child_descriptors_set(link_fd) != VSTREAM_OK
        || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
    {
        _exit(127);
    }

    vsw_title_set(p, "vstream-camera", id);
    vsw_child_limits_set();

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);

    vsw_camera_process_run(id);
}


/* Remembers a child, so that only children are ever killed. */
static int
vsw_children_reserve(vsw_spawner_process_t *p)
{
    size_t room = p->children_room == 0 ? 64 : p->children_room * 2;
    pid_t *children;

    if (p->children_count < p->children_room) {
        return VSTREAM_OK;
    }

    children = realloc(p->children, room * sizeof(pid_t));
    if (children == NULL) {
        return VSTREAM_ERROR;
    }

    p->children = children;
    p->children_room = room;

    return VSTREAM_OK;
}


static pid_t *
vsw_children_find(vsw_spawner_process_t *p, pid_t pid)
{
    for (size_t i = 0; i < p->children_count; i++) {
        if (p->children[i] == pid) {
            return &p->children[i];
        }
    }

    return NULL;
}


static void
vsw_spawner_camera_start(vsw_spawner_process_t       *p,
                         const vsw_spawner_request_t *request, int link_fd)
{
    pid_t               self = getpid();
    vsw_spawner_reply_t reply = { .pid = -1, .error = ENOMEM };

    reply.serial = request->serial;

    if (vsw_children_reserve(p) == VSTREAM_OK) {
        reply.pid = fork();
        reply.error = errno;
    }

    if (reply.pid == 0) {
        vsw_child_run(p, request->id, link_fd, self);
    }

    if (reply.pid > 0) {
        reply.error = 0;
        p->children[p->children_count++] = reply.pid;
    }

    (void) send(VSW_SPAWNER_CONTROL_FD, &reply, sizeof(reply), MSG_NOSIGNAL);
}


static _Noreturn void
vsw_spawner_end(vsw_spawner_process_t *p)
{
    for (size_t i = 0; i < p->children_count; i++) {
        (void) kill(p->children[i], SIGKILL);
    }

    _exit(0);
}


/* The descriptor that came with a message, or -1. */
static int
vsw_spawner_fd_take(struct msghdr *msg)
{
    int             fd = -1;
    struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg);

    if (cmsg != NULL && cmsg->cmsg_level == SOL_SOCKET
        && cmsg->cmsg_type == SCM_RIGHTS
        && cmsg->cmsg_len == CMSG_LEN(sizeof(int)))
    {
        memcpy(&fd, CMSG_DATA(cmsg), sizeof(int));
    }

    return fd;
}


static void
vsw_spawner_request_read(vsw_spawner_process_t *p)
{
    int                   fd;
    ssize_t               n;
    struct iovec          part;
    struct msghdr         msg;
    vsw_spawner_request_t request;
    union {
        struct cmsghdr align;
        char           room[CMSG_SPACE(sizeof(int))];
    } control;

    part = (struct iovec) { &request, sizeof(request) };
    memset(&msg, 0, sizeof(msg));
    msg.msg_iov = &part;
    msg.msg_iovlen = 1;
    msg.msg_control = &control;
    msg.msg_controllen = sizeof(control);

    n = recvmsg(VSW_SPAWNER_CONTROL_FD, &msg, MSG_CMSG_CLOEXEC);

    if (n == -1 && (errno == EINTR || errno == EAGAIN)) {
        return;
    }

    if (n != sizeof(request)) {
        vsw_spawner_end(p);
    }

    fd = vsw_spawner_fd_take(&msg);

    if (request.op == VSW_SPAWNER_START && fd != -1) {
        vsw_spawner_camera_start(p, &request, fd);

    } else if (request.op == VSW_SPAWNER_KILL
               && vsw_children_find(p, request.pid) != NULL)
    {
        (void) kill(request.pid, SIGKILL);
    }

    if (fd != -1) {
        close(fd);
    }
}


static void
vsw_spawner_deaths_report(vsw_spawner_process_t *p)
{
    pid_t                  *child;
    vsw_spawner_death_t     death;
    struct signalfd_siginfo info;

    (void) !read(p->signals, &info, sizeof(info));

    memset(&death, 0, sizeof(death));

    while ((death.pid = waitpid(-1, &death.status, WNOHANG)) > 0) {
        child = vsw_children_find(p, death.pid);
        if (child == NULL) {
            continue;
        }

        *child = p->children[--p->children_count];

        if (write(VSW_SPAWNER_DEATHS_FD, &death, sizeof(death))
            != sizeof(death)) {
            vsw_spawner_end(p);
        }
    }
}


/* Signals that would end the spawner before its supervisor does. */
static int
vsw_spawner_signals_take(void)
{
    sigset_t set;

    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, SIG_IGN); /* Ctrl-C goes to the whole group */
    signal(SIGHUP, SIG_IGN);

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);

    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}


_Noreturn void
vsw_spawner_run(int argc, char **argv)
{
    struct pollfd         pfds[2];
    vsw_spawner_reply_t   ready = { .serial = 0 };
    vsw_spawner_process_t p;
    static char          *empty[] = { NULL };

    memset(&p, 0, sizeof(p));
    vsw_title_claim(&p, argc, argv);
    environ = empty;
    vsw_title_set(&p, "vstream-spawner", "waiting for cameras");

    p.signals = vsw_spawner_signals_take();
    if (p.signals == -1) {
        _exit(127);
    }

    vsw_camera_process_preload();
    (void) send(VSW_SPAWNER_CONTROL_FD, &ready, sizeof(ready), MSG_NOSIGNAL);

    pfds[0] =
        (struct pollfd) { .fd = VSW_SPAWNER_CONTROL_FD, .events = POLLIN };
    pfds[1] = (struct pollfd) { .fd = p.signals, .events = POLLIN };

    for (;;) {
        if (poll(pfds, 2, -1) == -1) {
            continue;
        }

        if (pfds[1].revents != 0) {
            vsw_spawner_deaths_report(&p);
        }

        if (pfds[0].revents != 0) {
            vsw_spawner_request_read(&p);
        }
    }
}
