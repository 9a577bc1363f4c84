// What is shown of the judges' agreement: lines of a job's summary, a table of the rules, JSON.
#include <math.h>

#include "base/json.h"
#include "ops/agreement.h"
#include "ops/progress.h"

static void add_alpha (buf_t *out, double alpha)
{
    if (isnan (alpha))
        buf_add_str (out, "    -");
    else
        buf_printf (out, "%5.2f", alpha);
}

static score_agreement_t joined (const score_agreement_t *of_rules, size_t n)
{
    score_agreement_t all = { 0 };
    for (size_t r = 0; r < n; r++)
        score_agreement_join (&all, &of_rules [r]);
    return all;
}

static choice_agreement_t joined_choices (const agreement_t *agreement)
{
    choice_agreement_t all = { 0 };
    for (size_t r = 0; r < agreement->n_rules; r++)
        choice_agreement_join (&all, &agreement->choices [r]);
    return all;
}

// --- lines -----------------------------------------------------------------

static void head (buf_t *out, const char *name)
{
    buf_printf (out, "%-11s", name);
}

static void add_panel (const agreement_t *agreement, buf_t *out)
{
    score_agreement_t scores = joined (agreement->scores, agreement->n_rules);
    choice_agreement_t choices = joined_choices (agreement);
    head (out, "Panel");
    buf_printf (out, "%zu judges agree with Krippendorff's alpha ", agreement->members);
    if (isnan (score_agreement_alpha (&scores)))
        buf_add_str (out, "not defined");
    else
        buf_printf (out, "%.2f", score_agreement_alpha (&scores));
    buf_add_str (out, " in scores, ");
    if (isnan (choice_agreement_alpha (&choices)))
        buf_add_str (out, "not defined");
    else
        buf_printf (out, "%.2f", choice_agreement_alpha (&choices));
    buf_add_str (out, " in first choices (");
    progress_count (out, scores.units);
    buf_add_str (out, " responses and rules)\n");
}

static void add_bin (const prompt_share_t *flips, buf_t *out)
{
    interval_t share = stats_prompt_share (flips);
    buf_printf (out, "%.1f %% of ", 100 * share.value);
    progress_count (out, (uint64_t) flips->rows);
    buf_printf (out, " (95 %% interval %.1f to %.1f)\n", 100 * share.low, 100 * share.high);
}

static void add_bin_name (size_t bin, buf_t *out)
{
    double from = (double) agreement_bin_from [bin] / MICRO;
    if (bin + 1 == AGREEMENT_BINS)
        buf_printf (out, "margin %.2f and more: ", from);
    else
        buf_printf (out, "margin %.2f to %.2f: ", from, (double) agreement_bin_from [bin + 1] / MICRO);
}

static void add_repeats (const agreement_t *agreement, buf_t *out)
{
    score_agreement_t repeated = joined (agreement->repeated, agreement->n_rules);
    head (out, "Repeats");
    buf_printf (out, "a score judged again has a standard deviation of %.4f (", score_agreement_deviation (&repeated));
    progress_count (out, repeated.units);
    buf_add_str (out, " cells)\n");
    if (agreement->all.rows == 0)
        return;
    head (out, "");
    buf_add_str (out, "repeats alone give another label: ");
    add_bin (&agreement->all, out);
    for (size_t i = 0; i < AGREEMENT_BINS; i++)
        if (agreement->bin [i].rows > 0) {
            head (out, "");
            buf_add_str (out, "  ");
            add_bin_name (i, out);
            add_bin (&agreement->bin [i], out);
        }
}

void agreement_summary (const agreement_t *agreement, buf_t *out)
{
    if (agreement->members > 1)
        add_panel (agreement, out);
    if (agreement->repeats > 0)
        add_repeats (agreement, out);
}

void agreement_text (const agreement_t *agreement, const rulepool_t *pool, buf_t *out)
{
    agreement_summary (agreement, out);
    buf_add_str (out, "\nalpha of scores, of first choices; standard deviation of repeats; rule\n");
    for (size_t r = 0; r < agreement->n_rules; r++) {
        double deviation = score_agreement_deviation (&agreement->repeated [r]);
        if (agreement->scores [r].units + agreement->repeated [r].units == 0)
            continue;
        buf_add_str (out, "  ");
        add_alpha (out, score_agreement_alpha (&agreement->scores [r]));
        buf_add_str (out, "  ");
        add_alpha (out, choice_agreement_alpha (&agreement->choices [r]));
        if (isnan (deviation))
            buf_add_str (out, "       -");
        else
            buf_printf (out, "  %.4f", deviation);
        buf_printf (out, "  %s\n", pool->rules [r].id);
    }
}

// --- JSON ------------------------------------------------------------------

static void write_figures (const score_agreement_t *scores, const choice_agreement_t *choices, const score_agreement_t *repeated, buf_t *out)
{
    json_member_count (out, "cells_of_several", scores->units);
    json_member_real (out, "alpha_scores", score_agreement_alpha (scores));
    json_member_real (out, "alpha_choices", choice_agreement_alpha (choices));
    json_member_count (out, "cells_repeated", repeated->units);
    json_member_real (out, "deviation", score_agreement_deviation (repeated));
}

static void write_flips (const prompt_share_t *flips, buf_t *out)
{
    interval_t share = stats_prompt_share (flips);
    json_member_count (out, "pairs", (uint64_t) flips->rows);
    json_member_count (out, "flipped", (uint64_t) flips->hits);
    json_member_count (out, "prompts", flips->prompts);
    json_write_key (out, "share");
    interval_write (out, &share);
}

static void write_bins (const agreement_t *agreement, buf_t *out)
{
    json_write_key (out, "flips");
    if (!agreement->flips_known) {
        buf_add_str (out, "null");
        return;
    }
    buf_add_char (out, '{');
    write_flips (&agreement->all, out);
    json_write_key (out, "by_margin");
    for (size_t i = 0; i < AGREEMENT_BINS; i++) {
        buf_add_str (out, i ? "," : "[");
        buf_add_char (out, '{');
        json_member_real (out, "from", (double) agreement_bin_from [i] / MICRO);
        json_member_real (out, "to", i + 1 < AGREEMENT_BINS ? (double) agreement_bin_from [i + 1] / MICRO : (double) NAN);
        write_flips (&agreement->bin [i], out);
        buf_add_char (out, '}');
    }
    buf_add_str (out, "]}");
}

void agreement_json (const agreement_t *agreement, const rulepool_t *pool, buf_t *out)
{
    score_agreement_t scores = joined (agreement->scores, agreement->n_rules), repeated = joined (agreement->repeated, agreement->n_rules);
    choice_agreement_t choices = joined_choices (agreement);
    buf_add_char (out, '{');
    json_member_count (out, "judges", agreement->members);
    json_member_count (out, "repeats", agreement->repeats);
    write_figures (&scores, &choices, &repeated, out);
    write_bins (agreement, out);
    json_write_key (out, "rules");
    buf_add_char (out, '[');
    for (size_t r = 0; r < agreement->n_rules; r++) {
        buf_add_str (out, r ? ",{" : "{");
        json_write_key (out, "id");
        json_write_cstring (out, pool->rules [r].id);
        write_figures (&agreement->scores [r], &agreement->choices [r], &agreement->repeated [r], out);
        buf_add_char (out, '}');
    }
    buf_add_str (out, "]}");
}
