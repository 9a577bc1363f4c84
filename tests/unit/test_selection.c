// model/selection: known answers by hand, symmetry, and a brute-force comparison.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "model/selection.h"

static int8_t plus [LIMIT_RULES];
static digest_t digests [LIMIT_RULES];
static const content_key_t prompt_key = { { 1 } }, pair_key = { { 2 } };

static int setup (void **state)
{
    (void) state;
    for (uint32_t r = 0; r < LIMIT_RULES; r++) {
        plus [r] = 1;
        digests [r] = digest_of (&r, sizeof r);
    }
    return 0;
}

static selection_spec_t spec_of (policy_t policy, uint32_t top, size_t n_rules)
{
    return (selection_spec_t) {
        .policy = policy, .weight_relevance = MICRO, .weight_discrepancy = MICRO / 2, .top = top, .seed = 7,
        .polarity = plus, .rule_digest = digests, .n_rules = n_rules,
    };
}

static cell_t cell (int32_t score, uint32_t relevance)
{
    return (cell_t) { .score = score, .relevance = relevance, .mass = MICRO, .known = true };
}

static void select_on (const selection_spec_t *spec, const cell_t *a, const cell_t *b, selected_t *out)
{
    memset (out, 0xAA, sizeof *out);
    selection_label (spec, &prompt_key, &pair_key, a, b, out);
}

// values with weights (1, 1/2): 0.9 + 0.1 = 1.0, 0.5 + 0.5 = 1.0, 0.2 + 0.1 = 0.3, 0
static const cell_t hand_a [4] = {
    { 300000, 900000, MICRO, true }, { 600000, 500000, MICRO, true }, { -100000, 200000, MICRO, true }, { 0, 0, 0, true },
};
static const cell_t hand_b [4] = {
    { 100000, 900000, MICRO, true }, { -400000, 500000, MICRO, true }, { 100000, 200000, MICRO, true }, { 0, 0, 0, true },
};

static void test_by_hand (void **state)
{
    (void) state;
    selection_spec_t spec = spec_of (POLICY_EXHAUSTIVE, 5, 4);
    selected_t out;
    select_on (&spec, hand_a, hand_b, &out);
    assert_int_equal (out.n_rules, 3);          // the fourth has value 0
    assert_int_equal (out.rule [0], 1);         // equal value, larger discrepancy
    assert_int_equal (out.rule [1], 0);
    assert_int_equal (out.rule [2], 2);
    assert_int_equal (out.sum_a, 800000);
    assert_int_equal (out.sum_b, -200000);
    assert_int_equal (out.preference, PREFERS_A);
    assert_int_equal (out.reason, REASON_NONE);
    spec.top = 1;
    select_on (&spec, hand_a, hand_b, &out);
    assert_int_equal (out.n_rules, 1);
    assert_int_equal (out.rule [0], 1);
    spec = spec_of (POLICY_DISCREPANCY, 2, 4);
    select_on (&spec, hand_b, hand_a, &out);
    assert_int_equal (out.n_rules, 2);
    assert_int_equal (out.rule [0], 1);         // 1.0, then 0.2 twice: the hash decides
    assert_true (out.rule [1] == 0 || out.rule [1] == 2);
    assert_int_equal (out.preference, PREFERS_B);
}

static void test_polarity (void **state)
{
    (void) state;
    const int8_t polarity [4] = { 1, -1, 1, 1 };
    selection_spec_t spec = spec_of (POLICY_EXHAUSTIVE, 1, 4);
    spec.polarity = polarity;
    selected_t out;
    select_on (&spec, hand_a, hand_b, &out);
    assert_int_equal (out.sum_a, -600000);
    assert_int_equal (out.sum_b, 400000);
    assert_int_equal (out.preference, PREFERS_B);
}

static void test_ties (void **state)
{
    (void) state;
    const cell_t a [2] = { cell (100000, MICRO), cell (0, MICRO) }, b [2] = { cell (0, MICRO), cell (0, MICRO) };
    const cell_t none [2] = { cell (0, 0), cell (0, 0) };
    selection_spec_t spec = spec_of (POLICY_EXHAUSTIVE, 2, 2);
    selected_t out;
    spec.tie_margin = 49999;                    // the means differ by exactly 0.05
    select_on (&spec, a, b, &out);
    assert_int_equal (out.preference, PREFERS_A);
    spec.tie_margin = 50000;
    select_on (&spec, a, b, &out);
    assert_int_equal (out.preference, TIE);
    assert_int_equal (out.reason, REASON_MARGIN);
    spec.ties_to_b = true;
    select_on (&spec, a, b, &out);
    assert_int_equal (out.preference, PREFERS_B);
    assert_int_equal (out.reason, REASON_MARGIN);
    select_on (&spec, none, none, &out);
    assert_int_equal (out.n_rules, 0);
    assert_int_equal (out.preference, PREFERS_B);
    assert_int_equal (out.reason, REASON_NO_RULE);
    spec.ties_to_b = false;
    select_on (&spec, none, none, &out);
    assert_int_equal (out.preference, TIE);
    assert_int_equal (out.reason, REASON_NO_RULE);
    spec.tie_margin = 0;
    select_on (&spec, b, b, &out);
    assert_int_equal (out.reason, REASON_MARGIN);
}

static void test_policies (void **state)
{
    (void) state;
    bool need [4];
    selected_t out;
    selection_spec_t spec = spec_of (POLICY_ALL, 2, 4);
    assert_int_equal (selection_need (&spec, &prompt_key, &pair_key, need), 4);
    select_on (&spec, hand_a, hand_b, &out);
    assert_int_equal (out.n_rules, 4);
    assert_int_equal (out.sum_a, 800000);
    const uint32_t fixed [4] = { 2, 0, 2, 0 };
    spec = spec_of (POLICY_FIXED, 1, 4);
    spec.fixed = fixed;
    spec.n_fixed = 4;
    assert_int_equal (selection_need (&spec, &prompt_key, &pair_key, need), 2);
    assert_true (need [0] && !need [1] && need [2] && !need [3]);
    select_on (&spec, hand_a, hand_b, &out);
    assert_int_equal (out.n_rules, 2);
    assert_int_equal (out.rule [0], 2);
    spec.n_fixed = 0;
    select_on (&spec, hand_a, hand_b, &out);
    assert_int_equal (out.reason, REASON_NO_RULE);
    for (int p = 0; p < POLICY_COUNT; p++)
        assert_int_equal (policy_find (policy_name ((policy_t) p)), p);
    assert_int_equal (policy_find ("adapters"), -1);
    assert_string_equal (policy_names () [POLICY_RANDOM], "random");
}

static void test_random (void **state)
{
    (void) state;
    enum { N = 100, K = 5, PAIRS = 2000 };
    selection_spec_t spec = spec_of (POLICY_RANDOM, K, N);
    cell_t cells [N];
    for (int r = 0; r < N; r++)
        cells [r] = cell (0, 0);
    unsigned drawn [N] = { 0 };
    for (uint32_t p = 0; p < PAIRS; p++) {
        content_key_t key = { { (uint8_t) p, (uint8_t) (p >> 8) } };
        bool need [N];
        selected_t out;
        assert_int_equal (selection_need (&spec, &prompt_key, &key, need), K);
        selection_label (&spec, &prompt_key, &key, cells, cells, &out);
        assert_int_equal (out.n_rules, K);
        for (size_t i = 0; i < K; i++) {
            assert_true (need [out.rule [i]]);
            need [out.rule [i]] = false;
            drawn [out.rule [i]]++;
        }
    }
    for (int r = 0; r < N; r++)
        assert_in_range (drawn [r], 60, 140);
    spec.top = LIMIT_RULES;
    bool need [N];
    assert_int_equal (selection_need (&spec, &prompt_key, &pair_key, need), N);
}

static void test_extremes (void **state)
{
    (void) state;
    const cell_t a [2] = { cell (INT32_MAX, UINT32_MAX), cell (INT32_MIN, UINT32_MAX) };
    const cell_t b [2] = { cell (INT32_MIN, UINT32_MAX), cell (INT32_MIN, UINT32_MAX) };
    selection_spec_t spec = spec_of (POLICY_EXHAUSTIVE, 1, 2);
    spec.weight_relevance = spec.weight_discrepancy = spec.tie_margin = UINT32_MAX;
    selected_t out;
    select_on (&spec, a, b, &out);
    assert_int_equal (out.rule [0], 0);
    assert_int_equal (out.reason, REASON_MARGIN);
    spec.tie_margin = 0;
    select_on (&spec, a, b, &out);
    assert_int_equal (out.preference, PREFERS_A);
    spec = spec_of (POLICY_EXHAUSTIVE, 1, 0);
    select_on (&spec, a, b, &out);
    assert_int_equal (out.reason, REASON_NO_RULE);
}

// --- brute force: the definition of DESIGN, by sorting everything ------------

typedef struct { int64_t value, disc; uint64_t hash; uint32_t rule; } ranked_t;

static int by_rank (const void *x, const void *y)
{
    const ranked_t *a = x, *b = y;
    if (a->value != b->value)
        return a->value > b->value ? -1 : 1;
    if (a->disc != b->disc)
        return a->disc > b->disc ? -1 : 1;
    return a->hash < b->hash ? -1 : a->hash > b->hash;
}

static size_t brute (const selection_spec_t *spec, const cell_t *a, const cell_t *b, uint32_t *rule)
{
    static ranked_t ranked [LIMIT_RULES];
    size_t n = 0;
    bool disc_alone = spec->policy == POLICY_DISCREPANCY;
    for (uint32_t r = 0; r < spec->n_rules; r++) {
        uint8_t bytes [48];
        memcpy (bytes, prompt_key.b, 16);
        memcpy (bytes + 16, digests [r].b, 32);
        int64_t disc = llabs ((int64_t) a [r].score - b [r].score);
        int64_t twice = disc_alone ? 2 * disc : ((int64_t) a [r].relevance + b [r].relevance) + disc;
        if (twice > 0)
            ranked [n++] = (ranked_t) { twice, disc, hash64 (spec->seed, bytes, 48), r };
    }
    qsort (ranked, n, sizeof *ranked, by_rank);
    n = n < spec->top ? n : spec->top;
    for (size_t i = 0; i < n; i++)
        rule [i] = ranked [i].rule;
    return n;
}

static cell_t random_cell (rng_t *rng, uint64_t steps)
{
    if (rng_below (rng, 3) == 0)
        return cell (0, 0);
    uint32_t unit = (uint32_t) (MICRO / steps);
    uint32_t relevance = (uint32_t) rng_below (rng, steps + 1) * unit;
    int32_t score = (int32_t) (rng_below (rng, 2 * steps + 1) * unit) - MICRO;
    return cell (score, relevance);
}

static void check_symmetric (const selection_spec_t *spec, const cell_t *a, const cell_t *b, const selected_t *out)
{
    selected_t back;
    select_on (spec, b, a, &back);
    assert_int_equal (back.n_rules, out->n_rules);
    assert_memory_equal (back.rule, out->rule, out->n_rules * sizeof out->rule [0]);
    assert_int_equal (back.sum_a, out->sum_b);
    assert_int_equal (back.sum_b, out->sum_a);
    assert_int_equal (back.reason, out->reason);
    preference_t expected = out->preference == TIE ? TIE : out->preference == PREFERS_A ? PREFERS_B : PREFERS_A;
    assert_int_equal (back.preference, expected);
}

static void test_against_brute_force (void **state)
{
    (void) state;
    static const uint32_t tops [] = { 1, 2, 5, 17, 100, LIMIT_RULES };
    static cell_t a [LIMIT_RULES], b [LIMIT_RULES];
    rng_t rng = { 11 };
    for (int round = 0; round < 3000; round++) {
        size_t n = round % 50 == 0 ? LIMIT_RULES : 1 + rng_below (&rng, 120);
        selection_spec_t spec = spec_of (round & 1 ? POLICY_EXHAUSTIVE : POLICY_DISCREPANCY, tops [rng_below (&rng, 6)], n);
        spec.seed = rng_next (&rng);
        uint64_t steps = round % 3 ? 4 : MICRO;         // coarse cells make many equal values
        for (size_t r = 0; r < n; r++) {
            a [r] = random_cell (&rng, steps);
            b [r] = random_cell (&rng, steps);
        }
        uint32_t expected [LIMIT_RULES];
        selected_t out;
        select_on (&spec, a, b, &out);
        assert_int_equal (out.n_rules, brute (&spec, a, b, expected));
        assert_memory_equal (out.rule, expected, out.n_rules * sizeof expected [0]);
        check_symmetric (&spec, a, b, &out);
    }
}

// --- cells, orientation, groups ------------------------------------------------

static void test_cells (void **state)
{
    (void) state;
    cell_t c = cell_from_probabilities (0.6, 0.2, 0.2);
    assert_int_equal (c.score, 400000);
    assert_int_equal (c.relevance, 800000);
    assert_true (c.known);
    int32_t yes, no, irrelevant;
    assert_true (cell_probabilities (&c, &yes, &no, &irrelevant));
    assert_int_equal (yes, 600000);
    assert_int_equal (no, 200000);
    assert_int_equal (irrelevant, 200000);
    c = cell_from_probabilities (0, 0, 0);
    assert_true (c.known && c.relevance == 0 && c.mass == 0);
    c = cell (500000, 100000);
    assert_false (cell_probabilities (&c, &yes, &no, &irrelevant));
}

static void test_digest (void **state)
{
    (void) state;
    cell_t a [4], b [4];
    memcpy (a, hand_a, sizeof a);
    memcpy (b, hand_b, sizeof b);
    bool need [4] = { true, false, true, true };
    uint64_t digest = selection_cells_digest (need, a, b, 4);
    assert_true (digest != selection_cells_digest (need, b, a, 4));
    a [1].score++;                              // of a rule that was not needed
    assert_true (digest == selection_cells_digest (need, a, b, 4));
    a [2].relevance++;
    assert_true (digest != selection_cells_digest (need, a, b, 4));
}

static void test_shares (void **state)
{
    (void) state;
    unsigned swapped = 0, tenth = 0, both = 0;
    for (uint32_t i = 0; i < 10000; i++) {
        content_key_t key = { { (uint8_t) i, (uint8_t) (i >> 8) } };
        swapped += orientation_swapped (3, &key);
        bool in = group_in_share (3, "validation", &key, 0.1);
        tenth += in;
        both += in && group_in_share (3, "limit", &key, 0.1);
        assert_false (in && !group_in_share (3, "validation", &key, 0.2));
        assert_true (group_in_share (3, "x", &key, 1) && !group_in_share (3, "x", &key, 0));
        assert_false (group_in_share (3, "x", &key, -1));
    }
    assert_in_range (swapped, 4800, 5200);
    assert_in_range (tenth, 900, 1100);
    assert_in_range (both, 60, 140);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (test_by_hand), cmocka_unit_test (test_polarity), cmocka_unit_test (test_ties),
        cmocka_unit_test (test_policies), cmocka_unit_test (test_random), cmocka_unit_test (test_extremes),
        cmocka_unit_test (test_against_brute_force), cmocka_unit_test (test_cells), cmocka_unit_test (test_digest),
        cmocka_unit_test (test_shares),
    };
    return cmocka_run_group_tests (tests, setup, NULL);
}
