#include "model/selection.h"

#include <assert.h>
#include <string.h>

// Products of two 32-bit numbers, summed: no cell or weight can overflow it.
typedef unsigned __int128 wide_t;

// A rule that may be selected.
typedef struct {
    wide_t value;           // twice the value of DESIGN "The method", 1e-12
    uint64_t discrepancy;   // |score_A - score_B|, 1e-6
    uint64_t hash;          // symmetric in A and B
    uint32_t rule;
    bool hashed;            // hash is filled: it is needed only where the rest is equal
} candidate_t;

// The best candidates so far as a heap with the worst on top.
typedef struct {
    candidate_t at [LIMIT_RULES];
    size_t count, max;
    uint64_t seed;
    const content_key_t *key;       // of what the hash is taken, with the rule's digest
    const digest_t *rule_digest;
} best_t;

static const char *const names [POLICY_COUNT] = {
    [POLICY_EXHAUSTIVE] = "exhaustive", [POLICY_DISCREPANCY] = "discrepancy", [POLICY_ALL] = "all",
    [POLICY_RANDOM] = "random", [POLICY_FIXED] = "fixed", [POLICY_ENTROPY] = "entropy", [POLICY_DIVERSE] = "diverse",
    [POLICY_RELEVANCE] = "relevance", [POLICY_ADAPTER] = "adapter", [POLICY_AUTO] = "auto",
};

const char *policy_name (policy_t policy)
{
    assert ((unsigned) policy < POLICY_COUNT);
    return names [policy];
}

int policy_find (const char *name)
{
    for (int i = 0; i < POLICY_COUNT; i++)
        if (strcmp (names [i], name) == 0)
            return i;
    return -1;
}

const char *const *policy_names (void)
{
    return names;
}

bool policy_sees_all (policy_t policy)
{
    return policy == POLICY_DISCREPANCY || policy == POLICY_ALL || policy_has_value (policy);
}

bool policy_wants_redundancy (policy_t policy)
{
    return policy == POLICY_DIVERSE;
}

bool policy_wants_weights (policy_t policy)
{
    return policy == POLICY_ENTROPY;
}

bool policy_has_value (policy_t policy)
{
    return policy == POLICY_EXHAUSTIVE || policy == POLICY_ENTROPY || policy == POLICY_DIVERSE || policy == POLICY_RELEVANCE
        || policy == POLICY_ADAPTER || policy == POLICY_AUTO;
}

// --- the order of candidates -----------------------------------------------

static void fill_hash (const best_t *best, candidate_t *candidate)
{
    if (candidate->hashed)
        return;
    uint8_t bytes [KEY_BYTES + DIGEST_BYTES];
    memcpy (bytes, best->key->b, KEY_BYTES);
    memcpy (bytes + KEY_BYTES, best->rule_digest [candidate->rule].b, DIGEST_BYTES);
    candidate->hash = hash64 (best->seed, bytes, sizeof bytes);
    candidate->hashed = true;
}

// Is x to be taken before y? By value, discrepancy, hash; the rule's place decides where even the texts are equal.
static bool before (const best_t *best, candidate_t *x, candidate_t *y)
{
    if (x->value != y->value)
        return x->value > y->value;
    if (x->discrepancy != y->discrepancy)
        return x->discrepancy > y->discrepancy;
    fill_hash (best, x);
    fill_hash (best, y);
    if (x->hash != y->hash)
        return x->hash < y->hash;
    return x->rule < y->rule;
}

static void exchange (candidate_t *x, candidate_t *y)
{
    candidate_t keep = *x;
    *x = *y;
    *y = keep;
}

// Let the candidate on top of the first count sink until none below it is worse.
static void sink (best_t *best, size_t count)
{
    candidate_t *at = best->at;
    for (size_t i = 0, child; (child = 2 * i + 1) < count; i = child) {
        if (child + 1 < count && before (best, &at [child], &at [child + 1]))
            child++;
        if (!before (best, &at [i], &at [child]))
            return;
        exchange (&at [i], &at [child]);
    }
}

static void offer (best_t *best, candidate_t *candidate)
{
    candidate_t *at = best->at;
    if (best->count == best->max) {
        if (before (best, candidate, &at [0])) {
            at [0] = *candidate;
            sink (best, best->count);
        }
        return;
    }
    size_t i = best->count++;
    at [i] = *candidate;
    for (size_t up; i > 0 && before (best, &at [up = (i - 1) / 2], &at [i]); i = up)
        exchange (&at [i], &at [up]);
}

// Rule indices, best first.
static size_t take_best (best_t *best, uint32_t *rule)
{
    for (size_t left = best->count; left > 1; left--) {
        exchange (&best->at [0], &best->at [left - 1]);
        sink (best, left - 1);
    }
    for (size_t i = 0; i < best->count; i++)
        rule [i] = best->at [i].rule;
    return best->count;
}

static void best_begin (best_t *best, const selection_spec_t *spec, const content_key_t *key)
{
    best->count = 0;
    best->max = spec->top;
    best->seed = spec->seed;
    best->key = key;
    best->rule_digest = spec->rule_digest;
}

// --- which rules ---------------------------------------------------------------

static size_t pick_random (const selection_spec_t *spec, const content_key_t *pair_key, uint32_t *rule)
{
    best_t best;
    best_begin (&best, spec, pair_key);
    for (uint32_t r = 0; r < spec->n_rules; r++)
        offer (&best, &(candidate_t) { .rule = r });
    return take_best (&best, rule);
}

static uint64_t distance (int32_t a, int32_t b)
{
    return a > b ? (uint64_t) ((int64_t) a - b) : (uint64_t) ((int64_t) b - a);
}

static candidate_t candidate_of (const selection_spec_t *spec, const cell_t *a, const cell_t *b, uint32_t r)
{
    bool discrepancy_alone = spec->policy == POLICY_DISCREPANCY;
    wide_t relevance = discrepancy_alone ? 0 : spec->weight_relevance;
    wide_t discrepancy = discrepancy_alone ? MICRO : spec->weight_discrepancy;
    assert (a [r].known && b [r].known);
    candidate_t candidate = { .discrepancy = distance (a [r].score, b [r].score), .rule = r };
    candidate.value = relevance * ((uint64_t) a [r].relevance + b [r].relevance) + 2 * discrepancy * candidate.discrepancy;
    if (policy_wants_weights (spec->policy))
        candidate.value *= spec->rule_weight [r];
    return candidate;
}

static size_t pick_by_value (const selection_spec_t *spec, const content_key_t *prompt_key, const cell_t *a, const cell_t *b,
                             uint32_t *rule)
{
    best_t best;
    best_begin (&best, spec, prompt_key);
    for (uint32_t r = 0; r < spec->n_rules; r++) {
        candidate_t candidate = candidate_of (spec, a, b, r);
        if (candidate.value > 0)
            offer (&best, &candidate);
    }
    return take_best (&best, rule);
}

size_t selection_place (size_t x, size_t y)
{
    assert (x != y);
    return x > y ? x * (x - 1) / 2 + y : y * (y - 1) / 2 + x;
}

// The best of what is left, its value less by the share that it repeats of the rule taken that is most like it. NULL: nothing has a value.
static candidate_t *most_new (const best_t *best, candidate_t *left, size_t n, const uint8_t *repeats)
{
    candidate_t *found = NULL, shown_found = { .rule = 0 };
    for (size_t i = 0; i < n; i++) {
        candidate_t shown = left [i];
        shown.value *= 100 - repeats [left [i].rule];
        if (shown.value == 0 || (found && !before (best, &shown, &shown_found)))
            continue;
        found = &left [i];
        shown_found = shown;
    }
    return found;
}

static size_t pick_diverse (const selection_spec_t *spec, const content_key_t *prompt_key, const cell_t *a, const cell_t *b,
                            uint32_t *rule)
{
    best_t best;
    best_begin (&best, spec, prompt_key);
    candidate_t left [LIMIT_RULES];
    uint8_t repeats [LIMIT_RULES] = { 0 };
    size_t n = spec->n_rules, count = 0;
    for (uint32_t r = 0; r < n; r++)
        left [r] = candidate_of (spec, a, b, r);
    candidate_t *next;
    while (count < spec->top && (next = most_new (&best, left, n, repeats)) != NULL) {
        uint32_t taken = rule [count++] = next->rule;
        next->value = 0;
        for (uint32_t r = 0; r < n; r++) {
            uint8_t share = r == taken ? 100 : spec->redundancy [selection_place (r, taken)];
            repeats [r] = share > repeats [r] ? share : repeats [r];
        }
    }
    return count;
}

static size_t pick_fixed (const selection_spec_t *spec, uint32_t *rule)
{
    size_t count = 0;
    for (size_t i = 0; i < spec->n_fixed; i++) {
        assert (spec->fixed [i] < spec->n_rules);
        size_t j = 0;
        while (j < count && rule [j] != spec->fixed [i])
            j++;
        if (j == count)
            rule [count++] = spec->fixed [i];
    }
    return count;
}

static size_t pick_all (const selection_spec_t *spec, uint32_t *rule)
{
    for (uint32_t r = 0; r < spec->n_rules; r++)
        rule [r] = r;
    return spec->n_rules;
}

static void check_spec (const selection_spec_t *spec)
{
    (void) spec;            // where assertions are compiled out
    assert (spec->n_rules <= LIMIT_RULES);
    assert (spec->top >= 1 && spec->top <= LIMIT_RULES);
    assert (!policy_wants_weights (spec->policy) || spec->rule_weight);
    assert (!policy_wants_redundancy (spec->policy) || spec->redundancy);
}

size_t selection_need (const selection_spec_t *spec, const content_key_t *prompt_key, const content_key_t *pair_key, bool *need)
{
    (void) prompt_key;      // for a policy that predicts from the prompt
    check_spec (spec);
    uint32_t rule [LIMIT_RULES];
    size_t count;
    if (spec->policy == POLICY_RANDOM)
        count = pick_random (spec, pair_key, rule);
    else if (spec->policy == POLICY_FIXED)
        count = pick_fixed (spec, rule);
    else
        count = pick_all (spec, rule);
    memset (need, 0, spec->n_rules * sizeof *need);
    for (size_t i = 0; i < count; i++)
        need [rule [i]] = true;
    return count;
}

// --- the label ---------------------------------------------------------------------

uint64_t selection_weight (policy_t policy, const uint32_t *rule_weight, uint32_t rule, uint32_t relevance_a, uint32_t relevance_b)
{
    if (policy == POLICY_ENTROPY)
        return rule_weight [rule];
    return policy == POLICY_RELEVANCE ? (uint64_t) relevance_a + relevance_b : 1;
}

// At most 1000 rules * 2e6 of weight * 1e6 of score * 1000: it fits.
int64_t selection_sum (const uint64_t *weight, const int8_t *polarity, const int32_t *score, size_t n)
{
    int64_t plain = 0, weighted = 0, weights = 0;
    for (size_t i = 0; i < n; i++) {
        int64_t signed_score = (int64_t) polarity [i] * score [i];
        plain += signed_score;
        weighted += (int64_t) weight [i] * signed_score;
        weights += (int64_t) weight [i];
    }
    return weights > 0 ? weighted * (int64_t) n / weights : plain;
}

static void sum_up (const selection_spec_t *spec, const cell_t *a, const cell_t *b, selected_t *out)
{
    uint64_t weight [LIMIT_RULES];
    int8_t polarity [LIMIT_RULES];
    int32_t score_a [LIMIT_RULES], score_b [LIMIT_RULES];
    for (size_t i = 0; i < out->n_rules; i++) {
        uint32_t r = out->rule [i];
        assert (a [r].known && b [r].known);
        weight [i] = selection_weight (spec->policy, spec->rule_weight, r, a [r].relevance, b [r].relevance);
        polarity [i] = spec->polarity [r];
        score_a [i] = a [r].score;
        score_b [i] = b [r].score;
    }
    out->sum_a = selection_sum (weight, polarity, score_a, out->n_rules);
    out->sum_b = selection_sum (weight, polarity, score_b, out->n_rules);
}

static void decide (const selection_spec_t *spec, selected_t *out)
{
    uint64_t margin = out->sum_a > out->sum_b ? (uint64_t) (out->sum_a - out->sum_b) : (uint64_t) (out->sum_b - out->sum_a);
    out->reason = REASON_NONE;
    if (out->n_rules == 0)
        out->reason = REASON_NO_RULE;
    else if (margin <= (uint64_t) spec->tie_margin * out->n_rules)
        out->reason = REASON_MARGIN;
    if (out->reason != REASON_NONE)
        out->preference = spec->ties_to_b ? PREFERS_B : TIE;
    else
        out->preference = out->sum_a > out->sum_b ? PREFERS_A : PREFERS_B;
}

static void pick (const selection_spec_t *spec, const content_key_t *prompt_key, const content_key_t *pair_key,
                  const cell_t *a, const cell_t *b, selected_t *out)
{
    switch (spec->policy) {
    case POLICY_RANDOM:
        out->n_rules = pick_random (spec, pair_key, out->rule);
        break;
    case POLICY_FIXED:
        out->n_rules = pick_fixed (spec, out->rule);
        break;
    case POLICY_ALL:
        out->n_rules = pick_all (spec, out->rule);
        break;
    case POLICY_DIVERSE:
        out->n_rules = pick_diverse (spec, prompt_key, a, b, out->rule);
        break;
    default:
        out->n_rules = pick_by_value (spec, prompt_key, a, b, out->rule);
        break;
    }
}

void selection_label (const selection_spec_t *spec, const content_key_t *prompt_key, const content_key_t *pair_key,
                      const cell_t *a, const cell_t *b, selected_t *out)
{
    check_spec (spec);
    pick (spec, prompt_key, pair_key, a, b, out);
    sum_up (spec, a, b, out);
    decide (spec, out);
}

// A rule whose cells say nothing has the value 0 and is selected by no policy that looks at cells; from what the others pick it is taken out.
void selection_without (const selection_spec_t *spec, const content_key_t *prompt_key, const content_key_t *pair_key,
                        cell_t *a, cell_t *b, uint32_t rule, selected_t *out)
{
    check_spec (spec);
    assert (rule < spec->n_rules);
    cell_t kept_a = a [rule], kept_b = b [rule];
    a [rule] = b [rule] = (cell_t) { .known = true };
    pick (spec, prompt_key, pair_key, a, b, out);
    size_t n = 0;
    for (size_t i = 0; i < out->n_rules; i++)
        if (out->rule [i] != rule)
            out->rule [n++] = out->rule [i];
    out->n_rules = n;
    sum_up (spec, a, b, out);
    decide (spec, out);
    a [rule] = kept_a;
    b [rule] = kept_b;
}

uint64_t selection_cells_digest (const bool *need, const cell_t *a, const cell_t *b, size_t n_rules)
{
    uint64_t digest = 0;
    for (uint32_t r = 0; r < n_rules; r++) {
        if (!need [r])
            continue;
        uint32_t words [5] = { r, (uint32_t) a [r].score, a [r].relevance, (uint32_t) b [r].score, b [r].relevance };
        uint8_t bytes [sizeof words];
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes [i] = (uint8_t) (words [i / 4] >> (24 - 8 * (i % 4)));
        digest = hash64 (digest, bytes, sizeof bytes);
    }
    return digest;
}
