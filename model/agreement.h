// agreement: how far judges agree with one another, and one judge with itself.
//
// Krippendorff's alpha (Krippendorff, Content Analysis, chapter 12) for intervals and for names, and the standard deviation of
// repeated scores, from sums that grow with no number of units. A unit is what several values were given for: a response and a
// rule. Values may be missing; a unit with fewer than two says nothing and is left out. Sums are of integers, so that the order
// of units changes nothing.
#ifndef MODEL_AGREEMENT_H
#define MODEL_AGREEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/panel.h"

enum { AGREEMENT_VALUES_MAX = LIMIT_JUDGES };       // of one unit; one for each repeat and the first are fewer

// Sums of scores in 1e-6. __int128 holds squares of 1e6 for more values than there could be.
typedef __int128 agreement_sum_t;

typedef struct {
    uint64_t units, values;                                 // with two values or more
    agreement_sum_t sum, squares;
    agreement_sum_t apart [AGREEMENT_VALUES_MAX + 1];       // of units with so many values: squared differences of all ordered pairs
    uint64_t alike [AGREEMENT_VALUES_MAX + 1];              // how many such units
} score_agreement_t;

typedef struct {
    uint64_t units, values;
    uint64_t choice [CHOICE_IRRELEVANT + 1];
    uint64_t apart [AGREEMENT_VALUES_MAX + 1];              // ordered pairs of unlike names
} choice_agreement_t;

// The values of one unit; n up to AGREEMENT_VALUES_MAX. A choice that is CHOICE_NONE is missing.
void score_agreement_add (score_agreement_t *sums, const int32_t *scores, size_t n);
void choice_agreement_add (choice_agreement_t *sums, const choice_t *choices, size_t n);

// Add one's sums to another's.
void score_agreement_join (score_agreement_t *sums, const score_agreement_t *more);
void choice_agreement_join (choice_agreement_t *sums, const choice_agreement_t *more);

// Alpha = 1 - observed / expected disagreement: 1 is perfect, 0 what chance gives. NaN where all values are the same or there are
// none, as nothing is expected to differ then.
double score_agreement_alpha (const score_agreement_t *sums);
double choice_agreement_alpha (const choice_agreement_t *sums);

// The standard deviation of a score around the mean of its unit, pooled over units, from -1 to 1. NaN where there are no units.
double score_agreement_deviation (const score_agreement_t *sums);

#endif
