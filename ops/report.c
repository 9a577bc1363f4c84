#include "ops/report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "ops/auto_show.h"
#include "ops/progress.h"
#include "ops/write_file.h"

// --- the object ------------------------------------------------------------

static void add_corpus (const outcome_t *outcome, buf_t *out)
{
    const Rulemill__CorpusState *corpus = &outcome->job.corpus_counts;
    json_member_object (out, "corpus");
    corpus_part_member (outcome->job.last.part, out);
    json_member_count (out, "rows_of_other_parts", outcome->job.last.rows_passed);
    json_member_count (out, "rows", corpus->rows_read);
    json_member_count (out, "rows_set_aside", corpus->rows_rejected);
    json_member_count (out, "prompts", corpus->prompts);
    json_member_count (out, "responses", corpus->responses);
    json_member_count (out, "pairs", corpus->pairs);
    json_member_count (out, "duplicates", corpus->duplicates);
    json_member_object (out, "set_aside_by_reason");
    for (size_t i = 0; i < outcome->n_reasons; i++)
        json_member_count (out, outcome->reasons [i].reason, outcome->reasons [i].count);
    buf_add_str (out, "}}");
}

static void add_labels (const outcome_t *outcome, buf_t *out)
{
    const Rulemill__RunCounts *counts = &outcome->job.counts;
    const dataset_report_t *dataset = &outcome->job.dataset;
    json_member_object (out, "labels");
    json_member_count (out, "labelled", counts->labelled);
    json_member_count (out, "ties", counts->ties);
    json_member_count (out, "ties_identical", counts->identical);
    json_member_count (out, "ties_no_rule", dataset->tie_no_rule);
    json_member_count (out, "ties_margin", dataset->tie_margin);
    json_member_count (out, "quarantined", counts->quarantined);
    json_member_count (out, "too_long", counts->too_long);
    json_member_count (out, "excluded_prompts", outcome->job.last.excluded_prompts);
    uint64_t longer, shorter;
    outcome_lengths (outcome, &longer, &shorter);
    json_member_count (out, "longer_won", longer);
    json_member_count (out, "shorter_won", shorter);
    json_member_count (out, "cells_judged", counts->cells_judged);
    buf_add_char (out, '}');
}

static void add_interval (buf_t *out, const char *key, interval_t interval, uint64_t total)
{
    json_write_key (out, key);
    if (total == 0) {
        buf_add_str (out, "null");
        return;
    }
    buf_add_char (out, '{');
    json_member_count (out, "pairs", total);
    json_member_real (out, "share", interval.value);
    json_member_real (out, "low", interval.low);
    json_member_real (out, "high", interval.high);
    buf_add_char (out, '}');
}

static void add_agreement (const outcome_t *outcome, buf_t *out)
{
    uint64_t n_agreement, n_longer;
    interval_t agreement = outcome_agreement (outcome, &n_agreement), longer = outcome_longer (outcome, &n_longer);
    json_member_object (out, "given_preferences");
    add_interval (out, "agreement", agreement, n_agreement);
    json_member_count (out, "label_is_tie", outcome->job.counts.given_ties);
    add_interval (out, "baseline_longer", longer, n_longer);
    json_member_real (out, "baseline_coin", 0.5);
    const dataset_report_t *dataset = &outcome->job.dataset;
    json_member_count (out, "votes_agree", dataset->votes_agree);
    json_member_count (out, "votes_disagree", dataset->votes_disagree);
    json_member_count (out, "votes_split", dataset->votes_split);
    json_member_count (out, "votes_tied", dataset->votes_tied);
    buf_add_char (out, '}');
}

static void add_dataset (const outcome_t *outcome, buf_t *out)
{
    const dataset_report_t *dataset = &outcome->job.dataset;
    if (dataset->path [0] == '\0') {
        json_write_key (out, "dataset");
        buf_add_str (out, "null");
        return;
    }
    json_member_object (out, "dataset");
    json_member_text (out, "path", dataset->path);
    json_member_count (out, "train", dataset->train);
    json_member_count (out, "validation", dataset->validation);
    json_member_count (out, "ties", dataset->ties);
    json_member_count (out, "duplicates", dataset->duplicates);
    json_member_count (out, "quarantined", dataset->quarantined);
    json_member_count (out, "excluded", dataset->excluded);
    json_member_count (out, "filtered", dataset->filtered);
    buf_add_char (out, '}');
}

static void add_scores (const outcome_t *outcome, buf_t *out)
{
    const scores_report_t *scores = &outcome->job.scores;
    if (scores->lines == 0)
        return;
    json_member_object (out, "scores");
    json_member_count (out, "lines", scores->lines);
    json_member_count (out, "cells", scores->cells);
    json_member_count (out, "unknown_ids", scores->unknown_ids);
    json_member_count (out, "ambiguous_ids", scores->ambiguous_ids);
    json_member_count (out, "unknown_rules", scores->unknown_rules);
    json_member_count (out, "conflicts", scores->conflicts);
    json_member_count (out, "bad_lines", scores->bad_lines);
    json_member_text (out, "first_problem", scores->first_problem [0] ? scores->first_problem : NULL);
    buf_add_char (out, '}');
}

static double seconds (struct timeval time)
{
    return (double) time.tv_sec + (double) time.tv_usec / 1e6;
}

// An amount of 1e-12 as a number, exactly.
static void add_money (buf_t *out, const char *key, uint64_t amount)
{
    json_write_key (out, key);
    progress_money (out, amount);
}

// Limits, and what is spent of them by the budget's count; null where there is none.
static void add_budget (const outcome_t *outcome, buf_t *out)
{
    const spend_t *limit = &outcome->budget, *spent = &outcome->job.last.spent;
    if (spend_is_zero (limit)) {
        json_write_key (out, "budget");
        buf_add_str (out, "null");
        return;
    }
    json_member_object (out, "budget");
    if (limit->unit [SPEND_CALLS])
        json_member_count (out, "max_calls", limit->unit [SPEND_CALLS]);
    if (limit->unit [SPEND_TOKENS])
        json_member_count (out, "max_tokens", limit->unit [SPEND_TOKENS]);
    if (limit->unit [SPEND_COST])
        add_money (out, "max_cost", limit->unit [SPEND_COST]);
    json_member_count (out, "spent_calls", spent->unit [SPEND_CALLS]);
    json_member_count (out, "spent_tokens", spent->unit [SPEND_TOKENS]);
    add_money (out, "spent_cost", spent->unit [SPEND_COST]);
    buf_add_char (out, '}');
}

// Requests to a judge behind HTTP, over all starts of the run.
static void add_calls (const outcome_t *outcome, buf_t *out)
{
    const Rulemill__RunCounts *counts = &outcome->job.counts;
    if (counts->calls == 0)
        return;
    json_member_object (out, "calls");
    json_member_count (out, "calls", counts->calls);
    json_member_count (out, "prompt_tokens", counts->prompt_tokens);
    json_member_count (out, "cached_tokens", counts->cached_tokens);
    json_member_count (out, "completion_tokens", counts->completion_tokens);
    json_member_count (out, "refused", counts->refused);
    json_member_real (out, "judge_s", (double) counts->ms / 1000);
    json_member_count (out, "cut_responses", counts->cut_responses);
    json_member_count (out, "cut_turns", counts->cut_turns);
    add_money (out, "cost", counts->cost);
    json_member_text (out, "currency", outcome->currency);
    add_budget (outcome, out);
    buf_add_char (out, '}');
}

// Requests to a served adapter, over all starts of the run.
static void add_adapter (const outcome_t *outcome, buf_t *out)
{
    const Rulemill__RunCounts *counts = &outcome->job.counts;
    if (counts->adapter_calls == 0)
        return;
    json_member_object (out, "served_adapter");
    json_member_count (out, "calls", counts->adapter_calls);
    json_member_count (out, "shortened_pairs", counts->shortened);
    buf_add_char (out, '}');
}

// Of this process and of the workers that it waited for.
static void add_usage (const outcome_t *outcome, buf_t *out)
{
    struct rusage own = { 0 }, workers = { 0 };
    getrusage (RUSAGE_SELF, &own);
    getrusage (RUSAGE_CHILDREN, &workers);
    const job_snapshot_t *last = &outcome->job.last;
    json_member_object (out, "usage");
    json_member_real (out, "coordinator_cpu_s", seconds (own.ru_utime) + seconds (own.ru_stime));
    json_member_real (out, "workers_cpu_s", seconds (workers.ru_utime) + seconds (workers.ru_stime));
    json_member_count (out, "coordinator_memory_kb_max", (uint64_t) own.ru_maxrss);
    json_member_count (out, "workers_died", last->workers_died);
    json_member_count (out, "workers_unfit", last->workers_unfit);
    json_member_text (out, "unfit", last->unfit [0] ? last->unfit : NULL);
    json_member_count (out, "leases_lost", last->leases_lost);
    json_member_count (out, "messages_refused", last->messages_refused);
    buf_add_char (out, '}');
}

static void add_times (const outcome_t *outcome, buf_t *out)
{
    char began [24], ended [24];
    clock_iso8601 (outcome->began_s, began);
    clock_iso8601 (outcome->ended_s, ended);
    json_member_object (out, "times");
    json_member_text (out, "began", began);
    json_member_text (out, "ended", ended);
    json_member_real (out, "ingest_s", outcome->job.ingest_s);
    json_member_real (out, "label_s", outcome->job.label_s);
    json_member_real (out, "export_s", outcome->job.export_s);
    buf_add_char (out, '}');
}

static void add_versions (buf_t *out)
{
    struct utsname system = { 0 };
    bool known = uname (&system) == 0;
    json_member_object (out, "versions");
    json_member_text (out, "rulemill", RULEMILL_VERSION);
    json_member_text (out, "compiler", __VERSION__);
    json_member_text (out, "system", known ? system.sysname : NULL);
    json_member_text (out, "kernel", known ? system.release : NULL);
    json_member_text (out, "machine", known ? system.machine : NULL);
    buf_add_char (out, '}');
}

void report_json (const outcome_t *outcome, buf_t *out)
{
    const char *end = outcome->status == OK ? "complete" : outcome->status == ERR_STOPPED ? "stopped"
                    : outcome_budget_out (outcome) ? "budget used up" : outcome_unfit (outcome) ? "workers unfit" : "failed";
    buf_add_char (out, '{');
    json_member_text (out, "outcome", end);
    json_member_text (out, "run", outcome->job.run [0] ? outcome->job.run : NULL);
    json_member_text (out, "judge", outcome->judge);
    json_member_text (out, "judge_note", outcome->judge_note);
    json_write_key (out, "nothing_to_do");
    buf_add_str (out, outcome->job.nothing_to_do ? "true" : "false");
    json_write_key (out, "rows_set_aside");
    buf_add_str (out, outcome->job.rows_set_aside ? "true" : "false");
    add_corpus (outcome, out);
    add_labels (outcome, out);
    add_agreement (outcome, out);
    auto_show_json (outcome, out);
    if (outcome->agreement_json) {
        json_write_key (out, "judges");
        buf_add_str (out, outcome->agreement_json);
    }
    add_scores (outcome, out);
    add_dataset (outcome, out);
    add_calls (outcome, out);
    add_adapter (outcome, out);
    add_times (outcome, out);
    add_usage (outcome, out);
    add_versions (out);
    json_member_text (out, "configuration", outcome->config);
    buf_add_char (out, '}');
}

// --- the files -------------------------------------------------------------

static status_t save (const char *folder, const char *name, const char *bytes, size_t len, fault_t *fault)
{
    char *path = mem_printf ("%s/%s", folder, name);
    status_t status = write_file (path, bytes, len, fault);
    free (path);
    return status;
}

// A job that found nothing to do has nothing to report that the one before it did not.
static bool is_reported (const outcome_t *outcome, const char *folder)
{
    char *path = mem_printf ("%s/report.json", folder);
    bool there = outcome->job.nothing_to_do && access (path, F_OK) == 0;
    free (path);
    return there;
}

status_t report_save (const outcome_t *outcome, fault_t *fault)
{
    if (outcome->job.run [0] == '\0')
        return OK;
    char *folder = mem_printf ("%s/%s", outcome->dir, outcome->job.run);
    if (is_reported (outcome, folder)) {
        free (folder);
        return OK;
    }
    buf_t text = { 0 };
    report_json (outcome, &text);
    buf_add_char (&text, '\n');
    status_t status = OK;
    if (mkdir (folder, 0755) != 0 && errno != EEXIST)
        status = fault_set (fault, ERR_IO, "%s: %s", folder, strerror (errno));
    if (status == OK)
        status = save (folder, "report.json", text.data, text.len, fault);
    if (status == OK && outcome->config)
        status = save (folder, "config.yaml", outcome->config, strlen (outcome->config), fault);
    buf_free (&text);
    free (folder);
    return status;
}
