// rule_tally: what each rule does in pairs whose cells are all known: how often it matters, and what it repeats.
//
// Pairs are added one by one and nothing of them is kept but sums: memory is that of n_rules * n_rules numbers. All figures are
// symmetric in A and B.
#ifndef MODEL_RULE_TALLY_H
#define MODEL_RULE_TALLY_H

#include "model/selection.h"
#include "model/stats.h"

enum {
    TALLY_BINS = 20,                // of scores: width 0.1 from -1 to 1, the last one with 1 itself
    TALLY_RELEVANT = MICRO / 2      // a rule is relevant to a pair from this mean relevance on
};

typedef struct rule_tally rule_tally_t;

// spec is borrowed and outlives the tally.
rule_tally_t *rule_tally_new (const selection_spec_t *spec);
void rule_tally_destroy (rule_tally_t **tally);

// A pair with all of its n_rules cells known; they are changed while this runs and are again what they were. Pairs of a prompt
// come one after the other (base/prompt_share.h).
void rule_tally_add (rule_tally_t *tally, const content_key_t *prompt_key, const content_key_t *pair_key, cell_t *a, cell_t *b);

typedef struct {
    uint64_t pairs;
    uint64_t relevant, selected;    // pairs in which it was
    uint64_t decisive;              // pairs whose label is another one without it (A, B and tie are three)
    uint64_t bins [TALLY_BINS];     // of the scores of both responses, polarity not applied
    double entropy;                 // of these bins, in bits: 0 where the score is always in one, at most log2 (TALLY_BINS)
    double redundancy;              // the largest |correlation| with another rule; 0 where the rule never differs
    uint32_t like;                  // that rule; itself where there is none
    uint64_t agree, compared;       // its own word (the response that it scores higher, by its polarity) against the label
                                    // without it, of the pairs where both prefer one
    interval_t relevant_share, selected_share, decisive_share, agree_share;     // of pairs, the last one of compared
} rule_figures_t;

rule_figures_t rule_tally_figures (const rule_tally_t *tally, uint32_t rule);

// The correlation of two rules' differences score_A - score_B over the pairs. As which response is A is arbitrary, the mean
// difference counts as 0. 0 where one of them never differs.
double rule_tally_correlation (const rule_tally_t *tally, uint32_t x, uint32_t y);

// How many pairs were added.
uint64_t rule_tally_pairs (const rule_tally_t *tally);

#endif
