#include "ops/standing.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "coordinator/auto_run.h"
#include "coordinator/budget.h"
#include "model/selection.h"
#include "ops/auto_show.h"
#include "ops/cmd.h"
#include "ops/config.h"
#include "ops/progress.h"

// --- of a running job ------------------------------------------------------

static double real_of (const json_value_t *members, const char *key, double otherwise)
{
    double value = otherwise;
    return json_double (json_get (members, key), &value) ? value : otherwise;
}

static job_stage_t stage_of (const json_value_t *value)
{
    for (job_stage_t stage = STAGE_OPEN; stage < STAGE_COUNT; stage++)
        if (json_equals (value, job_stage_name (stage)))
            return stage;
    return STAGE_OPEN;
}

static void take_answer (const json_value_t *members, standing_t *out)
{
    job_snapshot_t *at = &out->at;
    out->pid = (int64_t) json_count_of (members, "pid");
    at->stage = stage_of (json_get (members, "stage"));
    at->draining = json_is (json_get (members, "draining"), JSON_TRUE);
    const json_value_t *run = json_get (members, "run");
    if (json_is (run, JSON_STRING))
        snprintf (at->run, sizeof at->run, "%s", run->text);
    at->stage_s = real_of (members, "stage_s", 0);
    at->done = json_count_of (members, "done");
    at->total = json_count_of (members, "total");
    at->rate = real_of (members, "rate", 0);
    at->eta_s = real_of (members, "eta_s", -1);
    const json_value_t *part = json_get (members, "part");
    if (json_is (part, JSON_STRING) && corpus_part_read ("part", part->text, &at->part, NULL) != OK)
        at->part = (corpus_part_t) { 0 };
    at->rows_passed = json_count_of (members, "rows_of_other_parts");
    at->rows = json_count_of (members, "rows");
    at->rows_rejected = json_count_of (members, "rows_rejected");
    at->pairs = json_count_of (members, "pairs");
    at->duplicates = json_count_of (members, "duplicates");
    at->labelled = json_count_of (members, "labelled");
    at->ties = json_count_of (members, "ties");
    at->quarantined = json_count_of (members, "quarantined");
    at->excluded_prompts = json_count_of (members, "excluded_prompts");
    at->too_long = json_count_of (members, "too_long");
    at->cut_responses = json_count_of (members, "cut_responses");
    at->cut_turns = json_count_of (members, "cut_turns");
    at->adapter_calls = json_count_of (members, "adapter_calls");
    at->shortened = json_count_of (members, "shortened_pairs");
    at->calls = json_count_of (members, "calls");
    at->prompt_tokens = json_count_of (members, "prompt_tokens");
    at->cached_tokens = json_count_of (members, "cached_tokens");
    at->completion_tokens = json_count_of (members, "completion_tokens");
    at->refused = json_count_of (members, "refused");
    at->cost = json_count_of (members, "cost_1e12");
    const json_value_t *currency = json_get (members, "currency");
    if (json_is (currency, JSON_STRING))
        snprintf (at->currency, sizeof at->currency, "%s", currency->text);
    at->spent = spend_of (json_count_of (members, "spent_calls"), json_count_of (members, "spent_tokens"), json_count_of (members, "spent_cost_1e12"));
    at->workers = (unsigned) json_count_of (members, "workers");
    at->leases = (unsigned) json_count_of (members, "leases");
    at->workers_unfit = json_count_of (members, "workers_unfit");
    at->workers_died = json_count_of (members, "workers_died");
    at->leases_lost = json_count_of (members, "leases_lost");
    at->messages_refused = json_count_of (members, "messages_refused");
    at->has_auto = json_is (json_get (members, "auto"), JSON_OBJECT);
    if (at->has_auto)
        auto_state_read (json_get (members, "auto"), &at->automatic);
}

// --- of a store ------------------------------------------------------------

static void name_of (const Rulemill__RunRecord *run, char name [20])
{
    digest_t digest = { { 0 } };
    if (run->digest.len == DIGEST_BYTES)
        memcpy (digest.b, run->digest.data, DIGEST_BYTES);
    run_name (&digest, name);
}

static status_t add_run (store_t *store, const Rulemill__RunRecord *run, buf_t *out, fault_t *fault)
{
    Rulemill__RunCounts *counts = NULL;
    status_t status = record_get_counts (store, run->number, &counts, fault);
    if (status != OK || counts == NULL)
        return status;
    char name [20], created [24];
    name_of (run, name);
    clock_iso8601 (run->created_s, created);
    buf_add_str (out, out->len > 1 ? ",{" : "{");
    json_write_key (out, "run");
    json_write_cstring (out, name);
    json_write_key (out, "begun");
    json_write_cstring (out, created);
    json_write_key (out, "judge");
    json_write_cstring (out, run->spec ? run->spec->judge : NULL);
    json_write_key (out, "policy");
    json_write_cstring (out, run->spec ? run->spec->policy : NULL);
    buf_printf (out, ",\"labelled\":%" PRIu64 ",\"ties\":%" PRIu64 ",\"quarantined\":%" PRIu64 "}",
                counts->labelled, counts->ties, counts->quarantined);
    rulemill__run_counts__free_unpacked (counts, NULL);
    return OK;
}

static status_t list_runs (store_t *store, buf_t *out, fault_t *fault)
{
    status_t status = OK;
    buf_add_char (out, '[');
    store_iter_t *iter = record_walk_runs (store);
    for (; status == OK && store_iter_valid (iter); store_iter_next (iter)) {
        Rulemill__RunRecord *run = record_read_run (iter, fault);
        status = run ? add_run (store, run, out, fault) : ERR_CORRUPT;
        if (run)
            rulemill__run_record__free_unpacked (run, NULL);
    }
    if (status == OK)
        status = store_iter_status (iter, fault);
    store_iter_destroy (&iter);
    buf_add_char (out, ']');
    return status;
}

static status_t read_corpus (store_t *store, job_snapshot_t *at, fault_t *fault)
{
    Rulemill__CorpusState *corpus = NULL;
    status_t status = record_get_corpus (store, &corpus, fault);
    if (status != OK || corpus == NULL)
        return status;
    uint64_t unusable;
    at->part = corpus_part_of (corpus);
    at->rows_passed = corpus_part_passed (corpus, &unusable);
    at->rows = corpus->rows_read;
    at->rows_rejected = corpus->rows_rejected;
    at->pairs = corpus->pairs;
    at->duplicates = corpus->duplicates;
    at->stage = corpus->complete ? STAGE_LABEL : STAGE_INGEST;
    rulemill__corpus_state__free_unpacked (corpus, NULL);
    return OK;
}

// Where the policy auto stands, with all that was audited.
static status_t read_auto (store_t *store, const char *dir, const Rulemill__RunRecord *run, const Rulemill__RunCounts *counts,
                           job_snapshot_t *at, fault_t *fault)
{
    if (run->spec == NULL || strcmp (run->spec->policy, policy_name (POLICY_AUTO)) != 0)
        return OK;
    auto_run_t *automatic = NULL;
    status_t status = auto_run_open (&(auto_run_options_t) { .store = store, .run = run, .program = "", .dir = dir }, &automatic, fault);
    if (status == OK)
        status = auto_run_audits (automatic, fault);
    at->has_auto = status == OK && auto_run_state (automatic, counts, &at->automatic);
    auto_run_close (&automatic);
    return status;
}

// Does the end of this phase end labelling?
static bool is_last (const Rulemill__PhaseRecord *phase, const job_snapshot_t *at)
{
    return !at->has_auto || (strncmp (phase->name, AUTO_PHASE_REST, strlen (AUTO_PHASE_REST)) == 0 && !at->automatic.training);
}

// Past labelling when some phase (of all pairs, or of a sample) has gone through the pairs that there are.
static status_t read_phases (store_t *store, const char *dir, const Rulemill__RunRecord *run, job_snapshot_t *at, fault_t *fault)
{
    store_iter_t *iter = record_walk_phases (store, run->number);
    bool through = false;
    for (; !through && store_iter_valid (iter); store_iter_next (iter)) {
        Rulemill__PhaseRecord *phase = record_read_phase (iter, fault);
        if (phase == NULL)
            break;
        through = phase->low_water >= at->pairs && is_last (phase, at);
        rulemill__phase_record__free_unpacked (phase, NULL);
    }
    status_t status = store_iter_status (iter, fault);
    store_iter_destroy (&iter);
    if (status == OK && through && at->stage == STAGE_LABEL) {
        char *manifest = mem_printf ("%s/%s/dataset/manifest.json", dir, at->run);
        at->stage = access (manifest, F_OK) == 0 ? STAGE_DONE : STAGE_EXPORT;
        free (manifest);
    }
    return status;
}

// Prices stand in the configuration that the run was begun with.
static void read_currency (const Rulemill__RunRecord *run, job_snapshot_t *at)
{
    config_t *config = config_new ();
    fault_t ignored = { 0 };
    if (config_inherit (config, "stored configuration", run->config, "judge.currency", &ignored) == OK)
        snprintf (at->currency, sizeof at->currency, "%s", config->judge.currency);
    config_destroy (&config);
}

static status_t read_run (store_t *store, const char *dir, const char *name, job_snapshot_t *at, fault_t *fault)
{
    Rulemill__RunRecord *run = NULL;
    Rulemill__RunCounts *counts = NULL;
    status_t status = cmd_find_run (store, name, &run, fault);
    if (status == ERR_NOT_FOUND && name == NULL)
        return OK;
    if (status == OK)
        status = record_get_counts (store, run->number, &counts, fault);
    if (status == OK) {
        name_of (run, at->run);
        at->labelled = counts->labelled;
        at->ties = counts->ties;
        at->quarantined = counts->quarantined;
        at->excluded_prompts = run->excluded_prompts;
        at->too_long = counts->too_long;
        at->cut_responses = counts->cut_responses;
        at->cut_turns = counts->cut_turns;
        at->adapter_calls = counts->adapter_calls;
        at->shortened = counts->shortened;
        at->calls = counts->calls;
        at->prompt_tokens = counts->prompt_tokens;
        at->cached_tokens = counts->cached_tokens;
        at->completion_tokens = counts->completion_tokens;
        at->refused = counts->refused;
        at->cost = counts->cost;
        at->done = counts->labelled + counts->quarantined;
        at->total = at->pairs;
        read_currency (run, at);
        status = budget_read (store, run->number, &at->spent, fault);
    }
    if (status == OK)
        status = read_auto (store, dir, run, counts, at, fault);
    if (status == OK)
        status = read_phases (store, dir, run, at, fault);
    if (counts)
        rulemill__run_counts__free_unpacked (counts, NULL);
    if (run)
        rulemill__run_record__free_unpacked (run, NULL);
    return status;
}

static status_t read_store (const char *dir, const char *run, standing_t *out, fault_t *fault)
{
    const store_options_t options = { .read_only = true };
    store_t *store = NULL;
    status_t status = store_open (dir, &options, &store, fault);
    if (status == ERR_NOT_FOUND)
        status = fault_of_setting (status, fault);
    if (status == OK)
        status = read_corpus (store, &out->at, fault);
    if (status == OK)
        status = read_run (store, dir, run, &out->at, fault);
    if (status == OK)
        status = list_runs (store, &out->runs, fault);
    store_close (&store);
    out->at.eta_s = -1;
    return status;
}

status_t standing_read (const char *dir, const char *run, standing_t *out, fault_t *fault)
{
    *out = (standing_t) { 0 };
    buf_t request = { 0 }, answer = { 0 };
    json_doc_t *doc = json_doc_new ();
    const json_value_t *members = NULL;
    cmd_request (&request, "status", NULL);
    buf_add_char (&request, '}');
    status_t status = cmd_ask (dir, &request, &out->running, &answer, doc, &members, fault);
    if (status == OK && out->running)
        take_answer (members, out);
    else if (status == OK)
        status = read_store (dir, run, out, fault);
    if (status == OK && out->running && run && strncmp (out->at.run, run, strlen (run)) != 0)
        status = fault_set (fault, ERR_BUSY, "a job is working on %s; ask for %s when it has ended",
                            out->at.run [0] ? out->at.run : "its corpus", run);
    json_doc_destroy (&doc);
    buf_free (&request);
    buf_free (&answer);
    return status;
}

void standing_clear (standing_t *standing)
{
    buf_free (&standing->runs);
}

// --- showing ---------------------------------------------------------------

static void add_amount (buf_t *out, const char *key, uint64_t amount)
{
    json_write_key (out, key);
    progress_money (out, amount);
}

static void add_moving (const standing_t *standing, buf_t *out)
{
    const job_snapshot_t *at = &standing->at;
    buf_printf (out, ",\"pid\":%" PRId64 ",\"draining\":%s,\"stage_s\":%.3f,\"rate\":%.3f,\"eta_s\":%.3f", standing->pid,
                at->draining ? "true" : "false", at->stage_s, at->rate, at->eta_s);
    json_member_count (out, "workers", at->workers);
    json_member_count (out, "leases", at->leases);
    json_member_count (out, "workers_unfit", at->workers_unfit);
    json_member_count (out, "workers_died", at->workers_died);
    json_member_count (out, "leases_lost", at->leases_lost);
    json_member_count (out, "messages_refused", at->messages_refused);
}

void standing_json (const standing_t *standing, buf_t *out)
{
    const job_snapshot_t *at = &standing->at;
    buf_printf (out, "{\"running\":%s", standing->running ? "true" : "false");
    json_write_key (out, "stage");
    json_write_cstring (out, job_stage_name (at->stage));
    json_write_key (out, "run");
    json_write_cstring (out, at->run [0] ? at->run : NULL);
    json_member_count (out, "done", at->done);
    json_member_count (out, "total", at->total);
    corpus_part_member (at->part, out);
    json_member_count (out, "rows_of_other_parts", at->rows_passed);
    json_member_count (out, "rows", at->rows);
    json_member_count (out, "rows_rejected", at->rows_rejected);
    json_member_count (out, "pairs", at->pairs);
    json_member_count (out, "duplicates", at->duplicates);
    json_member_count (out, "labelled", at->labelled);
    json_member_count (out, "ties", at->ties);
    json_member_count (out, "quarantined", at->quarantined);
    json_member_count (out, "excluded_prompts", at->excluded_prompts);
    json_member_count (out, "too_long", at->too_long);
    json_member_count (out, "cut_responses", at->cut_responses);
    json_member_count (out, "cut_turns", at->cut_turns);
    json_member_count (out, "adapter_calls", at->adapter_calls);
    json_member_count (out, "shortened_pairs", at->shortened);
    json_member_count (out, "calls", at->calls);
    json_member_count (out, "prompt_tokens", at->prompt_tokens);
    json_member_count (out, "cached_tokens", at->cached_tokens);
    json_member_count (out, "completion_tokens", at->completion_tokens);
    json_member_count (out, "refused", at->refused);
    add_amount (out, "cost", at->cost);
    json_write_key (out, "currency");
    json_write_cstring (out, at->currency [0] ? at->currency : NULL);
    json_member_count (out, "spent_calls", at->spent.unit [SPEND_CALLS]);
    json_member_count (out, "spent_tokens", at->spent.unit [SPEND_TOKENS]);
    add_amount (out, "spent_cost", at->spent.unit [SPEND_COST]);
    json_write_key (out, "auto");
    buf_add_str (out, at->has_auto ? "{" : "null");
    if (at->has_auto) {
        auto_state_write (&at->automatic, at->automatic.sampled, out);
        buf_add_char (out, '}');
    }
    if (standing->running)
        add_moving (standing, out);
    else {
        json_write_key (out, "runs");
        buf_add (out, standing->runs.data, standing->runs.len);
    }
    buf_add_char (out, '}');
}

static void add_runs (const standing_t *standing, buf_t *out)
{
    json_doc_t *doc = json_doc_new ();
    const json_value_t *runs;
    if (standing->runs.len == 0 || json_parse (doc, standing->runs.data, standing->runs.len, &runs, NULL) != OK)
        runs = NULL;
    const char *head = "runs";
    for (const json_value_t *run = runs ? runs->child : NULL; run; run = run->next) {
        const json_value_t *name = json_get (run, "run"), *judge = json_get (run, "judge"), *policy = json_get (run, "policy");
        const json_value_t *begun = json_get (run, "begun");
        buf_printf (out, "%-10s %s  %s, %s, begun %s, labelled ", head, name->text,
                    json_equals (judge, "lexicon") ? "lexicon (baseline)" : json_is (judge, JSON_STRING) ? judge->text : "?", json_is (policy, JSON_STRING) ? policy->text : "?", begun->text);
        progress_count (out, json_count_of (run, "labelled"));
        buf_add_char (out, '\n');
        head = "";
    }
    json_doc_destroy (&doc);
}

static void add_state (const standing_t *standing, const char *dir, buf_t *out)
{
    if (standing->running)
        buf_printf (out, "job        running (process %" PRId64 ")%s\n", standing->pid, standing->at.draining ? ", stopping" : "");
    else if (standing->at.stage == STAGE_DONE)
        buf_printf (out, "job        complete; dataset in %s/%s/dataset\n", dir, standing->at.run);
    else
        buf_printf (out, "job        not running, at %s; go on with: rulemill label --out %s\n", job_stage_name (standing->at.stage), dir);
}

static void add_calls (const job_snapshot_t *at, buf_t *out)
{
    if (at->calls == 0)
        return;
    buf_add_str (out, "calls      ");
    progress_count (out, at->calls);
    buf_add_str (out, " to the judge, ");
    progress_count (out, at->prompt_tokens);
    buf_add_str (out, " prompt tokens (");
    progress_count (out, at->cached_tokens);
    buf_add_str (out, " cached), ");
    progress_count (out, at->completion_tokens);
    buf_add_str (out, " of answers, ");
    progress_count (out, at->refused);
    buf_add_str (out, " calls refused");
    if (at->cost > 0) {
        buf_add_str (out, "; ");
        progress_cost (out, at->cost, at->currency);
    }
    buf_add_char (out, '\n');
    if (at->cut_responses > 0)
        buf_printf (out, "cut        %" PRIu64 " conversations too long for the judge lost %" PRIu64 " earlier turns\n", at->cut_responses, at->cut_turns);
}

static void add_adapter (const job_snapshot_t *at, buf_t *out)
{
    if (at->adapter_calls == 0)
        return;
    buf_add_str (out, "adapter    ");
    progress_count (out, at->adapter_calls);
    buf_add_str (out, at->adapter_calls == 1 ? " request to the served adapter" : " requests to the served adapter");
    if (at->shortened > 0) {
        buf_add_str (out, "; ");
        progress_count (out, at->shortened);
        buf_add_str (out, " pairs were too long for it and shortened");
    }
    buf_add_char (out, '\n');
}

static void add_labels (const job_snapshot_t *at, buf_t *out)
{
    buf_add_str (out, "labels     ");
    progress_count (out, at->labelled);
    buf_add_str (out, " labelled (");
    progress_count (out, at->ties);
    buf_add_str (out, " ties), ");
    progress_count (out, at->quarantined);
    buf_add_str (out, " pairs set aside");
    if (at->too_long > 0) {
        buf_add_str (out, " (");
        progress_count (out, at->too_long);
        buf_add_str (out, at->adapter_calls > 0 ? " too long for the judge or the adapter)" : " too long for the judge)");
    }
    if (at->excluded_prompts > 0) {
        buf_add_str (out, ", ");
        progress_count (out, at->excluded_prompts);
        buf_add_str (out, at->excluded_prompts == 1 ? " prompt excluded" : " prompts excluded");
    }
    buf_add_char (out, '\n');
}

void standing_text (const standing_t *standing, const char *dir, buf_t *out)
{
    const job_snapshot_t *at = &standing->at;
    add_state (standing, dir, out);
    if (at->run [0])
        buf_printf (out, "run        %s\n", at->run);
    if (standing->running) {
        buf_add_str (out, "now        ");
        progress_line (at, out);
        buf_add_char (out, '\n');
    }
    buf_add_str (out, "corpus     ");
    progress_count (out, at->rows);
    buf_add_str (out, " rows");
    progress_part (out, at->part, at->rows_passed);
    buf_add_str (out, ", ");
    progress_count (out, at->pairs);
    buf_add_str (out, " pairs, ");
    progress_count (out, at->duplicates);
    buf_add_str (out, " duplicates, ");
    progress_count (out, at->rows_rejected);
    buf_add_str (out, " rows set aside\n");
    add_labels (at, out);
    if (at->has_auto) {
        auto_show_state (&at->automatic, "policy", at->automatic.sampled, NULL, out);
        auto_show_price (&at->automatic.price, "price", at->currency, out);
    }
    add_calls (at, out);
    add_adapter (at, out);
    add_runs (standing, out);
}
