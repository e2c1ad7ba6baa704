/*
 * Who should hold how many cameras.  Every replica sees the same list of
 * replicas and reckons for itself; because all reckon alike, nobody has to
 * decide for the others.  Pure.
 *
 * A replica's score is the number of cameras that it holds, in thousandths,
 * and a penalty for a busy host: up to two cameras' worth.  A camera moves
 * only where that makes the scores more even than before, so none ever moves
 * back.
 */

#ifndef VSW_SHARES_H
#define VSW_SHARES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VSW_SHARES_BUSY_MILLI   800 /* load per core where a host is busy */
#define VSW_SHARES_PENALTY_MAX  2000
#define VSW_SHARES_CLOSED_RANKS 4
#define VSW_SHARES_NEVER        SIZE_MAX
#define VSW_SHARES_MOVE_MILLI   1500 /* least difference worth a move */


typedef struct {
    const char *name;       /* unique */
    uint32_t    held;       /* cameras */
    uint32_t    max;        /* cameras that it will hold; 0: no limit */
    uint32_t    load_milli; /* 1-minute load average per core, x 1000 */
    bool        closed;     /* takes nothing now */
} vsw_share_t;


uint32_t vsw_shares_score(const vsw_share_t *share);

/*
 * Gives the next free camera to the replica that should have it: adds one to
 * its `held` and returns the rank of `self`, which is 0 if it is the one, 1
 * if it is the next in line, and so on.  One that is closed counts for
 * several, so that a replica that has just started is waited for a little.
 * Call it once per free camera, in the order of their ids.
 * `former`, if less than `count`, had the camera last: it has died, leaves or
 * hands it over, and is in no line unless it is ourselves.
 * VSW_SHARES_NEVER: `self` is full.
 */
size_t vsw_shares_give(vsw_share_t *shares, size_t count, size_t self,
                       size_t former);

/* Should `self` hand one of its cameras over to another replica? */
bool vsw_shares_has_surplus(const vsw_share_t *shares, size_t count,
                            size_t self);


#endif /* VSW_SHARES_H */
