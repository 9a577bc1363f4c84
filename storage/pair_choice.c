#include "storage/pair_choice.h"

#include <stdlib.h>

#include "base/mem.h"

static void add_pick (pair_choice_t *choice, const ingest_options_t *options, size_t i, size_t j)
{
    if (choice->n_picks == choice->picks_max) {
        choice->picks_max = choice->picks_max ? 2 * choice->picks_max : 16;
        choice->picks = mem_resize (choice->picks, choice->picks_max * sizeof *choice->picks);
    }
    pair_pick_t *pick = &choice->picks [choice->n_picks++];
    *pick = (pair_pick_t) { .i = (uint32_t) i, .j = (uint32_t) j };
    pick->key = textkey_pair (&choice->responses [i], &choice->responses [j]);
    pick->hash = hash64 (options->seed, pick->key.b, KEY_BYTES);
}

static void take_keys (pair_choice_t *choice, const row_t *row)
{
    if (choice->responses_max < row->n_responses) {
        choice->responses_max = row->n_responses;
        choice->responses = mem_resize (choice->responses, row->n_responses * sizeof *choice->responses);
    }
    choice->prompt = textkey_prompt (row->prompt);
    for (size_t i = 0; i < row->n_responses; i++) {
        const Rulemill__Conversation *text = row->responses [i].text;
        choice->responses [i] = text ? textkey_response (&choice->prompt, text) : (content_key_t) { { 0 } };
    }
}

static void pick_all (pair_choice_t *choice, const ingest_options_t *options, const row_t *row)
{
    for (size_t i = 0; i < row->n_responses; i++)
        for (size_t j = i + 1; j < row->n_responses; j++)
            if (row->responses [i].text && row->responses [j].text)
                add_pick (choice, options, i, j);
}

static void pick_best (pair_choice_t *choice, const ingest_options_t *options, const row_t *row)
{
    size_t best = row->n_responses;
    for (size_t i = 0; i < row->n_responses; i++)
        if (row->responses [i].text && (best == row->n_responses || row->scores [i] > row->scores [best]))
            best = i;
    for (size_t i = 0; i < row->n_responses; i++)
        if (row->responses [i].text && i != best)
            add_pick (choice, options, i < best ? i : best, i < best ? best : i);
}

static int by_place (const void *a, const void *b)
{
    const pair_pick_t *x = a, *y = b;
    if (x->i != y->i)
        return x->i < y->i ? -1 : 1;
    return (x->j > y->j) - (x->j < y->j);
}

static int by_hash (const void *a, const void *b)
{
    const pair_pick_t *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return by_place (a, b);
}

bool pair_choice_possible (const ingest_options_t *options, const row_t *row, row_problem_t *problem)
{
    if (options->pairs == PAIRS_BEST_VS_REST && row->listed && row->scores == NULL)
        return row_problem (problem, "no-scores", "there are no scores that tell which response is the best; add \"scores\", "
                            "or take pairs without them (--pairs N or all)");
    return true;
}

bool pair_choice_make (pair_choice_t *choice, const ingest_options_t *options, const row_t *row, row_problem_t *problem)
{
    choice->n_picks = 0;
    if (!pair_choice_possible (options, row, problem))
        return false;
    take_keys (choice, row);
    if (options->pairs == PAIRS_BEST_VS_REST && row->listed)
        pick_best (choice, options, row);
    else
        pick_all (choice, options, row);
    if (options->pairs == PAIRS_LIMIT && choice->n_picks > options->pairs_max) {
        qsort (choice->picks, choice->n_picks, sizeof *choice->picks, by_hash);
        choice->n_picks = options->pairs_max;
    }
    if (choice->n_picks > 1)
        qsort (choice->picks, choice->n_picks, sizeof *choice->picks, by_place);
    return true;
}

void pair_choice_free (pair_choice_t *choice)
{
    free (choice->responses);
    free (choice->picks);
    *choice = (pair_choice_t) { 0 };
}

Rulemill__Side pair_choice_given (const row_t *row, const pair_pick_t *pick)
{
    if (!row->listed)
        return row->given;
    if (row->scores == NULL)
        return RULEMILL__SIDE__SIDE_NONE;
    double a = row->scores [pick->i], b = row->scores [pick->j];
    return a > b ? RULEMILL__SIDE__SIDE_A : a < b ? RULEMILL__SIDE__SIDE_B : RULEMILL__SIDE__SIDE_TIE;
}
