// batch_export: the cells that a run still needs, as request files for batch services (OpenAI's, or vLLM's run-batch).
//
// One request for each cell and sample, all rules of a response one after the other, prompts in corpus order. Needed are the cells of
// pairs that are due and have no label, as far as the store lacks them: under the policy auto those of its present phase, of which the ones
// that an adapter labels need the rules that it foresees. Takes one bit of memory for each response and rule.
#ifndef OPS_BATCH_EXPORT_H
#define OPS_BATCH_EXPORT_H

#include "ops/batch_run.h"

typedef struct {
    const char *folder;
    uint64_t requests_max, bytes_max;   // of one file
    uint64_t limit;                     // as label's --limit; 0: all
} batch_export_options_t;

typedef struct {
    uint64_t requests, files, bytes;
    uint64_t responses;                 // that they ask about
    uint64_t hopeless;                  // cells left out, since their answer could not be read before
    bool more_phases;                   // of the policy auto: these are the present one's, and what follows depends on them
} batch_export_report_t;

// ERR_USAGE, ERR_IO. What was written before a fault stays.
status_t batch_export (batch_run_t *run, const batch_export_options_t *options, batch_export_report_t *report, fault_t *fault) MUST_USE;

#endif
