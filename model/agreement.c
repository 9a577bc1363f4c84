#include "model/agreement.h"

#include <assert.h>
#include <math.h>

// --- scores ----------------------------------------------------------------

// Over all ordered pairs of m values: sum (v - w)^2 = 2 (m sum v^2 - (sum v)^2).
static agreement_sum_t squares_apart (agreement_sum_t sum, agreement_sum_t squares, uint64_t m)
{
    return 2 * ((agreement_sum_t) m * squares - sum * sum);
}

void score_agreement_add (score_agreement_t *sums, const int32_t *scores, size_t n)
{
    assert (n <= AGREEMENT_VALUES_MAX);
    if (n < 2)
        return;
    agreement_sum_t sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        sum += scores [i];
        squares += (int64_t) scores [i] * scores [i];
    }
    sums->units++;
    sums->values += n;
    sums->sum += sum;
    sums->squares += squares;
    sums->apart [n] += squares_apart (sum, squares, n);
    sums->alike [n]++;
}

void score_agreement_join (score_agreement_t *sums, const score_agreement_t *more)
{
    sums->units += more->units;
    sums->values += more->values;
    sums->sum += more->sum;
    sums->squares += more->squares;
    for (size_t m = 0; m <= AGREEMENT_VALUES_MAX; m++) {
        sums->apart [m] += more->apart [m];
        sums->alike [m] += more->alike [m];
    }
}

double score_agreement_alpha (const score_agreement_t *sums)
{
    agreement_sum_t all = squares_apart (sums->sum, sums->squares, sums->values);
    if (all == 0)
        return NAN;
    double observed = 0, n = (double) sums->values;
    for (size_t m = 2; m <= AGREEMENT_VALUES_MAX; m++)
        observed += (double) sums->apart [m] / (double) (m - 1);
    return 1 - observed / n / ((double) all / n / (n - 1));
}

// The squares around a unit's mean are the pairs' by 2 m.
double score_agreement_deviation (const score_agreement_t *sums)
{
    double squares = 0;
    uint64_t freedom = 0;
    for (size_t m = 2; m <= AGREEMENT_VALUES_MAX; m++) {
        squares += (double) sums->apart [m] / (2 * (double) m);
        freedom += sums->alike [m] * (m - 1);
    }
    return freedom ? sqrt (squares / (double) freedom) / MICRO : NAN;
}

// --- choices ---------------------------------------------------------------

void choice_agreement_add (choice_agreement_t *sums, const choice_t *choices, size_t n)
{
    assert (n <= AGREEMENT_VALUES_MAX);
    uint64_t count [CHOICE_IRRELEVANT + 1] = { 0 }, m = 0, same = 0;
    for (size_t i = 0; i < n; i++) {
        count [choices [i]] += choices [i] != CHOICE_NONE;
        m += choices [i] != CHOICE_NONE;
    }
    if (m < 2)
        return;
    for (size_t c = 0; c <= CHOICE_IRRELEVANT; c++) {
        sums->choice [c] += count [c];
        same += count [c] * count [c];
    }
    sums->units++;
    sums->values += m;
    sums->apart [m] += m * m - same;
}

void choice_agreement_join (choice_agreement_t *sums, const choice_agreement_t *more)
{
    sums->units += more->units;
    sums->values += more->values;
    for (size_t c = 0; c <= CHOICE_IRRELEVANT; c++)
        sums->choice [c] += more->choice [c];
    for (size_t m = 0; m <= AGREEMENT_VALUES_MAX; m++)
        sums->apart [m] += more->apart [m];
}

double choice_agreement_alpha (const choice_agreement_t *sums)
{
    double n = (double) sums->values, expected = n * n, observed = 0;
    for (size_t c = 0; c <= CHOICE_IRRELEVANT; c++)
        expected -= (double) sums->choice [c] * (double) sums->choice [c];
    if (expected <= 0)
        return NAN;
    for (size_t m = 2; m <= AGREEMENT_VALUES_MAX; m++)
        observed += (double) sums->apart [m] / (double) (m - 1);
    return 1 - observed / n / (expected / n / (n - 1));
}
