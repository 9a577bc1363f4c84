// pair_choice: the content keys of a row, and which of its pairs are taken.
//
// Which pairs of a list are taken under a limit follows from hash(seed, pair_key) alone, so the order in which
// the responses stand does not matter.
#ifndef STORAGE_PAIR_CHOICE_H
#define STORAGE_PAIR_CHOICE_H

#include "storage/row.h"
#include "storage/textkey.h"

typedef struct {
    uint32_t i, j;                  // places of A and B, i < j
    content_key_t key;
    uint64_t hash;
} pair_pick_t;

// Zero-initialise it; it is filled anew for each row, and freed at the end.
typedef struct {
    content_key_t prompt;
    content_key_t *responses;       // zeros where a response can't be used
    size_t responses_max;
    pair_pick_t *picks;             // ordered by (i, j)
    size_t n_picks, picks_max;
} pair_choice_t;

// false: the row is set aside, for best-vs-rest without scores; the first only says so.
bool pair_choice_possible (const ingest_options_t *options, const row_t *row, row_problem_t *problem);
bool pair_choice_make (pair_choice_t *choice, const ingest_options_t *options, const row_t *row, row_problem_t *problem);
void pair_choice_free (pair_choice_t *choice);

// The preference that the row states of a pair.
Rulemill__Side pair_choice_given (const row_t *row, const pair_pick_t *pick);

#endif
