#include "model/rule_information.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "model/bootstrap.h"
#include "model/information.h"

struct rule_information {
    size_t n_rules, n, max, room;
    int32_t *d;                 // pair by pair, n_rules each
    bool *prefers_a;
    size_t *cluster;
    clusters_t *clusters;       // to number the prompts
};

rule_information_t *rule_information_new (size_t n_rules, size_t pairs_max)
{
    rule_information_t *self = mem_zero (1, sizeof *self);
    self->n_rules = n_rules;
    self->max = pairs_max ? pairs_max : INFORMATION_PAIRS_MAX;
    self->clusters = clusters_new (1);
    return self;
}

void rule_information_destroy (rule_information_t **self)
{
    if (*self == NULL)
        return;
    free ((*self)->d);
    free ((*self)->prefers_a);
    free ((*self)->cluster);
    clusters_destroy (&(*self)->clusters);
    free (*self);
    *self = NULL;
}

static void grow (rule_information_t *self)
{
    self->room = self->room ? self->room * 2 : 64;
    self->d = mem_resize (self->d, self->room * (self->n_rules + 1) * sizeof *self->d);
    self->prefers_a = mem_resize (self->prefers_a, self->room * sizeof *self->prefers_a);
    self->cluster = mem_resize (self->cluster, self->room * sizeof *self->cluster);
}

bool rule_information_add (rule_information_t *self, const int32_t *d, bool prefers_a, uint64_t prompt)
{
    if (self->n == self->max)
        return false;
    if (self->n == self->room)
        grow (self);
    memcpy (self->d + self->n * self->n_rules, d, self->n_rules * sizeof *d);
    self->prefers_a [self->n] = prefers_a;
    self->cluster [self->n] = clusters_add (self->clusters, prompt, &(double) { 1 });
    self->n++;
    return true;
}

size_t rule_information_pairs (const rule_information_t *self)
{
    return self->n;
}

// --- one rule ----------------------------------------------------------------

typedef struct {
    const rule_information_t *self;
    const uint8_t *bin;
    uint32_t *weight;
} resample_t;

static double bits_of_resample (const uint32_t *times, size_t n_clusters, void *context)
{
    (void) n_clusters;
    const resample_t *resample = context;
    const rule_information_t *self = resample->self;
    for (size_t i = 0; i < self->n; i++)
        resample->weight [i] = times [self->cluster [i]];
    return mutual_information (resample->bin, self->prefers_a, resample->weight, NULL, self->n);
}

// The uncorrected estimate from a table; larger exactly where a permutation tells more.
static double plain_bits (const rule_information_t *self, const uint8_t *bin, const bool *label)
{
    double joint [2 * INFORMATION_BINS] = { 0 }, bins [INFORMATION_BINS] = { 0 }, labels [2] = { 0 };
    for (size_t i = 0; i < self->n; i++)
        joint [2 * bin [i] + label [i]]++;
    for (size_t i = 0; i < 2 * INFORMATION_BINS; i++) {
        bins [i / 2] += joint [i];
        labels [i % 2] += joint [i];
    }
    return entropy_bits (bins, INFORMATION_BINS) + entropy_bits (labels, 2) - entropy_bits (joint, 2 * INFORMATION_BINS);
}

static void bin_rule (const rule_information_t *self, size_t rule, double *value, uint8_t *bin)
{
    for (size_t i = 0; i < self->n; i++)
        value [i] = self->d [i * self->n_rules + rule];
    quantile_bins (value, self->n, INFORMATION_BINS, bin);
}

// --- all rules -----------------------------------------------------------------

// Count, for each rule, the permutations that tell at least as much as the truth does.
static void permute (const rule_information_t *self, const uint8_t *bins, const double *plain, uint64_t seed, size_t *as_large)
{
    rng_t rng = { seed };
    size_t prompts = clusters_count (self->clusters);
    bool *flip = mem_zero (prompts + 1, sizeof *flip), *label = mem_zero (self->n + 1, sizeof *label);
    for (size_t k = 0; k < INFORMATION_PERMUTATIONS; k++) {
        for (size_t i = 0; i < prompts; i++)
            flip [i] = rng_next (&rng) >> 63;
        for (size_t i = 0; i < self->n; i++)
            label [i] = self->prefers_a [i] != flip [self->cluster [i]];
        for (size_t r = 0; r < self->n_rules; r++)
            as_large [r] += plain_bits (self, bins + r * self->n, label) >= plain [r] - 1e-12;
    }
    free (flip);
    free (label);
}

static void estimate (const rule_information_t *self, const uint8_t *bin, double plain, uint64_t seed, uint32_t *weight, rule_bits_t *out)
{
    resample_t resample = { self, bin, weight };
    const bootstrap_t options = { .seed = seed, .resamples = INFORMATION_RESAMPLES };
    out->bits = bootstrap_interval (clusters_count (self->clusters), bits_of_resample, &resample, &options);
    double excess = plain - out->bits.value;
    out->bits.low -= excess;
    out->bits.high -= excess;
}

static void no_figures (size_t n_rules, rule_bits_t *out)
{
    for (size_t r = 0; r < n_rules; r++)
        out [r] = (rule_bits_t) { .bits = { NAN, NAN, NAN }, .p = NAN, .q = NAN };
}

void rule_information_figures (const rule_information_t *self, uint64_t seed, rule_bits_t *out)
{
    size_t n = self->n, n_rules = self->n_rules;
    if (clusters_count (self->clusters) < 2 || n_rules == 0) {
        no_figures (n_rules, out);
        return;
    }
    double *value = mem_zero (n, sizeof *value), *plain = mem_zero (n_rules, sizeof *plain), *p = mem_zero (n_rules, sizeof *p);
    uint8_t *bins = mem_zero (n * n_rules, sizeof *bins);
    uint32_t *weight = mem_zero (n, sizeof *weight);
    size_t *as_large = mem_zero (n_rules, sizeof *as_large);
    for (size_t r = 0; r < n_rules; r++) {
        uint8_t *bin = bins + r * n;
        bin_rule (self, r, value, bin);
        plain [r] = plain_bits (self, bin, self->prefers_a);
        estimate (self, bin, plain [r], seed, weight, &out [r]);
    }
    permute (self, bins, plain, seed, as_large);
    for (size_t r = 0; r < n_rules; r++)
        p [r] = out [r].p = (1.0 + (double) as_large [r]) / (1.0 + INFORMATION_PERMUTATIONS);
    stats_benjamini_hochberg (p, p, n_rules);
    for (size_t r = 0; r < n_rules; r++)
        out [r].q = p [r];
    free (value);
    free (plain);
    free (p);
    free (bins);
    free (weight);
    free (as_large);
}
