// inspect: how one label came about, as people and scripts read it.
#ifndef STORAGE_INSPECT_H
#define STORAGE_INSPECT_H

#include "storage/dataset.h"

// Find a pair by its id (ROW, ROW#i-j), by "#N" (its dense number) or by its pair key (32 hexadecimal digits), and write
// a JSON object: id, place (file, row, i, j), prompt, both responses, given preference (votes), duplicates, and of the label:
// outcome, reason, means, margin, policy, and for each selected rule id, text, category, polarity, both scores, relevance,
// discrepancy, value and rank; or the reason for its quarantine or exclusion, or "not labelled yet". For a row that was set aside: why.
// ERR_NOT_FOUND with what to try.
status_t inspect_pair (store_t *store, const Rulemill__RunRecord *run, const dataset_rule_t *rules, size_t n_rules,
                       const char *what, buf_t *json, fault_t *fault) MUST_USE;

#endif
