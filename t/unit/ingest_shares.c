/*
 * Fair shares: all replicas reckon alike, cameras spread evenly, and none
 * moves twice.
 */

#include "unit.h"

#include "vsw_shares.h"

#define REPLICAS 4


static void
name_shares(vsw_share_t *shares, size_t count)
{
    static const char *const names[] = { "a", "b", "c", "d" };

    size_t i;

    memset(shares, 0, count * sizeof(*shares));
    for (i = 0; i < count; i++) {
        shares[i].name = names[i];
    }
}


static void
free_cameras_spread_evenly_and_everybody_agrees(void **state)
{
    vsw_share_t views[REPLICAS][REPLICAS];
    size_t      camera, self, takers, i;

    (void) state;

    for (self = 0; self < REPLICAS; self++) {
        name_shares(views[self], REPLICAS);
        views[self][2].held = 3;
    }

    for (camera = 0; camera < 13; camera++) {
        for (self = 0, takers = 0; self < REPLICAS; self++) {
            takers +=
                vsw_shares_give(views[self], REPLICAS, self, REPLICAS) == 0;
        }
        assert_int_equal(takers, 1);
    }

    for (i = 0; i < REPLICAS; i++) {
        assert_int_equal(views[0][i].held, 4);
    }
}


static void
ranks_are_in_line(void **state)
{
    vsw_share_t shares[REPLICAS], copy[REPLICAS];
    size_t      self;

    (void) state;
    name_shares(shares, REPLICAS);

    for (self = 0; self < REPLICAS; self++) {
        memcpy(copy, shares, sizeof(copy));
        assert_int_equal(vsw_shares_give(copy, REPLICAS, self, REPLICAS), self);
    }
}


static void
one_that_has_just_started_is_waited_for(void **state)
{
    vsw_share_t shares[2];

    (void) state;
    name_shares(shares, 2);
    shares[0].closed = true;

    assert_int_equal(vsw_shares_give(shares, 2, 1, 2), VSW_SHARES_CLOSED_RANKS);
    assert_int_equal(shares[0].held, 1);
}


/* It is still announced, though it holds nothing any more. */
static void
one_that_leaves_is_in_no_line(void **state)
{
    vsw_share_t shares[3];

    (void) state;
    name_shares(shares, 3);
    shares[0].held = 3;
    shares[1].held = 3;

    assert_int_equal(vsw_shares_give(shares, 3, 0, 2), 0);
    assert_int_equal(vsw_shares_give(shares, 3, 0, 2), 1);
    assert_int_equal(vsw_shares_give(shares, 3, 0, 2), 0);
    assert_int_equal(shares[0].held, 5);
    assert_int_equal(shares[1].held, 4);
    assert_int_equal(shares[2].held, 0);
}


static void
a_full_replica_takes_none(void **state)
{
    vsw_share_t shares[2];

    (void) state;
    name_shares(shares, 2);
    shares[0].held = 5;
    shares[0].max = 5;
    shares[1].held = 50;

    assert_true(vsw_shares_give(shares, 2, 0, 2) == VSW_SHARES_NEVER);
    assert_int_equal(vsw_shares_give(shares, 2, 1, 2), 0);
    assert_int_equal(shares[0].held, 5);
    assert_false(vsw_shares_has_surplus(shares, 2, 1));

    shares[0].max = 6;
    assert_true(vsw_shares_has_surplus(shares, 2, 1));
}


static void
a_busy_host_gets_fewer(void **state)
{
    vsw_share_t shares[2];

    (void) state;
    name_shares(shares, 2);
    shares[0].load_milli = VSW_SHARES_BUSY_MILLI + 1500;
    shares[1].held = 1;

    assert_int_equal(vsw_shares_give(shares, 2, 1, 2), 0);
    assert_int_equal(vsw_shares_score(&shares[0]), 1500);

    shares[0].load_milli = 1000000;
    assert_int_equal(vsw_shares_score(&shares[0]), VSW_SHARES_PENALTY_MAX);
    shares[0].load_milli = VSW_SHARES_BUSY_MILLI;
    assert_int_equal(vsw_shares_score(&shares[0]), 0);
}


static void
surplus_needs_a_difference_that_is_worth_a_move(void **state)
{
    vsw_share_t shares[2];

    (void) state;
    name_shares(shares, 2);

    shares[0].held = 1;
    assert_false(vsw_shares_has_surplus(shares, 2, 0));
    shares[0].held = 2;
    assert_true(vsw_shares_has_surplus(shares, 2, 0));
    shares[1].closed = true;
    assert_false(vsw_shares_has_surplus(shares, 2, 0));
    assert_false(vsw_shares_has_surplus(shares, 1, 0));
}


static size_t
find_surplus(const vsw_share_t *shares)
{
    size_t i = 0;

    while (i < REPLICAS && !vsw_shares_has_surplus(shares, REPLICAS, i)) {
        i++;
    }

    return i;
}


/* From any start and with any load, handing over ends. */
static void
handing_over_comes_to_rest(void **state)
{
    vsw_share_t shares[REPLICAS];
    unsigned    seed = 1, moves, round;
    size_t      i, donor;

    (void) state;

    for (round = 0; round < 200; round++) {
        name_shares(shares, REPLICAS);
        for (i = 0; i < REPLICAS; i++) {
            seed = seed * 1103515245 + 12345;
            shares[i].held = seed >> 16 & 31;
            shares[i].load_milli = seed >> 8 & 4095;
        }

        for (moves = 0; (donor = find_surplus(shares)) < REPLICAS; moves++) {
            assert_in_range(moves, 0, 100);
            shares[donor].held--;
            (void) vsw_shares_give(shares, REPLICAS, donor, donor);
        }
    }
}


int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(free_cameras_spread_evenly_and_everybody_agrees),
        cmocka_unit_test(ranks_are_in_line),
        cmocka_unit_test(one_that_has_just_started_is_waited_for),
        cmocka_unit_test(one_that_leaves_is_in_no_line),
        cmocka_unit_test(a_full_replica_takes_none),
        cmocka_unit_test(a_busy_host_gets_fewer),
        cmocka_unit_test(surplus_needs_a_difference_that_is_worth_a_move),
        cmocka_unit_test(handing_over_comes_to_rest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
