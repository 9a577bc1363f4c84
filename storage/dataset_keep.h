// dataset_keep: at most N pairs of each prompt, those with the largest margins.
//
// The pairs of a prompt can stand anywhere in a corpus, so they are all seen before the first is written: 24 bytes
// for each pair, sorted in pieces of KEEP_PIECE_ENTRIES that are spilled into an unnamed temporary file and
// merged. What stays in memory is one piece (24 MiB), a window of 48 KiB on each piece (there is one for a million
// pairs) and one bit for each pair of the corpus.
#ifndef STORAGE_DATASET_KEEP_H
#define STORAGE_DATASET_KEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

enum { KEEP_PIECE_ENTRIES = 1024 * 1024 };

typedef struct dataset_keep dataset_keep_t;

// per_prompt at least 1; spill_folder (borrowed) is where the temporary file stands; piece_entries 0: KEEP_PIECE_ENTRIES.
dataset_keep_t *dataset_keep_new (uint64_t per_prompt, const char *spill_folder, size_t piece_entries);

// One pair; pairs come in ascending order.
status_t dataset_keep_add (dataset_keep_t *keep, uint64_t prompt, int64_t margin, uint64_t pair, fault_t *fault) MUST_USE;

// All are there: choose. Ties of the margin are broken by the pair's number, the smaller stays.
status_t dataset_keep_choose (dataset_keep_t *keep, fault_t *fault) MUST_USE;
bool dataset_keep_has (const dataset_keep_t *keep, uint64_t pair);
void dataset_keep_destroy (dataset_keep_t **keep);

#endif
