// dataset_cells: what the judge said, as files: responses.jsonl, cells.jsonl, pair_cells.jsonl.
//
// Cells of other pools' rules are left out: their ids are not known here.
#ifndef STORAGE_DATASET_CELLS_H
#define STORAGE_DATASET_CELLS_H

#include "storage/dataset_export.h"

// From rule numbers of the store to indices of the run's pool.
typedef struct dataset_rule_map dataset_rule_map_t;
dataset_rule_map_t *dataset_rule_map_new (store_t *store, const digest_t *rule_digests, size_t n_rules);   // borrowed
void dataset_rule_map_destroy (dataset_rule_map_t **map);

// The index; -1: no rule of this pool.
status_t dataset_rule_map_find (dataset_rule_map_t *map, uint32_t number, int *index, fault_t *fault) MUST_USE;

// ERR_NOT_FOUND where the options want cells and the store has none at all.
status_t dataset_cells_check (const dataset_export_t *e, fault_t *fault) MUST_USE;

// What is kept while cells are written.
typedef struct dataset_cells dataset_cells_t;
dataset_cells_t *dataset_cells_new (const dataset_export_t *e);      // borrowed
void dataset_cells_destroy (dataset_cells_t **self);

// The lines of a pair, in the corpus's order: of a response in responses.jsonl and cells.jsonl where it is met for the first time, and in
// pair_cells.jsonl; each where there are cells for it.
status_t dataset_cells_write (dataset_cells_t *self, dataset_export_t *e, const dataset_item_t *item, fault_t *fault) MUST_USE;

// All pairs are written. ERR_NOT_FOUND where responses are wanted and the run's judge has scored none.
status_t dataset_cells_check_end (const dataset_export_t *e, fault_t *fault) MUST_USE;

#endif
