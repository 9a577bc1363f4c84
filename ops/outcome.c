#include "ops/outcome.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ops/agreement.h"
#include "ops/cmd.h"
#include "ops/exit_codes.h"
#include "storage/records.h"

// Reasons beyond the table's end are counted as "other" in its last place.
static void count_reason (outcome_t *outcome, const char *reason)
{
    size_t i = 0;
    while (i < outcome->n_reasons && strcmp (outcome->reasons [i].reason, reason) != 0)
        i++;
    if (i == OUTCOME_REASONS_MAX) {
        i--;
        snprintf (outcome->reasons [i].reason, OUTCOME_REASON_BYTES, "other");
    } else if (i == outcome->n_reasons)
        snprintf (outcome->reasons [outcome->n_reasons++].reason, OUTCOME_REASON_BYTES, "%s", reason);
    outcome->reasons [i].count++;
}

static int by_count (const void *a, const void *b)
{
    const outcome_reason_t *x = a, *y = b;
    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return strcmp (x->reason, y->reason);
}

status_t outcome_count_reasons (outcome_t *outcome, fault_t *fault)
{
    const store_options_t options = { .read_only = true };
    store_t *store = NULL;
    status_t status = store_open (outcome->dir, &options, &store, fault);
    if (status != OK)
        return status;
    store_iter_t *iter = record_walk_rejects (store);
    for (; store_iter_valid (iter) && status == OK; store_iter_next (iter)) {
        Rulemill__RejectRecord *record = record_read_reject (iter, fault);
        if (record == NULL) {
            status = ERR_CORRUPT;
            break;
        }
        count_reason (outcome, record->reason);
        rulemill__reject_record__free_unpacked (record, NULL);
    }
    if (status == OK)
        status = store_iter_status (iter, fault);
    store_iter_destroy (&iter);
    store_close (&store);
    qsort (outcome->reasons, outcome->n_reasons, sizeof *outcome->reasons, by_count);
    return status;
}

status_t outcome_measure_agreement (outcome_t *outcome, fault_t *fault)
{
    opened_t opened = { 0 };
    agreement_t agreement = { .n_rules = 0 };
    status_t status = cmd_open (outcome->dir, outcome->job.run, true, &opened, fault);
    if (status == OK)
        status = agreement_measure (&opened, &agreement, fault);
    if (status == OK && agreement_has_any (&agreement)) {
        buf_t lines = { 0 }, json = { 0 };
        agreement_summary (&agreement, &lines);
        agreement_json (&agreement, opened.pool, &json);
        outcome->agreement_lines = mem_string (lines.data);
        outcome->agreement_json = mem_string (json.data);
        buf_free (&lines);
        buf_free (&json);
    }
    agreement_clear (&agreement);
    cmd_close (&opened);
    return status;
}

void outcome_clear (outcome_t *outcome)
{
    free (outcome->agreement_lines);
    free (outcome->agreement_json);
    outcome->agreement_lines = outcome->agreement_json = NULL;
}

static interval_t share_of (uint64_t hits, uint64_t total, uint64_t worth)
{
    double share = total > 0 ? (double) hits / (double) total : NAN;
    if (total == 0 || worth == 0)
        return (interval_t) { share, NAN, NAN };
    interval_t interval = stats_wilson (share * (double) worth, (double) worth, STATS_LEVEL);
    interval.value = share;
    return interval;
}

interval_t outcome_agreement (const outcome_t *outcome, uint64_t *total)
{
    const Rulemill__RunCounts *counts = &outcome->job.counts;
    *total = counts->agree + counts->disagree;
    return share_of (counts->agree, *total, outcome->job.dataset.agree_worth);
}

// Lengths are counted by the export, which reads the texts.
interval_t outcome_longer (const outcome_t *outcome, uint64_t *total)
{
    const dataset_report_t *dataset = &outcome->job.dataset;
    *total = dataset->given_longer + dataset->given_shorter;
    return share_of (dataset->given_longer, *total, dataset->longer_worth);
}

void outcome_lengths (const outcome_t *outcome, uint64_t *longer, uint64_t *shorter)
{
    *longer = outcome->job.dataset.longer;
    *shorter = outcome->job.dataset.shorter;
}

bool outcome_budget_out (const outcome_t *outcome)
{
    return outcome->status == ERR_LIMIT && (outcome->no_calls || !spend_is_zero (&outcome->budget)) && outcome->job.last.stage == STAGE_LABEL;
}

// Only a judge that is asked over the network changes its mind about its workers.
bool outcome_unfit (const outcome_t *outcome)
{
    return outcome->status == ERR_USAGE && outcome->job.last.stage == STAGE_LABEL && strcmp (outcome->judge, "openai") == 0;
}

int outcome_exit_code (const outcome_t *outcome)
{
    if (outcome->status == ERR_STOPPED || outcome_budget_out (outcome) || outcome_unfit (outcome))
        return EXIT_RESUMABLE;
    if (outcome->status != OK)
        return outcome->status == ERR_USAGE ? EXIT_USAGE : EXIT_FAILED;
    return outcome->job.rows_set_aside ? EXIT_SET_ASIDE : EXIT_COMPLETE;
}
