// What the record of the policy `auto` says of its audits.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>

#include "storage/auto_record.h"

// Ratio estimator by hand: prompts of 1 and 3 pairs by turns, of which 1 and 2 are alike: p = .75, residuals +-.25.
static void test_interval (void **state)
{
    (void) state;
    Rulemill__AuditSums sums = RULEMILL__AUDIT_SUMS__INIT;
    for (int i = 0; i < 50; i++) {
        auto_sums_add (&sums, 1, 1);
        auto_sums_add (&sums, 3, 2);
    }
    double share, low, high, error = sqrt (100 * 0.25 * 0.25 * 100 / 99) / 200;
    assert_true (auto_sums_interval (&sums, 1.96, &share, &low, &high));
    assert_float_equal (share, 0.75, 1e-12);
    assert_float_equal (low, 0.75 - 1.96 * error, 1e-12);
    assert_float_equal (high, 0.75 + 1.96 * error, 1e-12);
    Rulemill__AuditSums few = RULEMILL__AUDIT_SUMS__INIT;
    for (int i = 0; i < 199; i++)
        auto_sums_add (&few, 1, 1);
    assert_false (auto_sums_interval (&few, 1.96, &share, &low, &high));
    assert_false (auto_sums_interval (NULL, 1.96, &share, &low, &high));
}

static void test_what_is_told (void **state)
{
    (void) state;
    Rulemill__AuditSums sums = RULEMILL__AUDIT_SUMS__INIT, half = RULEMILL__AUDIT_SUMS__INIT;
    for (int i = 0; i < 100; i++)
        auto_sums_add (&half, 1, i % 4 > 0);
    half.failed = 3;
    auto_sums_join (&sums, &half);
    auto_agreement_t agreement = auto_agreement_of (&sums);
    buf_t text = { 0 };
    assert_false (agreement.told);
    auto_agreement_write (&agreement, NULL, &text);
    auto_agreement_write (&agreement, "too \"few\"", &text);
    assert_string_equal (text.data, "null\"too \\\"few\\\"\"");
    auto_sums_join (&sums, &half);
    assert_int_equal (sums.failed, 6);
    agreement = auto_agreement_of (&sums);
    buf_clear (&text);
    auto_agreement_write (&agreement, "too few", &text);        // .75 +- 1.96 sqrt (.75 * .25 / 199)
    assert_string_equal (text.data, "{\"value\":0.750000,\"low\":0.689837,\"high\":0.810163}");
    buf_free (&text);
}

int main (void)
{
    const struct CMUnitTest tests [] = { cmocka_unit_test (test_interval), cmocka_unit_test (test_what_is_told) };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
