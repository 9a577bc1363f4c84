// The budget: what is reserved is on disk before it is spent, and a crash never makes room that was not there.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>

#include "base/mem.h"
#include "coordinator/budget.h"
#include "tests/unit/folder_fixture.h"

typedef struct { folder_fixture_t folder; store_t *store; } fixture_t;

static void reopen (fixture_t *f)
{
    fault_t fault = { 0 };
    store_close (&f->store);
    assert_int_equal (store_open (f->folder.path, &(store_options_t) { .create = true }, &f->store, &fault), OK);
}

static int setup (void **state)
{
    fixture_t *f = mem_zero (1, sizeof *f);
    folder_fixture_make (&f->folder);
    reopen (f);
    *state = f;
    return 0;
}

static int teardown (void **state)
{
    fixture_t *f = *state;
    store_close (&f->store);
    folder_fixture_remove (&f->folder);
    free (f);
    return 0;
}

static budget_t open_limited (fixture_t *f, spend_t limit)
{
    budget_t budget;
    fault_t fault = { 0 };
    assert_int_equal (budget_open (&budget, f->store, 3, &limit, &fault), OK);
    return budget;
}

static budget_t open_ok (fixture_t *f, uint64_t calls)
{
    spend_t limit = spend_unlimited ();
    limit.unit [SPEND_CALLS] = calls;
    return open_limited (f, limit);
}

static spend_t reserve_ok (budget_t *budget, uint64_t calls)
{
    fault_t fault = { 0 };
    spend_t grant = spend_of (calls, 0, 0);
    assert_int_equal (budget_reserve (budget, &grant, &fault), OK);
    return grant;
}

static void spend (budget_t *budget, spend_t *grant, uint64_t calls)
{
    const spend_t spent = spend_of (calls, 0, 0);
    budget_spend (budget, grant, &spent);
}

static uint64_t left (const budget_t *budget)
{
    return budget_left (budget).unit [SPEND_CALLS];
}

static uint64_t spent (const budget_t *budget)
{
    return budget->spent.unit [SPEND_CALLS];
}

static void write_now (fixture_t *f, budget_t *budget)
{
    fault_t fault = { 0 };
    store_batch_t *batch = store_batch_new (f->store);
    budget_put (budget, batch);
    assert_int_equal (store_commit (f->store, batch, &fault), OK);
    store_batch_destroy (&batch);
}

static void no_limit_is_no_limit (void **state)
{
    fixture_t *f = *state;
    fault_t fault = { 0 };
    budget_t budget = open_limited (f, spend_unlimited ());
    assert_false (budget_is_limited (&budget));
    assert_true (left (&budget) == SPEND_NO_LIMIT);
    spend_t grant = spend_of (1000000, 5, 5);
    assert_int_equal (budget_reserve (&budget, &grant, &fault), OK);
    assert_true (spend_is_zero (&grant));
    assert_false (budget_is_reserved (&budget));
    const spend_t used = spend_of (10, 900, 7);
    budget_spend (&budget, &grant, &used);
    assert_true (left (&budget) == SPEND_NO_LIMIT);
    write_now (f, &budget);
    budget = open_limited (f, spend_of (100, 1000, 100));   // what was spent without a limit counts towards a later one
    const spend_t rest = budget_left (&budget), expected = spend_of (90, 100, 93);
    assert_memory_equal (&rest, &expected, sizeof rest);
    spend_t read;
    assert_int_equal (budget_read (f->store, 3, &read, &fault), OK);
    assert_memory_equal (&read, &used, sizeof read);
}

static void never_more_than_the_limit (void **state)
{
    fixture_t *f = *state;
    fault_t fault = { 0 };
    budget_t budget = open_ok (f, 100);
    spend_t a = reserve_ok (&budget, 60), more = spend_of (41, 0, 0);
    assert_int_equal (budget_reserve (&budget, &more, &fault), ERR_LIMIT);
    spend_t b = reserve_ok (&budget, 40);
    assert_int_equal (left (&budget), 0);
    spend_t none = reserve_ok (&budget, 0);
    spend (&budget, &a, 20);                    // moves from reserved to spent
    assert_int_equal (a.unit [SPEND_CALLS], 40);
    assert_int_equal (spent (&budget), 20);
    assert_int_equal (left (&budget), 0);
    budget_release (&budget, &a, false);
    assert_int_equal (left (&budget), 40);
    spend (&budget, &b, 5);
    budget_release (&budget, &b, true);         // lost: all of it is spent
    assert_int_equal (spent (&budget), 60);
    spend (&budget, &none, 7);                  // what is spent without a grant is spent too
    assert_int_equal (left (&budget), 33);
    assert_false (budget_is_reserved (&budget));
}

static void each_unit_is_a_limit_of_its_own (void **state)
{
    fixture_t *f = *state;
    fault_t fault = { 0 };
    budget_t budget = open_limited (f, spend_of (SPEND_NO_LIMIT, 1000, 50));
    spend_t dear = spend_of (1, 10, 51), long_one = spend_of (1, 1001, 1), fits = spend_of (8, 600, 50);
    assert_int_equal (budget_reserve (&budget, &dear, &fault), ERR_LIMIT);
    assert_int_equal (budget_reserve (&budget, &long_one, &fault), ERR_LIMIT);
    assert_int_equal (budget_reserve (&budget, &fits, &fault), OK);
    assert_int_equal (fits.unit [SPEND_CALLS], 0);          // nothing is reserved of what has no limit
    const spend_t used = spend_of (3, 700, 20);             // a server that counts more than was thought
    budget_spend (&budget, &fits, &used);
    const spend_t rest = budget_left (&budget), expected = spend_of (SPEND_NO_LIMIT, 300, 0);
    assert_memory_equal (&rest, &expected, sizeof rest);
    budget_release (&budget, &fits, false);
    assert_int_equal (budget_left (&budget).unit [SPEND_COST], 30);
}

static void a_reservation_survives_the_process_and_counts_as_spent (void **state)
{
    fixture_t *f = *state;
    budget_t budget = open_ok (f, 100);
    spend_t a = reserve_ok (&budget, 30);
    reserve_ok (&budget, 20);
    spend (&budget, &a, 10);
    budget_release (&budget, &a, false);
    write_now (f, &budget);
    reopen (f);
    budget = open_ok (f, 100);
    assert_int_equal (spent (&budget), 30);     // 10 spent, 20 lost with the coordinator
    assert_false (budget_is_reserved (&budget));
    assert_int_equal (left (&budget), 70);
    budget = open_ok (f, 20);                   // a limit that was lowered below what is spent
    assert_int_equal (left (&budget), 0);
}

// A settlement that waits in a batch must not undo, when it is written, a reservation that was written meanwhile.
static void a_late_settlement_does_not_undo_a_reservation (void **state)
{
    fixture_t *f = *state;
    budget_t budget = open_ok (f, 100);
    spend_t grant = reserve_ok (&budget, 10);
    spend (&budget, &grant, 3);
    budget_release (&budget, &grant, false);
    assert_true (budget.dirty);
    reserve_ok (&budget, 50);
    assert_false (budget.dirty);                // the settlement went along
    write_now (f, &budget);
    budget = open_ok (f, 100);
    assert_int_equal (spent (&budget), 53);
}

static void runs_have_their_own (void **state)
{
    fixture_t *f = *state;
    fault_t fault = { 0 };
    budget_t budget = open_ok (f, 10), other;
    reserve_ok (&budget, 10);
    const spend_t limit = spend_of (10, 10, 10);
    assert_int_equal (budget_open (&other, f->store, 4, &limit, &fault), OK);
    assert_int_equal (left (&other), 10);
}

static void a_damaged_record_is_said_to_be_so (void **state)
{
    fixture_t *f = *state;
    fault_t fault = { 0 };
    store_batch_t *batch = store_batch_new (f->store);
    store_batch_put (batch, TABLE_META, "budget\0\0\0\3", 10, "short", 5);
    assert_int_equal (store_commit (f->store, batch, &fault), OK);
    store_batch_destroy (&batch);
    budget_t budget;
    const spend_t limit = spend_unlimited ();
    assert_int_equal (budget_open (&budget, f->store, 3, &limit, &fault), ERR_CORRUPT);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test_setup_teardown (no_limit_is_no_limit, setup, teardown),
        cmocka_unit_test_setup_teardown (never_more_than_the_limit, setup, teardown),
        cmocka_unit_test_setup_teardown (each_unit_is_a_limit_of_its_own, setup, teardown),
        cmocka_unit_test_setup_teardown (a_reservation_survives_the_process_and_counts_as_spent, setup, teardown),
        cmocka_unit_test_setup_teardown (a_late_settlement_does_not_undo_a_reservation, setup, teardown),
        cmocka_unit_test_setup_teardown (runs_have_their_own, setup, teardown),
        cmocka_unit_test_setup_teardown (a_damaged_record_is_said_to_be_so, setup, teardown),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
