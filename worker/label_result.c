#include "worker/label_result.h"

#include <stdlib.h>

#include "base/mem.h"
#include "proto/wire.h"

// The values of one side's cells, as protobuf wants them: parallel lists.
typedef struct {
    uint32_t *rule, *relevance, *mass;
    int32_t *score;
    size_t n;
} columns_t;

static columns_t columns_new (size_t room)
{
    return (columns_t) { .rule = mem_zero (room + 1, sizeof (uint32_t)), .relevance = mem_zero (room + 1, sizeof (uint32_t)),
                         .mass = mem_zero (room + 1, sizeof (uint32_t)), .score = mem_zero (room + 1, sizeof (int32_t)) };
}

static void columns_free (columns_t *columns)
{
    free (columns->rule);
    free (columns->relevance);
    free (columns->mass);
    free (columns->score);
}

static void add_cell (columns_t *columns, uint32_t rule, const cell_t *cell)
{
    columns->rule [columns->n] = rule;
    columns->score [columns->n] = cell->score;
    columns->relevance [columns->n] = cell->relevance;
    columns->mass [columns->n++] = cell->mass;
}

// What was judged here: needed, and not from the store. NULL where that is nothing.
static Rulemill__Cells *new_cells (const label_made_t *made, int side, columns_t *columns, Rulemill__Cells *out)
{
    const cell_t *cells = made->cells [side];
    for (uint32_t i = 0; i < made->n_cells; i++)
        if (made->need [i] && !made->stored [side][i] && cells [i].known)
            add_cell (columns, i, &cells [i]);
    if (columns->n == 0)
        return NULL;
    *out = (Rulemill__Cells) RULEMILL__CELLS__INIT;
    out->n_rule = out->n_score = out->n_relevance = out->n_mass = columns->n;
    out->rule = columns->rule;
    out->score = columns->score;
    out->relevance = columns->relevance;
    out->mass = columns->mass;
    return out;
}

static Rulemill__Label label_of (const char *selected_by, bool swapped)
{
    Rulemill__Label label = RULEMILL__LABEL__INIT;
    label.swapped = swapped;
    label.selected_by = (char *) (uintptr_t) selected_by;
    return label;
}

static Rulemill__Outcome outcome_of (preference_t preference)
{
    switch (preference) {
    case PREFERS_A:
        return RULEMILL__OUTCOME__OUTCOME_A;
    case PREFERS_B:
        return RULEMILL__OUTCOME__OUTCOME_B;
    default:
        return RULEMILL__OUTCOME__OUTCOME_TIE;
    }
}

static Rulemill__TieReason reason_of (tie_reason_t reason)
{
    switch (reason) {
    case REASON_IDENTICAL:
        return RULEMILL__TIE_REASON__TIE_IDENTICAL;
    case REASON_NO_RULE:
        return RULEMILL__TIE_REASON__TIE_NO_RULE;
    case REASON_MARGIN:
        return RULEMILL__TIE_REASON__TIE_MARGIN;
    default:
        return RULEMILL__TIE_REASON__TIE_NONE;
    }
}

// The label's lists are those of the two columns.
static void add_selected (const label_made_t *made, columns_t *a, columns_t *b, Rulemill__Label *label)
{
    const selected_t *selected = made->selected;
    for (size_t i = 0; i < selected->n_rules; i++) {
        uint32_t rule = selected->rule [i];
        add_cell (a, rule, &made->combined [0][rule]);
        add_cell (b, rule, &made->combined [1][rule]);
    }
    label->n_rule = label->n_score_a = label->n_score_b = label->n_relevance_a = label->n_relevance_b = a->n;
    label->rule = a->rule;
    label->score_a = a->score;
    label->score_b = b->score;
    label->relevance_a = a->relevance;
    label->relevance_b = b->relevance;
    label->outcome = outcome_of (selected->preference);
    label->tie_reason = reason_of (selected->reason);
    label->sum_a = selected->sum_a;
    label->sum_b = selected->sum_b;
}

// The chosen rules that selection did not take, into room for all that were chosen.
static void add_beside (const label_made_t *made, uint32_t *room, Rulemill__Label *label)
{
    bool taken [LIMIT_RULES] = { false };
    for (size_t i = 0; i < made->selected->n_rules; i++)
        taken [made->selected->rule [i]] = true;
    label->beside = room;
    for (size_t i = 0; i < made->n_chosen; i++)
        if (!taken [made->chosen [i]])
            room [label->n_beside++] = made->chosen [i];
}

void label_result_pack (const label_made_t *made, buf_t *out)
{
    size_t n_selected = made->selected->n_rules, n_cells = made->need ? made->n_cells : 0;
    columns_t selected_a = columns_new (n_selected), selected_b = columns_new (n_selected);
    columns_t judged_a = columns_new (n_cells), judged_b = columns_new (n_cells);
    Rulemill__Cells cells_a, cells_b;
    Rulemill__Label label = label_of (made->selected_by, made->swapped);
    uint32_t *beside = mem_new ((made->n_chosen + 1) * sizeof *beside);
    add_selected (made, &selected_a, &selected_b, &label);
    add_beside (made, beside, &label);
    label.adapter = made->adapter;
    Rulemill__LabelResult result = RULEMILL__LABEL_RESULT__INIT;
    result.label = &label;
    uint8_t digest [8];
    if (made->need) {
        result.new_a = new_cells (made, 0, &judged_a, &cells_a);
        result.new_b = new_cells (made, 1, &judged_b, &cells_b);
        uint64_t hash = selection_cells_digest (made->need, made->cells [0], made->cells [1], made->n_label);
        for (int i = 0; i < 8; i++)
            digest [i] = (uint8_t) (hash >> (56 - 8 * i));
        result.cells_digest.data = digest;
        result.cells_digest.len = sizeof digest;
    }
    wire_pack (&result.base, out);
    free (beside);
    columns_free (&selected_a);
    columns_free (&selected_b);
    columns_free (&judged_a);
    columns_free (&judged_b);
}

void label_result_audit (const label_made_t *made, buf_t *out)
{
    columns_t a = columns_new (made->selected->n_rules), b = columns_new (made->selected->n_rules);
    Rulemill__Label label = label_of (made->selected_by, made->swapped);
    add_selected (made, &a, &b, &label);
    Rulemill__LabelResult result = RULEMILL__LABEL_RESULT__INIT;
    result.audit = &label;
    wire_pack (&result.base, out);
    columns_free (&a);
    columns_free (&b);
}

void label_result_unaudited (const char *selected_by, bool swapped, const char *reason, buf_t *out)
{
    Rulemill__Label label = label_of (selected_by, swapped);
    label.outcome = RULEMILL__OUTCOME__OUTCOME_QUARANTINED;
    label.reason = (char *) (uintptr_t) reason;
    Rulemill__LabelResult result = RULEMILL__LABEL_RESULT__INIT;
    result.audit = &label;
    wire_pack (&result.base, out);
}

static void pack_alone (Rulemill__Label *label, buf_t *out)
{
    Rulemill__LabelResult result = RULEMILL__LABEL_RESULT__INIT;
    result.label = label;
    wire_pack (&result.base, out);
}

void label_result_identical (const char *selected_by, bool swapped, buf_t *out)
{
    Rulemill__Label label = label_of (selected_by, swapped);
    label.outcome = RULEMILL__OUTCOME__OUTCOME_TIE;
    label.tie_reason = RULEMILL__TIE_REASON__TIE_IDENTICAL;
    pack_alone (&label, out);
}

void label_result_quarantined (const char *selected_by, bool swapped, const label_failure_t *failure, buf_t *out)
{
    Rulemill__Label label = label_of (selected_by, swapped);
    label.outcome = RULEMILL__OUTCOME__OUTCOME_QUARANTINED;
    label.reason = (char *) failure->reason;
    label.too_long = failure->too_long;
    label.adapter = failure->adapter;
    if (failure->raw)
        label.raw = (char *) failure->raw;
    pack_alone (&label, out);
}

void label_result_cell (bool side_a, uint32_t place, const cell_t *cell, buf_t *out)
{
    cell_t copy = *cell;
    Rulemill__Cells cells = RULEMILL__CELLS__INIT;
    cells.n_rule = cells.n_score = cells.n_relevance = cells.n_mass = 1;
    cells.rule = &place;
    cells.score = &copy.score;
    cells.relevance = &copy.relevance;
    cells.mass = &copy.mass;
    Rulemill__LabelResult result = RULEMILL__LABEL_RESULT__INIT;
    *(side_a ? &result.new_a : &result.new_b) = &cells;
    wire_pack (&result.base, out);
}

void label_result_chosen (const uint32_t *rules, size_t n, buf_t *out)
{
    Rulemill__LabelResult result = RULEMILL__LABEL_RESULT__INIT;
    result.chosen = (uint32_t *) (uintptr_t) rules;
    result.n_chosen = n;
    wire_pack (&result.base, out);
}
