// setup_flags: the flags that commands about a job share, and what they make of a configuration.
#ifndef OPS_SETUP_FLAGS_H
#define OPS_SETUP_FLAGS_H

#include "ops/cli.h"
#include "ops/config.h"
#include "storage/dataset.h"

// The flags that `label` and `coordinator` share: of the corpus, of the run, and of the job.
extern const cli_flag_t setup_corpus_flags [], setup_run_flags [], setup_job_flags [];

// Apply --config, --set and the flags that have a key, in this order of strength: file, then the others as they come.
// ERR_USAGE for what the user can mend there.
status_t setup_configure (config_t *config, const cli_t *cli, fault_t *fault) MUST_USE;

// What a configuration says of exporting; borrows from it.
dataset_options_t setup_dataset (const config_t *config);

#endif
