// auto_record: what the record of the policy `auto` says, in the same words and figures wherever it is shown.
#ifndef STORAGE_AUTO_RECORD_H
#define STORAGE_AUTO_RECORD_H

#include <stdbool.h>

#include "base/buf.h"
#include "proto/record.pb-c.h"

enum { AUTO_AUDITED_MIN = 200 };        // fewer audited pairs say nothing

const char *auto_choice_name (Rulemill__AutoChoice choice);     // "undecided", "adapter", "exhaustive"
const char *auto_price_source (bool by_sample);                 // what a price is estimated from, as AutoPrice.by_sample has it

void auto_sums_add (Rulemill__AuditSums *sums, uint64_t pairs, uint64_t alike);     // one prompt's
void auto_sums_join (Rulemill__AuditSums *sums, const Rulemill__AuditSums *more);

// The share of audited pairs whose label is that of exhaustive selection, with an interval clustered by prompt (ratio estimator, normal; z 1.96 for
// 95 %, 2.576 for 99 %). False: under AUTO_AUDITED_MIN pairs, too few to say.
bool auto_sums_interval (const Rulemill__AuditSums *sums, double z, double *share, double *low, double *high);

// Shares, 0 to 1; the interval is one of 95 %.
typedef struct { bool told; double value, low, high; } auto_agreement_t;

auto_agreement_t auto_agreement_of (const Rulemill__AuditSums *sums);

// As a JSON value: an object of all three, or where nothing is told this text; NULL: null.
void auto_agreement_write (const auto_agreement_t *agreement, const char *untold, buf_t *out);

#endif
