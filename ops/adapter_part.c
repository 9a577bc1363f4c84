#include "ops/adapter_part.h"

#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/run_cells.h"

static const double validation_share = 0.1;

adapter_part_t adapter_part (uint64_t seed, double test_share, const content_key_t *group_key)
{
    if (group_in_share (seed, "adapter", group_key, test_share))
        return PART_TEST;
    return group_in_share (seed, "adapter", group_key, test_share + validation_share * (1 - test_share)) ? PART_VALIDATION : PART_LEARN;
}

selection_spec_t adapter_selection (const Rulemill__RunSpec *run, const rulepool_t *pool, const digest_t *digests, int8_t *polarity)
{
    bool own = run->weight_relevance > 0 || run->weight_discrepancy > 0;
    for (size_t i = 0; i < pool->count; i++)
        polarity [i] = (int8_t) pool->rules [i].polarity;
    return (selection_spec_t) {
        .policy = POLICY_EXHAUSTIVE, .weight_relevance = own ? run->weight_relevance : MICRO,
        .weight_discrepancy = own ? run->weight_discrepancy : MICRO / 2, .top = own ? run->top : 5, .seed = run->seed,
        .tie_margin = run->tie_margin, .ties_to_b = strcmp (run->ties, "b") == 0, .polarity = polarity, .rule_digest = digests,
        .n_rules = pool->count
    };
}

judged_walk_t *adapter_pairs (store_t *store, const Rulemill__RunRecord *run, const digest_t *digests, size_t n_rules)
{
    judged_walk_t *walk = judged_walk_new (store, run, digests, n_rules);
    judged_walk_cells (walk, run_cells_get);
    if (strcmp (run->spec->policy, "auto") == 0 || strcmp (run->spec->policy, "adapter") == 0)
        judged_walk_only (walk, "exhaustive");
    return walk;
}

size_t adapter_turns (const Rulemill__Conversation *conversation, adapter_text_t **turns, size_t *cap)
{
    size_t n = conversation->n_turns;
    if (n > *cap) {
        *cap = n * 2;
        *turns = mem_resize (*turns, *cap * sizeof **turns);
    }
    for (size_t i = 0; i < n; i++)
        (*turns) [i] = (adapter_text_t) { conversation->turns [i]->content, strlen (conversation->turns [i]->content) };
    return n;
}

void adapter_cells (const cell_value_t *from, size_t n_rules, cell_t *to)
{
    for (size_t r = 0; r < n_rules; r++)
        to [r] = (cell_t) { .score = from [r].score, .relevance = from [r].relevance, .mass = from [r].mass, .known = true };
}

content_key_t adapter_key (const ProtobufCBinaryData *bytes)
{
    content_key_t key = { { 0 } };
    memcpy (key.b, bytes->data, bytes->len < KEY_BYTES ? bytes->len : KEY_BYTES);
    return key;
}

status_t adapter_no_pairs (const char *dir, const Rulemill__RunRecord *run, uint64_t lacking, fault_t *fault)
{
    if (lacking == 0)
        return fault_set (fault, ERR_NOT_FOUND, "%s: the run has no label for a pair of two texts; label first, with --policy exhaustive", dir);
    if (strcmp (run->spec->judge, "lexicon") == 0)
        return fault_set (fault, ERR_NOT_FOUND, "%s: the lexicon judge keeps no scores; label with --set judge.store_cells=true --new-run", dir);
    return fault_set (fault, ERR_NOT_FOUND, "%s: none of %" PRIu64 " labelled pairs has the judge's word on every rule; label with "
                      "--policy exhaustive", dir, lacking);
}
