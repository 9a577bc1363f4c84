#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "ops/findings.h"
#include "ops/html.h"

enum { BITS_SHOWN = 30, SQUARE_RULES = 30, MARGIN_BARS = 80 };

static const char style [] =
    ":root{--ink:#1d2430;--soft:#5c6675;--line:#d9dee6;--bar:#7d9cc4;--strong:#1f4e8c;--mark:#c8551b;--plus:#1f4e8c;--minus:#c8551b;--ground:#fff;--card:#f5f7fa}"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6e9ef;--soft:#9aa5b5;--line:#39424f;--bar:#56779f;--strong:#8db8ee;--mark:#ef9a62;--plus:#8db8ee;--minus:#ef9a62;"
    "--ground:#161b22;--card:#1f2630}}"
    "body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--ground);max-width:1240px;margin:2em auto;padding:0 1.5em}"
    "h1{font-size:1.5em;margin-bottom:.2em}h2{font-size:1.2em;margin:2em 0 .3em;border-bottom:1px solid var(--line);padding-bottom:.2em}h3{font-size:1em;margin:1.2em 0 .3em}"
    "p{max-width:75ch;margin:.4em 0}.soft{color:var(--soft)}.cards{display:flex;flex-wrap:wrap;gap:.8em;margin:1em 0}"
    ".card{background:var(--card);border-radius:6px;padding:.6em 1em;min-width:9em}.card b{display:block;font-size:1.35em}.card span{color:var(--soft);font-size:.85em}"
    "table{border-collapse:collapse;font-size:.86em;font-variant-numeric:tabular-nums}th,td{padding:.22em .5em;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}"
    "th:first-child,td:first-child,.words{text-align:left}.wide{overflow-x:auto}thead th{position:sticky;top:0;background:var(--ground);cursor:pointer;vertical-align:bottom;font-weight:600}"
    "td svg{display:block}.strong td{font-weight:600}.scroll{max-height:44em;overflow:auto;border:1px solid var(--line);border-radius:6px}"
    "svg{max-width:100%;height:auto}td svg{max-width:none}svg text{font:11px system-ui,sans-serif;fill:var(--ink)}"
    ".bar{fill:var(--bar)}rect.strong{fill:var(--strong)}.plus{fill:var(--plus)}.minus{fill:var(--minus)}"
    ".axis,.grid{stroke:var(--line)}.mark{stroke:var(--mark);stroke-width:2}.whisker{stroke:var(--mark);stroke-width:1.5}";

// Sort a table by a column: its numbers (data-v where a cell is no plain number), largest first, or its words.
static const char script [] =
    "document.querySelectorAll('table.sort thead th').forEach((th,i)=>th.onclick=()=>{const b=th.closest('table').tBodies[0],"
    "v=r=>{const c=r.cells[i];const t=c.dataset.v??c.textContent;const n=parseFloat(t);return Number.isNaN(n)?(t==='-'?-Infinity:t):n};"
    "const d=th.dataset.d=th.dataset.d==='1'?'-1':'1';"
    "[...b.rows].sort((x,y)=>{const p=v(x),q=v(y);return (typeof p==='string'||typeof q==='string'?String(p).localeCompare(String(q)):q-p)*d}).forEach(r=>b.append(r))});";

static double percent (uint64_t part, uint64_t whole)
{
    return whole ? 100 * (double) part / (double) whole : 0;
}

static const char *rule_id (const findings_t *f, uint32_t r)
{
    return f->opened.pool->rules [r].id;
}

// --- labels ----------------------------------------------------------------

static void PRINTF_LIKE (3, 4) add_card (buf_t *out, const char *what, const char *format, ...)
{
    char text [160];
    va_list args;
    va_start (args, format);
    vsnprintf (text, sizeof text, format, args);
    va_end (args);
    buf_add_str (out, "<div class=card><b>");
    html_text (out, text);
    buf_add_str (out, "</b><span>");
    html_text (out, what);
    buf_add_str (out, "</span></div>");
}

static void add_share_card (buf_t *out, const char *what, const prompt_share_t *share, int digits)
{
    interval_t interval = stats_prompt_share (share);
    buf_t text = { 0 };
    buf_printf (&text, "%s; 95 %%: %.*f to %.*f", what, digits, 100 * interval.low, digits, 100 * interval.high);
    add_card (out, text.data, "%.*f %%", digits, 100 * interval.value);
    buf_free (&text);
}

static void add_cards (const findings_t *f, buf_t *out)
{
    uint64_t ties = 0;
    for (size_t i = 0; i < f->n_phases; i++)
        ties += f->phases [i].identical + f->phases [i].no_rule + f->phases [i].margin_ties;
    buf_add_str (out, "<div class=cards>");
    add_card (out, "pairs labelled", "%" PRIu64, f->labelled);
    add_card (out, "of them ties", "%.1f %%", percent (ties, f->labelled));
    add_card (out, "pairs set aside", "%" PRIu64, f->quarantined);
    if (f->longer.rows > 0)
        add_share_card (out, "won by the longer response", &f->longer, 1);
    if (f->cyclic.rows > 0)
        add_share_card (out, "cyclic triples (of coins: 25 %)", &f->cyclic, 2);
    if (f->given) {
        buf_t what = { 0 };
        buf_printf (&what, "agreement with %s; 95 %%: %.1f to %.1f", f->truth, 100 * f->agreement.low, 100 * f->agreement.high);
        add_card (out, what.data, "%.1f %%", 100 * f->agreement.value);
        buf_free (&what);
    }
    buf_add_str (out, "</div>");
}

static void add_margin_plot (const phase_figures_t *phase, buf_t *out)
{
    uint64_t bars [MARGIN_BARS] = { 0 };
    double top = findings_margin (phase, 0.995);
    size_t last = (size_t) ceil ((top > 0.05 ? top : 0.05) * MARGIN_BINS / 2);
    last = last < MARGIN_BINS ? last : MARGIN_BINS - 1;
    for (size_t i = 0; i < MARGIN_BINS; i++)
        bars [(i < last ? i : last) * (MARGIN_BARS - 1) / last] += phase->bins [i];
    char to [32];
    snprintf (to, sizeof to, "%.2f or more", 2.0 * (double) last / MARGIN_BINS);
    html_histogram (out, bars, MARGIN_BARS, 560, 90, "margin 0", to, findings_margin (phase, 0.5) * MARGIN_BINS / 2 / (double) last);
}

static void add_phases (const findings_t *f, buf_t *out)
{
    static const double shares [] = { 0.05, 0.25, 0.5, 0.75, 0.95 };
    buf_add_str (out, "<h3>Margins and ties, by how rules were selected</h3><p class=soft>The margin is the difference of the two means. The line is the median."
                      " Margins are comparable within one way of selecting only.</p>");
    for (size_t i = 0; i < f->n_phases; i++) {
        buf_printf (out, "<div><b>%s</b>, %" PRIu64 " pairs</div>", f->phases [i].name, f->phases [i].pairs);
        add_margin_plot (&f->phases [i], out);
    }
    buf_add_str (out, "<div class=wide><table><thead><tr><th>selected by<th>pairs<th>ties: equal responses<th>no rule<th>too close<th>margin 5 %<th>25 %<th>50 %<th>75 %<th>95 %</thead>");
    for (size_t i = 0; i < f->n_phases; i++) {
        const phase_figures_t *phase = &f->phases [i];
        buf_printf (out, "<tr><td>%s<td>%" PRIu64 "<td>%" PRIu64 "<td>%" PRIu64 "<td>%" PRIu64, phase->name, phase->pairs, phase->identical, phase->no_rule,
                    phase->margin_ties);
        for (size_t s = 0; s < 5; s++)
            if (phase->margins > 0)
                buf_printf (out, "<td>%.3f", findings_margin (phase, shares [s]));
            else
                buf_add_str (out, "<td>-");
    }
    buf_add_str (out, "</table></div>");
}

static void add_models (const findings_t *f, buf_t *out)
{
    if (f->n_models == 0)
        return;
    html_bar_t *bars = mem_zero (f->n_models, sizeof *bars);
    for (size_t i = 0; i < f->n_models; i++) {
        const model_figures_t *model = &f->models [i];
        bars [i].name = model->name;
        bars [i].value = stats_prompt_share (&model->won);
    }
    buf_add_str (out, "<h3>Who wins</h3><p class=soft>Share of a model's pairs against other models that it won, a tie counting 1/2. Whiskers: 95 % intervals,"
                      " for as many pairs as the prompts are worth.</p>");
    html_intervals (out, bars, f->n_models, 0, 1, "share won");
    free (bars);
}

// --- rules -----------------------------------------------------------------

static int by_bits (const void *x, const void *y, void *context)
{
    const findings_t *f = context;
    double a = f->rules [*(const uint32_t *) x].bits.bits.value, b = f->rules [*(const uint32_t *) y].bits.bits.value;
    return (a < b) - (a > b);
}

static void add_information (const findings_t *f, buf_t *out)
{
    size_t n = f->opened.pool->count, shown = n < BITS_SHOWN ? n : BITS_SHOWN;
    if (f->information_pairs == 0 || !isfinite (f->rules [0].bits.bits.value))
        return;
    uint32_t *order = mem_zero (n, sizeof *order);
    html_bar_t *bars = mem_zero (n, sizeof *bars);
    double high = 0.01, low = 0;
    findings_order (f, order);
    qsort_r (order, n, sizeof *order, by_bits, (void *) f);
    for (size_t i = 0; i < shown; i++) {
        const rule_bits_t *bits = &f->rules [order [i]].bits;
        bars [i] = (html_bar_t) { rule_id (f, order [i]), bits->bits, bits->q <= 0.05 };
        high = fmax (high, bits->bits.high);
        low = fmin (low, bits->bits.low);
    }
    buf_add_str (out, "<h3>What a rule tells of the truth</h3><p>Mutual information, in bits, between the difference of the two scores and which response is"
                      " better by ");
    html_text (out, f->truth);
    buf_printf (out, ": %d quantile bins, Miller-Madow correction, over %" PRIu64 " pairs%s. Which response is A was drawn by a hash. One bit would be all that there"
                " is to know. Whiskers: 95 %% intervals, bootstrapped by prompt. Dark: the false discovery rate over all rules (Benjamini-Hochberg, %d permutations)"
                " is at most .05.</p>", 8, f->information_pairs, f->information_sampled ? " of a sample of the prompts" : "", INFORMATION_PERMUTATIONS);
    html_intervals (out, bars, shown, low, high, "bits");
    free (order);
    free (bars);
}

typedef struct { const findings_t *f; const uint32_t *order; } square_t;

static double correlation (void *context, size_t row, size_t column)
{
    const square_t *square = context;
    return square->f->correlation [square->order [row] * square->f->opened.pool->count + square->order [column]];
}

static void add_redundancy (const findings_t *f, const uint32_t *order, buf_t *out)
{
    size_t n = f->opened.pool->count < SQUARE_RULES ? f->opened.pool->count : SQUARE_RULES;
    const char *names [SQUARE_RULES];
    for (size_t i = 0; i < n; i++)
        names [i] = rule_id (f, order [i]);
    square_t square = { f, order };
    buf_printf (out, "<h3>Rules that repeat one another</h3><p class=soft>Correlation of score_A - score_B over the pairs, among the %zu rules that decide most: blue"
                " the same way, orange opposite, the fuller the stronger. Point at a place for its value.</p>", n);
    html_square (out, names, n, correlation, &square);
}

// The interval shows where one points at the figure.
static void add_share (const interval_t *share, buf_t *out)
{
    if (isfinite (share->value))
        buf_printf (out, "<td title=\"95 %%: %.1f to %.1f\">%.1f", 100 * share->low, 100 * share->high, 100 * share->value);
    else
        buf_add_str (out, "<td>-");
}

static void add_rule (const findings_t *f, uint32_t r, buf_t *out)
{
    const rule_t *rule = &f->opened.pool->rules [r];
    const rule_figures_t *t = &f->rules [r].tally;
    const rule_bits_t *bits = &f->rules [r].bits;
    buf_add_str (out, "<tr><td title=\"");
    html_text (out, rule->text);
    buf_printf (out, "\">%c ", rule->polarity > 0 ? '+' : '-');
    html_text (out, rule->id);
    add_share (&t->relevant_share, out);
    add_share (&t->selected_share, out);
    add_share (&t->decisive_share, out);
    buf_printf (out, "<td data-v=\"%.3f\">", t->entropy);
    html_spark (out, t->bins, TALLY_BINS, "scores from -1 to 1");
    buf_printf (out, "<td>%.2f<td class=words data-v=\"%.3f\">", t->entropy, t->redundancy);
    if (t->redundancy > 0)
        buf_printf (out, "%.2f %s", t->redundancy, rule_id (f, t->like));
    else
        buf_add_char (out, '-');
    add_share (&t->agree_share, out);
    buf_printf (out, "<td>%" PRIu64, t->compared);
    if (isfinite (bits->bits.value))
        buf_printf (out, "<td data-v=\"%.5f\">%.3f [%.3f, %.3f]<td>%.3f", bits->bits.value, bits->bits.value, bits->bits.low, bits->bits.high, bits->q);
    else
        buf_add_str (out, "<td>-<td>-");
}

static void add_table (const findings_t *f, const uint32_t *order, buf_t *out)
{
    buf_printf (out, "<h3>All rules</h3><p class=soft>In %% of the %" PRIu64 " pairs: relevant (mean relevance of %g or more), selected, decisive (the label is another one"
                " without the rule). Scores: both responses, -1 to 1, heights by the square root; entropy in bits of their %d bins. Most like: the largest |correlation|. Agrees: the response that"
                " the rule scores higher, by its polarity, is the one that the label without it prefers, %% of n. + following the rule speaks for a response, - against."
                " Point at a share for its 95 %% interval, for as many"
                " pairs as the prompts are worth. A click on a heading sorts.</p>", f->judged, (double) TALLY_RELEVANT / MICRO, TALLY_BINS);
    buf_add_str (out, "<div class=scroll><table class=sort><thead><tr><th>rule<th>relevant<th>selected<th>decisive<th>scores<th>entropy<th class=words>most like<th>agrees<th>n<th>bits<th>q</thead><tbody>");
    for (size_t i = 0; i < f->opened.pool->count; i++)
        add_rule (f, order [i], out);
    buf_add_str (out, "</tbody></table></div>");
}

static void add_rules (const findings_t *f, buf_t *out)
{
    buf_add_str (out, "<h2>Rules</h2><p>");
    if (f->judged > 0)
        buf_printf (out, "Over %" PRIu64 " exhaustively judged pairs; cells ", f->judged);
    html_text (out, f->cells);
    buf_add_str (out, ".</p>");
    if (f->judged == 0)
        return;
    uint32_t *order = mem_zero (f->opened.pool->count + 1, sizeof *order);
    findings_order (f, order);
    add_information (f, out);
    add_redundancy (f, order, out);
    add_table (f, order, out);
    free (order);
}

void findings_html (const findings_t *f, buf_t *out)
{
    buf_printf (out, "<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport content=\"width=device-width\"><title>%s</title><style>%s</style></head><body>",
                f->name, style);
    buf_printf (out, "<h1>%s</h1><p class=soft>policy ", f->name);
    html_text (out, f->opened.run->spec->policy);
    buf_add_str (out, ", judge ");
    html_text (out, f->judge);
    buf_printf (out, ", %" PRIu64 " prompts</p><h2>Labels</h2>", f->prompts);
    add_cards (f, out);
    add_phases (f, out);
    add_models (f, out);
    add_rules (f, out);
    buf_printf (out, "<script>%s</script></body></html>\n", script);
}
