// agreement: how far a run's judges agree, and what comes of asking again, from what its store holds.
//
// One walk over the responses that have cells of the run's judges, in the run's rules, and one over its labels; memory is of the order
// of the rules alone. Model and formulas are in model/agreement.h.
#ifndef OPS_AGREEMENT_H
#define OPS_AGREEMENT_H

#include "model/agreement.h"
#include "model/stats.h"
#include "ops/cmd.h"

enum { AGREEMENT_BINS = 5 };

typedef struct {
    size_t n_rules, members;
    unsigned repeats;               // the most that a cell was judged over
    bool flips_known;               // repeats make a label: of pairs whose rules an adapter foresaw they do not
    // of each rule: members among themselves, and each with its own repeats
    score_agreement_t *scores, *repeated;
    choice_agreement_t *choices;
    prompt_share_t bin [AGREEMENT_BINS], all;       // labels that repeats alone would have made others, by the label's margin
} agreement_t;

// From where each bin's margins begin, in 1e-6.
extern const int64_t agreement_bin_from [AGREEMENT_BINS];

// Is there anything to measure: several judges, or repeats?
bool agreement_has_any (const agreement_t *agreement);

// Walk the run. What was measured must be cleared also after a fault.
status_t agreement_measure (const opened_t *opened, agreement_t *out, fault_t *fault) MUST_USE;
void agreement_clear (agreement_t *agreement);

// For the summary of a job; with each rule for the command; as a JSON object.
void agreement_summary (const agreement_t *agreement, buf_t *out);
void agreement_text (const agreement_t *agreement, const rulepool_t *pool, buf_t *out);
void agreement_json (const agreement_t *agreement, const rulepool_t *pool, buf_t *out);

#endif
