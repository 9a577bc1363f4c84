// benchmark: how RewardBench turns rewards into scores.
//
// RewardBench (Lambert et al. 2024, arXiv 2403.13787): a row has a chosen and a rejected response and is right where the chosen
// one's reward is strictly larger. Subsets form four sections; a section is the mean of its subsets' accuracies, weighted by the
// table of weights (which are the sizes, but that math-prm's 447 rows count as much as the six of code); the score is the
// mean of the sections. RewardBench 2 (Malik et al. 2025, arXiv 2506.01937): one chosen response and several rejected; a row counts
// 1/m where the chosen one shares the largest reward with m - 1 others, else 0. Its subset Ties has several right answers
// and a scoring of its own, which is not here. Names and sizes are of the published tables; no row of either stands here.
#ifndef MODEL_BENCHMARK_H
#define MODEL_BENCHMARK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/bootstrap.h"

enum { BENCHMARK_SUBSETS_MAX = 32, BENCHMARK_SECTIONS_MAX = 8 };

typedef struct { const char *name; uint32_t rows; } benchmark_size_t;
typedef struct { const char *subset; double weight; const char *section; } benchmark_weight_t;

// Subsets stand in the same order in both tables; sections in that of their first subset.
typedef struct {
    const char *name;
    const benchmark_size_t *size;
    const benchmark_weight_t *weight;
    size_t n_subsets;
    const char *without;            // a published subset that is not supported; NULL
} benchmark_t;

extern const benchmark_t benchmark_rewardbench, benchmark_rewardbench2;

int benchmark_find (const benchmark_t *benchmark, const char *subset);     // its place; -1

// The sections' names in order; returns how many.
size_t benchmark_sections (const benchmark_t *benchmark, const char *names [BENCHMARK_SECTIONS_MAX]);

// What a row counts by its n >= 2 rewards, the chosen one's first: of two a strict win, of more 1/m. A row with a reward
// that is NaN counts 0. *tie: the chosen one shares the largest reward.
double benchmark_points (const double *reward, size_t n, bool *tie);

// --- adding up ---

// Rows of one or two models, added up by subset and prompt. Subsets that no table has can be counted too.
typedef struct benchmark_sums benchmark_sums_t;

// n_models: 1 or 2; subsets: of the tally's own, at most BENCHMARK_SUBSETS_MAX, borrowed.
benchmark_sums_t *benchmark_sums_new (const char *const *subsets, size_t n_subsets, unsigned n_models);
void benchmark_sums_destroy (benchmark_sums_t **sums);

// points: one for each model. Rows of one prompt are resampled together.
void benchmark_sums_add (benchmark_sums_t *sums, size_t subset, uint64_t prompt, const double *points);

// What is asked for: a weighted mean of means of subsets. parts [i].weight over the subsets of group g count within that group;
// the groups' means are averaged. Subsets without rows are left out, and so are groups without any.
typedef struct { double weight [BENCHMARK_SUBSETS_MAX]; int group [BENCHMARK_SUBSETS_MAX]; } benchmark_mean_t;

// One subset; one section; the mean over sections; the mean over all rows.
void benchmark_mean_subset (benchmark_mean_t *mean, size_t subset);
void benchmark_mean_section (benchmark_mean_t *mean, const benchmark_sums_t *sums, const benchmark_t *benchmark, const char *section);
void benchmark_mean_score (benchmark_mean_t *mean, const benchmark_sums_t *sums, const benchmark_t *benchmark);
void benchmark_mean_rows (benchmark_mean_t *mean, const benchmark_sums_t *sums);

// The mean of a model's points (0 or 1), and of the first model's less the second's, with their bootstrap intervals. Where
// all rows count 0, or all count 1, no resample differs: Wilson's interval stands for the first, in rows.
interval_t benchmark_value (const benchmark_sums_t *sums, const benchmark_mean_t *mean, unsigned model, const bootstrap_t *options);
interval_t benchmark_difference (const benchmark_sums_t *sums, const benchmark_mean_t *mean, const bootstrap_t *options);

// Rows of a subset.
uint64_t benchmark_rows (const benchmark_sums_t *sums, size_t subset);

#endif
