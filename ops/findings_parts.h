// findings_parts: for findings*.c alone: the walk's two halves and what they share.
#ifndef OPS_FINDINGS_PARTS_H
#define OPS_FINDINGS_PARTS_H

#include "model/bootstrap.h"
#include "ops/findings.h"
#include "storage/dataset_cells.h"
#include "worker/label_setup.h"
#include "worker/lexicon.h"

// Of a pair, in its stored orientation: which response is truly better. 1 A, -1 B, 0 unknown or equal.
typedef struct findings_truth findings_truth_t;
findings_truth_t *findings_truth_new (const char *column);     // NULL: the given preferences
int findings_truth_of (findings_truth_t *truth, const dataset_item_t *item);
bool findings_truth_found (const findings_truth_t *truth);     // some row had the column
void findings_truth_destroy (findings_truth_t **truth);

// A pair's cells as the run presents it, for all rules of its pool.
typedef struct {
    store_t *store;
    const Rulemill__RunRecord *run;
    const rulepool_t *pool;
    const label_layers_t *layers;   // members of a panel; one where there is none
    uint32_t judge [LIMIT_JUDGES];  // their numbers in the store
    cell_t *member;                 // the members' cells of one side, one layer behind the other
    dataset_rule_map_t *map;
    lexicon_t *lexicon;             // NULL: cells are read from the store
    uint8_t *hits;
    uint64_t prompt;                // that hits are of; UINT64_MAX: none
    cell_t *a, *b;                  // pool->count each
} findings_cells_t;

status_t findings_cells_open (findings_cells_t *cells, const opened_t *opened, const label_layers_t *layers, const char **note, fault_t *fault) MUST_USE;
void findings_cells_close (findings_cells_t *cells);

// *whole: all cells are known.
status_t findings_cells_of (findings_cells_t *cells, const dataset_item_t *item, bool *whole, fault_t *fault) MUST_USE;

// What is counted of labels.
typedef struct findings_labels findings_labels_t;
findings_labels_t *findings_labels_new (findings_t *out, double sample_share, uint64_t seed);
void findings_labels_add (findings_labels_t *labels, const dataset_item_t *item, int truth);
void findings_labels_end (findings_labels_t *labels, uint64_t seed);    // fills in what takes all of them
void findings_labels_destroy (findings_labels_t **labels);

// Is a prompt in a share of all of them?
bool findings_sampled (uint64_t seed, uint64_t prompt, double share);

#endif
