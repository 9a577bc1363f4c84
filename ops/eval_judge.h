// eval_judge: a judge's cells of single responses, for the rules of a map.
//
// `lexicon` is asked at once and nothing is kept. A judge behind HTTP is asked for what DIR lacks, with its retries, limits and
// fallbacks, by this process alone; each answer is kept when it comes (ops/eval_cells.h). `replay` reads a file of JSON Lines,
// {"row": N, "cells": {NAME: [p_yes, p_no, p_irrelevant]}}, N being a row's number from 0 and NAME a proposition or its rule.
#ifndef OPS_EVAL_JUDGE_H
#define OPS_EVAL_JUDGE_H

#include "model/selection.h"
#include "ops/config.h"
#include "ops/eval_rows.h"

typedef struct {
    config_t *config;               // judge.*, budget.max_calls (of this command), run.seed
    const char *out;                // DIR; a judge behind HTTP needs one
    const rulepool_t *pool;         // eval_map_resolve was called with it
    const eval_map_t *map;
    const eval_rows_t *rows;
} eval_judge_t;

typedef struct {
    uint64_t asked;                 // cells that were judged now, the others being known
    uint64_t calls;
    uint64_t missing;               // cells that the judge did not give
    char first_problem [512];       // why the first of them is missing
} eval_judged_t;

// cells: for each row as many as the map has propositions, in its order; known tells which there are. ERR_STOPPED where
// budget.max_calls is used up, ERR_DENIED where the key is refused; both keep what came.
status_t eval_judge_cells (const eval_judge_t *judge, cell_t *cells, eval_judged_t *told, fault_t *fault) MUST_USE;

// Of what people answered, how many cells are not known.
uint64_t eval_judge_missing (const eval_judge_t *judge, const cell_t *cells);

// The recorded ones alone (eval_replay.c).
status_t eval_replay_cells (const eval_judge_t *judge, cell_t *cells, eval_judged_t *told, fault_t *fault) MUST_USE;

#endif
