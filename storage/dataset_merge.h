// dataset_merge: the pairs of one store, or of the parts of a corpus, in the corpus's order; and between them what was set aside.
//
// Holds one pair of each store at a time. Each row of a corpus is of one part alone, so places tell which part is next.
#ifndef STORAGE_DATASET_MERGE_H
#define STORAGE_DATASET_MERGE_H

#include "storage/dataset_walk.h"

// A row that was set aside, or one response of a row; called in its place before the pair that follows it is returned.
typedef status_t dataset_reject_fn (void *ctx, store_t *store, place_t place, const Rulemill__RejectRecord *reject, fault_t *fault);

typedef struct {
    dataset_depth_t depth;
    dataset_duplicate_fn *on_duplicate;     // may be NULL, like the next
    dataset_reject_fn *on_reject;
    void *ctx;                              // of both
} dataset_merge_options_t;

typedef struct dataset_merge dataset_merge_t;

// The sources, n of them, are borrowed with what they name; options are copied.
dataset_merge_t *dataset_merge_new (const dataset_source_t *sources, size_t n, const dataset_merge_options_t *options);

// The next pair, valid until the next call, with its source, order and prompt_id set; *item is NULL behind the last one.
status_t dataset_merge_next (dataset_merge_t *merge, const dataset_item_t **item, fault_t *fault) MUST_USE;

// Before the stores are closed.
void dataset_merge_destroy (dataset_merge_t **merge);

#endif
