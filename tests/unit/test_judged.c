// storage/judged: which pairs have the judge's word on every rule, and which cells hold.
#include "tests/unit/dataset_fixture.h"

#include "storage/judged.h"

enum { ASKED = 2 };     // rules 0 and 1 of the fixture's pool: those that its cells are of

static judged_walk_t *walk_of (fixture_t *f)
{
    return judged_walk_new (f->store, f->run, f->rule_digest, ASKED);
}

static const judged_t *next (judged_walk_t *walk)
{
    const judged_t *judged = NULL;
    fault_t fault = { 0 };
    if (judged_walk_next (walk, &judged, &fault) != OK)
        fail_msg ("%s", fault.text);
    return judged;
}

static void test_what_is_judged (void **state)
{
    (void) state;
    fixture_t *f = fixture_filled ();
    judged_walk_t *walk = walk_of (f);
    assert_null (next (walk));
    assert_int_equal (judged_walk_lacking (walk), 5);           // pairs 0 to 3 and 8
    judged_walk_destroy (&walk);
    assert_null (walk);
    for (uint64_t response = 0; response < f->responses; response++)
        if (response != 1)                                      // in pairs 0 and 2
            add_cells (f, response, (int32_t) response * 1000, 500000, false);
    save (f);
    walk = walk_of (f);
    const judged_t *judged = next (walk);
    assert_int_equal (judged->item->number, 1);
    assert_int_equal (judged->a [0].score, 0);
    assert_int_equal (judged->b [0].score, 2000);
    assert_int_equal (judged->b [1].score, -2000);
    assert_int_equal (judged->b [1].relevance, 500000);
    assert_false (judged->own_a || judged->own_b);
    assert_non_null (judged->item->prompt);
    assert_int_equal (next (walk)->item->number, 3);
    assert_int_equal (next (walk)->item->number, 8);            // not the equal, the quarantined, the excluded, the unlabelled
    assert_null (next (walk));
    assert_int_equal (judged_walk_lacking (walk), 2);
    judged_walk_destroy (&walk);
    fixture_free (f);
}

// Cells for the pair alone come before those of the response.
static void test_own_cells (void **state)
{
    (void) state;
    fixture_t *f = fixture_filled ();
    add_cells (f, 0, 1000, 500000, false);
    add_cells (f, 2, 2000, 500000, false);
    uint32_t rule [ASKED] = { f->rule_number [0], f->rule_number [1] };
    int32_t score [ASKED] = { 7, 8 };
    uint32_t parts [ASKED] = { 9, 9 };
    Rulemill__Cells cells = RULEMILL__CELLS__INIT;
    cells.n_rule = cells.n_score = cells.n_relevance = cells.n_mass = ASKED;
    cells.rule = rule;
    cells.score = score;
    cells.relevance = cells.mass = parts;
    record_put_pair_cells (f->batch, 1, f->run->judge, 2, &cells);
    save (f);
    judged_walk_t *walk = walk_of (f);
    const judged_t *judged = next (walk);
    assert_int_equal (judged->item->number, 1);
    assert_int_equal (judged->a [0].score, 1000);
    assert_int_equal (judged->b [1].score, 8);
    assert_true (!judged->own_a && judged->own_b);
    judged_walk_destroy (&walk);
    fixture_free (f);
}

static void test_only (void **state)
{
    (void) state;
    fixture_t *f = fixture_filled ();
    for (uint64_t response = 0; response < f->responses; response++)
        add_cells (f, response, 1, 1, false);
    save (f);
    judged_walk_t *walk = walk_of (f);
    judged_walk_only (walk, "adapter");
    assert_null (next (walk));
    judged_walk_destroy (&walk);
    walk = walk_of (f);
    judged_walk_only (walk, "exhaustive");
    assert_int_equal (next (walk)->item->number, 0);
    judged_walk_destroy (&walk);
    fixture_free (f);
}

// As of a panel, whose cells stand elsewhere: what it says holds, but not for pairs with cells of their own.
static status_t of_others (store_t *store, const Rulemill__RunRecord *run, uint64_t response, Rulemill__Cells **out, fault_t *fault)
{
    status_t status = record_get_cells (store, response, run->judge, out, fault);
    for (size_t i = 0; *out && i < (*out)->n_rule; i++)
        (*out)->score [i] += 5;
    return status;
}

// An audit that lacks an answer is none: its pair has not the judge's word on every rule.
static void test_cells_of_others_and_failed_audits (void **state)
{
    (void) state;
    fixture_t *f = fixture_filled ();
    for (uint64_t response = 0; response < f->responses; response++)
        add_cells (f, response, 1, 1, false);
    Rulemill__Label failed = RULEMILL__LABEL__INIT, audit = RULEMILL__LABEL__INIT;
    failed.outcome = RULEMILL__OUTCOME__OUTCOME_QUARANTINED;
    audit.outcome = RULEMILL__OUTCOME__OUTCOME_A;
    record_put_audit (f->batch, f->run->number, 0, &failed);
    record_put_audit (f->batch, f->run->number, 1, &audit);
    save (f);
    judged_walk_t *walk = walk_of (f);
    judged_walk_only (walk, "adapter");                         // none but what was audited
    judged_walk_cells (walk, of_others);
    const judged_t *judged = next (walk);
    assert_int_equal (judged->item->number, 1);
    assert_int_equal (judged->a [0].score, 6);
    assert_null (next (walk));
    judged_walk_destroy (&walk);
    fixture_free (f);
}

static void test_cells_that_disagree (void **state)
{
    (void) state;
    fixture_t *f = fixture_filled ();
    uint32_t rule [2] = { f->rule_number [0], f->rule_number [1] };
    int32_t score [1] = { 7 };
    Rulemill__Cells cells = RULEMILL__CELLS__INIT;
    cells.n_rule = 2;
    cells.n_score = 1;
    cells.rule = rule;
    cells.score = score;
    record_put_cells (f->batch, 0, f->run->judge, &cells);
    save (f);
    judged_walk_t *walk = walk_of (f);
    const judged_t *judged = NULL;
    fault_t fault = { 0 };
    assert_int_equal (judged_walk_next (walk, &judged, &fault), ERR_CORRUPT);
    assert_null (judged);
    judged_walk_destroy (&walk);
    fixture_free (f);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (test_what_is_judged), cmocka_unit_test (test_own_cells), cmocka_unit_test (test_only),
        cmocka_unit_test (test_cells_of_others_and_failed_audits), cmocka_unit_test (test_cells_that_disagree)
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
