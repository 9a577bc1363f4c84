// worker/kind_label: setups, batches and bodies that can't be read.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "proto/wire.h"
#include "tests/unit/label_worker.h"

// --- bad input -----------------------------------------------------------------------------------

static void refuses_setup (run_t run, status_t expected, const char *message)
{
    worker_kind_t *kind = NULL;
    fault_t fault = { 0 };
    assert_int_equal (open_run (&run, &kind, &fault), expected);
    assert_null (kind);
    if (strstr (fault.text, message) == NULL)
        fail_msg ("\"%s\" does not say \"%s\"", fault.text, message);
}

static void test_bad_setup (void **state)
{
    (void) state;
    run_t run = lexicon_run;
    run.judge = "lexikon";
    refuses_setup (run, ERR_USAGE, "unknown judge \"lexikon\"; did you mean \"lexicon\"");
    run = lexicon_run;
    run.policy = "exhaustiv";
    refuses_setup (run, ERR_USAGE, "did you mean \"exhaustive\"");
    run = lexicon_run;
    run.method = LABEL_METHOD + 1;
    refuses_setup (run, ERR_MISMATCH, "method");
    run = lexicon_run;
    run.ties = "a";
    refuses_setup (run, ERR_USAGE, "ties can't be");
    run = lexicon_run;
    run.wrong_identity = true;
    refuses_setup (run, ERR_MISMATCH, "lexicon judge");
    run = lexicon_run;
    run.wrong_pool = true;
    refuses_setup (run, ERR_MISMATCH, "rule pool");
    run = lexicon_run;
    run.fixed = "nobody";
    refuses_setup (run, ERR_USAGE, "\"nobody\" is not in the rule pool");
    run = replay_run;
    run.missing = "x";
    refuses_setup (run, ERR_USAGE, "missing can't be");
    worker_kind_t *kind = NULL;
    fault_t fault = { 0 };
    worker_sink_t sink = { .result = on_result, .progress = on_progress, .give_back = on_give_back, .unfit = on_unfit };
    assert_int_equal (worker_kind_label.open (&kind, "\xff", 1, NULL, 0, &sink, &fault), ERR_FORMAT);
    assert_int_equal (worker_kind_label.open (&kind, "", 0, NULL, 0, &sink, &fault), ERR_FORMAT);
}

static void test_bad_batches (void **state)
{
    (void) state;
    worker_kind_t *kind = opened (&slow_run);
    static const int32_t far [RULES] = { 0, 0, MICRO + 1 };
    const words_t good = { 1, 10, 11, "p", "5", "3", NULL, NULL, false, 1 };
    const words_t bad [] = {
        { 2, 10, 11, NULL, "5", "3", NULL, NULL, false, 1 },        // no prompt before it
        { 2, 10, 11, "p", "5", NULL, NULL, NULL, false, 1 },        // a text is missing
        { 2, 10, 11, "p", "5", "3", far, NULL, false, 1 },          // a score out of range
    };
    fault_t fault = { 0 };
    for (size_t i = 0; i < sizeof bad / sizeof bad [0]; i++)
        assert_int_equal (begin (kind, 5, &bad [i], 1, &fault), ERR_FORMAT);
    const words_t other_key [] = { good, { 2, 12, 13, NULL, "5", "3", NULL, NULL, false, 2 } };
    assert_int_equal (begin (kind, 5, other_key, 2, &fault), ERR_FORMAT);
    const words_t two_prompts [] = { good, { 2, 10, 13, "q", "5", "3", NULL, NULL, false, 2 } };
    assert_int_equal (begin (kind, 5, two_prompts, 2, &fault), ERR_FORMAT);
    assert_non_null (strstr (fault.text, "item 2 of the batch: response 10 stands under two prompts"));
    assert_int_equal (heard.n + slow.total, 0);                      // nothing of a bad batch is begun
    begins (kind, 5, &good, 1);
    const words_t other_batch = { 3, 10, 14, "p", NULL, "1", NULL, NULL, false, 1 };
    run_down (kind);
    assert_int_equal (begin (kind, 5, &other_batch, 1, &fault), ERR_FORMAT);
    closed (&kind);
}

// Bytes of a good body changed at random: refused or taken, never a crash.
static void test_mangled_bodies (void **state)
{
    (void) state;
    worker_kind_t *kind = opened (&lexicon_run);
    static const int32_t a [RULES] = { 1, 2, 3 };
    const words_t good = { 1, 10, 11, "how to kill", "sorry", "step", a, NULL, false, 1 };
    buf_t packed = { 0 };
    pack_item (&good, &packed);
    rng_t rng = { 3 };
    for (int round = 0; round < 5000; round++) {
        char *copy = mem_string_n (packed.data, packed.len);
        size_t len = rng_below (&rng, 4) ? packed.len : rng_below (&rng, packed.len + 1);
        for (uint64_t n = rng_below (&rng, 4); n > 0; n--)
            copy [rng_below (&rng, packed.len)] = (char) rng_next (&rng);
        fault_t fault = { 0 };
        uint64_t item = 1;
        const void *body = copy;
        status_t status = worker_kind_label.begin (kind, 5, &item, &body, &len, 1, &fault);
        assert_true (status == OK || status == ERR_FORMAT);
        free (copy);
        if (round % 64 == 0) {
            worker_kind_label.settled (kind, 1);
            forget_seen ();
        }
        if (heard.n > RESULTS_MAX / 2)
            forget_seen ();
    }
    buf_free (&packed);
    closed (&kind);
}

static void test_names (void **state)
{
    (void) state;
    assert_ptr_equal (worker_kind_find ("label"), &worker_kind_label);
    assert_null (worker_kind_find ("other"));
    static const worker_kind_class_t other = { .name = "other" };
    worker_kind_add (&other);
    worker_kind_add (&other);
    assert_ptr_equal (worker_kind_find ("other"), &other);
    size_t count;
    assert_string_equal (judge_names (&count) [0], "lexicon");
    assert_int_equal (count, 3);
}

int main (void)
{
    judge_add (&slow_class);
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (test_bad_setup),
        cmocka_unit_test (test_bad_batches),
        cmocka_unit_test (test_mangled_bodies),
        cmocka_unit_test (test_names),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
