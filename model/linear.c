#include "model/linear.h"

#include <assert.h>
#include <linear.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

typedef struct feature_node node_t;

enum {
    CHUNK_NODES = 256 * 1024,       // of rows' memory, 4 MB
    ROW_DOUBLES = 8,                // targets and the solver's vectors over rows
    WEIGHT_DOUBLES = 12             // weights and the solver's vectors over dimensions
};

struct linear {
    uint32_t dimensions;
    bool with_bias;
    uint64_t bytes_max, node_bytes;
    node_t **chunk;                 // the last one has room for CHUNK_NODES or for one long row
    size_t n_chunks, used, size;    // nodes of the last chunk
    node_t **row;
    size_t rows, cap;
};

linear_t *linear_new (uint32_t dimensions, bool with_bias, uint64_t bytes_max)
{
    linear_t *linear = mem_zero (1, sizeof *linear);
    linear->dimensions = dimensions;
    linear->with_bias = with_bias;
    linear->bytes_max = bytes_max;
    return linear;
}

void linear_destroy (linear_t **linear)
{
    linear_t *self = *linear;
    if (self == NULL)
        return;
    for (size_t i = 0; i < self->n_chunks; i++)
        free (self->chunk [i]);
    free (self->chunk);
    free (self->row);
    free (self);
    *linear = NULL;
}

size_t linear_rows (const linear_t *linear)
{
    return linear->rows;
}

size_t linear_weights (const linear_t *linear)
{
    return (size_t) linear->dimensions + linear->with_bias;
}

uint64_t linear_bytes (const linear_t *linear)
{
    return linear->node_bytes + linear->cap * (sizeof *linear->row + ROW_DOUBLES * sizeof (double))
           + linear_weights (linear) * WEIGHT_DOUBLES * sizeof (double);
}

// --- rows ------------------------------------------------------------------

// Room for n nodes; NULL where that would pass bytes_max.
static node_t *reserve (linear_t *linear, size_t n)
{
    size_t size = n > CHUNK_NODES ? n : CHUNK_NODES;
    bool chunk = linear->n_chunks == 0 || linear->size - linear->used < n;
    bool rows = linear->rows == linear->cap;
    size_t cap = rows ? linear->cap + linear->cap / 4 + 1024 : linear->cap;
    uint64_t more = (chunk ? size * sizeof (node_t) : 0)
                    + (cap - linear->cap) * (sizeof *linear->row + ROW_DOUBLES * sizeof (double));
    if (linear_bytes (linear) + more > linear->bytes_max)
        return NULL;
    if (rows) {
        linear->cap = cap;
        linear->row = mem_resize (linear->row, cap * sizeof *linear->row);
    }
    if (chunk) {
        linear->chunk = mem_resize (linear->chunk, (linear->n_chunks + 1) * sizeof *linear->chunk);
        linear->chunk [linear->n_chunks++] = mem_new (size * sizeof (node_t));
        linear->node_bytes += size * sizeof (node_t);
        linear->size = size;
        linear->used = 0;
    }
    return linear->chunk [linear->n_chunks - 1] + linear->used;
}

// liblinear counts indices from 1 and ends a row with -1.
bool linear_add (linear_t *linear, const features_t *x)
{
    size_t n = x->n + linear->with_bias + 1;
    node_t *node = reserve (linear, n);
    if (node == NULL)
        return false;
    linear->row [linear->rows++] = node;
    linear->used += n;
    for (size_t i = 0; i < x->n; i++) {
        assert (x->at [i].index < linear->dimensions);
        *node++ = (node_t) { (int) x->at [i].index + 1, (double) x->at [i].value };
    }
    if (linear->with_bias)
        *node++ = (node_t) { (int) linear->dimensions + 1, 1 };
    *node = (node_t) { -1, 0 };
    return true;
}

bool linear_repeat (linear_t *linear, size_t row)
{
    assert (row < linear->rows);
    if (reserve (linear, 0) == NULL)
        return false;
    linear->row [linear->rows++] = linear->row [row];
    return true;
}

// --- training --------------------------------------------------------------

linear_options_t linear_options_default (linear_loss_t loss)
{
    return (linear_options_t) { .loss = loss, .cost = 1, .positive_cost = 1, .epsilon = 0.01 };
}

static void silent (const char *text)
{
    (void) text;
}

static int solver_of (linear_loss_t loss)
{
    static const int solvers [] = { [LINEAR_LOGISTIC] = L2R_LR, [LINEAR_SVM] = L2R_L2LOSS_SVC, [LINEAR_RIDGE] = L2R_L2LOSS_SVR };
    return solvers [loss];
}

// One side alone: there is nothing to separate.
static void constant_model (const linear_t *linear, size_t positive, double *weights)
{
    memset (weights, 0, linear_weights (linear) * sizeof *weights);
    if (linear->with_bias)
        weights [linear->dimensions] = log (((double) positive + 0.5) / ((double) (linear->rows - positive) + 0.5));
}

static void fit (linear_t *linear, double *target, const linear_options_t *options, double *weights)
{
    int labels [2] = { 1, -1 };
    double costs [2] = { options->positive_cost, 1 };
    bool weighted = options->loss != LINEAR_RIDGE && options->positive_cost != 1;
    struct parameter parameter = {
        .solver_type = solver_of (options->loss), .eps = options->epsilon, .C = options->cost,
        .nr_weight = weighted ? 2 : 0, .weight_label = weighted ? labels : NULL, .weight = weighted ? costs : NULL,
    };
    struct problem problem = {
        .l = (int) linear->rows, .n = (int) linear_weights (linear), .y = target, .x = linear->row,
        .bias = linear->with_bias ? 1 : -1
    };
    set_print_string_function (silent);
    assert (check_parameter (&problem, &parameter) == NULL);
    struct model *model = train (&problem, &parameter);
    // Of two classes liblinear's weights speak for the one that it met first.
    double sign = options->loss != LINEAR_RIDGE && model->label [0] < 0 ? -1 : 1;
    for (size_t i = 0; i < linear_weights (linear); i++)
        weights [i] = sign * model->w [i];
    free_and_destroy_model (&model);
}

status_t linear_train (linear_t *linear, const double *target, const linear_options_t *options, double *weights, fault_t *fault)
{
    if (linear->rows == 0)
        return fault_set (fault, ERR_FORMAT, "there is nothing to learn from: no row");
    double *y = mem_new (linear->rows * sizeof *y);
    size_t positive = 0;
    for (size_t i = 0; i < linear->rows; i++) {
        positive += target [i] > 0;
        y [i] = options->loss == LINEAR_RIDGE ? target [i] : target [i] > 0 ? 1 : -1;
    }
    if (options->loss != LINEAR_RIDGE && (positive == 0 || positive == linear->rows))
        constant_model (linear, positive, weights);
    else
        fit (linear, y, options, weights);
    free (y);
    return OK;
}
