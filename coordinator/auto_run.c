#include "coordinator/auto_run.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "model/selection.h"
#include "storage/run.h"

enum { ARGS_MAX = 16, REPORT_BYTES_MAX = 1024 * 1024 };

struct auto_run {
    auto_run_options_t options;
    auto_recipe_t recipe;
    uint64_t seed;
    auto_corpus_t corpus;       // as the phase at hand was given it
    char run [20];
    Rulemill__AutoRecord *record;
    Rulemill__AuditSums tail;   // audits of the last block, where it is not whole
    char *folder;               // DIR/RUN/auto
    char *adapter_path, *report_path, *config_path;
    const char *argv [ARGS_MAX];
};

status_t auto_run_open (const auto_run_options_t *options, auto_run_t **out, fault_t *fault)
{
    auto_run_t *self = mem_zero (1, sizeof *self);
    self->options = *options;
    rulemill__audit_sums__init (&self->tail);
    self->seed = options->run->spec->seed;
    digest_t digest;
    memcpy (digest.b, options->run->digest.data, DIGEST_BYTES);
    run_name (&digest, self->run);
    self->folder = mem_printf ("%s/%s/auto", options->dir, self->run);
    self->config_path = mem_printf ("%s/config.yaml", self->folder);
    status_t status = auto_recipe_read (options->run->spec->recipe, &self->recipe, fault);
    if (status == OK)
        status = record_get_auto (options->store, options->run->number, &self->record, fault);
    if (status != OK)
        auto_run_close (&self);
    *out = self;
    return status;
}

void auto_run_close (auto_run_t **out)
{
    auto_run_t *self = *out;
    if (self == NULL)
        return;
    if (self->record)
        rulemill__auto_record__free_unpacked (self->record, NULL);
    free (self->folder);
    free (self->adapter_path);
    free (self->report_path);
    free (self->config_path);
    free (self);
    *out = NULL;
}

const Rulemill__AutoRecord *auto_run_record (const auto_run_t *self)
{
    return self->record;
}

uint32_t auto_run_judged (const auto_run_t *self)
{
    uint32_t most = 0;
    for (size_t i = 0; self->record && i < self->record->n_adapter; i++)
        most = self->record->adapter [i]->judged > most ? self->record->adapter [i]->judged : most;
    return most;
}

bool auto_run_state (const auto_run_t *self, const Rulemill__RunCounts *counts, auto_state_t *out)
{
    if (self->record == NULL)
        return false;
    *out = auto_state_of (self->record, &self->tail, counts);
    return true;
}

// --- decisions, on disk ----------------------------------------------------

// With the adapter's bytes where there are some.
static status_t save (auto_run_t *self, const buf_t *adapter, const digest_t *digest, fault_t *fault)
{
    store_batch_t *batch = store_batch_new (self->options.store);
    if (adapter)
        record_put_blob (batch, digest, adapter->data, adapter->len);
    record_put_auto (batch, self->options.run->number, self->record);
    status_t status = store_commit (self->options.store, batch, fault);
    store_batch_destroy (&batch);
    return status;
}

// What the choices would take, by what is known now; true: it was another before.
static bool set_price (auto_run_t *self)
{
    const auto_scale_t scale = {
        .pairs = (double) self->corpus.pairs * self->corpus.share, .responses = (double) self->corpus.responses * self->corpus.share,
        .rules = self->options.rules, .top = (uint32_t) auto_recipe_judged (&self->recipe, self->options.run->spec->top, self->options.rules), .judges = self->options.judges, .prices = self->options.prices
    };
    return auto_price_set (self->record, &scale, auto_exhaustive_share (&self->recipe, self->record));
}

static void say_choice (const auto_run_t *self)
{
    if (self->record->stage == RULEMILL__AUTO_STAGE__AUTO_REST)
        log_info ("auto: %s: %s", self->record->choice == RULEMILL__AUTO_CHOICE__AUTO_ADAPTER ? "the rest is labelled through an adapter"
                  : "all is judged exhaustively", self->record->reason);
    else
        log_info ("auto: sample %" PRIu32 " of about %.1f %% of the prompts is judged exhaustively", self->record->step,
                  100 * ldexp ((double) self->record->sample_threshold, -64));
}

// --- training --------------------------------------------------------------

static void name_files (auto_run_t *self)
{
    free (self->adapter_path);
    free (self->report_path);
    const Rulemill__AutoRecord *r = self->record;
    bool first = r->n_adapter == 0;
    unsigned n = first ? r->step : (unsigned) r->n_adapter;
    self->adapter_path = mem_printf ("%s/%s-%u.adapter", self->folder, first ? "sample" : "again", n);
    self->report_path = mem_printf ("%s/%s-%u.json", self->folder, first ? "sample" : "again", n);
}

static status_t read_file (const char *path, size_t max, buf_t *out, bool *found, fault_t *fault)
{
    FILE *file = fopen (path, "rb");
    *found = file != NULL;
    if (file == NULL)
        return errno == ENOENT ? OK : fault_set (fault, ERR_IO, "%s can't be read: %s", path, strerror (errno));
    char bytes [65536];
    size_t n;
    while ((n = fread (bytes, 1, sizeof bytes, file)) > 0 && out->len <= max)
        buf_add (out, bytes, n);
    bool bad = ferror (file) != 0;
    fclose (file);
    if (bad || out->len > max)
        return fault_set (fault, ERR_IO, "%s %s; remove it and run the same command again", path, bad ? "can't be read" : "is too large");
    return OK;
}

// What a training left. *found false: nothing yet.
static status_t take_trained (auto_run_t *self, bool *found, fault_t *fault)
{
    buf_t report = { 0 }, adapter = { 0 };
    bool has_adapter = false;
    auto_trained_t trained;
    status_t status = read_file (self->report_path, REPORT_BYTES_MAX, &report, found, fault);
    if (status == OK && *found)
        status = read_file (self->adapter_path, LIMIT_BLOB_BYTES, &adapter, &has_adapter, fault);
    if (status == OK && *found && !has_adapter)
        status = fault_set (fault, ERR_NOT_FOUND, "%s is there without %s; remove it and run the same command again", self->report_path,
                            self->adapter_path);
    if (status == OK && *found)
        status = auto_trained_read (report.data, report.len, &trained, fault);
    if (status == OK && *found) {
        digest_t digest = digest_of (adapter.data, adapter.len);
        size_t before = self->record->n_adapter;
        auto_trained (&self->recipe, self->record, &trained, report.data, digest.b);
        set_price (self);
        say_choice (self);
        status = save (self, self->record->n_adapter > before ? &adapter : NULL, &digest, fault);
    }
    if (status == OK && *found) {
        (void) unlink (self->report_path);
        (void) unlink (self->adapter_path);
    }
    buf_free (&report);
    buf_free (&adapter);
    return status;
}

const char *const *auto_run_command (auto_run_t *self)
{
    if (self->record == NULL || self->record->stage != RULEMILL__AUTO_STAGE__AUTO_TRAIN)
        return NULL;
    const char *const argv [] = {
        self->options.program, "adapter", "train", self->options.dir, "--run", self->run, "--config", self->config_path,
        "--out", self->adapter_path, "--report", self->report_path, "--quiet", "--beside", "--widen", NULL
    };
    memcpy (self->argv, argv, sizeof argv);
    log_info ("auto: training an adapter");
    return self->argv;
}

static status_t begin_training (auto_run_t *self, fault_t *fault)
{
    char *parent = mem_printf ("%s/%s", self->options.dir, self->run);
    bool made = (mkdir (parent, 0777) == 0 || errno == EEXIST) && (mkdir (self->folder, 0777) == 0 || errno == EEXIST);
    free (parent);
    if (!made)
        return fault_set (fault, ERR_IO, "%s can't be made: %s", self->folder, strerror (errno));
    FILE *file = fopen (self->config_path, "w");        // the run's own, whatever this start of the job was given
    bool written = file && fputs (self->options.run->config, file) >= 0;
    written = file && fclose (file) == 0 && written;
    return written ? OK : fault_set (fault, ERR_IO, "%s can't be written: %s", self->config_path, strerror (errno));
}

// --- audits ----------------------------------------------------------------

// A prompt's audited pairs: all, and those that the adapter in use has labelled.
typedef struct { uint64_t pairs, alike; } audited_t;
typedef struct { uint64_t prompt; bool any; audited_t all, in_use; } cluster_t;

static void close_audited (const audited_t *audited, Rulemill__AuditSums *sums)
{
    if (audited->pairs > 0)
        auto_sums_add (sums, audited->pairs, audited->alike);
}

static void close_cluster (cluster_t *cluster, auto_audits_t *audits)
{
    close_audited (&cluster->all, &audits->all);
    close_audited (&cluster->in_use, &audits->in_use);
    *cluster = (cluster_t) { 0 };
}

static void count_audit (const Rulemill__Label *label, const Rulemill__Label *audit, audited_t *audited, Rulemill__AuditSums *sums)
{
    bool failed = audit->outcome == RULEMILL__OUTCOME__OUTCOME_QUARANTINED;
    audited->pairs += !failed;
    audited->alike += !failed && label->outcome == audit->outcome;
    sums->failed += failed;
}

static status_t add_audit (auto_run_t *self, uint64_t item, const Rulemill__Label *audit, cluster_t *cluster,
                           auto_audits_t *audits, fault_t *fault)
{
    Rulemill__PairRecord *pair = NULL;
    Rulemill__Label *label = NULL;
    status_t status = record_get_pair (self->options.store, item, &pair, fault);
    if (status == OK)
        status = record_get_label (self->options.store, self->options.run->number, item, &label, fault);
    if (status == OK && pair && label && label->outcome != RULEMILL__OUTCOME__OUTCOME_QUARANTINED) {
        if (cluster->any && cluster->prompt != pair->prompt)
            close_cluster (cluster, audits);
        cluster->any = true;
        cluster->prompt = pair->prompt;
        count_audit (label, audit, &cluster->all, &audits->all);
        if (label->adapter == self->record->n_adapter)
            count_audit (label, audit, &cluster->in_use, &audits->in_use);
    }
    if (pair)
        rulemill__pair_record__free_unpacked (pair, NULL);
    if (label)
        rulemill__label__free_unpacked (label, NULL);
    return status;
}

// The audited pairs from `from` up to `end`.
static status_t sum_audits (auto_run_t *self, uint64_t from, uint64_t end, auto_audits_t *audits, fault_t *fault)
{
    *audits = (auto_audits_t) { RULEMILL__AUDIT_SUMS__INIT, RULEMILL__AUDIT_SUMS__INIT };
    cluster_t cluster = { 0 };
    status_t status = OK;
    store_iter_t *iter = record_walk_audits (self->options.store, self->options.run->number, from);
    for (; status == OK && store_iter_valid (iter) && record_pair_at (iter) < end; store_iter_next (iter)) {
        Rulemill__Label *audit = record_read_label (iter, fault);
        if (audit == NULL)
            status = fault->code;
        else
            status = add_audit (self, record_pair_at (iter), audit, &cluster, audits, fault);
        if (audit)
            rulemill__label__free_unpacked (audit, NULL);
    }
    if (status == OK)
        status = store_iter_status (iter, fault);
    store_iter_destroy (&iter);
    close_cluster (&cluster, audits);
    return status;
}

// Of the pairs behind the last whole block.
static status_t sum_tail (auto_run_t *self, uint64_t end, fault_t *fault)
{
    auto_audits_t audits;
    status_t status = sum_audits (self, self->record->position, end, &audits, fault);
    self->tail = audits.all;
    return status;
}

status_t auto_run_audits (auto_run_t *self, fault_t *fault)
{
    return self->record ? sum_tail (self, UINT64_MAX, fault) : OK;
}

static status_t end_block (auto_run_t *self, uint64_t end, fault_t *fault)
{
    auto_audits_t audits;
    status_t status = sum_audits (self, self->record->position, end, &audits, fault);
    if (status != OK)
        return status;
    rulemill__audit_sums__init (&self->tail);
    if (auto_block_done (&self->recipe, self->record, end, self->corpus.threshold, &audits))
        log_warn ("auto: the adapter's labels agree with audited ones too seldom; it is trained again with what was audited");
    return save (self, NULL, NULL, fault);
}

static bool is_same (const Rulemill__AuditSums *a, const Rulemill__AuditSums *b)
{
    return a->pairs == b->pairs && a->alike == b->alike && a->prompts == b->prompts && a->failed == b->failed;
}

// All is gone through: what was audited behind the last whole block, for whoever looks at the run.
static status_t keep_tail (auto_run_t *self, uint64_t end, fault_t *fault)
{
    Rulemill__AutoRecord *r = self->record;
    status_t status = sum_tail (self, end, fault);
    if (status != OK || (r->audit_tail ? is_same (r->audit_tail, &self->tail) : self->tail.pairs + self->tail.failed == 0))
        return status;
    if (r->audit_tail == NULL)
        r->audit_tail = rulemill__audit_sums__unpack (NULL, 0, (const uint8_t *) "");
    *r->audit_tail = self->tail;
    return save (self, NULL, NULL, fault);
}

// --- phases ----------------------------------------------------------------

static status_t low_water (auto_run_t *self, const char *name, uint64_t *out, fault_t *fault)
{
    Rulemill__PhaseRecord *phase = NULL;
    status_t status = record_get_phase (self->options.store, self->options.run->number, name, &phase, fault);
    *out = phase ? phase->low_water : 0;
    if (phase)
        rulemill__phase_record__free_unpacked (phase, NULL);
    return status;
}

// A mark tells of what was asked for alone.
static void name_phase (const auto_run_t *self, bool sampling, phase_t *phase)
{
    int n = sampling ? snprintf (phase->name, sizeof phase->name, "sample-%" PRIu32, self->record->step)
                     : snprintf (phase->name, sizeof phase->name, AUTO_PHASE_REST);
    if (self->corpus.limit > 0)
        snprintf (phase->name + n, sizeof phase->name - (size_t) n, "-limit-%" PRIu64, self->corpus.limit);
}

// One step of the plan; *again: it changed the record, and the next phase is another one.
static status_t step (auto_run_t *self, phase_t *phase, bool *found, bool *again, fault_t *fault)
{
    const uint64_t pairs = self->corpus.pairs;
    Rulemill__AutoRecord *r = self->record;
    status_t status = OK;
    *phase = (phase_t) { .end = pairs, .items = pairs };
    *again = *found = false;
    if (r->stage == RULEMILL__AUTO_STAGE__AUTO_TRAIN) {
        snprintf (phase->name, sizeof phase->name, "train");
        phase->low_water = pairs;
        name_files (self);
        status = begin_training (self, fault);
        if (status == OK)
            status = take_trained (self, again, fault);
        *found = !*again;
        return status;
    }
    bool sampling = r->stage == RULEMILL__AUTO_STAGE__AUTO_SAMPLE;
    name_phase (self, sampling, phase);
    if (!sampling)
        phase->end = auto_block_end (&self->recipe, r, pairs);
    status = low_water (self, phase->name, &phase->low_water, fault);
    *found = phase->low_water < phase->end;
    if (status == OK && !*found && sampling && self->options.any_retry)
        status = self->options.any_retry (self->options.ctx, found, fault);
    if (status != OK || *found)
        return status;
    bool whole_block = r->choice == RULEMILL__AUTO_CHOICE__AUTO_ADAPTER && phase->end == r->position + self->recipe.block_pairs;
    *again = sampling || whole_block;
    if (whole_block)
        return end_block (self, phase->end, fault);
    if (sampling) {
        auto_sampled (r);
        return save (self, NULL, NULL, fault);
    }
    return keep_tail (self, phase->end, fault);
}

status_t auto_run_phase (auto_run_t *self, const auto_corpus_t *corpus, phase_t *phase, bool *found, fault_t *fault)
{
    bool again = true, begins = self->record == NULL;
    status_t status = OK;
    uint64_t pairs = corpus->pairs, asked = (uint64_t) ((double) pairs * corpus->share);
    self->corpus = *corpus;
    if (begins)
        self->record = auto_begin (&self->recipe, asked, pairs);
    bool lifted = !begins && auto_lifted (self->record, corpus->threshold);
    bool decides = begins || auto_grown (&self->recipe, self->record, asked, pairs) || lifted, changed = set_price (self) || decides;
    if (self->options.dry) {
        *phase = (phase_t) { .end = pairs, .items = pairs, .name = "plan" };
        *found = pairs > 0;
        return OK;
    }
    if (decides)
        say_choice (self);
    if (changed)
        status = save (self, NULL, NULL, fault);
    while (status == OK && again)
        status = step (self, phase, found, &again, fault);
    return status;
}

// --- pairs -----------------------------------------------------------------

auto_how_t auto_run_how (const auto_run_t *self, uint64_t pair, const content_key_t *group)
{
    const Rulemill__AutoRecord *r = self->record;
    if (r == NULL)
        return AUTO_HOW_LATER;
    bool sampled = pair < r->exhaustive_below || (r->step > 0 && group_hash (self->seed, "sample", group) <= r->sample_threshold);
    if (sampled || r->choice == RULEMILL__AUTO_CHOICE__AUTO_EXHAUSTIVE)
        return AUTO_HOW_EXHAUSTIVE;
    if (r->choice != RULEMILL__AUTO_CHOICE__AUTO_ADAPTER)
        return self->options.dry ? AUTO_HOW_ADAPTER : AUTO_HOW_LATER;
    bool audited = r->audit_threshold > 0 && group_hash (self->seed, "audit", group) <= r->audit_threshold;
    return audited ? AUTO_HOW_AUDIT : AUTO_HOW_ADAPTER;
}

bool auto_run_all_exhaustive (const auto_run_t *self)
{
    return self->record && self->record->choice == RULEMILL__AUTO_CHOICE__AUTO_EXHAUSTIVE;
}

uint32_t auto_run_adapter (const auto_run_t *self, uint64_t pair)
{
    const Rulemill__AutoRecord *r = self->record;
    uint32_t at = 0;
    for (uint32_t i = 1; i < r->n_adapter; i++)
        if (r->adapter [i]->from_pair <= pair)
            at = i;
    return at;
}
