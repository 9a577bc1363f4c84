#include "base/cell.h"

#include <math.h>

// Larger values than this could make an infinite sum of three.
static const double part_max = 1e300;

static double part (double p)
{
    if (!(p > 0))
        return 0;
    return p < part_max ? p : part_max;
}

cell_value_t cell_value_from_probabilities (double p_yes, double p_no, double p_irrelevant)
{
    double yes = part (p_yes), no = part (p_no), sum = yes + no + part (p_irrelevant);
    if (sum <= 0)
        return (cell_value_t) { 0, 0, 0 };
    int64_t y = cell_micro (yes / sum, CELL_ONE), n = cell_micro (no / sum, CELL_ONE);
    if (y + n > CELL_ONE) {
        if (y > n)
            y = CELL_ONE - n;
        else
            n = CELL_ONE - y;
    }
    return (cell_value_t) { (int32_t) (y - n), (uint32_t) (y + n), (uint32_t) cell_micro (sum, CELL_ONE) };
}

bool cell_value_probabilities (const cell_value_t *cell, int32_t *p_yes, int32_t *p_no, int32_t *p_irrelevant)
{
    if (cell->relevance > CELL_ONE)
        return false;
    int64_t relevance = cell->relevance, score = cell->score;
    if (score > relevance || -score > relevance || ((relevance + score) & 1))
        return false;
    *p_yes = (int32_t) ((relevance + score) / 2);
    *p_no = (int32_t) ((relevance - score) / 2);
    *p_irrelevant = (int32_t) (CELL_ONE - relevance);
    return true;
}

int64_t cell_micro (double value, int64_t limit)
{
    if (isnan (value))
        return 0;
    double scaled = value * CELL_ONE;
    if (scaled >= (double) limit)
        return limit;
    if (scaled <= -(double) limit)
        return -limit;
    return llround (scaled);
}
