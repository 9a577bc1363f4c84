// dataset_view: a label in terms of the dataset: the chosen response and the rejected one.
//
// A label speaks of A and B as its run presented them, the store of A and B as the corpus had them. Here "first" is
// the chosen response, or of a tie the corpus's A.
#ifndef STORAGE_DATASET_VIEW_H
#define STORAGE_DATASET_VIEW_H

#include "storage/dataset_walk.h"

typedef struct {
    bool tie;
    bool first_is_a;                                    // of the stored pair
    const Rulemill__ResponseRecord *first, *second;     // NULL where the walk brings no texts
    const char *model_first, *model_second;             // "" where unknown
    uint64_t votes_first, votes_second, votes_tie;
    size_t n_rules;
    const uint32_t *rule;                               // n_rules each; borrowed from the label
    const int32_t *scores_first, *scores_second;
    int64_t mean_first, mean_second, margin;            // 1e-6, rounded half away from zero; 0 where n_rules is 0
} dataset_view_t;

// Of an item whose label is A, B or a tie.
dataset_view_t dataset_view_of (const dataset_item_t *item);

// sum / n in 1e-6, rounded half away from zero.
int64_t dataset_mean (int64_t sum, size_t n);

// Bytes of a response's text, all turns together: what length baselines compare.
size_t dataset_text_bytes (const Rulemill__Conversation *response);

#endif
