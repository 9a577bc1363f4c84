#include "model/reward_learn.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"
#include "model/linear.h"
#include "model/reward_names.h"
#include "model/stats.h"

enum { SHARE_HALVINGS_MAX = 7 };

static const double costs [] = REWARD_COSTS;
enum { N_COSTS = sizeof costs / sizeof *costs };

typedef struct {
    const reward_example_t *examples;
    size_t n;
    const reward_options_t *options;
    reward_reader_t *reader;
    features_t a, b, d;             // of the example in hand
    double margin_top;              // counts REWARD_COPIES_MAX times
    double share;                   // of the examples that are taken
    linear_t *linear;
    double *target;                 // of the rows
    size_t target_cap;
    features_t *held;               // differences of the validation examples that are taken
    int *held_preferred;
    size_t n_held;
    uint64_t held_bytes;
} learner_t;

reward_options_t reward_options_default (void)
{
    return (reward_options_t) {
        .spec = features_spec_default (), .seed = 1, .pairs_max = 200000, .bytes_max = 1024 * 1024 * UINT64_C (1024), .margins = true
    };
}

// --- rows ---------------------------------------------------------------------

static bool is_taken (const learner_t *learner, size_t i)
{
    uint64_t number = i;
    return learner->share >= 1 || (double) hash64 (learner->options->seed, &number, sizeof number) < learner->share * 0x1p64;
}

static void read_difference (learner_t *learner, const reward_example_t *example)
{
    reward_read_prompt (learner->reader, example->prompt.turns, example->prompt.n);
    reward_read_response (learner->reader, example->a.turns, example->a.n, &learner->a);
    reward_read_response (learner->reader, example->b.turns, example->b.n, &learner->b);
    features_clear (&learner->d);
    features_difference (&learner->d, &learner->a, &learner->b, 0);
}

// How often an example counts: its weight's whole part, and one more by a draw of its fraction's chance.
static unsigned copies_of (const learner_t *learner, size_t i)
{
    double margin = learner->examples [i].margin;
    if (!learner->options->margins || learner->examples [i].preferred == 0 || !(margin > 0) || !(learner->margin_top > 0))
        return 1;
    double weight = 1 + (REWARD_COPIES_MAX - 1) * fmin (1, margin / learner->margin_top);
    rng_t rng = { learner->options->seed ^ (i * 0x9E3779B97F4A7C15u) };
    return (unsigned) weight + (rng_unit (&rng) < weight - floor (weight));
}

// The target of the row that is added next.
static void set_target (learner_t *learner, double target)
{
    size_t row = linear_rows (learner->linear);
    if (row == learner->target_cap) {
        learner->target_cap = row ? 2 * row : 1024;
        learner->target = mem_resize (learner->target, learner->target_cap * sizeof *learner->target);
    }
    learner->target [row] = target;
}

static bool add_row (learner_t *learner, const features_t *d, double target)
{
    set_target (learner, target);
    return linear_add (learner->linear, d);
}

static bool repeat_row (learner_t *learner, size_t row, double target)
{
    set_target (learner, target);
    return linear_repeat (learner->linear, row);
}

static void turn_round (features_t *d)
{
    for (size_t f = 0; f < d->n; f++)
        d->at [f].value = -d->at [f].value;
}

static bool add_example (learner_t *learner, size_t i)
{
    int preferred = learner->examples [i].preferred;
    features_t *d = &learner->d;
    size_t first = linear_rows (learner->linear);
    read_difference (learner, &learner->examples [i]);
    bool fits = add_row (learner, d, preferred ? preferred : 1);
    if (preferred == 0)
        return fits && repeat_row (learner, first, -1);
    turn_round (d);
    fits = fits && add_row (learner, d, -preferred);
    for (unsigned c = copies_of (learner, i); fits && c > 1; c--)
        fits = repeat_row (learner, first, preferred) && repeat_row (learner, first + 1, -preferred);
    return fits;
}

static bool hold_out (learner_t *learner, const reward_example_t *example)
{
    read_difference (learner, example);
    learner->held_bytes += learner->d.n * sizeof *learner->d.at + sizeof (features_t) + sizeof (int);
    if (learner->held_bytes > learner->options->bytes_max / 4)
        return false;
    learner->held [learner->n_held] = (features_t) { 0 };
    features_append (&learner->held [learner->n_held], &learner->d, 0, 1);
    learner->held_preferred [learner->n_held++] = example->preferred;
    return true;
}

static void forget_held (learner_t *learner)
{
    for (size_t i = 0; i < learner->n_held; i++)
        features_free (&learner->held [i]);
    learner->n_held = 0;
    learner->held_bytes = 0;
}

// Rows of the examples that are taken: all of them, or those to learn from, the others being held out. False: they do not fit.
static bool add_rows (learner_t *learner, bool all)
{
    linear_destroy (&learner->linear);
    learner->linear = linear_new (reward_dimensions (&learner->options->spec), false, learner->options->bytes_max - learner->held_bytes);
    for (size_t i = 0; i < learner->n; i++) {
        if (!is_taken (learner, i))
            continue;
        bool held = !all && learner->examples [i].validation;
        if (held ? !hold_out (learner, &learner->examples [i]) : !add_example (learner, i))
            return false;
    }
    return true;
}

// --- which C ------------------------------------------------------------------

// log2 (1 + exp (-margin)), a tie being half of each.
static double loss_of (double margin, int preferred)
{
    double won = log1p (exp (-fabs (margin))) + fmax (0, -margin), lost = won + margin;
    return (preferred > 0 ? won : preferred < 0 ? lost : (won + lost) / 2) / M_LN2;
}

static double held_loss (const learner_t *learner, const double *weights)
{
    double sum = 0;
    for (size_t i = 0; i < learner->n_held; i++) {
        double margin = 0;
        for (size_t f = 0; f < learner->held [i].n; f++)
            margin += weights [learner->held [i].at [f].index] * (double) learner->held [i].at [f].value;
        sum += loss_of (margin, learner->held_preferred [i]);
    }
    return sum / (double) learner->n_held;
}

static status_t train (learner_t *learner, double cost, double *weights, fault_t *fault)
{
    linear_options_t options = linear_options_default (LINEAR_LOGISTIC);
    options.cost = cost;
    return linear_train (learner->linear, learner->target, &options, weights, fault);
}

static status_t choose_cost (learner_t *learner, double *weights, reward_facts_t *facts, fault_t *fault)
{
    facts->cost = 1;
    facts->validation_loss = NAN;
    facts->validation = learner->n_held;
    if (learner->n_held == 0 || linear_rows (learner->linear) == 0)
        return OK;
    for (int c = 0; c < N_COSTS; c++) {
        status_t status = train (learner, costs [c], weights, fault);
        if (status != OK)
            return status;
        double loss = held_loss (learner, weights);
        if (c == 0 || loss < facts->validation_loss) {
            facts->cost = costs [c];
            facts->validation_loss = loss;
        }
    }
    return OK;
}

// --- the whole ----------------------------------------------------------------

static double margin_top (const reward_example_t *examples, size_t n)
{
    double *margin = mem_new ((n + 1) * sizeof *margin);
    size_t known = 0;
    for (size_t i = 0; i < n; i++)
        if (examples [i].margin > 0)
            margin [known++] = examples [i].margin;
    stats_sort (margin, known);
    double top = known ? stats_quantile (margin, known, 0.95) : 0;
    free (margin);
    return top;
}

// Both passes with the share as it is; *fits false: too much for the memory.
static status_t learn_share (learner_t *learner, double *weights, reward_facts_t *facts, bool *fits, fault_t *fault)
{
    *fits = add_rows (learner, false);
    status_t status = *fits ? choose_cost (learner, weights, facts, fault) : OK;
    forget_held (learner);
    if (status != OK || !*fits)
        return status;
    *fits = add_rows (learner, true) && linear_rows (learner->linear) > 0;
    return *fits ? train (learner, facts->cost, weights, fault) : OK;
}

static void count (const learner_t *learner, reward_facts_t *facts)
{
    for (size_t i = 0; i < learner->n; i++) {
        bool taken = is_taken (learner, i);
        facts->pairs += taken;
        facts->left_out += !taken;
        facts->ties += taken && learner->examples [i].preferred == 0;
    }
}

static void write_file (learner_t *learner, const reward_facts_t *facts, const double *weights, buf_t *out)
{
    size_t n = reward_dimensions (&learner->options->spec), n_names;
    float *small = mem_new (n * sizeof *small);
    for (size_t i = 0; i < n; i++)
        small [i] = (float) weights [i];
    reward_name_t *names = mem_new (REWARD_NAMES_MAX * sizeof *names);
    reward_names_t *wanted = reward_names_new (&learner->options->spec, small);
    reward_watch (learner->reader, reward_names_watch, wanted);
    for (size_t i = 0; i < learner->n; i++)
        if (is_taken (learner, i))
            read_difference (learner, &learner->examples [i]);
    n_names = reward_names_end (&wanted, names);
    reward_write (facts, small, names, n_names, out);
    free (names);
    free (small);
}

static status_t learn (learner_t *learner, reward_facts_t *facts, double *weights, fault_t *fault)
{
    bool fits = false;
    status_t status = OK;
    for (int halvings = 0; status == OK && !fits; halvings++) {
        if (halvings == SHARE_HALVINGS_MAX)
            return fault_set (fault, ERR_LIMIT, "not even %.1f %% of the pairs fit into %llu MB; give more memory", 200 * learner->share,
                              (unsigned long long) (learner->options->bytes_max >> 20));
        status = learn_share (learner, weights, facts, &fits, fault);
        if (!fits)
            learner->share /= 2;
    }
    return status;
}

status_t reward_learn (const reward_example_t *examples, size_t n, const reward_options_t *options, const char *note, buf_t *out,
                       fault_t *fault)
{
    bool any = false;
    for (size_t i = 0; i < n; i++)
        any = any || examples [i].preferred != 0;
    if (!any)
        return fault_set (fault, ERR_FORMAT, "there is nothing to learn from: none of %zu pairs has a preferred response", n);
    learner_t learner = {
        .examples = examples, .n = n, .options = options, .reader = reward_reader_new (&options->spec),
        .margin_top = margin_top (examples, n), .share = n > options->pairs_max ? (double) options->pairs_max / (double) n : 1,
    };
    learner.held = mem_new ((n + 1) * sizeof *learner.held);
    learner.held_preferred = mem_new ((n + 1) * sizeof *learner.held_preferred);
    double *weights = mem_new (reward_dimensions (&options->spec) * sizeof *weights);
    reward_facts_t facts = { .spec = options->spec };
    snprintf (facts.note, sizeof facts.note, "%s", note);
    status_t status = learn (&learner, &facts, weights, fault);
    if (status == OK) {
        count (&learner, &facts);
        write_file (&learner, &facts, weights, out);
    }
    linear_destroy (&learner.linear);
    reward_reader_destroy (&learner.reader);
    features_t *scratch [] = { &learner.a, &learner.b, &learner.d };
    for (int i = 0; i < 3; i++)
        features_free (scratch [i]);
    free (learner.target);
    free (learner.held);
    free (learner.held_preferred);
    free (weights);
    return status;
}
