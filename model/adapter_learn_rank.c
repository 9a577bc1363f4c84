// Form `rank`: one model of all rules at once, on differences: weights (x, r) - weights (x, s), r being worth more than s.
#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"
#include "model/adapter_learn_parts.h"

// Pairs of rules that are drawn for each pair of responses, at most. Half of the lesser ones come from those that were nearly picked.
enum { DRAWS_MAX = 6, NODE_BYTES = 16, NEAR = 3 };

typedef struct { uint32_t more, less; } order_t;

// Two rules whose values differ; false where the draw gave equal ones.
static bool draw (rng_t *rng, const float *value, const uint32_t *best, size_t k, size_t n_best, size_t n_rules, order_t *out)
{
    out->more = best [rng_below (rng, k)];
    if (n_best > k && rng_below (rng, 2) == 0)
        out->less = best [k + rng_below (rng, n_best - k)];
    else
        out->less = (uint32_t) rng_below (rng, n_rules);
    return value [out->more] > value [out->less];
}

// The row of a difference: the features for rule `more` minus those for rule `less`, each with a constant behind them;
// with every other row turned round, since a classifier needs two sides.
static void difference (const learnt_t *learnt, const features_t *x, order_t order, bool turned, features_t *row)
{
    uint32_t width = (uint32_t) learnt->n_columns + 1;
    bool more_first = order.more < order.less;
    features_clear (row);
    for (int half = 0; half < 2; half++) {
        bool more = more_first == (half == 0);
        float sign = more == turned ? -1 : 1;
        uint32_t offset = width * (more ? order.more : order.less);
        features_append (row, x, offset, sign);
        features_push (row, offset + width - 1, sign);
    }
}

// How many draws of a pair there is memory for.
static size_t draws_of (const learnt_t *learnt, const examples_t *examples, const linear_t *linear)
{
    features_t x = { 0 }, columns = { 0 };
    uint64_t nodes = 0;
    for (size_t i = 0; i < examples_pairs (examples); i++) {
        if (examples_pair (examples, i)->validation)
            continue;
        learn_pair_features (examples, &learnt->options, examples_pair (examples, i), &x);
        learn_columns (learnt, &x, &columns);
        nodes += 2 * columns.n + 4;
    }
    features_free (&x);
    features_free (&columns);
    uint64_t fixed = linear_bytes (linear), room = learnt->options.bytes_max > fixed ? learnt->options.bytes_max - fixed : 0;
    uint64_t draws = nodes > 0 ? room * 9 / 10 / (nodes * NODE_BYTES + 1) : 0;
    return draws < 1 ? 1 : draws > DRAWS_MAX ? DRAWS_MAX : (size_t) draws;
}

typedef struct { features_t x, columns, row; float *value; uint32_t best [LIMIT_RULES]; rng_t rng; } room_t;

// Add the differences drawn of one pair; false where memory is full.
static bool add_pair (const learnt_t *learnt, const examples_t *examples, const example_pair_t *pair, size_t draws, room_t *room,
                      linear_t *linear)
{
    const learn_options_t *options = &learnt->options;
    size_t n = learnt->n_rules, k = options->top < n ? options->top : n, n_best = NEAR * k < n ? NEAR * k : n;
    examples_values (examples, pair, (float) options->weight_relevance / MICRO, (float) options->weight_discrepancy / MICRO, room->value);
    examples_best (room->value, n, n_best, room->best);
    learn_pair_features (examples, options, pair, &room->x);
    learn_columns (learnt, &room->x, &room->columns);
    for (size_t d = 0; d < draws; d++) {
        order_t order;
        if (!draw (&room->rng, room->value, room->best, k, n_best, n, &order))
            continue;
        difference (learnt, &room->columns, order, linear_rows (linear) % 2, &room->row);
        if (!linear_add (linear, &room->row))
            return false;
    }
    return true;
}

static void add_rows (const learnt_t *learnt, const examples_t *examples, linear_t *linear)
{
    room_t room = { .value = mem_new (learnt->n_rules * sizeof (float)), .rng = { learnt->options.seed } };
    size_t draws = draws_of (learnt, examples, linear);
    bool more = true;
    for (size_t i = 0; i < examples_pairs (examples) && more; i++)
        if (!examples_pair (examples, i)->validation)
            more = add_pair (learnt, examples, examples_pair (examples, i), draws, &room, linear);
    features_free (&room.x);
    features_free (&room.columns);
    features_free (&room.row);
    free (room.value);
}

status_t learn_rank (learnt_t *learnt, const examples_t *examples, fault_t *fault)
{
    size_t width = learnt->n_columns + 1;
    if (width * learnt->n_rules > INT32_MAX / 2)
        return fault_set (fault, ERR_LIMIT, "%zu features of %zu rules are too many for the form rank; lower adapter.bits",
                          learnt->n_columns, learnt->n_rules);
    linear_t *linear = linear_new ((uint32_t) (width * learnt->n_rules), false, learnt->options.bytes_max);
    add_rows (learnt, examples, linear);
    learnt->rows = linear_rows (linear);
    if (learnt->rows == 0) {
        linear_destroy (&linear);
        return OK;      // adapter_learn says that memory was short
    }
    double *y = mem_new (learnt->rows * sizeof *y), *w = mem_new (linear_weights (linear) * sizeof *w);
    for (size_t i = 0; i < learnt->rows; i++)
        y [i] = i % 2 ? -1 : 1;
    linear_options_t options = linear_options_default (LINEAR_SVM);
    options.cost = learnt->options.cost;
    options.epsilon = learnt->options.epsilon;
    status_t status = linear_train (linear, y, &options, w, fault);
    for (size_t r = 0; r < learnt->n_rules && status == OK; r++) {
        for (size_t c = 0; c < learnt->n_columns; c++)
            learnt->weight [c * learnt->n_heads + r] = (float) w [r * width + c];
        learnt->bias [r] = (float) w [r * width + width - 1];
    }
    free (y);
    free (w);
    linear_destroy (&linear);
    return status;
}
