// The coordinator's half of labelling, against a store built record by record.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/kind_label_plan.h"
#include "coordinator/kind_label_parts.h"
#include "storage/run.h"
#include "tests/unit/label_store.h"

static void pairs_are_due_until_they_have_a_label (void **state)
{
    fixture_t *f = *state;
    due_t due [PAIRS];
    assert_true (next_phase (f));
    assert_string_equal (f->phase.name, "all");
    assert_int_equal (f->phase.end, PAIRS);
    assert_int_equal (look (f, due), PAIRS);
    for (uint64_t i = 0; i < PAIRS; i++) {
        assert_int_equal (due [i].item, i);
        assert_int_equal (due [i].state, i == 7 ? DUE_SELF : DUE_LEASE);
        assert_int_equal (due [i].group, i / 2);
        assert_int_equal (due [i].n_keys, 0);
    }
    for (uint64_t i = 0; i < 7; i++) {
        made_t *made = make (f, i);
        assert_int_equal (give (f, i, made), VERDICT_FINAL);
        free (made);
    }
    assert_int_equal (f->kind->class->settle (f->kind, f->batch, 7, &f->fault), OK);
    f->phase.low_water = PAIRS;
    assert_int_equal (kind_label_counts (f->kind)->labelled, 0);        // nobody is told of what a kill could still take
    commit (f);
    look (f, due);
    for (uint64_t i = 0; i < PAIRS; i++)
        assert_int_equal (due [i].state, DUE_NOT);
    assert_false (next_phase (f));
    const Rulemill__RunCounts *counts = kind_label_counts (f->kind);
    assert_int_equal (counts->labelled, PAIRS);
    assert_int_equal (counts->identical, 1);
    assert_int_equal (counts->agree + counts->disagree + counts->given_ties, PAIRS);
    uint64_t agree = counts->agree;
    made_t *again = make (f, 3);
    assert_int_equal (give (f, 3, again), VERDICT_FINAL);       // late: acknowledged, not counted
    assert_int_equal (kind_label_counts (f->kind)->labelled, PAIRS);
    free (again);
    open_kind (f);
    assert_int_equal (kind_label_counts (f->kind)->labelled, PAIRS);
    assert_int_equal (kind_label_counts (f->kind)->agree, agree);
}

static void what_does_not_follow_from_its_scores_is_refused (void **state)
{
    fixture_t *f = *state;
    next_phase (f);
    made_t *made = make (f, 0);
    Rulemill__Label good = made->label;
    assert_int_equal (good.n_rule, 2);
    made->label.sum_a++;
    assert_int_equal (give (f, 0, made), VERDICT_BAD);
    made->label = good;
    made->label.outcome = good.outcome == RULEMILL__OUTCOME__OUTCOME_A ? RULEMILL__OUTCOME__OUTCOME_B : RULEMILL__OUTCOME__OUTCOME_A;
    assert_int_equal (give (f, 0, made), VERDICT_BAD);
    made->label = good;
    made->label.outcome = RULEMILL__OUTCOME__OUTCOME_NONE;
    assert_int_equal (give (f, 0, made), VERDICT_BAD);
    made->label = good;
    made->label.swapped = !good.swapped;
    assert_int_equal (give (f, 0, made), VERDICT_BAD);
    made->label = good;
    made->label.n_score_b = 1;
    assert_int_equal (give (f, 0, made), VERDICT_BAD);
    made->label = good;
    uint32_t rules [2] = { good.rule [0], 99 }, twice [2] = { good.rule [0], good.rule [0] };
    made->label.rule = rules;
    assert_int_equal (give (f, 0, made), VERDICT_BAD);
    made->label.rule = twice;
    assert_int_equal (give (f, 0, made), VERDICT_BAD);
    made->label = good;
    made->label.selected_by = (char *) "<b>another</b>";
    assert_int_equal (give (f, 0, made), VERDICT_BAD);
    made->label = good;
    made->label.beside = rules;         // nothing was foreseen here
    made->label.n_beside = 1;
    assert_int_equal (give (f, 0, made), VERDICT_BAD);
    made->label = good;
    made->score_a [0] = 2000000;
    assert_int_equal (give (f, 0, made), VERDICT_BAD);
    made->result.label = NULL;
    assert_int_equal (give (f, 0, made), VERDICT_BAD);
    verdict_t verdict;
    buf_t known = { 0 };
    assert_int_equal (f->kind->class->commit (f->kind, f->batch, 0, true, "\xff\xff", 2, &verdict, &known, &f->fault), OK);
    assert_int_equal (verdict, VERDICT_BAD);
    assert_int_equal (store_batch_count (f->batch), 0);
    assert_int_equal (kind_label_counts (f->kind)->labelled, 0);
    free (made);
}

// Sums by weights that are not the run's are as wrong as any others.
static void weighted_sums_are_checked (void **state)
{
    fixture_t *f = *state;
    next_phase (f);
    uint32_t weights [RULES] = { MICRO, 300000, 700000 };
    f->spec.policy = (char *) "entropy";
    made_t *made = make (f, 0);
    made->label.selected_by = f->spec.policy;
    assert_int_equal (give (f, 0, made), VERDICT_BAD);          // a run without weights
    f->spec.rule_weight = weights;
    f->spec.n_rule_weight = RULES;
    assert_int_equal (give (f, 0, made), VERDICT_BAD);          // plain sums
    uint64_t weight [2];
    int8_t polarity [2];
    for (size_t i = 0; i < 2; i++) {
        weight [i] = weights [made->label.rule [i]];
        polarity [i] = (int8_t) f->pool->rules [made->label.rule [i]].polarity;
    }
    made->label.sum_a = selection_sum (weight, polarity, made->label.score_a, 2);
    made->label.sum_b = selection_sum (weight, polarity, made->label.score_b, 2);
    made->label.outcome = made->label.sum_a > made->label.sum_b ? RULEMILL__OUTCOME__OUTCOME_A : RULEMILL__OUTCOME__OUTCOME_B;
    assert_int_equal (give (f, 0, made), VERDICT_FINAL);
    free (made);
}

static void margins_and_published_ties_are_checked_as_selection_makes_them (void **state)
{
    fixture_t *f = *state;
    next_phase (f);
    f->spec.tie_margin = 2 * MICRO;
    made_t *made = make (f, 0);
    assert_int_equal (made->label.outcome, RULEMILL__OUTCOME__OUTCOME_TIE);
    assert_int_equal (give (f, 0, made), VERDICT_FINAL);
    free (made);
    f->spec.ties = (char *) "b";
    made = make (f, 1);
    assert_int_equal (made->label.outcome, RULEMILL__OUTCOME__OUTCOME_B);
    assert_int_equal (give (f, 1, made), VERDICT_FINAL);
    free (made);
}

static void a_quarantined_pair_can_be_tried_again (void **state)
{
    fixture_t *f = *state;
    due_t due [PAIRS];
    next_phase (f);
    made_t *made = make (f, 2);
    made->label.outcome = RULEMILL__OUTCOME__OUTCOME_QUARANTINED;
    made->label.n_rule = made->label.n_score_a = made->label.n_score_b = made->label.n_relevance_a = made->label.n_relevance_b = 0;
    char reason [] = "the judge said \x1b[31m no";
    made->label.reason = reason;
    assert_int_equal (give (f, 2, made), VERDICT_FINAL);
    assert_int_equal (f->kind->class->quarantine (f->kind, f->batch, 4, "3 workers died", &f->fault), OK);
    f->phase.low_water = 5;
    commit (f);
    free (made);
    Rulemill__Label *label = NULL;
    assert_int_equal (record_get_label (f->store, 1, 2, &label, &f->fault), OK);
    assert_string_equal (label->reason, "the judge said ?[31m no");
    rulemill__label__free_unpacked (label, NULL);

    made = make (f, 0);                                 // not yet on disk when the others are taken up again
    assert_int_equal (give (f, 0, made), VERDICT_FINAL);
    uint64_t n;
    assert_int_equal (kind_label_retry_now (f->kind, &n, &f->fault), OK);
    assert_int_equal (n, 2);
    assert_int_equal (kind_label_counts (f->kind)->quarantined, 0);
    assert_int_equal (kind_label_counts (f->kind)->labelled, 0);
    Rulemill__RunCounts *counts = NULL;
    assert_int_equal (record_get_counts (f->store, 1, &counts, &f->fault), OK);
    assert_int_equal (counts->labelled, 0);             // what is on disk counts what is on disk
    assert_int_equal (counts->quarantined, 0);
    rulemill__run_counts__free_unpacked (counts, NULL);
    free (made);

    size_t count;
    assert_int_equal (f->kind->class->retries (f->kind, 0, due, PAIRS, &count, &f->fault), OK);
    assert_int_equal (count, 2);
    assert_int_equal (due [0].item, 2);
    assert_int_equal (due [1].item, 4);
    assert_int_equal (due [0].state, DUE_LEASE);
    assert_int_equal (f->kind->class->retries (f->kind, 3, due, PAIRS, &count, &f->fault), OK);
    assert_int_equal (count, 1);
    for (uint64_t item = 2; item < 5; item += 2) {
        made = make (f, item);
        assert_int_equal (give (f, item, made), VERDICT_FINAL);
        free (made);
    }
    commit (f);
    assert_int_equal (f->kind->class->retries (f->kind, 0, due, PAIRS, &count, &f->fault), OK);
    assert_int_equal (count, 0);
    f->phase.low_water = PAIRS;
    f->kind->class->quarantine (f->kind, f->batch, 6, "x", &f->fault);
    commit (f);
    assert_false (next_phase (f));
    Rulemill__RunCounts stored = *kind_label_counts (f->kind);
    assert_int_equal (kind_label_retry (f->store, 1, &stored, &n, &f->fault), OK);      // as when no job runs
    assert_int_equal (n, 1);
    assert_int_equal (stored.quarantined, 0);
    open_kind (f);
    assert_true (next_phase (f));
}

// --- bodies, setup, samples ----------------------------------------------------------

static void a_batch_brings_each_text_once (void **state)
{
    fixture_t *f = *state;
    next_phase (f);
    Rulemill__LabelItem *first = body_of (f, 0, true), *second = body_of (f, 1, false), *third = body_of (f, 2, false);
    assert_true (first->prompt && !first->same_prompt && first->text_a && first->text_b);
    assert_true (!second->prompt && second->same_prompt);
    assert_true ((second->text_a != NULL) != (second->text_b != NULL));     // response 1 was there
    assert_true (third->prompt && third->text_a && third->text_b);
    made_t *made = make (f, 0);
    assert_int_equal (first->swapped, made->swapped);
    assert_int_equal (first->response_a, made->response [0]);
    assert_null (first->known_a);
    free (made);
    rulemill__label_item__free_unpacked (second, NULL);
    second = body_of (f, 1, true);                      // the next batch knows nothing of it
    assert_true (second->prompt && second->text_a && second->text_b);
    rulemill__label_item__free_unpacked (first, NULL);
    rulemill__label_item__free_unpacked (second, NULL);
    rulemill__label_item__free_unpacked (third, NULL);
    buf_t body = { 0 };
    assert_int_equal (f->kind->class->body (f->kind, 1000, true, &body, &f->fault), ERR_CORRUPT);
    buf_free (&body);
}

static void the_setup_names_the_pool (void **state)
{
    fixture_t *f = *state;
    buf_t setup_bytes = { 0 }, blob = { 0 };
    f->kind->class->setup (f->kind, &setup_bytes);
    Rulemill__LabelSetup *message = rulemill__label_setup__unpack (NULL, setup_bytes.len, (uint8_t *) setup_bytes.data);
    assert_non_null (message);
    assert_memory_equal (message->pool_blob.data, f->pool->blob_digest.b, DIGEST_BYTES);
    assert_false (message->return_cells);
    rulemill__label_setup__free_unpacked (message, NULL);
    digest_t digest;
    bool found;
    assert_int_equal (f->kind->class->blobs (f->kind, &digest, 1), 1);
    assert_int_equal (f->kind->class->blob (f->kind, &digest, &blob, &found, &f->fault), OK);
    assert_true (found);
    assert_int_equal (blob.len, strlen (pool_yaml));
    digest.b [0] ^= 1;
    assert_int_equal (f->kind->class->blob (f->kind, &digest, &blob, &found, &f->fault), OK);
    assert_false (found);
    buf_free (&setup_bytes);
    buf_free (&blob);
}

static size_t prompts_due (fixture_t *f)
{
    due_t due [PAIRS];
    size_t n = look (f, due), prompts = 0;
    for (size_t i = 0; i < n; i += 2) {
        assert_int_equal (due [i].state == DUE_NOT, due [i + 1].state == DUE_NOT);     // whole prompts
        prompts += due [i].state != DUE_NOT;
    }
    return prompts;
}

static void a_sample_takes_whole_prompts (void **state)
{
    fixture_t *f = *state;
    for (uint64_t limit = 1; limit <= PROMPTS + 1; limit++) {
        f->options.limit = limit;
        open_kind (f);
        assert_true (next_phase (f));
        assert_int_equal (prompts_due (f), limit < PROMPTS ? limit : PROMPTS);
    }
    f->options.limit = 2;
    open_kind (f);
    next_phase (f);
    commit (f);
    open_kind (f);                                      // resumed: the same sample
    next_phase (f);
    assert_int_equal (prompts_due (f), 2);
}

static Rulemill__LimitRecord *limit_of (fixture_t *f)
{
    Rulemill__LimitRecord *record = NULL;
    assert_int_equal (record_get_limit (f->store, f->run.number, &record, &f->fault), OK);
    return record;
}

static void put_limit (fixture_t *f, Rulemill__LimitRecord **record)
{
    record_put_limit (f->batch, f->run.number, *record);
    assert_int_equal (store_commit (f->store, f->batch, &f->fault), OK);
    store_batch_clear (f->batch);
    rulemill__limit_record__free_unpacked (*record, NULL);
    *record = NULL;
}

static void expect_progress (fixture_t *f, uint64_t done, uint64_t pairs)
{
    uint64_t is_done, all;
    open_kind (f);
    assert_true (next_phase (f));
    assert_true (kind_label_limited (f->kind, &is_done, &all));
    assert_int_equal (is_done, done);
    assert_int_equal (all, pairs);
}

// The prompts and pairs are walked over once for a limit, not at each start: what the store says of it is taken as it is.
static void a_limit_is_looked_for_once (void **state)
{
    fixture_t *f = *state;
    f->options.limit = 2;
    open_kind (f);
    assert_true (next_phase (f));
    assert_null (limit_of (f));
    commit (f);
    Rulemill__LimitRecord *record = limit_of (f);
    assert_int_equal (record->prompts, PROMPTS);
    assert_int_equal (record->end, PAIRS);
    assert_int_equal (record->pairs, 4);
    assert_int_equal (record->done, 0);
    record->pairs = 7;
    record->done = 3;
    put_limit (f, &record);
    expect_progress (f, 3, 7);

    // Pairs were labelled under another limit, or are taken up again.
    record = limit_of (f);
    record->final = 1;
    put_limit (f, &record);
    expect_progress (f, 0, 4);

    // What another limit left says nothing of this one; more prompts need another look.
    record = limit_of (f);
    record->threshold = record->counted_threshold = 0;
    put_limit (f, &record);
    f->options.limit = 3;
    expect_progress (f, 0, 6);
    assert_int_equal (prompts_due (f), 3);
    f->options.limit = 2;
    record = limit_of (f);
    record->prompts = PROMPTS - 1;
    put_limit (f, &record);
    open_kind (f);
    assert_true (next_phase (f));
    assert_int_equal (prompts_due (f), 2);
}

// A sample's labels are counted as they come, and go on to be where the job is started again.
static void a_limit_s_progress_is_kept (void **state)
{
    fixture_t *f = *state;
    f->options.limit = 2;
    expect_progress (f, 0, 4);
    due_t due [PAIRS];
    size_t n = look (f, due), at = 0;
    while (at < n && due [at].state != DUE_LEASE)
        at++;
    made_t *made = make (f, due [at].item);
    assert_int_equal (give (f, due [at].item, made), VERDICT_FINAL);
    free (made);
    uint64_t done, pairs;
    assert_true (kind_label_limited (f->kind, &done, &pairs));
    assert_int_equal (done, 0);                         // nobody is told of what a kill could still take
    commit (f);
    assert_true (kind_label_limited (f->kind, &done, &pairs));
    assert_int_equal (done, 1);
    Rulemill__LimitRecord *record = limit_of (f);
    assert_int_equal (record->done, 1);
    assert_int_equal (record->final, 1);
    rulemill__limit_record__free_unpacked (record, NULL);
    expect_progress (f, 1, 4);
}

// A worker that outlived a start under a larger limit brings what this one leaves out: no label, whenever it comes, unless the pair is
// taken up again.
static void what_a_limit_leaves_out_gets_no_label (void **state)
{
    fixture_t *f = *state;
    due_t due [PAIRS];
    f->options.limit = 2;
    open_kind (f);
    assert_true (next_phase (f));
    look (f, due);
    uint64_t out = 0, in = 0;
    while (due [out].state != DUE_NOT)
        out++;
    while (due [in].state != DUE_LEASE)
        in++;
    made_t *made = make (f, out);
    assert_int_equal (give (f, out, made), VERDICT_BAD);
    assert_int_equal (store_batch_count (f->batch), 0);
    f->options.limit = 0;
    open_kind (f);
    assert_true (next_phase (f));
    assert_int_equal (f->kind->class->quarantine (f->kind, f->batch, out, "x", &f->fault), OK);
    commit (f);
    uint64_t n;
    assert_int_equal (kind_label_retry_now (f->kind, &n, &f->fault), OK);
    f->options.limit = 2;
    open_kind (f);
    assert_true (next_phase (f));
    assert_int_equal (give (f, out, made), VERDICT_FINAL);
    free (made);
    made = make (f, in);
    assert_int_equal (give (f, in, made), VERDICT_FINAL);
    free (made);
}

static void excluded_prompts_are_not_due (void **state)
{
    fixture_t *f = *state;
    Rulemill__RejectRecord why = RULEMILL__REJECT_RECORD__INIT;
    record_put_excluded (f->batch, 1, 2, &why);
    f->run.excluded_prompts = 1;
    assert_int_equal (store_commit (f->store, f->batch, &f->fault), OK);
    store_batch_clear (f->batch);
    open_kind (f);
    next_phase (f);
    due_t due [PAIRS];
    look (f, due);
    for (uint64_t i = 0; i < PAIRS; i++)
        assert_int_equal (due [i].state == DUE_NOT, i / 2 == 2);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        LABEL_TEST (pairs_are_due_until_they_have_a_label),
        LABEL_TEST (what_does_not_follow_from_its_scores_is_refused),
        LABEL_TEST (weighted_sums_are_checked),
        LABEL_TEST (margins_and_published_ties_are_checked_as_selection_makes_them),
        LABEL_TEST (a_quarantined_pair_can_be_tried_again),
        LABEL_TEST (a_batch_brings_each_text_once),
        LABEL_TEST (the_setup_names_the_pool),
        LABEL_TEST (a_sample_takes_whole_prompts),
        LABEL_TEST (a_limit_is_looked_for_once),
        LABEL_TEST (a_limit_s_progress_is_kept),
        LABEL_TEST (what_a_limit_leaves_out_gets_no_label),
        LABEL_TEST (excluded_prompts_are_not_due),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
