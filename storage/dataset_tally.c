#include "storage/dataset_tally.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/limits.h"
#include "base/mem.h"

enum { BIN_MICRO = 1000, BINS = 2001 };         // margins are 0 to 2

// A response of the prompt at hand, and the rules that its labels name.
typedef struct {
    uint64_t number;
    uint64_t rules [(LIMIT_RULES + 63) / 64];
    UT_hash_handle hh;
} seen_t;

struct dataset_tally {
    size_t n_rules;
    uint64_t pairs [TALLY_COUNT], bins [TALLY_COUNT][BINS];
    uint64_t prompt;                // + 1
    seen_t *seen;
    uint64_t responses, selected;   // of earlier prompts
};

dataset_tally_t *dataset_tally_new (size_t n_rules)
{
    dataset_tally_t *tally = mem_zero (1, sizeof *tally);
    tally->n_rules = n_rules;
    return tally;
}

// The prompt is done with: its responses and their rules into the sums.
static void close_prompt (dataset_tally_t *tally)
{
    seen_t *seen, *next;
    HASH_ITER (hh, tally->seen, seen, next) {
        tally->responses++;
        for (size_t i = 0; i < sizeof seen->rules / sizeof *seen->rules; i++)
            tally->selected += (uint64_t) __builtin_popcountll (seen->rules [i]);
        HASH_DEL (tally->seen, seen);
        free (seen);
    }
}

void dataset_tally_destroy (dataset_tally_t **tally)
{
    if (*tally == NULL)
        return;
    close_prompt (*tally);
    free (*tally);
    *tally = NULL;
}

static void add_response (dataset_tally_t *tally, uint64_t number, const dataset_view_t *view)
{
    seen_t *seen;
    HASH_FIND (hh, tally->seen, &number, sizeof number, seen);
    if (seen == NULL) {
        seen = mem_zero (1, sizeof *seen);
        seen->number = number;
        HASH_ADD (hh, tally->seen, number, sizeof seen->number, seen);
    }
    for (size_t i = 0; i < view->n_rules; i++)
        if (view->rule [i] < LIMIT_RULES)
            seen->rules [view->rule [i] / 64] |= (uint64_t) 1 << view->rule [i] % 64;
}

void dataset_tally_add (dataset_tally_t *tally, const dataset_item_t *item, const dataset_view_t *view)
{
    tally_by_t by = strcmp (item->label->selected_by, "adapter") == 0 ? TALLY_ADAPTER : TALLY_OTHERS;
    tally->pairs [by]++;
    if (item->label->outcome != RULEMILL__OUTCOME__OUTCOME_TIE) {
        int64_t bin = (view->margin < 0 ? -view->margin : view->margin) / BIN_MICRO;
        tally->bins [by][bin < BINS ? bin : BINS - 1]++;
    }
    if (item->pair->response_a == item->pair->response_b)
        return;                     // equal texts are not judged
    if (tally->prompt != item->prompt_id + 1)
        close_prompt (tally);
    tally->prompt = item->prompt_id + 1;
    add_response (tally, item->pair->response_a, view);
    add_response (tally, item->pair->response_b, view);
}

uint64_t dataset_tally_pairs (const dataset_tally_t *tally, tally_by_t by)
{
    return tally->pairs [by];
}

int64_t dataset_tally_margin (const dataset_tally_t *tally, tally_by_t by, double share)
{
    uint64_t total = 0, below = 0;
    for (size_t i = 0; i < BINS; i++)
        total += tally->bins [by][i];
    for (size_t i = 0; i < BINS && total > 0; i++) {
        below += tally->bins [by][i];
        if ((double) below >= share * (double) total)
            return (int64_t) i * BIN_MICRO;
    }
    return 0;
}

uint64_t dataset_tally_cells_all (const dataset_tally_t *tally)
{
    return (tally->responses + HASH_COUNT (tally->seen)) * tally->n_rules;
}

uint64_t dataset_tally_cells_selected (dataset_tally_t *tally)
{
    close_prompt (tally);
    return tally->selected;
}
