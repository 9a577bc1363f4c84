// policy_weights: what earlier labels showed of a pool's rules, for the policies `entropy` and `diverse`.
//
// A file of JSON that `rulemill report DIR --weights FILE` writes:
//
//     {"version": 1, "run": NAME, "pairs": N, "rules": [{"id": ID, "weight": W, "redundancy": [P, ...]}, ...]}
//
// weight is 2^-H, H being the entropy of the rule's scores in bits (model/rule_tally.h), from 0 to 1: rules whose scores are spread
// most count least (the idea of ENCORE, arXiv 2503.20995). redundancy lists, for the rules before this one, 100 times the
// |correlation| of their differences. A run is named by these numbers, not by the file.
#ifndef OPS_POLICY_WEIGHTS_H
#define OPS_POLICY_WEIGHTS_H

#include "model/rulepool.h"

typedef struct {
    uint32_t *weight;           // of each rule of the pool, 1e-6
    uint8_t *redundancy;        // percent, as selection_place places it
} policy_weights_t;

// ERR_IO, ERR_FORMAT; ERR_USAGE names a rule of the pool that the file lacks. What was filled is freed also after a fault.
status_t policy_weights_load (const char *path, const rulepool_t *pool, policy_weights_t *out, fault_t *fault) MUST_USE;
void policy_weights_free (policy_weights_t *weights);

#endif
