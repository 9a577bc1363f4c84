// scores: recorded scores (published, human, of another run) become cells of the store.
//
// A file of JSON Lines, plain, .gz or .zst. Its judge identity is a digest of its bytes and of the settings
// below. Lines, told apart by their keys; a cell is a number (score alone), [p_yes, p_no, p_irrelevant] or
// [p_yes, p_no, p_irrelevant, mass]; cells stand in an object by rule id, or in a list in the pool's order:
//
//   {"response_key": HEX, "cells": CELLS}                     by content (what export --cells writes)
//   {"id": ROW, "response": N, "cells": CELLS}                the row's N-th response, from 0
//   {"id": ROW, "responses": [CELLS, ...]}                    all of a row's responses
//   {"id": ROW, "chosen": CELLS, "rejected": CELLS}           by the side that the row prefers
//   {"id": ROW, "i": I, "j": J, "scoresA": CELLS, "scoresB": CELLS, "relevance": [..]}
//                                                             for this pair alone (i, j only for listed rows); with
//                                                             raw also "rule_indices": the rules that were selected
// and, where no file is given, "scoresA", "scoresB", "relevance" in the corpus rows themselves (kept in meta).
// ROW is a string or a number; an HH row without id is named by its number from 0, or FILE:LINE.
#ifndef STORAGE_SCORES_H
#define STORAGE_SCORES_H

#include <stdatomic.h>

#include "base/digest.h"
#include "storage/records.h"

typedef struct {
    const char *path;               // NULL: the scores stand in the rows
    bool raw;                       // published behaviour: score = p_yes - p_no as given, not normalised
    bool unknown_ids_ok;            // rows that the corpus lacks are counted and skipped; else an error. Rows of other parts are no such
                                    // rows; a response_key that a part lacks is taken for one of another part
    const char *const *rule_ids;    // of the pool, in its order
    const digest_t *rule_digests;
    size_t n_rules;
} scores_options_t;

typedef struct {
    uint64_t lines, cells, unknown_ids, ambiguous_ids, unknown_rules, conflicts, bad_lines;
    char first_problem [512];       // the first of them, with file and line
} scores_report_t;

// The identity under which the file's cells are kept.
status_t scores_identity (const scores_options_t *options, digest_t *out, fault_t *fault) MUST_USE;

// Import; idempotent, done once for an identity (a record in META says so) unless the corpus has grown since.
status_t scores_import (store_t *store, const scores_options_t *options, const _Atomic bool *stop,
                        scores_report_t *report, fault_t *fault) MUST_USE;

#endif
