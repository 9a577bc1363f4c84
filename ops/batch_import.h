// batch_import: result files of batch services read into a store: in any order, with errors, in pieces, twice.
//
// A line is {"custom_id": ..., "response": {"status_code": ..., "body": COMPLETION}, "error": null | {...}}, as OpenAI's service and
// vLLM's run-batch write it. Cells are stored under the run's judge, the first write wins. Files may be packed (.gz, .zst).
#ifndef OPS_BATCH_IMPORT_H
#define OPS_BATCH_IMPORT_H

#include "ops/batch_run.h"

enum { BATCH_FIRST_BYTES = 700 };

// How many lines of a kind there were, and what the first one said: "results.jsonl:12: ...".
typedef struct { uint64_t n; char first [BATCH_FIRST_BYTES]; } batch_tally_t;

typedef struct {
    uint64_t lines;                 // empty ones not counted
    uint64_t imported, known;
    batch_tally_t errors;           // the service's; the cell stays missing
    batch_tally_t unreadable;       // completions without a label, the raw answer in the message
    batch_tally_t foreign;          // of another store, judge or program
    batch_tally_t malformed;        // no JSON object
    batch_tally_t torn;             // last lines that were cut off
    uint64_t to_constrain;          // of the unreadable: the next export asks for them with a constraint
    uint64_t cells;                 // that are new in the store
} batch_import_report_t;

// What was read before a fault is kept. The report goes on counting from what it holds.
status_t batch_import (batch_run_t *run, const char *const *paths, size_t n_paths, batch_import_report_t *report, fault_t *fault) MUST_USE;

#endif
