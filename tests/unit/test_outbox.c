// Results that wait for their acknowledgement: what is sent again, and what they used, which must be counted once.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/wire.h"
#include "worker/outbox.h"

enum { EPOCH = 7, LEASE = 3 };

static void add (outbox_t *outbox, uint64_t item, bool final, uint64_t calls)
{
    outbox_result_t result = { .epoch = EPOCH, .lease = LEASE, .handle = 9, .item = item, .final = final };
    buf_add_str (&result.body, "body");
    result.used.usage.calls = calls;
    result.used.spent.unit [SPEND_CALLS] = calls;
    outbox_add (outbox, &result);
}

// Send what is unsent: the frame's number, of how many results, and what they say was used.
static uint64_t send (outbox_t *outbox, size_t *n, uint64_t *calls)
{
    buf_t frame = { 0 };
    Rulemill__ToCoordinator *message = NULL;
    *n = 0;
    *calls = 0;
    uint64_t number = 0;
    while (outbox_pack (outbox, &frame)) {
        assert_int_equal (wire_unpack_to_coordinator (frame.data, frame.len, &message, NULL), OK);
        assert_true (message->results->frame > number);
        number = message->results->frame;
        *n += message->results->n_results;
        for (size_t i = 0; i < message->results->n_results; i++) {
            const Rulemill__Result *result = message->results->results [i];
            *calls += result->usage ? result->usage->calls : 0;
            assert_int_equal (result->spent != NULL, result->usage != NULL);
        }
        rulemill__to_coordinator__free_unpacked (message, NULL);
        outbox_sent (outbox);
    }
    buf_free (&frame);
    return number;
}

static void expect (outbox_t *outbox, size_t n, uint64_t calls)
{
    size_t sent;
    uint64_t used;
    (void) send (outbox, &sent, &used);
    assert_int_equal (sent, n);
    assert_int_equal (used, calls);
}

static void what_was_taken_is_sent_again_without_what_it_used (void **state)
{
    (void) state;
    outbox_t *outbox = outbox_new ();
    size_t n;
    uint64_t calls;
    add (outbox, 1, false, 2);
    uint64_t first = send (outbox, &n, &calls);
    assert_int_equal (calls, 2);
    add (outbox, 1, true, 3);
    uint64_t second = send (outbox, &n, &calls);
    assert_true (second > first);
    outbox_taken (outbox, first);
    outbox_resend (outbox, true);
    expect (outbox, 2, 3);              // the second came while the worker was not known
    outbox_resend (outbox, true);
    expect (outbox, 2, 3);              // and so did this one
    outbox_taken (outbox, second + 2);
    outbox_resend (outbox, true);
    expect (outbox, 2, 0);
    outbox_destroy (&outbox);
}

static void another_coordinator_counts_what_was_granted (void **state)
{
    (void) state;
    outbox_t *outbox = outbox_new ();
    add (outbox, 1, true, 2);
    expect (outbox, 1, 2);
    add (outbox, 2, true, 5);
    outbox_resend (outbox, false);
    expect (outbox, 2, 5);              // what was never sent says what it used
    outbox_destroy (&outbox);
}

// Partial results stay until their item is settled, but nobody need wait for that.
static void partial_results_that_were_taken_are_on_disk (void **state)
{
    (void) state;
    outbox_t *outbox = outbox_new ();
    size_t n;
    uint64_t calls, handle;
    assert_true (outbox_on_disk (outbox));
    add (outbox, 1, false, 1);
    assert_false (outbox_on_disk (outbox));
    uint64_t frame = send (outbox, &n, &calls);
    assert_false (outbox_on_disk (outbox));
    outbox_taken (outbox, frame);
    assert_true (outbox_on_disk (outbox) && !outbox_empty (outbox));
    add (outbox, 1, true, 1);
    outbox_taken (outbox, send (outbox, &n, &calls));
    assert_false (outbox_on_disk (outbox));             // a final one waits for its Ack by name
    assert_true (outbox_settle (outbox, EPOCH, LEASE, 1, &handle));
    assert_true (outbox_on_disk (outbox) && outbox_empty (outbox));
    outbox_destroy (&outbox);
}

// A number that was never given, from a coordinator that errs, changes nothing.
static void an_answer_to_nothing_is_ignored (void **state)
{
    (void) state;
    outbox_t *outbox = outbox_new ();
    outbox_taken (outbox, UINT64_MAX);
    outbox_taken (outbox, 0);
    add (outbox, 1, true, 2);
    expect (outbox, 1, 2);
    outbox_resend (outbox, true);
    expect (outbox, 1, 2);
    uint64_t handle = 0;
    assert_true (outbox_settle (outbox, EPOCH, LEASE, 1, &handle));
    assert_int_equal (handle, 9);
    assert_true (outbox_empty (outbox));
    outbox_destroy (&outbox);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (what_was_taken_is_sent_again_without_what_it_used),
        cmocka_unit_test (another_coordinator_counts_what_was_granted),
        cmocka_unit_test (partial_results_that_were_taken_are_on_disk),
        cmocka_unit_test (an_answer_to_nothing_is_ignored),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
