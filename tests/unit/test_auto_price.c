// What the choices of the policy `auto` take: cells from the record, tokens and money from what the sample used.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "coordinator/auto_plan.h"

static const auto_scale_t isolated = { .pairs = 1000, .responses = 2000, .rules = 100, .top = 5, .judges = 1 };

static Rulemill__AutoRecord *record_of (uint64_t pairs)
{
    auto_recipe_t recipe = auto_recipe_default ();
    return auto_begin (&recipe, pairs, pairs);
}

static void end (Rulemill__AutoRecord *record)
{
    rulemill__auto_record__free_unpacked (record, NULL);
}

static void test_before_a_sample (void **state)
{
    (void) state;
    Rulemill__AutoRecord *record = record_of (1000);
    assert_true (auto_price_set (record, &isolated, 0.1));
    assert_false (auto_price_set (record, &isolated, 0.1));
    auto_price_t price = auto_price_of (record);
    assert_true (price.told);
    assert_false (price.by_sample);
    assert_float_equal (price.exhaustive.cells, 200000, 0);
    assert_float_equal (price.adapter.cells, 0.1 * 200000 + 0.9 * 10000, 0);
    const auto_scale_t lists = { .pairs = 6000, .responses = 4000, .rules = 100, .top = 5, .judges = 3 };
    assert_true (auto_price_set (record, &lists, 0));       // three pairs for each response, three judges
    price = auto_price_of (record);
    assert_float_equal (price.exhaustive.cells, 4000 * 100 * 3, 0);
    assert_float_equal (price.adapter.cells, 4000 * 15 * 3, 0);
    const auto_scale_t few = { .pairs = 6000, .responses = 4000, .rules = 4, .top = 5, .judges = 1 };
    assert_true (auto_price_set (record, &few, 0));         // there are no more rules
    price = auto_price_of (record);
    assert_float_equal (price.adapter.cells, price.exhaustive.cells, 0);
    end (record);
}

static void test_by_the_sample (void **state)
{
    (void) state;
    Rulemill__AutoRecord *record = record_of (100000);
    auto_recipe_t recipe = auto_recipe_default ();
    const auto_trained_t trained = { .agreement = 0.7, .low = 0.69, .high = 0.71, .agreement_half = 0.7, .train_pairs = 800, .held_out_pairs = 200 };
    auto_sampled (record);
    auto_trained (&recipe, record, &trained, "{\"responses\":500,\"cells_chosen\":2000}", (const uint8_t *) "");
    assert_true (auto_price_set (record, &isolated, 0.2));
    auto_price_t price = auto_price_of (record);
    assert_true (price.by_sample);
    assert_float_equal (price.adapter.cells, 0.2 * 200000 + 0.8 * 8000, 0);
    end (record);
}

// A server that caches a conversation of 90 tokens; a rule takes 10.
static auto_use_t used (uint64_t responses, uint64_t rules)
{
    uint64_t cells = responses * rules;
    return (auto_use_t) { cells, { .calls = cells, .prompt_tokens = 100 * cells, .cached_tokens = 90 * responses * (rules - 1),
                                   .completion_tokens = cells, .ms = 20 * cells } };
}

static void test_what_cells_take (void **state)
{
    (void) state;
    Rulemill__AutoRecord *record = record_of (1000);
    auto_scale_t scale = isolated;
    scale.prices = (prices_t) { .prompt = 3000000, .cached = 300000, .completion = 9000000 };      // 3, .3 and 9 a million
    auto_price_set (record, &scale, 0.02);
    const auto_use_t use = used (40, 100);
    auto_price_t price = auto_price_of (record);
    auto_price_use (&price, &use);
    assert_true (price.used && price.timed && price.priced);
    const auto_use_t all = used (2000, 100), few = used (2000, 5);
    double computed_all = (double) (all.usage.prompt_tokens - all.usage.cached_tokens);
    double computed_few = (double) (few.usage.prompt_tokens - few.usage.cached_tokens);
    assert_float_equal (price.exhaustive.prompt_tokens, computed_all, 1);
    assert_float_equal (price.exhaustive.cached_tokens, (double) all.usage.cached_tokens, 1);
    assert_float_equal (price.adapter.prompt_tokens, 0.02 * computed_all + 0.98 * computed_few, 1);
    assert_float_equal (price.adapter.cached_tokens, 0.02 * (double) all.usage.cached_tokens + 0.98 * (double) few.usage.cached_tokens, 1);
    assert_float_equal (price.adapter.completion_tokens, price.adapter.cells, 1e-6);
    assert_float_equal (price.exhaustive.seconds, 0.020 * 200000, 1e-6);
    assert_float_equal (price.adapter.seconds, 0.020 * price.adapter.cells, 1e-6);
    double cost = (3 * computed_all + 0.3 * (double) all.usage.cached_tokens + 9 * 200000) / 1e6;
    assert_float_equal (price.exhaustive.cost, cost, 1e-6);
    end (record);
}

// The first call of each response takes longer, and an adapter's way has as many of those for fewer of the others.
static void test_what_first_calls_take (void **state)
{
    (void) state;
    Rulemill__AutoRecord *record = record_of (1000);
    auto_price_set (record, &isolated, 0.02);
    auto_use_t use = used (40, 100);
    use.usage.first_calls = 40;
    use.usage.first_ms = 40 * 500;
    use.usage.ms = 40 * 500 + 40 * 99 * 20;
    auto_price_t price = auto_price_of (record);
    auto_price_use (&price, &use);
    assert_float_equal (price.exhaustive.seconds, 2000 * (0.5 + 99 * 0.02), 1e-6);
    double few = 2000 * (0.5 + 4 * 0.02);
    assert_float_equal (price.adapter.seconds, 0.02 * price.exhaustive.seconds + 0.98 * few, 1e-6);
    use.usage.first_calls = use.usage.calls;            // it does not say what it cached
    use.usage.first_ms = use.usage.ms;
    auto_price_use (&price, &use);
    assert_float_equal (price.exhaustive.seconds, 2000 * (0.5 + 99 * 0.02), 1e-6);
    assert_float_equal (price.adapter.seconds, price.exhaustive.seconds * price.adapter.cells / 200000, 1e-6);
    end (record);
}

// A server that does not say what it cached: all is computed. Nobody asked: nothing is known.
static void test_what_is_not_said (void **state)
{
    (void) state;
    Rulemill__AutoRecord *record = record_of (1000);
    auto_price_t price = auto_price_of (record);
    assert_false (price.told);
    auto_use_t use = used (40, 100);
    auto_price_use (&price, &use);
    assert_false (price.told || price.used);
    auto_price_set (record, &isolated, 0.02);
    price = auto_price_of (record);
    auto_price_use (&price, &(auto_use_t) { .cells = 5 });
    assert_false (price.used || price.timed || price.priced);
    use.usage.cached_tokens = 0;
    auto_price_use (&price, &use);
    assert_true (price.used);
    assert_false (price.priced);
    assert_float_equal (price.exhaustive.prompt_tokens, 100 * 200000.0, 1);
    assert_float_equal (price.exhaustive.cached_tokens, 0, 0);
    end (record);
}

static void test_whose_use_it_is (void **state)
{
    (void) state;
    Rulemill__AutoRecord *record = record_of (1000);        // too few: exhaustive
    Rulemill__RunCounts counts = RULEMILL__RUN_COUNTS__INIT;
    counts.cells_judged = 70;
    counts.calls = 80;
    assert_int_equal (auto_use_of (record, &counts).cells, 70);
    counts.sample_cells = 30;
    counts.sample_calls = 31;
    assert_int_equal (auto_use_of (record, &counts).usage.calls, 31);
    record->choice = RULEMILL__AUTO_CHOICE__AUTO_ADAPTER;
    counts.sample_cells = 0;
    assert_int_equal (auto_use_of (record, &counts).cells, 0);      // those of a few rules tell nothing of all
    end (record);
}

static void test_shares (void **state)
{
    (void) state;
    auto_recipe_t recipe = auto_recipe_default ();
    Rulemill__AutoRecord *record = record_of (500);         // the first sample would be all
    assert_float_equal (auto_exhaustive_share (&recipe, record), 1, 0);
    end (record);
    record = record_of (10000);
    assert_float_equal (auto_exhaustive_share (&recipe, record), 0.1 + 0.9 * 0.02, 1e-9);
    end (record);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (test_before_a_sample), cmocka_unit_test (test_by_the_sample), cmocka_unit_test (test_what_cells_take),
        cmocka_unit_test (test_what_first_calls_take),
        cmocka_unit_test (test_what_is_not_said), cmocka_unit_test (test_whose_use_it_is), cmocka_unit_test (test_shares),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
