// information: entropy and mutual information in bits, from counts.
//
// The plug-in entropy of m occupied cells of N rows is too small by about (m - 1) / (2 N ln 2) bits; adding that is the
// correction of Miller (1955) and Madow. Mutual information is H(X) + H(Y) - H(X, Y), each corrected, so with no
// relation at all it scatters around zero and may be below it: it is not cut off there.
#ifndef MODEL_INFORMATION_H
#define MODEL_INFORMATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { INFORMATION_BINS = 8, INFORMATION_BINS_MAX = 64 };

// Of a distribution given as counts (or weights; only their shares matter for the plain one). 0 where all are 0.
double entropy_bits (const double *counts, size_t n);
double entropy_bits_corrected (const double *counts, size_t n);

// Sort values into `bins` bins of about equal numbers: bin [i] is how many of the quantiles 1/bins .. (bins-1)/bins of the
// values (each the smallest value that so large a share of the rows does not exceed) lie below value [i]. Equal values share
// a bin, so with many ties bins are fewer or empty. NaN is not allowed; bins is at most INFORMATION_BINS_MAX.
void quantile_bins (const double *value, size_t n, size_t bins, uint8_t *bin);

// Mutual information of the bin and a two-valued label, corrected. weight: times that each row counts (a resample), or
// NULL; label_of: the row whose label row i has (a permutation), or NULL. 0 for no rows.
double mutual_information (const uint8_t *bin, const bool *label, const uint32_t *weight, const size_t *label_of, size_t n);

#endif
