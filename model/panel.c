#include "model/panel.h"

#include <string.h>

static const char *const names [COMBINE_COUNT] = { "mean", "majority" };

const char *const *combine_names (void)
{
    return names;
}

int combine_find (const char *name)
{
    for (int i = 0; i < COMBINE_COUNT; i++)
        if (strcmp (names [i], name) == 0)
            return i;
    return -1;
}

// In units of 5e-7: twice p_yes, p_no and p_irrelevant.
choice_t cell_choice (const cell_t *cell)
{
    int64_t yes = (int64_t) cell->relevance + cell->score, no = (int64_t) cell->relevance - cell->score;
    int64_t irrelevant = 2 * (int64_t) MICRO - 2 * (int64_t) cell->relevance;
    if (irrelevant >= yes && irrelevant >= no)
        return CHOICE_IRRELEVANT;
    return yes > no ? CHOICE_YES : no > yes ? CHOICE_NO : CHOICE_NONE;
}

// What a member gives to Yes and to No, each 0 .. 2 MICRO.
static void vote (combine_t combine, const cell_t *cell, int64_t *yes, int64_t *no)
{
    *yes = (int64_t) cell->relevance + cell->score;
    *no = (int64_t) cell->relevance - cell->score;
    if (combine == COMBINE_MEAN)
        return;
    choice_t choice = cell_choice (cell);
    *yes = choice == CHOICE_YES ? 2 * MICRO : choice == CHOICE_NONE ? MICRO : 0;
    *no = choice == CHOICE_NO ? 2 * MICRO : choice == CHOICE_NONE ? MICRO : 0;
}

// sum / parts to the nearest whole number, halves down; both are at least 0, parts is even.
static int64_t nearest (int64_t sum, int64_t parts)
{
    return (sum + parts / 2 - 1) / parts;
}

cell_t panel_combine (const panel_t *panel, const cell_t *cells, size_t stride)
{
    if (panel->n_members == 1 && panel->combine == COMBINE_MEAN)
        return cells [0];
    cell_t out = { .mass = MICRO, .known = true };
    int64_t yes_sum = 0, no_sum = 0, parts = 0;     // under 16 * 1e9 * 2e6 each
    for (size_t m = 0; m < panel->n_members; m++) {
        const cell_t *cell = &cells [m * stride];
        int64_t weight = panel->weight [m], yes, no;
        vote (panel->combine, cell, &yes, &no);
        yes_sum += weight * yes;
        no_sum += weight * no;
        parts += 2 * weight;
        out.known = out.known && cell->known;
        out.mass = cell->mass < out.mass ? cell->mass : out.mass;
    }
    if (!out.known || parts == 0)
        return (cell_t) { 0 };
    int64_t yes = nearest (yes_sum, parts), no = nearest (no_sum, parts);
    out.score = (int32_t) (yes - no);
    out.relevance = (uint32_t) (yes + no);
    return out;
}
