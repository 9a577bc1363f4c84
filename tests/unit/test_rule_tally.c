// What rules do over pairs, by hand and against a pool without the rule; what they tell of the truth.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "model/rule_information.h"
#include "model/rule_tally.h"
#include "ops/html.h"

enum { RULES = 12 };

static int8_t polarity [RULES];
static digest_t digests [RULES];
static const content_key_t prompt_key = { { 1 } }, pair_key = { { 2 } };

static int setup (void **state)
{
    (void) state;
    for (uint32_t r = 0; r < RULES; r++) {
        polarity [r] = r % 3 == 1 ? -1 : 1;
        digests [r] = digest_of (&r, sizeof r);
    }
    return 0;
}

static selection_spec_t spec_of (policy_t policy, uint32_t top)
{
    return (selection_spec_t) {
        .policy = policy, .weight_relevance = MICRO, .weight_discrepancy = MICRO / 2, .top = top, .seed = 7, .polarity = polarity,
        .rule_digest = digests, .n_rules = RULES
    };
}

static cell_t draw (rng_t *rng)
{
    uint32_t relevance = (uint32_t) rng_below (rng, MICRO + 1);
    return (cell_t) { .score = (int32_t) rng_below (rng, 2 * relevance + 1) - (int32_t) relevance, .relevance = relevance, .mass = MICRO, .known = true };
}

static void draw_pair (rng_t *rng, cell_t *a, cell_t *b)
{
    for (size_t r = 0; r < RULES; r++) {
        a [r] = draw (rng);
        b [r] = draw (rng);
    }
}

// --- a label without a rule --------------------------------------------------

// The same as a pool that never had the rule.
static void test_without_is_a_smaller_pool (void **state)
{
    (void) state;
    static const policy_t policies [] = { POLICY_EXHAUSTIVE, POLICY_DISCREPANCY, POLICY_ALL };
    rng_t rng = { 3 };
    for (int round = 0; round < 600; round++) {
        selection_spec_t spec = spec_of (policies [round % 3], 1 + (uint32_t) rng_below (&rng, 6)), smaller = spec;
        cell_t a [RULES], b [RULES], fewer_a [RULES], fewer_b [RULES], kept_a [RULES];
        int8_t fewer_polarity [RULES];
        digest_t fewer_digest [RULES];
        draw_pair (&rng, a, b);
        spec.tie_margin = smaller.tie_margin = (uint32_t) rng_below (&rng, 100000);
        uint32_t gone = (uint32_t) rng_below (&rng, RULES);
        for (uint32_t r = 0, n = 0; r < RULES; r++)
            if (r != gone) {
                fewer_a [n] = a [r];
                fewer_b [n] = b [r];
                fewer_polarity [n] = polarity [r];
                fewer_digest [n++] = digests [r];
            }
        smaller.n_rules = RULES - 1;
        smaller.polarity = fewer_polarity;
        smaller.rule_digest = fewer_digest;
        selected_t without, expected;
        memcpy (kept_a, a, sizeof a);
        selection_without (&spec, &prompt_key, &pair_key, a, b, gone, &without);
        selection_label (&smaller, &prompt_key, &pair_key, fewer_a, fewer_b, &expected);
        assert_int_equal (without.n_rules, expected.n_rules);
        assert_true (without.sum_a == expected.sum_a && without.sum_b == expected.sum_b);
        assert_int_equal (without.preference, expected.preference);
        assert_memory_equal (a, kept_a, sizeof a);
    }
}

// --- the tally -----------------------------------------------------------------

static cell_t cell (int32_t score, uint32_t relevance)
{
    return (cell_t) { .score = score, .relevance = relevance, .mass = MICRO, .known = true };
}

// One pair, k = 1: rule 0 is taken and says A; without it rule 2 is, and says B.
static void test_by_hand (void **state)
{
    (void) state;
    selection_spec_t spec = spec_of (POLICY_EXHAUSTIVE, 1);
    spec.n_rules = 3;
    cell_t a [3] = { cell (800000, 900000), cell (0, 0), cell (-200000, 400000) };
    cell_t b [3] = { cell (-MICRO, MICRO), cell (0, 0), cell (300000, 400000) };
    rule_tally_t *tally = rule_tally_new (&spec);
    rule_tally_add (tally, &prompt_key, &pair_key, a, b);
    rule_figures_t first = rule_tally_figures (tally, 0), never = rule_tally_figures (tally, 1), third = rule_tally_figures (tally, 2);
    assert_int_equal (first.pairs, 1);
    assert_true (first.relevant == 1 && first.selected == 1 && first.decisive == 1);
    assert_true (first.compared == 1 && first.agree == 0);      // it says A, the label without it is B
    assert_true (first.bins [18] == 1 && first.bins [0] == 1);  // 0.8 begins a bin; -1 is in the first
    assert_true (first.entropy == 1);
    assert_true (third.selected == 0 && third.decisive == 0 && third.relevant == 0);
    assert_true (third.compared == 1 && third.agree == 0);      // it says B, the label is A
    assert_true (never.compared == 0 && never.entropy == 0 && never.redundancy == 0 && never.like == 1);
    assert_true (rule_tally_correlation (tally, 0, 2) == -1 && first.like == 2 && first.redundancy == 1);
    rule_tally_destroy (&tally);
}

// Exchanging A and B, pair by pair as it comes, changes no figure.
static void test_figures_do_not_depend_on_which_is_a (void **state)
{
    (void) state;
    selection_spec_t spec = spec_of (POLICY_EXHAUSTIVE, 4);
    rule_tally_t *one = rule_tally_new (&spec), *other = rule_tally_new (&spec);
    rng_t rng = { 11 };
    for (int i = 0; i < 200; i++) {
        cell_t a [RULES], b [RULES];
        draw_pair (&rng, a, b);
        bool exchange = rng_below (&rng, 2);
        rule_tally_add (one, &prompt_key, &pair_key, a, b);
        rule_tally_add (other, &prompt_key, &pair_key, exchange ? b : a, exchange ? a : b);
    }
    for (uint32_t r = 0; r < RULES; r++) {
        rule_figures_t x = rule_tally_figures (one, r), y = rule_tally_figures (other, r);
        assert_true (x.selected == y.selected && x.decisive == y.decisive && x.agree == y.agree && x.compared == y.compared);
        assert_memory_equal (x.bins, y.bins, sizeof x.bins);
        assert_true (fabs (x.redundancy - y.redundancy) < 1e-12 && x.like == y.like);
    }
    rule_tally_destroy (&one);
    rule_tally_destroy (&other);
}

// --- bits ------------------------------------------------------------------------

// Rule 0 tells all, rule 1 nothing, rule 2 is always 0, rule 3 tells the opposite of half.
static rule_information_t *informed (size_t pairs, size_t per_prompt, size_t room)
{
    rng_t rng = { 5 };
    rule_information_t *information = rule_information_new (4, room);
    for (size_t i = 0; i < pairs; i++) {
        bool prefers_a = rng_below (&rng, 2);
        int32_t size = 1 + (int32_t) rng_below (&rng, 1000);
        int32_t d [4] = { prefers_a ? size : -size, (int32_t) rng_below (&rng, 2001) - 1000, 0, 0 };
        d [3] = rng_below (&rng, 2) ? -d [0] : (int32_t) rng_below (&rng, 2001) - 1000;
        rule_information_add (information, d, prefers_a, i / per_prompt);
    }
    return information;
}

static void test_bits (void **state)
{
    (void) state;
    for (size_t per_prompt = 1; per_prompt <= 3; per_prompt += 2) {
        // A bin may reach over zero, so all that rule 0 tells is not quite one bit.
        rule_information_t *information = informed (1500, per_prompt, 0);
        rule_bits_t bits [4];
        rule_information_figures (information, 1, bits);
        assert_true (bits [0].bits.value > 0.9 && bits [0].bits.value < 1.01 && bits [0].bits.low > 0.85 && bits [0].p == 1.0 / (1 + INFORMATION_PERMUTATIONS));
        assert_true (fabs (bits [1].bits.value) < 0.01 && bits [1].p > 0.01 && bits [1].bits.low < 0.005);
        assert_true (bits [2].bits.value == 0 && bits [2].p == 1 && bits [2].q == 1);
        assert_true (bits [3].bits.value > 0.05 && bits [3].bits.low > 0 && bits [3].bits.high > bits [3].bits.value && bits [3].q < 0.01);
        rule_bits_t again [4];
        rule_information_figures (information, 1, again);
        assert_memory_equal (bits, again, sizeof bits);
        rule_information_destroy (&information);
    }
}

// What prompts of many like pairs say is said once: all pairs of a prompt agree, and the p-value is not that of single pairs.
static void test_pairs_of_one_prompt_count_as_one (void **state)
{
    (void) state;
    rule_information_t *information = rule_information_new (1, 0);
    for (uint64_t prompt = 0; prompt < 4; prompt++)
        for (int i = 0; i < 50; i++)
            rule_information_add (information, &(int32_t) { prompt % 2 ? 10 : -10 }, prompt % 2, prompt);
    rule_bits_t bits;
    rule_information_figures (information, 1, &bits);
    assert_true (bits.bits.value > 0.9 && bits.p > 0.05);       // one of eight arrangements of four prompts, or its reverse
    rule_information_destroy (&information);
}

static void test_room_and_nothing (void **state)
{
    (void) state;
    rule_information_t *information = informed (20, 1, 7);
    assert_int_equal (rule_information_pairs (information), 7);
    rule_information_destroy (&information);
    information = rule_information_new (2, 0);
    rule_bits_t bits [2];
    rule_information_figures (information, 1, bits);
    assert_true (isnan (bits [0].bits.value) && isnan (bits [1].p));
    rule_information_destroy (&information);
}

// --- the page --------------------------------------------------------------------

static void test_text_is_safe_in_html (void **state)
{
    (void) state;
    buf_t out = { 0 };
    html_text (&out, "<b a=\"1\" b='2'>&amp; \xc3\xa4");
    assert_string_equal (out.data, "&lt;b a=&quot;1&quot; b=&#39;2&#39;&gt;&amp;amp; \xc3\xa4");
    buf_free (&out);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (test_without_is_a_smaller_pool),
        cmocka_unit_test (test_by_hand),
        cmocka_unit_test (test_figures_do_not_depend_on_which_is_a),
        cmocka_unit_test (test_bits),
        cmocka_unit_test (test_pairs_of_one_prompt_count_as_one),
        cmocka_unit_test (test_room_and_nothing),
        cmocka_unit_test (test_text_is_safe_in_html),
    };
    return cmocka_run_group_tests (tests, setup, NULL);
}
