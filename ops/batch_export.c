#include "ops/batch_export.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/json.h"
#include "base/mem.h"
#include "coordinator/auto_run.h"
#include "coordinator/kind_label.h"
#include "ops/batch_cells.h"
#include "ops/batch_files.h"
#include "worker/label_read.h"
#include "worker/label_setup.h"

enum { LOOK_AHEAD = 1024, BLOBS_MAX = 2 + AUTO_RETRAININGS_MAX };

// A response of the prompt in hand.
typedef struct {
    uint64_t response;
    bool *need;                     // [n_rules]
    UT_hash_handle hh;              // in the order in which they were met
} wanted_t;

typedef struct {
    batch_run_t *run;
    store_t *store;
    kind_t *kind;
    const Rulemill__JudgeSetup *judge;
    label_setup_t setup;
    bool has_setup;
    bool *need;                     // [n_rules] of the pair in hand
    uint8_t *written;               // a bit for each response and rule
    uint64_t responses;
    batch_files_t *files;
    batch_export_report_t *report;

    uint64_t prompt;                // whose pairs are being gathered
    wanted_t *wanted;
    Rulemill__PromptRecord *text;
    buf_t prefix, body, line, item;
} export_t;

// --- the run's rules -------------------------------------------------------

static void free_blobs (worker_blob_t *blobs, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free ((void *) (uintptr_t) blobs [i].bytes);
}

// What a worker of the present phase is given: the pool, and the adapters that there are.
static status_t read_blobs (export_t *self, worker_blob_t blobs [BLOBS_MAX], size_t *n, fault_t *fault)
{
    digest_t digests [BLOBS_MAX];
    size_t count = self->kind->class->blobs (self->kind, digests, BLOBS_MAX);
    status_t status = OK;
    for (*n = 0; *n < count && status == OK; ) {
        buf_t bytes = { 0 };
        bool found = false;
        status = record_get_blob (self->store, &digests [*n], &bytes, &found, fault);
        if (status == OK && !found)
            status = fault_set (fault, ERR_CORRUPT, "the rule pool or an adapter of the run is missing from the store; restore it from a backup");
        blobs [*n] = (worker_blob_t) { .digest = digests [*n], .bytes = bytes.data, .len = bytes.len };
        ++*n;
    }
    return status;
}

static status_t read_setup (export_t *self, fault_t *fault)
{
    worker_blob_t blobs [BLOBS_MAX];
    size_t n = 0;
    buf_t setup = { 0 };
    status_t status = read_blobs (self, blobs, &n, fault);
    self->kind->class->setup (self->kind, &setup);
    if (status == OK)
        status = label_setup_read (&self->setup, setup.data, setup.len, blobs, n, fault);
    self->has_setup = status == OK;
    buf_free (&setup);
    free_blobs (blobs, n);
    return status;
}

static status_t begin (export_t *self, const batch_export_options_t *options, fault_t *fault)
{
    batch_run_t *run = self->run;
    self->judge = &run->judge.message;
    const kind_label_options_t kind = {
        .store = self->store, .run = run->opened.run, .pool = run->opened.pool, .stored_cells = true, .limit = options->limit,
        .dir = run->dir,
        .judges = &self->judge, .n_judges = 1
    };
    if (*run->opened.run->spec->adapter_model)
        return fault_set (fault, ERR_USAGE, "the rules of each pair of this run are foreseen by a served adapter while it is labelled, so what to ask is not "
                          "known before; go on with rulemill label --out %s, or begin a run with another policy or an adapter's file", run->dir);
    Rulemill__CorpusState *corpus = NULL;
    status_t status = kind_label_new (&kind, &self->kind, fault);
    if (status == OK)
        status = record_get_corpus (self->store, &corpus, fault);
    if (status != OK)
        return status;
    size_t rules = run->opened.pool->count;
    self->responses = corpus ? corpus->responses : 0;
    self->written = mem_zero ((size_t) self->responses * rules / 8 + 1, 1);
    self->need = mem_zero (rules, sizeof *self->need);
    if (corpus)
        rulemill__corpus_state__free_unpacked (corpus, NULL);
    return batch_files_new (options->folder, options->requests_max, options->bytes_max, &self->files, fault);
}

static void forget_prompt (export_t *self)
{
    wanted_t *one, *next;
    HASH_ITER (hh, self->wanted, one, next) {
        HASH_DEL (self->wanted, one);
        free (one->need);
        free (one);
    }
    if (self->text)
        rulemill__prompt_record__free_unpacked (self->text, NULL);
    self->text = NULL;
}

static void end (export_t *self)
{
    forget_prompt (self);
    if (self->has_setup)
        label_setup_free (&self->setup);
    kind_label_destroy (&self->kind);
    batch_files_destroy (&self->files);
    buf_free (&self->prefix);
    buf_free (&self->body);
    buf_free (&self->line);
    buf_free (&self->item);
    free (self->written);
    free (self->need);
}

// --- requests --------------------------------------------------------------

// True once for each response and rule.
static bool is_new (export_t *self, uint64_t response, size_t rule)
{
    uint64_t bit = response * self->run->opened.pool->count + rule;
    uint8_t mask = (uint8_t) (1u << (bit & 7));
    bool fresh = (self->written [bit >> 3] & mask) == 0;
    self->written [bit >> 3] |= mask;
    return fresh;
}

static status_t write_request (export_t *self, const batch_id_t *id, size_t rule, fault_t *fault)
{
    batch_run_t *run = self->run;
    chat_request_finish (&run->settings, run->template, &self->prefix, run->opened.pool->rules [rule].text,
                         id->constrained ? run->constrain : CONSTRAIN_NONE, &self->body);
    buf_clear (&self->line);
    buf_add_str (&self->line, "{\"custom_id\":\"");
    batch_id_write (id, &self->line);
    buf_add_str (&self->line, "\",\"method\":\"POST\",\"url\":\"/v1/chat/completions\",\"body\":");
    buf_add (&self->line, self->body.data, self->body.len);
    buf_add_str (&self->line, "}\n");
    self->report->requests++;
    return batch_files_add (self->files, &self->line, fault);
}

// The samples of one cell that no answer has been read of.
static status_t write_cell (export_t *self, batch_id_t id, size_t rule, fault_t *fault)
{
    status_t status = OK;
    for (id.sample = 0; id.sample < self->run->samples && status == OK; id.sample++) {
        batch_mark_t mark;
        cell_t cell;
        status = batch_mark_get (self->store, &id, &mark, &cell, fault);
        if (status != OK || mark == BATCH_SAMPLE)
            continue;
        id.constrained = mark == BATCH_TO_CONSTRAIN;
        if (mark == BATCH_HOPELESS)
            self->report->hopeless++;
        else
            status = write_request (self, &id, rule, fault);
    }
    return status;
}

static bool is_stored (const Rulemill__Cells *cells, uint32_t rule)
{
    for (size_t i = 0; cells && i < cells->n_rule; i++)
        if (cells->rule [i] == rule)
            return true;
    return false;
}

static status_t begin_response (export_t *self, const Rulemill__ResponseRecord *response, fault_t *fault)
{
    if (self->text == NULL) {
        status_t status = record_get_prompt (self->store, self->prompt, &self->text, fault);
        if (status != OK)
            return status;
    }
    if (self->text == NULL || self->text->conversation == NULL || response->response == NULL || response->key.len != KEY_BYTES)
        return fault_set (fault, ERR_CORRUPT, "texts of prompt %llu are missing from the store; restore it from a backup",
                          (unsigned long long) self->prompt);
    chat_request_begin (&self->run->settings, self->run->template, self->text->conversation, response->response, 0, &self->prefix);
    self->report->responses++;
    return OK;
}

static status_t write_rules (export_t *self, const wanted_t *wanted, const Rulemill__ResponseRecord *response,
                             const Rulemill__Cells *stored, fault_t *fault)
{
    const rulepool_t *pool = self->run->opened.pool;
    batch_id_t id = { .response = wanted->response, .judge = self->run->opened.run->judge };
    content_key_t key;
    bool begun = false;
    status_t status = OK;
    for (size_t rule = 0; rule < pool->count && status == OK; rule++) {
        id.rule = self->run->rule_number [rule];
        if (!wanted->need [rule] || is_stored (stored, id.rule) || !is_new (self, id.response, rule))
            continue;
        if (!begun)
            status = begin_response (self, response, fault);
        if (status != OK)
            break;
        begun = true;
        memcpy (key.b, response->key.data, KEY_BYTES);
        batch_id_check (&id, &key, &pool->rules [rule].digest, &self->run->identity);
        status = write_cell (self, id, rule, fault);
    }
    return status;
}

static status_t write_response (export_t *self, const wanted_t *wanted, fault_t *fault)
{
    Rulemill__ResponseRecord *response = NULL;
    Rulemill__Cells *stored = NULL;
    status_t status = record_get_response (self->store, wanted->response, &response, fault);
    if (status == OK && (response == NULL || wanted->response >= self->responses))
        status = fault_set (fault, ERR_CORRUPT, "response %llu is missing from the store; restore it from a backup",
                            (unsigned long long) wanted->response);
    if (status == OK)
        status = record_get_cells (self->store, wanted->response, self->run->opened.run->judge, &stored, fault);
    if (status == OK)
        status = write_rules (self, wanted, response, stored, fault);
    if (response)
        rulemill__response_record__free_unpacked (response, NULL);
    if (stored)
        rulemill__cells__free_unpacked (stored, NULL);
    return status;
}

static status_t write_prompt (export_t *self, fault_t *fault)
{
    status_t status = OK;
    for (wanted_t *one = self->wanted; one && status == OK; one = one->hh.next)
        status = write_response (self, one, fault);
    forget_prompt (self);
    return status;
}

// --- pairs -----------------------------------------------------------------

static void want (export_t *self, uint64_t response)
{
    wanted_t *one;
    size_t rules = self->run->opened.pool->count;
    HASH_FIND (hh, self->wanted, &response, sizeof response, one);
    if (one == NULL) {
        one = mem_zero (1, sizeof *one);
        one->response = response;
        one->need = mem_zero (rules, sizeof *one->need);
        HASH_ADD (hh, self->wanted, response, sizeof one->response, one);
    }
    for (size_t i = 0; i < rules; i++)
        one->need [i] |= self->need [i];
}

// The rules that the adapter foresees, as a worker does from the same message.
static status_t foresee (export_t *self, const label_body_t *body, fault_t *fault)
{
    size_t rules = self->run->opened.pool->count;
    uint32_t *chosen = mem_new ((label_choice_judged (self->setup.choice) + 1) * sizeof *chosen);
    bool whole = body->adapter < label_choice_count (self->setup.choice) && body->prompt && body->text [0] && body->text [1];
    size_t n = whole ? label_choice_foresee (self->setup.choice, body->adapter, &body->prompt_key, body->prompt, body->text [0],
                                             body->text [1], chosen) : 0;
    memset (self->need, 0, rules * sizeof *self->need);
    for (size_t i = 0; i < n; i++)
        self->need [chosen [i]] = true;
    free (chosen);
    return whole ? OK : fault_set (fault, ERR_CORRUPT, "a pair's texts or adapter are missing from the store; restore it from a backup");
}

static status_t need_of (export_t *self, uint64_t item, const content_key_t *key, fault_t *fault)
{
    content_key_t none = { { 0 } };
    selection_need (&self->setup.select, &none, key, self->need);
    if (self->setup.choice == NULL && self->setup.policy != POLICY_ADAPTER)
        return OK;
    label_body_t body;
    buf_clear (&self->item);
    status_t status = self->kind->class->body (self->kind, item, true, &self->item, fault);
    if (status == OK)
        status = label_body_read (&body, self->item.data, self->item.len, label_layers_cells (&self->setup.layers), fault);
    if (status != OK)
        return status;
    if (body.how != RULEMILL__LABEL_HOW__HOW_AUDIT && label_setup_foresees (&self->setup, body.how))
        status = foresee (self, &body, fault);
    label_body_free (&body);
    return status;
}

static status_t add_pair (export_t *self, const due_t *due, fault_t *fault)
{
    if (due->state != DUE_LEASE)
        return OK;
    status_t status = OK;
    if (self->wanted && self->prompt != due->group)
        status = write_prompt (self, fault);
    Rulemill__PairRecord *pair = NULL;
    if (status == OK)
        status = record_get_pair (self->store, due->item, &pair, fault);
    if (status == OK && (pair == NULL || pair->key.len != KEY_BYTES))
        status = fault_set (fault, ERR_CORRUPT, "pair %llu is missing from the store; restore it from a backup", (unsigned long long) due->item);
    if (status == OK) {
        content_key_t key;
        memcpy (key.b, pair->key.data, KEY_BYTES);
        status = need_of (self, due->item, &key, fault);
    }
    if (status == OK) {
        self->prompt = due->group;
        want (self, pair->response_a);
        want (self, pair->response_b);
    }
    if (pair)
        rulemill__pair_record__free_unpacked (pair, NULL);
    return status;
}

static status_t add_pairs (export_t *self, const due_t *due, size_t n, fault_t *fault)
{
    status_t status = OK;
    for (size_t i = 0; i < n && status == OK; i++)
        status = add_pair (self, &due [i], fault);
    return status;
}

// The policy auto goes on in phases: what comes after this one is not known yet.
static void look_at_phase (export_t *self, const phase_t *phase, bool found)
{
    auto_state_t state;
    bool rest = strncmp (phase->name, AUTO_PHASE_REST, strlen (AUTO_PHASE_REST)) == 0;
    self->report->more_phases = found && kind_label_auto (self->kind, &state) && !(rest && phase->end == phase->items);
}

static status_t walk (export_t *self, fault_t *fault)
{
    due_t *due = mem_zero (LOOK_AHEAD, sizeof *due);
    phase_t phase = { 0 };
    bool found = false;
    size_t n = 0;
    status_t status = self->kind->class->phase (self->kind, &phase, &found, fault);
    if (status == OK)
        status = read_setup (self, fault);
    look_at_phase (self, &phase, found);
    for (uint64_t from = phase.low_water; status == OK && found && from < phase.end; ) {
        status = self->kind->class->due (self->kind, &phase, from, due, LOOK_AHEAD, &n, &from, fault);
        if (status == OK)
            status = add_pairs (self, due, n, fault);
    }
    n = 1;
    for (uint64_t from = 0; status == OK && found && n > 0; ) {
        status = self->kind->class->retries (self->kind, from, due, LOOK_AHEAD, &n, fault);
        if (status == OK)
            status = add_pairs (self, due, n, fault);
        from = n > 0 ? due [n - 1].item + 1 : from;
    }
    free (due);
    return status == OK ? write_prompt (self, fault) : status;
}

status_t batch_export (batch_run_t *run, const batch_export_options_t *options, batch_export_report_t *report, fault_t *fault)
{
    *report = (batch_export_report_t) { 0 };
    export_t self = { .run = run, .store = run->opened.store, .report = report };
    status_t status = begin (&self, options, fault);
    if (status == OK)
        status = walk (&self, fault);
    if (status == OK)
        status = batch_files_end (self.files, fault);
    if (self.files) {
        report->files = batch_files_count (self.files);
        report->bytes = batch_files_bytes (self.files);
    }
    end (&self);
    return status;
}
