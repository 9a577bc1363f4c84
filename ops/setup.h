// setup: from the arguments of `label` and `coordinator` to the options of a job.
//
// With no option that decides a label, the store's last run goes on with the configuration that it was begun with. With
// one, a run is specified anew; how rows become pairs is then still taken from the store, which holds one corpus.
#ifndef OPS_SETUP_H
#define OPS_SETUP_H

#include "coordinator/job.h"
#include "ops/adapter_setup.h"
#include "ops/cli.h"
#include "ops/config.h"
#include "ops/judge_members.h"

typedef struct setup setup_t;

// local: with workers of its own; otherwise listening for others. *out is owned by the caller. ERR_USAGE for what the user
// can mend on the command line, ERR_BUSY where a job holds the store.
status_t setup_new (const cli_t *cli, bool local, setup_t **out, fault_t *fault) MUST_USE;
void setup_destroy (setup_t **setup);

// Ready for job_run but for on_progress; owned by setup.
job_options_t *setup_job (setup_t *setup);
const config_t *setup_config (const setup_t *setup);

// The job's judges that are behind HTTP; none for the others.
const judge_members_t *setup_judges (const setup_t *setup);

// How the job's adapter is asked, where it is served and none of the store's last run, so that nobody knows whether it is one; else NULL.
const adapter_setup_t *setup_new_adapter (const setup_t *setup);
const rulepool_t *setup_pool (const setup_t *setup);        // NULL where the last run goes on

// Is the job's judge behind HTTP and other than the one of the store's last run, so that nobody knows whether it can work?
bool setup_judge_is_new (const setup_t *setup);

// A run that was found in the store has this tie margin (1e-6): where nobody gave one, it is the configuration's from now on.
void setup_take_margin (setup_t *setup, uint32_t margin);

#endif
