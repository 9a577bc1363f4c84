#include "model/adapter_metrics.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

// What is summed up of a pair: of all choosers, then of each.
enum { ALL_PAIRS, ALL_BEST, ALL_VALUE, ALL_RANDOM, ALL_GIVEN, ALL_GIVEN_RIGHT, ALL_HAS_TOP, COMMON };
enum { OWN_SHARED, OWN_USEFUL, OWN_TOP, OWN_VALUE, OWN_AGREES, OWN_GIVEN_RIGHT, OWN };
_Static_assert ((int) COMMON + (int) CHOOSERS_MAX * OWN <= CLUSTER_WIDTH_MAX, "all sums fit");

struct adapter_metrics {
    selection_spec_t spec;
    size_t n_choosers, pairs, given;
    clusters_t *clusters;
};

static const char *const names [METRICS] = { "overlap", "precision", "top", "captured", "agreement", "given" };

const char *metric_name (metric_t metric)
{
    assert ((unsigned) metric < METRICS);
    return names [metric];
}

adapter_metrics_t *adapter_metrics_new (const selection_spec_t *spec, size_t n_choosers)
{
    assert (spec->policy == POLICY_EXHAUSTIVE && n_choosers > 0 && n_choosers <= CHOOSERS_MAX);
    adapter_metrics_t *metrics = mem_zero (1, sizeof *metrics);
    metrics->spec = *spec;
    metrics->n_choosers = n_choosers;
    metrics->clusters = clusters_new (COMMON + n_choosers * OWN);
    return metrics;
}

void adapter_metrics_destroy (adapter_metrics_t **metrics)
{
    adapter_metrics_t *self = *metrics;
    if (self == NULL)
        return;
    clusters_destroy (&self->clusters);
    free (self);
    *metrics = NULL;
}

// --- a label from some rules -----------------------------------------------

void adapter_label (const selection_spec_t *spec, const content_key_t *prompt_key, const content_key_t *pair_key, const cell_t *a,
                    const cell_t *b, const uint32_t *chosen, size_t count, selected_t *out)
{
    assert (count <= LIMIT_RULES);
    int8_t polarity [LIMIT_RULES];
    digest_t *digest = mem_new (count * sizeof *digest);
    cell_t *cells = mem_new (2 * count * sizeof *cells);
    for (size_t i = 0; i < count; i++) {
        polarity [i] = spec->polarity [chosen [i]];
        digest [i] = spec->rule_digest [chosen [i]];
        cells [i] = a [chosen [i]];
        cells [count + i] = b [chosen [i]];
    }
    selection_spec_t part = *spec;
    part.polarity = polarity;
    part.rule_digest = digest;
    part.n_rules = count;
    selection_label (&part, prompt_key, pair_key, cells, cells + count, out);
    for (size_t i = 0; i < out->n_rules; i++)
        out->rule [i] = chosen [out->rule [i]];
    free (digest);
    free (cells);
}

// --- one pair --------------------------------------------------------------

static double value_of (const selection_spec_t *spec, const cell_t *a, const cell_t *b)
{
    return spec->weight_relevance / 1e6 * ((double) a->relevance + (double) b->relevance) / 2e6
           + spec->weight_discrepancy / 1e6 * fabs ((double) a->score - (double) b->score) / 1e6;
}

static double given_right (const metrics_pair_t *pair, const selected_t *label)
{
    return !pair->has_given ? 0 : label->preference == TIE ? 0.5 : label->preference == pair->given;
}

static bool holds (const uint32_t *rules, size_t n, uint32_t rule)
{
    for (size_t i = 0; i < n; i++)
        if (rules [i] == rule)
            return true;
    return false;
}

static void sum_chooser (const selection_spec_t *spec, const metrics_pair_t *pair, const selected_t *best, const uint32_t *chosen,
                         size_t count, double *sums)
{
    selected_t label;
    adapter_label (spec, pair->prompt_key, pair->pair_key, pair->a, pair->b, chosen, count, &label);
    for (size_t i = 0; i < label.n_rules; i++) {
        sums [OWN_SHARED] += holds (best->rule, best->n_rules, label.rule [i]);
        sums [OWN_VALUE] += value_of (spec, &pair->a [label.rule [i]], &pair->b [label.rule [i]]);
    }
    sums [OWN_USEFUL] = (double) label.n_rules;
    sums [OWN_TOP] = best->n_rules > 0 && holds (label.rule, label.n_rules, best->rule [0]);
    sums [OWN_AGREES] = label.preference == best->preference;
    sums [OWN_GIVEN_RIGHT] = given_right (pair, &label);
}

void adapter_metrics_add (adapter_metrics_t *metrics, const metrics_pair_t *pair, const uint32_t *const *chosen, const size_t *count)
{
    const selection_spec_t *spec = &metrics->spec;
    double sums [CLUSTER_WIDTH_MAX] = { 0 }, all = 0;
    selected_t best;
    selection_label (spec, pair->prompt_key, pair->pair_key, pair->a, pair->b, &best);
    for (size_t r = 0; r < spec->n_rules; r++)
        all += value_of (spec, &pair->a [r], &pair->b [r]);
    for (size_t i = 0; i < best.n_rules; i++)
        sums [ALL_VALUE] += value_of (spec, &pair->a [best.rule [i]], &pair->b [best.rule [i]]);
    size_t k = spec->top < spec->n_rules ? spec->top : spec->n_rules;
    sums [ALL_PAIRS] = 1;
    sums [ALL_BEST] = (double) best.n_rules;
    sums [ALL_RANDOM] = all * (double) k / (double) spec->n_rules;
    sums [ALL_GIVEN] = pair->has_given;
    sums [ALL_GIVEN_RIGHT] = given_right (pair, &best);
    sums [ALL_HAS_TOP] = best.n_rules > 0;
    for (size_t c = 0; c < metrics->n_choosers; c++)
        sum_chooser (spec, pair, &best, chosen [c], count [c], sums + COMMON + c * OWN);
    clusters_add (metrics->clusters, pair->group, sums);
    metrics->pairs++;
    metrics->given += pair->has_given;
}

// --- figures ---------------------------------------------------------------

size_t adapter_metrics_pairs (const adapter_metrics_t *metrics)
{
    return metrics->pairs;
}

size_t adapter_metrics_given (const adapter_metrics_t *metrics)
{
    return metrics->given;
}

size_t adapter_metrics_groups (const adapter_metrics_t *metrics)
{
    return clusters_count (metrics->clusters);
}

static double figure (const double *sums, metric_t metric, size_t chooser)
{
    const double *own = sums + COMMON + chooser * OWN;
    switch (metric) {
    case METRIC_OVERLAP:
        return own [OWN_SHARED] / sums [ALL_BEST];
    case METRIC_PRECISION:
        return own [OWN_SHARED] / own [OWN_USEFUL];
    case METRIC_TOP:
        return own [OWN_TOP] / sums [ALL_HAS_TOP];
    case METRIC_CAPTURED:
        return (own [OWN_VALUE] - sums [ALL_RANDOM]) / (sums [ALL_VALUE] - sums [ALL_RANDOM]);
    case METRIC_AGREEMENT:
        return own [OWN_AGREES] / sums [ALL_PAIRS];
    default:
        return own [OWN_GIVEN_RIGHT] / sums [ALL_GIVEN];
    }
}

typedef struct { metric_t metric; size_t first, second; } asked_t;

static double of_one (const double *sums, void *context)
{
    const asked_t *asked = context;
    return figure (sums, asked->metric, asked->first);
}

static double of_two (const double *sums, void *context)
{
    const asked_t *asked = context;
    return figure (sums, asked->metric, asked->first) - figure (sums, asked->metric, asked->second);
}

static double of_exhaustive (const double *sums, void *context)
{
    (void) context;
    return sums [ALL_GIVEN_RIGHT] / sums [ALL_GIVEN];
}

static double from_exhaustive (const double *sums, void *context)
{
    return of_one (sums, context) - of_exhaustive (sums, NULL);
}

interval_t adapter_metrics_figure (const adapter_metrics_t *metrics, metric_t metric, size_t chooser, uint64_t seed)
{
    assert (chooser < metrics->n_choosers);
    asked_t asked = { metric, chooser, 0 };
    return clusters_interval (metrics->clusters, of_one, &asked, &(bootstrap_t) { .seed = seed });
}

interval_t adapter_metrics_exhaustive (const adapter_metrics_t *metrics, uint64_t seed)
{
    return clusters_interval (metrics->clusters, of_exhaustive, NULL, &(bootstrap_t) { .seed = seed });
}

interval_t adapter_metrics_from_exhaustive (const adapter_metrics_t *metrics, size_t chooser, uint64_t seed)
{
    assert (chooser < metrics->n_choosers);
    asked_t asked = { METRIC_GIVEN, chooser, 0 };
    return clusters_interval (metrics->clusters, from_exhaustive, &asked, &(bootstrap_t) { .seed = seed });
}

interval_t adapter_metrics_difference (const adapter_metrics_t *metrics, metric_t metric, size_t first, size_t second, uint64_t seed)
{
    assert (first < metrics->n_choosers && second < metrics->n_choosers);
    asked_t asked = { metric, first, second };
    return clusters_interval (metrics->clusters, of_two, &asked, &(bootstrap_t) { .seed = seed });
}
