// base/prompt_share, model/stats: shares of rows that hang together by prompt, against what they should be and against the bootstrap.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>

#include "base/prompt_share.h"
#include "base/rng.h"
#include "model/bootstrap.h"

static void is_near (interval_t found, interval_t wanted, double margin)
{
    assert_float_equal (found.value, wanted.value, 1e-9);
    assert_float_equal (found.low, wanted.low, margin);
    assert_float_equal (found.high, wanted.high, margin);
}

static void independent_rows_have_wilsons_interval (void **state)
{
    (void) state;
    prompt_share_t share = { 0 };
    for (uint64_t prompt = 0; prompt < 100; prompt++)
        prompt_share_add (&share, prompt, prompt < 30, 1);
    is_near (stats_prompt_share (&share), stats_wilson (30, 100, STATS_LEVEL), 1e-9);
    assert_int_equal (share.prompts, 100);
}

// Six rows of a prompt that are all alike are worth one.
static void rows_that_are_alike_are_worth_one (void **state)
{
    (void) state;
    prompt_share_t share = { 0 };
    for (uint64_t prompt = 0; prompt < 100; prompt++)
        for (int row = 0; row < 6; row++)
            prompt_share_add (&share, prompt, prompt < 30, 1);
    is_near (stats_prompt_share (&share), stats_wilson (30, 100, STATS_LEVEL), 1e-9);
    prompt_share_t all = { 0 }, none = { 0 };
    for (uint64_t prompt = 0; prompt < 10; prompt++) {
        prompt_share_add (&all, prompt, 6, 6);
        prompt_share_add (&none, prompt, 0, 6);
    }
    is_near (stats_prompt_share (&all), stats_wilson (10, 10, STATS_LEVEL), 1e-9);
    is_near (stats_prompt_share (&none), stats_wilson (0, 10, STATS_LEVEL), 1e-9);
}

static void it_is_close_to_a_bootstrap_by_prompt (void **state)
{
    (void) state;
    rng_t rng = { 4 };
    prompt_share_t share = { 0 };
    clusters_t *clusters = clusters_new (2);
    for (uint64_t prompt = 0; prompt < 600; prompt++) {
        double tendency = rng_unit (&rng);
        for (uint64_t row = 1 + rng_below (&rng, 8); row > 0; row--) {
            double hit = rng_unit (&rng) < tendency ? 1 : rng_below (&rng, 10) ? 0 : 0.5;
            prompt_share_add (&share, prompt, hit, 1);
            clusters_add (clusters, prompt, (double []) { hit, 1 });
        }
    }
    interval_t bootstrapped = clusters_interval (clusters, stat_ratio, NULL, &(bootstrap_t) { .seed = 1 });
    is_near (stats_prompt_share (&share), bootstrapped, 0.004);
    assert_true (bootstrapped.high - bootstrapped.low > 1.2 * (stats_wilson (share.hits, share.rows, 0.95).high - stats_wilson (share.hits, share.rows, 0.95).low));
    clusters_destroy (&clusters);
}

static void nothing_is_no_share (void **state)
{
    (void) state;
    prompt_share_t share = { 0 };
    prompt_share_add (&share, 3, 0, 0);
    interval_t interval = stats_prompt_share (&share);
    assert_true (isnan (interval.value) && isnan (interval.low) && isnan (interval.high));
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (independent_rows_have_wilsons_interval), cmocka_unit_test (rows_that_are_alike_are_worth_one),
        cmocka_unit_test (it_is_close_to_a_bootstrap_by_prompt), cmocka_unit_test (nothing_is_no_share),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
