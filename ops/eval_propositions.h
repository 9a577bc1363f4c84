// eval_propositions: how well a judge's scores tell where a proposition holds from where it does not, by people's answers.
//
// For each proposition of the map the AUC of the rule's score, with a 95 % interval (bootstrapped by prompt), and beside it the
// AUC of the response's length alone (in bytes), which every judge must beat; and the means over all propositions, of the same
// resamples. A row without a cell or without an answer is left out of that proposition.
#ifndef OPS_EVAL_PROPOSITIONS_H
#define OPS_EVAL_PROPOSITIONS_H

#include "model/stats.h"
#include "ops/eval_judge.h"

typedef struct {
    const char *proposition, *rule; // borrowed from the map
    uint64_t rows, holds;           // with a cell and an answer; those where it holds
    interval_t auc, length;         // NaN where all answers are the same
} eval_auc_t;

typedef struct {
    eval_auc_t *each;
    size_t count;
    size_t in_mean;                 // propositions that have an AUC
    interval_t mean, mean_length;
    uint64_t rows, prompts;
} eval_propositions_t;

// cells as eval_judge_cells fills them. What is in *out is freed with eval_propositions_free.
void eval_propositions (const eval_rows_t *rows, const eval_map_t *map, const cell_t *cells, uint64_t seed, eval_propositions_t *out);
void eval_propositions_free (eval_propositions_t *figures);

#endif
