#include "ops/auto_show.h"

#include <inttypes.h>

#include "base/json.h"
#include "ops/progress.h"

// What judging took, and what exhaustive judging of the same pairs would have taken: told from what the sample took for each
// of its cells, with the same server's cache.
typedef struct { const char *name; double used, exhaustive; } saving_t;

enum { SAVINGS = 5 };

// Each judge of a panel is asked for a cell, and of a share of the prompts once more for each repeat.
static double asked_times (const outcome_t *outcome)
{
    return (outcome->judges > 1 ? (double) outcome->judges : 1) * (1 + outcome->repeats * outcome->repeat_share);
}

static size_t savings (const outcome_t *outcome, saving_t out [SAVINGS])
{
    const Rulemill__RunCounts *c = &outcome->job.counts;
    const dataset_report_t *d = &outcome->job.dataset;
    if (c->sample_cells == 0 || d->cells_all == 0)
        return 0;
    double all = (double) d->cells_all * asked_times (outcome), times = all / (double) c->sample_cells, coin = 1e12;
    size_t n = 0;
    out [n++] = (saving_t) { "cells", (double) c->cells_judged, all };
    if (c->calls > 0) {
        out [n++] = (saving_t) { "prompt tokens computed", (double) (c->prompt_tokens - c->cached_tokens),
                                 times * (double) (c->sample_prompt_tokens - c->sample_cached_tokens) };
        out [n++] = (saving_t) { "cached ones", (double) c->cached_tokens, times * (double) c->sample_cached_tokens };
    }
    if (c->sample_ms > 0)
        out [n++] = (saving_t) { "judge seconds", (double) c->ms / 1000, times * (double) c->sample_ms / 1000 };
    if (c->cost > 0)
        out [n++] = (saving_t) { "cost", (double) c->cost / coin, times * (double) c->sample_cost / coin };
    return n;
}

// Of a corpus that has grown the sample is another share than that of what is new: what was labelled tells.
static double sampled_share (const outcome_t *outcome)
{
    const dataset_report_t *d = &outcome->job.dataset;
    const auto_state_t *a = &outcome->job.automatic;
    uint64_t pairs = d->train + d->validation + d->ties;
    if (a->choice != RULEMILL__AUTO_CHOICE__AUTO_ADAPTER || pairs == 0 || d->filtered > 0)
        return a->sampled;
    return (double) (pairs - d->by_adapter) / (double) pairs;
}

// The cells that this run may judge at most, by its shares: all of the sampled and audited, those chosen of the rest.
static double bound (const outcome_t *outcome, double *all, double *chosen)
{
    const auto_state_t *a = &outcome->job.automatic;
    double sampled = sampled_share (outcome), exhaustive = sampled + (1 - sampled) * a->audited;
    if (a->choice == RULEMILL__AUTO_CHOICE__AUTO_EXHAUSTIVE)
        exhaustive = 1;
    *all = exhaustive * (double) outcome->job.dataset.cells_all * asked_times (outcome);
    *chosen = (1 - exhaustive) * (double) outcome->job.dataset.cells_selected * asked_times (outcome);
    return *all + *chosen;
}

static void add_audit (const auto_state_t *a, buf_t *out)
{
    if (a->audited <= 0)
        return;
    buf_printf (out, "%-11s%.2f %% of the later prompts audited: ", "", 100 * a->audited);
    if (a->agreement.told)
        buf_printf (out, "the adapter's label is the exhaustive one in %.1f %% (95 %% interval %.1f to %.1f) of ", 100 * a->agreement.value,
                    100 * a->agreement.low, 100 * a->agreement.high);
    progress_count (out, a->audited_pairs);
    buf_printf (out, " pairs%s", a->agreement.told ? "" : ", too few to say");
    if (a->failed_audits > 0) {
        buf_add_str (out, "; ");
        progress_count (out, a->failed_audits);
        buf_add_str (out, " more could not be audited");
    }
    buf_add_char (out, '\n');
}

// A judge that is only treated as costly judges no cell of its own: there the shares say what it would have cost.
static void add_expected (const outcome_t *outcome, const char *head, buf_t *out)
{
    double sampled, chosen;
    if (bound (outcome, &sampled, &chosen) <= 0)
        return;
    buf_printf (out, "%-11sexpected of its shares: ", head);
    progress_count (out, (uint64_t) (sampled + 0.5));
    buf_add_str (out, " cells of sampled and audited prompts, ");
    progress_count (out, (uint64_t) (chosen + 0.5));
    buf_add_str (out, " of the others");
    if (*head) {
        buf_add_str (out, ", instead of ");
        progress_count (out, (uint64_t) ((double) outcome->job.dataset.cells_all * asked_times (outcome) + 0.5));
    }
    buf_add_char (out, '\n');
}

static void add_savings (const outcome_t *outcome, buf_t *out)
{
    saving_t all [SAVINGS];
    if (outcome->job.automatic.choice != RULEMILL__AUTO_CHOICE__AUTO_ADAPTER)
        return;
    size_t n = savings (outcome, all);
    for (size_t i = 0; i < n; i++) {
        buf_printf (out, "%-11s%s ", i ? "" : "Saved", all [i].name);
        if (all [i].used < 100)
            buf_printf (out, "%.4f instead of about %.4f", all [i].used, all [i].exhaustive);
        else {
            progress_count (out, (uint64_t) all [i].used);
            buf_add_str (out, " instead of about ");
            progress_count (out, (uint64_t) all [i].exhaustive);
        }
        if (all [i].used > 0)
            buf_printf (out, " (1/%.1f)", all [i].exhaustive / all [i].used);
        buf_add_char (out, '\n');
    }
    add_expected (outcome, n ? "" : "Cells", out);
}

// "2,000,000 cells"
static void add_amount (double amount, const char *unit, buf_t *out)
{
    progress_count (out, (uint64_t) (amount + 0.5));
    buf_printf (out, " %s", unit);
}

static void add_cost (const auto_price_t *price, const auto_cost_t *cost, const char *currency, buf_t *out)
{
    add_amount (cost->cells, "cells", out);
    buf_add_str (out, ", ");
    add_amount (cost->prompt_tokens, "prompt tokens computed, ", out);
    add_amount (cost->cached_tokens, "cached", out);
    if (price->timed)
        buf_printf (out, ", %.1f s of the judge's time", cost->seconds);
    if (price->priced) {
        buf_add_str (out, ", ");
        progress_cost (out, (uint64_t) (cost->cost * (double) SPEND_COST_ONE), currency);
    }
    buf_add_char (out, '\n');
}

void auto_show_price (const auto_price_t *price, const char *head, const char *currency, buf_t *out)
{
    if (!price->told)
        return;
    const char *adapter = price->by_sample ? "about" : "at most";
    const char *from = price->by_sample ? "what the sample took" : auto_price_source (false);
    buf_printf (out, "%-11sof all pairs, estimated from %s:", head, from);
    if (price->used) {
        buf_printf (out, "\n%-11sexhaustive about ", "");
        add_cost (price, &price->exhaustive, currency, out);
        buf_printf (out, "%-11san adapter %s ", "", adapter);
        add_cost (price, &price->adapter, currency, out);
        return;
    }
    buf_add_str (out, " exhaustive about ");
    add_amount (price->exhaustive.cells, "cells", out);
    buf_printf (out, ", an adapter %s ", adapter);
    add_amount (price->adapter.cells, "cells\n", out);
}

void auto_show_state (const auto_state_t *a, const char *head, double sampled, const uint64_t *by_adapter, buf_t *out)
{
    buf_printf (out, "%-11sauto, %s", head, auto_choice_name (a->choice));
    if (a->n_adapters > 0) {
        if (by_adapter) {
            buf_add_str (out, " for ");
            progress_count (out, *by_adapter);
            buf_add_str (out, " pairs");
        }
        buf_printf (out, ", learnt from a sample of %.2f %% of the prompts%s", 100 * sampled, a->n_adapters > 1 ? " and from audits" : "");
    } else if (a->choice == RULEMILL__AUTO_CHOICE__AUTO_UNDECIDED)
        buf_printf (out, ": sample %" PRIu32 ", %.2f %% of the prompts, is judged exhaustively", a->step, 100 * sampled);
    buf_add_str (out, a->training ? "; an adapter is being trained" : "");
    if (a->reason [0])
        buf_printf (out, "%s%s", a->n_adapters > 0 ? "\n           " : ": ", a->reason);
    buf_add_char (out, '\n');
    add_audit (a, out);
}

void auto_show_text (const outcome_t *outcome, buf_t *out)
{
    if (!outcome->job.has_auto)
        return;
    const dataset_report_t *dataset = &outcome->job.dataset;
    auto_show_state (&outcome->job.automatic, "Policy", sampled_share (outcome), dataset->path [0] ? &dataset->by_adapter : NULL, out);
    if (outcome->job.automatic.choice == RULEMILL__AUTO_CHOICE__AUTO_EXHAUSTIVE)
        auto_show_price (&outcome->job.automatic.price, "Price", outcome->currency, out);
    add_savings (outcome, out);
}

void auto_show_json (const outcome_t *outcome, buf_t *out)
{
    const auto_state_t *a = &outcome->job.automatic;
    json_write_key (out, "auto");
    if (!outcome->job.has_auto) {
        buf_add_str (out, "null");
        return;
    }
    buf_add_char (out, '{');
    auto_state_write (a, sampled_share (outcome), out);
    buf_printf (out, ",\"pairs_by_adapter\":%" PRIu64, outcome->job.dataset.by_adapter);
    double sampled, chosen, sum = bound (outcome, &sampled, &chosen);
    buf_printf (out, ",\"cells\":{\"judged\":%" PRIu64 ",\"all\":%" PRIu64 ",\"chosen\":%" PRIu64 ",\"expected_exhaustive\":%.0f,"
                "\"expected_chosen\":%.0f,\"expected\":%.0f}", outcome->job.counts.cells_judged, outcome->job.dataset.cells_all,
                outcome->job.dataset.cells_selected, sampled, chosen, sum);
    saving_t all [SAVINGS];
    size_t n = savings (outcome, all);
    buf_add_str (out, ",\"saved\":[");
    for (size_t i = 0; i < n; i++)
        buf_printf (out, "%s{\"what\":\"%s\",\"used\":%.6f,\"exhaustive\":%.6f}", i ? "," : "", all [i].name, all [i].used, all [i].exhaustive);
    buf_add_str (out, "]}");
}
