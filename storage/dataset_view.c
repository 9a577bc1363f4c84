#include "storage/dataset_view.h"

#include <assert.h>
#include <string.h>

int64_t dataset_mean (int64_t sum, size_t n)
{
    assert (n > 0);
    uint64_t size = sum < 0 ? 0 - (uint64_t) sum : (uint64_t) sum;
    int64_t mean = (int64_t) ((size + n / 2) / n);      // an odd n has no half
    return sum < 0 ? -mean : mean;
}

dataset_view_t dataset_view_of (const dataset_item_t *item)
{
    const Rulemill__Label *label = item->label;
    const Rulemill__PairRecord *pair = item->pair;
    bool tie = label->outcome == RULEMILL__OUTCOME__OUTCOME_TIE;
    bool first_is_a = tie || (label->outcome == RULEMILL__OUTCOME__OUTCOME_A) != (label->swapped != 0);
    bool first_is_label_a = first_is_a != (label->swapped != 0);
    dataset_view_t view = {
        .tie = tie,
        .first_is_a = first_is_a,
        .first = first_is_a ? item->a : item->b,
        .second = first_is_a ? item->b : item->a,
        .model_first = first_is_a ? pair->model_a : pair->model_b,
        .model_second = first_is_a ? pair->model_b : pair->model_a,
        .votes_first = first_is_a ? item->votes.a : item->votes.b,
        .votes_second = first_is_a ? item->votes.b : item->votes.a,
        .votes_tie = item->votes.tie,
        .n_rules = label->n_rule,
        .rule = label->rule,
        .scores_first = first_is_label_a ? label->score_a : label->score_b,
        .scores_second = first_is_label_a ? label->score_b : label->score_a
    };
    if (view.n_rules > 0) {
        int64_t difference = label->sum_a - label->sum_b;
        view.mean_first = dataset_mean (first_is_label_a ? label->sum_a : label->sum_b, view.n_rules);
        view.mean_second = dataset_mean (first_is_label_a ? label->sum_b : label->sum_a, view.n_rules);
        view.margin = dataset_mean (difference < 0 ? -difference : difference, view.n_rules);
    }
    return view;
}

size_t dataset_text_bytes (const Rulemill__Conversation *response)
{
    size_t bytes = 0;
    for (size_t t = 0; t < response->n_turns; t++)
        bytes += strlen (response->turns [t]->content);
    return bytes;
}
