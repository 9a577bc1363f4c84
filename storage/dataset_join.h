// dataset_join: are these stores all parts of one corpus, labelled by one run?
#ifndef STORAGE_DATASET_JOIN_H
#define STORAGE_DATASET_JOIN_H

#include "storage/dataset_walk.h"

// Puts the parts in their order. ERR_USAGE where one is missing or there twice, or is no part at all; ERR_MISMATCH, with the difference, where their
// corpora, how these were read, or their runs are not the same, and where a part is not read whole. all_labelled: a part that has pairs without a
// label is refused too, as far as its counts tell.
status_t dataset_join_check (dataset_source_t *parts, size_t n, bool all_labelled, fault_t *fault) MUST_USE;

#endif
