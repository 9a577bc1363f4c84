#include "model/stats.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"

// --- shares -------------------------------------------------------------------

double stats_normal_quantile (double p)
{
    assert (p > 0 && p < 1);
    double low = -40, high = 40;
    while (high - low > 1e-14) {
        double middle = (low + high) / 2;
        if (middle == low || middle == high)
            break;
        if (erfc (-middle / M_SQRT2) / 2 < p)
            low = middle;
        else
            high = middle;
    }
    return (low + high) / 2;
}

interval_t stats_wilson (double hits, double n, double level)
{
    assert (level > 0 && level < 1);
    if (!(n > 0))
        return (interval_t) { NAN, NAN, NAN };
    assert (hits >= 0 && hits <= n);
    double z = stats_normal_quantile (1 - (1 - level) / 2);
    double share = hits / n, z2 = z * z;
    double centre = (share + z2 / (2 * n)) / (1 + z2 / n);
    double half = z / (1 + z2 / n) * sqrt (share * (1 - share) / n + z2 / (4 * n * n));
    return (interval_t) { share, fmax (0, centre - half), fmin (1, centre + half) };
}

interval_t stats_prompt_share (const prompt_share_t *share)
{
    double worth = prompt_share_worth (share);
    return stats_wilson (share->rows > 0 ? share->hits / share->rows * worth : 0, worth, STATS_LEVEL);
}

// --- order --------------------------------------------------------------------

static int compare_doubles (const void *x, const void *y)
{
    double a = *(const double *) x, b = *(const double *) y;
    return (a > b) - (a < b);
}

void stats_sort (double *values, size_t n)
{
    if (n > 1)
        qsort (values, n, sizeof *values, compare_doubles);
}

double stats_quantile (const double *sorted, size_t n, double p)
{
    assert (p >= 0 && p <= 1);
    if (n == 0)
        return NAN;
    double place = p * (double) (n - 1);
    size_t below = (size_t) place;
    if (below + 1 >= n)
        return sorted [n - 1];
    return sorted [below] + (place - (double) below) * (sorted [below + 1] - sorted [below]);
}

typedef struct { double score; size_t row; bool positive; } ranked_t;

struct ranking { ranked_t *at; size_t n; };

static int compare_ranked (const void *x, const void *y)
{
    return compare_doubles (&((const ranked_t *) x)->score, &((const ranked_t *) y)->score);
}

ranking_t *ranking_new (const double *score, const bool *positive, size_t n)
{
    ranking_t *ranking = mem_zero (1, sizeof *ranking);
    ranking->at = mem_new ((n + 1) * sizeof *ranking->at);
    ranking->n = n;
    for (size_t i = 0; i < n; i++)
        ranking->at [i] = (ranked_t) { score [i], i, positive [i] };
    if (n > 1)
        qsort (ranking->at, n, sizeof *ranking->at, compare_ranked);
    return ranking;
}

void ranking_destroy (ranking_t **ranking)
{
    if (*ranking)
        free ((*ranking)->at);
    free (*ranking);
    *ranking = NULL;
}

double ranking_auc (const ranking_t *ranking, const uint32_t *weight)
{
    double positives = 0, negatives = 0, won = 0;
    for (size_t i = 0; i < ranking->n; ) {
        double positive_here = 0, negative_here = 0;
        double score = ranking->at [i].score;
        for (; i < ranking->n && ranking->at [i].score == score; i++) {
            double times = weight ? weight [ranking->at [i].row] : 1;
            *(ranking->at [i].positive ? &positive_here : &negative_here) += times;
        }
        won += positive_here * (negatives + negative_here / 2);
        positives += positive_here;
        negatives += negative_here;
    }
    return positives > 0 && negatives > 0 ? won / (positives * negatives) : NAN;
}

// --- two on the same rows -----------------------------------------------------

// The chance of exactly k heads of n fair coins.
static double coins (uint64_t n, uint64_t k)
{
    double x = (double) n, y = (double) k;
    return exp (lgamma (x + 1) - lgamma (y + 1) - lgamma (x - y + 1) - x * M_LN2);
}

mcnemar_t stats_mcnemar (uint64_t only_first, uint64_t only_second)
{
    uint64_t n = only_first + only_second;
    uint64_t fewer = only_first < only_second ? only_first : only_second;
    bool exact = n <= MCNEMAR_EXACT_MAX;
    double tail = 0;
    for (uint64_t k = 0; k <= fewer; k++)
        tail += coins (n, k);
    double p = 2 * tail - (exact ? 0 : coins (n, fewer));
    return (mcnemar_t) { n == 0 ? 1 : fmin (1, p), exact ? "exact binomial" : "mid-p" };
}

// --- permutations, many tests -------------------------------------------------

double stats_permutation_p (size_t n, permuted_statistic_t *statistic, void *context, uint64_t seed, size_t permutations)
{
    rng_t rng = { seed };
    size_t *order = mem_new ((n + 1) * sizeof *order), as_large = 0;
    for (size_t i = 0; i < n; i++)
        order [i] = i;
    double observed = statistic (order, n, context);
    for (size_t p = 0; p < permutations; p++) {
        for (size_t i = n; i > 1; i--) {
            size_t j = (size_t) rng_below (&rng, i), keep = order [i - 1];
            order [i - 1] = order [j];
            order [j] = keep;
        }
        // Equal values may differ in their last bits, having been summed in another order.
        as_large += statistic (order, n, context) >= observed - 1e-12 * (1 + fabs (observed));
    }
    free (order);
    return (double) (1 + as_large) / (double) (1 + permutations);
}

typedef struct { double p; size_t at; } tested_t;

static int compare_tested (const void *x, const void *y)
{
    return compare_doubles (&((const tested_t *) x)->p, &((const tested_t *) y)->p);
}

void stats_benjamini_hochberg (const double *p, double *q, size_t n)
{
    tested_t *tested = mem_new ((n + 1) * sizeof *tested);
    for (size_t i = 0; i < n; i++)
        tested [i] = (tested_t) { p [i], i };
    if (n > 1)
        qsort (tested, n, sizeof *tested, compare_tested);
    double least = 1;
    for (size_t i = n; i-- > 0; ) {
        least = fmin (least, tested [i].p * (double) n / (double) (i + 1));
        q [tested [i].at] = least;
    }
    free (tested);
}

// --- saying it ----------------------------------------------------------------

bool interval_excludes_zero (const interval_t *difference)
{
    return difference->low > 0 || difference->high < 0;
}

// Rounding must not write "-0.0".
static double rounded (double value, int decimals)
{
    double unit = pow (10, decimals);
    return round (value * unit) / unit + 0.0;
}

static void show_number (buf_t *out, const char *before, double value, int decimals, bool sign)
{
    value = rounded (value, decimals);
    buf_printf (out, "%s%s%.*f", before, sign && value >= 0 ? "+" : "", decimals, value);
}

static void show (buf_t *out, const interval_t *interval, double scale, int decimals, bool sign)
{
    if (isnan (interval->value)) {
        buf_add_char (out, '-');
        return;
    }
    show_number (out, "", interval->value * scale, decimals, sign);
    if (isnan (interval->low) || isnan (interval->high))
        return;
    show_number (out, " [", interval->low * scale, decimals, sign);
    show_number (out, ", ", interval->high * scale, decimals, sign);
    buf_add_char (out, ']');
}

void interval_show (buf_t *out, const interval_t *interval, double scale, int decimals)
{
    show (out, interval, scale, decimals, false);
}

void interval_show_difference (buf_t *out, const interval_t *difference, double scale, int decimals)
{
    if (!isnan (difference->value) && !interval_excludes_zero (difference))
        buf_add_str (out, "not shown: ");
    show (out, difference, scale, decimals, true);
}

void interval_write (buf_t *out, const interval_t *interval)
{
    if (isnan (interval->value))
        buf_add_str (out, "null");
    else if (isnan (interval->low) || isnan (interval->high))
        buf_printf (out, "{\"value\":%.9g,\"low\":null,\"high\":null}", interval->value);
    else
        buf_printf (out, "{\"value\":%.9g,\"low\":%.9g,\"high\":%.9g}", interval->value, interval->low, interval->high);
}
