#include "model/bootstrap.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"

// --- sums by cluster ----------------------------------------------------------

struct clusters {
    size_t width, count, cap;
    uint64_t *key;          // of cluster i
    double *sums;           // width of them for cluster i
    size_t *slot;           // open addressing: 1 + cluster, 0 is free; 2 * cap of them, a power of two
};

clusters_t *clusters_new (size_t width)
{
    assert (width > 0 && width <= CLUSTER_WIDTH_MAX);
    clusters_t *clusters = mem_zero (1, sizeof *clusters);
    clusters->width = width;
    return clusters;
}

void clusters_destroy (clusters_t **clusters)
{
    if (*clusters) {
        free ((*clusters)->key);
        free ((*clusters)->sums);
        free ((*clusters)->slot);
    }
    free (*clusters);
    *clusters = NULL;
}

static size_t *find_slot (const clusters_t *clusters, uint64_t key)
{
    size_t mask = 2 * clusters->cap - 1;
    size_t at = (size_t) (key * 0x9E3779B97F4A7C15u >> 20) & mask;
    while (clusters->slot [at] && clusters->key [clusters->slot [at] - 1] != key)
        at = (at + 1) & mask;
    return &clusters->slot [at];
}

static void grow (clusters_t *clusters)
{
    clusters->cap = clusters->cap ? 2 * clusters->cap : 64;
    clusters->key = mem_resize (clusters->key, clusters->cap * sizeof *clusters->key);
    clusters->sums = mem_resize (clusters->sums, clusters->cap * clusters->width * sizeof *clusters->sums);
    free (clusters->slot);
    clusters->slot = mem_zero (2 * clusters->cap, sizeof *clusters->slot);
    for (size_t i = 0; i < clusters->count; i++)
        *find_slot (clusters, clusters->key [i]) = i + 1;
}

size_t clusters_add (clusters_t *clusters, uint64_t key, const double *values)
{
    if (clusters->count == clusters->cap)
        grow (clusters);
    size_t *slot = find_slot (clusters, key);
    if (*slot == 0) {
        clusters->key [clusters->count] = key;
        memset (&clusters->sums [clusters->count * clusters->width], 0, clusters->width * sizeof *clusters->sums);
        *slot = ++clusters->count;
    }
    double *sums = &clusters->sums [(*slot - 1) * clusters->width];
    for (size_t i = 0; i < clusters->width; i++)
        sums [i] += values [i];
    return *slot - 1;
}

size_t clusters_count (const clusters_t *clusters)
{
    return clusters->count;
}

void clusters_sums (const clusters_t *clusters, double *sums)
{
    memset (sums, 0, clusters->width * sizeof *sums);
    for (size_t i = 0; i < clusters->count * clusters->width; i++)
        sums [i % clusters->width] += clusters->sums [i];
}

double stat_ratio (const double *sums, void *context)
{
    (void) context;
    return sums [0] / sums [1];
}

double stat_ratio_difference (const double *sums, void *context)
{
    (void) context;
    return sums [0] / sums [1] - sums [2] / sums [3];
}

// The sums that are not 0, cluster by cluster: of many sums most clusters have few.
typedef struct { uint32_t place; double value; } part_t;

typedef struct {
    size_t width, count;
    size_t *end;                // of cluster i's parts, which begin where those of the one before end
    part_t *part;
    sums_statistic_t *statistic;
    void *context;
} of_sums_t;

static of_sums_t pack (const clusters_t *clusters, sums_statistic_t *statistic, void *context)
{
    size_t cells = clusters->count * clusters->width, n = 0;
    for (size_t i = 0; i < cells; i++)
        n += clusters->sums [i] != 0;
    of_sums_t of = { clusters->width, clusters->count, mem_new ((clusters->count + 1) * sizeof *of.end),
                     mem_new ((n + 1) * sizeof *of.part), statistic, context };
    n = 0;
    for (size_t i = 0; i < cells; i++) {
        if (clusters->sums [i] != 0)
            of.part [n++] = (part_t) { (uint32_t) (i % clusters->width), clusters->sums [i] };
        of.end [i / clusters->width] = n;
    }
    return of;
}

static double statistic_of_sums (const uint32_t *times, size_t n_clusters, void *context)
{
    const of_sums_t *of = context;
    double sums [CLUSTER_WIDTH_MAX] = { 0 };
    assert (n_clusters == of->count);
    for (size_t c = 0, p = 0; c < of->count; c++) {
        if (times [c] == 0)
            p = of->end [c];
        for (; p < of->end [c]; p++)
            sums [of->part [p].place] += times [c] * of->part [p].value;
    }
    return of->statistic (sums, of->context);
}

interval_t clusters_interval (const clusters_t *clusters, sums_statistic_t *statistic, void *context, const bootstrap_t *options)
{
    of_sums_t of = pack (clusters, statistic, context);
    interval_t interval = bootstrap_interval (clusters->count, statistic_of_sums, &of, options);
    free (of.end);
    free (of.part);
    return interval;
}

// --- anything else ------------------------------------------------------------

static void draw (rng_t *rng, uint32_t *times, size_t n)
{
    memset (times, 0, n * sizeof *times);
    for (size_t i = 0; i < n; i++)
        times [rng_below (rng, n)]++;
}

interval_t bootstrap_interval (size_t n_clusters, times_statistic_t *statistic, void *context, const bootstrap_t *options)
{
    interval_t interval = { NAN, NAN, NAN };
    if (n_clusters == 0)
        return interval;
    size_t resamples = options->resamples ? options->resamples : BOOTSTRAP_RESAMPLES, kept = 0;
    double level = options->level > 0 ? options->level : STATS_LEVEL;
    uint32_t *times = mem_new (n_clusters * sizeof *times);
    for (size_t i = 0; i < n_clusters; i++)
        times [i] = 1;
    interval.value = statistic (times, n_clusters, context);
    if (!isfinite (interval.value))
        interval.value = NAN;

    double *found = mem_new (resamples * sizeof *found);
    rng_t rng = { options->seed };
    for (size_t r = 0; n_clusters > 1 && r < resamples; r++) {
        draw (&rng, times, n_clusters);
        found [kept] = statistic (times, n_clusters, context);
        kept += isfinite (found [kept]) ? 1 : 0;
    }
    if (kept > 0 && 2 * kept >= resamples) {
        stats_sort (found, kept);
        interval.low = stats_quantile (found, kept, (1 - level) / 2);
        interval.high = stats_quantile (found, kept, 1 - (1 - level) / 2);
    }
    free (found);
    free (times);
    return interval;
}

typedef struct { const ranking_t *ranking; const size_t *cluster; uint32_t *weight; size_t n; } of_auc_t;

static double statistic_auc (const uint32_t *times, size_t n_clusters, void *context)
{
    of_auc_t *of = context;
    for (size_t i = 0; i < of->n; i++) {
        assert (of->cluster [i] < n_clusters);
        of->weight [i] = times [of->cluster [i]];
    }
    return ranking_auc (of->ranking, of->weight);
}

interval_t bootstrap_auc (const double *score, const bool *positive, const size_t *cluster, size_t n, size_t n_clusters,
                          const bootstrap_t *options)
{
    ranking_t *ranking = ranking_new (score, positive, n);
    of_auc_t of = { ranking, cluster, mem_new ((n + 1) * sizeof *of.weight), n };
    interval_t interval = bootstrap_interval (n_clusters, statistic_auc, &of, options);
    free (of.weight);
    ranking_destroy (&ranking);
    return interval;
}
