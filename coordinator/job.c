#include "coordinator/job.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "coordinator/job_parts.h"
#include "coordinator/run_cells.h"
#include "storage/corpus_part.h"
#include "storage/dataset_folder.h"
#include "storage/run.h"

enum {
    RECONCILE_MS = 3000,        // longer than a worker takes to connect again
    PACE_CALLS_MIN = 50         // fewer say nothing of how fast a judge is
};

static volatile sig_atomic_t interrupts;

void job_interrupt (void)
{
    interrupts = interrupts + 1;
}

int job_interrupts (void)
{
    return interrupts;
}

const char *job_stage_name (job_stage_t stage)
{
    static const char *const names [STAGE_COUNT] = { "open", "ingest", "probe", "exclude", "scores", "plan", "label", "export", "done" };
    return (unsigned) stage < STAGE_COUNT ? names [stage] : "unknown";
}

// --- opening ---------------------------------------------------------------

// Where local workers connect: a socket in DIR, or in a folder of its own where that path is too long for one.
static status_t local_address (job_t *job, char **address, fault_t *fault)
{
    char folder [] = "/tmp/rulemill-XXXXXX";
    if (mkdtemp (folder) == NULL)
        return fault_set (fault, ERR_IO, "no folder for the workers' socket can be made in /tmp: %s", strerror (errno));
    job->socket_folder = mem_string (folder);
    *address = mem_printf ("ipc://%s/workers", folder);
    return OK;
}

// An address that stands for all of this machine's is of no use elsewhere: its name is.
static void say_how_to_connect (const char *address, bool keys)
{
    static const char *const everywhere [] = { "tcp://0.0.0.0:", "tcp://[::]:", "tcp://:::" };
    const char *with = keys ? " --server-key COORDINATOR.pub --key WORKER.key" : "";
    char host [HOST_NAME_MAX + 1] = "";
    for (size_t i = 0; i < sizeof everywhere / sizeof *everywhere; i++)
        if (strncmp (address, everywhere [i], strlen (everywhere [i])) == 0 && gethostname (host, sizeof host - 1) == 0) {
            log_info ("workers connect with: rulemill worker tcp://%s:%s%s", host, strrchr (address, ':') + 1, with);
            return;
        }
    log_info ("workers connect with: rulemill worker %s%s", address, with);
}

static status_t open_hub (job_t *job, fault_t *fault)
{
    const job_options_t *o = job->options;
    char *local = NULL;
    status_t status = o->listen ? OK : local_address (job, &local, fault);
    hub_options_t options = {
        .address = o->listen ? o->listen : local, .server_key = o->server_key,
        .worker_keys = o->worker_keys, .insecure_no_curve = o->insecure_no_curve
    };
    if (status == OK)
        status = hub_open (&options, &job->hub, fault);
    free (local);
    if (status == OK && o->listen)
        say_how_to_connect (hub_address (job->hub), o->server_key != NULL);
    return status;
}

static status_t make_folder (const char *dir, fault_t *fault)
{
    if (mkdir (dir, 0777) != 0 && errno != EEXIST)
        return fault_set (fault, ERR_IO, "%s can't be made: %s; check the path and its permissions", dir, strerror (errno));
    return OK;
}

static status_t open_all (job_t *job, fault_t *fault)
{
    const store_options_t store = { .create = true };
    status_t status = make_folder (job->options->dir, fault);
    if (status == OK)
        status = store_open (job->options->dir, &store, &job->store, fault);
    if (status == OK)
        status = control_listen (job->options->dir, job_answer, job, &job->control, fault);
    if (status == OK)
        status = open_hub (job, fault);
    return status;
}

static void close_all (job_t *job)
{
    job_export_cancel (job);
    serve_destroy (&job->serve);
    kind_label_destroy (&job->kind);
    exclude_destroy (&job->exclude);
    hub_close (&job->hub);
    control_close (&job->control);
    job_run_close (&job->run);
    free (job->rules);
    free (job->rule_digests);
    store_close (&job->store);
    if (job->socket_folder)
        rmdir (job->socket_folder);
    free (job->socket_folder);
}

// --- corpus and run --------------------------------------------------------

// A corpus that no run was made of yet stands in nobody's way: the wrong file was given first, say.
static status_t drop_unused_corpus (job_t *job, bool *dropped, fault_t *fault)
{
    uint32_t run;
    bool used;
    status_t status = record_last_run (job->store, &run, &used, fault);
    *dropped = status == OK && !used;
    if (!*dropped)
        return status;
    store_batch_t *batch = store_batch_new (job->store);
    record_drop_corpus (batch);
    status = store_commit (job->store, batch, fault);
    store_batch_destroy (&batch);
    if (status == OK)
        log_info ("what was read before into %s is dropped: no run was made of it", job->options->dir);
    return status;
}

// Standard input can't be read again for another try.
static bool reads_standard_input (const ingest_options_t *options)
{
    for (size_t i = 0; i < options->n_paths; i++)
        if (strcmp (options->paths [i], "-") == 0)
            return true;
    return false;
}

static status_t stage_ingest (void *ctx, fault_t *fault)
{
    job_t *job = ctx;
    ingest_options_t options = job->options->ingest;
    options.dir = job->options->dir;
    status_t status = ingest_run (job->store, &options, &job->ingest, fault);
    if (status == OK)
        store_settle (job->store, false);      // a kill while labelling must not read the corpus's log again
    if (status != ERR_MISMATCH || options.n_paths == 0 || reads_standard_input (&options))
        return status;
    bool dropped;
    fault_t ignored = { 0 };
    if (drop_unused_corpus (job, &dropped, &ignored) != OK || !dropped)
        return status;
    return ingest_run (job->store, &options, &job->ingest, fault);
}

static status_t stage_exclude (void *ctx, fault_t *fault)
{
    job_t *job = ctx;
    return exclude_run (job->exclude, job->store, job->run.record, &job->stop_stage, fault);
}

static status_t stage_scores (void *ctx, fault_t *fault)
{
    job_t *job = ctx;
    scores_options_t options = *job->options->scores;
    const char **ids = mem_zero (job->run.pool->count, sizeof *ids);
    for (size_t i = 0; i < job->run.pool->count; i++)
        ids [i] = job->run.pool->rules [i].id;
    options.rule_ids = ids;
    options.rule_digests = job->rule_digests;
    options.n_rules = job->run.pool->count;
    status_t status = scores_import (job->store, &options, &job->stop_stage, &job->report->scores, fault);
    free (ids);
    return status;
}

static status_t read_corpus (job_t *job, fault_t *fault)
{
    Rulemill__CorpusState *corpus = NULL;
    status_t status = record_get_corpus (job->store, &corpus, fault);
    if (corpus) {
        Rulemill__CorpusState *out = &job->report->corpus_counts;
        out->prompts = corpus->prompts;
        out->responses = corpus->responses;
        out->pairs = corpus->pairs;
        out->rows_read = corpus->rows_read;
        out->rows_rejected = corpus->rows_rejected;
        out->duplicates = corpus->duplicates;
        job->in_part = corpus_part_of (corpus).of > 1;
        rulemill__corpus_state__free_unpacked (corpus, NULL);
    }
    return status;
}

static status_t stage_probe (void *ctx, fault_t *fault)
{
    job_t *job = ctx;
    return job->options->before_run (job->options->before_run_ctx, job->store, &job->stop_stage, fault);
}

// A run that has compared all prompts needs its benchmark files no more: it knows their digests.
static status_t open_benchmarks (job_t *job, fault_t *fault)
{
    const job_options_t *o = job->options;
    uint32_t number = 0;
    Rulemill__RunRecord *run = NULL;
    status_t status = fault_of_setting (exclude_open (o->exclude, o->n_exclude, &job->exclude, fault), fault);
    size_t gone = 0;
    while (gone < o->n_exclude && (access (o->exclude [gone], F_OK) == 0 || errno != ENOENT))
        gone++;
    if (status == OK || gone == o->n_exclude || job_run_find (job->store, o, NULL, &number, NULL) != OK || number == 0 ||
        record_get_run (job->store, number, &run, NULL) != OK || run == NULL)
        return status;
    if (run->excluded_through >= job->report->corpus_counts.prompts) {
        log_warn ("%s is gone; the run that it was read for has compared all prompts with it and goes on without", o->exclude [gone]);
        status = OK;
    }
    rulemill__run_record__free_unpacked (run, NULL);
    return status;
}

// A run that is there already has its tie margin; its judge was met before.
static status_t take_run (job_t *job, fault_t *fault)
{
    const job_options_t *o = job->options;
    status_t status = OK;
    uint32_t number = 0;
    if (o->n_exclude > 0)
        status = open_benchmarks (job, fault);
    if (status == OK)
        status = job_run_find (job->store, o, job->exclude, &number, fault);
    job->begins = status == OK && number == 0;
    if (job->begins && o->before_run && !o->plan_only && !o->dry_run && !o->no_calls)
        status = job_stage (job, STAGE_PROBE, stage_probe, fault);
    if (status == OK)
        status = o->dry_run ? job_run_draft (job->store, o, job->exclude, number, &job->run, fault)
                            : job_run_open (job->store, o, job->exclude, number, &job->run, fault);
    if (status != OK)
        return status;
    job->report->tie_margin = job->run.record->spec->tie_margin;
    digest_t digest;
    memcpy (digest.b, job->run.record->digest.data, DIGEST_BYTES);
    run_name (&digest, job->report->run);
    run_name (&digest, job->snapshot.run);
    job_run_rules (&job->run, &job->rules, &job->rule_digests);
    return OK;
}

static status_t prepare (job_t *job, fault_t *fault)
{
    status_t status = job_stage (job, STAGE_INGEST, stage_ingest, fault);
    job->report->ingest_s = job->snapshot.stage_s;
    if (status == OK)
        status = read_corpus (job, fault);
    if (status == OK)
        status = take_run (job, fault);
    Rulemill__RunRecord *run = job->run.record;
    if (status != OK || job->options->dry_run)
        return status;
    if (run->spec->n_exclude > 0 && job->exclude == NULL && run->excluded_through < job->report->corpus_counts.prompts)
        status = fault_set (fault, ERR_USAGE, "this run sets benchmark prompts aside and the corpus has grown; name the same files with --exclude");
    if (status == OK && job->exclude)
        status = job_stage (job, STAGE_EXCLUDE, stage_exclude, fault);
    if (status == OK && job->options->scores && strcmp (run->spec->judge, "replay") == 0)
        status = job_stage (job, STAGE_SCORES, stage_scores, fault);
    return status;
}

// --- labelling -------------------------------------------------------------

static children_t *start_children (void *ctx)
{
    job_t *job = ctx;
    children_t *children = NULL;
    fault_t fault = { 0 };
    if (job->options->local_workers == 0)
        return NULL;
    if (children_start (job->program, hub_address (job->hub), job->options->local_workers, &children, &fault) != OK)
        log_error ("%s", fault.text);
    return children;
}

// dry: only to be counted.
static status_t make_kind (job_t *job, bool dry, kind_t **out, fault_t *fault)
{
    const job_options_t *o = job->options;
    const kind_label_options_t kind = {
        .store = job->store, .run = job->run.record, .pool = job->run.pool, .limit = o->limit,
        .stored_cells = o->return_cells || o->scores != NULL || strcmp (job->run.record->spec->judge, "replay") == 0,
        .second_copies = !o->judge_costly, .costs = !spend_is_zero (&o->budget) && !o->no_calls, .judges = o->judges, .n_judges = o->n_judges,
        .served_adapter = o->served_adapter,
        .program = o->program, .dir = o->dir, .dry = dry, .repeats = o->repeats, .repeat_share = o->repeat_share
    };
    return kind_label_new (&kind, out, fault);
}

static status_t stage_plan (void *ctx, fault_t *fault)
{
    job_t *job = ctx;
    kind_t *kind = NULL;
    status_t status = make_kind (job, true, &kind, fault);
    if (status == OK)
        status = kind_label_plan (kind, &job->stop_stage, &job->plan, fault);
    kind_label_destroy (&kind);
    return status;
}

// The plan is shown before it is spent.
static status_t plan (job_t *job, fault_t *fault)
{
    const job_options_t *o = job->options;
    bool stops = o->plan_only || o->dry_run;
    if (o->on_plan == NULL || !(stops || (job->begins && o->n_judges > 0)))
        return OK;
    status_t status = job_stage (job, STAGE_PLAN, stage_plan, fault);
    if (status != OK)
        return status;
    job->plan.begun = !job->begins;
    o->on_plan (o->plan_ctx, job->store, &job->plan);
    return OK;
}

static status_t make_serve (job_t *job, fault_t *fault)
{
    const job_options_t *o = job->options;
    status_t status = make_kind (job, false, &job->kind, fault);
    if (status != OK)
        return status;
    serve_options_t serve = {
        .store = job->store, .hub = job->hub, .kind = job->kind, .run_number = job->run.record->number,
        .beat_ms = o->beat_ms, .hang_ms = o->hang_ms, .attempts_max = o->attempts_max, .window = o->window_pairs, .budget = o->budget, .no_calls = o->no_calls,
        .reconcile_ms = o->judge_costly && o->local_workers == 0 ? RECONCILE_MS : 0,
        .start = start_children, .program = job->program, .tick = job_tick, .turn = job_turn, .fds = job_fds, .ctx = job
    };
    memcpy (serve.run.b, job->run.record->digest.data, DIGEST_BYTES);
    job->serve = serve_new (&serve);
    return OK;
}

// How fast a judge behind HTTP was asked, for the plans of later runs. Best effort: it is an estimate's.
static void keep_pace (const job_t *job, uint64_t calls)
{
    const ProtobufCBinaryData *identity = &job->run.record->spec->judge_identity;
    double seconds = job->snapshot.stage_s;
    digest_t judge;
    Rulemill__ProbeRecord *record = NULL, fresh = RULEMILL__PROBE_RECORD__INIT;
    fault_t ignored = { 0 };
    if (calls < PACE_CALLS_MIN || seconds <= 0 || identity->len != DIGEST_BYTES)
        return;
    memcpy (judge.b, identity->data, DIGEST_BYTES);
    if (record_get_probe (job->store, &judge, &record, &ignored) != OK)
        return;
    Rulemill__ProbeRecord *kept = record ? record : &fresh;
    kept->calls_per_s = (double) calls / seconds;
    store_batch_t *batch = store_batch_new (job->store);
    record_put_probe (batch, &judge, kept);
    if (store_commit (job->store, batch, &ignored) != OK)
        log_debug ("the pace of labelling could not be kept: %s", ignored.text);
    store_batch_destroy (&batch);
    rulemill__probe_record__free_unpacked (record, NULL);
}

static status_t label (job_t *job, fault_t *fault)
{
    status_t status = make_serve (job, fault);
    if (status != OK)
        return status;
    job_enter (job, STAGE_LABEL);
    uint64_t calls_before = kind_label_counts (job->kind)->calls;
    status = serve_run (job->serve, fault);
    job_show (job);
    job->report->label_s = job->snapshot.stage_s;
    job->report->counts = *kind_label_counts (job->kind);
    job->report->has_auto = kind_label_auto (job->kind, &job->report->automatic);
    serve_destroy (&job->serve);
    keep_pace (job, job->report->counts.calls - calls_before);
    return status;
}

// --- the end ---------------------------------------------------------------

static dataset_options_t dataset_options (job_t *job)
{
    dataset_options_t options = job->options->dataset;
    options.dir = job->options->dir;
    options.rules = job->rules;
    options.rule_digests = job->rule_digests;
    options.n_rules = job->run.pool->count;
    options.judge_note = job->options->judge_note;
    options.cells_of = run_cells_get;
    return options;
}

static status_t stage_export (void *ctx, fault_t *fault)
{
    job_t *job = ctx;
    dataset_options_t options = dataset_options (job);
    return dataset_export (job->store, job->run.record, &options, &job->dataset, &job->report->dataset, fault);
}

static bool dataset_is_there (job_t *job)
{
    dataset_report_t *report = &job->report->dataset;
    snprintf (report->path, sizeof report->path, "%s/%s/dataset", job->options->dir, job->report->run);
    char *manifest = mem_printf ("%s/manifest.json", report->path);
    bool there = access (manifest, R_OK) == 0;
    free (manifest);
    return there;
}

static status_t link_dataset (job_t *job, fault_t *fault)
{
    char *target = mem_printf ("%s/dataset", job->report->run);
    status_t status = dataset_folder_link (job->options->dir, target, fault);
    free (target);
    return status;
}

static status_t export (job_t *job, fault_t *fault)
{
    dataset_options_t options = dataset_options (job);
    digest_t digest = job_export_digest (&options, &job->report->counts, &job->report->corpus_counts);
    uint32_t run = job->run.record->number;
    bool known = false;
    status_t status = job_export_known (job->store, run, &digest, &job->report->dataset, &known, fault);
    if (status != OK)
        return status;
    if (known && dataset_is_there (job)) {
        job->report->nothing_to_do = true;
        return link_dataset (job, fault);
    }
    status = job_stage (job, STAGE_EXPORT, stage_export, fault);
    job->report->export_s = job->snapshot.stage_s;
    return status == OK ? job_export_remember (job->store, run, &digest, &job->report->dataset, fault) : status;
}

static status_t run_stages (job_t *job, fault_t *fault)
{
    status_t status = open_all (job, fault);
    if (status == OK)
        status = prepare (job, fault);
    if (status == OK)
        status = plan (job, fault);
    if (status == OK && job->options->dry_run)
        status = fault_set (fault, ERR_STOPPED, "nothing is begun, nothing is judged");
    if (status == OK && job->options->plan_only)
        status = fault_set (fault, ERR_STOPPED, "the run is registered, nothing is judged");
    if (status == OK)
        status = label (job, fault);
    if (status == OK && !job->options->no_export)
        status = export (job, fault);
    if (status == OK)
        job_enter (job, STAGE_DONE);
    if (status == OK && job->in_part)
        store_settle (job->store, true);        // a join opens many stores at once
    return status;
}

status_t job_run (const job_options_t *options, job_report_t *report, fault_t *fault)
{
    *report = (job_report_t) { .counts = RULEMILL__RUN_COUNTS__INIT, .corpus_counts = RULEMILL__CORPUS_STATE__INIT };
    job_t *job = mem_zero (1, sizeof *job);
    job->options = options;
    job->report = report;
    job->snapshot.part = options->ingest.part;
    snprintf (job->snapshot.currency, sizeof job->snapshot.currency, "%s", options->currency ? options->currency : "");
    job->program = program_open (options->program);
    status_t status = run_stages (job, fault);
    report->last = job->snapshot;
    report->rows_set_aside = report->corpus_counts.rows_rejected + report->counts.quarantined + report->dataset.quarantined > 0;
    close_all (job);
    program_close (&job->program);
    free (job);
    return status;
}

status_t job_retry (store_t *store, const Rulemill__RunRecord *run, uint64_t *n, fault_t *fault)
{
    Rulemill__RunCounts *counts = NULL;
    status_t status = record_get_counts (store, run->number, &counts, fault);
    if (status != OK)
        return status;
    status = kind_label_retry (store, run->number, counts, n, fault);
    rulemill__run_counts__free_unpacked (counts, NULL);
    return status;
}
