#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "ops/findings.h"

static double percent (uint64_t part, uint64_t whole)
{
    return whole ? 100 * (double) part / (double) whole : 0;
}

// --- labels ----------------------------------------------------------------

static void say_agreement (const findings_t *f, buf_t *out)
{
    if (f->given == 0) {
        buf_printf (out, f->labelled ? "Truth      no labelled pair has one (%s)\n" : "Truth      nothing is labelled yet (%s)\n", f->truth);
        return;
    }
    buf_printf (out, "Agreement  with %s, %%: ", f->truth);
    interval_show (out, &f->agreement, 100, 1);
    buf_printf (out, " of %" PRIu64 " pairs, a tie counting 1/2\n           ", f->given);
    interval_show (out, &f->agreement_decided, 100, 1);
    buf_printf (out, " of the %" PRIu64 " that are decided%s\n", f->given_decided, f->agreement_sampled ? "; intervals of a sample of the prompts" : "");
}

static void say_pairs (const findings_t *f, buf_t *out)
{
    interval_t longer = stats_prompt_share (&f->longer), cyclic = stats_prompt_share (&f->cyclic);
    if (f->longer.rows > 0) {
        buf_add_str (out, "Length     the longer response won, %: ");
        interval_show (out, &longer, 100, 1);
        buf_printf (out, " of %.0f decided pairs of unequal lengths\n", f->longer.rows);
    }
    if (f->cyclic.rows > 0) {
        buf_add_str (out, "Cycles     cyclic, %: ");
        interval_show (out, &cyclic, 100, 2);
        buf_printf (out, " of %.0f triples of one prompt's responses; of coins' labels 25 would be\n", f->cyclic.rows);
    }
}

static void say_phases (const findings_t *f, buf_t *out)
{
    static const double shares [] = { 0.05, 0.25, 0.5, 0.75, 0.95 };
    buf_printf (out, "\n%-14s %9s %9s %9s %9s    margins: 5 %%   25 %%   50 %%   75 %%   95 %%\n", "selected by", "pairs", "identical", "no rule", "too close");
    for (size_t i = 0; i < f->n_phases; i++) {
        const phase_figures_t *phase = &f->phases [i];
        buf_printf (out, "%-14s %9" PRIu64 " %9" PRIu64 " %9" PRIu64 " %9" PRIu64 "         ", phase->name, phase->pairs, phase->identical, phase->no_rule,
                    phase->margin_ties);
        for (size_t s = 0; s < 5; s++)
            if (phase->margins > 0)
                buf_printf (out, " %6.3f", findings_margin (phase, shares [s]));
            else
                buf_add_str (out, "      -");
        buf_add_char (out, '\n');
    }
}

static void say_models (const findings_t *f, buf_t *out)
{
    if (f->n_models == 0)
        return;
    buf_printf (out, "\n%-40s %9s %8s   %s\n", "response model", "pairs", "tied", "won %, a tie counting 1/2");
    for (size_t i = 0; i < f->n_models; i++) {
        const model_figures_t *model = &f->models [i];
        interval_t won = stats_prompt_share (&model->won);
        buf_printf (out, "%-40.40s %9" PRIu64 " %6.1f %%   ", model->name, model->pairs, percent (model->ties, model->pairs));
        interval_show (out, &won, 100, 1);
        buf_add_char (out, '\n');
    }
}

// --- rules -----------------------------------------------------------------

static void say_rule (const findings_t *f, uint32_t r, buf_t *out)
{
    const rule_findings_t *rule = &f->rules [r];
    const rule_figures_t *t = &rule->tally;
    buf_printf (out, "%c %-32.32s %6.1f %6.1f %6.1f %6.2f  %4.2f %-24.24s", f->opened.pool->rules [r].polarity > 0 ? '+' : '-', f->opened.pool->rules [r].id,
                percent (t->relevant, t->pairs), percent (t->selected, t->pairs), percent (t->decisive, t->pairs), t->entropy, t->redundancy,
                t->redundancy > 0 ? f->opened.pool->rules [t->like].id : "-");
    if (t->compared > 0)
        buf_printf (out, " %5.1f", percent (t->agree, t->compared));
    else
        buf_add_str (out, "     -");
    if (isfinite (rule->bits.bits.value)) {
        buf_add_str (out, "  ");
        interval_show (out, &rule->bits.bits, 1, 3);
        buf_printf (out, " %.3f", rule->bits.q);
    }
    buf_add_char (out, '\n');
}

static void say_rules (const findings_t *f, size_t rules_max, buf_t *out)
{
    if (f->judged == 0) {
        buf_printf (out, "\nRules      %s\n", f->cells);
        return;
    }
    buf_printf (out, "\nRules      over %" PRIu64 " exhaustively judged pairs; cells %s\n", f->judged, f->cells);
    size_t n = f->opened.pool->count;
    uint32_t *order = mem_zero (n + 1, sizeof *order);
    findings_order (f, order);
    buf_printf (out, "\n  %-32s %6s %6s %6s %6s  %-29s %6s  %s\n", "%", "relev.", "select", "decis.", "entr.", "most like", "agree",
                f->information_pairs ? "bits about the truth, q" : "");
    for (size_t i = 0; i < n && i < rules_max; i++)
        say_rule (f, order [i], out);
    if (n > rules_max)
        buf_printf (out, "  and %zu more: --json, or the page\n", n - rules_max);
    free (order);
    buf_printf (out, "\nrelevant: mean relevance of %g or more; decisive: the label is another one without the rule; entropy in bits, of %d bins of\n"
                "the scores; most like: largest |correlation| of the differences; agree: its own word with the label without it, %%.\n"
                "Intervals of these shares are in --json and on the page.\n",
                (double) TALLY_RELEVANT / MICRO, TALLY_BINS);
    if (f->information_pairs)
        buf_printf (out, "bits: mutual information of score_A - score_B and %s, %d quantile bins, Miller-Madow, over %" PRIu64 " pairs%s;\n"
                    "95 %% intervals bootstrapped by prompt; q: false discovery rate (Benjamini-Hochberg) of %d permutations.\n",
                    f->truth, 8, f->information_pairs, f->information_sampled ? " of a sample of the prompts" : "", INFORMATION_PERMUTATIONS);
}

void findings_text (const findings_t *f, size_t rules_max, buf_t *out)
{
    buf_printf (out, "Run        %s, policy %s\nJudge      %s\nLabels     %" PRIu64 " pair%s of %" PRIu64 " prompts, %" PRIu64 " set aside\n", f->name,
                f->opened.run->spec->policy, f->judge, f->labelled, f->labelled == 1 ? "" : "s", f->prompts, f->quarantined);
    say_agreement (f, out);
    say_pairs (f, out);
    say_phases (f, out);
    say_models (f, out);
    say_rules (f, rules_max, out);
}
