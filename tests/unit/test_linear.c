// model/linear and base/bounded: what is learnt, the cap on memory, the same twice, a child that dies.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bounded.h"
#include "base/mem.h"
#include "base/rng.h"
#include "model/linear.h"

enum { ROWS = 400, DIMENSIONS = 6 };

// y = 1 + 2 x0 - 3 x3, over rows that lack some features.
static void fill (linear_t *linear, double *y)
{
    rng_t rng = { 9 };
    features_t x = { 0 };
    for (size_t i = 0; i < ROWS; i++) {
        features_clear (&x);
        y [i] = 1;
        for (uint32_t f = 0; f < DIMENSIONS; f++) {
            float value = rng_below (&rng, 3) ? (float) rng_unit (&rng) : 0;
            features_push (&x, f, value);
            y [i] += f == 0 ? 2 * (double) value : f == 3 ? -3 * (double) value : 0;
        }
        assert_true (linear_add (linear, &x));
    }
    features_free (&x);
}

static linear_t *make (double *y, bool with_bias)
{
    linear_t *linear = linear_new (DIMENSIONS, with_bias, 64 << 20);
    fill (linear, y);
    assert_int_equal (linear_rows (linear), ROWS);
    return linear;
}

static void train (linear_t *linear, const double *y, linear_options_t options, double *w)
{
    fault_t fault = { 0 };
    if (linear_train (linear, y, &options, w, &fault) != OK)
        fail_msg ("%s", fault.text);
}

static void test_ridge (void **state)
{
    (void) state;
    double y [ROWS], w [DIMENSIONS + 1], again [DIMENSIONS + 1];
    linear_t *linear = make (y, true);
    linear_options_t options = linear_options_default (LINEAR_RIDGE);
    options.cost = 1000;
    options.epsilon = 1e-6;
    train (linear, y, options, w);
    assert_float_equal (w [0], 2, 0.02);
    assert_float_equal (w [1], 0, 0.02);
    assert_float_equal (w [3], -3, 0.02);
    assert_float_equal (w [DIMENSIONS], 1, 0.02);
    train (linear, y, options, again);
    assert_memory_equal (w, again, sizeof w);
    linear_destroy (&linear);
    assert_null (linear);
}

static void test_sides (void **state)
{
    (void) state;
    double y [ROWS], w [DIMENSIONS + 1];
    linear_loss_t losses [] = { LINEAR_LOGISTIC, LINEAR_SVM };
    for (int loss = 0; loss < 2; loss++)
        for (int first = -1; first <= 1; first += 2) {      // whichever side comes first
            linear_t *linear = make (y, true);
            y [0] = first;
            train (linear, y, linear_options_default (losses [loss]), w);
            assert_true (w [0] > 1 && w [3] < -1 && w [DIMENSIONS] > 0);
            double constant = w [DIMENSIONS];
            linear_options_t dear = linear_options_default (losses [loss]);
            dear.positive_cost = 10;
            train (linear, y, dear, w);
            assert_true (w [DIMENSIONS] > constant);
            linear_destroy (&linear);
        }
}

static void test_one_side (void **state)
{
    (void) state;
    double y [ROWS], w [DIMENSIONS + 1];
    linear_t *linear = make (y, true);
    for (size_t i = 0; i < ROWS; i++)
        y [i] = -1;
    train (linear, y, linear_options_default (LINEAR_LOGISTIC), w);
    assert_true (w [0] == 0 && w [5] == 0);
    assert_float_equal (w [DIMENSIONS], log (0.5 / (ROWS + 0.5)), 1e-9);
    linear_destroy (&linear);
}

static void test_no_bias (void **state)
{
    (void) state;
    double y [ROWS], w [DIMENSIONS];
    linear_t *linear = make (y, false);
    assert_int_equal (linear_weights (linear), DIMENSIONS);
    train (linear, y, linear_options_default (LINEAR_RIDGE), w);
    assert_true (w [3] < 0);
    linear_destroy (&linear);
}

static void test_no_rows (void **state)
{
    (void) state;
    linear_t *linear = linear_new (4, true, 1 << 20);
    linear_options_t options = linear_options_default (LINEAR_RIDGE);
    fault_t fault = { 0 };
    double w [5];
    assert_int_equal (linear_train (linear, NULL, &options, w, &fault), ERR_FORMAT);
    linear_destroy (&linear);
}

static void test_cap (void **state)
{
    (void) state;
    uint64_t cap = 20 << 20;
    linear_t *linear = linear_new (1000, true, cap);
    features_t x = { 0 };
    for (uint32_t f = 0; f < 1000; f++)
        features_push (&x, f, 1);
    size_t rows = 0;
    while (linear_add (linear, &x))
        rows++;
    assert_int_equal (linear_rows (linear), rows);
    assert_true (rows > 500 && rows < cap / (1000 * 16));
    assert_true (linear_bytes (linear) <= cap);
    linear_destroy (&linear);
    features_free (&x);
}

// A row that is repeated counts as one that is added again, bit for bit.
static void test_repeat (void **state)
{
    (void) state;
    double y [2 * ROWS], one [DIMENSIONS], two [DIMENSIONS];
    linear_t *added = make (y, false), *repeated = make (y, false);
    fill (added, y + ROWS);
    for (size_t row = 0; row < ROWS; row++)
        assert_true (linear_repeat (repeated, row));
    assert_int_equal (linear_rows (repeated), 2 * ROWS);
    linear_options_t options = linear_options_default (LINEAR_LOGISTIC);
    train (added, y, options, one);
    train (repeated, y, options, two);
    assert_memory_equal (one, two, sizeof one);
    linear_destroy (&added);
    linear_destroy (&repeated);
}

// Its features take no room; what the solver needs for it does, and is capped.
static void test_repeat_cap (void **state)
{
    (void) state;
    uint64_t cap = 20 << 20;
    linear_t *linear = linear_new (1000, false, cap);
    features_t x = { 0 };
    for (uint32_t f = 0; f < 1000; f++)
        features_push (&x, f, 1);
    assert_true (linear_add (linear, &x));
    while (linear_repeat (linear, 0))
        ;
    assert_true (linear_rows (linear) > 10 * cap / (1000 * 16));
    assert_true (linear_bytes (linear) <= cap);
    linear_destroy (&linear);
    features_free (&x);
}

// --- base/bounded ----------------------------------------------------------

typedef enum { DO_WELL, DO_FAIL, DO_DIE, DO_EXHAUST } deed_t;

static status_t deed (void *ctx, fault_t *fault)
{
    switch (*(deed_t *) ctx) {
        case DO_WELL:
            return OK;
        case DO_FAIL:
            return fault_set (fault, ERR_FORMAT, "row 7 is odd");
        case DO_DIE:
            raise (SIGKILL);
            return OK;
        case DO_EXHAUST:
            break;
    }
    char *room = malloc ((size_t) 1 << 30);
    if (room == NULL)
        _exit (3);
    free (room);
    return OK;
}

static status_t run (deed_t what, fault_t *fault)
{
    return bounded_run (512 << 20, "raise adapter.memory", deed, &what, fault);
}

static void test_bounded (void **state)
{
    (void) state;
    fault_t fault = { 0 };
    assert_int_equal (run (DO_WELL, &fault), OK);
    assert_int_equal (run (DO_FAIL, &fault), ERR_FORMAT);
    assert_string_equal (fault.text, "row 7 is odd");
    assert_int_equal (run (DO_DIE, &fault), ERR_LIMIT);
    assert_non_null (strstr (fault.text, "raise adapter.memory"));
    assert_non_null (strstr (fault.text, "signal 9"));
}

static void test_bounded_memory (void **state)
{
    (void) state;
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
    skip ();
#endif
    fault_t fault = { 0 };
    assert_int_equal (run (DO_EXHAUST, &fault), ERR_LIMIT);
    assert_non_null (strstr (fault.text, "exit code 3"));
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (test_ridge), cmocka_unit_test (test_sides), cmocka_unit_test (test_one_side),
        cmocka_unit_test (test_no_bias), cmocka_unit_test (test_no_rows), cmocka_unit_test (test_cap),
        cmocka_unit_test (test_repeat), cmocka_unit_test (test_repeat_cap),
        cmocka_unit_test (test_bounded), cmocka_unit_test (test_bounded_memory)
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
