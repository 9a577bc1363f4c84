// model/adapter_metrics: two pairs by hand.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/adapter_metrics.h"

enum { N = 4 };

static const int8_t polarity [N] = { 1, 1, -1, 1 };

static cell_t cell (double score, double relevance)
{
    return (cell_t) { (int32_t) (score * MICRO), (uint32_t) (relevance * MICRO), MICRO, true };
}

static selection_spec_t make_spec (digest_t *digest)
{
    for (int r = 0; r < N; r++)
        digest [r] = digest_of (&r, sizeof r);
    return (selection_spec_t) {
        .policy = POLICY_EXHAUSTIVE, .weight_relevance = MICRO, .weight_discrepancy = MICRO / 2, .top = 2, .seed = 1,
        .polarity = polarity, .rule_digest = digest, .n_rules = N
    };
}

static void is (interval_t interval, double value)
{
    assert_float_equal (interval.value, value, 1e-9);
}

static void test_by_hand (void **state)
{
    (void) state;
    digest_t digest [N];
    selection_spec_t spec = make_spec (digest);
    adapter_metrics_t *metrics = adapter_metrics_new (&spec, 2);
    content_key_t prompt = { { 1 } }, pair_key = { { 2 } };
    // Values: rule 0: .8 + .5 * 1 = 1.3, rule 1: .6 + .5 * .2 = .7, rule 2: 1 + .5 * .4 = 1.2, rule 3: 0.
    cell_t a [N] = { cell (0.5, 0.8), cell (0.1, 0.6), cell (0.2, 1), cell (0, 0) };
    cell_t b [N] = { cell (-0.5, 0.8), cell (-0.1, 0.6), cell (-0.2, 1), cell (0, 0) };
    // Exhaustive: rules 0 and 2; A has .5 - .2, B -.5 + .2: A. The first chooser has 2 and 1: A has -.1, B .1: B. The second has
    // 0 and 3, of which 3 has no value: A.
    uint32_t one [] = { 2, 1 }, two [] = { 0, 3 };
    const uint32_t *chosen [] = { one, two };
    size_t count [] = { 2, 2 };
    metrics_pair_t pair = { .group = 1, .prompt_key = &prompt, .pair_key = &pair_key, .a = a, .b = b, .given = PREFERS_A, .has_given = true };
    adapter_metrics_add (metrics, &pair, chosen, count);
    double random = (1.3 + 0.7 + 1.2) / 2;
    is (adapter_metrics_figure (metrics, METRIC_OVERLAP, 0, 1), 0.5);
    is (adapter_metrics_figure (metrics, METRIC_PRECISION, 0, 1), 0.5);
    is (adapter_metrics_figure (metrics, METRIC_PRECISION, 1, 1), 1);
    is (adapter_metrics_figure (metrics, METRIC_TOP, 0, 1), 0);
    is (adapter_metrics_figure (metrics, METRIC_TOP, 1, 1), 1);
    is (adapter_metrics_figure (metrics, METRIC_CAPTURED, 0, 1), (1.9 - random) / (2.5 - random));
    is (adapter_metrics_figure (metrics, METRIC_CAPTURED, 1, 1), (1.3 - random) / (2.5 - random));
    is (adapter_metrics_figure (metrics, METRIC_AGREEMENT, 0, 1), 0);
    is (adapter_metrics_figure (metrics, METRIC_AGREEMENT, 1, 1), 1);
    is (adapter_metrics_figure (metrics, METRIC_GIVEN, 0, 1), 0);
    is (adapter_metrics_exhaustive (metrics, 1), 1);
    is (adapter_metrics_from_exhaustive (metrics, 0, 1), -1);
    is (adapter_metrics_from_exhaustive (metrics, 1, 1), 0);

    // A second prompt, the responses exchanged, nothing given, and the choosers' rules too: the figures are shares of both.
    pair = (metrics_pair_t) { .group = 2, .prompt_key = &prompt, .pair_key = &pair_key, .a = b, .b = a };
    const uint32_t *turned [] = { two, one };
    adapter_metrics_add (metrics, &pair, turned, count);
    assert_int_equal (adapter_metrics_pairs (metrics), 2);
    assert_int_equal (adapter_metrics_given (metrics), 1);
    assert_int_equal (adapter_metrics_groups (metrics), 2);
    is (adapter_metrics_figure (metrics, METRIC_TOP, 0, 1), 0.5);
    is (adapter_metrics_figure (metrics, METRIC_PRECISION, 0, 1), 2.0 / 3);
    is (adapter_metrics_figure (metrics, METRIC_GIVEN, 1, 1), 1);
    is (adapter_metrics_difference (metrics, METRIC_AGREEMENT, 0, 1, 1), 0);
    interval_t wide = adapter_metrics_difference (metrics, METRIC_AGREEMENT, 0, 1, 1);
    assert_true (wide.low == -1 && wide.high == 1);
    adapter_metrics_destroy (&metrics);
    assert_null (metrics);
}

// The label from all rules is exhaustive selection's; a label from none is a tie.
static void test_label (void **state)
{
    (void) state;
    digest_t digest [N];
    selection_spec_t spec = make_spec (digest);
    content_key_t prompt = { { 1 } }, pair = { { 2 } };
    cell_t a [N] = { cell (0.5, 0.8), cell (0.1, 0.6), cell (0.2, 1), cell (0, 0) };
    cell_t b [N] = { cell (-0.5, 0.8), cell (-0.1, 0.6), cell (-0.2, 1), cell (0, 0) };
    uint32_t all [] = { 3, 2, 1, 0 };
    selected_t whole, part;
    selection_label (&spec, &prompt, &pair, a, b, &whole);
    adapter_label (&spec, &prompt, &pair, a, b, all, N, &part);
    assert_int_equal (part.n_rules, whole.n_rules);
    assert_memory_equal (part.rule, whole.rule, whole.n_rules * sizeof *whole.rule);
    assert_true (part.sum_a == whole.sum_a && part.sum_b == whole.sum_b && part.preference == whole.preference);
    adapter_label (&spec, &prompt, &pair, a, b, all, 1, &part);     // rule 3 alone, of value 0
    assert_true (part.n_rules == 0 && part.preference == TIE && part.reason == REASON_NO_RULE);
}

int main (void)
{
    const struct CMUnitTest tests [] = { cmocka_unit_test (test_by_hand), cmocka_unit_test (test_label) };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
