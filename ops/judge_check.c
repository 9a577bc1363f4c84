#include "ops/judge_check.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "coordinator/budget.h"
#include "ops/probe.h"
#include "storage/records.h"

enum {
    LOADING_MS = 10 * 60 * 1000,
    // The probe is a small part of a budget: a quarter of it for the whole, half of it for the short form.
    FULL_SHARE = 4, SHORT_SHARE = 2
};

typedef struct {
    const config_t *config;
    probe_depth_t depth;
    const _Atomic bool *stop;
    // PROBE_REACH has no more than these
    store_t *store;
    Rulemill__RunCounts *before;        // calls that no run has taken in, as the store has them
    spend_t limit, spent_before;        // of the budget, where 0 in a unit is no limit
    usage_t usage;                      // of this check, on top
    spend_t spent;
    Rulemill__ProbeRecord record;       // findings are owned
    double calls_s;                     // sum over the endpoints that were asked
    unsigned asked, measured;
    fault_t fault;                      // the store failed
} check_t;

// --- calls -----------------------------------------------------------------

static Rulemill__RunCounts used_so_far (const check_t *check)
{
    Rulemill__RunCounts counts = *check->before;
    counts.calls += check->usage.calls;
    counts.prompt_tokens += check->usage.prompt_tokens;
    counts.cached_tokens += check->usage.cached_tokens;
    counts.completion_tokens += check->usage.completion_tokens;
    counts.refused += check->usage.refused;
    counts.cost += check->usage.cost;
    return counts;
}

// more: of a call that is about to be made.
static status_t write_down (check_t *check, const spend_t *more, const digest_t *judge, fault_t *fault)
{
    Rulemill__RunCounts counts = used_so_far (check);
    budget_t budget = { .store = check->store, .spent = check->spent_before };
    spend_add (&budget.spent, &check->spent);
    counts.calls += more != NULL;
    if (more)
        spend_add (&budget.spent, more);
    store_batch_t *batch = store_batch_new (check->store);
    record_put_counts (batch, 0, &counts);
    budget_put (&budget, batch);
    if (judge)
        record_put_probe (batch, judge, &check->record);
    status_t status = store_commit (check->store, batch, fault);
    store_batch_destroy (&batch);
    return status;
}

static bool may_call (void *ctx, const spend_t *bound)
{
    check_t *check = ctx;
    for (int u = 0; u < SPEND_UNITS; u++) {
        uint64_t spent = sum_u64 (check->spent_before.unit [u], check->spent.unit [u]);
        if (check->limit.unit [u] > 0 && sum_u64 (spent, bound->unit [u]) > check->limit.unit [u])
            return false;
    }
    return check->fault.code == OK && write_down (check, bound, NULL, &check->fault) == OK;
}

// --- one endpoint ----------------------------------------------------------

static void keep_finding (check_t *check, const char *url, const probe_finding_t *finding)
{
    Rulemill__ProbeRecord *record = &check->record;
    record->finding = mem_resize (record->finding, (record->n_finding + 1) * sizeof *record->finding);
    record->finding [record->n_finding++] = mem_printf ("%s: %s: %s", url, finding->what, finding->text);
}

static void keep (check_t *check, const char *url, const probe_report_t *report)
{
    if (check->depth == PROBE_REACH || report->state != PROBE_FIT)
        return;
    for (size_t i = 0; i < report->n; i++) {
        keep_finding (check, url, &report->finding [i]);
        if (report->finding [i].verdict == PROBE_NOTE)
            log_info ("judge %s: %s: %s", url, report->finding [i].what, report->finding [i].text);
    }
    Rulemill__ProbeRecord *record = &check->record;
    if (report->asked) {
        check->calls_s += report->call_s;
        record->call_s = check->calls_s / ++check->asked;
    }
    if (report->context > 0 && (record->context_tokens == 0 || (uint64_t) report->context < record->context_tokens))
        record->context_tokens = (uint64_t) report->context;
    if (report->prompt_tokens > record->prompt_tokens)
        record->prompt_tokens = report->prompt_tokens;
    if (!report->measured)
        return;
    // The noisiest endpoint is what a margin must cover.
    record->deviation = report->deviation > record->deviation ? report->deviation : record->deviation;
    record->cached_share = (record->cached_share * check->measured + report->cached_share) / (check->measured + 1);
    check->measured++;
}

static status_t probe_one (check_t *check, const char *url, unsigned loading_ms, probe_report_t *report, fault_t *fault)
{
    const probe_options_t options = {
        .depth = check->depth, .loading_ms = loading_ms, .may_call = may_call, .ctx = check, .usage = &check->usage, .spent = &check->spent,
        .stop = check->stop
    };
    status_t status = probe_run (check->config, url, &options, report, fault);
    if (status != OK)
        return status;
    if (check->stop && atomic_load (check->stop))
        return fault_set (fault, ERR_STOPPED, "stopped while the judge was probed; run the same command again to go on");
    if (check->fault.code != OK) {
        *fault = check->fault;
        return fault->code;
    }
    keep (check, url, report);
    return report->state == PROBE_UNFIT ? probe_verdict (report, url, fault) : OK;
}

// --- all of them -----------------------------------------------------------

static size_t count_fit (const probe_report_t *reports, size_t n)
{
    size_t fit = 0;
    for (size_t i = 0; i < n; i++)
        fit += reports [i].state == PROBE_FIT;
    return fit;
}

// Those that are away: an error where nobody else is there.
static status_t judge_away (const check_t *check, const probe_report_t *reports, size_t n, fault_t *fault)
{
    bool alone = count_fit (reports, n) == 0;
    for (size_t i = 0; i < n; i++) {
        fault_t why = { 0 };
        const char *url = check->config->judge.urls.items [i];
        if (probe_verdict (&reports [i], url, &why) == OK)
            continue;
        if (alone) {
            *fault = why;
            return fault->code;
        }
        if (check->depth == PROBE_REACH)
            log_warn ("%s; the other endpoints go on without it", why.text);
    }
    return OK;
}

static status_t probe_all (check_t *check, fault_t *fault)
{
    const config_names_t *urls = &check->config->judge.urls;
    probe_report_t *reports = mem_zero (urls->count, sizeof *reports);
    status_t status = OK;
    for (size_t i = 0; i < urls->count && status == OK; i++)
        status = probe_one (check, urls->items [i], 0, &reports [i], fault);
    for (size_t i = 0; i < urls->count && status == OK && count_fit (reports, urls->count) == 0; i++)
        if (reports [i].state == PROBE_LOADING)
            status = probe_one (check, urls->items [i], LOADING_MS, &reports [i], fault);
    if (status == OK)
        status = judge_away (check, reports, urls->count, fault);
    check->record.measured = check->measured > 0 && check->measured == count_fit (reports, urls->count);
    free (reports);
    return status;
}

status_t judge_check_reach (const config_t *config, fault_t *fault)
{
    check_t check = { .config = config, .depth = PROBE_REACH };
    return probe_all (&check, fault);
}

// --- asking ----------------------------------------------------------------

// False: the budget is too small to ask anything that is not for a label.
static bool choose_depth (check_t *check)
{
    uint64_t limit = check->limit.unit [SPEND_CALLS], n = check->config->judge.urls.count;
    uint64_t spent = check->spent_before.unit [SPEND_CALLS], left = limit > spent ? limit - spent : 0;
    check->depth = limit == 0 || left >= FULL_SHARE * PROBE_CALLS_FULL * n ? PROBE_FULL : PROBE_SHORT;
    return limit == 0 || left >= SHORT_SHARE * PROBE_CALLS_SHORT * n;
}

static Rulemill__ProbeRecord *copy_of (const Rulemill__ProbeRecord *record)
{
    buf_t packed = { 0 };
    buf_reserve (&packed, rulemill__probe_record__get_packed_size (record) + 1);
    packed.len = rulemill__probe_record__pack (record, (uint8_t *) packed.data);
    Rulemill__ProbeRecord *copy = rulemill__probe_record__unpack (NULL, packed.len, (const uint8_t *) packed.data);
    buf_free (&packed);
    return copy;
}

// What was spent stands in the store also where the judge turns out unfit; what was found only where it is fit.
static status_t ask_all (check_t *check, const digest_t *judge, fault_t *fault)
{
    status_t status = probe_all (check, fault);
    check->record.made_s = clock_wall_s ();
    fault_t written = { 0 };
    if (write_down (check, NULL, status == OK ? judge : NULL, &written) != OK && status == OK)
        *fault = written, status = written.code;
    return status;
}

status_t judge_check_ask (const config_t *config, const digest_t *judge, const spend_t *limit, store_t *store,
                          const _Atomic bool *stop, Rulemill__ProbeRecord **out, fault_t *fault)
{
    status_t status = record_get_probe (store, judge, out, fault);
    if (status != OK || (*out && (*out)->measured))
        return status;
    rulemill__probe_record__free_unpacked (*out, NULL);
    *out = NULL;
    check_t check = { .config = config, .store = store, .stop = stop, .limit = *limit, .record = RULEMILL__PROBE_RECORD__INIT };
    status = budget_read (store, 0, &check.spent_before, fault);
    if (status == OK)
        status = record_get_counts (store, 0, &check.before, fault);
    if (status != OK)
        return status;
    if (choose_depth (&check))
        status = ask_all (&check, judge, fault);
    else
        log_info ("the budget of %llu calls is too small to probe the judge first", (unsigned long long) limit->unit [SPEND_CALLS]);
    if (status == OK)
        *out = copy_of (&check.record);
    for (size_t i = 0; i < check.record.n_finding; i++)
        free (check.record.finding [i]);
    free (check.record.finding);
    rulemill__run_counts__free_unpacked (check.before, NULL);
    return status;
}
