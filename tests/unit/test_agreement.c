// model/agreement: Krippendorff's alpha and the scatter of repeats, against examples worked out by hand.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "base/rng.h"
#include "model/agreement.h"

static const choice_t Y = CHOICE_YES, N = CHOICE_NO, I = CHOICE_IRRELEVANT, NONE = CHOICE_NONE;

static void near (double value, double wanted)
{
    if (!(fabs (value - wanted) < 1e-12))
        fail_msg ("%.15g, not %.15g", value, wanted);
}

// Units YY YN NN II: observed 2/8; Y 3, N 3, I 2 of 8, so expected (64 - 9 - 9 - 4) / 56 = 3/4; alpha = 1 - 1/3.
static void test_names (void **state)
{
    (void) state;
    choice_agreement_t sums = { 0 };
    assert_true (isnan (choice_agreement_alpha (&sums)));
    choice_agreement_add (&sums, (choice_t []) { Y, Y }, 2);
    assert_true (isnan (choice_agreement_alpha (&sums)));           // all the same: nothing is expected
    choice_agreement_add (&sums, (choice_t []) { Y, N }, 2);
    choice_agreement_add (&sums, (choice_t []) { N, N }, 2);
    choice_agreement_add (&sums, (choice_t []) { I, I }, 2);
    near (choice_agreement_alpha (&sums), 2.0 / 3);
    choice_agreement_add (&sums, (choice_t []) { Y }, 1);           // one value says nothing
    choice_agreement_add (&sums, (choice_t []) { Y, NONE }, 2);
    assert_int_equal (sums.units, 4);
    near (choice_agreement_alpha (&sums), 2.0 / 3);
}

// Three judges, one value missing: YYN, Y-Y, NNN. Values 8, Y 4, N 4: expected 32/56 = 4/7.
// Observed: YYN has 4 of its ordered pairs unlike, by 2: 2; the others 0; so 2/8. alpha = 1 - (1/4)(7/4) = 9/16.
static void test_names_missing (void **state)
{
    (void) state;
    choice_agreement_t sums = { 0 }, half = { 0 };
    choice_agreement_add (&sums, (choice_t []) { Y, Y, N }, 3);
    choice_agreement_add (&half, (choice_t []) { Y, NONE, Y }, 3);
    choice_agreement_add (&half, (choice_t []) { N, N, N }, 3);
    choice_agreement_join (&sums, &half);
    near (choice_agreement_alpha (&sums), 9.0 / 16);
}

// Units (0 0) (0 1) (1 1): observed 2/6; expected 2 (6 * 3 - 9) / 30 = 3/5; alpha = 1 - 5/9. The scale does not matter.
static void test_scores (void **state)
{
    (void) state;
    for (int32_t one = 1; one <= MICRO; one *= 10) {
        score_agreement_t sums = { 0 };
        score_agreement_add (&sums, (int32_t []) { 0, 0 }, 2);
        assert_true (isnan (score_agreement_alpha (&sums)));
        score_agreement_add (&sums, (int32_t []) { 0, one }, 2);
        score_agreement_add (&sums, (int32_t []) { one, one }, 2);
        score_agreement_add (&sums, (int32_t []) { one }, 1);
        near (score_agreement_alpha (&sums), 4.0 / 9);
        // Around the means: 0, 1/4 + 1/4 and 0, with three degrees of freedom.
        near (score_agreement_deviation (&sums), one / 1e6 * sqrt (0.5 / 3));
    }
    // Opposite judges: (-1 1) (1 -1). Observed 16/4; expected 2 (4 * 4 - 0) / 12; alpha = 1 - 3/2.
    score_agreement_t sums = { 0 };
    score_agreement_add (&sums, (int32_t []) { -MICRO, MICRO }, 2);
    score_agreement_add (&sums, (int32_t []) { MICRO, -MICRO }, 2);
    near (score_agreement_alpha (&sums), -0.5);
}

// (0 0 1) and (1 -): ordered pairs of the first 2 (3 - 1) = 4, by 2: 2. One unit: 3 values, sum 1, squares 1: expected
// 2 (3 - 1) / 6 = 2/3, observed 2/3: alpha 0. With (1 1): values 5, sum 3, squares 3, expected 2 (15 - 9) / 20 = 3/5,
// observed 2/5: alpha 1/3. Scatter: 2/3 around the mean 1/3, with 2 + 1 degrees of freedom.
static void test_scores_missing (void **state)
{
    (void) state;
    score_agreement_t sums = { 0 }, more = { 0 };
    score_agreement_add (&sums, (int32_t []) { 0, 0, MICRO }, 3);
    near (score_agreement_alpha (&sums), 0);
    score_agreement_add (&more, (int32_t []) { MICRO }, 1);
    score_agreement_add (&more, (int32_t []) { MICRO, MICRO }, 2);
    score_agreement_join (&sums, &more);
    near (score_agreement_alpha (&sums), 1.0 / 3);
    near (score_agreement_deviation (&sums), sqrt (2.0 / 9));
    score_agreement_t none = { 0 };
    assert_true (isnan (score_agreement_deviation (&none)));
}

// Judges who answer by themselves agree as chance does; those with noise of a known size scatter by it.
static void test_noise (void **state)
{
    (void) state;
    rng_t rng = { 3 };
    score_agreement_t chance = { 0 }, noisy = { 0 };
    choice_agreement_t names = { 0 };
    for (int i = 0; i < 200000; i++) {
        int32_t scores [3], level = (int32_t) rng_below (&rng, 1000001) - 500000;
        choice_t choices [3];
        for (int j = 0; j < 3; j++) {
            scores [j] = (int32_t) rng_below (&rng, 2000001) - MICRO;
            choices [j] = (choice_t) (1 + rng_below (&rng, 3));
        }
        score_agreement_add (&chance, scores, 3);
        choice_agreement_add (&names, choices, 3);
        for (int j = 0; j < 2; j++)
            scores [j] = level + (int32_t) lround (rng_normal (&rng) * 50000);
        score_agreement_add (&noisy, scores, 2);
    }
    assert_true (fabs (score_agreement_alpha (&chance)) < 0.01);
    assert_true (fabs (choice_agreement_alpha (&names)) < 0.01);
    assert_true (fabs (score_agreement_deviation (&noisy) - 0.05) < 0.001);
    // Variance 1/12 of the levels, 0.0025 of the noise.
    assert_true (fabs (score_agreement_alpha (&noisy) - (1 - 0.0025 / (1.0 / 12 + 0.0025))) < 0.002);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (test_names), cmocka_unit_test (test_names_missing), cmocka_unit_test (test_scores),
        cmocka_unit_test (test_scores_missing), cmocka_unit_test (test_noise),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
