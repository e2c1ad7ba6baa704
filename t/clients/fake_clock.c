/*
 * A wall clock that jumps: loaded in front of the C library (by a program's
 * own /etc/ld.so.preload, for neither camera processes nor nginx workers keep
 * their environment), it adds the seconds that /etc/vstream-clock says, as in
 * "+3600", to all that tells the time of day.  The monotonic clock, and what
 * waits by the kernel's clocks, is left alone: who waits until a time of day
 * is found out.
 */

#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>


static time_t
fake_clock_offset(void)
{
    char    text[32];
    int     fd = open("/etc/vstream-clock", O_RDONLY | O_CLOEXEC);
    ssize_t n;

    if (fd == -1) {
        return 0;
    }

    n = read(fd, text, sizeof(text) - 1);
    close(fd);

    if (n <= 0) {
        return 0;
    }

    text[n] = '\0';

    return (time_t) strtol(text, NULL, 10);
}


int
clock_gettime(clockid_t clock, struct timespec *now)
{
    int rc = (int) syscall(SYS_clock_gettime, clock, now);

    if (rc == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
    {
        now->tv_sec += fake_clock_offset();
    }

    return rc;
}


int
gettimeofday(struct timeval *now, void *zone)
{
    struct timespec ts;

    (void) zone;

    if (clock_gettime(CLOCK_REALTIME, &ts) != 0) {
        return -1;
    }

    now->tv_sec = ts.tv_sec;
    now->tv_usec = (suseconds_t) (ts.tv_nsec / 1000);

    return 0;
}


time_t
time(time_t *now)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);

    if (now != NULL) {
        *now = ts.tv_sec;
    }

    return ts.tv_sec;
}
