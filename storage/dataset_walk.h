// dataset_walk: the pairs of a corpus in its order, each with all that the store knows of it.
//
//     dataset_walk_t *walk = dataset_walk_new (store, run, 0, WALK_LABELLED_TEXTS, on_duplicate, ctx);
//     while ((status = dataset_walk_next (walk, &item, fault)) == OK && item) ...
//     dataset_walk_destroy (&walk);
//
// Holds one pair at a time. Every reference is checked: ERR_CORRUPT names what is missing.
#ifndef STORAGE_DATASET_WALK_H
#define STORAGE_DATASET_WALK_H

#include "storage/records.h"

// Stated preferences, in the pair's stored orientation; its own row's and its duplicates'.
typedef struct { uint64_t a, b, tie; } dataset_votes_t;

// A store that pairs are walked of, and the run in it; dir is what messages call it.
typedef struct { store_t *store; const Rulemill__RunRecord *run; const char *dir; } dataset_source_t;

typedef struct {
    uint64_t number;                            // in its store
    size_t source;                              // which of several stores that is (dataset_merge.h); else 0
    uint64_t order, prompt_id;                  // over all of them: its place among the pairs, and which prompt it is of
    const char *id;                             // ROW, or ROW#i-j
    const Rulemill__PairRecord *pair;
    const Rulemill__RowRecord *row;
    dataset_votes_t votes;
    const Rulemill__RejectRecord *excluded;     // why its prompt is left out of the run; NULL: it is not
    bool first_excluded;                        // no pair of this walk before it has this (excluded) prompt
    const Rulemill__Label *label;               // NULL: none yet
    const Rulemill__PromptRecord *prompt;       // these three as far as the walk's depth has them
    const Rulemill__ResponseRecord *a, *b;
} dataset_item_t;

// Texts of no pair; of those that have a label, are not in quarantine and not excluded; of all.
typedef enum { WALK_NO_TEXTS, WALK_LABELLED_TEXTS, WALK_ALL_TEXTS } dataset_depth_t;

// Called for each duplicate before its pair is returned. row is the duplicate's own.
typedef status_t dataset_duplicate_fn (void *ctx, const dataset_item_t *pair, place_t place, const Rulemill__RowRecord *row,
                                       const Rulemill__DuplicateRecord *duplicate, fault_t *fault);

typedef struct dataset_walk dataset_walk_t;

// From pair number `from` on. on_duplicate may be NULL. store and run are borrowed.
dataset_walk_t *dataset_walk_new (store_t *store, const Rulemill__RunRecord *run, uint64_t from, dataset_depth_t depth,
                                  dataset_duplicate_fn *on_duplicate, void *ctx);

// The place of the pair that comes next; *any false behind the last one. What was returned before is no longer valid.
status_t dataset_walk_peek (dataset_walk_t *walk, place_t *place, bool *any, fault_t *fault) MUST_USE;

// The next pair, valid until the next call; *item is NULL behind the last one.
status_t dataset_walk_next (dataset_walk_t *walk, const dataset_item_t **item, fault_t *fault) MUST_USE;

// Before store_close.
void dataset_walk_destroy (dataset_walk_t **walk);

// ROW, or ROW#i-j, appended to out.
void dataset_pair_id (const Rulemill__RowRecord *row, bool listed, uint32_t i, uint32_t j, buf_t *out);

#endif
