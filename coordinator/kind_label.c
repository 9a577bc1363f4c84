#include "coordinator/kind_label.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/kind_label_parts.h"
#include "storage/run.h"

// --- phases ----------------------------------------------------------------

static status_t pairs_end (label_kind_t *self, uint64_t *end, fault_t *fault)
{
    Rulemill__CorpusState *corpus = NULL;
    status_t status = record_get_corpus (self->options.store, &corpus, fault);
    *end = corpus ? corpus->pairs : 0;
    self->prompts = corpus ? corpus->prompts : 0;
    self->responses = corpus ? corpus->responses : 0;
    if (corpus)
        rulemill__corpus_state__free_unpacked (corpus, NULL);
    return status;
}

static status_t any_retry (void *ctx, bool *any, fault_t *fault)
{
    label_kind_t *self = ctx;
    due_t due;
    size_t n = 0;
    status_t status = self->class.retries (&self->kind, 0, &due, 1, &n, fault);
    *any = n > 0;
    return status;
}

// Take up the stored phase, or begin it; a sample whose corpus has grown is drawn afresh.
static status_t resume_phase (label_kind_t *self, phase_t *phase, const Rulemill__PhaseRecord *stored, fault_t *fault)
{
    phase->low_water = stored ? stored->low_water : 0;
    self->threshold = stored ? stored->threshold : UINT64_MAX;
    if (self->options.limit == 0 || (stored && stored->end == phase->end))
        return OK;
    status_t status = label_limit_threshold (self, &self->threshold, fault);
    if (!stored || stored->threshold != self->threshold)
        phase->low_water = 0;
    return status;
}

// The policy auto's phases; with a limit, the share of the prompts that it leaves is what is labelled.
static status_t auto_phase (label_kind_t *self, phase_t *phase, bool *found, fault_t *fault)
{
    auto_corpus_t corpus = { .share = 1 };
    status_t status = pairs_end (self, &corpus.pairs, fault);
    corpus.responses = self->responses;
    corpus.limit = self->options.limit < self->prompts ? self->options.limit : 0;
    self->threshold = corpus.threshold = UINT64_MAX;
    if (status == OK && corpus.limit > 0) {
        corpus.share = (double) corpus.limit / (double) self->prompts;
        status = label_limit_threshold (self, &self->threshold, fault);
        corpus.threshold = self->threshold;
        if (status == OK)
            status = label_limit_count (self, corpus.pairs, fault);
    }
    if (status == OK)
        status = auto_run_phase (self->auto_run, &corpus, phase, found, fault);
    bool again = false;
    if (status == OK && !*found)
        status = any_retry (self, &again, fault);
    *found = *found || again;
    self->prompt_known = false;
    return status;
}

static status_t label_phase (kind_t *kind, phase_t *phase, bool *found, fault_t *fault)
{
    label_kind_t *self = (label_kind_t *) kind;
    if (self->auto_run)
        return auto_phase (self, phase, found, fault);
    *phase = (phase_t) { .low_water = 0 };
    if (self->options.limit > 0)
        snprintf (phase->name, sizeof phase->name, "limit-%" PRIu64, self->options.limit);
    else
        snprintf (phase->name, sizeof phase->name, "all");
    status_t status = pairs_end (self, &phase->end, fault);
    Rulemill__PhaseRecord *stored = NULL;
    if (status == OK)
        status = record_get_phase (self->options.store, self->run, phase->name, &stored, fault);
    if (status == OK)
        status = resume_phase (self, phase, stored, fault);
    if (status == OK && self->options.limit > 0)
        status = label_limit_count (self, phase->end, fault);
    bool again = false;
    if (status == OK)
        status = any_retry (self, &again, fault);
    if (stored)
        rulemill__phase_record__free_unpacked (stored, NULL);
    *found = phase->low_water < phase->end || again;
    return status;
}

static const char *const *label_phase_end (kind_t *kind, const phase_t *phase)
{
    (void) phase;
    label_kind_t *self = (label_kind_t *) kind;
    return self->auto_run ? auto_run_command (self->auto_run) : NULL;
}

// --- what is due -----------------------------------------------------------

static status_t label_cost (kind_t *kind, uint64_t item, uint64_t *cost, fault_t *fault)
{
    label_kind_t *self = (label_kind_t *) kind;
    Rulemill__PairRecord *pair = NULL;
    status_t status = record_get_pair (self->options.store, item, &pair, fault);
    if (status == OK && pair) {
        status = label_price (self, item, pair, cost, fault);
        rulemill__pair_record__free_unpacked (pair, NULL);
    }
    return status;
}

// later: it is another phase's.
static status_t look_at (label_kind_t *self, uint64_t item, const Rulemill__PairRecord *pair, due_t *out, bool *later, fault_t *fault)
{
    *out = (due_t) { .item = item, .group = pair->prompt };
    *later = false;
    Rulemill__LabelHow how;
    status_t status = label_prompts_differ (self) ? label_how (self, item, pair->prompt, &how, later, fault) : OK;
    if (status != OK || *later || (label_prompts_differ (self) && !self->prompt_due))
        return status;
    out->state = pair->response_a == pair->response_b ? DUE_SELF : DUE_LEASE;
    if (self->options.stored_cells) {
        out->keys [0] = pair->response_a;
        out->keys [1] = pair->response_b;
        out->n_keys = 2;
    }
    return self->options.costs && out->state == DUE_LEASE ? label_price (self, item, pair, &out->cost, fault) : OK;
}

bool label_at (store_iter_t *labels, uint64_t item)
{
    while (store_iter_valid (labels) && record_pair_at (labels) < item)
        store_iter_next (labels);
    return store_iter_valid (labels) && record_pair_at (labels) == item;
}

static status_t look_at_all (label_kind_t *self, store_iter_t *pairs, store_iter_t *labels, uint64_t from, uint64_t end,
                             due_t *out, size_t max, size_t *n, fault_t *fault)
{
    status_t status = OK;
    for (uint64_t item = from; item < end && *n < max && status == OK; item++) {
        if (!store_iter_valid (pairs) || record_pair_at (pairs) != item)
            return fault_set (fault, ERR_CORRUPT, "pair %" PRIu64 " is missing from the store; restore it from a backup", item);
        if (label_at (labels, item))
            out [(*n)++] = (due_t) { .item = item };
        else {
            Rulemill__PairRecord *pair = record_read_pair (pairs, fault);
            if (pair == NULL)
                return fault->code;
            bool later;
            status = look_at (self, item, pair, &out [(*n)++], &later, fault);
            rulemill__pair_record__free_unpacked (pair, NULL);
        }
        store_iter_next (pairs);
    }
    return status;
}

// Iterators live for one call alone: long ones would keep old files from being dropped.
static status_t label_due (kind_t *kind, const phase_t *phase, uint64_t from, due_t *out, size_t max, size_t *n, uint64_t *next, fault_t *fault)
{
    label_kind_t *self = (label_kind_t *) kind;
    store_iter_t *pairs = record_walk_pairs (self->options.store, from);
    store_iter_t *labels = record_walk_labels (self->options.store, self->run, from);
    *n = 0;
    status_t status = look_at_all (self, pairs, labels, from, phase->end, out, max, n, fault);
    if (status == OK)
        status = store_iter_status (labels, fault);
    store_iter_destroy (&labels);
    store_iter_destroy (&pairs);
    *next = from + *n;
    return status;
}

static uint64_t retry_at (const store_iter_t *iter)
{
    size_t len;
    const uint8_t *key = store_iter_key (iter, &len);
    uint64_t pair = 0;
    for (size_t i = 5; i < 13 && i < len; i++)
        pair = pair << 8 | key [i];
    return pair;
}

static status_t label_retries (kind_t *kind, uint64_t from, due_t *out, size_t max, size_t *n, fault_t *fault)
{
    label_kind_t *self = (label_kind_t *) kind;
    buf_t key = { 0 };
    label_retry_key (self->run, from, &key);
    store_iter_t *iter = store_iter_new (self->options.store, TABLE_LABELS, key.data, 5, key.data, key.len);
    status_t status = OK;
    for (*n = 0; status == OK && *n < max && store_iter_valid (iter); store_iter_next (iter)) {
        uint64_t item = retry_at (iter);
        Rulemill__PairRecord *pair = NULL;
        status = record_get_pair (self->options.store, item, &pair, fault);
        if (status != OK || pair == NULL)
            continue;
        bool later;
        status = look_at (self, item, pair, &out [*n], &later, fault);
        if (out [*n].state == DUE_NOT)      // asked for by name: no limit leaves it out
            out [*n].state = DUE_LEASE;
        *n += !later;
        rulemill__pair_record__free_unpacked (pair, NULL);
    }
    if (status == OK)
        status = store_iter_status (iter, fault);
    self->retrying = self->retrying || *n > 0;
    store_iter_destroy (&iter);
    buf_free (&key);
    return status;
}

// --- workers' setup --------------------------------------------------------

// The digests of the run's adapters, the one that was given or those that it has trained; borrowed.
static size_t adapters_of (const label_kind_t *self, ProtobufCBinaryData out [AUTO_RETRAININGS_MAX + 1])
{
    const Rulemill__AutoRecord *record = self->auto_run ? auto_run_record (self->auto_run) : NULL;
    size_t n = 0;
    if (!label_is_served (self) && self->options.run->spec->adapter.len == DIGEST_BYTES)
        out [n++] = self->options.run->spec->adapter;
    for (; record && n < record->n_adapter && n <= AUTO_RETRAININGS_MAX; n++)
        out [n] = record->adapter [n]->digest;
    return n;
}

static void label_setup (kind_t *kind, buf_t *setup)
{
    const label_kind_t *self = (const label_kind_t *) kind;
    Rulemill__LabelSetup message = RULEMILL__LABEL_SETUP__INIT;
    message.spec = self->options.run->spec;
    message.pool_blob = self->options.run->pool_blob;
    message.return_cells = self->options.stored_cells;
    message.judge = (Rulemill__JudgeSetup **) (uintptr_t) self->judges;
    message.n_judge = self->options.n_judges;
    message.repeats = (uint32_t) (self->layers / self->members - 1);
    ProtobufCBinaryData adapters [AUTO_RETRAININGS_MAX + 1];
    message.adapter = adapters;
    message.n_adapter = adapters_of (self, adapters);
    message.served_adapter = (Rulemill__AdapterSetup *) (uintptr_t) self->options.served_adapter;
    wire_pack (&message.base, setup);
}

static size_t label_blobs (kind_t *kind, digest_t *out, size_t max)
{
    const label_kind_t *self = (const label_kind_t *) kind;
    ProtobufCBinaryData adapters [AUTO_RETRAININGS_MAX + 1];
    size_t n = adapters_of (self, adapters);
    if (max < 1 + n || self->options.run->pool_blob.len != DIGEST_BYTES)
        return 0;
    memcpy (out->b, self->options.run->pool_blob.data, DIGEST_BYTES);
    for (size_t i = 0; i < n; i++)
        memcpy (out [1 + i].b, adapters [i].data, DIGEST_BYTES);
    return 1 + n;
}

static status_t label_blob (kind_t *kind, const digest_t *digest, buf_t *out, bool *found, fault_t *fault)
{
    return record_get_blob (((label_kind_t *) kind)->options.store, digest, out, found, fault);
}

static void label_before_write (kind_t *kind, store_batch_t *batch, const phase_t *phase)
{
    label_kind_t *self = (label_kind_t *) kind;
    Rulemill__PhaseRecord record = RULEMILL__PHASE_RECORD__INIT;
    record.name = (char *) (uintptr_t) phase->name;
    record.threshold = self->threshold;
    record.low_water = phase->low_water;
    record.end = phase->end;
    record_put_phase (batch, self->run, &record);
    record_put_counts (batch, self->run, &self->counts);
    label_limit_put (self, batch);
}

// One response goes through its rules one by one, so this many pairs fill about twice as many places at a server.
enum { WAITING_PAIRS = 64 };

// --- making one ------------------------------------------------------------

static const kind_class_t label_class = {
    .name = "label", .second_copies = true,
    .setup = label_setup, .blobs = label_blobs, .blob = label_blob,
    .phase = label_phase, .phase_end = label_phase_end,
    .due = label_due, .retries = label_retries, .body = label_body,
    .cost = label_cost,
    .commit = label_commit, .late = label_late, .used = label_used, .settle = label_settle, .quarantine = label_quarantine,
    .before_write = label_before_write, .after_write = label_after_write
};

// The dense numbers of the pool's rules, and the way back.
static status_t number_rules (label_kind_t *self, fault_t *fault)
{
    const rulepool_t *pool = self->options.pool;
    self->rule_number = mem_zero (pool->count, sizeof *self->rule_number);
    for (size_t i = 0; i < pool->count; i++) {
        status_t status = record_number_of (self->options.store, 'R', &pool->rules [i].digest, &self->rule_number [i], fault);
        if (status != OK)
            return status;
        if (self->rule_number [i] >= self->rule_index_n)
            self->rule_index_n = self->rule_number [i] + 1;
    }
    self->rule_index = mem_new (self->rule_index_n * sizeof *self->rule_index);
    memset (self->rule_index, 0xFF, self->rule_index_n * sizeof *self->rule_index);
    for (size_t i = 0; i < pool->count; i++)
        self->rule_index [self->rule_number [i]] = (int32_t) i;
    return OK;
}

// The judges' numbers of all layers. What its cells are kept under has a number from the run's beginning.
static status_t number_layers (label_kind_t *self, fault_t *fault)
{
    const Rulemill__RunSpec *spec = self->options.run->spec;
    size_t repeats = self->options.repeat_share > 0 ? self->options.repeats : 0;
    self->members = spec->n_panel ? spec->n_panel : 1;
    self->layers = self->members * (1 + repeats);
    self->layer_judge = mem_zero (self->layers, sizeof *self->layer_judge);
    self->layer_judge [0] = self->options.run->judge;
    status_t status = OK;
    for (size_t layer = spec->n_panel ? 0 : 1; layer < self->layers && status == OK; layer++) {
        digest_t judge = run_judge (spec, layer % self->members, (unsigned) (layer / self->members));
        status = record_number_of (self->options.store, 'J', &judge, &self->layer_judge [layer], fault);
    }
    return status;
}

// What a probe told of the servers' own templates; the rest borrows from the options.
static status_t describe_judges (label_kind_t *self, fault_t *fault)
{
    status_t status = OK;
    for (size_t m = 0; m < self->options.n_judges && status == OK; m++) {
        const digest_t identity = run_judge (self->options.run->spec, m, 0);
        Rulemill__ProbeRecord *probe = NULL;
        self->judge [m] = *self->options.judges [m];
        self->judges [m] = &self->judge [m];
        status = record_get_probe (self->options.store, &identity, &probe, fault);
        if (status == OK && probe)
            self->judge [m].template_tokens = probe->prompt_tokens;
        rulemill__probe_record__free_unpacked (probe, NULL);
    }
    return status;
}

static status_t read_counts (label_kind_t *self, fault_t *fault)
{
    Rulemill__RunCounts *counts = NULL;
    status_t status = record_get_counts (self->options.store, self->run, &counts, fault);
    rulemill__run_counts__init (&self->counts);
    if (counts) {
        self->counts = *counts;
        rulemill__run_counts__free_unpacked (counts, NULL);
    }
    self->written = self->counts;
    return status;
}

// Of a token; a panel's judges are asked equally often.
static prices_t mean_prices (const kind_label_options_t *options)
{
    prices_t sum = { 0 };
    uint64_t n = options->n_judges > 0 ? options->n_judges : 1;
    for (size_t i = 0; i < options->n_judges; i++) {
        sum.prompt = sum_u64 (sum.prompt, options->judges [i]->price_prompt);
        sum.cached = sum_u64 (sum.cached, options->judges [i]->price_cached);
        sum.completion = sum_u64 (sum.completion, options->judges [i]->price_completion);
    }
    return (prices_t) { sum.prompt / n, sum.cached / n, sum.completion / n };
}

static status_t open_auto (label_kind_t *self, fault_t *fault)
{
    const kind_label_options_t *o = &self->options;
    const auto_run_options_t options = {
        .store = o->store, .run = o->run, .program = o->program, .dir = o->dir, .dry = o->dry, .rules = (uint32_t) o->pool->count,
        .judges = (uint32_t) self->members, .prices = mean_prices (o),
        .any_retry = any_retry, .ctx = self
    };
    return auto_run_open (&options, &self->auto_run, fault);
}

status_t kind_label_new (const kind_label_options_t *options, kind_t **out, fault_t *fault)
{
    label_kind_t *self = mem_zero (1, sizeof *self);
    self->options = *options;
    self->run = options->run->number;
    self->class = label_class;
    bool over_http = options->n_judges > 0 || options->served_adapter;
    self->class.lease_min = over_http ? WAITING_PAIRS : 0;
    self->class.shares = over_http;
    self->class.second_copies = options->second_copies && !options->stored_cells;
    self->kind.class = &self->class;
    self->threshold = UINT64_MAX;
    self->has_excluded = options->run->excluded_prompts > 0;
    *out = &self->kind;
    status_t status = number_rules (self, fault);
    if (status == OK)
        status = number_layers (self, fault);
    if (status == OK)
        status = describe_judges (self, fault);
    if (status == OK)
        status = read_counts (self, fault);
    if (status == OK)
        status = label_limit_open (self, fault);
    if (status == OK)
        status = label_need_open (self, fault);
    if (status == OK && strcmp (options->run->spec->policy, "auto") == 0)
        status = open_auto (self, fault);
    if (status != OK)
        kind_label_destroy (out);
    return status;
}

void kind_label_destroy (kind_t **kind)
{
    label_kind_t *self = (label_kind_t *) *kind;
    if (self == NULL)
        return;
    label_after_write (*kind);
    label_need_close (self);
    free (self->rule_number);
    free (self->rule_index);
    free (self->layer_judge);
    auto_run_close (&self->auto_run);
    free (self);
    *kind = NULL;
}

const Rulemill__RunCounts *kind_label_counts (const kind_t *kind)
{
    return &((const label_kind_t *) kind)->written;
}
