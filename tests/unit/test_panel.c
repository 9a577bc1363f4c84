// model/panel: several judges' cells as one, against numbers worked out by hand.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "model/panel.h"

// p_yes and p_no in 1e-6.
static cell_t cell (int32_t yes, int32_t no)
{
    return (cell_t) { .score = yes - no, .relevance = (uint32_t) (yes + no), .mass = MICRO, .known = true };
}

static void assert_parts (const cell_t *out, int32_t yes, int32_t no)
{
    int32_t p_yes = -1, p_no = -1, p_irrelevant = -1;
    assert_true (out->known);
    assert_true (cell_probabilities (out, &p_yes, &p_no, &p_irrelevant));
    assert_int_equal (p_yes, yes);
    assert_int_equal (p_no, no);
    assert_int_equal (p_irrelevant, MICRO - yes - no);
}

static void test_choice (void **state)
{
    (void) state;
    const struct { int32_t yes, no; choice_t choice; } cases [] = {
        { 500000, 300000, CHOICE_YES }, { 300000, 500000, CHOICE_NO }, { 300000, 300000, CHOICE_IRRELEVANT },
        { 400000, 200000, CHOICE_IRRELEVANT },      // 0.4 against 0.4
        { 400001, 200000, CHOICE_YES }, { 450000, 450000, CHOICE_NONE }, { 0, 0, CHOICE_IRRELEVANT }, { MICRO, 0, CHOICE_YES },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cell_t one = cell (cases [i].yes, cases [i].no);
        assert_int_equal (cell_choice (&one), cases [i].choice);
    }
}

static void test_mean (void **state)
{
    (void) state;
    const panel_t equal = { .combine = COMBINE_MEAN, .n_members = 2, .weight = { MICRO, MICRO } };
    const cell_t two [] = { cell (700000, 200000), cell (100000, 500000) };
    cell_t out = panel_combine (&equal, two, 1);
    assert_parts (&out, 400000, 350000);
    const panel_t weighted = { .combine = COMBINE_MEAN, .n_members = 2, .weight = { 3 * MICRO, MICRO } };
    out = panel_combine (&weighted, two, 1);
    assert_parts (&out, 550000, 275000);                // (2.1 + 0.1) / 4, (0.6 + 0.5) / 4
    const cell_t halves [] = { cell (500001, 499999), cell (500000, 500000) };
    out = panel_combine (&equal, halves, 1);
    assert_parts (&out, 500000, 499999);                // 500000.5 and 499999.5, halves down
    const panel_t three = { .combine = COMBINE_MEAN, .n_members = 3, .weight = { MICRO, MICRO, MICRO } };
    const cell_t spread [] = { cell (1, 0), { 0 }, cell (0, 1), { 0 }, cell (0, 1), { 0 } };
    out = panel_combine (&three, spread, 2);            // members two cells apart: 1/3 and 2/3 of 1e-6
    assert_parts (&out, 0, 1);
}

static void test_majority (void **state)
{
    (void) state;
    panel_t panel = { .combine = COMBINE_MAJORITY, .n_members = 3, .weight = { MICRO, MICRO, MICRO } };
    const cell_t cells [] = { cell (400001, 200000), cell (900000, 50000), cell (100000, 800000) };
    cell_t out = panel_combine (&panel, cells, 1);
    assert_parts (&out, 666667, 333333);
    panel.weight [2] = 2 * MICRO;
    out = panel_combine (&panel, cells, 1);
    assert_parts (&out, 500000, 500000);
    const cell_t others [] = { cell (450000, 450000), cell (200000, 200000), cell (100000, 800000) };
    panel.weight [2] = MICRO;
    out = panel_combine (&panel, others, 1);            // half a vote for each, irrelevant, No
    assert_parts (&out, 166667, 500000);
}

static void test_missing (void **state)
{
    (void) state;
    const panel_t panel = { .combine = COMBINE_MEAN, .n_members = 2, .weight = { MICRO, 0 } };
    const cell_t cells [] = { cell (700000, 200000), { .known = false } };
    assert_false (panel_combine (&panel, cells, 1).known);
}

// Exchanging Yes and No exchanges the result; the three never sum to more than one; a panel of equals is its member.
static void test_properties (void **state)
{
    (void) state;
    rng_t rng = { 7 };
    for (int round = 0; round < 20000; round++) {
        panel_t panel = { .combine = round % 2 ? COMBINE_MEAN : COMBINE_MAJORITY, .n_members = 1 + rng_below (&rng, 5) };
        cell_t cells [5], turned [5], same [5];
        int32_t yes = (int32_t) rng_below (&rng, MICRO + 1), no = (int32_t) rng_below (&rng, (uint64_t) (MICRO - yes) + 1);
        for (size_t m = 0; m < panel.n_members; m++) {
            panel.weight [m] = 1 + (uint32_t) rng_below (&rng, 1000000000);
            int32_t y = (int32_t) rng_below (&rng, MICRO + 1), n = (int32_t) rng_below (&rng, (uint64_t) (MICRO - y) + 1);
            cells [m] = cell (y, n);
            turned [m] = cell (n, y);
            same [m] = cell (yes, no);
        }
        cell_t out = panel_combine (&panel, cells, 1), back = panel_combine (&panel, turned, 1);
        int32_t a, b, c;
        assert_true (cell_probabilities (&out, &a, &b, &c));
        assert_int_equal (out.score, -back.score);
        assert_int_equal (out.relevance, back.relevance);
        if (panel.combine == COMBINE_MEAN) {
            cell_t one = panel_combine (&panel, same, 1);
            assert_parts (&one, yes, no);
        }
    }
}

static void test_names (void **state)
{
    (void) state;
    assert_int_equal (combine_find ("mean"), COMBINE_MEAN);
    assert_int_equal (combine_find ("majority"), COMBINE_MAJORITY);
    assert_int_equal (combine_find ("median"), -1);
    assert_string_equal (combine_names () [COMBINE_MAJORITY], "majority");
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (test_choice), cmocka_unit_test (test_mean), cmocka_unit_test (test_majority),
        cmocka_unit_test (test_missing), cmocka_unit_test (test_properties), cmocka_unit_test (test_names),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
