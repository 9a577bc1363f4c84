// The event loop and the numbers of Results: which frames of a sender were taken, so that what they used is counted once.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "base/mem.h"
#include "coordinator/serve_parts.h"
#include "tests/unit/serve_fixture.h"

enum { SENDER = 77, EARLY = 200, WINDOW = 64, TOO_MANY = 16 };

// A worker that just ends would be one that died.
static void end_with_the_run (scripted_t *script)
{
    must (scripted_await (script, RULEMILL__TO_WORKER__BODY_FINISHED, 10000));
    scripted_bye (script);
}

static void expect_taken (scripted_t *script, uint64_t frame)
{
    scripted_hello (script);
    must (script->message->welcome->taken == frame);
}

static void connect_anew (fixture_t *f, scripted_t *script)
{
    scripted_t before = *script;
    scripted_close (script);
    scripted_open (script, f->address);
    script->sender = before.sender;
    script->frame = before.frame;
}

static void give_all_but_the_last (scripted_t *script)
{
    for (size_t i = 0; i + 1 < script->n_items; i++)
        scripted_result (script, script->lease, script->items [i], 0);
    scripted_await_ack (script, script->items [script->n_items - 2]);
}

static void forgets_its_acks (fixture_t *f, scripted_t *script)
{
    script->sender = SENDER;
    script->frame = 10;                         // sent to a coordinator before this one
    expect_taken (script, 0);
    scripted_take_lease (script);
    must (script->n_items == 5);
    give_all_but_the_last (script);
    expect_taken (script, 14);                  // known, and greeted again
    connect_anew (f, script);
    expect_taken (script, 14);                  // still known by its old connection
    scripted_bye (script);
    expect_taken (script, 14);                  // gone, and come back
    scripted_bye (script);
    script->sender++;
    connect_anew (f, script);
    expect_taken (script, 0);                   // another process
    scripted_take_lease (script);
    must (script->n_items == 1);
    scripted_result (script, script->lease, script->items [0], 0);
    scripted_await_ack (script, script->items [0]);
    end_with_the_run (script);
}

// The five even ones of ten items.
static void run_with (fixture_t *f, script_fn *script)
{
    fixture_open (f, 10);
    f->options.beat_ms = 10000;
    f->count.even_alone = true;
    fixture_start_script (f, script);
    assert_int_equal (fixture_run (f), OK);
    assert_int_equal (fixture_results (f), 5);
    assert_int_equal (f->state.workers_died, 0);
}

static void a_welcome_says_which_frame_was_taken_last (void **state)
{
    run_with (*state, forgets_its_acks);
}

static void loses_a_frame (fixture_t *f, scripted_t *script)
{
    (void) f;
    script->sender = SENDER;
    scripted_hello (script);
    scripted_take_lease (script);
    must (script->n_items == 5);
    scripted_result (script, script->lease, script->items [0], 3);
    script->frame++;                            // the second one is lost on its way
    scripted_result (script, script->lease, script->items [1], 3);
    must (scripted_await (script, RULEMILL__TO_WORKER__BODY_WHO, 10000));
    expect_taken (script, 1);
    for (size_t i = 1; i < 5; i++)
        scripted_result (script, script->lease, script->items [i], 3);
    scripted_await_ack (script, script->items [4]);
    end_with_the_run (script);
}

static void a_frame_after_one_that_was_lost_is_not_taken (void **state)
{
    fixture_t *f = *state;
    run_with (f, loses_a_frame);
    assert_int_equal (fixture_spent (f), 5 * 3);
}

// In the loop's thread, once a script has said Hello: workers that say nothing take all other places.
static void fill_the_house (void *ctx)
{
    fixture_t *f = ctx;
    if (f->step != 1)
        return;
    for (size_t i = 0; HASH_COUNT (f->serve->peers) < LIMIT_PEERS; i++) {
        peer_t *peer = mem_zero (1, sizeof *peer);
        peer->id.len = sizeof i;
        memcpy (peer->id.id, &i, sizeof i);
        peer->heard_ms = serve_now (f->serve);
        HASH_ADD_KEYPTR (hh, f->serve->peers, peer->id.id, peer->id.len, peer);
    }
    fixture_reach (f, 2);
}

static void connects_anew_to_a_full_house (fixture_t *f, scripted_t *script)
{
    script->sender = SENDER;
    scripted_hello (script);
    fixture_reach (f, 1);
    fixture_wait (f, 2);
    connect_anew (f, script);
    scripted_hello (script);
    scripted_take_lease (script);
    for (size_t i = 0; i < script->n_items; i++)
        scripted_result (script, script->lease, script->items [i], 0);
    scripted_await_ack (script, script->items [script->n_items - 1]);
}

static void who_connects_anew_has_a_place_in_a_full_house (void **state)
{
    fixture_t *f = *state;
    fixture_open (f, 10);
    f->options.beat_ms = 1000000;
    f->options.turn = fill_the_house;
    f->count.even_alone = true;
    fixture_start_script (f, connects_anew_to_a_full_house);
    assert_int_equal (fixture_run (f), OK);
    assert_int_equal (fixture_results (f), 5);
}

static _Atomic uint64_t used_calls, written_calls;

static void count_used (kind_t *kind, const usage_t *usage)
{
    (void) kind;
    used_calls += usage->adapter_calls;
}

static void count_written (kind_t *kind)
{
    (void) kind;
    written_calls = used_calls;
}

// What a served adapter was asked in vain: a result of nothing else.
static void says_what_it_used (fixture_t *f, scripted_t *script)
{
    (void) f;
    scripted_hello (script);
    scripted_take_lease (script);
    scripted_result (script, script->lease, script->items [0], 0);
    scripted_await_ack (script, script->items [0]);
    Rulemill__Usage usage = RULEMILL__USAGE__INIT;
    usage.adapter_calls = 4;
    Rulemill__Result result = RULEMILL__RESULT__INIT, *list [] = { &result };
    result.item = script->items [0];
    result.usage = &usage;
    Rulemill__Results results = RULEMILL__RESULTS__INIT;
    results.epoch = script->epoch;
    results.lease = script->lease;
    results.results = list;
    results.n_results = 1;
    SAY (script, results, RESULTS, &results);
    must (scripted_await (script, RULEMILL__TO_WORKER__BODY_ACK, 10000));
    must (written_calls == 4);
    for (size_t i = 1; i < script->n_items; i++)
        scripted_result (script, script->lease, script->items [i], 0);
    scripted_await_ack (script, script->items [script->n_items - 1]);
}

static void what_was_used_is_on_disk_before_it_is_acknowledged (void **state)
{
    fixture_t *f = *state;
    fixture_open (f, 10);
    f->options.beat_ms = 10000;
    f->count.even_alone = true;
    f->count.class.used = count_used;
    f->count.class.after_write = count_written;
    fixture_start_script (f, says_what_it_used);
    assert_int_equal (fixture_run (f), OK);
}

// In every turn of the loop, also where a result has come and is not on disk yet.
static void tells_no_more_than_is_on_disk (void *ctx)
{
    fixture_t *f = ctx;
    serve_state_t state;
    serve_state (f->serve, &state);
    must (state.position <= count_mark (f->store, "even"));
    must (state.spent.unit [SPEND_CALLS] + state.reserved.unit [SPEND_CALLS] <= fixture_spent (f));
}

static void gives_one_by_one (fixture_t *f, scripted_t *script)
{
    (void) f;
    scripted_hello (script);
    scripted_take_lease (script);
    for (size_t i = 0; i < script->n_items; i++) {
        scripted_result (script, script->lease, script->items [i], 3);
        scripted_await_ack (script, script->items [i]);
    }
}

static void nothing_is_told_that_a_kill_could_take_back (void **state)
{
    fixture_t *f = *state;
    fixture_open (f, 10);
    f->options.beat_ms = 10000;
    f->options.turn = tells_no_more_than_is_on_disk;
    f->options.budget = spend_of (1000, 0, 0);
    f->count.even_alone = true;
    fixture_start_script (f, gives_one_by_one);
    assert_int_equal (fixture_run (f), OK);
    assert_int_equal (f->state.position, 10);
    assert_int_equal (f->state.spent.unit [SPEND_CALLS], 5 * 3);
}

// Of an earlier coordinator's time, and more of them than are remembered.
static void brings_much_too_early (fixture_t *f, scripted_t *script)
{
    scripted_hello (script);
    script->epoch++;
    for (uint64_t i = 0; i < WINDOW + TOO_MANY; i++) {
        uint64_t item = EARLY + 2 * i;
        scripted_result (script, 1, item, 3);
        must (scripted_await (script, RULEMILL__TO_WORKER__BODY_ACK, 10000));
        const Rulemill__Ack *ack = script->message->ack;
        bool kept = i < WINDOW;
        must (ack->n_items == kept && ack->n_stale == !kept);
        must (kept ? ack->items [0] == item : ack->stale [0]->item == item && ack->stale [0]->known.len == 0);
    }
    scripted_bye (script);
    fixture_reach (f, 1);
}

static void what_is_too_early_is_counted_and_done_in_its_turn (void **state)
{
    fixture_t *f = *state;
    fixture_open (f, 400);
    f->options.window = WINDOW;
    f->options.beat_ms = 10000;
    f->count.even_alone = true;
    fixture_start_script (f, brings_much_too_early);
    fixture_start_late_worker (f);
    assert_int_equal (fixture_run (f), OK);
    assert_int_equal (fixture_results (f), 200);
    assert_int_equal (fixture_spent (f), (WINDOW + TOO_MANY) * 3);
}

int main (void)
{
    fixture_setup ();
    const struct CMUnitTest tests [] = {
        FIXTURE_TEST (a_welcome_says_which_frame_was_taken_last),
        FIXTURE_TEST (a_frame_after_one_that_was_lost_is_not_taken),
        FIXTURE_TEST (who_connects_anew_has_a_place_in_a_full_house),
        FIXTURE_TEST (what_was_used_is_on_disk_before_it_is_acknowledged),
        FIXTURE_TEST (nothing_is_told_that_a_kill_could_take_back),
        FIXTURE_TEST (what_is_too_early_is_counted_and_done_in_its_turn),
    };
    int failed = cmocka_run_group_tests (tests, NULL, NULL);
    endpoint_teardown ();
    return failed;
}
