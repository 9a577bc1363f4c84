// The event loop with workers that die, hang and come late. After each scenario every acknowledged item stands in the store
// exactly once.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/serve_fixture.h"

// --- those who die, hang and come late ----------------------------------------

enum { KILLER = 14 };

// Works in order and goes silent with KILLER in hand, again and again.
static void dies_of_one_item (fixture_t *f, scripted_t *script)
{
    for (;;) {
        scripted_hello (script);
        scripted_want (script, 1, 1 << 20);
        bool dead = false;
        while (!dead) {
            Rulemill__ToWorker *message = scripted_next (script, 20000);
            must (message);
            if (message->body_case == RULEMILL__TO_WORKER__BODY_FINISHED)
                return;
            for (size_t i = 0; message->body_case == RULEMILL__TO_WORKER__BODY_BATCH && i < script->n_items && !dead; i++) {
                scripted_beat (script, true, script->items [i], script->items [i]);
                dead = script->items [i] == KILLER;
                if (!dead)
                    scripted_result (script, script->lease, script->items [i], 0);
            }
            if (!dead && message->body_case == RULEMILL__TO_WORKER__BODY_BATCH) {
                scripted_beat (script, false, 0, 0);
                scripted_want (script, 1, 1 << 20);
            }
        }
        scripted_close (script);
        scripted_open (script, f->address);
        usleep (900000);              // its death is noticed
    }
}

static void an_item_that_kills_is_set_aside_and_can_be_tried_again (void **state)
{
    fixture_t *f = *state;
    fixture_open (f, 40);
    fixture_start_script (f, dies_of_one_item);
    assert_int_equal (fixture_run (f), OK);
    fixture_join (f);
    fixture_check_complete (f);
    assert_int_equal (f->state.workers_died, 3);
    buf_t value = { 0 };
    for (uint64_t item = 0; item < 40; item++)
        assert_int_equal (fixture_result (f, item, &value) == 'q', item == KILLER);
    assert_int_equal (fixture_result (f, KILLER, &value), 'q');
    buf_add_char (&value, '\0');
    assert_non_null (strstr (value.data, "3 workers"));

    count_take_up_again (&f->count);
    fixture_start_workers (f, 1);
    assert_int_equal (fixture_run (f), OK);
    fixture_check_complete (f);
    assert_int_equal (fixture_result (f, KILLER, &value), '=');
    buf_free (&value);
}

static void taken_up_again (fixture_t *f, scripted_t *script)
{
    // item 1 alone is left when the quarantined ones are taken up again in the running job
    scripted_hello (script);
    scripted_take_lease (script);
    must (script->n_items == 1 && script->items [0] == 1);
    atomic_store (&f->retry, true);
    usleep (400000);
    scripted_result (script, script->lease, 1, 0);
    scripted_await_ack (script, 1);
    scripted_want (script, 1, 1 << 20);
    must (scripted_await (script, RULEMILL__TO_WORKER__BODY_BATCH, 10000));
    must (script->n_items == 2 && script->items [0] == 2 && script->items [1] == 7);
    scripted_result (script, script->lease, 2, 0);
    scripted_result (script, script->lease, 7, 0);
    scripted_await_ack (script, 7);
}

static void a_running_job_takes_items_up_again (void **state)
{
    fixture_t *f = *state;
    fixture_open (f, 10);
    f->options.beat_ms = 1000;
    store_batch_t *batch = store_batch_new (f->store);
    for (uint64_t item = 0; item < 10; item++)
        if (item == 2 || item == 7)
            count_quarantine (&f->count.kind, batch, item, "for a test", &f->fault);
        else if (item != 1)
            count_settle (&f->count.kind, batch, item, &f->fault);
    assert_int_equal (store_commit (f->store, batch, &f->fault), OK);
    store_batch_destroy (&batch);
    fixture_start_script (f, taken_up_again);
    assert_int_equal (fixture_run (f), OK);
    buf_t value = { 0 };
    assert_int_equal (fixture_result (f, 2, &value), '=');
    assert_int_equal (fixture_result (f, 7, &value), '=');
    buf_free (&value);
}

static void hangs_and_wakes (fixture_t *f, scripted_t *script)
{
    scripted_hello (script);
    scripted_take_lease (script);
    scripted_want (script, 1, 1 << 20);
    bool revoked = false;
    for (int i = 0; i < 100 && !revoked; i++) {
        scripted_beat (script, true, 4, 1);
        revoked = scripted_await (script, RULEMILL__TO_WORKER__BODY_REVOKE, 20);
    }
    must (revoked);
    for (int i = 0; i < 20; i++) {              // while it hangs it gets nothing more
        scripted_beat (script, true, 4, 1);
        must (!scripted_await (script, RULEMILL__TO_WORKER__BODY_LEASE, 20));
    }
    scripted_result (script, script->lease, 4, 0);      // it was slow, not dead: its result is welcome
    scripted_await_ack (script, 4);
    scripted_beat (script, false, 0, 2);
    must (scripted_await (script, RULEMILL__TO_WORKER__BODY_LEASE, 10000));
    scripted_give_back (script, script->lease);
    scripted_bye (script);
    fixture_reach (f, 1);
}

static void a_hung_worker_is_relieved_and_may_come_back (void **state)
{
    fixture_t *f = *state;
    fixture_open (f, 20);
    f->options.hang_ms = 200;
    fixture_start_script (f, hangs_and_wakes);
    fixture_start_late_worker (f);
    assert_int_equal (fixture_run (f), OK);
    fixture_check_complete (f);
    assert_int_equal (f->state.leases_lost, 1);
    assert_int_equal (f->state.workers_died, 0);
}

// Its lease goes to another, who has no credit yet; then some of its results come after all.
static void comes_late (fixture_t *f, scripted_t *script)
{
    scripted_hello (script);
    scripted_take_lease (script);
    uint64_t lease = script->lease;
    must (script->n_items == 5);
    fixture_reach (f, 1);
    fixture_wait (f, 2);                        // silent meanwhile
    scripted_hello (script);
    for (uint64_t item = 0; item < 8; item += 2)
        scripted_result (script, lease, item, 0);
    scripted_await_ack (script, 6);
    fixture_reach (f, 3);
}

static void beats_until (fixture_t *f, scripted_t *script, int step)
{
    for (int i = 0; atomic_load (&f->step) < step; i++) {
        must (i < 1000);
        scripted_beat (script, false, 0, 0);
        usleep (10000);
    }
}

static void gets_what_is_left (fixture_t *f, scripted_t *script)
{
    fixture_wait (f, 1);
    scripted_hello (script);
    scripted_want (script, 2, 0);
    for (int leases = 0; leases < 2; ) {        // the two halves of the late one's: 0 2 4, 6 8
        scripted_beat (script, false, 0, 0);
        leases += scripted_await (script, RULEMILL__TO_WORKER__BODY_LEASE, 20);
    }
    fixture_reach (f, 2);
    beats_until (f, script, 3);
    scripted_want (script, 0, 1 << 20);
    do
        must (scripted_await (script, RULEMILL__TO_WORKER__BODY_BATCH, 10000));
    while (script->n_items == 0);
    must (script->n_items == 1 && script->items [0] == 8);
    scripted_result (script, script->message->batch->lease, 8, 0);
    beats_until (f, script, 4);                 // alive, and says nothing to a drain
}

static void late_results_do_not_leave_a_lease_behind (void **state)
{
    fixture_t *f = *state;
    fixture_open (f, 10);
    f->count.even_alone = true;
    f->drain_at = 5;
    fixture_start_script (f, comes_late);
    fixture_start_script (f, gets_what_is_left);
    int64_t began_ms = clock_ms (NULL);
    assert_int_equal (fixture_run (f), ERR_STOPPED);
    fixture_reach (f, 4);
    assert_true (clock_ms (NULL) - began_ms < 10000);       // a lease left behind would be waited for
    assert_int_equal (fixture_results (f), 5);
}

static void waits_and_says_hello_again (fixture_t *f, scripted_t *script)
{
    fixture_wait (f, 1);
    scripted_hello (script);
    scripted_want (script, 2, 1 << 20);         // there is nothing now
    must (!scripted_await (script, RULEMILL__TO_WORKER__BODY_LEASE, 100));
    scripted_hello (script);
    fixture_reach (f, 2);
    for (int i = 0; i < 10; i++) {              // it has not asked since
        scripted_beat (script, false, 0, 0);
        must (!scripted_await (script, RULEMILL__TO_WORKER__BODY_LEASE, 20));
    }
    for (int left = 10; left > 0; ) {
        scripted_want (script, 1, 1 << 20);
        must (scripted_await (script, RULEMILL__TO_WORKER__BODY_BATCH, 10000));
        left -= (int) script->n_items;
        for (size_t i = 0; i < script->n_items; i++)
            scripted_result (script, script->lease, script->items [i], 0);
    }
}

static void holds_all_and_gives_back (fixture_t *f, scripted_t *script)
{
    scripted_hello (script);
    scripted_take_lease (script);
    fixture_reach (f, 1);
    for (int i = 0; atomic_load (&f->step) < 2; i++) {
        must (i < 1000);
        scripted_beat (script, true, 0, (uint64_t) i);
        usleep (10000);
    }
    scripted_give_back (script, script->lease);
    scripted_bye (script);
}

static void hello_again_forgets_what_was_wanted (void **state)
{
    fixture_t *f = *state;
    fixture_open (f, 20);
    f->count.even_alone = true;
    fixture_start_script (f, holds_all_and_gives_back);
    fixture_start_script (f, waits_and_says_hello_again);
    assert_int_equal (fixture_run (f), OK);
    assert_int_equal (fixture_results (f), 10);
}

// Those that hold leases share the job's limits; each is told of how many they are when one comes, goes or has nothing to do.
static void expect_share (scripted_t *script, unsigned workers)
{
    must (scripted_await (script, RULEMILL__TO_WORKER__BODY_SHARE, 10000));
    must (script->message->share->workers == workers);
}

static void shares_and_then_works (fixture_t *f, scripted_t *script)
{
    scripted_hello (script);
    scripted_take_lease (script);
    expect_share (script, 1);
    fixture_reach (f, 1);
    expect_share (script, 2);
    fixture_reach (f, 2);
    expect_share (script, 1);
    scripted_give_back (script, script->lease);
    atomic_store (&f->ahead_ms, 2500);
    expect_share (script, 0);
    scripted_want (script, 1, 1 << 20);
    Rulemill__ToWorker *message;
    while ((message = scripted_next (script, 10000)) && message->body_case != RULEMILL__TO_WORKER__BODY_FINISHED) {
        if (message->body_case != RULEMILL__TO_WORKER__BODY_BATCH)
            continue;
        for (size_t i = 0; i < script->n_items; i++)
            scripted_result (script, script->lease, script->items [i], 0);
        scripted_want (script, 1, 1 << 20);
    }
}

static void shares_and_leaves (fixture_t *f, scripted_t *script)
{
    fixture_wait (f, 1);
    scripted_hello (script);
    scripted_take_lease (script);
    expect_share (script, 2);
    fixture_wait (f, 2);
    scripted_bye (script);
}

static void workers_are_told_how_many_share (void **state)
{
    fixture_t *f = *state;
    fixture_open (f, 400);
    f->count.even_alone = true;
    f->count.class.shares = true;
    f->options.beat_ms = 10000;
    fixture_start_script (f, shares_and_then_works);
    fixture_start_script (f, shares_and_leaves);
    assert_int_equal (fixture_run (f), OK);
    assert_int_equal (fixture_results (f), 200);
}

// At the end of a run the slow holder is first in the queue; the one behind it gets the copy.
static void sits_on_its_lease (fixture_t *f, scripted_t *script)
{
    scripted_hello (script);
    scripted_take_lease (script);
    scripted_want (script, 2, 1 << 20);
    fixture_reach (f, 1);
    for (int i = 0; !scripted_await (script, RULEMILL__TO_WORKER__BODY_FINISHED, 20); i++) {
        must (i < 3000);
        scripted_beat (script, true, 0, (uint64_t) i);
        if (i == 20)
            atomic_store (&f->ahead_ms, 0);
    }
}

static void an_idle_worker_takes_a_copy_of_the_slowest_lease (void **state)
{
    fixture_t *f = *state;
    fixture_open (f, 20);
    f->count.even_alone = true;
    f->count.class.second_copies = true;
    fixture_start_script (f, sits_on_its_lease);
    fixture_start_late_worker (f);
    assert_int_equal (fixture_run (f), OK);
    assert_int_equal (fixture_results (f), 10);
    assert_int_equal (f->state.workers_died, 0);
}

static void a_loop_that_stood_still_kills_nobody (void **state)
{
    fixture_t *f = *state;
    fixture_open (f, 2000);
    f->count.setup.pause_us = 500;
    atomic_store (&f->stall_ms, 1500);
    fixture_start_workers (f, 2);
    assert_int_equal (fixture_run (f), OK);
    fixture_check_complete (f);
    assert_int_equal (f->state.workers_died, 0);
}

int main (void)
{
    fixture_setup ();
    const struct CMUnitTest tests [] = {
        FIXTURE_TEST (an_item_that_kills_is_set_aside_and_can_be_tried_again),
        FIXTURE_TEST (a_running_job_takes_items_up_again),
        FIXTURE_TEST (a_hung_worker_is_relieved_and_may_come_back),
        FIXTURE_TEST (late_results_do_not_leave_a_lease_behind),
        FIXTURE_TEST (hello_again_forgets_what_was_wanted),
        FIXTURE_TEST (workers_are_told_how_many_share),
        FIXTURE_TEST (an_idle_worker_takes_a_copy_of_the_slowest_lease),
        FIXTURE_TEST (a_loop_that_stood_still_kills_nobody),
    };
    int failed = cmocka_run_group_tests (tests, NULL, NULL);
    endpoint_teardown ();
    return failed;
}
