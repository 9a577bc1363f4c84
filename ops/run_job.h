// run_job: a whole job from its command line to its exit code, with progress and summary.
#ifndef OPS_RUN_JOB_H
#define OPS_RUN_JOB_H

#include "ops/cli.h"

// local: with worker processes of its own (`label`); otherwise for workers that connect (`coordinator`).
status_t run_job (const cli_t *cli, bool local, int *exit_code, fault_t *fault) MUST_USE;

#endif
