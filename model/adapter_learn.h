// adapter_learn: from judged pairs to a Rule Adapter.
//
// Four forms of the same question, compared in docs/ADAPTER.md:
//
//   rest    for each rule: is it among the k that exhaustive selection picks? (logistic regression against the rest)
//   rank    which of two rules is worth more for this pair? (squared hinge on differences, one model of all rules)
//   value   what is the rule's selection value? (ridge regression)
//   cells   what will the judge say of each response? (ridge regression of relevance, score and |score|); a rule's value is
//           then a linear function of the foreseen relevance, the distance of both foreseen scores and their size, fitted
//           on the validation pairs to what a rule is to the label of exhaustive selection: its value where it is picked, else 0
//
// The same examples and options give the same adapter.
#ifndef MODEL_ADAPTER_LEARN_H
#define MODEL_ADAPTER_LEARN_H

#include "base/buf.h"
#include "model/examples.h"

typedef void learn_progress_fn (void *ctx, size_t done, size_t total);

typedef struct {
    adapter_form_t form;
    bool prompt_only;               // not for `cells`
    double cost, epsilon;           // see model/linear.h; cost 0: the form's default
    uint32_t count_min;             // a feature must stand in so many rows
    uint64_t bytes_max;             // of what learning takes besides the examples
    uint32_t top, weight_relevance, weight_discrepancy;     // of the selection to foresee; weights 1e-6
    uint32_t judged;                // see adapter_header_t; fewer than top: top
    uint64_t seed;                  // of what `rank` draws
    size_t columns_max;             // features kept at most, the most frequent ones; 0: as many as a file has room for
    learn_progress_fn *progress;    // may be NULL
    void *progress_ctx;
} learn_options_t;

learn_options_t learn_options_default (adapter_form_t form);
double learn_cost_default (adapter_form_t form);

typedef struct learnt learnt_t;

// Learn from the pairs that are no validation pairs. ERR_FORMAT: there are none. ERR_LIMIT: bytes_max is too small.
status_t adapter_learn (const examples_t *examples, const learn_options_t *options, learnt_t **out, fault_t *fault) MUST_USE;
void learnt_destroy (learnt_t **learnt);

size_t learnt_columns (const learnt_t *learnt);
size_t learnt_rows (const learnt_t *learnt);        // that it was fitted to; fewer than there were where memory was short

// As a file (model/adapter_file.h). rules: id, text and digest of each, in the order of the examples' cells. info: a JSON
// object. twin may be empty.
typedef struct { const char *id, *text; const digest_t *digest; } learn_rule_t;
status_t learnt_write (const learnt_t *learnt, const examples_t *examples, const learn_rule_t *rules, const buf_t *info,
                       const buf_t *twin, buf_t *out, fault_t *fault) MUST_USE;

#endif
