// job_run: which run a job works on: found again in the store, or begun there.
#ifndef COORDINATOR_JOB_RUN_H
#define COORDINATOR_JOB_RUN_H

#include "coordinator/job.h"
#include "storage/exclude.h"

typedef struct {
    Rulemill__RunRecord *record;    // owned
    rulepool_t *pool;               // owned: parsed from the run's blob
} job_run_t;

// Find the run that options ask for; *number is 0 where it is to be begun. exclude: the benchmark files, NULL for none or
// where some are gone: these are taken to be the last run's. ERR_MISMATCH where another run is asked for than the store has, and nobody said that it is to be a new one.
status_t job_run_find (store_t *store, const job_options_t *options, const exclude_t *exclude, uint32_t *number, fault_t *fault) MUST_USE;
// Make run `number` the store's last one and read it; 0: register it durably first, with the calls of probes that no run has taken in.
status_t job_run_open (store_t *store, const job_options_t *options, const exclude_t *exclude, uint32_t number, job_run_t *out,
                       fault_t *fault) MUST_USE;
// The same without leaving anything of it: run `number` as it is, or, with 0, the run that would be begun. Its number is none of
// the store's then, so that it has no labels.
status_t job_run_draft (store_t *store, const job_options_t *options, const exclude_t *exclude, uint32_t number, job_run_t *out,
                        fault_t *fault) MUST_USE;
// Another run of the store by name (run_find), with its pool.
status_t job_run_named (store_t *store, const char *name, job_run_t *out, fault_t *fault) MUST_USE;
void job_run_close (job_run_t *run);

// Rules as the exporter wants them; the caller frees both arrays, which borrow from the pool.
void job_run_rules (const job_run_t *run, dataset_rule_t **rules, digest_t **digests);

// Is what an export would write what the last one wrote? The answer stands in META "export" + run u32: a digest of the export
// options, the run's counts and the corpus's, then the numbers of dataset_report_t.
digest_t job_export_digest (const dataset_options_t *options, const Rulemill__RunCounts *counts, const Rulemill__CorpusState *corpus);
status_t job_export_known (store_t *store, uint32_t run, const digest_t *digest, dataset_report_t *report, bool *known, fault_t *fault) MUST_USE;
status_t job_export_remember (store_t *store, uint32_t run, const digest_t *digest, const dataset_report_t *report, fault_t *fault) MUST_USE;

#endif
