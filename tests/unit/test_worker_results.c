// A worker against a coordinator that follows a script: results until they are acknowledged, leases that end early, much work.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/unit/worker_scene.h"

// --- results ---------------------------------------------------------------

static void test_partial_then_final (void **state)
{
    scene_t *scene = *state;
    greet (scene);
    tell_work (scene, 1, 5, 1, "two");
    Rulemill__ToCoordinator *message = expect (scene, RESULTS);
    assert_int_equal (message->results->n_results, 2);
    assert_false (message->results->results [0]->final);
    assert_true (message->results->results [1]->final);
    assert_int_equal (message->results->results [0]->spent->calls, 1);
    rulemill__to_coordinator__free_unpacked (message, NULL);
    assert_int_equal (finish (scene), OK);
}

static void test_kept_until_acknowledged (void **state)
{
    scene_t *scene = *state;
    greet (scene);
    tell_work (scene, 1, 10, 3, "two");
    hear_finals (scene, 3, 7, 1);
    tell_ack (scene, 7, 1, 10, 1, NULL);
    assert_true (await_count (&seen.settled, 1));
    // a coordinator that has started again
    tell_simple (scene, RULEMILL__TO_WORKER__BODY_WHO);
    Rulemill__ToCoordinator *hello = expect (scene, HELLO);
    assert_int_equal (hello->hello->run.len, DIGEST_BYTES);
    rulemill__to_coordinator__free_unpacked (hello, NULL);
    scene->epoch = 8;
    scene->wanted = 0;
    tell_welcome (scene, 'r', "toy", "setup", NULL);
    Rulemill__ToCoordinator *message = expect (scene, RESULTS);
    assert_int_equal (message->results->epoch, 7);
    assert_int_equal (message->results->n_results, 4);      // two partial ones, two final ones
    assert_int_equal (message->results->results [0]->item, 11);
    assert_false (message->results->results [0]->final);
    rulemill__to_coordinator__free_unpacked (message, NULL);
    await_wanted (scene, 2);
    tell_ack (scene, 7, 1, 11, 2, NULL);
    assert_true (await_count (&seen.settled, 3));
    assert_int_equal (seen.opens, 1);
    // leases of the new epoch may have the numbers of the old one
    tell_work (scene, 1, 20, 2, "now");
    hear_finals (scene, 2, 8, 1);
    assert_int_equal (finish (scene), OK);
}

// A Results message of one item's partial and final result, which says that one call was used, or (used false) nothing; its number.
static uint64_t hear_two (scene_t *scene, bool used)
{
    Rulemill__ToCoordinator *message = expect (scene, RESULTS);
    uint64_t frame = message->results->frame;
    assert_int_equal (message->results->n_results, 2);
    assert_int_equal (message->results->results [0]->spent != NULL, used);
    rulemill__to_coordinator__free_unpacked (message, NULL);
    return frame;
}

// Its Acks are lost: what was taken is sent again without what it used, what was not is as it was.
static void test_a_welcome_says_what_was_taken (void **state)
{
    scene_t *scene = *state;
    greet (scene);
    tell_work (scene, 1, 10, 1, "two");
    uint64_t first = hear_two (scene, true);
    tell_work (scene, 2, 20, 1, "two");
    uint64_t second = hear_two (scene, true);
    assert_int_equal (first, 1);
    assert_int_equal (second, 2);
    tell_simple (scene, RULEMILL__TO_WORKER__BODY_WHO);
    Rulemill__ToCoordinator *hello = expect (scene, HELLO);
    assert_int_equal (hello->hello->frame, second);
    assert_true (hello->hello->sender != 0);
    rulemill__to_coordinator__free_unpacked (hello, NULL);
    scene->taken = first;
    tell_welcome (scene, 'r', "toy", "setup", NULL);
    hear_two (scene, false);
    hear_two (scene, true);
    assert_int_equal (finish (scene), OK);
}

// A lease ends by itself between a Hello and its answer: what was judged of it is sent once, after the Welcome.
static void test_nothing_is_sent_between_hello_and_welcome (void **state)
{
    scene_t *scene = *state;
    greet (scene);
    tell_lease (scene, 1, 2);
    tell_batch (scene, 1, 10, 1, "block", false);
    tell_batch (scene, 1, 11, 1, "bad", true);
    await_block (scene);
    tell_simple (scene, RULEMILL__TO_WORKER__BODY_WHO);
    expect_and_drop (scene, HELLO);
    seen.go = true;
    assert_true (await_count (&seen.revokes, 1));       // it has been given up
    tell_welcome (scene, 'r', "toy", "setup", NULL);
    Rulemill__ToCoordinator *message = expect (scene, RESULTS);
    assert_int_equal (message->results->frame, 1);
    assert_int_equal (message->results->n_results, 1);
    assert_int_equal (message->results->results [0]->spent->calls, 2);
    rulemill__to_coordinator__free_unpacked (message, NULL);
    assert_int_equal (finish (scene), OK);      // and nothing else was said
}

static void test_coordinator_comes_back (void **state)
{
    scene_t *scene = *state;
    greet (scene);
    tell_work (scene, 1, 10, 2, "now");
    hear_finals (scene, 2, 7, 1);
    hub_close (&scene->hub);
    scene_open_hub (scene);
    scene->epoch = 9;
    expect_and_drop (scene, HELLO);
    tell_welcome (scene, 'r', "toy", "setup", NULL);
    hear_finals (scene, 2, 7, 1);
    tell_ack (scene, 7, 1, 10, 2, NULL);
    assert_true (await_count (&seen.settled, 2));
    assert_int_equal (finish (scene), OK);
}

static void test_another_run_drops_everything (void **state)
{
    scene_t *scene = *state;
    greet (scene);
    tell_work (scene, 1, 10, 2, "now");
    hear_finals (scene, 2, 7, 1);
    tell_work (scene, 2, 20, 1, "never");
    tell_simple (scene, RULEMILL__TO_WORKER__BODY_WHO);
    expect_and_drop (scene, HELLO);
    scene->epoch = 8;
    scene->wanted = 0;
    tell_welcome (scene, 's', "toy", "setup", NULL);
    await_wanted (scene, 2);
    assert_null (hear (scene, 300));        // nothing of the old run
    assert_int_equal (seen.opens, 2);
    assert_int_equal (seen.closes, 1);
    tell_simple (scene, RULEMILL__TO_WORKER__BODY_WHO);
    Rulemill__ToCoordinator *hello = expect (scene, HELLO);
    assert_int_equal (hello->hello->run.len, 0);
    rulemill__to_coordinator__free_unpacked (hello, NULL);
    scene->wanted = 0;
    tell_welcome (scene, 's', "toy", "setup", NULL);
    await_wanted (scene, 2);
    tell_work (scene, 1, 10, 2, "now");
    hear_finals (scene, 2, 8, 1);
    assert_int_equal (finish (scene), OK);
}

static void test_stale_is_computed_again (void **state)
{
    scene_t *scene = *state;
    greet (scene);
    tell_work (scene, 1, 10, 2, "now");
    hear_finals (scene, 2, 7, 1);
    tell_ack (scene, 7, 1, 11, 1, "now with other cells");
    Rulemill__ToCoordinator *message = expect (scene, RESULTS);
    assert_int_equal (message->results->n_results, 1);
    assert_int_equal (message->results->results [0]->item, 11);
    assert_int_equal (message->results->results [0]->body.len, 20);
    rulemill__to_coordinator__free_unpacked (message, NULL);
    tell_ack (scene, 7, 1, 99, 1, "now never heard of");        // nothing
    tell_ack (scene, 7, 1, 10, 2, NULL);
    assert_true (await_count (&seen.settled, 2));
    assert_int_equal (seen.again, 1);
    // one that can't be computed again is given back
    tell_work (scene, 2, 20, 1, "now");
    hear_finals (scene, 1, 7, 2);
    tell_ack (scene, 7, 2, 20, 1, "bad cells");
    expect_and_drop (scene, RETURN);
    assert_int_equal (finish (scene), OK);
}

// --- leases that end early -------------------------------------------------

static void test_revoked (void **state)
{
    scene_t *scene = *state;
    greet (scene);
    tell_lease (scene, 1, 6);
    tell_batch (scene, 1, 1, 1, "block", false);
    await_block (scene);
    tell_batch (scene, 1, 2, 5, "now", true);       // waits behind it
    Rulemill__Revoke revoke = RULEMILL__REVOKE__INIT;
    revoke.epoch = 7;
    revoke.lease = 1;
    tell (scene, RULEMILL__TO_WORKER__BODY_REVOKE, &revoke);
    await_wanted (scene, 3);
    seen.go = true;
    assert_int_equal (hear_finals (scene, 1, 7, 1), 1);     // the one in hand is welcome
    assert_null (hear (scene, 300));
    assert_int_equal (seen.revokes, 1);
    assert_int_equal (finish (scene), OK);
}

static void test_leases_that_break_the_rules (void **state)
{
    scene_t *scene = *state;
    scene->options.credit_bytes = 1000;
    greet (scene);
    tell_lease (scene, 1, 2);
    tell_batch (scene, 1, 1, 3, "never", true);     // more than announced
    expect_return (scene, 1);
    tell_lease (scene, 2, 4);
    tell_batch (scene, 2, 1, 2, "never", false);
    tell_batch (scene, 2, 2, 2, "never", true);     // item 2 once more
    expect_return (scene, 2);
    await_wanted (scene, 4);
    tell_work (scene, 3, 50, 1, "now");
    hear_finals (scene, 1, 7, 3);
    tell_ack (scene, 7, 3, 50, 1, NULL);            // in between all is well
    assert_true (await_count (&seen.settled, 1));
    char body [1201] = "never";
    memset (body + 5, 'x', 1195);
    tell_lease (scene, 4, 2);
    tell_batch (scene, 4, 60, 1, body, false);      // uses all of the credit
    tell_batch (scene, 4, 61, 1, body, true);
    expect_return (scene, 4);
    assert_int_equal (finish (scene), OK);
}

static void test_more_leases_than_wanted (void **state)
{
    scene_t *scene = *state;
    greet (scene);
    tell_work (scene, 1, 1, 1, "never");
    tell_work (scene, 2, 2, 1, "never");
    tell_work (scene, 3, 3, 1, "never");
    expect_return (scene, 3);
    worker_interrupt ();
    worker_interrupt ();
    assert_int_equal (scene_join (scene), ERR_STOPPED);
}

static void test_unreadable_batches (void **state)
{
    scene_t *scene = *state;
    greet (scene);
    for (uint64_t lease = 1; lease <= 3; lease++) {
        await_wanted (scene, 1 + (unsigned) lease);
        tell_work (scene, lease, 10 * lease, 1, "bad");
        expect_return (scene, lease);
    }
    expect_and_drop (scene, UNFIT);
    assert_int_equal (scene_join (scene), ERR_USAGE);
}

static void test_garbage_is_dropped (void **state)
{
    scene_t *scene = *state;
    greet (scene);
    buf_t frame = { 0 };
    for (int i = 0; i < 100; i++) {
        buf_clear (&frame);
        for (int j = 0; j < i; j++)
            buf_add_char (&frame, (char) (i * 31 + j * 17));
        if (i % 2 && frame.len >= 4)
            memcpy (frame.data, "RM\x01\x00", 4);
        assert_int_equal (hub_send (scene->hub, &scene->peer, &frame, NULL), OK);
    }
    buf_free (&frame);
    tell_batch (scene, 99, 1, 5, "bad", true);      // of no lease
    tell_ack (scene, 1, 2, 3, 4, NULL);             // of nothing
    tell_work (scene, 1, 1, 1, "now");
    hear_finals (scene, 1, 7, 1);
    assert_int_equal (finish (scene), OK);
}

// --- much work -------------------------------------------------------------

// Many leases one after the other; every item has exactly one final result, and nothing piles up.
static void test_many_items (void **state)
{
    scene_t *scene = *state;
    enum { LEASES = 100, ITEMS = 500 };
    uint8_t *count = mem_zero (LEASES * ITEMS, 1);
    greet (scene);
    int64_t before_ms = clock_ms (NULL);
    size_t leased = 0, finals = 0;
    while (finals < LEASES * ITEMS) {
        for (; leased < LEASES && leased < scene->wanted; leased++)
            tell_work (scene, leased + 1, leased * ITEMS, ITEMS, leased % 7 == 6 ? "two" : "now");
        Rulemill__ToCoordinator *message = hear (scene, 20);
        if (!message)
            continue;
        assert_int_equal (message->body_case, RESULTS);
        for (size_t i = 0; i < message->results->n_results; i++) {
            const Rulemill__Result *result = message->results->results [i];
            if (result->final)
                assert_int_equal (count [result->item]++, 0);
            finals += result->final;
        }
        tell_ack_of (scene, message->results);
        rulemill__to_coordinator__free_unpacked (message, NULL);
    }
    print_message ("%d items in %lld ms\n", LEASES * ITEMS, (long long) (clock_ms (NULL) - before_ms));
    assert_true (await_count (&seen.settled, LEASES * ITEMS));
    assert_int_equal (finish (scene), OK);
    free (count);
}

// A coordinator that never acknowledges stops the work before memory does.
static void test_no_ack_stops_the_work (void **state)
{
    scene_t *scene = *state;
    greet (scene);
    size_t len = 200 * 1000, finals = 0, leased = 0;
    char *body = mem_zero (1, len + 1);
    memset (body, 'n', len);
    int64_t quiet_ms = clock_ms (NULL);
    while ((finals < 40 || clock_ms (NULL) - quiet_ms < 1500) && leased < 400) {
        if (leased < scene->wanted && scene->credit > leased * len) {
            tell_work (scene, leased + 1, leased, 1, body);
            leased++;
        }
        Rulemill__ToCoordinator *message = hear (scene, 10);
        if (!message)
            continue;
        quiet_ms = clock_ms (NULL);
        finals += message->results->n_results;
        rulemill__to_coordinator__free_unpacked (message, NULL);
    }
    assert_in_range (finals, 40, 120);
    for (uint64_t i = 0; i < leased; i++)
        tell_ack (scene, 7, i + 1, i, 1, NULL);
    hear_finals (scene, 1, 7, finals + 1);          // and it goes on
    worker_interrupt ();
    worker_interrupt ();
    scene_join (scene);
    free (body);
}

// --- a share of the limits, and more leases -----------------------------------

// What it may use of the job's limits is void with a Welcome, and told again.
static void test_share_is_passed_on (void **state)
{
    scene_t *scene = *state;
    greet (scene);
    Rulemill__Share share = RULEMILL__SHARE__INIT;
    share.workers = 3;
    tell (scene, RULEMILL__TO_WORKER__BODY_SHARE, &share);
    assert_true (await_count (&seen.sharing, 3));
    tell_simple (scene, RULEMILL__TO_WORKER__BODY_WHO);
    expect_and_drop (scene, HELLO);
    tell_welcome (scene, 'r', "toy", "setup", NULL);
    for (int64_t until_ms = clock_ms (NULL) + PATIENCE_MS; seen.sharing != 0 && clock_ms (NULL) < until_ms;)
        usleep (10000);
    assert_int_equal (seen.sharing, 0);
    tell (scene, RULEMILL__TO_WORKER__BODY_SHARE, &share);
    assert_true (await_count (&seen.sharing, 3));
    assert_int_equal (seen.opens, 1);
    assert_int_equal (finish (scene), OK);
}

// Work that could do more at once than it has items for gets more leases, one after the other, until it has enough.
static void test_hungry_work_gets_more_leases (void **state)
{
    scene_t *scene = *state;
    greet (scene);
    tell_work (scene, 1, 0, 1, "never");
    tell_work (scene, 2, 10, 1, "never");
    seen.hungry = true;
    for (unsigned wanted = 3; wanted < 6; wanted++) {
        await_wanted (scene, wanted);
        tell_work (scene, wanted, 10 * wanted, 1, "never");
    }
    await_wanted (scene, 6);
    seen.hungry = false;
    tell_work (scene, 6, 60, 1, "never");
    for (unsigned beats = scene->beats; scene->beats < beats + 10;)
        assert_null (hear (scene, 20));
    assert_int_equal (scene->wanted, 6);
    assert_int_equal (finish (scene), OK);
}

int main (void)
{
    scene_setup ();
    const struct CMUnitTest tests [] = {
        SCENE_TEST (test_partial_then_final),
        SCENE_TEST (test_kept_until_acknowledged),
        SCENE_TEST (test_a_welcome_says_what_was_taken),
        SCENE_TEST (test_nothing_is_sent_between_hello_and_welcome),
        SCENE_TEST (test_coordinator_comes_back),
        SCENE_TEST (test_another_run_drops_everything),
        SCENE_TEST (test_stale_is_computed_again),
        SCENE_TEST (test_revoked),
        SCENE_TEST (test_leases_that_break_the_rules),
        SCENE_TEST (test_more_leases_than_wanted),
        SCENE_TEST (test_unreadable_batches),
        SCENE_TEST (test_garbage_is_dropped),
        SCENE_TEST (test_many_items),
        SCENE_TEST (test_no_ack_stops_the_work),
        SCENE_TEST (test_share_is_passed_on),
        SCENE_TEST (test_hungry_work_gets_more_leases),
    };
    int failed = cmocka_run_group_tests (tests, NULL, NULL);
    scene_teardown ();
    return failed;
}
