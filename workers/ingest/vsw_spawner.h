/*
 * The spawner: a small single-threaded process that has libavformat loaded,
 * holds no secret, and forks camera processes without exec, so that they
 * share its pages.  The supervisor starts it by exec with an empty
 * environment, hands it one end of a link per camera, and hears of deaths.
 * When the supervisor's end closes, the spawner kills all its children and
 * exits.
 */

#ifndef VSW_SPAWNER_H
#define VSW_SPAWNER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>


#define VSW_SPAWNER_READY_MS 10000 /* a new one that takes longer hangs */
#define VSW_SPAWNER_HUNG_MS  2000  /* so does one that was ready before */


typedef struct vsw_spawner_s vsw_spawner_t;

/* A camera process ended.  `status` is as waitpid(2) gives it. */
typedef struct {
    pid_t pid;
    int   status;
} vsw_spawner_death_t;


/* Supervisor's side. */

/* Execs /proc/self/exe as spawner.  NULL: errno says why. */
vsw_spawner_t *vsw_spawner_create(void);
void           vsw_spawner_destroy(vsw_spawner_t *spawner); /* accepts NULL */

/* Readable when deaths are to be read, or the spawner has gone. */
int   vsw_spawner_fd(const vsw_spawner_t *spawner);
pid_t vsw_spawner_pid(const vsw_spawner_t *spawner);

/* It has loaded what it needs, and owes no answer that came too late. */
bool vsw_spawner_is_ready(vsw_spawner_t *spawner);

/*
 * Forks a camera process on `link_fd` (which the caller keeps and closes).
 * `id` becomes its title.  Returns its pid, or -1 (errno: EPIPE, the spawner
 * is gone; ETIMEDOUT, it is not ready; others, the fork failed).  Blocks for the
 * fork, about 1 ms; 0.4 s at most, but VSW_SPAWNER_READY_MS where the spawner
 * is not ready.
 */
pid_t vsw_spawner_start(vsw_spawner_t *spawner, const char *id, int link_fd);

/* SIGKILL to a camera process that is not reaped yet; others are untouched. */
void vsw_spawner_kill(vsw_spawner_t *spawner, pid_t pid);

/*
 * It has not taken a request yet that was sent before this call: it hangs, if
 * that was a while ago.
 */
bool vsw_spawner_is_deaf(const vsw_spawner_t *spawner);

/* 1: *death is filled; 0: none now; -1: the spawner is gone. */
int vsw_spawner_read(vsw_spawner_t *spawner, vsw_spawner_death_t *death);


/* Spawner's side: main() calls it for `--spawner`, and it never returns. */
_Noreturn void vsw_spawner_run(int argc, char **argv);


#endif /* VSW_SPAWNER_H */
