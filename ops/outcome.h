// outcome: what is told of a job that ended, gathered once for the summary and for report.json.
#ifndef OPS_OUTCOME_H
#define OPS_OUTCOME_H

#include "coordinator/job.h"
#include "model/stats.h"

enum { OUTCOME_REASONS_MAX = 64, OUTCOME_REASON_BYTES = 64 };

typedef struct { char reason [OUTCOME_REASON_BYTES]; uint64_t count; } outcome_reason_t;

typedef struct {
    status_t status;                // OK, ERR_STOPPED, ERR_LIMIT (the budget is used up) or why it failed
    const char *dir;
    const char *judge;              // "lexicon"
    const char *judge_note;         // what people read: "lexicon (embedded baseline, ...)", "openai: MODEL"
    spend_t budget;                 // 0 in a unit: no limit
    bool no_calls;                  // nothing was to be asked
    const char *currency;
    const char *config;             // resolved, YAML
    int64_t began_s, ended_s;       // wall clock
    job_report_t job;
    outcome_reason_t reasons [OUTCOME_REASONS_MAX];     // of rows set aside; the largest counts first
    size_t n_reasons;
    bool several;                   // judges, or answers of one
    size_t judges;                  // behind HTTP
    double repeats, repeat_share;   // times that a share of the cells is judged over
    char *agreement_lines, *agreement_json;     // of several judges or repeats (ops/agreement.h), owned; NULL: there are none
} outcome_t;

// Count why rows were set aside, from the store of outcome->dir, which nobody may have open.
status_t outcome_count_reasons (outcome_t *outcome, fault_t *fault) MUST_USE;

// Measure how far the run's judges agree, from the same store. Free what that gave.
status_t outcome_measure_agreement (outcome_t *outcome, fault_t *fault) MUST_USE;
void outcome_clear (outcome_t *outcome);

// Agreement with what the rows stated, of how many, and with Wilson's interval for as many pairs as the prompts are worth; and of the rule
// that the longer is preferred. The export counts what prompts are worth: without one the interval's ends are NaN.
interval_t outcome_agreement (const outcome_t *outcome, uint64_t *total);
interval_t outcome_longer (const outcome_t *outcome, uint64_t *total);

// Of the labelled pairs: where the longer response won, and the shorter.
void outcome_lengths (const outcome_t *outcome, uint64_t *longer, uint64_t *shorter);

// The job stopped at its budget, or because its judge refused the key: mended, the same command goes on.
bool outcome_budget_out (const outcome_t *outcome);
bool outcome_unfit (const outcome_t *outcome);

int outcome_exit_code (const outcome_t *outcome);

#endif
