// Leases: who owns what, and that no item is ever lost or in two places, whatever becomes of its owners.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"
#include "coordinator/leases.h"

enum { ITEMS_MAX = 4096 };

typedef struct {
    leases_t *leases;
    bool done [ITEMS_MAX];
    uint64_t quarantined [64];
    unsigned deaths [64];
    size_t n_quarantined;
} fixture_t;

static int setup (void **state)
{
    fixture_t *f = mem_zero (1, sizeof *f);
    f->leases = leases_new (3);
    *state = f;
    return 0;
}

static int teardown (void **state)
{
    fixture_t *f = *state;
    leases_destroy (&f->leases);
    assert_null (f->leases);
    free (f);
    return 0;
}

static bool is_done (void *ctx, uint64_t item)
{
    return ((fixture_t *) ctx)->done [item];
}

static void quarantine (void *ctx, uint64_t item, unsigned deaths)
{
    fixture_t *f = ctx;
    assert_true (f->n_quarantined < 64);
    f->quarantined [f->n_quarantined] = item;
    f->deaths [f->n_quarantined++] = deaths;
    f->done [item] = true;
}

static void end (fixture_t *f, lease_t *lease, lease_end_t how, bool has_hand, uint64_t hand)
{
    leases_end (f->leases, &lease, how, has_hand, hand, is_done, quarantine, f);
    assert_null (lease);
}

// Items first .. first + n - 1, each its own group.
static void add (fixture_t *f, uint64_t first, size_t n)
{
    due_t *items = mem_zero (n, sizeof *items);
    for (size_t i = 0; i < n; i++)
        items [i] = (due_t) { .item = first + i, .group = first + i, .state = DUE_LEASE };
    leases_add (f->leases, items, n);
    free (items);
}

static lease_t *grant (fixture_t *f, size_t max)
{
    return leases_grant (f->leases, max, NULL, f, 0);
}

static void nothing_pending_gives_no_lease (void **state)
{
    fixture_t *f = *state;
    assert_null (grant (f, 10));
    leases_add (f->leases, NULL, 0);
    assert_null (grant (f, 10));
    assert_null (leases_oldest (f->leases));
    assert_null (leases_find (f->leases, 1));
    assert_null (leases_copy (f->leases, f, 0, 1000000));
}

static void a_lease_is_cut_at_a_groups_end (void **state)
{
    fixture_t *f = *state;
    due_t items [10];
    const uint64_t group [10] = { 1, 1, 1, 2, 2, 3, 3, 3, 3, 3 };
    for (size_t i = 0; i < 10; i++)
        items [i] = (due_t) { .item = i, .group = group [i] };
    leases_add (f->leases, items, 10);
    assert_int_equal (leases_pending (f->leases), 10);
    lease_t *a = grant (f, 4), *b = grant (f, 4), *c = grant (f, 2);
    assert_int_equal (a->n, 3);
    assert_int_equal (b->n, 2);
    assert_int_equal (c->n, 5);         // a group larger than the lease goes whole
    assert_int_equal (leases_pending (f->leases), 0);
    assert_int_equal (leases_active (f->leases), 3);
    assert_ptr_equal (leases_oldest (f->leases), a);
    assert_ptr_equal (leases_find (f->leases, b->number), b);
    assert_int_equal (lease_place (c, 5), 0);
    assert_int_equal (lease_place (c, 9), 4);
    assert_int_equal (lease_place (c, 4), c->n);
    assert_int_equal (lease_place (c, 10), c->n);
    assert_false (lease_set_final (b, 1));
    assert_false (lease_set_final (b, 1));      // twice counts once
    assert_true (lease_set_final (b, 0));
}

static void costs_bound_a_lease (void **state)
{
    fixture_t *f = *state;
    due_t items [6];
    for (size_t i = 0; i < 6; i++)
        items [i] = (due_t) { .item = i, .group = 1, .cost = 10 };
    leases_add (f->leases, items, 6);
    lease_price_t price = { .units = 0 };
    assert_null (leases_grant (f->leases, 6, &price, f, 0));
    assert_int_equal (leases_next_cost (f->leases, &price), 10);
    price.units = 9;
    lease_t *part = leases_grant (f->leases, 6, &price, f, 0);
    assert_int_equal (part->n, 1);              // what is left may do for a part of it
    assert_int_equal (leases_pending (f->leases), 5);
    price.units = 39;
    lease_t *a = leases_grant (f->leases, 6, &price, f, 0);
    assert_int_equal (a->n, 3);
    price.units = 1000;
    lease_t *b = leases_grant (f->leases, 6, &price, f, 0);
    assert_int_equal (b->n, 2);
    assert_int_equal (b->items [0].item, 4);
    assert_int_equal (leases_next_cost (f->leases, &price), 0);
}

// Each item has one less to pay than when it was found due.
static uint64_t one_less (void *ctx, const due_t *item)
{
    ++*(unsigned *) ctx;
    return item->cost - 1;
}

static void costs_are_asked_for_again (void **state)
{
    fixture_t *f = *state;
    due_t items [4] = { { .item = 0, .cost = 1 }, { .item = 1, .cost = 0 }, { .item = 2, .cost = 3 }, { .item = 3, .cost = 3 } };
    leases_add (f->leases, items, 4);
    unsigned asked = 0;
    const lease_price_t price = { .units = 0, .cost = one_less, .ctx = &asked };
    lease_t *lease = leases_grant (f->leases, 4, &price, f, 0);
    assert_int_equal (lease->n, 2);             // those that cost nothing any more
    assert_int_equal (asked, 2);                // the first and the third
    assert_int_equal (leases_next_cost (f->leases, &price), 1);
}

static void a_returned_lease_comes_back_without_its_done_items (void **state)
{
    fixture_t *f = *state;
    add (f, 0, 10);
    lease_t *lease = grant (f, 10);
    lease_set_final (lease, 2);
    f->done [3] = true;         // done by somebody else
    end (f, lease, END_RETURNED, false, 0);
    assert_int_equal (leases_pending (f->leases), 8);
    lease = grant (f, 10);
    assert_int_equal (lease->n, 8);
    assert_int_equal (lease->attempt, 1);       // nobody died of it
    assert_int_equal (lease_place (lease, 2), 8);
    assert_int_equal (lease_place (lease, 3), 8);
    end (f, lease, END_LOST, false, 0);
    lease = grant (f, 10);
    assert_int_equal (lease->n, 8);
    assert_int_equal (lease->attempt, 1);
}

static void a_killed_lease_comes_back_in_parts (void **state)
{
    fixture_t *f = *state;
    add (f, 0, 9);
    lease_t *lease = grant (f, 9);
    lease_set_final (lease, 0);
    end (f, lease, END_KILLED, true, 4);
    assert_int_equal (leases_pending (f->leases), 8);
    lease_t *alone = grant (f, 9), *first = grant (f, 9), *second = grant (f, 9);
    assert_null (grant (f, 9));
    assert_int_equal (alone->n, 1);
    assert_int_equal (alone->items [0].item, 4);
    assert_true (alone->alone);
    assert_int_equal (alone->deaths, 1);
    assert_int_equal (alone->attempt, 2);
    assert_int_equal (first->n, 4);
    assert_int_equal (second->n, 3);
    assert_false (first->alone);
    assert_int_equal (first->items [0].item, 1);
    assert_int_equal (second->items [0].item, 6);
    assert_int_equal (second->attempt, 2);
}

static void an_item_that_kills_three_is_quarantined (void **state)
{
    fixture_t *f = *state;
    add (f, 0, 3);
    end (f, grant (f, 3), END_KILLED, true, 1);
    lease_t *alone = grant (f, 3);
    assert_int_equal (alone->items [0].item, 1);
    end (f, alone, END_KILLED, true, 1);
    assert_int_equal (f->n_quarantined, 0);
    // giving it back, or losing it otherwise, neither adds a death nor forgets those that were
    while ((alone = grant (f, 3))->items [0].item != 1)
        ;
    assert_int_equal (alone->deaths, 2);
    assert_int_equal (alone->attempt, 3);
    end (f, alone, END_RETURNED, false, 0);
    alone = grant (f, 3);
    assert_int_equal (alone->items [0].item, 1);
    assert_int_equal (alone->deaths, 2);
    end (f, alone, END_KILLED, false, 0);       // alone, so it is the one even where no beat named it
    assert_int_equal (f->n_quarantined, 1);
    assert_int_equal (f->quarantined [0], 1);
    assert_int_equal (f->deaths [0], 3);
    assert_int_equal (leases_pending (f->leases), 0);
}

// Nobody knows which item kills: halves of halves lead to it, and nothing but it is set aside.
static void halving_finds_the_killer (void **state)
{
    fixture_t *f = *state;
    add (f, 0, 100);
    size_t killed = 0;
    lease_t *lease;
    while ((lease = grant (f, 100))) {
        size_t place = lease_place (lease, 61);
        if (place < lease->n) {
            killed++;
            end (f, lease, END_KILLED, false, 0);
            continue;
        }
        for (size_t i = 0; i < lease->n; i++) {
            f->done [lease->items [i].item] = true;
            lease_set_final (lease, i);
        }
        end (f, lease, END_DONE, false, 0);
    }
    assert_int_equal (f->n_quarantined, 1);
    assert_int_equal (f->quarantined [0], 61);
    assert_true (killed <= 12);
    for (size_t i = 0; i < 100; i++)
        assert_true (f->done [i]);
}

static void an_occupied_key_is_waited_for (void **state)
{
    fixture_t *f = *state;
    const due_t items [] = {
        { .item = 0, .group = 0, .keys = { 7, 8 }, .n_keys = 2 },
        { .item = 1, .group = 1, .keys = { 9, 9 }, .n_keys = 2 },
        { .item = 2, .group = 2, .keys = { 8, 10 }, .n_keys = 2 },
        { .item = 3, .group = 3 },
    };
    leases_add (f->leases, items, 4);
    lease_t *a = grant (f, 2);
    assert_int_equal (a->n, 2);
    lease_t *b = grant (f, 2);          // item 2 shares key 8 with item 0, which is out
    assert_int_equal (b->n, 1);
    assert_int_equal (b->items [0].item, 3);
    assert_int_equal (leases_pending (f->leases), 1);
    assert_null (grant (f, 2));
    end (f, b, END_RETURNED, false, 0); // another lease's end changes nothing for it
    b = grant (f, 2);
    assert_int_equal (b->items [0].item, 3);
    assert_null (grant (f, 2));
    f->done [0] = f->done [1] = true;
    end (f, a, END_DONE, false, 0);
    a = grant (f, 2);
    assert_int_equal (a->n, 1);
    assert_int_equal (a->items [0].item, 2);
    assert_int_equal (leases_pending (f->leases), 0);
}

static void items_of_one_lease_may_share_a_key (void **state)
{
    fixture_t *f = *state;
    due_t items [5];
    for (size_t i = 0; i < 5; i++)
        items [i] = (due_t) { .item = i, .group = 1, .keys = { 42 }, .n_keys = 1 };
    leases_add (f->leases, items, 5);
    lease_t *lease = grant (f, 5);
    assert_int_equal (lease->n, 5);
    leases_add (f->leases, &(due_t) { .item = 9, .group = 9, .keys = { 42 }, .n_keys = 1 }, 1);
    assert_null (grant (f, 5));
    end (f, lease, END_KILLED, true, 2);
    size_t seen = 0;
    while ((lease = grant (f, 5))) {
        seen += lease->n;
        for (size_t i = 0; i < lease->n; i++)
            f->done [lease->items [i].item] = true;
        end (f, lease, END_DONE, false, 0);
    }
    assert_int_equal (seen, 6);
}

static void a_second_copy_returns_nothing (void **state)
{
    fixture_t *f = *state;
    int other = 0;
    add (f, 0, 4);
    lease_t *old = leases_grant (f->leases, 4, NULL, f, 1000);
    lease_set_final (old, 0);
    assert_null (leases_copy (f->leases, &other, 2000, 2999));      // too young
    assert_null (leases_copy (f->leases, f, 2000, 9000));           // its own holder
    lease_t *copy = leases_copy (f->leases, &other, 2000, 3000);
    assert_non_null (copy);
    assert_int_equal (copy->n, 3);
    assert_true (copy->copy);
    assert_true (copy->number != old->number);
    assert_null (leases_copy (f->leases, &other, 2000, 9000));      // one copy, and none of a copy
    end (f, copy, END_KILLED, true, 1);
    assert_int_equal (leases_pending (f->leases), 0);
    end (f, old, END_RETURNED, false, 0);
    assert_int_equal (leases_pending (f->leases), 3);
}

static void keys_outlive_the_first_of_two_copies (void **state)
{
    fixture_t *f = *state;
    int other = 0;
    leases_add (f->leases, &(due_t) { .item = 0, .group = 0, .keys = { 5 }, .n_keys = 1 }, 1);
    lease_t *old = grant (f, 1), *copy = leases_copy (f->leases, &other, 0, 10);
    end (f, old, END_RETURNED, false, 0);
    assert_null (grant (f, 1));         // the copy is still at work on it
    end (f, copy, END_RETURNED, false, 0);
    assert_non_null (grant (f, 1));
}

static void what_is_forgotten_does_not_come_back (void **state)
{
    fixture_t *f = *state;
    add (f, 0, 4);
    lease_t *lease = grant (f, 2);
    uint64_t number = lease->number;
    end (f, lease, END_RETURNED, false, 0);
    leases_forget (f->leases);
    assert_int_equal (leases_pending (f->leases), 0);
    assert_null (grant (f, 4));
    add (f, 10, 1);
    assert_true (grant (f, 4)->number > number);    // numbers are never used again
}

// Any order of grants, copies and ends: each item is done once, quarantined, or still somewhere.
static void nothing_is_lost_in_any_order (void **state)
{
    fixture_t *f = *state;
    rng_t rng = { 99 };
    enum { N = 600 };
    due_t *items = mem_zero (N, sizeof *items);
    for (size_t i = 0; i < N; i++)
        items [i] = (due_t) { .item = i, .group = i / 3, .keys = { i % 40, 100 + i % 7 }, .n_keys = (unsigned) (i % 3) };
    leases_add (f->leases, items, N);
    free (items);
    for (int step = 0; step < 200000; step++) {
        int holder = (int) (rng_next (&rng) % 4);
        if (leases_active (f->leases) < 8)
            leases_grant (f->leases, 1 + rng_next (&rng) % 20, NULL, f + holder, step);
        if (rng_next (&rng) % 8 == 0)
            leases_copy (f->leases, f + holder, 3, step);
        lease_t *lease = leases_oldest (f->leases);
        if (lease == NULL) {
            assert_int_equal (leases_pending (f->leases), 0);
            break;
        }
        for (unsigned skip = rng_next (&rng) % 4; skip > 0 && lease->next; skip--)
            lease = lease->next;
        bool all = false;
        for (size_t i = 0; i < lease->n && rng_next (&rng) % 10; i++) {
            f->done [lease->items [i].item] = true;
            all = lease_set_final (lease, i);
        }
        uint64_t hand = lease->items [rng_next (&rng) % lease->n].item;
        if (all)
            end (f, lease, END_DONE, false, 0);
        else if (rng_next (&rng) % 3 == 0)
            end (f, lease, (lease_end_t) (END_RETURNED + rng_next (&rng) % 3), !f->done [hand] && rng_next (&rng) % 2, hand);
    }
    assert_int_equal (leases_active (f->leases), 0);
    for (size_t i = 0; i < N; i++)
        assert_true (f->done [i]);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test_setup_teardown (nothing_pending_gives_no_lease, setup, teardown),
        cmocka_unit_test_setup_teardown (a_lease_is_cut_at_a_groups_end, setup, teardown),
        cmocka_unit_test_setup_teardown (costs_bound_a_lease, setup, teardown),
        cmocka_unit_test_setup_teardown (costs_are_asked_for_again, setup, teardown),
        cmocka_unit_test_setup_teardown (a_returned_lease_comes_back_without_its_done_items, setup, teardown),
        cmocka_unit_test_setup_teardown (a_killed_lease_comes_back_in_parts, setup, teardown),
        cmocka_unit_test_setup_teardown (an_item_that_kills_three_is_quarantined, setup, teardown),
        cmocka_unit_test_setup_teardown (halving_finds_the_killer, setup, teardown),
        cmocka_unit_test_setup_teardown (an_occupied_key_is_waited_for, setup, teardown),
        cmocka_unit_test_setup_teardown (items_of_one_lease_may_share_a_key, setup, teardown),
        cmocka_unit_test_setup_teardown (a_second_copy_returns_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown (keys_outlive_the_first_of_two_copies, setup, teardown),
        cmocka_unit_test_setup_teardown (what_is_forgotten_does_not_come_back, setup, teardown),
        cmocka_unit_test_setup_teardown (nothing_is_lost_in_any_order, setup, teardown),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
