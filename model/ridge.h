// ridge: many linear regressions over the same rows at once, by conjugate gradients.
//
//     ridge_t *ridge = ridge_new (dimensions, bytes_max);
//     while (... ridge_add (ridge, &x) ...) ...
//     ridge_solve (ridge, target, ctx, n_targets, cost, epsilon, weight, constant);
//     ridge_destroy (&ridge);
//
// Each minimises |w|^2 / 2 + cost * sum (y - x w - constant)^2, as LINEAR_RIDGE of model/linear.h does one by one. RIDGE_BLOCK
// of them walk the rows together, so that a number of a row is fetched once for all. Diagonal preconditioner; the order of every
// sum is fixed. (Hestenes and Stiefel 1952; Saad, Iterative Methods, algorithm 9.1.)
#ifndef MODEL_RIDGE_H
#define MODEL_RIDGE_H

#include "model/features.h"

enum { RIDGE_BLOCK = 32, RIDGE_STEPS_MAX = 100 };

typedef struct ridge ridge_t;

// bytes_max: of rows and of what solving takes.
ridge_t *ridge_new (uint32_t dimensions, uint64_t bytes_max);
void ridge_destroy (ridge_t **ridge);

// Copy a row in. False, and nothing is added: it would pass bytes_max.
bool ridge_add (ridge_t *ridge, const features_t *x) __attribute__ ((warn_unused_result));
size_t ridge_rows (const ridge_t *ridge);

// The targets of one regression over the rows, into target (ridge_rows numbers).
typedef void ridge_target_fn (void *ctx, size_t which, float *target);
typedef void ridge_done_fn (void *ctx, size_t done);     // so many targets; may be NULL

// Solve for n_targets targets. weight: dimensions x n_targets, weight [dimension][target]; constant: n_targets. A target is
// done when its residual is at most epsilon times what it was at first, or after RIDGE_STEPS_MAX steps.
void ridge_solve (ridge_t *ridge, ridge_target_fn *target, ridge_done_fn *done, void *ctx, size_t n_targets, double cost,
                  double epsilon, float *weight, float *constant);

#endif
