// adapter_metrics: how good choosers of rules are, against exhaustive selection on the same pairs.
//
// A chooser picks k rules for a pair before anything is judged; exhaustive selection picks those of largest value with all
// judged. Chosen rules of value 0 are of no use to a label and count as not chosen. For a set of choosers on the same pairs:
//
//   overlap     of the rules that exhaustive selection picks, the share that is chosen        sum |S and E| / sum |E|
//   precision   of the rules chosen (with a value above 0), the share that exhaustive selection picks
//   top         the rule of largest value is among the chosen
//   captured    (value of the chosen - random) / (value of exhaustive's - random), random being k times the mean value
//   agreement   the label from the chosen rules is that from exhaustive's (A, B or tie)
//   given       the label is the preference that was given, a tie counting 1/2; over pairs that have one
//
// with intervals bootstrapped by prompt (model/bootstrap.h), and differences of two choosers paired.
#ifndef MODEL_ADAPTER_METRICS_H
#define MODEL_ADAPTER_METRICS_H

#include "model/bootstrap.h"
#include "model/selection.h"

enum { CHOOSERS_MAX = 10 };

typedef enum { METRIC_OVERLAP, METRIC_PRECISION, METRIC_TOP, METRIC_CAPTURED, METRIC_AGREEMENT, METRIC_GIVEN, METRICS } metric_t;

// As reports call it.
const char *metric_name (metric_t metric);

// One pair as all choosers see it; a and b: n_rules cells, all known.
typedef struct {
    uint64_t group;                                 // pairs of the same group are resampled together
    const content_key_t *prompt_key, *pair_key;
    const cell_t *a, *b;
    preference_t given;
    bool has_given;                                 // and it is no tie
} metrics_pair_t;

typedef struct adapter_metrics adapter_metrics_t;

// spec: the exhaustive selection to be foreseen (POLICY_EXHAUSTIVE); borrowed, with its pool.
adapter_metrics_t *adapter_metrics_new (const selection_spec_t *spec, size_t n_choosers);
void adapter_metrics_destroy (adapter_metrics_t **metrics);

// The rules that each chooser picked for a pair: chosen [c] has count [c] of them.
void adapter_metrics_add (adapter_metrics_t *metrics, const metrics_pair_t *pair, const uint32_t *const *chosen, const size_t *count);

size_t adapter_metrics_pairs (const adapter_metrics_t *metrics);
size_t adapter_metrics_given (const adapter_metrics_t *metrics);    // pairs with a given preference
size_t adapter_metrics_groups (const adapter_metrics_t *metrics);

// A figure of a chooser; of exhaustive selection itself (METRIC_GIVEN); a chooser's less exhaustive's (METRIC_GIVEN); the first
// chooser's less the second's.
interval_t adapter_metrics_figure (const adapter_metrics_t *metrics, metric_t metric, size_t chooser, uint64_t seed);
interval_t adapter_metrics_exhaustive (const adapter_metrics_t *metrics, uint64_t seed);
interval_t adapter_metrics_from_exhaustive (const adapter_metrics_t *metrics, size_t chooser, uint64_t seed);
interval_t adapter_metrics_difference (const adapter_metrics_t *metrics, metric_t metric, size_t first, size_t second, uint64_t seed);

// The label from some rules of a pair alone: of these, those of value above 0, by value, at most k.
void adapter_label (const selection_spec_t *spec, const content_key_t *prompt_key, const content_key_t *pair_key, const cell_t *a,
                    const cell_t *b, const uint32_t *chosen, size_t count, selected_t *out);

#endif
