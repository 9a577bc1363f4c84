#include "ops/reward_crossval.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/words.h"
#include "model/refusal.h"
#include "model/selection.h"
#include "ops/reward_train.h"

#define VALIDATION_SHARE 0.1

enum { LEARN_LABELS, LEARN_GIVEN, LEARN_COUNT };

typedef struct {
    const reward_pair_t *pairs;
    size_t n;
    const reward_options_t *options;
    const char *scratch;
    int *fold;                      // of each pair
    double (*points) [CROSS_COUNT]; // of each pair
    reward_reader_t *reader;
    features_t a, b;
    buf_t words;
} work_t;

const char *cross_name (cross_t which)
{
    static const char *const names [CROSS_COUNT] = {
        [CROSS_LABELS_MODEL] = "model of the labels", [CROSS_LABELS_LENGTH] = "  with length",
        [CROSS_GIVEN_MODEL] = "model of the given", [CROSS_GIVEN_LENGTH] = "  with length", [CROSS_LABELS] = "the labels themselves",
        [CROSS_COIN] = "coin", [CROSS_LONGER] = "prefer longer", [CROSS_SHORTER] = "prefer shorter",
        [CROSS_REFUSAL] = "prefer refusal", [CROSS_COMPLIANCE] = "prefer compliance",
    };
    return names [which];
}

// --- points -------------------------------------------------------------------

// difference > 0 speaks for a.
static double points_of (const reward_pair_t *pair, double difference)
{
    return difference == 0 ? 0.5 : (difference > 0) == (pair->given > 0) ? 1 : 0;
}

// A pair that counts; input < 0: of all of them.
static bool is_counted (const reward_pair_t *pair, int input)
{
    return pair->has_given && pair->given != 0 && (input < 0 || pair->input == (unsigned) input);
}

static double bytes_of (const reward_turns_t *text)
{
    double bytes = 0;
    for (size_t i = 0; i < text->n; i++)
        bytes += (double) text->turns [i].len;
    return bytes;
}

static bool refuses (work_t *work, const reward_turns_t *text)
{
    buf_clear (&work->words);
    for (size_t i = 0; i < text->n; i++)
        words_normalise (text->turns [i].text, text->turns [i].len, &work->words);
    return refusal_found (&work->words);
}

static void count_baselines (work_t *work, size_t i)
{
    const reward_pair_t *pair = &work->pairs [i];
    double *points = work->points [i], longer = bytes_of (&pair->a) - bytes_of (&pair->b);
    double refusal = (double) refuses (work, &pair->a) - (double) refuses (work, &pair->b);
    points [CROSS_LABELS] = points_of (pair, pair->label);
    points [CROSS_COIN] = 0.5;
    points [CROSS_LONGER] = points_of (pair, longer);
    points [CROSS_SHORTER] = points_of (pair, -longer);
    points [CROSS_REFUSAL] = points_of (pair, refusal);
    points [CROSS_COMPLIANCE] = points_of (pair, -refusal);
}

static void count_model (work_t *work, const reward_t *reward, int fold, int target)
{
    for (size_t i = 0; i < work->n; i++) {
        const reward_pair_t *pair = &work->pairs [i];
        if (work->fold [i] != fold || !is_counted (pair, -1))
            continue;
        reward_read_prompt (work->reader, pair->prompt.turns, pair->prompt.n);
        reward_read_response (work->reader, pair->a.turns, pair->a.n, &work->a);
        reward_read_response (work->reader, pair->b.turns, pair->b.n, &work->b);
        double *points = work->points [i];
        points [target == LEARN_LABELS ? CROSS_LABELS_MODEL : CROSS_GIVEN_MODEL] =
            points_of (pair, reward_score (reward, &work->a) - reward_score (reward, &work->b));
        points [target == LEARN_LABELS ? CROSS_LABELS_LENGTH : CROSS_GIVEN_LENGTH] =
            points_of (pair, reward_score_with_length (reward, &work->a) - reward_score_with_length (reward, &work->b));
    }
}

// --- folds --------------------------------------------------------------------

static size_t take_examples (const work_t *work, int fold, int target, reward_example_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < work->n; i++) {
        const reward_pair_t *pair = &work->pairs [i];
        if (work->fold [i] == fold || (target == LEARN_GIVEN && !pair->has_given))
            continue;
        out [n++] = (reward_example_t) {
            .prompt = pair->prompt, .a = pair->a, .b = pair->b, .preferred = target == LEARN_LABELS ? pair->label : pair->given,
            .margin = target == LEARN_LABELS ? pair->margin : NAN,
            .validation = group_in_share (work->options->seed, "validation", &pair->group, VALIDATION_SHARE)
        };
    }
    return n;
}

static status_t run_fold (work_t *work, int fold, int target, reward_example_t *examples, crossval_t *out, fault_t *fault)
{
    size_t n = take_examples (work, fold, target, examples);
    log_info ("fold %d of %d: learning from %s of %zu pairs", fold + 1, CROSSVAL_FOLDS, target == LEARN_LABELS ? "the labels" : "the given preferences", n);
    char *path = mem_printf ("%s/fold-%d-%d.reward", work->scratch, fold, target);
    reward_t *reward = NULL;
    status_t status = reward_train_file (examples, n, work->options, "cross-validation", path, &reward, fault);
    if (status == OK) {
        out->cost [fold] [target] = reward_facts (reward)->cost;
        out->learnt [fold] [target] = reward_facts (reward)->pairs;
        count_model (work, reward, fold, target);
    }
    reward_destroy (&reward);
    unlink (path);
    free (path);
    return status;
}

static status_t run_folds (work_t *work, crossval_t *out, fault_t *fault)
{
    reward_example_t *examples = mem_new ((work->n + 1) * sizeof *examples);
    status_t status = OK;
    for (int fold = 0; fold < CROSSVAL_FOLDS; fold++)
        for (int target = 0; status == OK && target < LEARN_COUNT; target++)
            status = run_fold (work, fold, target, examples, out, fault);
    free (examples);
    return status;
}

// --- figures ------------------------------------------------------------------

static uint64_t number_of (const content_key_t *key)
{
    uint64_t number;
    memcpy (&number, key->b, sizeof number);
    return number;
}

static cross_part_t part_of (const work_t *work, int input)
{
    cross_part_t part = { 0 };
    const bootstrap_t options = { .seed = work->options->seed };
    for (int c = 0; c < CROSS_COUNT; c++) {
        clusters_t *own = clusters_new (2), *difference = clusters_new (2);
        part.pairs = 0;
        for (size_t i = 0; i < work->n; i++) {
            if (!is_counted (&work->pairs [i], input))
                continue;
            part.pairs++;
            uint64_t key = number_of (&work->pairs [i].group);
            double points = work->points [i] [c], model = work->points [i] [CROSS_LABELS_MODEL];
            clusters_add (own, key, (double []) { points, 1 });
            clusters_add (difference, key, (double []) { model - points, 1 });
        }
        part.groups = clusters_count (own);
        part.agreement [c] = clusters_interval (own, stat_ratio, NULL, &options);
        part.difference [c] = clusters_interval (difference, stat_ratio, NULL, &options);
        clusters_destroy (&own);
        clusters_destroy (&difference);
    }
    return part;
}

static bool prepare (work_t *work)
{
    bool any = false;
    for (size_t i = 0; i < work->n; i++) {
        const reward_pair_t *pair = &work->pairs [i];
        work->fold [i] = (int) (group_hash (work->options->seed, "fold", &pair->group) % CROSSVAL_FOLDS);
        if (!is_counted (pair, -1))
            continue;
        any = true;
        count_baselines (work, i);
    }
    return any;
}

status_t reward_crossval (const reward_pairs_t *pairs, unsigned n_inputs, const reward_options_t *options, const char *scratch,
                          crossval_t *out, fault_t *fault)
{
    work_t work = { .options = options, .scratch = scratch, .reader = reward_reader_new (&options->spec) };
    work.pairs = reward_pairs_at (pairs, &work.n);
    work.fold = mem_new (work.n * sizeof *work.fold);
    work.points = mem_zero (work.n, sizeof *work.points);
    *out = (crossval_t) { .n_inputs = n_inputs };
    status_t status = prepare (&work) ? run_folds (&work, out, fault)
                    : fault_set (fault, ERR_FORMAT, "no pair has a given preference to be held against; label a corpus whose rows state one");
    if (status == OK) {
        out->all = part_of (&work, -1);
        for (unsigned i = 0; i < n_inputs; i++)
            out->input [i] = part_of (&work, (int) i);
    }
    reward_reader_destroy (&work.reader);
    features_free (&work.a);
    features_free (&work.b);
    buf_free (&work.words);
    free (work.fold);
    free (work.points);
    return status;
}

// --- telling ------------------------------------------------------------------

static void pad (buf_t *out, size_t start, size_t columns)
{
    for (size_t have = out->len - start; have < columns; have++)
        buf_add_char (out, ' ');
}

static void tell_part (const cross_part_t *part, const char *name, buf_t *out)
{
    buf_printf (out, "\n%s: %" PRIu64 " pairs with a given preference, %" PRIu64 " prompts\n\n", name, part->pairs, part->groups);
    buf_add_str (out, "                         agreement, %         model of the labels is better by\n");
    for (int c = 0; c < CROSS_COUNT; c++) {
        size_t start = out->len;
        buf_printf (out, "%-25s", cross_name ((cross_t) c));
        if (c == CROSS_COIN)
            buf_add_str (out, "50.0");
        else
            interval_show (out, &part->agreement [c], 100, 1);
        if (c != CROSS_LABELS_MODEL) {
            pad (out, start, 47);
            interval_show_difference (out, &part->difference [c], 100, 1);
        }
        buf_add_char (out, '\n');
    }
}

void reward_crossval_text (const crossval_t *figures, const char *const *names, const char *const *origins, buf_t *out)
{
    for (unsigned i = 0; i < figures->n_inputs; i++)
        buf_printf (out, "%s: %s\n", names [i], origins [i]);
    buf_printf (out, "%d folds by prompt; C chosen for labels", CROSSVAL_FOLDS);
    for (int f = 0; f < CROSSVAL_FOLDS; f++)
        buf_printf (out, " %g", figures->cost [f] [LEARN_LABELS]);
    buf_add_str (out, ", for given preferences");
    for (int f = 0; f < CROSSVAL_FOLDS; f++)
        buf_printf (out, " %g", figures->cost [f] [LEARN_GIVEN]);
    buf_add_char (out, '\n');
    for (unsigned i = 0; figures->n_inputs > 1 && i < figures->n_inputs; i++)
        tell_part (&figures->input [i], names [i], out);
    tell_part (&figures->all, figures->n_inputs > 1 ? "all" : names [0], out);
}

static void write_part (const cross_part_t *part, const char *name, const char *origin, buf_t *out)
{
    static const char *const keys [CROSS_COUNT] = {
        [CROSS_LABELS_MODEL] = "labels_model", [CROSS_LABELS_LENGTH] = "labels_model_with_length", [CROSS_GIVEN_MODEL] = "given_model",
        [CROSS_GIVEN_LENGTH] = "given_model_with_length", [CROSS_LABELS] = "labels", [CROSS_COIN] = "coin", [CROSS_LONGER] = "longer",
        [CROSS_SHORTER] = "shorter", [CROSS_REFUSAL] = "refusal", [CROSS_COMPLIANCE] = "compliance",
    };
    buf_add_char (out, '{');
    json_write_key (out, "name");
    json_write_cstring (out, name);
    json_write_key (out, "labels_of");
    json_write_cstring (out, origin);
    buf_printf (out, ",\"pairs\":%" PRIu64 ",\"groups\":%" PRIu64, part->pairs, part->groups);
    const struct { const char *key; const interval_t *of; } blocks [] = { { "agreement", part->agreement }, { "better_by", part->difference } };
    for (int b = 0; b < 2; b++) {
        json_write_key (out, blocks [b].key);
        buf_add_char (out, '{');
        for (int c = 0; c < CROSS_COUNT; c++) {
            json_write_key (out, keys [c]);
            interval_write (out, &blocks [b].of [c]);
        }
        buf_add_char (out, '}');
    }
    buf_add_char (out, '}');
}

void reward_crossval_json (const crossval_t *figures, const char *const *names, const char *const *origins, buf_t *out)
{
    buf_printf (out, "{\"folds\":%d,\"parts\":[", CROSSVAL_FOLDS);
    write_part (&figures->all, "all", NULL, out);
    for (unsigned i = 0; i < figures->n_inputs; i++) {
        buf_add_char (out, ',');
        write_part (&figures->input [i], names [i], origins [i], out);
    }
    buf_add_str (out, "]}\n");
}
