// dataset_tally: what an export adds up of a run's labels while it walks them: margins by who selected the rules, and the
// cells that the labels stand for. Bounded by the responses of one prompt.
#ifndef STORAGE_DATASET_TALLY_H
#define STORAGE_DATASET_TALLY_H

#include "storage/dataset_view.h"

typedef enum { TALLY_OTHERS, TALLY_ADAPTER, TALLY_COUNT } tally_by_t;       // exhaustively or by another policy; by a Rule Adapter

typedef struct dataset_tally dataset_tally_t;

dataset_tally_t *dataset_tally_new (size_t n_rules);
void dataset_tally_destroy (dataset_tally_t **tally);

// A labelled pair (A, B or a tie), in corpus order.
void dataset_tally_add (dataset_tally_t *tally, const dataset_item_t *item, const dataset_view_t *view);

uint64_t dataset_tally_pairs (const dataset_tally_t *tally, tally_by_t by);

// The rules alone that a pair was, or would be, judged by.
void dataset_tally_judged (dataset_tally_t *tally, const dataset_item_t *item, tally_by_t by, const uint32_t *rules, size_t n);

// The margin, 1e-6, below which this share of the preferred pairs lies, to a thousandth; 0 where there are none.
int64_t dataset_tally_margin (const dataset_tally_t *tally, tally_by_t by, double share);

// Distinct (response, rule) cells: of every rule, and of the rules that each label names, with those that an adapter had judged beside
// them. Where an adapter labelled some, each response of the others counts with as many cells as one of those on the average. Pairs of a prompt that do not stand together
// count a response again.
uint64_t dataset_tally_cells_all (const dataset_tally_t *tally);
uint64_t dataset_tally_cells_selected (dataset_tally_t *tally);

#endif
