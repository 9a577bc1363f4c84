#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/mem.h"
#include "model/adapter_learn_parts.h"

// Of a file, for what is not weights: rules, index, info, twin.
enum { FILE_RESERVE_BYTES = 3 * 1024 * 1024, COLUMN_NAME_BYTES = 24 };

double learn_cost_default (adapter_form_t form)
{
    static const double cost [ADAPTER_FORMS] = {
        [ADAPTER_REST] = 1, [ADAPTER_RANK] = 0.1, [ADAPTER_VALUE] = 0.5, [ADAPTER_CELLS] = 1.0 / 6
    };
    return cost [form];
}

learn_options_t learn_options_default (adapter_form_t form)
{
    return (learn_options_t) {
        .form = form, .cost = learn_cost_default (form), .epsilon = 0.01, .count_min = 3, .bytes_max = (uint64_t) 1 << 30,
        .top = 5, .weight_relevance = MICRO, .weight_discrepancy = MICRO / 2, .seed = 1
    };
}

// --- rows ------------------------------------------------------------------

void learn_pair_features (const examples_t *examples, const learn_options_t *options, const example_pair_t *pair, features_t *out)
{
    const example_side_t *a = examples_side (examples, pair->a), *b = examples_side (examples, pair->b);
    const features_t *prompt = examples_prompt (examples, a->prompt);
    features_pair (examples_spec (examples), prompt, options->prompt_only ? NULL : &a->text, &b->text, out);
}

void learn_side_features (const examples_t *examples, const example_side_t *side, features_t *out)
{
    features_answer (examples_spec (examples), examples_prompt (examples, side->prompt), &side->text, out);
}

void learn_columns (const learnt_t *learnt, const features_t *x, features_t *out)
{
    features_clear (out);
    for (size_t i = 0; i < x->n; i++) {
        uint32_t column = learnt->index [x->at [i].index];
        if (column != ADAPTER_NO_COLUMN)
            features_push (out, column, x->at [i].value);
    }
}

// --- columns ---------------------------------------------------------------

static void count_features (const learnt_t *learnt, const examples_t *examples, uint32_t *count)
{
    features_t x = { 0 };
    bool cells = learnt->options.form == ADAPTER_CELLS;
    size_t n = cells ? examples_sides (examples) : examples_pairs (examples);
    for (size_t i = 0; i < n; i++) {
        if (cells ? !examples_side (examples, i)->learnt : examples_pair (examples, i)->validation)
            continue;
        if (cells)
            learn_side_features (examples, examples_side (examples, i), &x);
        else
            learn_pair_features (examples, &learnt->options, examples_pair (examples, i), &x);
        for (size_t f = 0; f < x.n; f++)
            count [x.at [f].index]++;
    }
    features_free (&x);
}

static int by_count (const void *x, const void *y)
{
    uint32_t a = *(const uint32_t *) x, b = *(const uint32_t *) y;
    return a < b ? 1 : a > b ? -1 : 0;
}

// The smallest count with which at most columns_max features remain.
static uint32_t count_needed (const uint32_t *count, size_t n, uint32_t count_min, size_t columns_max)
{
    uint32_t *kept = mem_new (n * sizeof *kept);
    size_t n_kept = 0;
    for (size_t i = 0; i < n; i++)
        if (count [i] >= count_min)
            kept [n_kept++] = count [i];
    qsort (kept, n_kept, sizeof *kept, by_count);
    uint32_t needed = n_kept > columns_max ? kept [columns_max] + 1 : count_min;
    free (kept);
    return needed;
}

static void choose_columns (learnt_t *learnt, const examples_t *examples)
{
    size_t n = learnt->n_dimensions, room = LIMIT_ADAPTER_BYTES - FILE_RESERVE_BYTES - n * sizeof (uint32_t);
    size_t columns_max = room / (learnt->n_heads + sizeof (float) + sizeof (uint32_t) + COLUMN_NAME_BYTES);
    if (learnt->options.columns_max > 0 && learnt->options.columns_max < columns_max)
        columns_max = learnt->options.columns_max;
    uint32_t *count = mem_zero (n, sizeof *count);
    count_features (learnt, examples, count);
    uint32_t least = learnt->options.count_min > 0 ? learnt->options.count_min : 1;
    uint32_t needed = count_needed (count, n, least, columns_max);
    learnt->index = mem_new (n * sizeof *learnt->index);
    learnt->dimension = mem_new (n * sizeof *learnt->dimension);
    for (uint32_t i = 0; i < n; i++) {
        bool kept = count [i] >= needed;
        learnt->index [i] = kept ? (uint32_t) learnt->n_columns : ADAPTER_NO_COLUMN;
        if (kept)
            learnt->dimension [learnt->n_columns++] = i;
    }
    free (count);
}

// --- the values to foresee -------------------------------------------------

static float weight_of (uint32_t micro)
{
    return (float) micro / MICRO;
}

static void sum_up_rules (learnt_t *learnt, const examples_t *examples)
{
    const learn_options_t *options = &learnt->options;
    float *value = mem_new (learnt->n_rules * sizeof *value);
    uint32_t best [LIMIT_RULES];
    size_t k = options->top < learnt->n_rules ? options->top : learnt->n_rules, n = 0;
    double *share = mem_zero (learnt->n_rules, sizeof *share), *mean = mem_zero (learnt->n_rules, sizeof *mean);
    for (size_t i = 0; i < examples_pairs (examples); i++) {
        const example_pair_t *pair = examples_pair (examples, i);
        if (pair->validation)
            continue;
        n++;
        examples_values (examples, pair, weight_of (options->weight_relevance), weight_of (options->weight_discrepancy), value);
        examples_best (value, learnt->n_rules, k, best);
        for (size_t j = 0; j < k; j++)
            share [best [j]]++;
        for (size_t r = 0; r < learnt->n_rules; r++)
            mean [r] += (double) value [r];
    }
    for (size_t r = 0; r < learnt->n_rules; r++) {
        learnt->share [r] = (float) (share [r] / (double) n);
        learnt->mean [r] = (float) (mean [r] / (double) n);
    }
    free (share);
    free (mean);
    free (value);
}

// --- rest and value --------------------------------------------------------

void learn_tell (const learnt_t *learnt, size_t done)
{
    if (learnt->options.progress)
        learnt->options.progress (learnt->options.progress_ctx, done, learnt->n_heads);
}

void learn_ridge (learnt_t *learnt, ridge_t *ridge, ridge_target_fn *target, ridge_done_fn *done, void *ctx)
{
    learnt->rows = ridge_rows (ridge);
    if (learnt->rows > 0)
        ridge_solve (ridge, target, done, ctx, learnt->n_heads, learnt->options.cost, learnt->options.epsilon, learnt->weight,
                     learnt->bias);
}

typedef struct {
    const learnt_t *learnt;
    const examples_t *examples;
    size_t *pair, n;            // which pairs the rows are
    uint32_t *best;             // n x k; `rest` alone
    size_t k;
} direct_t;

static void value_target (void *ctx, size_t head, float *target)
{
    direct_t *direct = ctx;
    const learn_options_t *options = &direct->learnt->options;
    for (size_t i = 0; i < direct->n; i++)
        target [i] = examples_value (direct->examples, examples_pair (direct->examples, direct->pair [i]), head,
                                     weight_of (options->weight_relevance), weight_of (options->weight_discrepancy));
}

static void value_done (void *ctx, size_t done)
{
    const direct_t *direct = ctx;
    learn_tell (direct->learnt, done);
}

static void rest_target (const direct_t *direct, size_t head, double *target)
{
    for (size_t i = 0; i < direct->n; i++) {
        target [i] = -1;
        for (size_t j = 0; j < direct->k; j++)
            target [i] = direct->best [i * direct->k + j] == head ? 1 : target [i];
    }
}

static void find_best (direct_t *direct)
{
    const learn_options_t *options = &direct->learnt->options;
    size_t n_rules = direct->learnt->n_rules;
    direct->k = options->top < n_rules ? options->top : n_rules;
    direct->best = mem_new (direct->n * direct->k * sizeof *direct->best);
    float *value = mem_new (n_rules * sizeof *value);
    for (size_t i = 0; i < direct->n; i++) {
        examples_values (direct->examples, examples_pair (direct->examples, direct->pair [i]),
                         weight_of (options->weight_relevance), weight_of (options->weight_discrepancy), value);
        examples_best (value, n_rules, direct->k, direct->best + i * direct->k);
    }
    free (value);
}

static status_t fit_rest (learnt_t *learnt, linear_t *linear, direct_t *direct, fault_t *fault)
{
    linear_options_t options = linear_options_default (LINEAR_LOGISTIC);
    options.cost = learnt->options.cost;
    options.epsilon = learnt->options.epsilon;
    find_best (direct);
    double *y = mem_new (direct->n * sizeof *y), *w = mem_new (linear_weights (linear) * sizeof *w);
    status_t status = OK;
    for (size_t head = 0; head < learnt->n_heads && status == OK; head++) {
        rest_target (direct, head, y);
        status = linear_train (linear, y, &options, w, fault);
        for (size_t c = 0; c < learnt->n_columns && status == OK; c++)
            learnt->weight [c * learnt->n_heads + head] = (float) w [c];
        learnt->bias [head] = (float) w [learnt->n_columns];
        learn_tell (learnt, head + 1);
    }
    free (y);
    free (w);
    free (direct->best);
    return status;
}

// The rows of all pairs that are learnt from, as far as there is memory for them.
static void add_pairs (const learnt_t *learnt, direct_t *direct, linear_t *linear, ridge_t *ridge)
{
    features_t x = { 0 }, columns = { 0 };
    for (size_t i = 0; i < examples_pairs (direct->examples); i++) {
        if (examples_pair (direct->examples, i)->validation)
            continue;
        learn_pair_features (direct->examples, &learnt->options, examples_pair (direct->examples, i), &x);
        learn_columns (learnt, &x, &columns);
        if (linear ? !linear_add (linear, &columns) : !ridge_add (ridge, &columns))
            break;
        direct->pair [direct->n++] = i;
    }
    features_free (&x);
    features_free (&columns);
}

static status_t learn_direct (learnt_t *learnt, const examples_t *examples, fault_t *fault)
{
    bool rest = learnt->options.form == ADAPTER_REST;
    linear_t *linear = rest ? linear_new ((uint32_t) learnt->n_columns, true, learnt->options.bytes_max) : NULL;
    ridge_t *ridge = rest ? NULL : ridge_new ((uint32_t) learnt->n_columns, learnt->options.bytes_max);
    direct_t direct = { .learnt = learnt, .examples = examples, .pair = mem_new (examples_pairs (examples) * sizeof (size_t)) };
    status_t status = OK;
    add_pairs (learnt, &direct, linear, ridge);
    learnt->rows = direct.n;
    if (rest && direct.n > 0)
        status = fit_rest (learnt, linear, &direct, fault);
    else if (direct.n > 0)
        learn_ridge (learnt, ridge, value_target, value_done, &direct);
    linear_destroy (&linear);
    ridge_destroy (&ridge);
    free (direct.pair);
    return status;
}

// --- all forms -------------------------------------------------------------

static learnt_t *learnt_new (const examples_t *examples, const learn_options_t *options)
{
    learnt_t *learnt = mem_zero (1, sizeof *learnt);
    learnt->options = *options;
    if (options->cost == 0)
        learnt->options.cost = learn_cost_default (options->form);
    learnt->n_rules = examples_rules (examples);
    learnt->n_heads = adapter_form_heads (options->form, (uint32_t) learnt->n_rules);
    learnt->n_dimensions = adapter_form_dimensions (options->form, options->prompt_only, examples_spec (examples));
    learnt->bias = mem_zero (learnt->n_heads, sizeof *learnt->bias);
    learnt->share = mem_zero (learnt->n_rules, sizeof *learnt->share);
    learnt->mean = mem_zero (learnt->n_rules, sizeof *learnt->mean);
    learnt->coefficient = mem_zero (learnt->n_rules, sizeof *learnt->coefficient);
    choose_columns (learnt, examples);
    learnt->weight = mem_zero (learnt->n_columns * learnt->n_heads, sizeof *learnt->weight);
    return learnt;
}

status_t adapter_learn (const examples_t *examples, const learn_options_t *options, learnt_t **out, fault_t *fault)
{
    assert (!options->prompt_only || options->form != ADAPTER_CELLS);
    *out = NULL;
    if (examples_pairs (examples) == examples_validation (examples))
        return fault_set (fault, ERR_FORMAT, "there is no judged pair to learn from; label more prompts exhaustively");
    learnt_t *learnt = learnt_new (examples, options);
    sum_up_rules (learnt, examples);
    status_t status = OK;
    if (options->form == ADAPTER_CELLS)
        learn_cells (learnt, examples);
    else
        status = options->form == ADAPTER_RANK ? learn_rank (learnt, examples, fault) : learn_direct (learnt, examples, fault);
    if (status == OK && learnt->rows == 0)
        status = fault_set (fault, ERR_LIMIT, "%" PRIu64 " MB are too few to learn in; raise adapter.memory", options->bytes_max >> 20);
    if (status == OK)
        *out = learnt;
    else
        learnt_destroy (&learnt);
    return status;
}

void learnt_destroy (learnt_t **learnt)
{
    learnt_t *self = *learnt;
    if (self == NULL)
        return;
    free (self->index);
    free (self->dimension);
    free (self->weight);
    free (self->bias);
    free (self->share);
    free (self->mean);
    free (self->coefficient);
    free (self);
    *learnt = NULL;
}

size_t learnt_columns (const learnt_t *learnt)
{
    return learnt->n_columns;
}

size_t learnt_rows (const learnt_t *learnt)
{
    return learnt->rows;
}
