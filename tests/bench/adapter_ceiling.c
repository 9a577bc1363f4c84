// adapter_ceiling: how well rules could be foreseen on the synthetic corpus, by somebody who knows what no adapter can.
//
//     adapter_ceiling PROMPTS SEED few|many
//
// Pairs of four responses to each prompt, from the generator of `rulemill synth` without its texts. Each way to choose five rules is held
// against exhaustive selection on the same noisy scores, as docs/ADAPTER.md measures an adapter: overlap, captured share of the value,
// agreement of the labels; and the labels against the hidden truth, with the difference to exhaustive's. In percent, with intervals
// bootstrapped by prompt.
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/adapter.h"
#include "model/adapter_metrics.h"
#include "model/bootstrap.h"
#include "model/synth_world.h"
#include "ops/spec.h"

enum { RESPONSES = 4, DRAWS = 2, K = 5 };

// Ways to choose; LATENTS knows which rules are relevant and every latent, LIKE_TEXT the latents with the noise that stands between them and a
// text (which shows the strongest few alone), SCENE which rules are relevant and core, AGAIN another draw of the judge's noise. JUDGED_AGAIN labels
// by that draw, ALL by every rule.
typedef enum { LATENTS, LIKE_TEXT, SCENE, AGAIN, CHOOSERS, JUDGED_AGAIN = CHOOSERS, ALL, LINES } line_t;

static const char *const titles [LINES] = {
    "latents known, not the judge's noise", "latents as a text is drawn from", "relevant rules known", "exhaustive's of another draw",
    "exhaustive, judged again", "all rules"
};

// Sums of a pair: common ones, then of each line.
enum { PAIRS, VALUE, RANDOM, RIGHT, COMMON };
enum { SHARED, OWN_VALUE, AGREES, OWN_RIGHT, OWN };
_Static_assert ((int) COMMON + (int) LINES * (int) OWN <= (int) CLUSTER_WIDTH_MAX, "all sums fit");

// As model/synth_world.c and model/synth_text.c have them; docs/SYNTH.md.
static const double SLIP = 4, STRAY_SLIP = 16, SPREAD_CORE = 0.75, SPREAD = 0.5, LATENT_VARIANCE = 0.25 * 0.95 * 0.95 + 0.75, SCORE_NOISE = 0.8,
                    STRAY_NOISE = 0.5, TEXT_NOISE = 0.35;

typedef struct {
    synth_world_t *world;
    size_t n;
    selection_spec_t spec;
    int8_t polarity [LIMIT_RULES];
    digest_t digest [LIMIT_RULES];
    synth_scene_t scene;
    synth_actor_t actor [RESPONSES];
    double seen [RESPONSES][LIMIT_RULES];           // latents of the relevant rules with a text's noise
    cell_t cells [DRAWS][RESPONSES][LIMIT_RULES];
    float value [CHOOSERS][LIMIT_RULES];
    clusters_t *clusters;
} ceiling_t;

// --- the world ---------------------------------------------------------------

static void open_world (ceiling_t *c, const rulepool_t *pool, uint64_t seed, bool many)
{
    synth_rule_t *rules = mem_zero (pool->count, sizeof *rules);
    c->n = pool->count;
    for (size_t i = 0; i < c->n; i++) {
        rules [i] = (synth_rule_t) { pool->rules [i].id, pool->rules [i].category, pool->rules [i].polarity };
        c->polarity [i] = (int8_t) pool->rules [i].polarity;
        c->digest [i] = pool->rules [i].digest;
    }
    c->world = synth_world_new (rules, c->n, seed, many);
    c->spec = (selection_spec_t) {
        .policy = POLICY_EXHAUSTIVE, .weight_relevance = MICRO, .weight_discrepancy = MICRO / 2, .top = K, .seed = seed, .polarity = c->polarity,
        .rule_digest = c->digest, .n_rules = c->n
    };
    free (rules);
}

static void judge (ceiling_t *c, uint64_t prompt, unsigned response, unsigned draw)
{
    static synth_cell_t made [LIMIT_RULES];
    rng_t rng = synth_world_rng (c->world, draw == 0 ? 'c' : 'C', prompt, response);
    synth_world_cells (c->world, &c->scene, &c->actor [response], &rng, made);
    for (size_t r = 0; r < c->n; r++)
        c->cells [draw][response][r] = (cell_t) {
            .score = (made [r].yes - made [r].no) * (MICRO / SYNTH_ONE), .relevance = (uint32_t) (SYNTH_ONE - made [r].irrelevant) * (MICRO / SYNTH_ONE),
            .mass = MICRO, .known = true
        };
}

static void make_prompt (ceiling_t *c, uint64_t prompt)
{
    synth_world_scene (c->world, prompt, &c->scene);
    rng_t cast = synth_world_rng (c->world, 'm', prompt, 0);
    uint64_t first = rng_below (&cast, SYNTH_MODELS), step = 1 + 2 * rng_below (&cast, SYNTH_MODELS / 2);
    for (unsigned i = 0; i < RESPONSES; i++) {
        rng_t rng = synth_world_rng (c->world, 'r', prompt, i);
        synth_world_actor (c->world, &c->scene, (unsigned) ((first + i * step) % SYNTH_MODELS), &rng, &c->actor [i]);
        for (unsigned draw = 0; draw < DRAWS; draw++)
            judge (c, prompt, i, draw);
        for (size_t k = 0; k < c->scene.n_relevant; k++)
            c->seen [i][k] = (c->actor [i].latent [k] + synth_noise (&rng, (int) (TEXT_NOISE * SYNTH_ONE))) / (double) SYNTH_ONE;
    }
}

// --- choosing ------------------------------------------------------------------

// Of a normal variable, the mean size.
static double mean_size (double mean, double deviation)
{
    double x = mean / deviation;
    return deviation * sqrt (2 / M_PI) * exp (-x * x / 2) + mean * erf (x / M_SQRT2);
}

// The expected value of a rule where the latents differ by a mean with a variance.
static double value_of (double reliability, bool relevant, double mean, double variance)
{
    double slip = (1 - reliability) / (relevant ? SLIP : STRAY_SLIP);
    double relevance = relevant ? (1 - slip) * 0.89 + slip * 0.4 : (1 - slip) * 0.08 + slip * 0.6;
    double noise = relevant ? (1 - reliability) * SCORE_NOISE : STRAY_NOISE;
    return relevance + 0.5 * relevance * mean_size (relevant ? reliability * mean : 0,
                                                    sqrt (2 * noise * noise + (relevant ? reliability * reliability * variance : 0)));
}

static void fill_values (ceiling_t *c, unsigned i, unsigned j)
{
    size_t next = 0;
    for (size_t r = 0; r < c->n; r++) {
        double reliability = synth_world_rule (c->world, r)->reliability / (double) SYNTH_ONE;
        bool relevant = next < c->scene.n_relevant && c->scene.relevant [next].rule == r;
        double latent = 0, seen = 0, prior = 0, kept = 0;
        if (relevant) {
            double spread = c->scene.relevant [next].core ? SPREAD_CORE : SPREAD;
            prior = spread * spread * LATENT_VARIANCE;
            kept = prior / (prior + TEXT_NOISE * TEXT_NOISE);
            latent = (c->actor [i].latent [next] - c->actor [j].latent [next]) / (double) SYNTH_ONE;
            seen = kept * (c->seen [i][next] - c->seen [j][next]);
            next++;
        }
        c->value [LATENTS][r] = (float) value_of (reliability, relevant, latent, 0);
        c->value [LIKE_TEXT][r] = (float) value_of (reliability, relevant, seen, 2 * prior * (1 - kept));
        c->value [SCENE][r] = (float) value_of (reliability, relevant, 0, 2 * prior);
    }
}

// --- one pair --------------------------------------------------------------------

static double value_judged (const cell_t *a, const cell_t *b)
{
    return ((double) a->relevance + (double) b->relevance) / 2e6 + fabs ((double) a->score - (double) b->score) / 2e6;
}

static double right (const selected_t *label, preference_t truth)
{
    return label->preference == TIE ? 0.5 : label->preference == truth;
}

static void sum_line (const ceiling_t *c, const selected_t *label, const selected_t *best, const cell_t *a, const cell_t *b, preference_t truth,
                      double *own)
{
    bool picked [LIMIT_RULES] = { false };
    for (size_t i = 0; i < best->n_rules; i++)
        picked [best->rule [i]] = true;
    for (size_t i = 0; i < label->n_rules && label->n_rules < c->n; i++) {
        own [SHARED] += picked [label->rule [i]];
        own [OWN_VALUE] += value_judged (&a [label->rule [i]], &b [label->rule [i]]);
    }
    own [AGREES] = label->preference == best->preference;
    own [OWN_RIGHT] = right (label, truth);
}

static void add_pair (ceiling_t *c, uint64_t prompt, unsigned i, unsigned j)
{
    content_key_t prompt_key = { { 0 } }, pair_key = { { (uint8_t) i, (uint8_t) j } };
    memcpy (prompt_key.b, &prompt, sizeof prompt);
    memcpy (pair_key.b + 2, &prompt, sizeof prompt);
    const cell_t *a = c->cells [0][i], *b = c->cells [0][j];
    preference_t truth = c->actor [i].utility_micro > c->actor [j].utility_micro ? PREFERS_A : PREFERS_B;
    static selected_t best, label [LINES];
    double sums [COMMON + LINES * OWN] = { [PAIRS] = 1 };
    selection_label (&c->spec, &prompt_key, &pair_key, a, b, &best);
    selection_label (&c->spec, &prompt_key, &pair_key, c->cells [1][i], c->cells [1][j], &label [JUDGED_AGAIN]);
    selection_spec_t all = c->spec;
    all.policy = POLICY_ALL;
    selection_label (&all, &prompt_key, &pair_key, a, b, &label [ALL]);
    fill_values (c, i, j);
    for (int line = 0; line < CHOOSERS; line++) {
        uint32_t chosen [K];
        size_t n = line == AGAIN ? label [JUDGED_AGAIN].n_rules
                                 : adapter_select (c->value [line], c->digest, c->n, c->spec.seed, &prompt_key, K, chosen);
        adapter_label (&c->spec, &prompt_key, &pair_key, a, b, line == AGAIN ? label [JUDGED_AGAIN].rule : chosen, n, &label [line]);
    }
    for (size_t r = 0; r < c->n; r++)
        sums [RANDOM] += value_judged (&a [r], &b [r]) * K / (double) c->n;
    for (size_t r = 0; r < best.n_rules; r++)
        sums [VALUE] += value_judged (&a [best.rule [r]], &b [best.rule [r]]);
    sums [RIGHT] = right (&best, truth);
    for (int line = 0; line < LINES; line++)
        sum_line (c, &label [line], &best, a, b, truth, sums + COMMON + line * OWN);
    clusters_add (c->clusters, prompt, sums);
}

// --- figures -----------------------------------------------------------------------

typedef enum { OVERLAP, CAPTURED, AGREEMENT, TRUTH, DIFFERENCE, FIGURES } figure_t;
typedef struct { figure_t figure; int line; } asked_t;

static double figure (const double *sums, void *ctx)
{
    const asked_t *asked = ctx;
    const double *own = sums + COMMON + asked->line * OWN;
    switch (asked->figure) {
    case OVERLAP:
        return own [SHARED] / (K * sums [PAIRS]);
    case CAPTURED:
        return (own [OWN_VALUE] - sums [RANDOM]) / (sums [VALUE] - sums [RANDOM]);
    case AGREEMENT:
        return own [AGREES] / sums [PAIRS];
    case TRUTH:
        return own [OWN_RIGHT] / sums [PAIRS];
    default:
        return (own [OWN_RIGHT] - sums [RIGHT]) / sums [PAIRS];
    }
}

static double truth_of_exhaustive (const double *sums, void *ctx)
{
    (void) ctx;
    return sums [RIGHT] / sums [PAIRS];
}

static void print (const ceiling_t *c, uint64_t prompts, const char *regime)
{
    interval_t truth = clusters_interval (c->clusters, truth_of_exhaustive, NULL, &(bootstrap_t) { .seed = 1 });
    printf ("| `%s`, %" PRIu64 " pairs | overlap | captured | agreement | truth | less exhaustive |\n|---|---|---|---|---|---|\n", regime,
            prompts * RESPONSES * (RESPONSES - 1) / 2);
    printf ("| exhaustive | 100 | 100 | 100 | %.1f [%.1f, %.1f] | |\n", 100 * truth.value, 100 * truth.low, 100 * truth.high);
    for (int line = 0; line < LINES; line++) {
        printf ("| %s |", titles [line]);
        for (int f = 0; f < FIGURES; f++) {
            asked_t asked = { (figure_t) f, line };
            interval_t x = clusters_interval (c->clusters, figure, &asked, &(bootstrap_t) { .seed = 1 });
            if (line == ALL && f < AGREEMENT)
                printf (" |");
            else if (f == DIFFERENCE)
                printf (" %+.1f [%+.1f, %+.1f] |", 100 * x.value, 100 * x.low, 100 * x.high);
            else
                printf (" %.1f [%.1f, %.1f] |", 100 * x.value, 100 * x.low, 100 * x.high);
        }
        printf ("\n");
    }
}

int main (int argc, char **argv)
{
    if (argc != 4 || strtoull (argv [1], NULL, 10) == 0 || (strcmp (argv [3], "few") != 0 && strcmp (argv [3], "many") != 0)) {
        fprintf (stderr, "usage: adapter_ceiling PROMPTS SEED few|many\n");
        return 2;
    }
    uint64_t prompts = strtoull (argv [1], NULL, 10), seed = strtoull (argv [2], NULL, 10);
    config_t *config = config_new ();
    rulepool_t *pool = NULL;
    buf_t yaml = { 0 };
    fault_t fault = { 0 };
    if (spec_pool (config, &pool, &yaml, &fault) != OK) {
        fprintf (stderr, "adapter_ceiling: %s\n", fault.text);
        return 1;
    }
    static ceiling_t c;
    open_world (&c, pool, seed, strcmp (argv [3], "many") == 0);
    c.clusters = clusters_new (COMMON + LINES * OWN);
    for (uint64_t prompt = 0; prompt < prompts; prompt++) {
        make_prompt (&c, prompt);
        for (unsigned i = 0; i < RESPONSES; i++)
            for (unsigned j = i + 1; j < RESPONSES; j++)
                add_pair (&c, prompt, i, j);
    }
    print (&c, prompts, argv [3]);
    clusters_destroy (&c.clusters);
    synth_world_destroy (&c.world);
    rulepool_destroy (&pool);
    buf_free (&yaml);
    config_destroy (&config);
    return 0;
}
