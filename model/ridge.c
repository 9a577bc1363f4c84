#include "model/ridge.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

// Vectors of the solver, of RIDGE_BLOCK floats for each dimension; what a row takes besides its numbers.
enum { VECTORS = 4, ROW_BYTES = sizeof (size_t) + RIDGE_BLOCK * sizeof (float) + sizeof (float) };

struct ridge {
    uint32_t dimensions;
    uint64_t bytes_max;
    feature_t *at;              // of all rows, one behind the other
    size_t n, cap;
    size_t *end;                // where each row ends
    size_t rows, rows_cap;
};

typedef float block_t [RIDGE_BLOCK];

ridge_t *ridge_new (uint32_t dimensions, uint64_t bytes_max)
{
    ridge_t *ridge = mem_zero (1, sizeof *ridge);
    ridge->dimensions = dimensions;
    ridge->bytes_max = bytes_max;
    return ridge;
}

void ridge_destroy (ridge_t **ridge)
{
    ridge_t *self = *ridge;
    if (self == NULL)
        return;
    free (self->at);
    free (self->end);
    free (self);
    *ridge = NULL;
}

size_t ridge_rows (const ridge_t *ridge)
{
    return ridge->rows;
}

// A growing array is for a moment there twice.
bool ridge_add (ridge_t *ridge, const features_t *x)
{
    size_t cap = ridge->n + x->n > ridge->cap ? (ridge->n + x->n) + (ridge->n + x->n) / 2 : ridge->cap;
    size_t rows_cap = ridge->rows == ridge->rows_cap ? ridge->rows_cap + ridge->rows_cap / 2 + 1024 : ridge->rows_cap;
    uint64_t bytes = (uint64_t) cap * sizeof (feature_t) + (cap > ridge->cap ? ridge->cap * sizeof (feature_t) : 0)
                     + (uint64_t) rows_cap * ROW_BYTES + (uint64_t) ridge->dimensions * VECTORS * sizeof (block_t);
    if (bytes > ridge->bytes_max)
        return false;
    if (cap > ridge->cap)
        ridge->at = mem_resize (ridge->at, (ridge->cap = cap) * sizeof *ridge->at);
    if (rows_cap > ridge->rows_cap)
        ridge->end = mem_resize (ridge->end, (ridge->rows_cap = rows_cap) * sizeof *ridge->end);
    for (size_t i = 0; i < x->n; i++) {
        assert (x->at [i].index < ridge->dimensions);
        ridge->at [ridge->n++] = x->at [i];
    }
    ridge->end [ridge->rows++] = ridge->n;
    return true;
}

// --- one block of targets --------------------------------------------------

typedef struct {
    const ridge_t *ridge;
    size_t n;                           // dimensions and the constant
    float lambda;
    float *diagonal;                    // of the matrix, n
    block_t *w, *r, *p, *ap;            // solution, residual, direction, matrix times direction
    block_t *y;                         // of each row
    double rz [RIDGE_BLOCK], goal [RIDGE_BLOCK];    // residual times preconditioned residual; below which a target is done
} solver_t;

// sum += x * v, x being row's numbers and the constant's 1: a row times a vector.
static void gather (const feature_t *at, size_t n, const block_t *v, size_t constant, float *sum)
{
    for (int t = 0; t < RIDGE_BLOCK; t++)
        sum [t] = v [constant] [t];
    for (size_t i = 0; i < n; i++) {
        const float *from = v [at [i].index];
        float x = at [i].value;
        for (int t = 0; t < RIDGE_BLOCK; t++)
            sum [t] += x * from [t];
    }
}

// v += x * sum: a row's part in the transposed product.
static void scatter (const feature_t *at, size_t n, const float *sum, size_t constant, block_t *v)
{
    for (int t = 0; t < RIDGE_BLOCK; t++)
        v [constant] [t] += sum [t];
    for (size_t i = 0; i < n; i++) {
        float *to = v [at [i].index];
        float x = at [i].value;
        for (int t = 0; t < RIDGE_BLOCK; t++)
            to [t] += x * sum [t];
    }
}

static void row_of (const ridge_t *ridge, size_t row, const feature_t **at, size_t *n)
{
    size_t begin = row ? ridge->end [row - 1] : 0;
    *at = ridge->at + begin;
    *n = ridge->end [row] - begin;
}

// ap = (X'X + lambda) p
static void multiply (solver_t *solver)
{
    const ridge_t *ridge = solver->ridge;
    for (size_t d = 0; d < solver->n; d++)
        for (int t = 0; t < RIDGE_BLOCK; t++)
            solver->ap [d] [t] = solver->lambda * solver->p [d] [t];
    for (size_t row = 0; row < ridge->rows; row++) {
        const feature_t *at;
        size_t n;
        float sum [RIDGE_BLOCK];
        row_of (ridge, row, &at, &n);
        gather (at, n, (const block_t *) solver->p, solver->n - 1, sum);
        scatter (at, n, sum, solver->n - 1, solver->ap);
    }
}

static void fill_diagonal (solver_t *solver)
{
    const ridge_t *ridge = solver->ridge;
    for (size_t d = 0; d < solver->n; d++)
        solver->diagonal [d] = solver->lambda;
    for (size_t i = 0; i < ridge->n; i++)
        solver->diagonal [ridge->at [i].index] += ridge->at [i].value * ridge->at [i].value;
    solver->diagonal [solver->n - 1] += (float) ridge->rows;
}

// w = 0, r = X'y, p = r by the preconditioner.
static void start (solver_t *solver, double epsilon)
{
    const ridge_t *ridge = solver->ridge;
    memset (solver->w, 0, solver->n * sizeof *solver->w);
    memset (solver->r, 0, solver->n * sizeof *solver->r);
    for (size_t row = 0; row < ridge->rows; row++) {
        const feature_t *at;
        size_t n;
        row_of (ridge, row, &at, &n);
        scatter (at, n, solver->y [row], solver->n - 1, solver->r);
    }
    memset (solver->rz, 0, sizeof solver->rz);
    for (size_t d = 0; d < solver->n; d++)
        for (int t = 0; t < RIDGE_BLOCK; t++) {
            solver->p [d] [t] = solver->r [d] [t] / solver->diagonal [d];
            solver->rz [t] += (double) solver->r [d] [t] * (double) solver->p [d] [t];
        }
    for (int t = 0; t < RIDGE_BLOCK; t++)
        solver->goal [t] = solver->rz [t] * epsilon * epsilon;
}

// One step for all targets that are not done; false when all are.
static bool step (solver_t *solver)
{
    double pap [RIDGE_BLOCK] = { 0 }, rz [RIDGE_BLOCK] = { 0 };
    float alpha [RIDGE_BLOCK], beta [RIDGE_BLOCK];
    bool open = false;
    for (int t = 0; t < RIDGE_BLOCK; t++)
        open = open || solver->rz [t] > solver->goal [t];
    if (!open)
        return false;
    multiply (solver);
    for (size_t d = 0; d < solver->n; d++)
        for (int t = 0; t < RIDGE_BLOCK; t++)
            pap [t] += (double) solver->p [d] [t] * (double) solver->ap [d] [t];
    for (int t = 0; t < RIDGE_BLOCK; t++)
        alpha [t] = solver->rz [t] > solver->goal [t] && pap [t] > 0 ? (float) (solver->rz [t] / pap [t]) : 0;
    for (size_t d = 0; d < solver->n; d++)
        for (int t = 0; t < RIDGE_BLOCK; t++) {
            solver->w [d] [t] += alpha [t] * solver->p [d] [t];
            solver->r [d] [t] -= alpha [t] * solver->ap [d] [t];
            rz [t] += (double) solver->r [d] [t] * (double) solver->r [d] [t] / (double) solver->diagonal [d];
        }
    for (int t = 0; t < RIDGE_BLOCK; t++) {
        beta [t] = solver->rz [t] > 0 ? (float) (rz [t] / solver->rz [t]) : 0;
        solver->rz [t] = alpha [t] > 0 ? rz [t] : 0;
    }
    for (size_t d = 0; d < solver->n; d++)
        for (int t = 0; t < RIDGE_BLOCK; t++)
            solver->p [d] [t] = solver->r [d] [t] / solver->diagonal [d] + beta [t] * solver->p [d] [t];
    return true;
}

// --- all of them -----------------------------------------------------------

// A target less its mean, which becomes the constant: what is small need not be drawn to 0.
static float centre (float *target, size_t n)
{
    double mean = 0;
    for (size_t i = 0; i < n; i++)
        mean += (double) target [i];
    mean /= (double) (n ? n : 1);
    for (size_t i = 0; i < n; i++)
        target [i] -= (float) mean;
    return (float) mean;
}

static void fill_targets (solver_t *solver, ridge_target_fn *target, void *ctx, size_t first, size_t count, float *room, float *constant)
{
    size_t rows = solver->ridge->rows;
    memset (solver->y, 0, rows * sizeof *solver->y);
    for (size_t t = 0; t < count; t++) {
        target (ctx, first + t, room);
        constant [first + t] = centre (room, rows);
        for (size_t row = 0; row < rows; row++)
            solver->y [row] [t] = room [row];
    }
}

static void solve_block (solver_t *solver, double epsilon)
{
    start (solver, epsilon);
    for (int i = 0; i < RIDGE_STEPS_MAX && step (solver); i++)
        ;
}

void ridge_solve (ridge_t *ridge, ridge_target_fn *target, ridge_done_fn *done, void *ctx, size_t n_targets, double cost,
                  double epsilon, float *weight, float *constant)
{
    size_t n = (size_t) ridge->dimensions + 1;
    solver_t solver = { .ridge = ridge, .n = n, .lambda = (float) (1 / (2 * cost)), .diagonal = mem_new (n * sizeof (float)) };
    block_t **vectors [] = { &solver.w, &solver.r, &solver.p, &solver.ap };
    for (int i = 0; i < VECTORS; i++)
        *vectors [i] = mem_new (n * sizeof (block_t));
    solver.y = mem_new (ridge->rows * sizeof (block_t));
    float *room = mem_new (ridge->rows * sizeof *room);
    fill_diagonal (&solver);
    for (size_t first = 0; first < n_targets; first += RIDGE_BLOCK) {
        size_t count = n_targets - first < RIDGE_BLOCK ? n_targets - first : RIDGE_BLOCK;
        fill_targets (&solver, target, ctx, first, count, room, constant);
        solve_block (&solver, epsilon);
        for (size_t t = 0; t < count; t++) {
            for (size_t d = 0; d < n - 1; d++)
                weight [d * n_targets + first + t] = solver.w [d] [t];
            constant [first + t] += solver.w [n - 1] [t];
        }
        if (done)
            done (ctx, first + count);
    }
    for (int i = 0; i < VECTORS; i++)
        free (*vectors [i]);
    free (solver.y);
    free (solver.diagonal);
    free (room);
}
