// summary: what a person reads at the end of a job.
#ifndef OPS_SUMMARY_H
#define OPS_SUMMARY_H

#include "base/buf.h"
#include "ops/outcome.h"

// What was read, how it was labelled, how that agrees with given preferences, where the dataset is, what to do next.
void summary_text (const outcome_t *outcome, buf_t *out);

#endif
