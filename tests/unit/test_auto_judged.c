// The policy `auto` where an adapter has more rules judged than selection takes: when its sample is large enough, and what is kept and said of it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/digest.h"
#include "coordinator/auto_plan.h"

static const uint8_t digest_1 [DIGEST_BYTES] = { 1 };

// Half of the data says two points less, so the learning curve is not flat.
static auto_trained_t trained_by (double agreement, double low, uint64_t judged)
{
    return (auto_trained_t) {
        .agreement = agreement, .low = low, .high = low + 0.04, .agreement_half = agreement - 0.02, .train_pairs = 800,
        .held_out_pairs = 200, .judged = judged, .top = 5, .chosen_share = 0.02 * (double) judged
    };
}

static Rulemill__AutoRecord *sampled (const auto_recipe_t *recipe, uint64_t pairs)
{
    Rulemill__AutoRecord *record = auto_begin (recipe, pairs, pairs);
    auto_sampled (record);
    return record;
}

// Two rules fewer would save less than another 10 % of the prompts costs; of a large corpus the next sample is a small part.
static void test_sampling_ends_where_it_can_save_nothing (void **state)
{
    (void) state;
    auto_recipe_t recipe = auto_recipe_default ();
    const auto_trained_t trained = trained_by (0.92, 0.905, 7);
    Rulemill__AutoRecord *small = sampled (&recipe, 10000), *large = sampled (&recipe, 1000000);
    auto_trained (&recipe, small, &trained, "{}", digest_1);
    assert_int_equal (small->choice, RULEMILL__AUTO_CHOICE__AUTO_ADAPTER);
    assert_int_equal (small->adapter [0]->judged, 7);
    assert_non_null (strstr (small->reason, "7 rules judged of each pair, of which selection takes 5"));
    auto_trained (&recipe, large, &trained, "{}", digest_1);
    assert_int_equal (large->stage, RULEMILL__AUTO_STAGE__AUTO_SAMPLE);
    assert_int_equal (large->step, 2);
    rulemill__auto_record__free_unpacked (small, NULL);
    rulemill__auto_record__free_unpacked (large, NULL);
}

// What agrees often enough only perhaps, or with no rule more than selection takes, is sampled for until the curve is flat.
static void test_sampling_goes_on (void **state)
{
    (void) state;
    auto_recipe_t recipe = auto_recipe_default ();
    const auto_trained_t unsure = trained_by (0.92, 0.89, 7), bare = trained_by (0.92, 0.905, 5);
    auto_trained_t few = trained_by (0.94, 0.905, 7);
    few.high = 0.97;                // of as few held-out pairs that one more agrees is chance
    few.agreement_half = 0.94;
    Rulemill__AutoRecord *one = sampled (&recipe, 10000), *two = sampled (&recipe, 10000), *three = sampled (&recipe, 10000);
    auto_trained (&recipe, one, &unsure, "{}", digest_1);
    auto_trained (&recipe, two, &bare, "{}", digest_1);
    assert_int_equal (one->step, 2);
    assert_int_equal (two->step, 2);
    auto_trained (&recipe, three, &few, "{}", digest_1);
    assert_int_equal (three->step, 2);
    assert_int_equal (one->n_adapter + two->n_adapter + three->n_adapter, 0);
    rulemill__auto_record__free_unpacked (one, NULL);
    rulemill__auto_record__free_unpacked (two, NULL);
    rulemill__auto_record__free_unpacked (three, NULL);
}

static void test_a_declined_one_says_with_how_many (void **state)
{
    (void) state;
    auto_recipe_t recipe = auto_recipe_default ();
    const auto_trained_t trained = trained_by (0.85, 0.84, 20);
    Rulemill__AutoRecord *record = sampled (&recipe, 4000);
    auto_trained (&recipe, record, &trained, "{}", digest_1);
    assert_int_equal (record->choice, RULEMILL__AUTO_CHOICE__AUTO_EXHAUSTIVE);
    assert_non_null (strstr (record->reason, "under the 90.0 wanted even with 20 rules judged of each pair"));
    rulemill__auto_record__free_unpacked (record, NULL);
}

static void test_reports (void **state)
{
    (void) state;
    static const char head [] = "{\"train_pairs\":800,\"held_out_pairs\":200,\"agreement\":{\"value\":0.9,\"low\":0.85,\"high\":0.95},\"agreement_half\":0.8";
    const struct { const char *more; uint64_t judged; double chosen_share; } cases [] = {
        { ",\"judged\":8,\"top\":5,\"chosen_share\":0.125}", 8, 0.125 }, { "}", 0, 0 }, { ",\"judged\":70000,\"top\":5}", 0, 0 },
        { ",\"judged\":-1,\"top\":5,\"chosen_share\":2}", 0, 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text [512];
        fault_t fault = { 0 };
        auto_trained_t trained;
        int n = snprintf (text, sizeof text, "%s%s", head, cases [i].more);
        assert_int_equal (auto_trained_read (text, (size_t) n, &trained, &fault), OK);
        assert_int_equal (trained.judged, cases [i].judged);
        assert_float_equal (trained.chosen_share, cases [i].chosen_share, 1e-9);
    }
}

// How many rules may be judged decides labels, so it is a part of the run's name.
static void test_recipe (void **state)
{
    (void) state;
    auto_recipe_t recipe = auto_recipe_default (), again;
    buf_t text = { 0 };
    fault_t fault = { 0 };
    recipe.judged_max = 33;
    auto_recipe_write (&recipe, &text);
    assert_int_equal (auto_recipe_read (text.data, &again, &fault), OK);
    assert_int_equal (again.judged_max, 33);
    buf_free (&text);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (test_sampling_ends_where_it_can_save_nothing), cmocka_unit_test (test_sampling_goes_on),
        cmocka_unit_test (test_a_declined_one_says_with_how_many), cmocka_unit_test (test_reports), cmocka_unit_test (test_recipe),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
