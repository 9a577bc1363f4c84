// A worker against a coordinator that follows a script: how it comes to its end.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/unit/worker_scene.h"

// --- ends ------------------------------------------------------------------

// More than are done before a drain is heard of.
enum { ITEMS = 2000 };

static void drained (scene_t *scene, bool asked)
{
    greet (scene);
    tell_lease (scene, 1, 2 * ITEMS);
    tell_batch (scene, 1, 1, ITEMS, "later", false);
    if (asked)
        tell_simple (scene, RULEMILL__TO_WORKER__BODY_DRAIN);
    else
        worker_interrupt ();
    // some are done, the one in hand too; the rest comes back
    size_t finals = 0;
    bool returned = false, bye = false;
    while (!bye) {
        Rulemill__ToCoordinator *message = hear (scene, PATIENCE_MS);
        assert_non_null (message);
        if (message->body_case == RESULTS) {
            assert_false (returned);
            finals += message->results->n_results;
            tell_ack_of (scene, message->results);
        }
        returned |= message->body_case == RETURN;
        bye = message->body_case == BYE;
        rulemill__to_coordinator__free_unpacked (message, NULL);
    }
    assert_true (returned);
    assert_true (finals < ITEMS);
    assert_int_equal (scene_join (scene), ERR_STOPPED);
    scene->wanted = 0;
}

static void test_drained (void **state)
{
    drained (*state, true);
    drained (*state, false);
}

static void test_drain_waits_for_the_item_in_hand (void **state)
{
    scene_t *scene = *state;
    greet (scene);
    tell_work (scene, 1, 1, 1, "block");
    await_block (scene);
    worker_interrupt ();
    assert_null (hear (scene, 500));
    seen.go = true;
    hear_finals (scene, 1, 7, 1);
    assert_null (hear (scene, 300));        // not before the Ack
    tell_ack (scene, 7, 1, 1, 1, NULL);
    expect_and_drop (scene, BYE);           // nothing is left to return
    assert_int_equal (scene_join (scene), ERR_STOPPED);
}

static void test_drain_without_ack (void **state)
{
    scene_t *scene = *state;
    greet (scene);
    tell_work (scene, 1, 1, 1, "now");
    hear_finals (scene, 1, 7, 1);
    int64_t before_ms = clock_ms (NULL);
    worker_interrupt ();
    expect_and_drop (scene, BYE);
    assert_true (clock_ms (NULL) - before_ms >= 5000);
    assert_int_equal (scene_join (scene), ERR_STOPPED);
}

static void test_second_interrupt (void **state)
{
    scene_t *scene = *state;
    greet (scene);
    tell_work (scene, 1, 1, 1, "block");
    await_block (scene);
    worker_interrupt ();
    worker_interrupt ();
    expect_and_drop (scene, RETURN);
    expect_and_drop (scene, BYE);
    assert_int_equal (scene_join (scene), ERR_STOPPED);
    assert_int_equal (seen.closes, 0);              // the item is still in hand
    seen.go = true;
    assert_true (await_count (&seen.closes, 1));    // the thread that was left behind ends by itself
}

static void test_drain_before_welcome (void **state)
{
    scene_t *scene = *state;
    scene_start (scene);
    expect_and_drop (scene, HELLO);
    worker_interrupt ();
    assert_int_equal (scene_join (scene), ERR_STOPPED);
}

static void test_parent_that_is_gone (void **state)
{
    scene_t *scene = *state;
    pid_t child = fork ();
    if (child == 0) {
        scene->options.parent = 1;      // not ours
        _exit (worker_run (&scene->options, &scene->fault) == ERR_STOPPED ? 0 : 1);
    }
    int result;
    assert_int_equal (waitpid (child, &result, 0), child);
    assert_true (WIFEXITED (result) && WEXITSTATUS (result) == 0);
}

int main (void)
{
    scene_setup ();
    const struct CMUnitTest tests [] = {
        SCENE_TEST (test_drained),
        SCENE_TEST (test_drain_waits_for_the_item_in_hand),
        SCENE_TEST (test_drain_without_ack),
        SCENE_TEST (test_second_interrupt),
        SCENE_TEST (test_drain_before_welcome),
        SCENE_TEST (test_parent_that_is_gone),
    };
    int failed = cmocka_run_group_tests (tests, NULL, NULL);
    scene_teardown ();
    return failed;
}
