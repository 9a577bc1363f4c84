// The policy `auto` at work on a store: whose audits count, and which adapter labels what, before and after a limit is lifted.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/auto_run.h"
#include "tests/unit/label_store.h"

enum { BLOCK = 4, LIMIT = 2, FIRST = 1, SECOND = 2 };      // of the pairs 0 to 7, two of each prompt; adapters as labels name them

static void put_label (fixture_t *f, uint64_t pair, uint32_t adapter, bool audited, bool alike)
{
    Rulemill__Label label = RULEMILL__LABEL__INIT, audit = RULEMILL__LABEL__INIT;
    label.outcome = RULEMILL__OUTCOME__OUTCOME_A;
    label.selected_by = (char *) "adapter";
    label.adapter = adapter;
    record_put_label (f->batch, f->run.number, pair, &label);
    audit.outcome = alike ? RULEMILL__OUTCOME__OUTCOME_A : RULEMILL__OUTCOME__OUTCOME_B;
    audit.selected_by = (char *) "exhaustive";
    if (audited)
        record_put_audit (f->batch, f->run.number, pair, &audit);
}

static Rulemill__AutoRecord *record_of (fixture_t *f)
{
    Rulemill__AutoRecord *record = NULL;
    assert_int_equal (record_get_auto (f->store, f->run.number, &record, &f->fault), OK);
    assert_non_null (record);
    return record;
}

// A job that was limited to a few prompts, with two adapters and one block decided on.
static void put_record (fixture_t *f, buf_t *recipe)
{
    auto_recipe_t numbers = auto_recipe_default ();
    numbers.block_pairs = BLOCK;
    auto_recipe_write (&numbers, recipe);
    f->spec.policy = (char *) "auto";
    f->spec.recipe = recipe->data;
    f->run.digest = (ProtobufCBinaryData) { DIGEST_BYTES, f->pool->blob_digest.b };
    f->options.program = "rulemill";
    f->options.dir = f->folder.path;
    const auto_trained_t good = { .agreement = 0.95, .low = 0.94, .high = 0.96, .agreement_half = 0.95, .train_pairs = 800, .held_out_pairs = 200 };
    Rulemill__AutoRecord *record = auto_begin (&numbers, 1000000, 3000000);
    auto_sampled (record);
    auto_trained (&numbers, record, &good, "{}", f->pool->blob_digest.b);
    record->sample_threshold = 0;
    record->position = BLOCK;
    record->asked_threshold = 1;
    record->stage = RULEMILL__AUTO_STAGE__AUTO_TRAIN;
    auto_trained (&numbers, record, &good, "{}", f->pool->blob_digest.b);
    record->audit->pairs = record->audit_all->pairs = 9;
    record_put_auto (f->batch, f->run.number, record);
    rulemill__auto_record__free_unpacked (record, NULL);
}

static uint32_t adapter_of (fixture_t *f, uint64_t pair)
{
    Rulemill__LabelItem *item = body_of (f, pair, true);
    uint32_t adapter = item->adapter;
    rulemill__label_item__free_unpacked (item, NULL);
    return adapter;
}

static void test_a_limit_is_lifted (void **state)
{
    fixture_t *f = *state;
    buf_t recipe = { 0 };
    put_record (f, &recipe);
    put_label (f, 0, FIRST, true, false);
    put_label (f, 1, SECOND, true, true);
    put_label (f, 2, FIRST, true, false);
    put_label (f, 3, SECOND, false, true);
    put_label (f, 5, SECOND, true, true);
    commit (f);
    open_kind (f);
    assert_true (next_phase (f));
    assert_string_equal (f->phase.name, "rest");
    assert_int_equal (f->phase.end, BLOCK);
    Rulemill__AutoRecord *record = record_of (f);
    assert_int_equal (record->position, 0);
    assert_int_equal (record->audit_all->pairs, 0);
    rulemill__auto_record__free_unpacked (record, NULL);
    for (uint64_t pair = 0; pair < PAIRS; pair++)
        assert_int_equal (adapter_of (f, pair), SECOND - 1);
    f->phase.low_water = BLOCK;
    commit (f);

    // The first block again: the audits of the first adapter's labels say nothing of the second one.
    assert_true (next_phase (f));
    assert_int_equal (f->phase.end, 2 * BLOCK);
    record = record_of (f);
    assert_int_equal (record->position, BLOCK);
    assert_int_equal (record->audit_all->pairs, 3);
    assert_int_equal (record->audit_all->prompts, 2);
    assert_int_equal (record->audit_all->alike, 1);
    assert_int_equal (record->audit->pairs, 1);
    assert_int_equal (record->audit->prompts, 1);
    assert_int_equal (record->audit->alike, 1);
    assert_true (record->asked_threshold == UINT64_MAX);
    rulemill__auto_record__free_unpacked (record, NULL);
    open_kind (f);                      // and started again
    assert_true (next_phase (f));
    record = record_of (f);
    assert_int_equal (record->position, BLOCK);
    assert_int_equal (record->audit_all->pairs, 3);
    rulemill__auto_record__free_unpacked (record, NULL);
    kind_label_destroy (&f->kind);
    buf_free (&recipe);
}

// The limit that the blocks were gone through for is asked for again: nothing is decided anew.
static void test_the_same_limit_again (void **state)
{
    fixture_t *f = *state;
    buf_t recipe = { 0 };
    f->options.limit = LIMIT;
    put_record (f, &recipe);
    Rulemill__AutoRecord *record;
    commit (f);
    record = record_of (f);
    record->asked_threshold = UINT64_MAX - 1;           // above that of any limit
    record_put_auto (f->batch, f->run.number, record);
    rulemill__auto_record__free_unpacked (record, NULL);
    commit (f);
    open_kind (f);
    assert_true (next_phase (f));
    assert_string_equal (f->phase.name, "rest-limit-2");
    record = record_of (f);
    assert_int_equal (record->position, BLOCK);
    assert_int_equal (record->audit_all->pairs, 9);
    rulemill__auto_record__free_unpacked (record, NULL);
    assert_int_equal (adapter_of (f, 0), FIRST - 1);    // a pair that is taken up again, of before the second one came
    assert_int_equal (adapter_of (f, BLOCK), SECOND - 1);
    kind_label_destroy (&f->kind);
    buf_free (&recipe);
}

// A label of no rules, as a worker gives it whose adapter was this one.
static verdict_t give_by (fixture_t *f, uint64_t pair, uint32_t adapter, Rulemill__Outcome outcome)
{
    Rulemill__LabelItem *item = body_of (f, pair, true);
    Rulemill__Label label = RULEMILL__LABEL__INIT;
    label.outcome = outcome;
    if (outcome == RULEMILL__OUTCOME__OUTCOME_QUARANTINED)
        label.reason = (char *) "why";
    label.selected_by = (char *) "adapter";
    label.swapped = item->swapped;
    label.adapter = adapter;
    Rulemill__LabelResult result = RULEMILL__LABEL_RESULT__INIT;
    result.label = &label;
    verdict_t verdict = give_full (f, pair, &result, true, NULL);
    rulemill__label_item__free_unpacked (item, NULL);
    return verdict;
}

static uint32_t stored_adapter (fixture_t *f, uint64_t pair)
{
    Rulemill__Label *label = NULL;
    assert_int_equal (record_get_label (f->store, f->run.number, pair, &label, &f->fault), OK);
    assert_non_null (label);
    uint32_t adapter = label->adapter;
    rulemill__label__free_unpacked (label, NULL);
    return adapter;
}

// A worker that outlived the start under a limit brings what it judged by the adapter of then.
static void test_a_label_by_another_adapter_is_not_taken (void **state)
{
    fixture_t *f = *state;
    buf_t recipe = { 0 };
    put_record (f, &recipe);
    commit (f);
    Rulemill__AutoRecord *record = record_of (f);
    record->audit_threshold = 0;
    record_put_auto (f->batch, f->run.number, record);
    rulemill__auto_record__free_unpacked (record, NULL);
    commit (f);
    open_kind (f);
    assert_true (next_phase (f));
    const Rulemill__Outcome tie = RULEMILL__OUTCOME__OUTCOME_TIE, aside = RULEMILL__OUTCOME__OUTCOME_QUARANTINED;
    assert_int_equal (give_by (f, 1, FIRST, tie), VERDICT_BAD);
    assert_int_equal (give_by (f, 1, SECOND, tie), VERDICT_FINAL);
    assert_int_equal (give_by (f, 2, FIRST, aside), VERDICT_BAD);
    assert_int_equal (give_by (f, 2, 0, aside), VERDICT_BAD);
    assert_int_equal (give_by (f, 2, SECOND, aside), VERDICT_FINAL);
    assert_int_equal (give_by (f, 7, 0, tie), VERDICT_FINAL);       // its responses are equal
    commit (f);
    assert_int_equal (stored_adapter (f, 1), SECOND);
    assert_int_equal (stored_adapter (f, 2), SECOND);
    kind_label_destroy (&f->kind);
    buf_free (&recipe);
}

// Whether a pair that was set aside is taken up again before or after the limit is lifted, it goes through the adapter of then.
static void test_a_retry_after_a_lift (void **state)
{
    fixture_t *f = *state;
    buf_t recipe = { 0 };
    uint64_t n;
    const Rulemill__Outcome tie = RULEMILL__OUTCOME__OUTCOME_TIE, aside = RULEMILL__OUTCOME__OUTCOME_QUARANTINED;
    put_record (f, &recipe);
    commit (f);
    Rulemill__AutoRecord *record = record_of (f);
    record->audit_threshold = 0;
    record->asked_threshold = UINT64_MAX;       // nothing is lifted yet
    record_put_auto (f->batch, f->run.number, record);
    rulemill__auto_record__free_unpacked (record, NULL);
    commit (f);
    open_kind (f);
    assert_true (next_phase (f));
    assert_int_equal (give_by (f, 0, FIRST, aside), VERDICT_FINAL);
    assert_int_equal (f->kind->class->quarantine (f->kind, f->batch, 1, "its workers died", &f->fault), OK);
    commit (f);
    record = record_of (f);
    record->asked_threshold = 1;
    record_put_auto (f->batch, f->run.number, record);
    rulemill__auto_record__free_unpacked (record, NULL);
    commit (f);
    open_kind (f);
    assert_true (next_phase (f));               // the limit is lifted
    assert_int_equal (kind_label_retry_now (f->kind, &n, &f->fault), OK);
    assert_int_equal (n, 2);
    assert_int_equal (adapter_of (f, 0), FIRST - 1);
    assert_int_equal (adapter_of (f, 1), FIRST - 1);
    assert_int_equal (adapter_of (f, 2), SECOND - 1);
    assert_int_equal (give_by (f, 0, SECOND, tie), VERDICT_BAD);
    assert_int_equal (give_by (f, 0, FIRST, tie), VERDICT_FINAL);
    commit (f);
    assert_int_equal (stored_adapter (f, 0), FIRST);
    kind_label_destroy (&f->kind);
    buf_free (&recipe);
}

int main (void)
{
    const struct CMUnitTest tests [] = { LABEL_TEST (test_a_limit_is_lifted), LABEL_TEST (test_the_same_limit_again),
                                         LABEL_TEST (test_a_label_by_another_adapter_is_not_taken),
                                         LABEL_TEST (test_a_retry_after_a_lift) };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
