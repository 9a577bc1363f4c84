// RewardBench's tables and how points add up, against values worked out by hand.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "model/benchmark.h"

static void near (double got, double want)
{
    if (!(fabs (got - want) < 1e-9))
        fail_msg ("%.12g instead of %.12g", got, want);
}

// Sizes and weights of both tables, against the published totals.
static void test_tables (void **state)
{
    (void) state;
    static const struct { const char *section; double rows, weight; } sections [] = {
        { "Chat", 358, 358 }, { "Chat Hard", 456, 456 }, { "Safety", 740, 740 }, { "Reasoning", 447 + 984, 2 * 984 },
    };
    const char *names [BENCHMARK_SECTIONS_MAX];
    assert_int_equal (benchmark_sections (&benchmark_rewardbench, names), 4);
    for (size_t s = 0; s < 4; s++) {
        double rows = 0, weight = 0;
        assert_string_equal (names [s], sections [s].section);
        for (size_t i = 0; i < benchmark_rewardbench.n_subsets; i++) {
            assert_string_equal (benchmark_rewardbench.size [i].name, benchmark_rewardbench.weight [i].subset);
            if (strcmp (benchmark_rewardbench.weight [i].section, names [s]) != 0)
                continue;
            rows += benchmark_rewardbench.size [i].rows;
            weight += benchmark_rewardbench.weight [i].weight;
        }
        near (rows, sections [s].rows);
        near (weight, sections [s].weight);
    }
    assert_int_equal (benchmark_find (&benchmark_rewardbench, "math-prm"), 16);
    assert_int_equal (benchmark_find (&benchmark_rewardbench, "Ties"), -1);
    assert_int_equal (benchmark_sections (&benchmark_rewardbench2, names), 5);
    for (size_t i = 0; i < benchmark_rewardbench2.n_subsets; i++)
        assert_string_equal (benchmark_rewardbench2.size [i].name, benchmark_rewardbench2.weight [i].subset);
}

static void counts (const double *reward, size_t n, double points, bool tied)
{
    bool tie;
    near (benchmark_points (reward, n, &tie), points);
    assert_int_equal (tie, tied);
}

static void test_points (void **state)
{
    (void) state;
    counts ((double []) { 2, 1 }, 2, 1, false);
    counts ((double []) { 1, 2 }, 2, 0, false);
    counts ((double []) { 1, 1 }, 2, 0, true);          // of two, a tie is wrong
    counts ((double []) { 1, 1, 0, 0 }, 4, 0.5, true);  // of more, it is shared
    counts ((double []) { 1, 1, 1, 1 }, 4, 0.25, true);
    counts ((double []) { 1, 0, 0, 2 }, 4, 0, false);
    counts ((double []) { NAN, 1 }, 2, 0, false);
    counts ((double []) { 1, NAN }, 2, 0, false);
    counts ((double []) { 1, 1, NAN, 0 }, 4, 0, false);
    counts ((double []) { -INFINITY, -INFINITY }, 2, 0, true);
}

static const char *const subsets [] = { "math-prm", "hep-go", "donotanswer", "mine" };
static const bootstrap_t options = { .seed = 1, .resamples = 400 };

// math-prm: 2 of 4; hep-go: 3 of 4; donotanswer: 4 of 4; mine: 0 of 2. The second model has each row wrong.
static benchmark_sums_t *example (void)
{
    benchmark_sums_t *sums = benchmark_sums_new (subsets, 4, 2);
    static const struct { size_t subset; int right, n; } parts [] = { { 0, 2, 4 }, { 1, 3, 4 }, { 2, 4, 4 }, { 3, 0, 2 } };
    uint64_t prompt = 0;
    for (size_t p = 0; p < 4; p++)
        for (int i = 0; i < parts [p].n; i++)
            benchmark_sums_add (sums, parts [p].subset, prompt++, (double []) { i < parts [p].right, 0 });
    return sums;
}

static void test_means (void **state)
{
    (void) state;
    benchmark_sums_t *sums = example ();
    benchmark_mean_t mean;
    double reasoning = (984 * 0.5 + 164 * 0.75) / (984 + 164);
    benchmark_mean_section (&mean, sums, &benchmark_rewardbench, "Reasoning");
    near (benchmark_value (sums, &mean, 0, &options).value, reasoning);
    benchmark_mean_score (&mean, sums, &benchmark_rewardbench);
    near (benchmark_value (sums, &mean, 0, &options).value, (reasoning + 1) / 2);       // Reasoning and Safety
    near (benchmark_value (sums, &mean, 1, &options).value, 0);
    near (benchmark_difference (sums, &mean, &options).value, (reasoning + 1) / 2);
    benchmark_mean_rows (&mean, sums);
    near (benchmark_value (sums, &mean, 0, &options).value, 9.0 / 14);
    benchmark_mean_subset (&mean, 1);
    interval_t subset = benchmark_value (sums, &mean, 0, &options);
    near (subset.value, 0.75);
    assert_true (subset.low >= 0 && subset.low < 0.75 && subset.high <= 1);
    assert_int_equal (benchmark_rows (sums, 3), 2);
    benchmark_mean_section (&mean, sums, &benchmark_rewardbench, "Chat");
    assert_true (isnan (benchmark_value (sums, &mean, 0, &options).value));
    benchmark_sums_destroy (&sums);
}

// No resample of rows that are all right has a wrong one, which does not make it certain.
static void test_all_right (void **state)
{
    (void) state;
    benchmark_sums_t *sums = example ();
    benchmark_mean_t mean;
    benchmark_mean_subset (&mean, 2);
    interval_t all = benchmark_value (sums, &mean, 0, &options), wilson = stats_wilson (4, 4, STATS_LEVEL);
    near (all.value, 1);
    near (all.low, wilson.low);
    benchmark_mean_rows (&mean, sums);
    interval_t none = benchmark_value (sums, &mean, 1, &options);
    wilson = stats_wilson (0, 14, STATS_LEVEL);
    near (none.value, 0);
    near (none.high, wilson.high);
    benchmark_sums_destroy (&sums);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (test_tables),
        cmocka_unit_test (test_points),
        cmocka_unit_test (test_means),
        cmocka_unit_test (test_all_right),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
