// The event loop: a trivial kind with real workers and scripted ones. Whole runs, their phases and budgets, and what can't be
// read. After each scenario every acknowledged item stands in the store exactly once.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/serve_fixture.h"

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
    scripted_result_body (script, 987654321, 2, "?", 1, 0);     // by what was asked then it may have been right
    must (scripted_await (script, RULEMILL__TO_WORKER__BODY_ACK, 10000));
    must (script->message->ack->n_items == 0 && script->message->ack->n_stale == 1 && script->message->ack->stale [0]->item == 2);
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

int main (void)
{
    fixture_setup ();
    const struct CMUnitTest tests [] = {
        FIXTURE_TEST (real_workers_do_all_of_it),
        FIXTURE_TEST (a_complete_run_has_nothing_to_do),
        FIXTURE_TEST (a_small_window_is_gone_through),
        FIXTURE_TEST (what_settles_itself_needs_no_worker),
        FIXTURE_TEST (what_workers_must_know_may_change_with_a_phase),
        FIXTURE_TEST (a_failing_command_stops_the_run_and_is_run_again),
        FIXTURE_TEST (a_long_command_is_stopped_by_a_drain),
        FIXTURE_TEST (results_between_phases_change_nothing),
        FIXTURE_TEST (a_budget_is_used_up_and_never_passed),
        FIXTURE_TEST (a_lost_grant_counts_as_spent),
        FIXTURE_TEST (what_is_spent_before_a_hello_is_not_forgotten),
        FIXTURE_TEST (what_is_spent_beyond_a_grant_is_spent),
        FIXTURE_TEST (nothing_unreadable_harms_the_run),
    };
    int failed = cmocka_run_group_tests (tests, NULL, NULL);
    endpoint_teardown ();
    return failed;
}
