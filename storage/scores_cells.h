// scores_cells: cells as a file of scores writes them, and how they get into the store.
#ifndef STORAGE_SCORES_CELLS_H
#define STORAGE_SCORES_CELLS_H

#include "base/cell.h"
#include "base/json.h"
#include "storage/scores.h"

// The pool, with each rule's dense number in the store.
typedef struct scores_pool scores_pool_t;
status_t scores_pool_new (store_t *store, const scores_options_t *options, scores_pool_t **out, fault_t *fault) MUST_USE;
void scores_pool_destroy (scores_pool_t **pool);

// The cells of one response, by rule index in the pool.
typedef struct { cell_value_t value; bool known; } scores_cell_t;
typedef struct { scores_cell_t *cell; } scores_set_t;
scores_set_t scores_set_new (const scores_pool_t *pool);
void scores_set_free (scores_set_t *set);

// Read CELLS (see scores.h). Nulls are missing cells; *unknown grows by the rules that the pool lacks.
// false: *why says in a sentence what is wrong.
//
// A cell that is a number alone has relevance 1 (or the next below where p_yes and p_no would not be whole units of 1e-6).
bool scores_read_cells (const scores_pool_t *pool, const json_value_t *cells, scores_set_t *set, uint64_t *unknown, buf_t *why);

// Read the "relevance" of a pair, which is the mean of its two sides: each gets half of twice its value, so that the
// sum loses nothing. relevance may be NULL.
bool scores_read_relevance (const scores_pool_t *pool, const json_value_t *relevance, scores_set_t *a, scores_set_t *b, buf_t *why);

// Read the "rule_indices" of a pair in a published file: places in the pool, from 0, of the rules that were selected there. All others
// count as irrelevant, so that the same rules are selected here, whatever ties of value there were. Only where the pool
// is raw (published behaviour); indices may be NULL.
bool scores_read_indices (const scores_pool_t *pool, const json_value_t *indices, scores_set_t *a, scores_set_t *b, buf_t *why);

// Add a set to what the store has under a judge: the first write of a cell wins. cells counts all that are known in
// the set, conflicts those which the store has with another score or relevance.
status_t scores_give_response (const scores_pool_t *pool, uint64_t response, uint32_t judge, const scores_set_t *set,
                               scores_report_t *report, fault_t *fault) MUST_USE;
status_t scores_give_pair (const scores_pool_t *pool, uint64_t pair, int side, uint32_t judge, const scores_set_t *set,
                           scores_report_t *report, fault_t *fault) MUST_USE;

#endif
