// stats: intervals, tests and the way in which a difference is told.
//
// Pure functions of numbers; whatever is drawn comes from a seed through base/rng, so a figure is the same on every
// machine. Sources: Wilson (1927); Hyndman and Fan (1996), type 7, for quantiles; Mann and Whitney (1947); McNemar (1947)
// with the mid-p of Fagerland, Lydersen and Laake (2013); Phipson and Smyth (2010) for p-values of permutations; Benjamini
// and Hochberg (1995). Rows that belong together (the pairs of one prompt) are resampled together: model/bootstrap.h.
#ifndef MODEL_STATS_H
#define MODEL_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/prompt_share.h"

#define STATS_LEVEL 0.95        // what an interval covers where nothing else is said

// An estimate and the interval around it. All three are NaN where there is nothing to estimate from.
typedef struct { double value, low, high; } interval_t;

// --- shares -------------------------------------------------------------------

// The standard normal quantile; p in (0, 1).
double stats_normal_quantile (double p);

// Wilson's score interval of a share: `hits` of `n`, for independent rows. hits may be fractional (a tie counts 1/2).
interval_t stats_wilson (double hits, double n, double level);

// Of a share whose rows hang together by prompt: Wilson's, for as many rows as the prompts are worth. All NaN where there is no row.
interval_t stats_prompt_share (const prompt_share_t *share);

// --- order --------------------------------------------------------------------

// Sort ascending (NaN is not allowed); the quantile p in [0, 1] of n sorted values, linear between neighbours. NaN for n = 0.
void stats_sort (double *values, size_t n);
double stats_quantile (const double *sorted, size_t n, double p);

// The chance that a positive scores above a negative, a tie counting 1/2 (Mann-Whitney U / (positives * negatives)). NaN
// where a kind is missing. weight: times that each row counts, or NULL for once each. The ranking is kept, so that
// asking again with other weights (a resample) costs one pass.
typedef struct ranking ranking_t;
ranking_t *ranking_new (const double *score, const bool *positive, size_t n);
void ranking_destroy (ranking_t **ranking);
double ranking_auc (const ranking_t *ranking, const uint32_t *weight);

// --- two on the same rows -----------------------------------------------------

// McNemar's test of two classifiers on the same rows: only_first and only_second count the rows that one alone has right.
// Two-sided. Up to MCNEMAR_EXACT_MAX such rows by the exact binomial test, above by its mid-p version; `method` says which.
enum { MCNEMAR_EXACT_MAX = 25 };
typedef struct { double p; const char *method; } mcnemar_t;
mcnemar_t stats_mcnemar (uint64_t only_first, uint64_t only_second);

// --- permutations, many tests -------------------------------------------------

// The statistic when row i has the label of row order [i].
typedef double permuted_statistic_t (const size_t *order, size_t n, void *context);

// The share of `permutations` seeded shuffles (and the rows as they are) in which the statistic is at least as large as
// it is with the rows as they are: (1 + so many) / (1 + permutations), never 0.
double stats_permutation_p (size_t n, permuted_statistic_t *statistic, void *context, uint64_t seed, size_t permutations);

// Benjamini-Hochberg: q [i], the smallest false discovery rate at which p [i] is a discovery. p and q may be the same array.
void stats_benjamini_hochberg (const double *p, double *q, size_t n);

// --- saying it ----------------------------------------------------------------

// Is zero outside of it? False where it is NaN.
bool interval_excludes_zero (const interval_t *difference);

// A value as "71.4 [68.0, 74.6]" and a difference as "+1.4 [+0.3, +2.5]", or "not shown: +0.4 [-0.8, +1.6]" where the
// interval includes zero. Times `scale` (100 for percent), with so many decimals. "-" where there is nothing.
void interval_show (buf_t *out, const interval_t *interval, double scale, int decimals);
void interval_show_difference (buf_t *out, const interval_t *difference, double scale, int decimals);

// As JSON: {"value": .., "low": .., "high": ..}; null where there is nothing.
void interval_write (buf_t *out, const interval_t *interval);

#endif
