// cmd_judge_eval: `rulemill judge eval`: a judge held against people.
#ifndef OPS_CMD_JUDGE_EVAL_H
#define OPS_CMD_JUDGE_EVAL_H

#include "ops/cmd.h"

extern const cli_flag_t cmd_judge_eval_flags [];

// words: a file of rows with propositions, or a job's folder.
status_t cmd_judge_eval (const cli_t *cli, const char *const *words, size_t n_words, int *exit_code, fault_t *fault) MUST_USE;

#endif
