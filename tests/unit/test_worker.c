// A worker against a coordinator that follows a script: how they meet, what they need to begin, and signs of life.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "proto/wire.h"
#include "tests/unit/worker_scene.h"

// --- a life ----------------------------------------------------------------

static void test_whole_life (void **state)
{
    scene_t *scene = *state;
    scene_start (scene);
    Rulemill__ToCoordinator *hello = expect (scene, HELLO);
    assert_int_equal (hello->hello->protocol_min, PROTOCOL_MIN);
    assert_int_equal (hello->hello->protocol_max, PROTOCOL_MAX);
    assert_int_equal (hello->hello->pid, getpid ());
    assert_int_equal (hello->hello->run.len, 0);
    rulemill__to_coordinator__free_unpacked (hello, NULL);
    tell_welcome (scene, 'r', "toy", "setup", NULL);
    await_wanted (scene, 2);
    assert_int_equal (scene->credit, 2 * 1024 * 1024);
    tell_work (scene, 1, 10, 3, "now");
    Rulemill__ToCoordinator *message = expect (scene, RESULTS);
    assert_int_equal (message->results->epoch, 7);
    assert_int_equal (message->results->lease, 1);
    assert_int_equal (message->results->n_results, 3);
    assert_int_equal (message->results->results [2]->item, 12);
    assert_true (message->results->results [2]->final);
    assert_int_equal (message->results->results [2]->spent->calls, 2);
    assert_int_equal (message->results->results [2]->body.len, 3);
    rulemill__to_coordinator__free_unpacked (message, NULL);
    await_wanted (scene, 3);            // done, so another lease is wanted before the Ack
    tell_ack (scene, 7, 1, 10, 3, NULL);
    assert_true (await_count (&seen.settled, 3));
    assert_int_equal (finish (scene), OK);
    assert_int_equal (seen.closes, 1);
}

static void test_credit_comes_back (void **state)
{
    scene_t *scene = *state;
    scene->options.credit_bytes = 1000;
    greet (scene);
    assert_int_equal (scene->credit, 1000);
    char body [401] = "now";
    memset (body + 3, 'x', 397);
    tell_work (scene, 1, 1, 2, body);           // 800 bytes
    hear_finals (scene, 2, 7, 1);
    await_wanted (scene, 3);
    assert_int_equal (scene->credit, 1800);
    tell_work (scene, 2, 10, 5, body);          // overshoots: one batch may
    hear_finals (scene, 5, 7, 2);
    await_wanted (scene, 4);
    assert_int_equal (scene->credit, 3800);
    assert_int_equal (finish (scene), OK);
}

static void test_lost_hello (void **state)
{
    scene_t *scene = *state;
    int64_t before_ms = clock_ms (NULL);
    scene_start (scene);
    expect_and_drop (scene, HELLO);
    expect_and_drop (scene, HELLO);
    assert_true (clock_ms (NULL) - before_ms >= 1000);
    tell_welcome (scene, 'r', "toy", "setup", NULL);
    tell_welcome (scene, 'r', "toy", "setup", NULL);    // the answer to the second
    await_wanted (scene, 2);
    tell_work (scene, 1, 1, 1, "now");
    hear_finals (scene, 1, 7, 1);
    assert_int_equal (seen.opens, 1);
    assert_int_equal (finish (scene), OK);
}

static void refused (scene_t *scene, Rulemill__RefuseReason reason, status_t expected)
{
    scene_start (scene);
    expect_and_drop (scene, HELLO);
    Rulemill__Refuse refuse = RULEMILL__REFUSE__INIT;
    refuse.reason = reason;
    refuse.text = "because of this";
    tell (scene, RULEMILL__TO_WORKER__BODY_REFUSE, &refuse);
    assert_int_equal (scene_join (scene), expected);
    assert_non_null (strstr (scene->fault.text, "because of this"));
}

static void test_refused (void **state)
{
    refused (*state, RULEMILL__REFUSE_REASON__REFUSE_VERSION, ERR_MISMATCH);
    refused (*state, RULEMILL__REFUSE_REASON__REFUSE_FULL, ERR_DENIED);
    refused (*state, RULEMILL__REFUSE_REASON__REFUSE_KEY, ERR_DENIED);
}

static void test_another_protocol (void **state)
{
    scene_t *scene = *state;
    scene_start (scene);
    expect_and_drop (scene, HELLO);
    Rulemill__Welcome welcome = RULEMILL__WELCOME__INIT;
    uint8_t run [DIGEST_BYTES] = { 0 };
    welcome.protocol = 99;
    welcome.run = (ProtobufCBinaryData) { sizeof run, run };
    tell (scene, RULEMILL__TO_WORKER__BODY_WELCOME, &welcome);
    assert_int_equal (scene_join (scene), ERR_MISMATCH);
}

static void test_silence (void **state)
{
    scene_t *scene = *state;
    scene->options.silence_ms = 1500;
    scene_start (scene);
    expect_and_drop (scene, HELLO);
    tell_welcome (scene, 'r', "toy", "setup", NULL);
    unsigned asked = 0;
    for (int64_t until_ms = clock_ms (NULL) + PATIENCE_MS; !scene->over && clock_ms (NULL) < until_ms;) {
        Rulemill__ToCoordinator *message = hear (scene, 20);
        if (message == NULL)
            continue;
        assert_int_equal (message->body_case, HELLO);
        asked++;
        rulemill__to_coordinator__free_unpacked (message, NULL);
    }
    assert_true (asked > 0);        // whether anybody is there
    assert_int_equal (scene_join (scene), ERR_IO);
    assert_non_null (strstr (scene->fault.text, "nothing heard from"));
    assert_non_null (strstr (scene->fault.text, scene->address));
}

static void test_nobody_there (void **state)
{
    scene_t *scene = *state;
    hub_close (&scene->hub);
    scene->options.silence_ms = 500;
    scene_start (scene);
    assert_int_equal (scene_join (scene), ERR_IO);
}

// An idle worker whose coordinator has nothing to say stays: it asks again in half of the time after which it would leave.
static void test_idle_is_not_silence (void **state)
{
    scene_t *scene = *state;
    scene->options.silence_ms = 10000;
    greet (scene);
    for (int asked = 0; asked < 2; asked++) {
        expect_and_drop (scene, HELLO);
        scene->wanted = 0;
        tell_welcome (scene, 'r', "toy", "setup", NULL);
    }
    await_wanted (scene, 2);
    assert_int_equal (seen.opens, 1);
    tell_work (scene, 1, 1, 1, "now");
    hear_finals (scene, 1, 7, 1);
    assert_int_equal (finish (scene), OK);
}

// --- unfit -----------------------------------------------------------------

static void test_unknown_kind (void **state)
{
    scene_t *scene = *state;
    scene_start (scene);
    expect_and_drop (scene, HELLO);
    tell_welcome (scene, 'r', "no such\nkind", "", NULL);
    expect_and_drop (scene, UNFIT);
    assert_int_equal (scene_join (scene), ERR_USAGE);
    assert_non_null (strstr (scene->fault.text, "no such?kind"));
}

static void test_setup_that_does_not_open (void **state)
{
    scene_t *scene = *state;
    scene_start (scene);
    expect_and_drop (scene, HELLO);
    tell_welcome (scene, 'r', "toy", "unfit", NULL);
    Rulemill__ToCoordinator *message = expect (scene, UNFIT);
    assert_string_equal (message->unfit->reason, "the setup says unfit");
    rulemill__to_coordinator__free_unpacked (message, NULL);
    assert_int_equal (scene_join (scene), ERR_USAGE);
}

static void test_unfit_at_work (void **state)
{
    scene_t *scene = *state;
    greet (scene);
    tell_work (scene, 1, 1, 1, "unfit");
    expect_and_drop (scene, UNFIT);
    assert_int_equal (scene_join (scene), ERR_USAGE);
}

// --- blobs -----------------------------------------------------------------

static void serve_blob (scene_t *scene, const digest_t *digest, const char *bytes, size_t len)
{
    for (bool whole = false; !whole; ) {
        Rulemill__ToCoordinator *message = expect (scene, BLOB_GET);
        assert_memory_equal (message->blob_get->digest.data, digest->b, DIGEST_BYTES);
        size_t offset = message->blob_get->offset, n = len - offset;
        n = n < LIMIT_BLOB_CHUNK_BYTES ? n : LIMIT_BLOB_CHUNK_BYTES;
        Rulemill__Blob blob = RULEMILL__BLOB__INIT;
        blob.digest = (ProtobufCBinaryData) { DIGEST_BYTES, (uint8_t *) digest->b };
        blob.total = len;
        blob.offset = offset;
        blob.data = (ProtobufCBinaryData) { n, (uint8_t *) bytes + offset };
        tell (scene, RULEMILL__TO_WORKER__BODY_BLOB, &blob);
        whole = offset + n == len;
        rulemill__to_coordinator__free_unpacked (message, NULL);
    }
}

static void test_blob_in_chunks (void **state)
{
    scene_t *scene = *state;
    size_t len = 2 * LIMIT_BLOB_CHUNK_BYTES + 1000;
    char *bytes = mem_new (len);
    memset (bytes, 'b', len);
    digest_t digest = digest_of (bytes, len);
    scene_start (scene);
    expect_and_drop (scene, HELLO);
    tell_welcome (scene, 'r', "toy", "setup", &digest);
    serve_blob (scene, &digest, bytes, len);
    await_wanted (scene, 2);
    assert_int_equal (seen.blob_bytes, len);
    // kept: another run that needs it does not fetch it
    scene->wanted = 0;
    tell_simple (scene, RULEMILL__TO_WORKER__BODY_WHO);
    expect_and_drop (scene, HELLO);
    tell_welcome (scene, 's', "toy", "setup", &digest);
    await_wanted (scene, 2);
    assert_int_equal (seen.opens, 2);
    assert_int_equal (seen.blob_bytes, len);
    assert_int_equal (finish (scene), OK);
    free (bytes);
}

static void test_blob_of_other_bytes (void **state)
{
    scene_t *scene = *state;
    digest_t digest = digest_of ("right", 5);
    scene_start (scene);
    expect_and_drop (scene, HELLO);
    tell_welcome (scene, 'r', "toy", "setup", &digest);
    for (int i = 0; i < 3; i++)
        serve_blob (scene, &digest, "wrong", 5);
    expect_and_drop (scene, UNFIT);
    assert_int_equal (scene_join (scene), ERR_USAGE);
    assert_int_equal (seen.opens, 0);
}

static void test_blob_missing (void **state)
{
    scene_t *scene = *state;
    digest_t digest = digest_of ("x", 1);
    scene_start (scene);
    expect_and_drop (scene, HELLO);
    tell_welcome (scene, 'r', "toy", "setup", &digest);
    expect_and_drop (scene, BLOB_GET);
    Rulemill__Blob blob = RULEMILL__BLOB__INIT;
    blob.digest = (ProtobufCBinaryData) { DIGEST_BYTES, digest.b };
    blob.missing = true;
    tell (scene, RULEMILL__TO_WORKER__BODY_BLOB, &blob);
    expect_and_drop (scene, UNFIT);
    assert_int_equal (scene_join (scene), ERR_USAGE);
}

// --- signs of life ---------------------------------------------------------

// Wait for n more Beats.
static void await_beats (scene_t *scene, unsigned n)
{
    unsigned until = scene->beats + n;
    for (int64_t until_ms = clock_ms (NULL) + PATIENCE_MS; scene->beats < until && clock_ms (NULL) < until_ms;)
        assert_null (hear (scene, 10));
    assert_true (scene->beats >= until);
}

static void test_beats_while_busy (void **state)
{
    scene_t *scene = *state;
    int64_t before_ms = clock_ms (NULL);
    greet (scene);
    tell_work (scene, 1, 42, 1, "block");
    await_block (scene);
    while (!scene->beat.busy)               // Beats from before are perhaps on their way
        await_beats (scene, 1);
    uint64_t progress = scene->beat.progress;
    await_beats (scene, 10);
    assert_true (scene->beats <= (clock_ms (NULL) - before_ms) / 50 + 1);
    assert_true (scene->beat.busy);
    assert_int_equal (scene->beat.item, 42);
    assert_int_equal (scene->beat.epoch, 7);
    assert_int_equal (scene->beat_leases, 1);
    assert_int_equal (scene->beat.progress, progress);      // hung, as far as anybody can see
    seen.go = true;
    hear_finals (scene, 1, 7, 1);
    while (scene->beat.busy)
        await_beats (scene, 1);
    assert_true (scene->beat.progress > progress);
    assert_int_equal (finish (scene), OK);
}

int main (void)
{
    scene_setup ();
    const struct CMUnitTest tests [] = {
        SCENE_TEST (test_whole_life),
        SCENE_TEST (test_credit_comes_back),
        SCENE_TEST (test_lost_hello),
        SCENE_TEST (test_refused),
        SCENE_TEST (test_another_protocol),
        SCENE_TEST (test_silence),
        SCENE_TEST (test_nobody_there),
        SCENE_TEST (test_idle_is_not_silence),
        SCENE_TEST (test_unknown_kind),
        SCENE_TEST (test_setup_that_does_not_open),
        SCENE_TEST (test_unfit_at_work),
        SCENE_TEST (test_blob_in_chunks),
        SCENE_TEST (test_blob_of_other_bytes),
        SCENE_TEST (test_blob_missing),
        SCENE_TEST (test_beats_while_busy),
    };
    int failed = cmocka_run_group_tests (tests, NULL, NULL);
    scene_teardown ();
    return failed;
}
