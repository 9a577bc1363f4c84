// selection: which rules tell two responses apart, and the label that they give.
//
// Pure functions of DESIGN "The method": cells in, label out. Symmetric: exchanging A and B exchanges the result.
// All arithmetic is on integers in units of 1e-6, so no label depends on the order of a sum.
#ifndef MODEL_SELECTION_H
#define MODEL_SELECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/limits.h"

enum { MICRO = 1000000 };

// What a judge said of one response and one rule.
typedef struct {
    int32_t score;          // p_yes - p_no, 1e-6
    uint32_t relevance;     // 1 - p_irrelevant, 1e-6
    uint32_t mass;          // of the three labels before normalising, 1e-6
    bool known;             // false: not judged
} cell_t;

// Three probabilities as a cell. Normalises them (a sum of 0 makes an irrelevant cell with mass 0); the parts are
// rounded so that p_yes + p_no + p_irrelevant is exactly one and the p's can be told from the cell.
cell_t cell_from_probabilities (double p_yes, double p_no, double p_irrelevant);

// The reverse, 1e-6 each; false where score and relevance do not come from three probabilities.
bool cell_probabilities (const cell_t *cell, int32_t *p_yes, int32_t *p_no, int32_t *p_irrelevant);

typedef enum {
    POLICY_EXHAUSTIVE, POLICY_DISCREPANCY, POLICY_ALL, POLICY_RANDOM, POLICY_FIXED,
    POLICY_ENTROPY,         // each rule has a weight, by which its value is multiplied and its score averaged
    POLICY_DIVERSE,         // one after the other, the value less by what the rule repeats of those already taken
    POLICY_RELEVANCE,       // the rules of exhaustive, their scores averaged with their relevance as weights
    // Both as POLICY_EXHAUSTIVE once the rules are judged; which are judged at all is decided elsewhere, pair by pair
    // (worker/label_choice.h, coordinator/auto_run.h).
    POLICY_ADAPTER,
    POLICY_AUTO,
    POLICY_COUNT
} policy_t;

// "exhaustive", ...; policy_find returns -1 for an unknown name. policy_names: all of them, POLICY_COUNT entries.
const char *policy_name (policy_t policy);
int policy_find (const char *name);
const char *const *policy_names (void);

// Does it look at every rule's cells before it chooses, so that all of them must be judged?
bool policy_sees_all (policy_t policy);

typedef struct {
    policy_t policy;
    uint32_t weight_relevance, weight_discrepancy;  // 1e-6; of the policies with a value (discrepancy has 0 and 1)
    uint32_t top;                                   // k, 1 .. LIMIT_RULES
    uint64_t seed;
    uint32_t tie_margin;                            // 1e-6, on the difference of the means
    bool ties_to_b;                                 // published behaviour: what would be a tie is B
    const uint32_t *fixed;                          // POLICY_FIXED: rule indices
    size_t n_fixed;
    const uint32_t *rule_weight;                    // POLICY_ENTROPY: n_rules, 1e-6, at most MICRO
    const uint8_t *redundancy;                      // POLICY_DIVERSE: percent, at selection_place (x, y), of n_rules * (n_rules - 1) / 2
    // the pool
    const int8_t *polarity;                         // n_rules
    const digest_t *rule_digest;                    // n_rules
    size_t n_rules;
} selection_spec_t;

typedef enum { PREFERS_A, PREFERS_B, TIE } preference_t;
typedef enum { REASON_NONE, REASON_IDENTICAL, REASON_NO_RULE, REASON_MARGIN } tie_reason_t;

typedef struct {
    preference_t preference;
    tie_reason_t reason;                // of a tie (kept beside B where ties_to_b made it B)
    uint32_t rule [LIMIT_RULES];        // the selected ones, best first
    size_t n_rules;                     // how many of them
    int64_t sum_a, sum_b;               // selection_sum of both sides, 1e-6; the means are sum / n_rules
} selected_t;

// Does the policy weigh rules by how much each repeats the others; by a weight of its own; has a rule a value by relevance and
// discrepancy?
bool policy_wants_redundancy (policy_t policy);
bool policy_wants_weights (policy_t policy);
bool policy_has_value (policy_t policy);

// Where the redundancy of two different rules stands.
size_t selection_place (size_t x, size_t y);

// The weight of a selected rule in a label's means: 1 where the policy weighs none. rule_weight: of all rules, as in the spec.
uint64_t selection_weight (policy_t policy, const uint32_t *rule_weight, uint32_t rule, uint32_t relevance_a, uint32_t relevance_b);

// One side's sum over n selected rules: n times the weighted mean of polarity * score, towards zero; where all weights are equal or 0,
// the plain sum.
int64_t selection_sum (const uint64_t *weight, const int8_t *polarity, const int32_t *score, size_t n);

// Which rules must be judged for a pair, before anything is known of it: k for random, the given ones for
// fixed, all for the others. Fills need (n_rules flags) and returns how many.
size_t selection_need (const selection_spec_t *spec, const content_key_t *prompt_key, const content_key_t *pair_key, bool *need);

// Select and label. a and b: n_rules cells each; cells that selection_need asked for must be known.
void selection_label (const selection_spec_t *spec, const content_key_t *prompt_key, const content_key_t *pair_key,
                      const cell_t *a, const cell_t *b, selected_t *out);

// The label as it would be if the pool had not this rule: where it was selected, the next best takes its place, if the policy chooses
// by the cells (one that does not has a rule fewer). a and b are changed while it runs, and are again what they were.
void selection_without (const selection_spec_t *spec, const content_key_t *prompt_key, const content_key_t *pair_key,
                        cell_t *a, cell_t *b, uint32_t rule, selected_t *out);

// A digest of the cells that a label was computed from: those of the rules that selection_need asked for, ascending; of
// each the rule, A's score and relevance, B's score and relevance as 32-bit big-endian numbers, under hash64 with the digest
// so far as its seed (0 at first). Cells of other rules that the store may have got meanwhile do not change it.
uint64_t selection_cells_digest (const bool *need, const cell_t *a, const cell_t *b, size_t n_rules);

// Does a run with this seed present the pair with A and B exchanged?
bool orientation_swapped (uint64_t seed, const content_key_t *pair_key);

#endif
