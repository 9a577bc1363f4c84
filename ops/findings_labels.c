// What labels show by themselves.
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ops/findings_parts.h"
#include "storage/dataset_view.h"

// Which responses to the prompt in hand beat which: +1 won, -1 lost, 0 tie or no pair.
typedef struct {
    uint64_t prompt;
    uint64_t response [FINDINGS_RESPONSES_MAX];
    size_t n;
    bool too_many;
    int8_t beats [FINDINGS_RESPONSES_MAX][FINDINGS_RESPONSES_MAX];
} tournament_t;

struct findings_labels {
    findings_t *out;
    double share;
    uint64_t seed;
    clusters_t *clusters;           // worth, pairs, right, decided
    tournament_t tournament;
};

bool findings_sampled (uint64_t seed, uint64_t prompt, double share)
{
    return share >= 1 || (double) (hash64 (seed, &prompt, sizeof prompt) >> 11) < share * 9007199254740992.0;
}

findings_labels_t *findings_labels_new (findings_t *out, double sample_share, uint64_t seed)
{
    findings_labels_t *labels = mem_zero (1, sizeof *labels);
    *labels = (findings_labels_t) { .out = out, .share = sample_share, .seed = seed, .clusters = clusters_new (4) };
    labels->tournament.prompt = UINT64_MAX;
    return labels;
}

void findings_labels_destroy (findings_labels_t **labels)
{
    if (*labels == NULL)
        return;
    clusters_destroy (&(*labels)->clusters);
    free (*labels);
    *labels = NULL;
}

// --- margins and ties --------------------------------------------------------

static phase_figures_t *phase_of (findings_t *out, const char *name)
{
    for (size_t i = 0; i < out->n_phases; i++)
        if (strncmp (out->phases [i].name, name, sizeof out->phases [i].name - 1) == 0)
            return &out->phases [i];
    if (out->n_phases == FINDINGS_PHASES_MAX)       // a run has no more ways of selecting than this
        return &out->phases [FINDINGS_PHASES_MAX - 1];
    phase_figures_t *phase = &out->phases [out->n_phases++];
    strncpy (phase->name, name, sizeof phase->name - 1);
    return phase;
}

static void count_margin (findings_t *out, const Rulemill__Label *label, const dataset_view_t *view)
{
    phase_figures_t *phase = phase_of (out, label->selected_by);
    phase->pairs++;
    phase->identical += label->tie_reason == RULEMILL__TIE_REASON__TIE_IDENTICAL;
    phase->no_rule += label->tie_reason == RULEMILL__TIE_REASON__TIE_NO_RULE;
    phase->margin_ties += label->tie_reason == RULEMILL__TIE_REASON__TIE_MARGIN;
    if (label->tie_reason == RULEMILL__TIE_REASON__TIE_IDENTICAL)
        return;
    int64_t bin = view->margin * MARGIN_BINS / (2 * MICRO);
    phase->bins [bin < MARGIN_BINS ? bin : MARGIN_BINS - 1]++;
    phase->margins++;
}

double findings_margin (const phase_figures_t *phase, double share)
{
    if (phase->margins == 0)
        return stats_quantile (NULL, 0, share);
    double wanted = share * (double) phase->margins;
    uint64_t seen = 0;
    size_t bin = 0;
    for (; bin < MARGIN_BINS - 1; bin++) {
        seen += phase->bins [bin];
        if ((double) seen >= wanted && seen > 0)
            break;
    }
    return (double) bin * 2 / MARGIN_BINS;
}

// --- who wins ------------------------------------------------------------------

static model_figures_t *model_of (findings_t *out, const char *name)
{
    for (size_t i = 0; i < out->n_models; i++)
        if (strcmp (out->models [i].name, name) == 0)
            return &out->models [i];
    if (out->n_models >= FINDINGS_MODELS_MAX)
        name = "others";
    if (out->n_models > FINDINGS_MODELS_MAX)
        return &out->models [FINDINGS_MODELS_MAX];
    model_figures_t *model = &out->models [out->n_models++];
    model->name = mem_string (name);
    return model;
}

static void count_models (findings_t *out, const dataset_item_t *item, const dataset_view_t *view)
{
    if (!*view->model_first || !*view->model_second || strcmp (view->model_first, view->model_second) == 0)
        return;
    model_figures_t *first = model_of (out, view->model_first);
    first->pairs++;
    first->wins += !view->tie;
    first->ties += view->tie;
    prompt_share_add (&first->won, item->pair->prompt, view->tie ? 0.5 : 1, 1);
    model_figures_t *second = model_of (out, view->model_second);
    second->pairs++;
    second->ties += view->tie;
    prompt_share_add (&second->won, item->pair->prompt, view->tie ? 0.5 : 0, 1);
}

static void count_lengths (findings_t *out, const dataset_item_t *item, const dataset_view_t *view)
{
    size_t first = dataset_text_bytes (view->first->response), second = dataset_text_bytes (view->second->response);
    if (!view->tie && first != second)
        prompt_share_add (&out->longer, item->pair->prompt, first > second, 1);
}

// --- cycles --------------------------------------------------------------------

static void end_tournament (findings_labels_t *labels)
{
    tournament_t *t = &labels->tournament;
    findings_t *out = labels->out;
    out->triples_cut += t->too_many;
    for (size_t i = 0; i < t->n && !t->too_many; i++)
        for (size_t j = i + 1; j < t->n; j++)
            for (size_t k = j + 1; k < t->n && t->beats [i][j]; k++) {
                if (!t->beats [j][k] || !t->beats [k][i])
                    continue;
                bool cyclic = t->beats [i][j] == t->beats [j][k] && t->beats [j][k] == t->beats [k][i];
                prompt_share_add (&out->cyclic, t->prompt, cyclic, 1);
            }
}

static size_t place_in (tournament_t *t, uint64_t response)
{
    size_t i = 0;
    while (i < t->n && t->response [i] != response)
        i++;
    if (i == FINDINGS_RESPONSES_MAX) {
        t->too_many = true;
        return 0;
    }
    if (i == t->n)
        t->response [t->n++] = response;
    return i;
}

// The pairs of a prompt that stand together make one tournament.
static void play (findings_labels_t *labels, const dataset_item_t *item, const dataset_view_t *view)
{
    tournament_t *t = &labels->tournament;
    if (t->prompt != item->pair->prompt) {
        end_tournament (labels);
        memset (t, 0, sizeof *t);
        t->prompt = item->pair->prompt;
    }
    size_t a = place_in (t, item->pair->response_a), b = place_in (t, item->pair->response_b);
    if (view->tie || t->too_many)
        return;
    t->beats [a][b] = view->first_is_a ? 1 : -1;
    t->beats [b][a] = (int8_t) -t->beats [a][b];
}

// --- agreement -----------------------------------------------------------------

static void count_truth (findings_labels_t *labels, const dataset_item_t *item, const dataset_view_t *view, int truth)
{
    if (truth == 0)
        return;
    bool right = !view->tie && view->first_is_a == (truth > 0);
    labels->out->given++;
    labels->out->given_decided += !view->tie;
    if (!findings_sampled (labels->seed, item->pair->prompt, labels->share)) {
        labels->out->agreement_sampled = true;
        return;
    }
    double sums [4] = { view->tie ? 0.5 : right, 1, right, !view->tie };
    clusters_add (labels->clusters, item->pair->prompt, sums);
}

static double share_of_decided (const double *sums, void *context)
{
    return stat_ratio (sums + 2, context);
}

void findings_labels_add (findings_labels_t *labels, const dataset_item_t *item, int truth)
{
    dataset_view_t view = dataset_view_of (item);
    labels->out->labelled++;
    count_margin (labels->out, item->label, &view);
    count_models (labels->out, item, &view);
    count_lengths (labels->out, item, &view);
    play (labels, item, &view);
    count_truth (labels, item, &view, truth);
}

static int by_win_rate (const void *x, const void *y)
{
    const model_figures_t *a = x, *b = y;
    double rate_a = ((double) a->wins + 0.5 * (double) a->ties) / (double) (a->pairs ? a->pairs : 1);
    double rate_b = ((double) b->wins + 0.5 * (double) b->ties) / (double) (b->pairs ? b->pairs : 1);
    return rate_a != rate_b ? (rate_a < rate_b) - (rate_a > rate_b) : strcmp (a->name, b->name);
}

void findings_labels_end (findings_labels_t *labels, uint64_t seed)
{
    end_tournament (labels);
    findings_t *out = labels->out;
    const bootstrap_t options = { .seed = seed };
    out->agreement = clusters_interval (labels->clusters, stat_ratio, NULL, &options);
    out->agreement_decided = clusters_interval (labels->clusters, share_of_decided, NULL, &options);
    qsort (out->models, out->n_models, sizeof *out->models, by_win_rate);
}
