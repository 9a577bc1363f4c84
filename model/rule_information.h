// rule_information: how much a rule's verdict tells of the true preference, in bits.
//
// The argument of arXiv 2501.15453: the rule with the largest mutual information between D = score_A - score_B and Y (A is truly
// preferred) is the one to ask, and for a fair Y that is the one that tells the two apart. Here that is measured. Which response is A
// must be a coin's choice (a run's orientation), so that P(Y) = 1/2 and D is symmetric.
//
// D is cut into INFORMATION_BINS quantile bins; the estimate has Miller and Madow's correction (model/information.h). The
// interval is that of a bootstrap by prompt, moved down by what the estimate without correction is too large by (a
// resample is a sample of the sample: the correction takes away its bias once, and it has it twice). The p-value is that of
// permutations which exchange A and B in Y for whole prompts, with a coin for each: under no information Y of a
// prompt's pairs could as well be the other way round. q is Benjamini and Hochberg's over the rules.
#ifndef MODEL_RULE_INFORMATION_H
#define MODEL_RULE_INFORMATION_H

#include "model/stats.h"

enum { INFORMATION_PAIRS_MAX = 10000, INFORMATION_RESAMPLES = 400, INFORMATION_PERMUTATIONS = 1999 };

typedef struct rule_information rule_information_t;

// Keeps at most pairs_max pairs (0: INFORMATION_PAIRS_MAX): 4 bytes for each pair and rule.
rule_information_t *rule_information_new (size_t n_rules, size_t pairs_max);
void rule_information_destroy (rule_information_t **information);

// A pair: D of each rule in 1e-6, whether A is truly preferred, which prompt it is of. False where there is no more room.
bool rule_information_add (rule_information_t *information, const int32_t *d, bool prefers_a, uint64_t prompt);

// How many pairs it keeps.
size_t rule_information_pairs (const rule_information_t *information);

typedef struct { interval_t bits; double p, q; } rule_bits_t;

// Of all rules; out has n_rules places. All NaN with fewer than two prompts.
void rule_information_figures (const rule_information_t *information, uint64_t seed, rule_bits_t *out);

#endif
