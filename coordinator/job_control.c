#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "coordinator/job_parts.h"
#include "coordinator/run_cells.h"
#include "storage/inspect.h"

enum { WHERE_MAX = 64 };

// --- status ----------------------------------------------------------------

static void put_real (buf_t *out, const char *key, double value)
{
    json_write_key (out, key);
    buf_printf (out, "%.3f", value);
}

static status_t answer_status (job_t *job, buf_t *out)
{
    const job_snapshot_t *s = &job->snapshot;
    json_write_key (out, "stage");
    json_write_cstring (out, job_stage_name (s->stage));
    json_write_key (out, "draining");
    buf_add_str (out, s->draining ? "true" : "false");
    json_write_key (out, "run");
    json_write_cstring (out, *s->run ? s->run : NULL);
    json_member_count (out, "pid", (uint64_t) getpid ());
    put_real (out, "stage_s", s->stage_s);
    json_member_count (out, "done", s->done);
    json_member_count (out, "total", s->total);
    put_real (out, "rate", s->rate);
    put_real (out, "eta_s", s->eta_s);
    corpus_part_member (s->part, out);
    json_member_count (out, "rows_of_other_parts", s->rows_passed);
    json_member_count (out, "rows", s->rows);
    json_member_count (out, "rows_rejected", s->rows_rejected);
    json_member_count (out, "pairs", s->pairs);
    json_member_count (out, "duplicates", s->duplicates);
    json_member_count (out, "labelled", s->labelled);
    json_member_count (out, "ties", s->ties);
    json_member_count (out, "quarantined", s->quarantined);
    json_member_count (out, "excluded_prompts", s->excluded_prompts);
    json_member_count (out, "too_long", s->too_long);
    json_member_count (out, "cut_responses", s->cut_responses);
    json_member_count (out, "cut_turns", s->cut_turns);
    json_member_count (out, "adapter_calls", s->adapter_calls);
    json_member_count (out, "shortened_pairs", s->shortened);
    json_member_count (out, "calls", s->calls);
    json_member_count (out, "prompt_tokens", s->prompt_tokens);
    json_member_count (out, "cached_tokens", s->cached_tokens);
    json_member_count (out, "completion_tokens", s->completion_tokens);
    json_member_count (out, "refused", s->refused);
    json_member_count (out, "cost_1e12", s->cost);
    json_write_key (out, "currency");
    json_write_cstring (out, s->currency);
    json_member_count (out, "spent_calls", s->spent.unit [SPEND_CALLS]);
    json_member_count (out, "spent_tokens", s->spent.unit [SPEND_TOKENS]);
    json_member_count (out, "spent_cost_1e12", s->spent.unit [SPEND_COST]);
    json_member_count (out, "workers", s->workers);
    json_member_count (out, "leases", s->leases);
    json_member_count (out, "workers_unfit", s->workers_unfit);
    json_member_count (out, "workers_died", s->workers_died);
    json_member_count (out, "leases_lost", s->leases_lost);
    json_member_count (out, "messages_refused", s->messages_refused);
    json_write_key (out, "auto");
    buf_add_str (out, s->has_auto ? "{" : "null");
    if (s->has_auto) {
        auto_state_write (&s->automatic, s->automatic.sampled, out);
        buf_add_char (out, '}');
    }
    return OK;
}

// --- inspect and retry -----------------------------------------------------

static const char *text_of (const json_value_t *request, const char *key)
{
    const json_value_t *value = json_get (request, key);
    return json_is (value, JSON_STRING) ? value->text : NULL;
}

static status_t too_early (const job_t *job, fault_t *fault)
{
    return fault_set (fault, ERR_MISMATCH, "the job is at \"%s\"; ask again when it labels, or when it has ended",
                      job_stage_name (job->snapshot.stage));
}

static status_t answer_inspect (job_t *job, const json_value_t *request, buf_t *out, fault_t *fault)
{
    const char *pair = text_of (request, "pair");
    if (pair == NULL)
        return fault_set (fault, ERR_USAGE, "\"pair\" is missing");
    job_run_t run;
    status_t status = job_run_named (job->store, text_of (request, "run"), &run, fault);
    if (status != OK)
        return status;
    dataset_rule_t *rules;
    digest_t *digests;
    job_run_rules (&run, &rules, &digests);
    buf_t json = { 0 };
    status = inspect_pair (job->store, run.record, rules, run.pool->count, pair, &json, fault);
    if (status == OK) {
        json_write_key (out, "inspect");
        buf_add (out, json.data, json.len);
    }
    buf_free (&json);
    free (rules);
    free (digests);
    job_run_close (&run);
    return status;
}

// Of the run at work alone; another run's pairs wait until the job has ended.
static status_t answer_retry (job_t *job, const json_value_t *request, buf_t *out, fault_t *fault)
{
    const char *name = text_of (request, "run");
    if (job->serve == NULL)
        return too_early (job, fault);
    if (name && strcmp (name, job->snapshot.run) != 0)
        return fault_set (fault, ERR_MISMATCH, "a job is working on %s; stop it first to retry %s", job->snapshot.run, name);
    uint64_t n;
    status_t status = kind_label_retry_now (job->kind, &n, fault);
    if (status == OK) {
        serve_retry (job->serve);
        json_member_count (out, "retried", n);
    }
    return status;
}

static status_t answer_drain (job_t *job, const json_value_t *request, buf_t *out)
{
    job->drains += json_is (json_get (request, "now"), JSON_TRUE) ? 2 : 1;
    json_write_key (out, "draining");
    buf_add_str (out, "true");
    return OK;
}

// --- export on the side ----------------------------------------------------

static bool flag_of (const json_value_t *request, const char *key)
{
    return json_is (json_get (request, key), JSON_TRUE);
}

static uint64_t count_of (const json_value_t *request, const char *key, uint64_t otherwise)
{
    int64_t n;
    return json_int (json_get (request, key), &n) && n >= 0 ? (uint64_t) n : otherwise;
}

static status_t read_format (const json_value_t *request, dataset_format_t *format, fault_t *fault)
{
    static const char *const names [] = { "explicit", "implicit", "text", "rewardbench" };
    const char *name = text_of (request, "format");
    if (name == NULL)
        return OK;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp (name, names [i]) == 0) {
            *format = (dataset_format_t) i;
            return OK;
        }
    return fault_set (fault, ERR_USAGE, "there is no format \"%s\"; explicit, implicit, text and rewardbench are", name);
}

static void read_where (const json_value_t *request, dataset_options_t *options)
{
    const json_value_t *list = json_get (request, "where");
    const char **where = mem_zero (WHERE_MAX, sizeof *where);
    options->n_where = 0;
    for (const json_value_t *item = json_is (list, JSON_ARRAY) ? list->child : NULL; item && options->n_where < WHERE_MAX; item = item->next)
        if (item->type == JSON_STRING)
            where [options->n_where++] = mem_string (item->text);
    options->where = where;
}

static void side_free (job_t *job)
{
    side_export_t *side = &job->side;
    for (size_t i = 0; i < side->options.n_where; i++)
        free ((char *) (uintptr_t) side->options.where [i]);
    free ((char **) (uintptr_t) side->options.where);
    free ((char *) (uintptr_t) side->options.out);
    free (side->request);
    *side = (side_export_t) { 0 };
}

static void *side_thread (void *ctx)
{
    job_t *job = ctx;
    side_export_t *side = &job->side;
    side->status = dataset_export (job->store, job->run.record, &side->options, &side->progress, &side->report, &side->fault);
    atomic_store (&side->done, true);
    return NULL;
}

static status_t side_begin (job_t *job, const json_value_t *request, const char *text, size_t len, fault_t *fault)
{
    side_export_t *side = &job->side;
    dataset_options_t options = job->options->dataset;
    status_t status = read_format (request, &options.format, fault);
    if (status != OK)
        return status;
    const char *out = text_of (request, "to");
    options.dir = job->options->dir;
    options.out = out ? mem_string (out) : NULL;
    options.rules = job->rules;
    options.rule_digests = job->rule_digests;
    options.n_rules = job->run.pool->count;
    options.judge_note = job->options->judge_note;
    options.cells_of = run_cells_get;
    options.min_margin = (int64_t) count_of (request, "min_margin", (uint64_t) options.min_margin);
    options.max_per_prompt = count_of (request, "max_per_prompt", options.max_per_prompt);
    options.zstd = options.zstd || flag_of (request, "zstd");
    options.responses = flag_of (request, "responses");
    options.cells = flag_of (request, "cells");
    read_where (request, &options);
    side->options = options;
    side->request = mem_string_n (text, len);
    side->busy = pthread_create (&side->thread, NULL, side_thread, job) == 0;
    if (side->busy)
        return OK;
    side_free (job);
    return fault_set (fault, ERR_IO, "no thread can be started; the machine's limit of processes may be reached");
}

static status_t side_end (job_t *job, buf_t *out, fault_t *fault)
{
    side_export_t *side = &job->side;
    pthread_join (side->thread, NULL);
    status_t status = side->status;
    if (status == OK) {
        json_write_key (out, "path");
        json_write_cstring (out, side->report.path);
        json_member_count (out, "train", side->report.train);
        json_member_count (out, "validation", side->report.validation);
        json_member_count (out, "ties", side->report.ties);
        json_member_count (out, "duplicates", side->report.duplicates);
        json_member_count (out, "quarantined", side->report.quarantined);
        json_member_count (out, "excluded", side->report.excluded);
        json_member_count (out, "filtered", side->report.filtered);
    }
    else
        *fault = side->fault;
    side_free (job);
    return status;
}

// Asked again with the same request until it is done (control.h: ERR_BUSY).
static status_t answer_export (job_t *job, const json_value_t *request, const char *text, size_t len, buf_t *out, fault_t *fault)
{
    side_export_t *side = &job->side;
    const char *name = text_of (request, "run");
    if (job->serve == NULL)
        return too_early (job, fault);
    if (name && strncmp (name, job->snapshot.run, strlen (name)) != 0)
        return fault_set (fault, ERR_MISMATCH, "a job is working on %s; stop it first to export %s", job->snapshot.run, name);
    if (!side->busy) {
        status_t status = side_begin (job, request, text, len, fault);
        return status == OK ? fault_set (fault, ERR_BUSY, "exporting") : status;
    }
    if (strlen (side->request) != len || memcmp (side->request, text, len) != 0)
        return fault_set (fault, ERR_BUSY, "another export is running");
    return atomic_load (&side->done) ? side_end (job, out, fault) : fault_set (fault, ERR_BUSY, "exporting");
}

void job_export_cancel (job_t *job)
{
    if (!job->side.busy)
        return;
    atomic_store (&job->side.progress.stop, true);
    pthread_join (job->side.thread, NULL);
    side_free (job);
}

// --- dispatch --------------------------------------------------------------

static status_t dispatch (job_t *job, const json_value_t *request, const char *text, size_t len, buf_t *out, fault_t *fault)
{
    const json_value_t *command = json_get (request, "command");
    if (json_equals (command, "status"))
        return answer_status (job, out);
    if (json_equals (command, "drain"))
        return answer_drain (job, request, out);
    if (json_equals (command, "export"))
        return answer_export (job, request, text, len, out, fault);
    if (json_equals (command, "retry"))
        return answer_retry (job, request, out, fault);
    if (json_equals (command, "inspect"))
        return job->run.record ? answer_inspect (job, request, out, fault) : too_early (job, fault);
    return fault_set (fault, ERR_USAGE, "unknown command; status, inspect, export, retry and drain are known");
}

status_t job_answer (void *ctx, const char *text, size_t len, buf_t *answer, fault_t *fault)
{
    json_doc_t *doc = json_doc_new ();
    const json_value_t *request;
    status_t status = json_parse (doc, text, len, &request, fault);
    if (status == OK)
        status = dispatch (ctx, request, text, len, answer, fault);
    json_doc_destroy (&doc);
    return status;
}
