// cmd_batch: `rulemill judge batch-export` and `batch-import`.
#ifndef OPS_CMD_BATCH_H
#define OPS_CMD_BATCH_H

#include "ops/cmd.h"

extern const cli_flag_t cmd_batch_flags [];

// words: DIR, and for the import the result files. ERR_USAGE where they are none.
status_t cmd_batch_export (const cli_t *cli, const char *const *words, size_t n_words, fault_t *fault) MUST_USE;
status_t cmd_batch_import (const cli_t *cli, const char *const *words, size_t n_words, int *exit_code, fault_t *fault) MUST_USE;

#endif
