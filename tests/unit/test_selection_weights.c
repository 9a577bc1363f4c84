// The policies that weigh rules or their scores, by hand and against plain ones; the file that two of them need.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/rng.h"
#include "model/selection.h"
#include "ops/policy_weights.h"
#include "tests/unit/folder_fixture.h"

enum { RULES = 30, PLACES = RULES * (RULES - 1) / 2 };

static int8_t polarity [RULES];
static digest_t digests [RULES];
static uint32_t weights [RULES];
static uint8_t redundancy [PLACES];
static const content_key_t prompt_key = { { 1 } }, pair_key = { { 2 } };

static int setup (void **state)
{
    rng_t rng = { 9 };
    for (uint32_t r = 0; r < RULES; r++) {
        polarity [r] = r % 4 == 3 ? -1 : 1;
        digests [r] = digest_of (&r, sizeof r);
        weights [r] = (uint32_t) rng_below (&rng, MICRO + 1);
    }
    for (size_t i = 0; i < PLACES; i++)
        redundancy [i] = (uint8_t) rng_below (&rng, 101);
    folder_fixture_t *folder = mem_zero (1, sizeof *folder);
    folder_fixture_make (folder);
    *state = folder;
    return 0;
}

static int teardown (void **state)
{
    folder_fixture_remove (*state);
    free (*state);
    return 0;
}

static selection_spec_t spec_of (policy_t policy, uint32_t top, size_t n_rules)
{
    return (selection_spec_t) {
        .policy = policy, .weight_relevance = MICRO, .weight_discrepancy = MICRO / 2, .top = top, .seed = 7, .polarity = polarity,
        .rule_digest = digests, .n_rules = n_rules, .rule_weight = weights, .redundancy = redundancy
    };
}

static cell_t cell (int32_t score, uint32_t relevance)
{
    return (cell_t) { .score = score, .relevance = relevance, .mass = MICRO, .known = true };
}

static void draw_pair (rng_t *rng, cell_t *a, cell_t *b)
{
    for (size_t r = 0; r < RULES; r++) {
        uint32_t x = (uint32_t) rng_below (rng, 5) * 250000, y = (uint32_t) rng_below (rng, MICRO + 1);    // equal values happen
        a [r] = cell ((int32_t) rng_below (rng, 2 * x + 1) - (int32_t) x, x);
        b [r] = cell ((int32_t) rng_below (rng, 2 * y + 1) - (int32_t) y, y);
    }
}

static selected_t label (const selection_spec_t *spec, const cell_t *a, const cell_t *b)
{
    selected_t out;
    memset (&out, 0xAA, sizeof out);
    selection_label (spec, &prompt_key, &pair_key, a, b, &out);
    return out;
}

static const policy_t weighing [] = { POLICY_ENTROPY, POLICY_DIVERSE, POLICY_RELEVANCE };

// Exchanging the responses exchanges the result, whatever the policy.
static void test_symmetry (void **state)
{
    (void) state;
    rng_t rng = { 1 };
    for (int round = 0; round < 1500; round++) {
        cell_t a [RULES], b [RULES];
        draw_pair (&rng, a, b);
        selection_spec_t spec = spec_of (weighing [round % 3], 1 + (uint32_t) rng_below (&rng, RULES), RULES);
        spec.tie_margin = (uint32_t) rng_below (&rng, 2) * 50000;
        selected_t there = label (&spec, a, b), back = label (&spec, b, a);
        assert_int_equal (there.n_rules, back.n_rules);
        assert_memory_equal (there.rule, back.rule, there.n_rules * sizeof there.rule [0]);
        assert_true (there.sum_a == back.sum_b && there.sum_b == back.sum_a && there.reason == back.reason);
        assert_true (there.preference == TIE ? back.preference == TIE : back.preference == (there.preference == PREFERS_A ? PREFERS_B : PREFERS_A));
        int64_t limit = (int64_t) MICRO * (int64_t) there.n_rules;
        assert_true (there.sum_a <= limit && there.sum_a >= -limit);
        for (size_t i = 0; i < there.n_rules; i++)
            for (size_t j = 0; j < i; j++)
                assert_true (there.rule [i] != there.rule [j]);
    }
}

// With equal weights, nothing repeated and all relevant the three are the paper's policy.
static void test_without_differences_they_are_exhaustive (void **state)
{
    (void) state;
    uint32_t equal [RULES];
    const uint8_t none [PLACES] = { 0 };
    for (size_t r = 0; r < RULES; r++)
        equal [r] = 400000;
    rng_t rng = { 2 };
    for (int round = 0; round < 600; round++) {
        cell_t a [RULES], b [RULES];
        draw_pair (&rng, a, b);
        for (size_t r = 0; r < RULES; r++)
            a [r].relevance = b [r].relevance = 900000;
        selection_spec_t plain = spec_of (POLICY_EXHAUSTIVE, 1 + (uint32_t) rng_below (&rng, 9), RULES), spec = plain;
        spec.policy = weighing [round % 3];
        spec.rule_weight = equal;
        spec.redundancy = none;
        selected_t expected = label (&plain, a, b), out = label (&spec, a, b);
        assert_int_equal (out.n_rules, expected.n_rules);
        assert_memory_equal (out.rule, expected.rule, out.n_rules * sizeof out.rule [0]);
        assert_true (out.sum_a == expected.sum_a && out.sum_b == expected.sum_b);
    }
}

static void test_entropy_by_hand (void **state)
{
    (void) state;
    const uint32_t weight [3] = { 100000, MICRO, 0 };
    selection_spec_t spec = spec_of (POLICY_ENTROPY, 5, 3);
    spec.rule_weight = weight;
    const cell_t a [3] = { cell (900000, MICRO), cell (-100000, 300000), cell (MICRO, MICRO) };
    const cell_t b [3] = { cell (-900000, MICRO), cell (200000, 300000), cell (-MICRO, MICRO) };
    selected_t out = label (&spec, a, b);
    assert_int_equal (out.n_rules, 2);          // a weight of 0 is a value of 0
    assert_int_equal (out.rule [0], 1);         // 1 * (0.3 + 0.15) before 0.1 * (1 + 0.9)
    assert_int_equal (out.sum_a, 2 * (90000 - 100000) * (int64_t) MICRO / 1100000);
    assert_int_equal (out.preference, PREFERS_B);
}

static void test_relevance_by_hand (void **state)
{
    (void) state;
    selection_spec_t spec = spec_of (POLICY_RELEVANCE, 2, 2);
    const cell_t a [2] = { cell (600000, MICRO), cell (-100000, 100000) }, b [2] = { cell (0, 500000), cell (100000, 100000) };
    selected_t out = label (&spec, a, b);
    assert_int_equal (out.n_rules, 2);
    assert_int_equal (out.sum_a, 2 * (15 * 600000 - 2 * 100000) / 17);     // the weights are as 1.5 to 0.2
    assert_int_equal (out.sum_b, 2 * 2 * 100000 / 17);
}

// The second best repeats the best wholly, the third half.
static void test_diverse_by_hand (void **state)
{
    (void) state;
    uint8_t repeats [3] = { 0 };
    repeats [selection_place (0, 1)] = 100;
    repeats [selection_place (2, 0)] = 50;
    selection_spec_t spec = spec_of (POLICY_DIVERSE, 2, 3);
    spec.redundancy = repeats;
    const cell_t a [3] = { cell (900000, MICRO), cell (800000, MICRO), cell (100000, 400000) };
    const cell_t b [3] = { cell (-900000, MICRO), cell (-800000, MICRO), cell (0, 400000) };
    selected_t out = label (&spec, a, b);
    assert_int_equal (out.n_rules, 2);
    assert_true (out.rule [0] == 0 && out.rule [1] == 2);
    spec.top = 3;
    out = label (&spec, a, b);
    assert_int_equal (out.n_rules, 2);          // nothing is left of the other's value
}

static void test_sums_without_weights_are_plain (void **state)
{
    (void) state;
    const uint64_t none [2] = { 0, 0 };
    const int8_t both [2] = { 1, -1 };
    const int32_t score [2] = { 300000, -200000 };
    assert_int_equal (selection_sum (none, both, score, 2), 500000);
    assert_int_equal (selection_sum (none, both, score, 0), 0);
    uint64_t large [LIMIT_RULES];
    int8_t minus [LIMIT_RULES];
    int32_t least [LIMIT_RULES];
    for (size_t i = 0; i < LIMIT_RULES; i++) {
        large [i] = 2 * MICRO;
        minus [i] = -1;
        least [i] = -MICRO;
    }
    assert_true (selection_sum (large, minus, least, LIMIT_RULES) == (int64_t) LIMIT_RULES * MICRO);
}

// --- the file --------------------------------------------------------------

static const char pool_yaml [] =
    "version: 1\nrules:\n  - {id: a, text: The response is a.}\n  - {id: b, text: The response is b.}\n  - {id: c, text: The response is c.}\n";

static status_t load (const folder_fixture_t *folder, const char *text, policy_weights_t *out, fault_t *fault)
{
    char *path = mem_printf ("%s/weights.json", folder->path);
    FILE *file = fopen (path, "w");
    assert_non_null (file);
    fputs (text, file);
    fclose (file);
    rulepool_t *pool;
    assert_int_equal (rulepool_parse ("pool", pool_yaml, strlen (pool_yaml), &pool, fault), OK);
    status_t status = policy_weights_load (path, pool, out, fault);
    rulepool_destroy (&pool);
    free (path);
    return status;
}

// In another order than the pool's, and with a rule that the pool has not.
static void test_a_file_is_read_by_ids (void **state)
{
    policy_weights_t read;
    fault_t fault = { 0 };
    const char *text = "{\"version\":1,\"rules\":[{\"id\":\"c\",\"weight\":0.25,\"redundancy\":[]},{\"id\":\"x\",\"weight\":1,\"redundancy\":[9]},"
                       "{\"id\":\"a\",\"weight\":1,\"redundancy\":[30,9]},{\"id\":\"b\",\"weight\":0,\"redundancy\":[50,9,10]}]}";
    assert_int_equal (load (*state, text, &read, &fault), OK);
    assert_true (read.weight [0] == MICRO && read.weight [1] == 0 && read.weight [2] == 250000);
    assert_int_equal (read.redundancy [selection_place (0, 1)], 10);
    assert_int_equal (read.redundancy [selection_place (0, 2)], 30);
    assert_int_equal (read.redundancy [selection_place (1, 2)], 50);
    policy_weights_free (&read);
}

static void refused (const folder_fixture_t *folder, const char *text, status_t code, const char *word)
{
    policy_weights_t read;
    fault_t fault = { 0 };
    assert_int_equal (load (folder, text, &read, &fault), code);
    if (strstr (fault.text, word) == NULL)
        fail_msg ("\"%s\" lacks \"%s\"", fault.text, word);
    policy_weights_free (&read);
}

static void test_bad_files (void **state)
{
    refused (*state, "", ERR_FORMAT, "weights.json");
    refused (*state, "[]", ERR_FORMAT, "version 1");
    refused (*state, "{\"version\":2}", ERR_FORMAT, "version 1");
    refused (*state, "{\"version\":1,\"rules\":3}", ERR_FORMAT, "a list");
    refused (*state, "{\"version\":1,\"rules\":[7,{}]}", ERR_USAGE, "no weight for the rule a");
    refused (*state, "{\"version\":1,\"rules\":[{\"id\":\"a\",\"weight\":1.5,\"redundancy\":[]}]}", ERR_FORMAT, "from 0 to 1");
    refused (*state, "{\"version\":1,\"rules\":[{\"id\":\"a\",\"weight\":1,\"redundancy\":[1]}]}", ERR_FORMAT, "each rule before");
    refused (*state, "{\"version\":1,\"rules\":[{\"id\":\"b\",\"weight\":1,\"redundancy\":[]},{\"id\":\"a\",\"weight\":1,\"redundancy\":[101]}]}", ERR_FORMAT, "0 to 100");
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (test_symmetry),
        cmocka_unit_test (test_without_differences_they_are_exhaustive),
        cmocka_unit_test (test_entropy_by_hand),
        cmocka_unit_test (test_relevance_by_hand),
        cmocka_unit_test (test_diverse_by_hand),
        cmocka_unit_test (test_sums_without_weights_are_plain),
        cmocka_unit_test (test_a_file_is_read_by_ids),
        cmocka_unit_test (test_bad_files),
    };
    return cmocka_run_group_tests (tests, setup, teardown);
}
