// judged: the pairs of a run for which the judge's word on every rule is stored, with those cells.
//
//     judged_walk_t *walk = judged_walk_new (store, run, digests, n_rules);
//     while ((status = judged_walk_next (walk, &judged, fault)) == OK && judged) ...
//     judged_walk_destroy (&walk);
//
// In corpus order and stored orientation. Left out: pairs without a label, in quarantine, excluded, of equal texts, and those
// that lack a cell.
#ifndef STORAGE_JUDGED_H
#define STORAGE_JUDGED_H

#include "base/cell.h"
#include "storage/dataset_walk.h"

typedef struct {
    const dataset_item_t *item;         // with its texts
    const cell_value_t *a, *b;          // n_rules each
    bool own_a, own_b;                  // these cells hold for this pair alone, not for the response in others
} judged_t;

typedef struct judged_walk judged_walk_t;

// rule_digests of the run's pool; all are borrowed.
judged_walk_t *judged_walk_new (store_t *store, const Rulemill__RunRecord *run, const digest_t *rule_digests, size_t n_rules);
void judged_walk_destroy (judged_walk_t **walk);

// From now on only pairs whose label was selected by this policy (borrowed), and those that were audited. For runs that label some pairs otherwise: whether
// those have all cells depends on what else was judged in the store.
void judged_walk_only (judged_walk_t *walk, const char *selected_by);

// From now on a response's cells are what this says, with rules as the store numbers them, and not those of the run's one judge: a panel's are kept apart.
// *out is NULL where there are none; it is freed.
typedef status_t judged_cells_fn (store_t *store, const Rulemill__RunRecord *run, uint64_t response, Rulemill__Cells **out, fault_t *fault);
void judged_walk_cells (judged_walk_t *walk, judged_cells_fn *cells_of);

// The next one, valid until the next call; *out is NULL behind the last one.
status_t judged_walk_next (judged_walk_t *walk, const judged_t **out, fault_t *fault) MUST_USE;

// Labelled pairs of different texts so far that lacked a cell.
uint64_t judged_walk_lacking (const judged_walk_t *walk);

#endif
