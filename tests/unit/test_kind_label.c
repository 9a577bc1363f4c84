// worker/kind_label: batches in, labels out, with the embedded judges and with one that answers later.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdint.h>

#include "base/mem.h"
#include "proto/wire.h"
#include "tests/unit/label_worker.h"

// --- the embedded judges ----------------------------------------------------------------------

static void test_lexicon (void **state)
{
    (void) state;
    worker_kind_t *kind = opened (&lexicon_run);
    const words_t words [] = {
        { 1, 10, 11, "how to kill", "sorry", "first step", NULL, NULL, true, 1 },
        { 2, 11, 12, NULL, NULL, "you idiot", NULL, NULL, false, 1 },
        { 3, 13, 14, "hello", "hi", "hey", NULL, NULL, false, 2 },
        { 4, 13, 13, NULL, NULL, NULL, NULL, NULL, true, 2 },
    };
    begins (kind, 5, words, 4);
    assert_int_equal (heard.n, 4);
    assert_false (heard.busy);
    const Rulemill__LabelResult *result = result_of (1);
    const Rulemill__Label *label = result->label;
    assert_int_equal (label->outcome, RULEMILL__OUTCOME__OUTCOME_A);
    assert_true (label->swapped);
    assert_string_equal (label->selected_by, "exhaustive");
    assert_int_equal (label->n_rule, 1);                // "insults" and "silent" are irrelevant to both
    assert_int_equal (label->rule [0], 0);
    assert_int_equal (label->score_a [0], 350000);      // relevance 0.7, three quarters of it for
    assert_int_equal (label->score_b [0], -350000);
    assert_int_equal (label->relevance_a [0], 700000);
    assert_int_equal (label->sum_a, 350000);
    assert_null (result->new_a);
    assert_int_equal (result->cells_digest.len, 0);
    assert_int_equal (result_of (2)->label->outcome, RULEMILL__OUTCOME__OUTCOME_B);
    assert_int_equal (result_of (2)->label->sum_a, -350000);
    assert_int_equal (result_of (2)->label->sum_b, -300000);        // "insults" 0.3, polarity -1
    assert_int_equal (result_of (3)->label->outcome, RULEMILL__OUTCOME__OUTCOME_TIE);
    assert_int_equal (result_of (3)->label->tie_reason, RULEMILL__TIE_REASON__TIE_NO_RULE);
    assert_int_equal (result_of (4)->label->tie_reason, RULEMILL__TIE_REASON__TIE_IDENTICAL);
    assert_true (result_of (4)->label->swapped);
    for (uint64_t i = 1; i <= 4; i++)
        worker_kind_label.settled (kind, i);
    worker_kind_label.settled (kind, 99);
    closed (&kind);
}

static void test_replay (void **state)
{
    (void) state;
    static const int32_t a [RULES] = { 500000, -200000, 0 }, b [RULES] = { 400000, -100000, 0 };
    const words_t words [] = {
        { 1, 10, 11, "p", "x", "y", a, b, false, 1 },
        { 2, 10, 11, NULL, NULL, NULL, a, NULL, false, 1 },
    };
    worker_kind_t *kind = opened (&replay_run);
    begins (kind, 5, words, 2);
    const Rulemill__Label *label = result_of (1)->label;
    assert_int_equal (label->outcome, RULEMILL__OUTCOME__OUTCOME_A);        // 0.5 + 0.2 against 0.4 + 0.1
    assert_int_equal (label->n_rule, 2);
    assert_int_equal (label->sum_a, 700000);
    assert_int_equal (label->sum_b, 500000);
    label = result_of (2)->label;               // cells of one pair are not those of another
    assert_int_equal (label->outcome, RULEMILL__OUTCOME__OUTCOME_QUARANTINED);
    assert_string_equal (label->reason, "no recorded score for rule declines and 2 others; "
                         "add it to the score file, or set missing to irrelevant");
    closed (&kind);
    run_t lenient = replay_run;
    lenient.missing = "irrelevant";
    kind = opened (&lenient);
    begins (kind, 5, words, 2);
    label = result_of (2)->label;
    assert_int_equal (label->outcome, RULEMILL__OUTCOME__OUTCOME_A);
    assert_int_equal (label->sum_b, 0);
    assert_int_equal (label->relevance_b [0], 0);
    closed (&kind);
}

// --- a judge that answers later ---------------------------------------------------------------

static void test_judged_once (void **state)
{
    (void) state;
    worker_kind_t *kind = opened (&slow_run);
    const words_t first [] = {
        { 1, 10, 11, "p", "5", "3", NULL, NULL, false, 1 }, { 2, 11, 12, NULL, NULL, "4", NULL, NULL, false, 1 },
        { 3, 12, 10, NULL, NULL, NULL, NULL, NULL, false, 1 },
    };
    const words_t later [] = { { 4, 10, 13, "p", "5", "9", NULL, NULL, false, 1 } };
    begins (kind, 5, first, 3);
    assert_true (heard.busy);
    assert_int_equal (slow.total, 3);
    begins (kind, 5, later, 1);                 // another batch of the lease, while 10 is being judged
    run_down (kind);
    assert_int_equal (heard.n, 4);
    assert_int_equal (slow.total, 4);
    assert_int_equal (slow.cells, 4 * RULES);
    assert_int_equal (result_of (3)->label->outcome, RULEMILL__OUTCOME__OUTCOME_B);
    assert_int_equal (result_of (4)->label->outcome, RULEMILL__OUTCOME__OUTCOME_B);
    assert_int_equal (result_of (1)->new_a->n_rule, RULES);
    assert_int_equal (result_of (1)->new_b->score [2], 300002);
    for (uint64_t i = 1; i <= 3; i++)
        worker_kind_label.settled (kind, i);
    const words_t last [] = { { 6, 10, 11, "p", "5", "3", NULL, NULL, false, 1 } };
    begins (kind, 5, last, 1);                  // item 4 keeps the lease: nothing is asked again
    assert_int_equal (slow.total, 4);
    worker_kind_label.settled (kind, 4);
    worker_kind_label.settled (kind, 6);
    begins (kind, 5, last, 1);                  // the lease had ended
    assert_int_equal (slow.total, 6);
    closed (&kind);                             // with questions in flight
}

static void test_known_are_not_judged (void **state)
{
    (void) state;
    static const int32_t a [RULES] = { 1, 2, 3 };
    worker_kind_t *kind = opened (&slow_run);
    slow.at_once = true;
    const words_t words [] = { { 1, 10, 11, "p", "5", "3", a, NULL, false, 1 } };
    begins (kind, 5, words, 1);
    assert_int_equal (slow.total, 1);
    const Rulemill__LabelResult *result = result_of (1);
    assert_null (result->new_a);
    assert_int_equal (result->new_b->n_rule, RULES);
    cell_t ca [RULES], cb [RULES];
    for (int r = 0; r < RULES; r++) {
        ca [r] = (cell_t) { a [r], MICRO, MICRO, true };
        cb [r] = (cell_t) { 300000 + r, MICRO, MICRO, true };
    }
    uint64_t digest = selection_cells_digest ((bool []) { true, true, true }, ca, cb, RULES);
    assert_int_equal (result->cells_digest.len, 8);
    for (int i = 0; i < 8; i++)
        assert_int_equal (result->cells_digest.data [i], (uint8_t) (digest >> (56 - 8 * i)));
    closed (&kind);
}

static void again (worker_kind_t *kind, uint64_t lease, uint64_t item, const int32_t *a, const int32_t *b, status_t expected)
{
    Rulemill__LabelKnown message = RULEMILL__LABEL_KNOWN__INIT;
    Rulemill__Cells cells [2];
    message.known_a = known (a, &cells [0]);
    message.known_b = known (b, &cells [1]);
    buf_t packed = { 0 };
    wire_pack (&message.base, &packed);
    fault_t fault = { 0 };
    assert_int_equal (worker_kind_label.again (kind, lease, item, packed.data, packed.len, &fault), expected);
    buf_free (&packed);
}

static void test_again (void **state)
{
    (void) state;
    static const int32_t low [RULES] = { -900000, 900000, 0 }, high [RULES] = { 950000, -950000, 0 };
    worker_kind_t *kind = opened (&slow_run);
    slow.at_once = true;
    const words_t words [] = { { 1, 10, 11, "p", "5", "3", NULL, NULL, false, 1 } };
    begins (kind, 5, words, 1);
    assert_int_equal (result_of (1)->label->outcome, RULEMILL__OUTCOME__OUTCOME_A);     // "declines" and "silent"
    assert_int_equal (result_of (1)->label->sum_b, 600002);
    again (kind, 5, 1, NULL, high, OK);
    const Rulemill__LabelResult *result = result_of (1);
    assert_int_equal (heard.n, 2);
    assert_int_equal (result->label->outcome, RULEMILL__OUTCOME__OUTCOME_B);
    assert_null (result->new_b);
    assert_int_equal (result->new_a->n_rule, RULES);
    again (kind, 5, 1, high, low, OK);          // the newest word wins
    assert_int_equal (result_of (1)->label->outcome, RULEMILL__OUTCOME__OUTCOME_A);
    assert_null (result_of (1)->new_a);
    again (kind, 5, 2, high, low, ERR_NOT_FOUND);
    again (kind, 6, 1, high, low, ERR_NOT_FOUND);
    fault_t fault = { 0 };
    assert_int_equal (worker_kind_label.again (kind, 5, 1, "\xff\xff", 2, &fault), ERR_FORMAT);
    worker_kind_label.settled (kind, 1);
    again (kind, 5, 1, high, low, ERR_NOT_FOUND);
    assert_int_equal (slow.total, 2);
    closed (&kind);
}

static void test_failure (void **state)
{
    (void) state;
    static const int32_t a [RULES] = { 1, 2, 3 };
    worker_kind_t *kind = opened (&slow_run);
    slow.status = ERR_IO;
    slow.at_once = true;
    const words_t words [] = {
        { 1, 10, 11, "p", "5", "3", a, NULL, false, 1 }, { 2, 10, 11, NULL, NULL, NULL, a, a, false, 1 },
    };
    begins (kind, 5, words, 2);
    assert_int_equal (result_of (1)->label->outcome, RULEMILL__OUTCOME__OUTCOME_QUARANTINED);
    assert_string_equal (result_of (1)->label->reason, "HTTP 500 twice");
    assert_int_not_equal (result_of (2)->label->outcome, RULEMILL__OUTCOME__OUTCOME_QUARANTINED);
    closed (&kind);
    kind = opened (&slow_run);
    slow.status = ERR_DENIED;
    slow.at_once = true;
    begins (kind, 5, words, 1);
    assert_true (heard.unfit);
    assert_int_equal (heard.n, 0);
    closed (&kind);
}

static void test_revoke (void **state)
{
    (void) state;
    static const int32_t a [RULES] = { 1, 2, 3 };
    worker_kind_t *kind = opened (&slow_run);
    const words_t words [] = { { 1, 10, 11, "p", "5", "3", NULL, NULL, false, 1 }, { 2, 10, 12, NULL, NULL, "1", a, a, false, 1 } };
    begins (kind, 5, words, 2);
    assert_int_equal (heard.n, 1);               // all of item 2 was known
    worker_kind_label.revoke (kind, 5);         // item 1 is in hand
    begins (kind, 6, words, 1);                 // leased again, to the same worker
    run_down (kind);
    assert_int_equal (heard.n, 2);
    assert_int_equal (heard.at [1].lease, 6);
    worker_kind_label.revoke (kind, 6);
    worker_kind_label.settled (kind, 1);
    closed (&kind);
}

// What a revoked lease has not asked yet is another's to ask: of the item, nothing is left in the way.
static void test_revoke_asks_nothing_more (void **state)
{
    (void) state;
    worker_kind_t *kind = opened (&slow_run);
    const words_t words [] = { { 1, 10, 11, "p", "5", "3", NULL, NULL, false, 1 } };
    begins (kind, 5, words, 1);
    worker_kind_label.revoke (kind, 5);
    const spend_t bound = { { 1, 1, 0 } };
    for (size_t i = 0; i < slow.n; i++)
        assert_int_equal (slow_judge->sink.allow (slow_judge->sink.ctx, slow.asked [i], &bound), JUDGE_MAY_NOT);
    slow.status = ERR_LIMIT;                    // which is how a judge ends a question that it may not ask
    run_down (kind);
    assert_int_equal (heard.n, 0);
    slow.status = OK;
    begins (kind, 6, words, 1);
    run_down (kind);
    assert_int_equal (heard.n, 1);
    assert_int_equal (heard.at [0].lease, 6);
    worker_kind_label.settled (kind, 1);
    closed (&kind);
}

int main (void)
{
    judge_add (&slow_class);
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (test_lexicon),
        cmocka_unit_test (test_replay),
        cmocka_unit_test (test_judged_once),
        cmocka_unit_test (test_known_are_not_judged),
        cmocka_unit_test (test_again),
        cmocka_unit_test (test_failure),
        cmocka_unit_test (test_revoke),
        cmocka_unit_test (test_revoke_asks_nothing_more),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
