// bootstrap: intervals of figures whose rows are not independent.
//
// The rows of one prompt are a cluster: clusters are drawn with replacement, as many as there are, whole (Davison and Hinkley
// 1997, section 3.8), and the interval is that of the percentiles of the figure over the resamples. Two things that are
// compared on the same rows are put into the same clusters, so that their difference is resampled paired.
//
// Rows are added up by cluster once. A figure that is a function of sums (a share, a mean, a difference of two) is then
// resampled from the clusters' sums without walking the rows again:
//
//     clusters_t *clusters = clusters_new (2);
//     for each row: clusters_add (clusters, group_key, (double []) { right ? 1 : 0, 1 });
//     interval_t accuracy = clusters_interval (clusters, stat_ratio, NULL, &(bootstrap_t) { .seed = 1 });
//
// A figure that is no function of sums (an AUC) is told how often each cluster was drawn: bootstrap_interval.
#ifndef MODEL_BOOTSTRAP_H
#define MODEL_BOOTSTRAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/stats.h"

enum { BOOTSTRAP_RESAMPLES = 2000, CLUSTER_WIDTH_MAX = 96 };

// Zero means the default: BOOTSTRAP_RESAMPLES, STATS_LEVEL.
typedef struct { uint64_t seed; size_t resamples; double level; } bootstrap_t;

// --- sums by cluster ----------------------------------------------------------

typedef struct clusters clusters_t;

// Clusters of `width` sums each (at most CLUSTER_WIDTH_MAX). Each thing returned is owned by the caller.
clusters_t *clusters_new (size_t width);
void clusters_destroy (clusters_t **clusters);

// Add a row's values (width of them) to the sums of its cluster; the first row with a key begins the cluster. Returns the
// cluster's number, counted from 0 in the order of first rows. The draws depend on that order: add rows in a fixed one.
size_t clusters_add (clusters_t *clusters, uint64_t key, const double *values);

size_t clusters_count (const clusters_t *clusters);
void clusters_sums (const clusters_t *clusters, double *sums);     // over all clusters

// A figure of sums over clusters; NaN or infinite where it has no value.
typedef double sums_statistic_t (const double *sums, void *context);

// sums [0] / sums [1]: a share or a mean. And the first ratio less the one of sums [2] / sums [3].
double stat_ratio (const double *sums, void *context);
double stat_ratio_difference (const double *sums, void *context);

// The figure over all rows, and its interval. Resamples without a value are left out; with fewer than half of them left, or
// fewer than two clusters, the ends are NaN.
interval_t clusters_interval (const clusters_t *clusters, sums_statistic_t *statistic, void *context, const bootstrap_t *options);

// --- anything else ------------------------------------------------------------

// A figure when cluster i counts times [i] times.
typedef double times_statistic_t (const uint32_t *times, size_t n_clusters, void *context);

// The same for such a figure; its value is that with every cluster once.
interval_t bootstrap_interval (size_t n_clusters, times_statistic_t *statistic, void *context, const bootstrap_t *options);

// The area under the curve with its interval; cluster [i] < n_clusters is row i's, as clusters_add numbered it.
interval_t bootstrap_auc (const double *score, const bool *positive, const size_t *cluster, size_t n, size_t n_clusters,
                          const bootstrap_t *options);

#endif
