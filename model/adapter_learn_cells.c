// Form `cells`: first what the judge will say of each response, then what that is worth.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/adapter_learn_parts.h"

enum { N = ADAPTER_COEFFICIENTS };

// With fewer pairs than this to learn from, the validation pairs are too few to say what the foreseen is worth: then each fold
// of the prompts is foreseen by what the others teach.
enum { FOLDED_PAIRS_MAX = 6000, FOLDS = 5, ALL_FOLDS = FOLDS };

// --- what the judge will say -----------------------------------------------

typedef struct { const learnt_t *learnt; const examples_t *examples; size_t *side, n; } said_t;

static void said_target (void *ctx, size_t head, float *target)
{
    const said_t *said = ctx;
    size_t n_rules = said->learnt->n_rules, kind = head / n_rules, rule = head % n_rules;
    for (size_t i = 0; i < said->n; i++) {
        const example_side_t *side = examples_side (said->examples, said->side [i]);
        target [i] = kind == 0 ? side->relevance [rule] : kind == 1 ? side->score [rule] : fabsf (side->score [rule]);
    }
}

static void said_done (void *ctx, size_t done)
{
    const said_t *said = ctx;
    learn_tell (said->learnt, done);
}

static size_t fold_of (const example_side_t *side)
{
    return side->prompt % FOLDS;
}

// From the responses of all prompts but those of a fold.
static void fit_cells (learnt_t *learnt, const examples_t *examples, size_t but)
{
    ridge_t *ridge = ridge_new ((uint32_t) learnt->n_columns, learnt->options.bytes_max);
    said_t said = { learnt, examples, mem_new (examples_sides (examples) * sizeof (size_t)), 0 };
    features_t x = { 0 }, columns = { 0 };
    for (size_t i = 0; i < examples_sides (examples); i++) {
        if (!examples_side (examples, i)->learnt || fold_of (examples_side (examples, i)) == but)
            continue;
        learn_side_features (examples, examples_side (examples, i), &x);
        learn_columns (learnt, &x, &columns);
        if (!ridge_add (ridge, &columns))
            break;
        said.side [said.n++] = i;
    }
    features_free (&x);
    features_free (&columns);
    learn_ridge (learnt, ridge, said_target, said_done, &said);
    ridge_destroy (&ridge);
    free (said.side);
}

// --- what that is worth ----------------------------------------------------

// Sums of squares and products of one least-squares problem.
typedef struct { double xx [N] [N], xy [N]; size_t n; } sums_t;

static void add_row (sums_t *sums, const double *x, double y)
{
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++)
            sums->xx [i] [j] += x [i] * x [j];
        sums->xy [i] += x [i] * y;
    }
    sums->n++;
}

// Solve a x = b by elimination with pivots; a column without one gives 0.
static void solve (double a [N] [N], double *b, double *x)
{
    bool used [N] = { false };
    int row_of [N];
    for (int c = 0; c < N; c++) {
        int best = -1;
        for (int r = 0; r < N; r++)
            if (!used [r] && (best < 0 || fabs (a [r] [c]) > fabs (a [best] [c])))
                best = r;
        row_of [c] = best;
        if (fabs (a [best] [c]) < 1e-12) {
            row_of [c] = -1;
            continue;
        }
        used [best] = true;
        for (int r = 0; r < N; r++) {
            double factor = r == best ? 0 : a [r] [c] / a [best] [c];
            for (int j = c; j < N && factor != 0; j++)
                a [r] [j] -= factor * a [best] [j];
            b [r] -= factor * b [best];
        }
    }
    for (int c = 0; c < N; c++)
        x [c] = row_of [c] < 0 ? 0 : b [row_of [c]] / a [row_of [c]] [c];
}

// Least squares drawn towards prior, as if `strength` average rows of all rules said it of each coefficient.
static void fit_coefficients (const sums_t *sums, const sums_t *all, const double *strength, const double *prior, double *out)
{
    double a [N] [N], b [N];
    memcpy (a, sums->xx, sizeof a);
    memcpy (b, sums->xy, sizeof b);
    for (int i = 0; i < N && all->n > 0; i++) {
        double weight = strength [i] * all->xx [i] [i] / (double) all->n;
        a [i] [i] += weight;
        b [i] += weight * prior [i];
    }
    solve (a, b, out);
}

static void foresee (const learnt_t *learnt, const examples_t *examples, size_t side, features_t *x, float *heads)
{
    learn_side_features (examples, examples_side (examples, side), x);
    memcpy (heads, learnt->bias, learnt->n_heads * sizeof *heads);
    for (size_t i = 0; i < x->n; i++) {
        uint32_t column = learnt->index [x->at [i].index];
        if (column == ADAPTER_NO_COLUMN)
            continue;
        const float *weight = learnt->weight + (size_t) column * learnt->n_heads;
        for (size_t head = 0; head < learnt->n_heads; head++)
            heads [head] += x->at [i].value * weight [head];
    }
}

// What each rule is to the label of exhaustive selection: its value where it is picked. One that nearly was adds nothing to the label.
static void weigh_rules (const learnt_t *learnt, const examples_t *examples, const example_pair_t *pair, float *worth)
{
    size_t n = learnt->n_rules, k = learnt->options.top < n ? learnt->options.top : n;
    float value [LIMIT_RULES];
    uint32_t best [LIMIT_RULES];
    examples_values (examples, pair, (float) learnt->options.weight_relevance / MICRO, (float) learnt->options.weight_discrepancy / MICRO, value);
    examples_best (value, n, k, best);
    memset (worth, 0, n * sizeof *worth);
    for (size_t i = 0; i < k; i++)
        worth [best [i]] = value [best [i]];
}

static void add_pair (const learnt_t *learnt, const examples_t *examples, const example_pair_t *pair, const float *a, const float *b,
                      sums_t *sums)
{
    size_t n = learnt->n_rules;
    float worth [LIMIT_RULES];
    weigh_rules (learnt, examples, pair, worth);
    for (size_t r = 0; r < n; r++) {
        const double x [N] = {
            1, (double) (a [r] + b [r]) / 2, fabs ((double) (a [n + r] - b [n + r])), (double) (a [2 * n + r] + b [2 * n + r]) / 2
        };
        add_row (&sums [r], x, (double) worth [r]);
        add_row (&sums [n], x, (double) worth [r]);
    }
}

// Add what the pairs of a fold teach, which are foreseen by what is learnt at the moment; ALL_FOLDS: the validation pairs.
static void add_fold (const learnt_t *learnt, const examples_t *examples, size_t fold, sums_t *sums)
{
    float *a = mem_new (learnt->n_heads * sizeof *a), *b = mem_new (learnt->n_heads * sizeof *b);
    features_t x = { 0 };
    for (size_t i = 0; i < examples_pairs (examples); i++) {
        const example_pair_t *pair = examples_pair (examples, i);
        if (fold == ALL_FOLDS ? !pair->validation : pair->validation || fold_of (examples_side (examples, pair->a)) != fold)
            continue;
        foresee (learnt, examples, pair->a, &x, a);
        foresee (learnt, examples, pair->b, &x, b);
        add_pair (learnt, examples, pair, a, b, sums);
    }
    features_free (&x);
    free (a);
    free (b);
}

// What is foreseen has a worth common to all rules, from which a rule's own is drawn away as its pairs say; its constant, which
// is how much the rule counts at all, sooner than the rest.
static void fit_worth (learnt_t *learnt, const sums_t *sums)
{
    static const double nothing [N] = { 0 }, weak [N] = { 1, 1, 1, 1 }, strong [N] = { 5, 50, 50, 50 };
    size_t n = learnt->n_rules;
    double common [N], own [N];
    fit_coefficients (&sums [n], &sums [n], weak, nothing, common);
    for (size_t r = 0; r < n; r++) {
        fit_coefficients (&sums [r], &sums [n], strong, common, own);
        for (int c = 0; c < N; c++)
            learnt->coefficient [r] [c] = (float) own [c];
    }
}

void learn_cells (learnt_t *learnt, const examples_t *examples)
{
    sums_t *sums = mem_zero (learnt->n_rules + 1, sizeof *sums);    // of each rule, and of all together
    bool folded = examples_pairs (examples) < FOLDED_PAIRS_MAX;
    for (size_t fold = 0; folded && fold < FOLDS; fold++) {
        fit_cells (learnt, examples, fold);
        if (learnt->rows > 0)
            add_fold (learnt, examples, fold, sums);
    }
    fit_cells (learnt, examples, ALL_FOLDS);
    if (learnt->rows > 0)
        add_fold (learnt, examples, ALL_FOLDS, sums);
    fit_worth (learnt, sums);
    free (sums);
}
