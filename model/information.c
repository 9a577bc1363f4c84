#include "model/information.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/stats.h"

double entropy_bits (const double *counts, size_t n)
{
    double total = 0, sum = 0;
    for (size_t i = 0; i < n; i++)
        total += counts [i];
    for (size_t i = 0; i < n; i++)
        if (counts [i] > 0)
            sum -= counts [i] / total * log2 (counts [i] / total);
    return sum + 0.0;
}

double entropy_bits_corrected (const double *counts, size_t n)
{
    double total = 0;
    size_t occupied = 0;
    for (size_t i = 0; i < n; i++) {
        total += counts [i];
        occupied += counts [i] > 0;
    }
    return total > 0 ? entropy_bits (counts, n) + (double) (occupied - 1) / (2 * total * M_LN2) : 0;
}

void quantile_bins (const double *value, size_t n, size_t bins, uint8_t *bin)
{
    assert (bins > 0 && bins <= INFORMATION_BINS_MAX);
    if (n == 0)
        return;
    double *sorted = mem_new (n * sizeof *sorted), edge [INFORMATION_BINS_MAX];
    memcpy (sorted, value, n * sizeof *sorted);
    stats_sort (sorted, n);
    for (size_t j = 1; j < bins; j++)
        edge [j - 1] = sorted [(j * n + bins - 1) / bins - 1];
    for (size_t i = 0; i < n; i++) {
        size_t below = 0;
        while (below < bins - 1 && edge [below] < value [i])
            below++;
        bin [i] = (uint8_t) below;
    }
    free (sorted);
}

double mutual_information (const uint8_t *bin, const bool *label, const uint32_t *weight, const size_t *label_of, size_t n)
{
    double joint [INFORMATION_BINS_MAX * 2] = { 0 }, bins [INFORMATION_BINS_MAX] = { 0 }, labels [2] = { 0 };
    for (size_t i = 0; i < n; i++) {
        assert (bin [i] < INFORMATION_BINS_MAX);
        double times = weight ? weight [i] : 1;
        size_t y = label [label_of ? label_of [i] : i];
        joint [2 * bin [i] + y] += times;
        bins [bin [i]] += times;
        labels [y] += times;
    }
    return entropy_bits_corrected (bins, INFORMATION_BINS_MAX) + entropy_bits_corrected (labels, 2) -
           entropy_bits_corrected (joint, INFORMATION_BINS_MAX * 2);
}
