// cmd_agreement: judge agreement DIR.
#ifndef OPS_CMD_AGREEMENT_H
#define OPS_CMD_AGREEMENT_H

#include "ops/cmd.h"

status_t cmd_agreement (const cli_t *cli, const char *const *words, size_t n_words, fault_t *fault) MUST_USE;

#endif
