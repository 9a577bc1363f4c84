#include "storage/dataset_tally.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/limits.h"
#include "base/mem.h"

enum { BIN_MICRO = 1000, BINS = 2001 };         // margins are 0 to 2

// A response of the prompt at hand, and the rules that its labels were chosen from.
typedef struct {
    uint64_t number;
    tally_by_t by;                  // of its last label
    uint64_t rules [(LIMIT_RULES + 63) / 64];
    UT_hash_handle hh;
} seen_t;

struct dataset_tally {
    size_t n_rules;
    uint64_t pairs [TALLY_COUNT], bins [TALLY_COUNT][BINS];
    uint64_t prompt;                // + 1
    seen_t *seen;
    uint64_t responses [TALLY_COUNT], selected [TALLY_COUNT];   // of earlier prompts
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
        tally->responses [seen->by]++;
        for (size_t i = 0; i < sizeof seen->rules / sizeof *seen->rules; i++)
            tally->selected [seen->by] += (uint64_t) __builtin_popcountll (seen->rules [i]);
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

static void add_response (dataset_tally_t *tally, uint64_t number, tally_by_t by, const uint32_t *rules, size_t n)
{
    seen_t *seen;
    HASH_FIND (hh, tally->seen, &number, sizeof number, seen);
    if (seen == NULL) {
        seen = mem_zero (1, sizeof *seen);
        seen->number = number;
        HASH_ADD (hh, tally->seen, number, sizeof seen->number, seen);
    }
    seen->by = by;
    for (size_t i = 0; i < n; i++)
        if (rules [i] < LIMIT_RULES)
            seen->rules [rules [i] / 64] |= (uint64_t) 1 << rules [i] % 64;
}

void dataset_tally_add (dataset_tally_t *tally, const dataset_item_t *item, const dataset_view_t *view)
{
    tally_by_t by = strcmp (item->label->selected_by, "adapter") == 0 ? TALLY_ADAPTER : TALLY_OTHERS;
    tally->pairs [by]++;
    if (item->label->outcome != RULEMILL__OUTCOME__OUTCOME_TIE) {
        int64_t bin = (view->margin < 0 ? -view->margin : view->margin) / BIN_MICRO;
        tally->bins [by][bin < BINS ? bin : BINS - 1]++;
    }
    dataset_tally_judged (tally, item, by, view->rule, view->n_rules);
    dataset_tally_judged (tally, item, by, item->label->beside, item->label->n_beside);
}

void dataset_tally_judged (dataset_tally_t *tally, const dataset_item_t *item, tally_by_t by, const uint32_t *rules, size_t n)
{
    if (item->pair->response_a == item->pair->response_b)
        return;                     // equal texts are not judged
    if (tally->prompt != item->prompt_id + 1)
        close_prompt (tally);
    tally->prompt = item->prompt_id + 1;
    add_response (tally, item->pair->response_a, by, rules, n);
    add_response (tally, item->pair->response_b, by, rules, n);
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
    return (tally->responses [TALLY_ADAPTER] + tally->responses [TALLY_OTHERS] + HASH_COUNT (tally->seen)) * tally->n_rules;
}

uint64_t dataset_tally_cells_selected (dataset_tally_t *tally)
{
    close_prompt (tally);
    uint64_t foreseen = tally->responses [TALLY_ADAPTER], others = tally->responses [TALLY_OTHERS];
    if (foreseen == 0)
        return tally->selected [TALLY_OTHERS];
    double each = (double) tally->selected [TALLY_ADAPTER] / (double) foreseen;
    return (uint64_t) llround (each * (double) (foreseen + others));
}
