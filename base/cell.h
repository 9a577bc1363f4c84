// cell: three probabilities of a judge as the integers that are stored and summed.
//
// A cell is what a judge said of one response and one rule (DESIGN "The method"):
// Yes, No or Irrelevant. Units of 1e-6, so that no label depends on the order of a
// sum or on how a machine rounds.
#ifndef BASE_CELL_H
#define BASE_CELL_H

#include <stdbool.h>
#include <stdint.h>

enum { CELL_ONE = 1000000 };    // a probability of one

typedef struct {
    int32_t score;          // p_yes - p_no, -1000000 .. 1000000
    uint32_t relevance;     // p_yes + p_no, which is 1 - p_irrelevant, 0 .. 1000000
    uint32_t mass;          // what the three got together before normalising, 0 .. 1000000
} cell_value_t;

// Normalise the three to a sum of one and round p_yes and p_no to 1e-6; p_irrelevant is the rest. Where both
// are rounded up past one together, the larger gives way, so that exchanging Yes and No exchanges the
// result. Negative values and NaN count as 0; a sum of 0 is an irrelevant cell of mass 0; a sum over 1 is mass 1.
cell_value_t cell_value_from_probabilities (double p_yes, double p_no, double p_irrelevant);

// The reverse, each in 1e-6, with a sum of exactly 1000000. False (and nothing is set) where score and relevance
// do not come from three probabilities: raw scores, or a relevance smaller than the score.
bool cell_value_probabilities (const cell_value_t *cell, int32_t *p_yes, int32_t *p_no, int32_t *p_irrelevant);

// A number as 1e-6, rounded half away from zero and held within +-limit; NaN is 0.
int64_t cell_micro (double value, int64_t limit);

#endif
