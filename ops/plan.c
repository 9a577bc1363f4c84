#include "ops/plan.h"

#include <inttypes.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "ops/auto_show.h"
#include "ops/probe.h"
#include "ops/progress.h"
#include "storage/records.h"

// Fewer calls, as a probe's, are of other texts than the corpus's.
enum { BYTES_PER_TOKEN = 4, USE_CALLS_MIN = 50 };

// --- the estimate ----------------------------------------------------------

static bool is_of (const Rulemill__RunRecord *run, const digest_t *judge)
{
    const ProtobufCBinaryData *identity = run && run->spec ? &run->spec->judge_identity : NULL;
    return identity && identity->len == DIGEST_BYTES && memcmp (identity->data, judge->b, DIGEST_BYTES) == 0;
}

// What all runs of the store have used of this judge. What can't be read is not counted: it is an estimate.
static usage_t used_before (store_t *store, const digest_t *judge)
{
    usage_t sum = { 0 };
    fault_t ignored = { 0 };
    store_iter_t *iter = record_walk_runs (store);
    for (; store_iter_valid (iter); store_iter_next (iter)) {
        Rulemill__RunRecord *run = record_read_run (iter, &ignored);
        Rulemill__RunCounts *counts = NULL;
        if (is_of (run, judge) && record_get_counts (store, run->number, &counts, &ignored) == OK) {
            const usage_t used = { .calls = counts->calls, .prompt_tokens = counts->prompt_tokens,
                                   .cached_tokens = counts->cached_tokens, .completion_tokens = counts->completion_tokens };
            usage_add (&sum, &used);
        }
        rulemill__run_counts__free_unpacked (counts, NULL);
        rulemill__run_record__free_unpacked (run, NULL);
    }
    store_iter_destroy (&iter);
    return sum;
}

static uint64_t part (uint64_t calls, uint64_t used, uint64_t of_calls)
{
    return (uint64_t) ((double) calls * (double) used / (double) of_calls + 0.5);
}

static usage_t estimate_by_use (uint64_t calls, const usage_t *before)
{
    return (usage_t) {
        .calls = calls, .prompt_tokens = part (calls, before->prompt_tokens, before->calls),
        .cached_tokens = part (calls, before->cached_tokens, before->calls),
        .completion_tokens = part (calls, before->completion_tokens, before->calls)
    };
}

// A server that the probe saw cache nothing caches nothing.
static usage_t estimate_by_bytes (const label_plan_judge_t *plan, const Rulemill__JudgeSetup *judge, const Rulemill__ProbeRecord *probe)
{
    bool caches = !(probe && probe->measured && probe->cached_share <= 0);
    return (usage_t) {
        .calls = plan->calls, .prompt_tokens = plan->prompt_bytes / BYTES_PER_TOKEN,
        .cached_tokens = caches ? plan->shared_bytes / BYTES_PER_TOKEN : 0,
        .completion_tokens = product_u64 (plan->calls, judge->max_tokens)
    };
}

// By what the judge's calls have used, or else by the texts.
static usage_t estimate (const plan_t *plan, const label_plan_judge_t *counts, size_t i, const usage_t *before, const Rulemill__ProbeRecord *probe)
{
    return plan->basis == PLAN_BY_USE ? estimate_by_use (counts->calls, before) : estimate_by_bytes (counts, plan->judges->setups [i], probe);
}

static void add_judge (plan_t *plan, store_t *store, size_t i, const usage_t *before)
{
    const judge_member_t *member = &plan->judges->member [i];
    const Rulemill__JudgeSetup *judge = plan->judges->setups [i];
    const prices_t prices = { judge->price_prompt, judge->price_cached, judge->price_completion };
    Rulemill__ProbeRecord *probe = NULL;
    fault_t ignored = { 0 };
    bool known = record_get_probe (store, &member->identity, &probe, &ignored) == OK && probe && probe->measured;
    usage_t use = estimate (plan, &plan->counts.judge [i], i, before, probe), most = estimate (plan, &plan->counts.most [i], i, before, probe);
    usage_add (&plan->most, &most);
    plan->cells_most += plan->counts.most [i].cells;
    use.cost = prices_cost (&prices, use.prompt_tokens, use.cached_tokens, use.completion_tokens);
    usage_add (&plan->use, &use);
    plan->priced = plan->priced || prices.prompt > 0 || prices.cached > 0 || prices.completion > 0;
    if (!known && !plan->counts.begun)
        plan->probe_calls += PROBE_CALLS_FULL * judge->n_url;
    rulemill__probe_record__free_unpacked (probe, NULL);
}

static void find_pace (plan_t *plan, store_t *store, const digest_t *judge)
{
    Rulemill__ProbeRecord *probe = NULL;
    fault_t ignored = { 0 };
    plan->seconds = -1;
    if (record_get_probe (store, judge, &probe, &ignored) != OK || probe == NULL)
        return;
    double calls = (double) plan->use.calls;
    if (probe->calls_per_s > 0) {
        plan->pace = PACE_MEASURED;
        plan->calls_per_s = probe->calls_per_s;
        plan->seconds = calls / probe->calls_per_s;
    } else if (probe->call_s > 0) {
        plan->pace = PACE_ONE_BY_ONE;
        plan->seconds = calls * probe->call_s;
    }
    rulemill__probe_record__free_unpacked (probe, NULL);
}

static void tell (const plan_t *plan)
{
    buf_t line = { 0 };
    progress_count (&line, plan->counts.cells_needed);
    buf_add_str (&line, " cells are needed, ");
    progress_count (&line, plan->counts.cells_stored);
    buf_add_str (&line, " are in the store: ");
    progress_count (&line, plan->use.calls);
    buf_add_str (&line, " calls, about ");
    progress_count (&line, plan->use.prompt_tokens);
    buf_add_str (&line, " prompt tokens");
    if (plan->priced) {
        buf_add_str (&line, ", about ");
        progress_cost (&line, plan->use.cost, plan->currency);
    }
    if (plan->seconds >= 0 && plan->pace == PACE_MEASURED) {
        buf_add_str (&line, ", about ");
        progress_duration (&line, plan->seconds);
    }
    log_info ("plan: %s", line.data);
    buf_free (&line);
}

void plan_make (void *ctx, store_t *store, const label_plan_t *counts)
{
    plan_t *plan = ctx;
    plan->counts = *counts;
    plan->seconds = -1;
    plan->price = counts->automatic.price;
    if (plan->judges->n == 0)
        return;
    const digest_t judge = judge_members_identity (plan->judges);
    const usage_t before = used_before (store, &judge);
    plan->basis = before.calls >= USE_CALLS_MIN ? PLAN_BY_USE : PLAN_BY_BYTES;
    for (size_t i = 0; i < plan->judges->n; i++)
        add_judge (plan, store, i, &before);
    find_pace (plan, store, &judge);
    auto_price_use (&plan->price, &(auto_use_t) { plan->cells_most, plan->most });
    if (plan->log)
        tell (plan);
}

// --- showing ---------------------------------------------------------------

static const char *basis_text (const plan_t *plan)
{
    return plan->basis == PLAN_BY_USE ? "by what this judge's calls have used in this store" : "by the texts' lengths, 4 bytes a token";
}

static void head (buf_t *out, const char *word)
{
    buf_printf (out, "%-11s", word);
}

static void add_auto (const plan_t *plan, buf_t *out)
{
    const auto_state_t *state = &plan->counts.automatic;
    auto_show_state (state, "Policy", state->sampled, NULL, out);
    auto_show_price (&plan->price, "Price", plan->currency, out);
}

static void add_work (const plan_t *plan, const outcome_t *outcome, buf_t *out)
{
    const label_plan_t *counts = &plan->counts;
    head (out, "Plan");
    buf_printf (out, "%s%s\n", outcome->job.run, counts->begun ? "" : ", not begun yet");
    head (out, "Pairs");
    progress_count (out, counts->pairs_due);
    buf_add_str (out, " to label of ");
    progress_count (out, outcome->job.corpus_counts.pairs);
    corpus_part_t part = outcome->job.last.part;
    if (part.of > 0)
        buf_printf (out, " in part %" PRIu32 " of %" PRIu32, part.number, part.of);
    if (counts->pairs_identical > 0) {
        buf_add_str (out, ", ");
        progress_count (out, counts->pairs_identical);
        buf_add_str (out, " with equal responses");
    }
    buf_add_char (out, '\n');
    head (out, "Cells");
    progress_count (out, counts->cells_needed);
    buf_add_str (out, " needed, ");
    progress_count (out, counts->cells_stored);
    buf_add_str (out, " of them in the store\n");
    if (counts->foreseen) {
        head (out, "");
        buf_add_str (out, "about so many if an adapter foresees the rules of what is not sampled; ");
        progress_count (out, counts->cells_most);
        buf_add_str (out, " where all has to be judged\n");
    }
    if (counts->has_auto)
        add_auto (plan, out);
}

static void add_use (const plan_t *plan, buf_t *out)
{
    head (out, "Calls");
    progress_count (out, plan->use.calls);
    if (plan->probe_calls > 0)
        buf_printf (out, ", and %" PRIu64 " before them to probe the judge", plan->probe_calls);
    buf_add_str (out, "; what has to be asked again comes on top\n");
    head (out, "Tokens");
    buf_add_str (out, "about ");
    progress_count (out, plan->use.prompt_tokens);
    buf_add_str (out, " of prompts (");
    progress_count (out, plan->use.cached_tokens);
    buf_add_str (out, " from the server's cache), ");
    progress_count (out, plan->use.completion_tokens);
    buf_printf (out, " of answers; %s\n", basis_text (plan));
    head (out, "Cost");
    if (plan->priced) {
        buf_add_str (out, "about ");
        progress_cost (out, plan->use.cost, plan->currency);
        buf_add_char (out, '\n');
    } else
        buf_add_str (out, "unknown; --set judge.price_prompt=P --set judge.price_completion=C give prices of a million tokens\n");
}

static void add_time (const plan_t *plan, buf_t *out)
{
    head (out, "Time");
    if (plan->pace == PACE_UNKNOWN) {
        buf_add_str (out, "unknown; nothing is known of this judge's speed yet\n");
        return;
    }
    buf_add_str (out, "about ");
    progress_duration (out, plan->seconds);
    if (plan->pace == PACE_MEASURED)
        buf_printf (out, " at %.1f calls/s, as the last labelling with it\n", plan->calls_per_s);
    else
        buf_add_str (out, " one call after the other, as the probe made them; many at a time take less\n");
}

void plan_text (const plan_t *plan, const outcome_t *outcome, buf_t *out)
{
    add_work (plan, outcome, out);
    if (plan->judges->n == 0) {
        head (out, "Calls");
        buf_add_str (out, "none: this judge asks nobody\n");
        return;
    }
    add_use (plan, out);
    add_time (plan, out);
}

void plan_json (const plan_t *plan, const outcome_t *outcome, buf_t *out)
{
    const label_plan_t *counts = &plan->counts;
    buf_add_char (out, '{');
    json_write_key (out, "run");
    json_write_cstring (out, outcome->job.run);
    json_write_key (out, "begun");
    buf_add_str (out, counts->begun ? "true" : "false");
    corpus_part_member (outcome->job.last.part, out);
    json_member_count (out, "pairs", outcome->job.corpus_counts.pairs);
    json_member_count (out, "pairs_due", counts->pairs_due);
    json_member_count (out, "pairs_identical", counts->pairs_identical);
    json_member_count (out, "cells_needed", counts->cells_needed);
    json_member_count (out, "cells_stored", counts->cells_stored);
    json_member_count (out, "cells_most", counts->cells_most);
    json_member_count (out, "responses", counts->responses);
    json_member_count (out, "calls", plan->use.calls);
    json_member_count (out, "probe_calls", plan->probe_calls);
    json_member_count (out, "prompt_tokens", plan->use.prompt_tokens);
    json_member_count (out, "cached_tokens", plan->use.cached_tokens);
    json_member_count (out, "completion_tokens", plan->use.completion_tokens);
    json_write_key (out, "auto");
    buf_add_str (out, counts->has_auto ? "{" : "null");
    if (counts->has_auto) {
        auto_state_t state = counts->automatic;
        state.price = plan->price;
        auto_state_write (&state, state.sampled, out);
        buf_add_char (out, '}');
    }
    json_write_key (out, "estimated");
    json_write_cstring (out, basis_text (plan));
    json_write_key (out, "cost");
    if (plan->priced)
        progress_money (out, plan->use.cost);
    else
        buf_add_str (out, "null");
    json_write_key (out, "currency");
    json_write_cstring (out, plan->priced ? plan->currency : NULL);
    json_write_key (out, "seconds");
    if (plan->seconds >= 0)
        buf_printf (out, "%.1f", plan->seconds);
    else
        buf_add_str (out, "null");
    json_write_key (out, "pace");
    static const char *const paces [] = { NULL, "last labelling", "probe, one call after the other" };
    json_write_cstring (out, paces [plan->pace]);
    buf_add_char (out, '}');
}
