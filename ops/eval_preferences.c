#include "ops/eval_preferences.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/words.h"
#include "model/bootstrap.h"
#include "model/refusal.h"
#include "model/selection.h"
#include "storage/dataset_view.h"
#include "storage/run.h"

static const char *const baseline_names [EVAL_BASELINES] = { "coin", "prefer-refusal", "prefer-compliance", "prefer-longer", "prefer-shorter" };
enum { COIN, REFUSAL, COMPLIANCE, LONGER, SHORTER };

_Static_assert (2 * (EVAL_RUNS_MAX + EVAL_BASELINES) <= CLUSTER_WIDTH_MAX, "a line needs two sums");

typedef struct {
    const eval_preferences_options_t *options;
    eval_preferences_t *out;
    clusters_t *clusters;           // of each line: hits, pairs
    buf_t words;
} tally_t;

// --- pairs ---------------------------------------------------------------------

// What a choice is worth against what was given: +1 a, -1 b, 0 neither.
static double worth (int choice, int given)
{
    return choice == 0 ? 0.5 : choice == given ? 1 : 0;
}

static int given_of (const dataset_votes_t *votes)
{
    return (votes->a > votes->b) - (votes->a < votes->b);
}

static int label_of (const Rulemill__Label *label)
{
    if (label->outcome == RULEMILL__OUTCOME__OUTCOME_TIE)
        return 0;
    return (label->outcome == RULEMILL__OUTCOME__OUTCOME_A) != (label->swapped != 0) ? 1 : -1;
}

static bool refuses (tally_t *tally, const Rulemill__Conversation *response)
{
    buf_clear (&tally->words);
    for (size_t i = 0; i < response->n_turns; i++)
        words_normalise (response->turns [i]->content, strlen (response->turns [i]->content), &tally->words);
    return refusal_found (&tally->words);
}

static void add (tally_t *tally, size_t line, int choice, int given, double *sums)
{
    sums [2 * line] = worth (choice, given);
    sums [2 * line + 1] = 1;
    tally->out->lines [line].pairs++;
    tally->out->lines [line].decided += choice != 0;
}

static void add_baselines (tally_t *tally, const dataset_item_t *item, int given, double *sums)
{
    size_t first = tally->out->n_runs;
    bool a = refuses (tally, item->a->response), b = refuses (tally, item->b->response);
    size_t bytes_a = dataset_text_bytes (item->a->response), bytes_b = dataset_text_bytes (item->b->response);
    int longer = (bytes_a > bytes_b) - (bytes_a < bytes_b);
    add (tally, first + COIN, 0, given, sums);
    add (tally, first + REFUSAL, a - b, given, sums);
    add (tally, first + COMPLIANCE, b - a, given, sums);
    add (tally, first + LONGER, longer, given, sums);
    add (tally, first + SHORTER, -longer, given, sums);
}

static void count_pair (tally_t *tally, size_t run, const dataset_item_t *item)
{
    double sums [2 * (EVAL_RUNS_MAX + EVAL_BASELINES)] = { 0 };
    int given = given_of (&item->votes);
    add (tally, run, label_of (item->label), given, sums);
    if (run == 0)
        add_baselines (tally, item, given, sums);
    clusters_add (tally->clusters, item->pair->prompt, sums);
}

static bool is_usable (const tally_t *tally, const dataset_item_t *item)
{
    return item->label && !item->excluded && item->label->outcome != RULEMILL__OUTCOME__OUTCOME_QUARANTINED && given_of (&item->votes) != 0
           && parity_has (tally->options->parity, item->prompt->conversation);
}

// Is it a pair that tells of the foreseeing run? Its adapter has learnt from none of these.
static status_t is_foreseen (const eval_preferences_options_t *options, uint64_t pair, bool *is, fault_t *fault)
{
    *is = true;
    if (options->foreseen == NULL)
        return OK;
    Rulemill__Label *label = NULL;
    bool audited = false;
    status_t status = record_get_label (options->store, options->foreseen->number, pair, &label, fault);
    if (status == OK)
        status = record_has_audit (options->store, options->foreseen->number, pair, &audited, fault);
    *is = label && !audited && strcmp (label->selected_by, policy_name (POLICY_ADAPTER)) == 0;
    if (label)
        rulemill__label__free_unpacked (label, NULL);
    return status;
}

static status_t walk_run (tally_t *tally, size_t run, dataset_where_t *where, fault_t *fault)
{
    const eval_preferences_options_t *options = tally->options;
    dataset_style_t style = { 0 };
    memcpy (style.run, tally->out->lines [run].name, sizeof style.run);
    dataset_walk_t *walk = dataset_walk_new (options->store, options->runs [run], 0, WALK_LABELLED_TEXTS, NULL, NULL);
    const dataset_item_t *item;
    status_t status;
    while ((status = dataset_walk_next (walk, &item, fault)) == OK && item) {
        bool foreseen = false;
        if (is_usable (tally, item) && (status = is_foreseen (options, item->number, &foreseen, fault)) != OK)
            break;
        if (!foreseen)
            continue;
        dataset_view_t view = dataset_view_of (item);
        if (dataset_where_holds (where, &style, item, &view))
            count_pair (tally, run, item);
    }
    dataset_walk_destroy (&walk);
    return status;
}

// --- figures -------------------------------------------------------------------

// A line's agreement, or how much it is above the reference's.
typedef struct { size_t line, reference; } about_t;

static double agreement (const double *sums, void *context)
{
    const about_t *about = context;
    return stat_ratio (sums + 2 * about->line, NULL);
}

static double difference (const double *sums, void *context)
{
    const about_t *about = context;
    return stat_ratio (sums + 2 * about->line, NULL) - stat_ratio (sums + 2 * about->reference, NULL);
}

static void figure_lines (tally_t *tally)
{
    eval_preferences_t *out = tally->out;
    const bootstrap_t bootstrap = { .seed = tally->options->seed };
    out->prompts = clusters_count (tally->clusters);
    for (size_t i = 0; i < out->count; i++) {
        about_t about = { i, out->reference };
        out->lines [i].agreement = clusters_interval (tally->clusters, agreement, &about, &bootstrap);
        out->lines [i].difference = clusters_interval (tally->clusters, difference, &about, &bootstrap);
    }
}

// Is k the policy's to use?
static bool has_top (const char *policy)
{
    return strcmp (policy, "all") != 0 && strcmp (policy, "fixed") != 0;
}

static void name_lines (const eval_preferences_options_t *options, eval_preferences_t *out)
{
    out->n_runs = options->n_runs;
    out->reference = options->n_runs;
    for (size_t i = 0; i < options->n_runs; i++) {
        const Rulemill__RunRecord *run = options->runs [i];
        digest_t digest = { { 0 } };
        if (run->digest.len == DIGEST_BYTES)
            memcpy (digest.b, run->digest.data, DIGEST_BYTES);
        run_name (&digest, out->lines [i].name);
        const char *policy = run->spec->policy;
        out->lines [i].what = has_top (policy) ? mem_printf ("%s %" PRIu32, policy, run->spec->top) : mem_string (policy);
        if (out->reference == options->n_runs && strcmp (policy, "exhaustive") == 0)
            out->reference = i;
    }
    if (out->reference == options->n_runs)
        out->reference = 0;
    for (size_t i = 0; i < EVAL_BASELINES; i++) {
        out->lines [options->n_runs + i].what = mem_string (baseline_names [i]);
        out->lines [options->n_runs + i].baseline = true;
    }
    out->count = options->n_runs + EVAL_BASELINES;
}

status_t eval_preferences (const eval_preferences_options_t *options, eval_preferences_t *out, fault_t *fault)
{
    *out = (eval_preferences_t) { 0 };
    name_lines (options, out);
    dataset_where_t *where;
    status_t status = dataset_where_new (options->where, options->n_where, &where, fault);
    if (status != OK)
        return status;
    tally_t tally = { .options = options, .out = out, .clusters = clusters_new (2 * out->count) };
    for (size_t run = 0; status == OK && run < options->n_runs; run++)
        status = walk_run (&tally, run, where, fault);
    if (status == OK)
        status = dataset_where_check (where, fault);
    if (status == OK && clusters_count (tally.clusters) == 0)
        status = fault_set (fault, ERR_NOT_FOUND, "no labelled pair of these prompts has a given preference to agree with");
    if (status == OK)
        figure_lines (&tally);
    clusters_destroy (&tally.clusters);
    dataset_where_destroy (&where);
    buf_free (&tally.words);
    return status;
}

void eval_preferences_free (eval_preferences_t *figures)
{
    for (size_t i = 0; i < figures->count; i++)
        free (figures->lines [i].what);
    figures->count = 0;
}
