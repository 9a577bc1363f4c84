#include "coordinator/job_run.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "coordinator/budget.h"
#include "proto/wire.h"
#include "storage/run.h"

enum { EXCLUDE_FILES_MAX = 256, REPORT_NUMBERS = 23 };

// --- finding and registering -----------------------------------------------

static ProtobufCBinaryData bytes_of (const digest_t *digest)
{
    return (ProtobufCBinaryData) { DIGEST_BYTES, (uint8_t *) (uintptr_t) digest->b };
}

// The specification with the benchmark files' digests in it; lists borrow from excluded.
static Rulemill__RunSpec complete_spec (const job_options_t *options, const digest_t *digests, ProtobufCBinaryData *excluded)
{
    Rulemill__RunSpec spec = *options->spec;
    for (size_t i = 0; i < options->n_exclude; i++)
        excluded [i] = bytes_of (&digests [i]);
    spec.exclude = excluded;
    spec.n_exclude = options->n_exclude;
    return spec;
}

// The run that is asked for is none of the store's: show in what it differs from the last one. A tie margin that nobody gave is
// no difference.
static status_t refuse_other (store_t *store, Rulemill__RunSpec *spec, bool margin_open, fault_t *fault)
{
    Rulemill__RunRecord *last = NULL;
    status_t status = run_find (store, NULL, &last, fault);
    if (status != OK)
        return status;
    digest_t digest;
    memcpy (digest.b, last->digest.data, DIGEST_BYTES);
    char name [20];
    run_name (&digest, name);
    buf_t difference = { 0 };
    if (margin_open)
        spec->tie_margin = last->spec->tie_margin;
    run_difference (last->spec, "in the store", spec, "asked for", &difference);
    if (difference.len > 0)
        difference.data [--difference.len] = '\0';
    buf_t shown = { 0 };
    for (size_t i = 0; i < difference.len; i++)
        buf_add (&shown, difference.data [i] == '\n' ? "; " : &difference.data [i], difference.data [i] == '\n' ? 2 : 1);
    status = fault_set (fault, ERR_MISMATCH, "the store's last run, %s, is another one: %s -- leave these options out to go on with it, "
                        "or add --new-run to begin another run on the same corpus", name, shown.data ? shown.data : "");
    buf_free (&shown);
    buf_free (&difference);
    rulemill__run_record__free_unpacked (last, NULL);
    return status;
}

static uint32_t count_runs (store_t *store)
{
    uint32_t n = 0;
    store_iter_t *iter = record_walk_runs (store);
    for (; store_iter_valid (iter); store_iter_next (iter))
        n++;
    store_iter_destroy (&iter);
    return n;
}

// What probes have used before there was a run is the first run's that is begun then, and of its budget.
static status_t take_in_probes (store_t *store, store_batch_t *batch, uint32_t run, fault_t *fault)
{
    Rulemill__RunCounts *probes = NULL;
    status_t status = record_get_counts (store, 0, &probes, fault);
    if (status != OK || probes->calls == 0) {
        rulemill__run_counts__free_unpacked (probes, NULL);
        return status;
    }
    const Rulemill__RunCounts none = RULEMILL__RUN_COUNTS__INIT;
    budget_t budget = { .store = store, .run = run }, of_probes = { .store = store, .run = 0 };
    status = budget_read (store, 0, &budget.spent, fault);
    record_put_counts (batch, run, probes);
    record_put_counts (batch, 0, &none);
    budget_put (&budget, batch);
    budget_put (&of_probes, batch);
    rulemill__run_counts__free_unpacked (probes, NULL);
    return status;
}

// A run's record; borrows from options, spec and digest.
static status_t describe (store_t *store, const job_options_t *options, Rulemill__RunSpec *spec, const digest_t *digest,
                          Rulemill__RunRecord *record, fault_t *fault)
{
    digest_t judge = { { 0 } };
    if (spec->judge_identity.len == DIGEST_BYTES)
        memcpy (judge.b, spec->judge_identity.data, DIGEST_BYTES);
    rulemill__run_record__init (record);
    record->digest = bytes_of (digest);
    record->spec = spec;
    record->pool_blob = bytes_of (&options->pool->blob_digest);
    record->config = (char *) (uintptr_t) (options->config ? options->config : "");
    record->created_s = clock_wall_s ();
    return record_number_of (store, 'J', &judge, &record->judge, fault);
}

static status_t begin (store_t *store, const job_options_t *options, Rulemill__RunSpec *spec, uint32_t *number, void *ctx, fault_t *fault)
{
    (void) ctx;
    const digest_t digest = run_digest (spec);
    Rulemill__RunRecord record;
    status_t status = describe (store, options, spec, &digest, &record, fault);
    if (status != OK)
        return status;
    *number = record.number = count_runs (store) + 1;
    store_batch_t *batch = store_batch_new (store);
    record_put_blob (batch, &options->pool->blob_digest, options->pool_yaml, options->pool_yaml_len);
    if (options->adapter && spec->adapter.len == DIGEST_BYTES) {
        digest_t adapter;
        memcpy (adapter.b, spec->adapter.data, DIGEST_BYTES);
        record_put_blob (batch, &adapter, options->adapter, options->adapter_len);
    }
    record_put_run (batch, &record);
    if (options->n_judges > 0)
        status = take_in_probes (store, batch, *number, fault);
    if (status == OK)
        status = store_commit (store, batch, fault);
    store_batch_destroy (&batch);
    return status;
}

// The run that is spec but for its tie margin, which spec takes over: the last one, or the latest that was begun. 0: there is none.
static status_t adopt_margin (store_t *store, Rulemill__RunSpec *spec, uint32_t *number, fault_t *fault)
{
    uint32_t last, margin = spec->tie_margin;
    bool found;
    status_t status = record_last_run (store, &last, &found, fault);
    store_iter_t *iter = record_walk_runs (store);
    for (; store_iter_valid (iter) && status == OK; store_iter_next (iter)) {
        Rulemill__RunRecord *run = record_read_run (iter, fault);
        if (run == NULL || run->spec == NULL) {
            status = run ? fault_set (fault, ERR_CORRUPT, "run %" PRIu32 " has no specification", run->number) : ERR_CORRUPT;
            rulemill__run_record__free_unpacked (run, NULL);
            break;
        }
        spec->tie_margin = run->spec->tie_margin;
        digest_t digest = run_digest (spec);
        if (memcmp (digest.b, run->digest.data, DIGEST_BYTES) == 0 && (*number == 0 || *number != last)) {
            *number = run->number;
            margin = run->spec->tie_margin;
        }
        rulemill__run_record__free_unpacked (run, NULL);
    }
    spec->tie_margin = margin;
    store_iter_destroy (&iter);
    return status;
}

static status_t find_last (store_t *store, const job_options_t *options, uint32_t *number, fault_t *fault)
{
    bool found;
    status_t status = record_last_run (store, number, &found, fault);
    if (status == OK && !found)
        return fault_set (fault, ERR_NOT_FOUND, "%s has no run to go on with; name a judge or a policy to begin one", options->dir);
    return status;
}

static status_t find_same (store_t *store, const Rulemill__RunSpec *spec, uint32_t *number, fault_t *fault)
{
    digest_t digest = run_digest (spec);
    bool found;
    status_t status = record_find_run (store, &digest, number, &found, fault);
    if (status == OK && !found)
        *number = 0;
    return status;
}

static status_t find (store_t *store, const job_options_t *options, Rulemill__RunSpec *spec, uint32_t *number, void *ctx, fault_t *fault)
{
    (void) ctx;
    status_t status = options->margin_open ? adopt_margin (store, spec, number, fault) : find_same (store, spec, number, fault);
    if (status != OK || *number != 0)
        return status;
    bool found;
    uint32_t last;
    status = record_last_run (store, &last, &found, fault);
    return status == OK && found && !options->new_run ? refuse_other (store, spec, options->margin_open, fault) : status;
}

typedef status_t with_spec_fn (store_t *store, const job_options_t *options, Rulemill__RunSpec *spec, uint32_t *number, void *ctx, fault_t *fault);

// Digests of the benchmark files: of one that is gone that of the last run's file at the same place.
static status_t recall_digests (store_t *store, const job_options_t *options, digest_t *digests, fault_t *fault)
{
    Rulemill__RunRecord *last = NULL;
    status_t status = run_find (store, NULL, &last, fault);
    if (status != OK)
        return status;
    const Rulemill__RunSpec *spec = last->spec;
    for (size_t i = 0; status == OK && i < options->n_exclude; i++)
        if (digest_of_file (options->exclude [i], &digests [i]))
            continue;
        else if (spec->n_exclude == options->n_exclude && spec->exclude [i].len == DIGEST_BYTES)
            memcpy (digests [i].b, spec->exclude [i].data, DIGEST_BYTES);
        else
            status = fault_set (fault, ERR_NOT_FOUND, "%s can't be read, and the last run excludes other files", options->exclude [i]);
    rulemill__run_record__free_unpacked (last, NULL);
    return status;
}

static status_t with_spec (store_t *store, const job_options_t *options, const exclude_t *exclude, with_spec_fn *act, uint32_t *number,
                           void *ctx, fault_t *fault)
{
    if (options->n_exclude > EXCLUDE_FILES_MAX)
        return fault_set (fault, ERR_LIMIT, "%zu benchmark files are given, %d are possible; join some", options->n_exclude, EXCLUDE_FILES_MAX);
    digest_t digests [EXCLUDE_FILES_MAX];
    for (size_t i = 0; exclude && i < options->n_exclude; i++)
        digests [i] = exclude_file_digest (exclude, i);
    status_t status = exclude || options->n_exclude == 0 ? OK : recall_digests (store, options, digests, fault);
    if (status != OK)
        return status;
    ProtobufCBinaryData excluded [EXCLUDE_FILES_MAX];
    Rulemill__RunSpec spec = complete_spec (options, digests, excluded);
    return act (store, options, &spec, number, ctx, fault);
}

status_t job_run_find (store_t *store, const job_options_t *options, const exclude_t *exclude, uint32_t *number, fault_t *fault)
{
    *number = 0;
    if (options->spec == NULL)
        return find_last (store, options, number, fault);
    return with_spec (store, options, exclude, find, number, NULL, fault);
}

static status_t make_last (store_t *store, uint32_t number, fault_t *fault)
{
    store_batch_t *batch = store_batch_new (store);
    record_put_last_run (batch, number);
    status_t status = store_commit (store, batch, fault);
    store_batch_destroy (&batch);
    return status;
}

static status_t load_pool (store_t *store, job_run_t *run, fault_t *fault)
{
    digest_t digest;
    bool found = false;
    buf_t yaml = { 0 };
    status_t status = OK;
    if (run->record->pool_blob.len == DIGEST_BYTES) {
        memcpy (digest.b, run->record->pool_blob.data, DIGEST_BYTES);
        status = record_get_blob (store, &digest, &yaml, &found, fault);
    }
    if (status == OK && !found)
        status = fault_set (fault, ERR_CORRUPT, "the rule pool of the run is missing from the store; restore it from a backup");
    if (status == OK)
        status = rulepool_parse ("the run's rule pool", yaml.data, yaml.len, &run->pool, fault);
    buf_free (&yaml);
    return status;
}

status_t job_run_open (store_t *store, const job_options_t *options, const exclude_t *exclude, uint32_t number, job_run_t *out,
                       fault_t *fault)
{
    *out = (job_run_t) { 0 };
    status_t status = OK;
    if (number == 0)
        status = with_spec (store, options, exclude, begin, &number, NULL, fault);
    if (status == OK)
        status = make_last (store, number, fault);
    if (status == OK)
        status = record_get_run (store, number, &out->record, fault);
    if (status == OK && out->record == NULL)
        status = fault_set (fault, ERR_CORRUPT, "run %u is missing from the store; restore it from a backup", (unsigned) number);
    if (status == OK)
        status = load_pool (store, out, fault);
    if (status != OK)
        job_run_close (out);
    return status;
}

enum { DRAFT = UINT32_MAX };            // more runs than any store has

// A copy of what would be registered.
static status_t draft (store_t *store, const job_options_t *options, Rulemill__RunSpec *spec, uint32_t *number, void *ctx, fault_t *fault)
{
    Rulemill__RunRecord **out = ctx, record;
    const digest_t digest = run_digest (spec);
    status_t status = describe (store, options, spec, &digest, &record, fault);
    if (status != OK)
        return status;
    *number = record.number = DRAFT;
    buf_t packed = { 0 };
    wire_pack (&record.base, &packed);
    *out = rulemill__run_record__unpack (NULL, packed.len, (const uint8_t *) packed.data);
    buf_free (&packed);
    return *out ? OK : fault_set (fault, ERR_USAGE, "the run can't be described");
}

status_t job_run_draft (store_t *store, const job_options_t *options, const exclude_t *exclude, uint32_t number, job_run_t *out,
                        fault_t *fault)
{
    *out = (job_run_t) { 0 };
    status_t status;
    if (number == 0) {
        status = with_spec (store, options, exclude, draft, &number, &out->record, fault);
        if (status == OK)
            status = rulepool_parse ("the rule pool", options->pool_yaml, options->pool_yaml_len, &out->pool, fault);
    } else {
        status = record_get_run (store, number, &out->record, fault);
        if (status == OK && out->record == NULL)
            status = fault_set (fault, ERR_CORRUPT, "run %u is missing from the store; restore it from a backup", (unsigned) number);
        if (status == OK)
            status = load_pool (store, out, fault);
    }
    if (status != OK)
        job_run_close (out);
    return status;
}

status_t job_run_named (store_t *store, const char *name, job_run_t *out, fault_t *fault)
{
    *out = (job_run_t) { 0 };
    status_t status = run_find (store, name, &out->record, fault);
    if (status == OK)
        status = load_pool (store, out, fault);
    if (status != OK)
        job_run_close (out);
    return status;
}

void job_run_close (job_run_t *run)
{
    if (run->record)
        rulemill__run_record__free_unpacked (run->record, NULL);
    rulepool_destroy (&run->pool);
    *run = (job_run_t) { 0 };
}

void job_run_rules (const job_run_t *run, dataset_rule_t **rules, digest_t **digests)
{
    size_t n = run->pool->count;
    *rules = mem_zero (n, sizeof **rules);
    *digests = mem_zero (n, sizeof **digests);
    for (size_t i = 0; i < n; i++) {
        const rule_t *rule = &run->pool->rules [i];
        (*rules) [i] = (dataset_rule_t) { .id = rule->id, .text = rule->text, .category = rule->category, .polarity = rule->polarity };
        (*digests) [i] = rule->digest;
    }
}

// --- is there anything to export? ------------------------------------------

static void add_text (hasher_t *hasher, const char *text)
{
    hasher_add_u64 (hasher, text ? strlen (text) : 0);
    if (text)
        hasher_add (hasher, text, strlen (text));
}

digest_t job_export_digest (const dataset_options_t *options, const Rulemill__RunCounts *counts, const Rulemill__CorpusState *corpus)
{
    hasher_t *hasher = hasher_new ();
    hasher_add_u64 (hasher, options->format);
    hasher_add_u64 (hasher, options->zstd);
    hasher_add (hasher, &options->validation_share, sizeof options->validation_share);
    hasher_add_u64 (hasher, (uint64_t) options->min_margin);
    hasher_add_u64 (hasher, options->max_per_prompt);
    for (size_t i = 0; i < options->n_where; i++)
        add_text (hasher, options->where [i]);
    hasher_add_u64 (hasher, (uint64_t) options->responses << 1 | options->cells);
    add_text (hasher, options->sign_key);
    buf_t packed = { 0 };
    buf_reserve (&packed, rulemill__run_counts__get_packed_size (counts));
    packed.len = rulemill__run_counts__pack (counts, (uint8_t *) packed.data);
    hasher_add (hasher, packed.data, packed.len);
    buf_free (&packed);
    const uint64_t numbers [] = { corpus->pairs, corpus->rows_read, corpus->rows_rejected, corpus->duplicates };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        hasher_add_u64 (hasher, numbers [i]);
    return hasher_end (&hasher);
}

// The numbers of a report in a fixed order.
static void numbers_of (dataset_report_t *report, uint64_t *numbers [REPORT_NUMBERS])
{
    uint64_t *all [REPORT_NUMBERS] = {
        &report->train, &report->validation, &report->ties, &report->duplicates, &report->quarantined, &report->excluded,
        &report->filtered, &report->longer, &report->shorter, &report->votes_agree, &report->votes_disagree, &report->votes_split,
        &report->votes_tied, &report->given_longer, &report->given_shorter, &report->agree_worth, &report->longer_worth, &report->tie_identical, &report->tie_no_rule, &report->tie_margin,
        &report->by_adapter, &report->cells_all, &report->cells_selected
    };
    memcpy (numbers, all, sizeof all);
}

static void export_key (uint32_t run, buf_t *key)
{
    buf_add_str (key, "export");
    buf_add_u32be (key, run);
}

status_t job_export_known (store_t *store, uint32_t run, const digest_t *digest, dataset_report_t *report, bool *known, fault_t *fault)
{
    buf_t key = { 0 }, value = { 0 };
    export_key (run, &key);
    bool found;
    status_t status = store_get (store, TABLE_META, key.data, key.len, &value, &found, fault);
    *known = status == OK && found && value.len == DIGEST_BYTES + 8 * REPORT_NUMBERS && memcmp (value.data, digest->b, DIGEST_BYTES) == 0;
    if (*known) {
        uint64_t *numbers [REPORT_NUMBERS];
        numbers_of (report, numbers);
        const uint8_t *p = (const uint8_t *) value.data + DIGEST_BYTES;
        for (size_t i = 0; i < REPORT_NUMBERS; i++) {
            uint64_t n = 0;
            for (int b = 0; b < 8; b++)
                n = n << 8 | *p++;
            *numbers [i] = n;
        }
    }
    buf_free (&key);
    buf_free (&value);
    return status;
}

status_t job_export_remember (store_t *store, uint32_t run, const digest_t *digest, const dataset_report_t *report, fault_t *fault)
{
    buf_t key = { 0 }, value = { 0 };
    export_key (run, &key);
    buf_add (&value, digest->b, DIGEST_BYTES);
    dataset_report_t copy = *report;
    uint64_t *numbers [REPORT_NUMBERS];
    numbers_of (&copy, numbers);
    for (size_t i = 0; i < REPORT_NUMBERS; i++)
        buf_add_u64be (&value, *numbers [i]);
    store_batch_t *batch = store_batch_new (store);
    store_batch_put (batch, TABLE_META, key.data, key.len, value.data, value.len);
    status_t status = store_commit (store, batch, fault);
    store_batch_destroy (&batch);
    buf_free (&key);
    buf_free (&value);
    return status;
}
