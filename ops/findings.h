// findings: what a run's cells and labels show, in one walk over the corpus.
//
// Rules: over exhaustively judged pairs alone (labelled by a policy that saw every cell), where all cells are known: those that the
// store keeps, or for `lexicon`, which stores none unless told to, those that this program's lexicon computes again. Labels: over all.
//
// Memory does not grow with the corpus: sums and histograms; for bootstraps and permutations a sample of whole prompts, by a
// seeded hash, of about FINDINGS_PROMPTS_MAX prompts and INFORMATION_PAIRS_MAX pairs.
#ifndef OPS_FINDINGS_H
#define OPS_FINDINGS_H

#include "model/rule_information.h"
#include "model/rule_tally.h"
#include "ops/cmd.h"

enum {
    FINDINGS_PROMPTS_MAX = 200000, FINDINGS_PHASES_MAX = 8, FINDINGS_MODELS_MAX = 64, FINDINGS_RESPONSES_MAX = 64,
    MARGIN_BINS = 2000              // of margins: width 0.001, up to 2
};

typedef struct {
    const char *dir, *run;          // run NULL: the last one
    const char *truth;              // column of the rows that says which response is truly better; NULL: given preferences
    uint64_t seed;                  // of samples and resamples
} findings_options_t;

// The labels of one way of selecting ("exhaustive", "adapter", ...).
typedef struct {
    char name [32];
    uint64_t pairs, identical, no_rule, margin_ties;
    uint64_t bins [MARGIN_BINS];    // of |mean_A - mean_B|, pairs with equal responses left out
    uint64_t margins;               // how many of those
} phase_figures_t;

// Of pairs with two models that differ; won: a tie counts 1/2.
typedef struct { char *name; uint64_t pairs, wins, ties; prompt_share_t won; } model_figures_t;

typedef struct {
    rule_figures_t tally;
    rule_bits_t bits;
} rule_findings_t;

typedef struct {
    opened_t opened;                // the run and its pool, for names
    char name [20];                 // of the run
    char *judge, *truth;            // as people read them
    const char *cells;              // where cells came from; or why there are none
    uint64_t prompts, labelled, quarantined;

    uint64_t judged;                // pairs that the rules' figures are over
    rule_findings_t *rules;         // pool->count
    float *correlation;             // pool->count ^ 2, of the rules' differences
    uint64_t information_pairs;     // pairs that the bits are over
    bool information_sampled;       // by a sample of the prompts

    phase_figures_t phases [FINDINGS_PHASES_MAX];
    size_t n_phases;
    model_figures_t models [FINDINGS_MODELS_MAX + 1];   // the last one: all others
    size_t n_models;
    prompt_share_t longer;          // the longer response won; of the decided pairs with unequal lengths
    prompt_share_t cyclic;          // triples of the responses to one prompt, with all three pairs decided
    uint64_t triples_cut;           // prompts with more than FINDINGS_RESPONSES_MAX responses, left out
    uint64_t given, given_decided;  // pairs with a truth, and those whose label decides
    interval_t agreement, agreement_decided;    // a tie counts 1/2; ties left out
    bool agreement_sampled;
} findings_t;

// *out is owned by the caller. ERR_USAGE where no row has the column `truth`.
status_t findings_make (const findings_options_t *options, findings_t **out, fault_t *fault) MUST_USE;
void findings_destroy (findings_t **findings);

// The margin below which a share of a phase's labels lies; NaN where there are none.
double findings_margin (const phase_figures_t *phase, double share);

// Rule indices, those that decide most first.
void findings_order (const findings_t *findings, uint32_t *order);

// As text for a terminal (the first rules_max rules), as one JSON object with a newline, as an HTML page that needs nothing else.
void findings_text (const findings_t *findings, size_t rules_max, buf_t *out);
void findings_json (const findings_t *findings, buf_t *out);
void findings_html (const findings_t *findings, buf_t *out);

// The file of ops/policy_weights.h. ERR_NOT_FOUND where no pair was judged exhaustively.
status_t findings_weights (const findings_t *findings, buf_t *out, fault_t *fault) MUST_USE;

#endif
