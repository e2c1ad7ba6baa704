/*
 * Fair shares, see vsw_shares.h.
 */

#include "vsw_shares.h"

#include <string.h>


static bool vsw_shares_is_full(const vsw_share_t *share);
static bool vsw_shares_is_before(const vsw_share_t *a, const vsw_share_t *b);


uint32_t
vsw_shares_score(const vsw_share_t *share)
{
    uint32_t penalty = 0;

    if (share->load_milli > VSW_SHARES_BUSY_MILLI) {
        penalty = share->load_milli - VSW_SHARES_BUSY_MILLI;
    }

    if (penalty > VSW_SHARES_PENALTY_MAX) {
        penalty = VSW_SHARES_PENALTY_MAX;
    }

    return share->held * 1000 + penalty;
}


size_t
vsw_shares_give(vsw_share_t *shares, size_t count, size_t self, size_t former)
{
    size_t i, rank = 0, first = count;
    bool   self_is_full = vsw_shares_is_full(&shares[self]);

    for (i = 0; i < count; i++) {
        if (vsw_shares_is_full(&shares[i]) || (i == former && i != self)) {
            continue;
        }

        if (first == count || vsw_shares_is_before(&shares[i], &shares[first]))
        {
            first = i;
        }

        if (i != self && vsw_shares_is_before(&shares[i], &shares[self])) {
            rank += shares[i].closed ? VSW_SHARES_CLOSED_RANKS : 1;
        }
    }

    if (first < count) {
        shares[first].held++;
    }

    return self_is_full ? VSW_SHARES_NEVER : rank;
}


bool
vsw_shares_has_surplus(const vsw_share_t *shares, size_t count, size_t self)
{
    uint32_t score, own = vsw_shares_score(&shares[self]);
    size_t   i;

    if (shares[self].held == 0) {
        return false;
    }

    for (i = 0; i < count; i++) {
        if (i == self || shares[i].closed || vsw_shares_is_full(&shares[i])) {
            continue;
        }

        score = vsw_shares_score(&shares[i]);
        if (own >= score + VSW_SHARES_MOVE_MILLI) {
            return true;
        }
    }

    return false;
}


static bool
vsw_shares_is_full(const vsw_share_t *share)
{
    return share->max != 0 && share->held >= share->max;
}


static bool
vsw_shares_is_before(const vsw_share_t *a, const vsw_share_t *b)
{
    uint32_t score_a = vsw_shares_score(a), score_b = vsw_shares_score(b);

    if (score_a != score_b) {
        return score_a < score_b;
    }

    return strcmp(a->name, b->name) < 0;
}
