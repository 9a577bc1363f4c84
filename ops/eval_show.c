#include "ops/eval_show.h"

#include <inttypes.h>

#include "base/json.h"

enum { INTERVAL_WIDTH = 22 };

// An interval in a column of its own.
static void add_interval (buf_t *out, const interval_t *interval, double scale, int decimals)
{
    size_t before = out->len;
    interval_show (out, interval, scale, decimals);
    for (size_t len = out->len - before; len < INTERVAL_WIDTH; len++)
        buf_add_char (out, ' ');
}

static void end_row (buf_t *out)
{
    while (out->len > 0 && out->data [out->len - 1] == ' ')
        out->data [--out->len] = '\0';
    buf_add_char (out, '\n');
}

static void key_interval (buf_t *out, const char *key, const interval_t *interval)
{
    json_write_key (out, key);
    interval_write (out, interval);
}

// --- propositions ----------------------------------------------------------

static void say_missing (const eval_judged_t *told, buf_t *out)
{
    if (told->missing > 0)
        buf_printf (out, "Missing    %" PRIu64 " cells, left out below; %s\n", told->missing, told->first_problem);
    if (told->calls > 0)
        buf_printf (out, "Calls      %" PRIu64 ", for %" PRIu64 " cells; the others were known\n", told->calls, told->asked);
}

void eval_propositions_text (const eval_propositions_t *figures, const eval_shown_t *shown, buf_t *out)
{
    buf_printf (out, "Judge      %s\nRows       %" PRIu64 " of %" PRIu64 " (%s), %" PRIu64 " prompts\nMap        %s: %zu propositions\n",
                shown->judge, figures->rows, shown->read, parity_note (shown->parity), figures->prompts, shown->map, figures->count);
    say_missing (shown->told, out);
    buf_printf (out, "\n%-38s %-30s %5s %5s  %-*sof length alone\n", "proposition", "rule", "rows", "yes", INTERVAL_WIDTH, "AUC");
    for (size_t i = 0; i < figures->count; i++) {
        const eval_auc_t *each = &figures->each [i];
        buf_printf (out, "%-38s %-30s %5" PRIu64 " %5" PRIu64 "  ", each->proposition, each->rule, each->rows, each->holds);
        add_interval (out, &each->auc, 1, 3);
        add_interval (out, &each->length, 1, 3);
        end_row (out);
    }
    buf_printf (out, "mean of %-74zu", figures->in_mean);
    add_interval (out, &figures->mean, 1, 3);
    add_interval (out, &figures->mean_length, 1, 3);
    end_row (out);
    buf_add_str (out, "\nAUC: the chance that a response for which people said yes scores above one for which they said no. In brackets\n"
                      "95 % intervals, bootstrapped by prompt.\n");
}

void eval_propositions_json (const eval_propositions_t *figures, const eval_shown_t *shown, buf_t *out)
{
    buf_add_char (out, '{');
    json_member_text (out, "judge", shown->judge);
    json_member_text (out, "map", shown->map);
    json_member_text (out, "rows_of", parity_note (shown->parity));
    json_member_count (out, "rows_read", shown->read);
    json_member_count (out, "rows", figures->rows);
    json_member_count (out, "prompts", figures->prompts);
    json_member_count (out, "cells_missing", shown->told->missing);
    json_member_count (out, "cells_judged", shown->told->asked);
    json_member_count (out, "calls", shown->told->calls);
    json_write_key (out, "propositions");
    buf_add_char (out, '[');
    for (size_t i = 0; i < figures->count; i++) {
        const eval_auc_t *each = &figures->each [i];
        buf_add_str (out, i ? ",{" : "{");
        json_member_text (out, "proposition", each->proposition);
        json_member_text (out, "rule", each->rule);
        json_member_count (out, "rows", each->rows);
        json_member_count (out, "holds", each->holds);
        key_interval (out, "auc", &each->auc);
        key_interval (out, "auc_length", &each->length);
        buf_add_char (out, '}');
    }
    buf_add_char (out, ']');
    json_member_count (out, "in_mean", figures->in_mean);
    key_interval (out, "mean_auc", &figures->mean);
    key_interval (out, "mean_auc_length", &figures->mean_length);
    buf_add_str (out, "}\n");
}

// --- preferences -----------------------------------------------------------

static double decided_share (const eval_line_t *line)
{
    return line->pairs ? (double) line->decided / (double) line->pairs : 0;
}

void eval_preferences_text (const eval_preferences_t *figures, const eval_preferences_options_t *options, buf_t *out)
{
    const char *reference = figures->lines [figures->reference].what;
    buf_printf (out, "Pairs      with a given preference, of %s: %" PRIu64 " prompts\n", parity_note (options->parity), figures->prompts);
    for (size_t i = 0; i < options->n_where; i++)
        buf_printf (out, "Where      %s\n", options->where [i]);
    buf_printf (out, "\n%-18s %-20s %6s %8s  %-*sless %s, paired\n", "run", "", "pairs", "decided", INTERVAL_WIDTH, "agreement %", reference);
    for (size_t i = 0; i < figures->count; i++) {
        const eval_line_t *line = &figures->lines [i];
        buf_printf (out, "%-18s %-20s %6" PRIu64 " %6.1f %%  ", line->baseline ? "baseline" : line->name, line->what, line->pairs,
                    100 * decided_share (line));
        add_interval (out, &line->agreement, 100, 1);
        if (i != figures->reference)
            interval_show_difference (out, &line->difference, 100, 1);
        end_row (out);
    }
    buf_add_str (out, "\nAgreement of the label with the given preference; a tie counts 1/2. In brackets 95 % intervals, bootstrapped by\n"
                      "prompt; \"not shown\" where that of a difference includes zero.\n");
}

void eval_preferences_json (const eval_preferences_t *figures, const eval_preferences_options_t *options, buf_t *out)
{
    buf_add_char (out, '{');
    json_member_text (out, "pairs_of", parity_note (options->parity));
    json_member_count (out, "prompts", figures->prompts);
    json_member_text (out, "reference", figures->lines [figures->reference].name);
    json_write_key (out, "lines");
    buf_add_char (out, '[');
    for (size_t i = 0; i < figures->count; i++) {
        const eval_line_t *line = &figures->lines [i];
        buf_add_str (out, i ? ",{" : "{");
        json_member_text (out, "run", line->baseline ? NULL : line->name);
        json_member_text (out, line->baseline ? "baseline" : "policy", line->what);
        json_member_count (out, "pairs", line->pairs);
        json_member_count (out, "decided", line->decided);
        key_interval (out, "agreement", &line->agreement);
        key_interval (out, "difference", &line->difference);
        buf_add_char (out, '}');
    }
    buf_add_str (out, "]}\n");
}
