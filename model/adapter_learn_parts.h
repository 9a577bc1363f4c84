// What the files of adapter_learn share.
#ifndef MODEL_ADAPTER_LEARN_PARTS_H
#define MODEL_ADAPTER_LEARN_PARTS_H

#include "model/adapter_learn.h"
#include "model/linear.h"
#include "model/ridge.h"

struct learnt {
    learn_options_t options;
    size_t n_rules, n_heads, n_columns, rows;
    uint32_t n_dimensions;
    uint32_t *index;            // n_dimensions: the feature's column, or ADAPTER_NO_COLUMN
    uint32_t *dimension;        // n_columns
    float *weight;              // n_columns x n_heads
    float *bias;                // n_heads
    float *share, *mean;        // n_rules: see adapter_rule_record_t
    float (*coefficient) [ADAPTER_COEFFICIENTS];    // n_rules
};

// The features that have a column, by column.
void learn_columns (const learnt_t *learnt, const features_t *x, features_t *out);

// What the features of a learning row are in the form at hand: of a pair, of a side.
void learn_pair_features (const examples_t *examples, const learn_options_t *options, const example_pair_t *pair, features_t *out);
void learn_side_features (const examples_t *examples, const example_side_t *side, features_t *out);

// Tell how many heads are fitted.
void learn_tell (const learnt_t *learnt, size_t done);

// Fit all heads by ridge regression; target is told ctx, and so is done.
void learn_ridge (learnt_t *learnt, ridge_t *ridge, ridge_target_fn *target, ridge_done_fn *done, void *ctx);

// Fit all heads at once, by which of two rules has the larger value (a linear support vector machine over their differences).
// ERR_LIMIT: too many features for so many rules. Sets learnt->rows; 0: memory was short.
status_t learn_rank (learnt_t *learnt, const examples_t *examples, fault_t *fault) MUST_USE;
void learn_cells (learnt_t *learnt, const examples_t *examples);

#endif
