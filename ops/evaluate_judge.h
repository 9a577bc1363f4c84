// evaluate_judge: a benchmark's pairs labelled by the rules, as any corpus is.
//
// The pairs go into a file of a work folder and are labelled there as a job of its own, with the same judge, pool and policy
// flags as `label`; so a stopped evaluation goes on, and no judgement is paid for twice.
#ifndef OPS_EVALUATE_JUDGE_H
#define OPS_EVALUATE_JUDGE_H

#include "ops/cli.h"
#include "ops/evaluate_rows.h"

// Points of model 0: 1 where the chosen response is preferred, 0 where the other is, 1/2 for a tie and for a pair that has
// no label; rewards are the labels' means of the two sides, in units of 1, NaN where there is no label. *note says by what was judged (the caller frees
// it). ERR_USAGE for rows of several rejected responses; ERR_STOPPED where the job was stopped: the same command goes on.
status_t evaluate_by_judge (evaluate_rows_t *rows, const cli_t *cli, const char *work, char **note, fault_t *fault) MUST_USE;

#endif
