// The model's view of a cell; base/cell.h is the one place of rounding.
#include "base/cell.h"

#include "model/selection.h"

cell_t cell_from_probabilities (double p_yes, double p_no, double p_irrelevant)
{
    cell_value_t value = cell_value_from_probabilities (p_yes, p_no, p_irrelevant);
    return (cell_t) { .score = value.score, .relevance = value.relevance, .mass = value.mass, .known = true };
}

bool cell_probabilities (const cell_t *cell, int32_t *p_yes, int32_t *p_no, int32_t *p_irrelevant)
{
    cell_value_t value = { .score = cell->score, .relevance = cell->relevance, .mass = cell->mass };
    return cell_value_probabilities (&value, p_yes, p_no, p_irrelevant);
}
