// The budget: what is reserved is on disk before it is spent, and a crash never makes room that was not there.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static budget_t open_ok (fixture_t *f, uint64_t limit)
{
    budget_t budget;
    fault_t fault = { 0 };
    assert_int_equal (budget_open (&budget, f->store, 3, limit, &fault), OK);
    return budget;
}

static void reserve_ok (budget_t *budget, uint64_t units)
{
    fault_t fault = { 0 };
    assert_int_equal (budget_reserve (budget, units, &fault), OK);
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
    budget_t budget = open_ok (f, 0);
    assert_true (budget_left (&budget) == UINT64_MAX);
    reserve_ok (&budget, 1000000);
    budget_settle (&budget, 1000000, 10);
    assert_true (budget_left (&budget) == UINT64_MAX);
    write_now (f, &budget);
    budget = open_ok (f, 100);          // what was spent without a limit counts towards a later one
    assert_int_equal (budget_left (&budget), 90);
}

static void never_more_than_the_limit (void **state)
{
    fixture_t *f = *state;
    fault_t fault = { 0 };
    budget_t budget = open_ok (f, 100);
    reserve_ok (&budget, 60);
    assert_int_equal (budget_reserve (&budget, 41, &fault), ERR_LIMIT);
    assert_non_null (strstr (fault.text, "100"));
    reserve_ok (&budget, 40);
    assert_int_equal (budget_left (&budget), 0);
    reserve_ok (&budget, 0);
    budget_settle (&budget, 60, 1000);          // who claims more than was granted spent what was granted
    assert_int_equal (budget.spent, 60);
    budget_settle (&budget, 40, 5);
    assert_int_equal (budget.spent, 65);
    assert_int_equal (budget_left (&budget), 35);
    budget_settle (&budget, 0, 7);              // no grant, nothing spent
    assert_int_equal (budget.spent, 65);
}

static void a_reservation_survives_the_process_and_counts_as_spent (void **state)
{
    fixture_t *f = *state;
    budget_t budget = open_ok (f, 100);
    reserve_ok (&budget, 30);
    reserve_ok (&budget, 20);
    budget_settle (&budget, 30, 10);
    write_now (f, &budget);
    reopen (f);
    budget = open_ok (f, 100);
    assert_int_equal (budget.spent, 30);        // 10 spent, 20 lost with the coordinator
    assert_int_equal (budget.reserved, 0);
    assert_int_equal (budget_left (&budget), 70);
    budget = open_ok (f, 20);                   // a limit that was lowered below what is spent
    assert_int_equal (budget_left (&budget), 0);
}

// A settlement that waits in a batch must not undo, when it is written, a reservation that was written meanwhile.
static void a_late_settlement_does_not_undo_a_reservation (void **state)
{
    fixture_t *f = *state;
    budget_t budget = open_ok (f, 100);
    reserve_ok (&budget, 10);
    budget_settle (&budget, 10, 3);
    assert_true (budget.dirty);
    reserve_ok (&budget, 50);
    assert_false (budget.dirty);                // the settlement went along
    write_now (f, &budget);
    budget = open_ok (f, 100);
    assert_int_equal (budget.spent, 53);
}

static void runs_have_their_own (void **state)
{
    fixture_t *f = *state;
    fault_t fault = { 0 };
    budget_t budget = open_ok (f, 10), other;
    reserve_ok (&budget, 10);
    assert_int_equal (budget_open (&other, f->store, 4, 10, &fault), OK);
    assert_int_equal (budget_left (&other), 10);
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
    assert_int_equal (budget_open (&budget, f->store, 3, 10, &fault), ERR_CORRUPT);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test_setup_teardown (no_limit_is_no_limit, setup, teardown),
        cmocka_unit_test_setup_teardown (never_more_than_the_limit, setup, teardown),
        cmocka_unit_test_setup_teardown (a_reservation_survives_the_process_and_counts_as_spent, setup, teardown),
        cmocka_unit_test_setup_teardown (a_late_settlement_does_not_undo_a_reservation, setup, teardown),
        cmocka_unit_test_setup_teardown (runs_have_their_own, setup, teardown),
        cmocka_unit_test_setup_teardown (a_damaged_record_is_said_to_be_so, setup, teardown),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
