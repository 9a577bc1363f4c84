// The event loop: a trivial kind with real workers and scripted ones that die, hang, lie and come late. After each scenario
// every acknowledged item stands in the store exactly once.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include "base/log.h"
#include "tests/unit/serve_fixture.h"

extern char **environ;

static int setup (void **state)
{
    fixture_t *f = mem_zero (1, sizeof *f);
    folder_fixture_make (&f->folder);
    snprintf (f->address, sizeof f->address, "ipc://%s/socket", f->folder.path);
    for (size_t i = 0; i < COUNT_MAX; i++)
        atomic_store (&count_settled_items [i], 0);
    *state = f;
    return 0;
}

static int teardown (void **state)
{
    fixture_t *f = *state;
    fixture_join (f);
    fixture_close (f);
    folder_fixture_remove (&f->folder);
    free (f);
    return 0;
}

// --- whole runs --------------------------------------------------------------

static void real_workers_do_all_of_it (void **state)
{
    static const char *const command [] = { "/bin/true", NULL };
    fixture_t *f = *state;
    fixture_open (f, 3000);
    f->count.group = 7;
    f->count.self_every = 11;
    f->count.not_every = 13;
    f->count.pair_keys = 500;
    f->count.stale = 10;
    f->count.command = command;
    f->count.setup = (count_setup_t) { .partials = 1, .spend = 1 };
    f->count.cost = 2;
    f->options.beat_ms = 1000;
    fixture_start_workers (f, 3);
    assert_int_equal (fixture_run (f), OK);
    fixture_join (f);
    fixture_check_complete (f);
    assert_int_equal (f->count.commands, 1);
    assert_true (f->count.first_seen);
    assert_int_equal (f->state.workers_died, 0);
    buf_t key = { 0 };
    bool found;
    count_key (&key, 'p', 1);
    assert_int_equal (store_get (f->store, TABLE_CELLS, key.data, key.len, NULL, &found, &f->fault), OK);
    assert_true (found);
    buf_free (&key);
    for (uint64_t item = 0; item < 3000; item++)
        assert_int_equal (atomic_load (&count_settled_items [item]) > 1, 0);
}

static void a_complete_run_has_nothing_to_do (void **state)
{
    fixture_t *f = *state;
    fixture_open (f, 0);
    assert_int_equal (fixture_run (f), OK);     // no items at all
    fixture_close (f);
    fixture_open (f, 20);
    fixture_start_workers (f, 1);
    assert_int_equal (fixture_run (f), OK);
    fixture_join (f);
    unsigned writes = f->count.writes;
    assert_int_equal (fixture_run (f), OK);     // nobody is there to do anything
    assert_int_equal (f->count.writes, writes);
    f->count.n = 50;                            // the corpus has grown
    fixture_start_workers (f, 1);
    assert_int_equal (fixture_run (f), OK);
    fixture_check_complete (f);
}

static void a_small_window_is_gone_through (void **state)
{
    fixture_t *f = *state;
    fixture_open (f, 4000);
    f->options.window = 64;
    f->count.body_bytes = 3000;                 // and batches are cut by their bytes
    fixture_start_workers (f, 2);
    assert_int_equal (fixture_run (f), OK);
    fixture_check_complete (f);
}

static void what_settles_itself_needs_no_worker (void **state)
{
    fixture_t *f = *state;
    fixture_open (f, 4);
    f->count.self_every = 4;
    store_batch_t *batch = store_batch_new (f->store);
    for (uint64_t item = 0; item < 3; item++)
        count_quarantine (&f->count.kind, batch, item, "for a test", &f->fault);
    assert_int_equal (store_commit (f->store, batch, &f->fault), OK);
    store_batch_destroy (&batch);
    assert_int_equal (fixture_run (f), OK);
    fixture_check_complete (f);
}

// --- the end of a phase ------------------------------------------------------

// Workers that stay are told what is new before they get anything of the next phase; the others never hear of the old.
static void what_workers_must_know_may_change_with_a_phase (void **state)
{
    fixture_t *f = *state;
    fixture_open (f, 3000);
    f->count.changes = true;
    f->count.setup = (count_setup_t) { .partials = 1 };
    f->options.beat_ms = 1000;
    fixture_start_workers (f, 3);
    assert_int_equal (fixture_run (f), OK);
    fixture_join (f);
    fixture_check_complete (f);
    assert_int_equal (f->count.other_setup, 0);
    assert_int_equal (f->state.workers_died, 0);
    assert_int_equal (f->state.messages_refused, 0);
}

static void a_failing_command_stops_the_run_and_is_run_again (void **state)
{
    static const char *const bad [] = { "/bin/false", NULL };
    static const char *const good [] = { "/bin/sh", "-c", "exit 0", NULL };
    static const char *const missing [] = { "/nonexistent/program", NULL };
    fixture_t *f = *state;
    fixture_open (f, 20);
    f->count.command = bad;
    fixture_start_workers (f, 1);
    assert_int_equal (fixture_run (f), ERR_IO);
    assert_non_null (strstr (f->fault.text, "/bin/false"));
    assert_non_null (strstr (f->fault.text, "exit code 1"));
    assert_int_equal (fixture_results (f), 10);
    fixture_join (f);
    f->count.asked_end = f->count.ended = false;
    f->count.command = missing;
    assert_int_equal (fixture_run (f), ERR_IO);
    assert_non_null (strstr (f->fault.text, "/nonexistent/program"));
    f->count.asked_end = f->count.ended = false;
    f->count.command = good;
    fixture_start_workers (f, 1);
    assert_int_equal (fixture_run (f), OK);
    assert_int_equal (f->count.commands, 3);
    fixture_check_complete (f);
}

static void a_long_command_is_stopped_by_a_drain (void **state)
{
    static const char *const sleeper [] = { "/bin/sleep", "1000", NULL };
    fixture_t *f = *state;
    fixture_open (f, 20);
    f->count.command = sleeper;
    f->count.even_alone = true;
    fixture_start_workers (f, 1);
    f->drain_at = 10;                           // all even ones are done
    assert_int_equal (fixture_run (f), ERR_STOPPED);
    assert_int_equal (fixture_results (f), 10);
}

// Between two phases a late result is acknowledged, and neither a mark nor a count moves.
static void late_between_phases (fixture_t *f, scripted_t *script)
{
    scripted_hello (script);
    scripted_take_lease (script);
    must (script->n_items == 5);
    uint64_t lease = script->lease;
    for (int i = 0; i < 5; i++)
        scripted_result (script, lease, script->items [i], 0);
    scripted_await_ack (script, 8);
    usleep (100000);                            // the command runs now
    scripted_result (script, lease, 2, 0);
    scripted_await_ack (script, 2);
    (void) f;
}

static void results_between_phases_change_nothing (void **state)
{
    static const char *const command [] = { "/bin/sleep", "1", NULL };
    fixture_t *f = *state;
    fixture_open (f, 10);
    f->options.beat_ms = 1000;
    f->count.command = command;
    f->count.even_alone = true;
    fixture_start_script (f, late_between_phases);
    assert_int_equal (fixture_run (f), OK);
    assert_int_equal (fixture_results (f), 5);
    assert_int_equal (count_mark (f->store, "even"), 10);
}

// --- budgets -----------------------------------------------------------------

static void a_budget_is_used_up_and_never_passed (void **state)
{
    fixture_t *f = *state;
    fixture_open (f, 300);
    f->count.cost = 5;
    f->count.setup.spend = 2;
    f->options.budget = spend_of (100, 0, 0);
    fixture_start_workers (f, 2);
    assert_int_equal (fixture_run (f), ERR_LIMIT);
    fixture_join (f);
    uint64_t done = fixture_results (f);
    assert_int_equal (fixture_spent (f), 2 * done);
    assert_int_equal (2 * done, 100);                       // to the last call, by whichever worker
    fixture_close (f);

    fixture_open (f, 300);
    f->count.cost = 5;
    f->count.setup.spend = 2;
    f->options.budget = spend_of (100, 0, 0);
    assert_int_equal (fixture_run (f), ERR_LIMIT);          // no worker is needed to see that
    assert_int_equal (fixture_results (f), done);
    f->options.budget = spend_of (10000, 0, 0);
    fixture_start_workers (f, 2);
    assert_int_equal (fixture_run (f), OK);
    fixture_check_complete (f);
    assert_int_equal (fixture_spent (f), 600);
}

// What five items of cost 5 each are granted: that, a quarter of it and some calls more.
enum { GRANT = 25 + 25 / 4 + 8 };

// What it spent is not known when it is gone.
static void takes_a_grant_and_vanishes (fixture_t *f, scripted_t *script)
{
    scripted_hello (script);
    scripted_take_lease (script);
    must (script->grant == GRANT);
    scripted_result (script, script->lease, 0, 1);
    scripted_await_ack (script, 0);
    scripted_close (script);
    scripted_open (script, f->address);
    usleep (900000);
    fixture_reach (f, 1);
}

static void a_lost_grant_counts_as_spent (void **state)
{
    fixture_t *f = *state;
    fixture_open (f, 10);
    f->count.even_alone = true;
    f->count.cost = 5;
    f->count.setup.spend = 2;
    f->options.budget = spend_of (1000, 0, 0);
    fixture_start_script (f, takes_a_grant_and_vanishes);
    fixture_start_late_worker (f);
    assert_int_equal (fixture_run (f), OK);
    assert_int_equal (fixture_results (f), 5);
    assert_int_equal (fixture_spent (f), GRANT + 4 * 2);
}

static void says_hello_again_with_a_grant (fixture_t *f, scripted_t *script)
{
    scripted_hello (script);
    scripted_take_lease (script);
    uint64_t lease = script->lease;
    scripted_hello (script);
    scripted_result (script, lease, 2, 3);      // spent before the Hello, said after it
    scripted_await_ack (script, 2);
    scripted_bye (script);
    fixture_reach (f, 1);
}

static void what_is_spent_before_a_hello_is_not_forgotten (void **state)
{
    fixture_t *f = *state;
    fixture_open (f, 10);
    f->count.even_alone = true;
    f->count.cost = 5;
    f->options.budget = spend_of (1000, 0, 0);
    fixture_start_script (f, says_hello_again_with_a_grant);
    fixture_start_late_worker (f);
    assert_int_equal (fixture_run (f), OK);
    assert_int_equal (fixture_results (f), 5);
    assert_int_equal (fixture_spent (f), GRANT);
}

static void spends_more_than_it_was_granted (fixture_t *f, scripted_t *script)
{
    (void) f;
    scripted_hello (script);
    scripted_take_lease (script);
    for (size_t i = 0; i < script->n_items; i++)
        scripted_result (script, script->lease, script->items [i], 10);
    scripted_await_ack (script, 8);
}

static void what_is_spent_beyond_a_grant_is_spent (void **state)
{
    fixture_t *f = *state;
    fixture_open (f, 10);
    f->count.even_alone = true;
    f->count.cost = 5;
    f->options.budget = spend_of (1000, 0, 0);
    f->options.beat_ms = 1000;
    fixture_start_script (f, spends_more_than_it_was_granted);
    assert_int_equal (fixture_run (f), OK);
    assert_int_equal (fixture_spent (f), 50);
}

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

// --- what can't be read --------------------------------------------------------

static void says_what_nobody_can_read (fixture_t *f, scripted_t *script)
{
    buf_t junk = { 0 };
    buf_add_str (&junk, "GET / HTTP/1.1");
    scripted_say_frame (script, &junk);         // of a stranger
    must (scripted_await (script, RULEMILL__TO_WORKER__BODY_REFUSE, 10000));
    must (script->message->refuse->reason == RULEMILL__REFUSE_REASON__REFUSE_MALFORMED);
    scripted_want (script, 1, 100);             // and of one who has not said Hello
    must (scripted_await (script, RULEMILL__TO_WORKER__BODY_WHO, 10000));

    Rulemill__Hello hello = RULEMILL__HELLO__INIT;
    hello.protocol_min = hello.protocol_max = 99;
    SAY (script, hello, HELLO, &hello);
    must (scripted_await (script, RULEMILL__TO_WORKER__BODY_REFUSE, 10000));
    must (script->message->refuse->reason == RULEMILL__REFUSE_REASON__REFUSE_VERSION);

    scripted_hello (script);
    scripted_say_frame (script, &junk);         // of one who was welcomed: dropped
    must (!scripted_await (script, RULEMILL__TO_WORKER__BODY_REFUSE, 100));
    uint8_t none [DIGEST_BYTES] = { 1, 2, 3 };
    Rulemill__BlobGet get = RULEMILL__BLOB_GET__INIT;
    get.digest = (ProtobufCBinaryData) { sizeof none, none };
    SAY (script, blob_get, BLOB_GET, &get);
    must (scripted_await (script, RULEMILL__TO_WORKER__BODY_BLOB, 10000) && script->message->blob->missing);
    digest_t digest = digest_of (count_blob_text, sizeof count_blob_text);
    get.digest = (ProtobufCBinaryData) { sizeof digest.b, digest.b };
    get.offset = UINT64_MAX;                    // beyond its end
    SAY (script, blob_get, BLOB_GET, &get);
    must (scripted_await (script, RULEMILL__TO_WORKER__BODY_BLOB, 10000) && script->message->blob->data.len == 0);
    get.offset = 7;
    SAY (script, blob_get, BLOB_GET, &get);
    must (scripted_await (script, RULEMILL__TO_WORKER__BODY_BLOB, 10000));
    must (script->message->blob->data.len == sizeof count_blob_text - 7);
    must (script->message->blob->total == sizeof count_blob_text);
    buf_free (&junk);
    fixture_reach (f, 1);
}

static void sends_a_bad_result (fixture_t *f, scripted_t *script)
{
    says_what_nobody_can_read (f, script);
    atomic_store (&f->step, 0);
    for (int i = 0; i < 40; i++)                // more than it may have
        scripted_want (script, 1000, UINT32_MAX);
    scripted_take_lease (script);
    uint64_t other = script->epoch;
    script->epoch = 12345;                      // a lease of another epoch that has the same number
    scripted_result (script, script->lease, 6, 0);
    scripted_await_ack (script, 6);
    scripted_result (script, script->lease, 6, 0);      // twice is once
    scripted_await_ack (script, 6);
    scripted_result (script, 987654321, 19, 0); // before it was looked at
    scripted_await_ack (script, 19);
    script->epoch = other;
    scripted_result_body (script, script->lease, 2, "?", 1, 0);
    must (scripted_await (script, RULEMILL__TO_WORKER__BODY_REFUSE, 10000));
    scripted_beat (script, false, 0, 0);
    must (scripted_await (script, RULEMILL__TO_WORKER__BODY_WHO, 10000));
    scripted_hello (script);
    scripted_result (script, 1, 1000000, 0);    // no item of this run
    must (scripted_await (script, RULEMILL__TO_WORKER__BODY_REFUSE, 10000));
    fixture_reach (f, 1);
}

static void nothing_unreadable_harms_the_run (void **state)
{
    fixture_t *f = *state;
    fixture_open (f, 400);
    f->options.beat_ms = 1000;
    f->options.window = 64;
    fixture_start_script (f, sends_a_bad_result);
    fixture_start_late_worker (f);
    assert_int_equal (fixture_run (f), OK);
    fixture_check_complete (f);
    assert_true (f->state.messages_refused >= 5);
}

// --- stopping ------------------------------------------------------------------

static void a_drained_run_resumes (void **state)
{
    fixture_t *f = *state;
    fixture_open (f, 1500);
    f->count.setup.pause_us = 200;
    for (unsigned part = 0; part < 3; part++) {
        f->drain_at = part < 2 ? 300 : 0;
        fixture_start_workers (f, 2);
        assert_int_equal (fixture_run (f), part < 2 ? ERR_STOPPED : OK);
        fixture_join (f);
        uint64_t done = fixture_results (f);
        assert_true (done >= (part + 1) * 300 || part == 2);
        for (uint64_t item = 0; item < 1500; item++)
            assert_true (atomic_load (&count_settled_items [item]) == 0 || count_has (f->store, 'L', item));
    }
    fixture_check_complete (f);
}

static void stopping_at_once_keeps_what_was_acknowledged (void **state)
{
    fixture_t *f = *state;
    fixture_open (f, 1500);
    f->stop_at = 200;
    f->count.setup.pause_us = 200;
    fixture_start_workers (f, 2);
    assert_int_equal (fixture_run (f), ERR_STOPPED);
    fixture_join (f);
    fixture_results (f);
    for (uint64_t item = 0; item < 1500; item++)
        assert_true (atomic_load (&count_settled_items [item]) == 0 || count_has (f->store, 'L', item));
    f->stop_at = 0;
    fixture_start_workers (f, 2);
    assert_int_equal (fixture_run (f), OK);
    fixture_check_complete (f);
}

static void never_answers_a_drain (fixture_t *f, scripted_t *script)
{
    (void) f;
    scripted_hello (script);
    scripted_take_lease (script);
    scripted_result (script, script->lease, 0, 0);
    scripted_await_ack (script, 0);
}

static void a_drain_does_not_wait_for_the_dead (void **state)
{
    fixture_t *f = *state;
    fixture_open (f, 20);
    f->drain_at = 1;
    fixture_start_script (f, never_answers_a_drain);
    int64_t began_ms = clock_ms (NULL);
    assert_int_equal (fixture_run (f), ERR_STOPPED);
    assert_true (clock_ms (NULL) - began_ms < 5000);
    assert_int_equal (fixture_results (f), 1);
}

// --- a coordinator in a process of its own ---------------------------------------

enum { CRASH_ITEMS = 6000 };

// What this program does when it is started as a coordinator: it ends without a word after some commits.
static int be_a_coordinator (const char *folder, unsigned exit_after)
{
    fixture_t *f = mem_zero (1, sizeof *f);
    snprintf (f->folder.path, sizeof f->folder.path, "%s", folder);
    snprintf (f->address, sizeof f->address, "ipc://%s/socket", folder);
    fixture_open (f, CRASH_ITEMS);
    f->count.setup.pause_us = 300;
    f->count.stale = 50;
    f->count.exit_after = exit_after;
    return fixture_run (f) == OK ? 0 : 1;
}

static pid_t start_coordinator (fixture_t *f, const char *exit_after)
{
    const char *argv [] = { "/proc/self/exe", "--coordinator", f->folder.path, exit_after, NULL };
    pid_t pid;
    must (posix_spawn (&pid, argv [0], NULL, NULL, (char *const *) (uintptr_t) argv, environ) == 0);
    return pid;
}

static void what_was_acknowledged_survives_a_crash (void **state)
{
    fixture_t *f = *state;
    pid_t pid = start_coordinator (f, "4");
    fixture_start_workers (f, 2);
    for (int crash = 0; crash < 4; crash++) {
        int end;
        assert_int_equal (waitpid (pid, &end, 0), pid);
        assert_true (WIFEXITED (end));
        assert_int_equal (WEXITSTATUS (end), 7);
        unsigned char acknowledged [CRASH_ITEMS];
        for (uint64_t item = 0; item < CRASH_ITEMS; item++)
            acknowledged [item] = atomic_load (&count_settled_items [item]);
        fixture_open (f, CRASH_ITEMS);          // looks at the store alone
        fixture_results (f);
        for (uint64_t item = 0; item < CRASH_ITEMS; item++)
            assert_true (item % 50 == 0 || !acknowledged [item] || count_has (f->store, 'L', item));   // stale ones are forgotten too
        fixture_close (f);
        if (crash < 3)
            pid = start_coordinator (f, crash == 2 ? "2" : "5");
    }
    fixture_open (f, CRASH_ITEMS);
    f->count.stale = 50;
    f->count.setup.pause_us = 300;              // the same run, so the workers keep what they have
    assert_int_equal (fixture_run (f), OK);
    fixture_join (f);
    fixture_check_complete (f);
}

static int be_a_worker (const char *address)
{
    fault_t fault = { 0 };
    worker_options_t options = { .endpoint = { .address = address } };
    return worker_run (&options, &fault) == OK ? 0 : 1;
}

static children_t *start_children (void *ctx)
{
    fixture_t *f = ctx;
    children_t *children;
    fault_t fault = { 0 };
    must (children_start ("/proc/self/exe", f->address, 2, &children, &fault) == OK);
    return children;
}

static void worker_processes_that_crash_are_started_again (void **state)
{
    fixture_t *f = *state;
    fixture_open (f, 60);
    f->options.start = start_children;
    f->options.beat_ms = 50;
    f->count.setup.deadly = 21;
    assert_int_equal (fixture_run (f), OK);
    fixture_check_complete (f);
    assert_int_equal (f->state.workers_died, 3);
    buf_t value = { 0 };
    for (uint64_t item = 0; item < 60; item++)
        assert_int_equal (fixture_result (f, item, &value) == 'q', item == 21);
    buf_free (&value);
}

#define TEST(name) cmocka_unit_test_setup_teardown (name, setup, teardown)

int main (int argc, char **argv)
{
    log_setup (getenv ("SERVE_LOG") ? LOG_DEBUG : LOG_QUIET, NULL);
    worker_kind_add (&count_worker_class);
    endpoint_setup ();
    if (argc == 4 && strcmp (argv [1], "--coordinator") == 0)
        return be_a_coordinator (argv [2], (unsigned) strtoul (argv [3], NULL, 10));
    if (argc >= 3 && strcmp (argv [1], "worker") == 0)
        return be_a_worker (argv [2]);
    const struct CMUnitTest tests [] = {
        TEST (real_workers_do_all_of_it),
        TEST (a_complete_run_has_nothing_to_do),
        TEST (a_small_window_is_gone_through),
        TEST (what_settles_itself_needs_no_worker),
        TEST (what_workers_must_know_may_change_with_a_phase),
        TEST (a_failing_command_stops_the_run_and_is_run_again),
        TEST (a_long_command_is_stopped_by_a_drain),
        TEST (results_between_phases_change_nothing),
        TEST (a_budget_is_used_up_and_never_passed),
        TEST (a_lost_grant_counts_as_spent),
        TEST (what_is_spent_before_a_hello_is_not_forgotten),
        TEST (what_is_spent_beyond_a_grant_is_spent),
        TEST (an_item_that_kills_is_set_aside_and_can_be_tried_again),
        TEST (a_running_job_takes_items_up_again),
        TEST (a_hung_worker_is_relieved_and_may_come_back),
        TEST (late_results_do_not_leave_a_lease_behind),
        TEST (hello_again_forgets_what_was_wanted),
        TEST (workers_are_told_how_many_share),
        TEST (an_idle_worker_takes_a_copy_of_the_slowest_lease),
        TEST (a_loop_that_stood_still_kills_nobody),
        TEST (nothing_unreadable_harms_the_run),
        TEST (a_drained_run_resumes),
        TEST (stopping_at_once_keeps_what_was_acknowledged),
        TEST (a_drain_does_not_wait_for_the_dead),
        TEST (what_was_acknowledged_survives_a_crash),
        TEST (worker_processes_that_crash_are_started_again),
    };
    if (getenv ("SERVE_TEST"))
        cmocka_set_test_filter (getenv ("SERVE_TEST"));
    int failed = cmocka_run_group_tests (tests, NULL, NULL);
    endpoint_teardown ();
    return failed;
}
