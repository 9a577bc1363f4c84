// panel: what several judges say of one response and one rule, as one cell.
//
// Pure integer arithmetic: the order in which answers came, and who computes it, change nothing.
#ifndef MODEL_PANEL_H
#define MODEL_PANEL_H

#include "base/limits.h"
#include "model/selection.h"

typedef enum { COMBINE_MEAN, COMBINE_MAJORITY, COMBINE_COUNT } combine_t;

const char *const *combine_names (void);    // "mean", "majority"; COMBINE_COUNT entries
int combine_find (const char *name);        // -1: unknown

typedef struct {
    combine_t combine;
    size_t n_members;                       // 1 .. LIMIT_JUDGES
    uint32_t weight [LIMIT_JUDGES];         // 1e-6 each, at most 1000; some are over 0
} panel_t;

// The most probable of the three labels. CHOICE_NONE: Yes and No are equal, and over Irrelevant. Irrelevant wins its ties.
typedef enum { CHOICE_NONE, CHOICE_YES, CHOICE_NO, CHOICE_IRRELEVANT } choice_t;
choice_t cell_choice (const cell_t *cell);

// One cell of the members' cells, of which member m's stands at cells [m * stride]. Known where all of them are.
//   mean      weighted means of p_yes and of p_no, each rounded to 1e-6, halves down; p_irrelevant is the rest. The same as
//             means of score and relevance but for the rounding, which never makes more than one of the three.
//   majority  p_yes is the weight of the members that choose Yes, as a share; p_no likewise. An undecided member gives half of its
//             weight to each.
// mass is the smallest of the members'. A panel of one gives its member's cell, by the mean.
cell_t panel_combine (const panel_t *panel, const cell_t *cells, size_t stride);

#endif
