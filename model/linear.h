// linear: linear models by liblinear (Fan et al., JMLR 9, 2008), trained by its primal solvers alone.
//
//     linear_t *linear = linear_new (dimensions, true, bytes_max);
//     while (... linear_add (linear, &x) ...) ...                         // rows, in an order that is always the same
//     status = linear_train (linear, target, &options, weights, fault);   // for each target, over the same rows
//     linear_destroy (&linear);
//
// The primal solvers draw nothing, so the same rows and targets give the same weights. liblinear has no weights of rows,
// keeps a number in 16 bytes, and does not survive a failed allocation: what rows take is counted before they are added,
// and a program that must outlive an exhausted memory trains in a child process (base/bounded.h).
#ifndef MODEL_LINEAR_H
#define MODEL_LINEAR_H

#include "base/fault.h"
#include "model/features.h"

typedef struct linear linear_t;

// with_bias: each row gets a last feature of value 1, the model's constant. bytes_max: of everything that rows and
// training take.
linear_t *linear_new (uint32_t dimensions, bool with_bias, uint64_t bytes_max);
void linear_destroy (linear_t **linear);

// Copy a row in, with indices below dimensions. False, and nothing is added: it would pass bytes_max.
bool linear_add (linear_t *linear, const features_t *x) MUST_USE;

// Add a row that is there already once more: it counts twice then, and its features stand in memory once. False as above.
bool linear_repeat (linear_t *linear, size_t row) MUST_USE;

size_t linear_rows (const linear_t *linear);
size_t linear_weights (const linear_t *linear);     // dimensions, and one more with a bias
uint64_t linear_bytes (const linear_t *linear);     // what rows and training take

typedef enum {
    LINEAR_LOGISTIC,            // targets above 0 against the others: log-loss
    LINEAR_SVM,                 // the same: squared hinge
    LINEAR_RIDGE                // real targets: squared error
} linear_loss_t;

typedef struct {
    linear_loss_t loss;
    double cost;                // C: the weight of a row's loss against half the squared length of the weights
    double positive_cost;       // further factor for rows with targets above 0; 1 for none. Not for LINEAR_RIDGE
    double epsilon;             // relative length of the gradient at which training stops
} linear_options_t;

linear_options_t linear_options_default (linear_loss_t loss);      // cost 1, positive_cost 1, epsilon 0.01

// Fit one model. target has one number for each row, weights room for linear_weights; the last one is the constant where
// there is a bias. Where all targets are on one side of a classification, the weights are 0 and the constant is the
// logarithm of the odds with one half added to both counts. ERR_FORMAT where there are no rows.
status_t linear_train (linear_t *linear, const double *target, const linear_options_t *options, double *weights,
                       fault_t *fault) MUST_USE;

#endif
