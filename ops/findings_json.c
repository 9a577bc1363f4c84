#include <inttypes.h>

#include "base/json.h"
#include "ops/findings.h"

static void key_interval (buf_t *out, const char *key, const interval_t *interval)
{
    json_write_key (out, key);
    interval_write (out, interval);
}

static void key_share (buf_t *out, const char *key, const prompt_share_t *share)
{
    interval_t interval = stats_prompt_share (share);
    key_interval (out, key, &interval);
}

// --- labels ----------------------------------------------------------------

static void add_phase (const phase_figures_t *phase, buf_t *out)
{
    static const struct { const char *key; double share; } shares [] = {
        { "p05", 0.05 }, { "p25", 0.25 }, { "p50", 0.5 }, { "p75", 0.75 }, { "p95", 0.95 }
    };
    buf_add_char (out, '{');
    json_member_text (out, "selected_by", phase->name);
    json_member_count (out, "pairs", phase->pairs);
    json_member_count (out, "ties_identical", phase->identical);
    json_member_count (out, "ties_no_rule", phase->no_rule);
    json_member_count (out, "ties_margin", phase->margin_ties);
    json_write_key (out, "margin");
    buf_add_char (out, '{');
    for (size_t i = 0; i < 5; i++)
        json_member_real (out, shares [i].key, findings_margin (phase, shares [i].share));
    buf_add_str (out, "}}");
}

static void add_labels (const findings_t *f, buf_t *out)
{
    json_member_list (out, "phases");
    for (size_t i = 0; i < f->n_phases; i++) {
        if (i)
            buf_add_char (out, ',');
        add_phase (&f->phases [i], out);
    }
    buf_add_char (out, ']');
    json_member_list (out, "models");
    for (size_t i = 0; i < f->n_models; i++) {
        const model_figures_t *model = &f->models [i];
        buf_add_str (out, i ? ",{" : "{");
        json_member_text (out, "model", model->name);
        json_member_count (out, "pairs", model->pairs);
        json_member_count (out, "wins", model->wins);
        json_member_count (out, "ties", model->ties);
        key_share (out, "won", &model->won);
        buf_add_char (out, '}');
    }
    buf_add_char (out, ']');
    json_member_count (out, "longer_won", (uint64_t) f->longer.hits);
    json_member_count (out, "unequal_lengths", (uint64_t) f->longer.rows);
    key_share (out, "longer_won_share", &f->longer);
    json_member_count (out, "triples", (uint64_t) f->cyclic.rows);
    json_member_count (out, "cyclic_triples", (uint64_t) f->cyclic.hits);
    key_share (out, "cyclic_share", &f->cyclic);
    json_member_count (out, "prompts_left_out_of_triples", f->triples_cut);
    json_member_text (out, "truth", f->truth);
    json_member_count (out, "truth_pairs", f->given);
    json_member_count (out, "truth_decided", f->given_decided);
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
    json_member_text (out, "id", rule->id);
    json_write_key (out, "polarity");
    buf_printf (out, "%d", rule->polarity);
    json_member_count (out, "pairs", t->pairs);
    json_member_count (out, "relevant", t->relevant);
    json_member_count (out, "selected", t->selected);
    json_member_count (out, "decisive", t->decisive);
    key_interval (out, "relevant_share", &t->relevant_share);
    key_interval (out, "selected_share", &t->selected_share);
    key_interval (out, "decisive_share", &t->decisive_share);
    json_member_list (out, "score_bins");
    for (size_t i = 0; i < TALLY_BINS; i++)
        buf_printf (out, "%s%" PRIu64, i ? "," : "", t->bins [i]);
    buf_add_char (out, ']');
    json_member_real (out, "entropy_bits", t->entropy);
    json_member_real (out, "redundancy", t->redundancy);
    json_member_text (out, "most_like", t->redundancy > 0 ? f->opened.pool->rules [t->like].id : NULL);
    json_member_count (out, "agrees_with_label_without_it", t->agree);
    json_member_count (out, "compared_with_label_without_it", t->compared);
    key_interval (out, "agrees_share", &t->agree_share);
    key_interval (out, "information_bits", &bits->bits);
    json_member_real (out, "p", bits->p);
    json_member_real (out, "q", bits->q);
    buf_add_char (out, '}');
}

void findings_json (const findings_t *f, buf_t *out)
{
    buf_add_char (out, '{');
    json_member_text (out, "run", f->name);
    json_member_text (out, "judge", f->judge);
    json_member_text (out, "policy", f->opened.run->spec->policy);
    json_member_count (out, "prompts", f->prompts);
    json_member_count (out, "labelled", f->labelled);
    json_member_count (out, "quarantined", f->quarantined);
    add_labels (f, out);
    json_member_text (out, "cells", f->cells);
    json_member_count (out, "judged_pairs", f->judged);
    json_member_real (out, "relevant_from", (double) TALLY_RELEVANT / MICRO);
    json_member_count (out, "information_pairs", f->information_pairs);
    json_write_key (out, "information_sampled");
    buf_add_str (out, f->information_sampled ? "true" : "false");
    json_member_list (out, "rules");
    for (uint32_t r = 0; f->judged && r < f->opened.pool->count; r++) {
        if (r)
            buf_add_char (out, ',');
        add_rule (f, r, out);
    }
    buf_add_str (out, "]}\n");
}
