// report: report.json, what the dataset must not hold since it depends on the day: times, workers, usage, versions.
#ifndef OPS_REPORT_H
#define OPS_REPORT_H

#include "base/buf.h"
#include "ops/outcome.h"

// The object, without newline; also what `label --json` prints.
void report_json (const outcome_t *outcome, buf_t *out);

// Write DIR/RUN/report.json and DIR/RUN/config.yaml, each whole or not at all. Does nothing where the job got no run.
status_t report_save (const outcome_t *outcome, fault_t *fault) MUST_USE;

#endif
