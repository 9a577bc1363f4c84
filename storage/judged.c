#include "storage/judged.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "storage/dataset_cells.h"

typedef struct { cell_value_t *cell; bool *known; size_t n_known; bool own; } side_t;

struct judged_walk {
    store_t *store;
    const Rulemill__RunRecord *run;
    size_t n_rules;
    dataset_walk_t *walk;
    dataset_rule_map_t *map;
    side_t side [2];
    judged_t judged;
    uint64_t lacking;
    judged_cells_fn *cells_of;  // NULL: of the run's one judge
    const char *only;           // NULL: whatever a label was selected by
};

judged_walk_t *judged_walk_new (store_t *store, const Rulemill__RunRecord *run, const digest_t *rule_digests, size_t n_rules)
{
    judged_walk_t *walk = mem_zero (1, sizeof *walk);
    walk->store = store;
    walk->run = run;
    walk->n_rules = n_rules;
    walk->walk = dataset_walk_new (store, run, 0, WALK_LABELLED_TEXTS, NULL, NULL);
    walk->map = dataset_rule_map_new (store, rule_digests, n_rules);
    for (int i = 0; i < 2; i++) {
        walk->side [i].cell = mem_zero (n_rules, sizeof (cell_value_t));
        walk->side [i].known = mem_zero (n_rules, sizeof (bool));
    }
    return walk;
}

void judged_walk_destroy (judged_walk_t **walk)
{
    judged_walk_t *self = *walk;
    if (self == NULL)
        return;
    dataset_walk_destroy (&self->walk);
    dataset_rule_map_destroy (&self->map);
    for (int i = 0; i < 2; i++) {
        free (self->side [i].cell);
        free (self->side [i].known);
    }
    free (self);
    *walk = NULL;
}

static status_t spread (judged_walk_t *walk, const Rulemill__Cells *cells, side_t *side, fault_t *fault)
{
    memset (side->known, 0, walk->n_rules * sizeof *side->known);
    side->n_known = 0;
    size_t n = cells ? cells->n_rule : 0;
    if (n > 0 && (cells->n_score != n || cells->n_relevance != n || cells->n_mass != n))
        return fault_set (fault, ERR_CORRUPT, "stored scores do not agree with themselves; restore the store from a backup");
    for (size_t c = 0; c < n; c++) {
        int index;
        status_t status = dataset_rule_map_find (walk->map, cells->rule [c], &index, fault);
        if (status != OK)
            return status;
        if (index < 0)
            continue;
        side->n_known += !side->known [index];
        side->known [index] = true;
        side->cell [index] = (cell_value_t) { cells->score [c], cells->relevance [c], cells->mass [c] };
    }
    return OK;
}

// What holds for the pair alone, or else what is known of the response.
static status_t load_side (judged_walk_t *walk, const dataset_item_t *item, int number, side_t *side, fault_t *fault)
{
    Rulemill__Cells *stored = NULL;
    uint64_t response = number == 1 ? item->pair->response_a : item->pair->response_b;
    status_t status = record_get_pair_cells (walk->store, item->number, walk->run->judge, number, &stored, fault);
    side->own = stored != NULL;
    if (status == OK && stored == NULL)
        status = walk->cells_of ? walk->cells_of (walk->store, walk->run, response, &stored, fault)
                                : record_get_cells (walk->store, response, walk->run->judge, &stored, fault);
    if (status == OK)
        status = spread (walk, stored, side, fault);
    if (stored)
        rulemill__cells__free_unpacked (stored, NULL);
    return status;
}

void judged_walk_only (judged_walk_t *walk, const char *selected_by)
{
    walk->only = selected_by;
}

void judged_walk_cells (judged_walk_t *walk, judged_cells_fn *cells_of)
{
    walk->cells_of = cells_of;
}

static status_t is_candidate (const judged_walk_t *walk, const dataset_item_t *item, bool *is, fault_t *fault)
{
    *is = item->label && !item->excluded && item->label->outcome != RULEMILL__OUTCOME__OUTCOME_QUARANTINED
        && item->pair->response_a != item->pair->response_b;
    if (!*is || walk->only == NULL || strcmp (item->label->selected_by, walk->only) == 0)
        return OK;
    return record_has_audit (walk->store, walk->run->number, item->number, is, fault);
}

status_t judged_walk_next (judged_walk_t *walk, const judged_t **out, fault_t *fault)
{
    *out = NULL;
    const dataset_item_t *item = NULL;
    for (;;) {
        status_t status = dataset_walk_next (walk->walk, &item, fault);
        if (status != OK || item == NULL)
            return status;
        bool is = false;
        status = is_candidate (walk, item, &is, fault);
        if (status == OK && !is)
            continue;
        if (status == OK)
            status = load_side (walk, item, 1, &walk->side [0], fault);
        if (status == OK)
            status = load_side (walk, item, 2, &walk->side [1], fault);
        if (status != OK)
            return status;
        if (walk->side [0].n_known == walk->n_rules && walk->side [1].n_known == walk->n_rules)
            break;
        walk->lacking++;
    }
    walk->judged = (judged_t) { item, walk->side [0].cell, walk->side [1].cell, walk->side [0].own, walk->side [1].own };
    *out = &walk->judged;
    return OK;
}

uint64_t judged_walk_lacking (const judged_walk_t *walk)
{
    return walk->lacking;
}
