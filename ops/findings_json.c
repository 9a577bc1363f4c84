#include <inttypes.h>
#include <math.h>

#include "base/json.h"
#include "ops/findings.h"

static void key_text (buf_t *out, const char *key, const char *text)
{
    json_write_key (out, key);
    json_write_cstring (out, text);
}

static void key_count (buf_t *out, const char *key, uint64_t count)
{
    json_write_key (out, key);
    buf_printf (out, "%" PRIu64, count);
}

static void key_real (buf_t *out, const char *key, double value)
{
    json_write_key (out, key);
    if (isfinite (value))
        buf_printf (out, "%.6f", value);
    else
        buf_add_str (out, "null");
}

static void key_interval (buf_t *out, const char *key, const interval_t *interval)
{
    json_write_key (out, key);
    interval_write (out, interval);
}

static void open_list (buf_t *out, const char *key)
{
    json_write_key (out, key);
    buf_add_char (out, '[');
}

// --- labels ----------------------------------------------------------------

static void add_phase (const phase_figures_t *phase, buf_t *out)
{
    static const struct { const char *key; double share; } shares [] = {
        { "p05", 0.05 }, { "p25", 0.25 }, { "p50", 0.5 }, { "p75", 0.75 }, { "p95", 0.95 }
    };
    buf_add_char (out, '{');
    key_text (out, "selected_by", phase->name);
    key_count (out, "pairs", phase->pairs);
    key_count (out, "ties_identical", phase->identical);
    key_count (out, "ties_no_rule", phase->no_rule);
    key_count (out, "ties_margin", phase->margin_ties);
    json_write_key (out, "margin");
    buf_add_char (out, '{');
    for (size_t i = 0; i < 5; i++)
        key_real (out, shares [i].key, findings_margin (phase, shares [i].share));
    buf_add_str (out, "}}");
}

static void add_labels (const findings_t *f, buf_t *out)
{
    open_list (out, "phases");
    for (size_t i = 0; i < f->n_phases; i++) {
        if (i)
            buf_add_char (out, ',');
        add_phase (&f->phases [i], out);
    }
    buf_add_char (out, ']');
    open_list (out, "models");
    for (size_t i = 0; i < f->n_models; i++) {
        const model_figures_t *model = &f->models [i];
        buf_add_str (out, i ? ",{" : "{");
        key_text (out, "model", model->name);
        key_count (out, "pairs", model->pairs);
        key_count (out, "wins", model->wins);
        key_count (out, "ties", model->ties);
        buf_add_char (out, '}');
    }
    buf_add_char (out, ']');
    key_count (out, "longer_won", f->longer);
    key_count (out, "unequal_lengths", f->unequal);
    key_count (out, "triples", f->triples);
    key_count (out, "cyclic_triples", f->cyclic);
    key_count (out, "prompts_left_out_of_triples", f->triples_cut);
    key_text (out, "truth", f->truth);
    key_count (out, "truth_pairs", f->given);
    key_count (out, "truth_decided", f->given_decided);
    key_interval (out, "agreement", &f->agreement);
    key_interval (out, "agreement_of_decided", &f->agreement_decided);
}

// --- rules -----------------------------------------------------------------

static void add_rule (const findings_t *f, uint32_t r, buf_t *out)
{
    const rule_t *rule = &f->opened.pool->rules [r];
    const rule_figures_t *t = &f->rules [r].tally;
    const rule_bits_t *bits = &f->rules [r].bits;
    buf_add_char (out, '{');
    key_text (out, "id", rule->id);
    json_write_key (out, "polarity");
    buf_printf (out, "%d", rule->polarity);
    key_count (out, "pairs", t->pairs);
    key_count (out, "relevant", t->relevant);
    key_count (out, "selected", t->selected);
    key_count (out, "decisive", t->decisive);
    open_list (out, "score_bins");
    for (size_t i = 0; i < TALLY_BINS; i++)
        buf_printf (out, "%s%" PRIu64, i ? "," : "", t->bins [i]);
    buf_add_char (out, ']');
    key_real (out, "entropy_bits", t->entropy);
    key_real (out, "redundancy", t->redundancy);
    key_text (out, "most_like", t->redundancy > 0 ? f->opened.pool->rules [t->like].id : NULL);
    key_count (out, "agrees_with_label_without_it", t->agree);
    key_count (out, "compared_with_label_without_it", t->compared);
    key_interval (out, "information_bits", &bits->bits);
    key_real (out, "p", bits->p);
    key_real (out, "q", bits->q);
    buf_add_char (out, '}');
}

void findings_json (const findings_t *f, buf_t *out)
{
    buf_add_char (out, '{');
    key_text (out, "run", f->name);
    key_text (out, "judge", f->judge);
    key_text (out, "policy", f->opened.run->spec->policy);
    key_count (out, "prompts", f->prompts);
    key_count (out, "labelled", f->labelled);
    key_count (out, "quarantined", f->quarantined);
    add_labels (f, out);
    key_text (out, "cells", f->cells);
    key_count (out, "judged_pairs", f->judged);
    key_real (out, "relevant_from", (double) TALLY_RELEVANT / MICRO);
    key_count (out, "information_pairs", f->information_pairs);
    json_write_key (out, "information_sampled");
    buf_add_str (out, f->information_sampled ? "true" : "false");
    open_list (out, "rules");
    for (uint32_t r = 0; f->judged && r < f->opened.pool->count; r++) {
        if (r)
            buf_add_char (out, ',');
        add_rule (f, r, out);
    }
    buf_add_str (out, "]}\n");
}
