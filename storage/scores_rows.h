// scores_rows: from a row's name to its pairs and responses.
//
// Made for one import by walking rows, pairs, duplicates, rejects and the names of other parts' rows once. It holds 24 bytes for
// each row (of any part), as many again for a row without an id (its number is a name, too) and for each duplicate, and no text: a
// name is found by its 64-bit hash and compared with the row itself.
#ifndef STORAGE_SCORES_ROWS_H
#define STORAGE_SCORES_ROWS_H

#include <stdatomic.h>

#include "storage/records.h"

typedef struct scores_rows scores_rows_t;

// ERR_STOPPED on *stop, ERR_LIMIT beyond a million files or 2^40 rows in one. *out is owned by the caller.
status_t scores_rows_new (store_t *store, const _Atomic bool *stop, scores_rows_t **out, fault_t *fault) MUST_USE;
void scores_rows_destroy (scores_rows_t **rows);

typedef enum {
    NAMES_ONE,          // *at is set
    NAMES_WITHOUT,      // a row that could not be read, or is of another part: it has no responses here
    NAMES_NONE,
    NAMES_SEVERAL
} scores_found_t;

typedef struct { uint64_t place, first_pair; } scores_at_t;     // opaque: where a row is

status_t scores_rows_find (scores_rows_t *rows, const char *id, size_t len, scores_found_t *found, scores_at_t *at, fault_t *fault) MUST_USE;

// A pair of a row, as the row has it: left is its i-th response, right its j-th.
typedef struct {
    uint64_t pair;
    uint64_t left, right;       // responses
    uint32_t i, j;
    bool swapped;               // left is the stored pair's B
    bool listed;
    Rulemill__Side given;       // A: left
} scores_pair_t;

// All pairs of a row, those that are duplicates of others' too. The list belongs to rows and lives until the next call.
status_t scores_rows_pairs (scores_rows_t *rows, scores_at_t at, const scores_pair_t **pairs, size_t *n, fault_t *fault) MUST_USE;

#endif
