// The coordinator's half of labelling: the cells that a costly judge's workers send, and their layers.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>

#include "base/mem.h"
#include "coordinator/kind_label_plan.h"
#include "coordinator/kind_label_parts.h"
#include "storage/run.h"
#include "tests/unit/label_store.h"

// --- stored cells ------------------------------------------------------------------

static void the_first_cell_wins (void **state)
{
    fixture_t *f = *state;
    due_t due [PAIRS];
    buf_t known = { 0 };
    f->options.stored_cells = true;
    open_kind (f);
    next_phase (f);
    look (f, due);
    assert_int_equal (due [0].n_keys, 2);
    assert_int_equal (due [0].keys [1], due [1].keys [0]);      // pairs 0 and 1 share response 1

    made_t *made = make (f, 0);
    judged_t a, b;
    judged (&a, made->response [0], 0);
    judged (&b, made->response [1], 0);
    made->result.new_a = &a.cells;
    assert_int_equal (give_full (f, 0, &made->result, false, &known), VERDICT_PARTIAL);     // A's cells alone, as they come
    made->result.new_b = &b.cells;
    int32_t right = b.score [1];
    assert_int_equal (give (f, 0, made), VERDICT_FINAL);

    // in the same batch: another value for a cell of response 1 that pair 0 has brought
    made_t *other = make (f, 1);
    judged_t x;
    judged (&x, 1, 0);
    x.score [1]++;
    if (other->response [0] == 1)
        other->result.new_a = &x.cells;
    else
        other->result.new_b = &x.cells;
    assert_int_equal (give_full (f, 1, &other->result, true, &known), VERDICT_STALE);
    Rulemill__LabelKnown *told = rulemill__label_known__unpack (NULL, known.len, (uint8_t *) known.data);
    assert_non_null (told);
    const Rulemill__Cells *cells = other->response [0] == 1 ? told->known_a : told->known_b;
    assert_int_equal (cells->n_rule, RULES);
    assert_int_equal (cells->score [1], score_of (1, 1));
    rulemill__label_known__free_unpacked (told, NULL);
    commit (f);
    assert_int_equal (kind_label_counts (f->kind)->cells_judged, 2 * RULES);
    x.score [1]--;
    assert_int_equal (give_full (f, 1, &other->result, true, &known), VERDICT_FINAL);
    commit (f);
    (void) right;

    Rulemill__Cells *stored = NULL;
    assert_int_equal (record_get_cells (f->store, 1, 1, &stored, &f->fault), OK);
    assert_int_equal (stored->n_rule, RULES);
    rulemill__cells__free_unpacked (stored, NULL);
    buf_free (&known);
    free (made);
    free (other);
}

// A pair was set aside for one response; what was asked about the other one was paid for, and a retry needs it no more.
static void what_comes_late_is_kept_and_costs_nothing_again (void **state)
{
    fixture_t *f = *state;
    due_t due [PAIRS];
    buf_t body = { 0 };
    uint64_t cost = 0;
    f->options.stored_cells = f->options.costs = true;
    open_kind (f);
    next_phase (f);
    look (f, due);
    assert_int_equal (due [0].cost, 2 * RULES);
    assert_int_equal (f->kind->class->quarantine (f->kind, f->batch, 0, "its other response can't be judged", &f->fault), OK);
    commit (f);
    made_t *made = make (f, 0);
    judged_t a;
    judged (&a, made->response [0], 1);
    made->result.new_a = &a.cells;
    wire_pack (&made->result.base, &body);
    assert_int_equal (f->kind->class->late (f->kind, f->batch, 0, body.data, body.len, &f->fault), OK);
    assert_int_equal (f->kind->class->late (f->kind, f->batch, 0, "\xff\xff", 2, &f->fault), OK);      // is nothing
    commit (f);
    assert_int_equal (kind_label_counts (f->kind)->cells_judged, RULES - 1);
    assert_int_equal (f->kind->class->cost (f->kind, 0, &cost, &f->fault), OK);
    assert_int_equal (cost, RULES + 1);
    buf_free (&body);
    free (made);
}

static void usage_is_counted (void **state)
{
    fixture_t *f = *state;
    const usage_t usage = { .calls = 3, .prompt_tokens = 900, .cached_tokens = 500, .completion_tokens = 3, .refused = 1, .cost = 77, .ms = 1250 };
    f->kind->class->used (f->kind, &usage);
    f->kind->class->used (f->kind, &usage);
    commit (f);
    const Rulemill__RunCounts *counts = kind_label_counts (f->kind);
    assert_int_equal (counts->calls, 6);
    assert_int_equal (counts->prompt_tokens, 1800);
    assert_int_equal (counts->cached_tokens, 1000);
    assert_int_equal (counts->completion_tokens, 6);
    assert_int_equal (counts->refused, 2);
    assert_int_equal (counts->cost, 154);
    assert_int_equal (counts->ms, 2500);
}

// Each cell counts once, however many pairs need it.
static void a_plan_counts_cells_once (void **state)
{
    fixture_t *f = *state;
    _Atomic bool stop = false;
    label_plan_t plan;
    f->options.stored_cells = true;
    open_kind (f);
    assert_int_equal (kind_label_plan (f->kind, &stop, &plan, &f->fault), OK);
    assert_true (plan.made && plan.pairs_due + plan.pairs_identical <= PAIRS);
    assert_true (plan.cells_needed <= PROMPTS * RESPONSES * RULES && plan.cells_needed % RULES == 0);
    assert_int_equal (plan.cells_stored, 0);
    made_t *made = make (f, 0);
    judged_t a;
    judged (&a, made->response [0], 0);
    made->result.new_a = &a.cells;
    buf_t known = { 0 };
    assert_int_equal (give_full (f, 0, &made->result, false, &known), VERDICT_PARTIAL);
    commit (f);
    assert_int_equal (kind_label_plan (f->kind, &stop, &plan, &f->fault), OK);
    assert_int_equal (plan.cells_stored, RULES);
    atomic_store (&stop, true);
    assert_int_equal (kind_label_plan (f->kind, &stop, &plan, &f->fault), ERR_STOPPED);
    assert_false (plan.made);
    buf_free (&known);
    free (made);
}

static void cells_that_can_not_be_are_refused (void **state)
{
    fixture_t *f = *state;
    made_t *made = make (f, 0);
    judged_t a;
    judged (&a, 0, 0);
    made->result.new_a = &a.cells;
    next_phase (f);
    assert_int_equal (give (f, 0, made), VERDICT_BAD);          // this judge's cells are not stored
    f->options.stored_cells = true;
    open_kind (f);
    next_phase (f);
    a.rule [1] = a.rule [0];
    assert_int_equal (give (f, 0, made), VERDICT_BAD);
    judged (&a, 0, 0);
    a.rule [2] = 7;
    assert_int_equal (give (f, 0, made), VERDICT_BAD);
    judged (&a, 0, 0);
    a.score [0] = -MICRO - 1;
    assert_int_equal (give (f, 0, made), VERDICT_BAD);
    judged (&a, 0, 0);
    a.cells.n_mass--;
    assert_int_equal (give (f, 0, made), VERDICT_BAD);
    free (made);
}

// --- layers ------------------------------------------------------------------------

// Cells of a panel of two, judged over once: 12 places, of which every third is missing.
static void cells_of_all_layers (Rulemill__LabelResult *result, Rulemill__Cells *cells, uint32_t rule [12], int32_t score [12], uint32_t ones [12])
{
    size_t n = 0;
    for (uint32_t place = 0; place < 12; place++) {
        ones [place] = MICRO;
        if (place % RULES == 2)
            continue;
        rule [n] = place;
        score [n++] = (int32_t) place * 1000;
    }
    *cells = (Rulemill__Cells) RULEMILL__CELLS__INIT;
    cells->n_rule = cells->n_score = cells->n_relevance = cells->n_mass = n;
    cells->rule = rule;
    cells->score = score;
    cells->relevance = cells->mass = ones;
    *result = (Rulemill__LabelResult) RULEMILL__LABEL_RESULT__INIT;
    result->new_a = cells;
}

// Each layer stands under its own judge's number, by rule.
static void check_layers (fixture_t *f, uint64_t response)
{
    for (unsigned layer = 0; layer < 4; layer++) {
        digest_t judge = run_judge (&f->spec, layer % 2, layer / 2);
        uint32_t number;
        Rulemill__Cells *stored = NULL;
        assert_int_equal (record_number_of (f->store, 'J', &judge, &number, &f->fault), OK);
        assert_int_equal (record_get_cells (f->store, response, number, &stored, &f->fault), OK);
        assert_non_null (stored);
        assert_int_equal (stored->n_rule, 2);
        assert_int_equal (stored->score [1], (int32_t) (layer * RULES + 1) * 1000);
        rulemill__cells__free_unpacked (stored, NULL);
    }
}

static void layers_are_kept_under_their_own_judges (void **state)
{
    fixture_t *f = *state;
    uint8_t first [DIGEST_BYTES] = { 1 }, second [DIGEST_BYTES] = { 2 };
    Rulemill__PanelMember members [2] = { RULEMILL__PANEL_MEMBER__INIT, RULEMILL__PANEL_MEMBER__INIT };
    Rulemill__PanelMember *panel [2] = { &members [0], &members [1] };
    members [0].identity = (ProtobufCBinaryData) { DIGEST_BYTES, first };
    members [1].identity = (ProtobufCBinaryData) { DIGEST_BYTES, second };
    f->spec.panel = panel;
    f->spec.n_panel = 2;
    f->options.stored_cells = f->options.costs = true;
    f->options.repeats = 1;
    f->options.repeat_share = 1;
    open_kind (f);
    next_phase (f);
    due_t due [PAIRS];
    look (f, due);
    assert_int_equal (due [0].cost, 2 * RULES * 4);

    Rulemill__LabelResult result;
    Rulemill__Cells cells;
    uint32_t rule [12], ones [12];
    int32_t score [12];
    buf_t known = { 0 };
    cells_of_all_layers (&result, &cells, rule, score, ones);
    assert_int_equal (give_full (f, 0, &result, false, &known), VERDICT_PARTIAL);
    Rulemill__LabelItem *item = body_of (f, 0, true);         // from what is not written yet
    assert_true (item->again);
    assert_int_equal (item->known_a->n_rule, 8);
    rulemill__label_item__free_unpacked (item, NULL);
    commit (f);
    look (f, due);
    assert_int_equal (due [0].cost, 2 * RULES * 4 - 8);
    item = body_of (f, 0, true);
    assert_int_equal (item->known_a->n_rule, 8);
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal (item->known_a->rule [i], rule [i]);
        assert_int_equal (item->known_a->score [i], score [i]);
    }
    uint64_t response = item->response_a;
    rulemill__label_item__free_unpacked (item, NULL);

    check_layers (f, response);
    score [3]++;                                        // another value for what is stored
    assert_int_equal (give_full (f, 0, &result, false, &known), VERDICT_STALE);
    rule [7] = 12;
    assert_int_equal (give_full (f, 0, &result, false, &known), VERDICT_BAD);
    buf_free (&known);

    f->spec.n_panel = 0;                                // a run of the second member alone knows its cells
    f->spec.judge_identity = (ProtobufCBinaryData) { DIGEST_BYTES, second };
    digest_t judge = run_judge (&f->spec, 0, 0);
    assert_int_equal (record_number_of (f->store, 'J', &judge, &f->run.judge, &f->fault), OK);
    f->options.repeats = 0;
    open_kind (f);
    item = body_of (f, 0, true);
    assert_false (item->again);
    assert_int_equal (item->known_a->n_rule, 2);
    assert_int_equal (item->known_a->score [0], RULES * 1000);
    rulemill__label_item__free_unpacked (item, NULL);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        LABEL_TEST (the_first_cell_wins),
        LABEL_TEST (what_comes_late_is_kept_and_costs_nothing_again),
        LABEL_TEST (usage_is_counted),
        LABEL_TEST (a_plan_counts_cells_once),
        LABEL_TEST (cells_that_can_not_be_are_refused),
        LABEL_TEST (layers_are_kept_under_their_own_judges),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
