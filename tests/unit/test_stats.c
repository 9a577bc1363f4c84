// Intervals, tests and information, against values worked out by hand.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>
#include <stdint.h>

#include "base/rng.h"
#include "model/bootstrap.h"
#include "model/information.h"
#include "model/stats.h"

static void near (double got, double want)
{
    if (!(fabs (got - want) < 1e-9))
        fail_msg ("%.12g instead of %.12g", got, want);
}

// --- shares (as R's prop.test with correct = FALSE gives them) -------------------------------------------------------------------

static void test_wilson (void **state)
{
    (void) state;
    near (stats_normal_quantile (0.975), 1.959963984540054);
    near (stats_normal_quantile (0.5), 0);
    interval_t share = stats_wilson (8, 10, 0.95);
    near (share.value, 0.8);
    near (share.low, 0.490162471536642);
    near (share.high, 0.943317848545625);
    interval_t none = stats_wilson (0, 20, 0.95);
    near (none.low, 0);
    near (none.high, 0.161125158114379);
    interval_t all = stats_wilson (5, 5, 0.95);
    assert_true (all.high > 1 - 1e-12 && all.high <= 1);
    assert_true (isnan (stats_wilson (0, 0, 0.95).value));
}

// --- order --------------------------------------------------------------------

static void test_quantiles (void **state)
{
    (void) state;
    double values [] = { 4, 1, 3, 2 };
    stats_sort (values, 4);
    near (stats_quantile (values, 4, 0), 1);
    near (stats_quantile (values, 4, 0.25), 1.75);
    near (stats_quantile (values, 4, 0.5), 2.5);
    near (stats_quantile (values, 4, 1), 4);
    near (stats_quantile (values, 1, 0.9), 1);
    assert_true (isnan (stats_quantile (values, 0, 0.5)));
}

// Positives 3 and 2 against negatives 1 and 2: three wins and a tie of four.
static void test_auc (void **state)
{
    (void) state;
    double score [] = { 3, 1, 2, 2 };
    bool positive [] = { true, false, true, false };
    ranking_t *ranking = ranking_new (score, positive, 4);
    near (ranking_auc (ranking, NULL), 0.875);
    near (ranking_auc (ranking, (uint32_t []) { 0, 1, 1, 1 }), 0.75);       // without the 3: a win and a tie
    near (ranking_auc (ranking, (uint32_t []) { 1, 2, 1, 1 }), 5.5 / 6);    // the 1 twice
    assert_true (isnan (ranking_auc (ranking, (uint32_t []) { 0, 1, 0, 1 })));
    ranking_destroy (&ranking);
    assert_null (ranking);

    size_t cluster [] = { 0, 1, 2, 3 };
    bootstrap_t options = { .seed = 1, .resamples = 500 };
    interval_t auc = bootstrap_auc (score, positive, cluster, 4, 4, &options);
    near (auc.value, 0.875);
    assert_true (auc.low >= 0 && auc.low < auc.value && auc.high <= 1 && auc.high > auc.value);
}

// --- two on the same rows -----------------------------------------------------

static void test_mcnemar (void **state)
{
    (void) state;
    mcnemar_t few = stats_mcnemar (1, 9);
    near (few.p, 2 * 11 / 1024.0);
    assert_string_equal (few.method, "exact binomial");
    near (stats_mcnemar (9, 1).p, few.p);
    near (stats_mcnemar (0, 0).p, 1);
    near (stats_mcnemar (5, 5).p, 1);
    mcnemar_t many = stats_mcnemar (10, 20);
    near (many.p, 0.07075554598122835);
    assert_string_equal (many.method, "mid-p");
    assert_true (stats_mcnemar (1000, 2000).p < 1e-50);
}

// --- permutations, many tests -------------------------------------------------

static double in_place (const size_t *order, size_t n, void *context)
{
    (void) context;
    double so_many = 0;
    for (size_t i = 0; i < n; i++)
        so_many += order [i] == i;
    return so_many;
}

static double constant (const size_t *order, size_t n, void *context)
{
    (void) order, (void) n, (void) context;
    return 3;
}

static void test_permutations (void **state)
{
    (void) state;
    near (stats_permutation_p (30, in_place, NULL, 7, 99), 0.01);       // 30 things never fall back into place
    near (stats_permutation_p (30, constant, NULL, 7, 99), 1);
    double two = stats_permutation_p (2, in_place, NULL, 7, 999);       // half of the shuffles change nothing
    assert_true (two > 0.4 && two < 0.6);
}

static void test_benjamini_hochberg (void **state)
{
    (void) state;
    double q [4];
    stats_benjamini_hochberg ((double []) { 0.01, 0.04, 0.03, 0.005 }, q, 4);
    near (q [0], 0.02);
    near (q [1], 0.04);
    near (q [2], 0.04);
    near (q [3], 0.02);
    double large [2] = { 0.9, 0.8 };
    stats_benjamini_hochberg (large, large, 2);
    near (large [0], 0.9);
    near (large [1], 0.9);
}

// --- bootstrap ----------------------------------------------------------------

static void test_clusters_sum_up (void **state)
{
    (void) state;
    clusters_t *clusters = clusters_new (2);
    for (uint64_t i = 0; i < 1000; i++)
        assert_int_equal (clusters_add (clusters, i % 300 << 40, (double []) { (double) i, 1 }), i % 300);
    assert_int_equal (clusters_count (clusters), 300);
    double sums [2];
    clusters_sums (clusters, sums);
    near (sums [0], 999 * 1000 / 2);
    near (sums [1], 1000);
    clusters_destroy (&clusters);
    assert_null (clusters);
}

// Fair coins: n rows of their own clusters, or each of them `copies` times in its cluster.
static interval_t coins (uint64_t n, int copies, uint64_t seed)
{
    clusters_t *clusters = clusters_new (2);
    for (uint64_t i = 0; i < n; i++)
        for (int c = 0; c < copies; c++)
            clusters_add (clusters, i, (double []) { i % 2 ? 1 : 0, 1 });
    bootstrap_t options = { .seed = seed };
    interval_t interval = clusters_interval (clusters, stat_ratio, NULL, &options);
    clusters_destroy (&clusters);
    return interval;
}

static void test_bootstrap_by_cluster (void **state)
{
    (void) state;
    interval_t single = coins (400, 1, 5), copied = coins (400, 5, 5), again = coins (400, 1, 5);
    near (single.value, 0.5);
    assert_true (fabs (single.low - 0.451) < 0.01 && fabs (single.high - 0.549) < 0.01);    // 1.96 * sqrt (.25 / 400)
    near (copied.low, single.low);      // five copies of a prompt tell no more than one
    near (copied.high, single.high);
    assert_memory_equal (&single, &again, sizeof single);
    assert_true (coins (400, 1, 6).low != single.low || coins (400, 1, 6).high != single.high);
    assert_true (isnan (coins (1, 10, 5).low));
    assert_true (isnan (coins (0, 1, 5).value));
}

// Two that are right on the same rows but for one in ten: the difference is known far better than each.
static void test_bootstrap_paired (void **state)
{
    (void) state;
    clusters_t *clusters = clusters_new (4);
    for (uint64_t i = 0; i < 400; i++) {
        double first = i % 2 ? 1 : 0, second = i % 10 == 0 ? 1 : first;
        clusters_add (clusters, i, (double []) { second, 1, first, 1 });
    }
    bootstrap_t options = { .seed = 3 };
    interval_t difference = clusters_interval (clusters, stat_ratio_difference, NULL, &options);
    near (difference.value, 0.1);
    assert_true (difference.low > 0.065 && difference.high < 0.135);
    assert_true (interval_excludes_zero (&difference));
    clusters_destroy (&clusters);
}

// --- information --------------------------------------------------------------

static void test_entropy (void **state)
{
    (void) state;
    near (entropy_bits ((double []) { 5, 5 }, 2), 1);
    near (entropy_bits ((double []) { 1, 3, 0 }, 3), 0.811278124459133);
    near (entropy_bits ((double []) { 0, 0 }, 2), 0);
    near (entropy_bits_corrected ((double []) { 1, 3, 0 }, 3), 0.811278124459133 + 1 / (8 * M_LN2));
    near (entropy_bits_corrected ((double []) { 0, 0 }, 2), 0);
}

static void test_quantile_bins (void **state)
{
    (void) state;
    uint8_t bin [16];
    double value [16];
    for (int i = 0; i < 16; i++)
        value [i] = 15 - i;
    quantile_bins (value, 16, INFORMATION_BINS, bin);
    for (int i = 0; i < 16; i++)
        assert_int_equal (bin [i], (15 - i) / 2);
    quantile_bins ((double []) { 1, 1, 1, 1, 1, 2 }, 6, 4, bin);     // ties share a bin
    assert_memory_equal (bin, ((uint8_t []) { 0, 0, 0, 0, 0, 3 }), 6);
}

static void test_mutual_information (void **state)
{
    (void) state;
    uint8_t bin [] = { 0, 0, 0, 0, 1, 1, 1, 1 };
    bool same [] = { 0, 0, 0, 0, 1, 1, 1, 1 }, unrelated [] = { 0, 0, 1, 1, 0, 0, 1, 1 };
    near (mutual_information (bin, same, NULL, NULL, 8), 1 + 1 / (16 * M_LN2));
    near (mutual_information (bin, unrelated, NULL, NULL, 8), -1 / (16 * M_LN2));
    near (mutual_information (bin, same, NULL, (size_t []) { 0, 1, 4, 5, 2, 3, 6, 7 }, 8), -1 / (16 * M_LN2));
    near (mutual_information (bin, unrelated, (uint32_t []) { 2, 2, 0, 0, 0, 0, 2, 2 }, NULL, 8), 1 + 1 / (16 * M_LN2));
    near (mutual_information (bin, same, NULL, NULL, 0), 0);
}

// --- saying it ----------------------------------------------------------------

static void shows (interval_t interval, const char *plain, const char *difference, const char *json)
{
    buf_t out = { 0 };
    interval_show (&out, &interval, 100, 1);
    assert_string_equal (out.data, plain);
    buf_clear (&out);
    interval_show_difference (&out, &interval, 100, 1);
    assert_string_equal (out.data, difference);
    buf_clear (&out);
    interval_write (&out, &interval);
    assert_string_equal (out.data, json);
    buf_free (&out);
}

static void test_saying (void **state)
{
    (void) state;
    shows ((interval_t) { 0.014, 0.003, 0.025 }, "1.4 [0.3, 2.5]", "+1.4 [+0.3, +2.5]",
           "{\"value\":0.014,\"low\":0.003,\"high\":0.025}");
    shows ((interval_t) { 0.004, -0.008, 0.016 }, "0.4 [-0.8, 1.6]", "not shown: +0.4 [-0.8, +1.6]",
           "{\"value\":0.004,\"low\":-0.008,\"high\":0.016}");
    shows ((interval_t) { -0.02, -0.03, -0.0001 }, "-2.0 [-3.0, 0.0]", "-2.0 [-3.0, +0.0]",
           "{\"value\":-0.02,\"low\":-0.03,\"high\":-0.0001}");
    shows ((interval_t) { NAN, NAN, NAN }, "-", "-", "null");
    shows ((interval_t) { 0.5, NAN, NAN }, "50.0", "not shown: +50.0", "{\"value\":0.5,\"low\":null,\"high\":null}");
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (test_wilson),
        cmocka_unit_test (test_quantiles),
        cmocka_unit_test (test_auc),
        cmocka_unit_test (test_mcnemar),
        cmocka_unit_test (test_permutations),
        cmocka_unit_test (test_benjamini_hochberg),
        cmocka_unit_test (test_clusters_sum_up),
        cmocka_unit_test (test_bootstrap_by_cluster),
        cmocka_unit_test (test_bootstrap_paired),
        cmocka_unit_test (test_entropy),
        cmocka_unit_test (test_quantile_bins),
        cmocka_unit_test (test_mutual_information),
        cmocka_unit_test (test_saying),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
