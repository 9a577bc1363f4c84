#include "model/rule_tally.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/information.h"

typedef struct {
    prompt_share_t relevant, selected, decisive, agree;
    uint64_t bins [TALLY_BINS];
} sums_t;

struct rule_tally {
    const selection_spec_t *spec;
    uint64_t pairs;
    sums_t *rule;               // n_rules
    double *product;            // n_rules * n_rules: sums of D_x * D_y for x <= y
    uint32_t *differs;          // the rules that differ in the pair in hand
    selected_t label, without;
};

rule_tally_t *rule_tally_new (const selection_spec_t *spec)
{
    rule_tally_t *tally = mem_zero (1, sizeof *tally);
    size_t n = spec->n_rules;
    tally->spec = spec;
    tally->rule = mem_zero (n + 1, sizeof *tally->rule);
    tally->product = mem_zero (n * n + 1, sizeof *tally->product);
    tally->differs = mem_zero (n + 1, sizeof *tally->differs);
    return tally;
}

void rule_tally_destroy (rule_tally_t **tally)
{
    if (*tally == NULL)
        return;
    free ((*tally)->rule);
    free ((*tally)->product);
    free ((*tally)->differs);
    free (*tally);
    *tally = NULL;
}

// --- a pair ----------------------------------------------------------------

static size_t bin_of (int32_t score)
{
    int64_t bin = ((int64_t) score + MICRO) * TALLY_BINS / (2 * MICRO);
    return bin < 0 ? 0 : bin >= TALLY_BINS ? TALLY_BINS - 1 : (size_t) bin;
}

static void add_products (rule_tally_t *tally, const cell_t *a, const cell_t *b)
{
    size_t n = tally->spec->n_rules, n_differ = 0;
    for (uint32_t r = 0; r < n; r++)
        if (a [r].score != b [r].score)
            tally->differs [n_differ++] = r;
    for (size_t i = 0; i < n_differ; i++) {
        uint32_t x = tally->differs [i];
        double d = (double) a [x].score - b [x].score;
        double *row = tally->product + x * n;
        for (size_t j = i; j < n_differ; j++) {
            uint32_t y = tally->differs [j];
            row [y] += d * ((double) a [y].score - b [y].score);
        }
    }
}

// The rule's own word against a label that it had no part in.
static void compare (rule_tally_t *tally, uint64_t prompt, uint32_t rule, const cell_t *a, const cell_t *b, preference_t label)
{
    int64_t difference = tally->spec->polarity [rule] * ((int64_t) a [rule].score - b [rule].score);
    if (difference != 0 && label != TIE)
        prompt_share_add (&tally->rule [rule].agree, prompt, (difference > 0) == (label == PREFERS_A), 1);
}

void rule_tally_add (rule_tally_t *tally, const content_key_t *prompt_key, const content_key_t *pair_key, cell_t *a, cell_t *b)
{
    const selection_spec_t *spec = tally->spec;
    bool selected [LIMIT_RULES] = { false };
    uint64_t prompt;
    memcpy (&prompt, prompt_key->b, sizeof prompt);
    selection_label (spec, prompt_key, pair_key, a, b, &tally->label);
    for (size_t i = 0; i < tally->label.n_rules; i++)
        selected [tally->label.rule [i]] = true;
    for (uint32_t r = 0; r < spec->n_rules; r++) {
        sums_t *sums = &tally->rule [r];
        preference_t without = tally->label.preference;
        if (selected [r]) {
            selection_without (spec, prompt_key, pair_key, a, b, r, &tally->without);
            without = tally->without.preference;
        }
        prompt_share_add (&sums->selected, prompt, selected [r], 1);
        prompt_share_add (&sums->decisive, prompt, without != tally->label.preference, 1);
        prompt_share_add (&sums->relevant, prompt, (uint64_t) a [r].relevance + b [r].relevance >= 2 * (uint64_t) TALLY_RELEVANT, 1);
        sums->bins [bin_of (a [r].score)]++;
        sums->bins [bin_of (b [r].score)]++;
        compare (tally, prompt, r, a, b, without);
    }
    add_products (tally, a, b);
    tally->pairs++;
}

// --- figures ---------------------------------------------------------------

double rule_tally_correlation (const rule_tally_t *tally, uint32_t x, uint32_t y)
{
    size_t n = tally->spec->n_rules;
    assert (x < n && y < n);
    double xx = tally->product [x * n + x], yy = tally->product [y * n + y];
    double xy = tally->product [x < y ? x * n + y : y * n + x];
    return xx > 0 && yy > 0 ? xy / sqrt (xx * yy) : 0;
}

rule_figures_t rule_tally_figures (const rule_tally_t *tally, uint32_t rule)
{
    const sums_t *sums = &tally->rule [rule];
    rule_figures_t out = {
        .pairs = tally->pairs, .relevant = (uint64_t) sums->relevant.hits, .selected = (uint64_t) sums->selected.hits,
        .decisive = (uint64_t) sums->decisive.hits, .agree = (uint64_t) sums->agree.hits, .compared = (uint64_t) sums->agree.rows, .like = rule,
        .relevant_share = stats_prompt_share (&sums->relevant), .selected_share = stats_prompt_share (&sums->selected),
        .decisive_share = stats_prompt_share (&sums->decisive), .agree_share = stats_prompt_share (&sums->agree)
    };
    double counts [TALLY_BINS];
    for (size_t i = 0; i < TALLY_BINS; i++)
        counts [i] = (double) (out.bins [i] = sums->bins [i]);
    out.entropy = entropy_bits (counts, TALLY_BINS);
    for (uint32_t other = 0; other < tally->spec->n_rules; other++) {
        double size = other == rule ? 0 : fabs (rule_tally_correlation (tally, rule, other));
        if (size > out.redundancy) {
            out.redundancy = size;
            out.like = other;
        }
    }
    return out;
}

uint64_t rule_tally_pairs (const rule_tally_t *tally)
{
    return tally->pairs;
}
