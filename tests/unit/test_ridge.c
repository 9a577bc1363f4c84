// model/ridge: against liblinear one by one, many targets, the cap on memory, the same twice.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "model/linear.h"
#include "model/ridge.h"

enum { ROWS = 300, DIMENSIONS = 20, TARGETS = RIDGE_BLOCK + 5 };

typedef struct { float y [TARGETS] [ROWS]; size_t done; } world_t;

static void give (void *ctx, size_t which, float *target)
{
    memcpy (target, ((world_t *) ctx)->y [which], ROWS * sizeof *target);
}

static void tell (void *ctx, size_t done)
{
    ((world_t *) ctx)->done = done;
}

static void draw_row (rng_t *rng, features_t *x)
{
    features_clear (x);
    for (uint32_t f = 0; f < DIMENSIONS; f++)
        if (rng_below (rng, 2))
            features_push (x, f, (float) rng_unit (rng));
}

// Target t is 3 x [t mod DIMENSIONS] - x [0] + 1 and some noise.
static void draw (ridge_t *ridge, linear_t *linear, world_t *world)
{
    rng_t rng = { 4 };
    features_t x = { 0 };
    for (size_t row = 0; row < ROWS; row++) {
        draw_row (&rng, &x);
        assert_true (ridge_add (ridge, &x));
        if (linear)
            assert_true (linear_add (linear, &x));
        for (size_t t = 0; t < TARGETS; t++) {
            world->y [t] [row] = 1 + (float) rng_normal (&rng) / 10;
            for (size_t i = 0; i < x.n; i++)
                world->y [t] [row] += x.at [i].value * (x.at [i].index == t % DIMENSIONS ? 3 : x.at [i].index == 0 ? -1 : 0);
        }
    }
    features_free (&x);
}

static void test_as_liblinear (void **state)
{
    (void) state;
    world_t *world = mem_zero (1, sizeof *world);
    ridge_t *ridge = ridge_new (DIMENSIONS, 64 << 20);
    linear_t *linear = linear_new (DIMENSIONS, false, 64 << 20);
    draw (ridge, linear, world);
    assert_int_equal (ridge_rows (ridge), ROWS);
    float w [DIMENSIONS] [TARGETS], c [TARGETS];
    ridge_solve (ridge, give, tell, world, TARGETS, 50, 1e-6, &w [0] [0], c);
    assert_int_equal (world->done, TARGETS);
    for (size_t t = 0; t < TARGETS; t++) {
        // Liblinear draws its constant to 0 with the weights: give it the targets less ours, and no constant.
        double y [ROWS], alone [DIMENSIONS];
        for (size_t row = 0; row < ROWS; row++)
            y [row] = (double) world->y [t] [row] - (double) c [t];
        linear_options_t options = { LINEAR_RIDGE, 50, 1, 1e-8 };
        fault_t fault = { 0 };
        assert_int_equal (linear_train (linear, y, &options, alone, &fault), OK);
        for (size_t f = 0; f < DIMENSIONS; f++)
            assert_float_equal (w [f] [t], alone [f], 2e-3);
    }
    ridge_destroy (&ridge);
    assert_null (ridge);
    linear_destroy (&linear);
    free (world);
}

static void test_twice (void **state)
{
    (void) state;
    world_t *world = mem_zero (1, sizeof *world);
    float w [2] [DIMENSIONS * TARGETS], c [2] [TARGETS];
    for (int i = 0; i < 2; i++) {
        ridge_t *ridge = ridge_new (DIMENSIONS, 64 << 20);
        draw (ridge, NULL, world);
        ridge_solve (ridge, give, NULL, world, TARGETS, 1, 0.01, w [i], c [i]);
        ridge_destroy (&ridge);
    }
    assert_memory_equal (w [0], w [1], sizeof w [0]);
    assert_memory_equal (c [0], c [1], sizeof c [0]);
    free (world);
}

// A constant target needs no weights.
static void test_constant (void **state)
{
    (void) state;
    world_t *world = mem_zero (1, sizeof *world);
    ridge_t *ridge = ridge_new (DIMENSIONS, 64 << 20);
    draw (ridge, NULL, world);
    for (size_t row = 0; row < ROWS; row++)
        world->y [0] [row] = 0.25f;
    float w [DIMENSIONS], c;
    ridge_solve (ridge, give, NULL, world, 1, 1, 0.01, w, &c);
    assert_true (c == 0.25f);
    for (size_t f = 0; f < DIMENSIONS; f++)
        assert_true (w [f] == 0);
    ridge_destroy (&ridge);
    free (world);
}

static void test_cap (void **state)
{
    (void) state;
    ridge_t *ridge = ridge_new (100, 4 << 20);
    features_t x = { 0 };
    for (uint32_t f = 0; f < 100; f++)
        features_push (&x, f, 1);
    size_t rows = 0;
    while (ridge_add (ridge, &x))
        rows++;
    assert_int_equal (ridge_rows (ridge), rows);
    assert_true (rows > 500 && rows < (4 << 20) / (100 * sizeof (feature_t)));
    ridge_destroy (&ridge);
    features_free (&x);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (test_as_liblinear), cmocka_unit_test (test_twice), cmocka_unit_test (test_constant),
        cmocka_unit_test (test_cap)
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
