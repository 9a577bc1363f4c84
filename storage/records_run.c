// Runs: their specification, phases, counts, labels and excluded prompts.
#include <assert.h>

#include "storage/records_impl.h"

static record_key_t run_key (const char *word, uint32_t run)
{
    record_key_t key = { .len = 0 };
    key_add_text (&key, word);
    key_add_u32 (&key, run);
    return key;
}

static record_key_t digest_key (const char *word, const uint8_t *digest)
{
    record_key_t key = { .len = 0 };
    key_add_text (&key, word);
    key_add (&key, digest, DIGEST_BYTES);
    return key;
}

static record_key_t phase_key (uint32_t run, const char *name)
{
    record_key_t key = run_key ("phase", run);
    assert (strlen (name) <= RECORD_NAME_MAX);
    key_add_text (&key, name);
    return key;
}

static record_key_t label_key (uint8_t kind, uint32_t run, uint64_t number)
{
    record_key_t key = { .len = 0 };
    key_add_u8 (&key, kind);
    key_add_u32 (&key, run);
    key_add_u64 (&key, number);
    return key;
}

static record_key_t last_key (void)
{
    record_key_t key = { .len = 0 };
    key_add_text (&key, "lastrun");
    return key;
}

static status_t get_number (store_t *store, const record_key_t *key, uint32_t *number, bool *found, fault_t *fault)
{
    uint8_t value [4];
    status_t status = record_get_fixed (store, TABLE_META, key, value, sizeof value, found, fault);
    if (status == OK && *found)
        *number = key_u32 (value);
    return status;
}

static void put_number (store_batch_t *batch, const record_key_t *key, uint32_t number)
{
    record_key_t value = { .len = 0 };
    key_add_u32 (&value, number);
    record_put_bytes (batch, TABLE_META, key, value.bytes, value.len);
}

status_t record_get_run (store_t *store, uint32_t run, Rulemill__RunRecord **out, fault_t *fault)
{
    record_key_t key = run_key ("run", run);
    return record_get (store, TABLE_META, &key, &rulemill__run_record__descriptor, out, fault);
}

status_t record_find_run (store_t *store, const digest_t *digest, uint32_t *run, bool *found, fault_t *fault)
{
    record_key_t key = digest_key ("runid", digest->b);
    return get_number (store, &key, run, found, fault);
}

status_t record_last_run (store_t *store, uint32_t *run, bool *found, fault_t *fault)
{
    record_key_t key = last_key ();
    return get_number (store, &key, run, found, fault);
}

void record_put_run (store_batch_t *batch, const Rulemill__RunRecord *record)
{
    assert (record->digest.len == DIGEST_BYTES);
    record_key_t key = run_key ("run", record->number), id = digest_key ("runid", record->digest.data);
    record_put (batch, TABLE_META, &key, &record->base);
    put_number (batch, &id, record->number);
}

void record_put_last_run (store_batch_t *batch, uint32_t run)
{
    record_key_t key = last_key ();
    put_number (batch, &key, run);
}

status_t record_get_phase (store_t *store, uint32_t run, const char *name, Rulemill__PhaseRecord **out, fault_t *fault)
{
    record_key_t key = phase_key (run, name);
    return record_get (store, TABLE_META, &key, &rulemill__phase_record__descriptor, out, fault);
}

void record_put_phase (store_batch_t *batch, uint32_t run, const Rulemill__PhaseRecord *record)
{
    record_key_t key = phase_key (run, record->name);
    record_put (batch, TABLE_META, &key, &record->base);
}

// Where none were written yet, a message of zeroes, which unpacking no bytes gives.
status_t record_get_counts (store_t *store, uint32_t run, Rulemill__RunCounts **out, fault_t *fault)
{
    record_key_t key = run_key ("counts", run);
    status_t status = record_get (store, TABLE_META, &key, &rulemill__run_counts__descriptor, out, fault);
    if (status == OK && *out == NULL)
        *out = rulemill__run_counts__unpack (NULL, 0, (const uint8_t *) "");
    return status;
}

void record_put_counts (store_batch_t *batch, uint32_t run, const Rulemill__RunCounts *record)
{
    record_key_t key = run_key ("counts", run);
    record_put (batch, TABLE_META, &key, &record->base);
}

status_t record_get_probe (store_t *store, const digest_t *judge, Rulemill__ProbeRecord **out, fault_t *fault)
{
    record_key_t key = digest_key ("probe", judge->b);
    return record_get (store, TABLE_META, &key, &rulemill__probe_record__descriptor, out, fault);
}

void record_put_probe (store_batch_t *batch, const digest_t *judge, const Rulemill__ProbeRecord *record)
{
    record_key_t key = digest_key ("probe", judge->b);
    record_put (batch, TABLE_META, &key, &record->base);
}

status_t record_get_auto (store_t *store, uint32_t run, Rulemill__AutoRecord **out, fault_t *fault)
{
    record_key_t key = run_key ("auto", run);
    return record_get (store, TABLE_META, &key, &rulemill__auto_record__descriptor, out, fault);
}

void record_put_auto (store_batch_t *batch, uint32_t run, const Rulemill__AutoRecord *record)
{
    record_key_t key = run_key ("auto", run);
    record_put (batch, TABLE_META, &key, &record->base);
}

status_t record_get_limit (store_t *store, uint32_t run, Rulemill__LimitRecord **out, fault_t *fault)
{
    record_key_t key = run_key ("limit", run);
    return record_get (store, TABLE_META, &key, &rulemill__limit_record__descriptor, out, fault);
}

void record_put_limit (store_batch_t *batch, uint32_t run, const Rulemill__LimitRecord *record)
{
    record_key_t key = run_key ("limit", run);
    record_put (batch, TABLE_META, &key, &record->base);
}

status_t record_get_label (store_t *store, uint32_t run, uint64_t pair, Rulemill__Label **out, fault_t *fault)
{
    record_key_t key = label_key ('L', run, pair);
    return record_get (store, TABLE_LABELS, &key, &rulemill__label__descriptor, out, fault);
}

status_t record_has_label (store_t *store, uint32_t run, uint64_t pair, bool *has, fault_t *fault)
{
    record_key_t key = label_key ('L', run, pair);
    return record_has (store, TABLE_LABELS, &key, has, fault);
}

void record_put_label (store_batch_t *batch, uint32_t run, uint64_t pair, const Rulemill__Label *label)
{
    record_key_t key = label_key ('L', run, pair);
    record_put (batch, TABLE_LABELS, &key, &label->base);
}

void record_delete_label (store_batch_t *batch, uint32_t run, uint64_t pair)
{
    record_key_t key = label_key ('L', run, pair);
    store_batch_delete (batch, TABLE_LABELS, key.bytes, key.len);
}

status_t record_get_audit (store_t *store, uint32_t run, uint64_t pair, Rulemill__Label **out, fault_t *fault)
{
    record_key_t key = label_key ('U', run, pair);
    return record_get (store, TABLE_LABELS, &key, &rulemill__label__descriptor, out, fault);
}

status_t record_has_audit (store_t *store, uint32_t run, uint64_t pair, bool *has, fault_t *fault)
{
    Rulemill__Label *audit = NULL;
    status_t status = record_get_audit (store, run, pair, &audit, fault);
    *has = audit && audit->outcome != RULEMILL__OUTCOME__OUTCOME_QUARANTINED;
    if (audit)
        rulemill__label__free_unpacked (audit, NULL);
    return status;
}

void record_put_audit (store_batch_t *batch, uint32_t run, uint64_t pair, const Rulemill__Label *label)
{
    record_key_t key = label_key ('U', run, pair);
    record_put (batch, TABLE_LABELS, &key, &label->base);
}

status_t record_get_foreseen (store_t *store, uint32_t run, uint64_t pair, Rulemill__Foreseen **out, fault_t *fault)
{
    record_key_t key = label_key ('F', run, pair);
    return record_get (store, TABLE_LABELS, &key, &rulemill__foreseen__descriptor, out, fault);
}

void record_put_foreseen (store_batch_t *batch, uint32_t run, uint64_t pair, const Rulemill__Foreseen *foreseen)
{
    record_key_t key = label_key ('F', run, pair);
    record_put (batch, TABLE_LABELS, &key, &foreseen->base);
}

void record_delete_foreseen (store_batch_t *batch, uint32_t run, uint64_t pair)
{
    record_key_t key = label_key ('F', run, pair);
    store_batch_delete (batch, TABLE_LABELS, key.bytes, key.len);
}

status_t record_is_excluded (store_t *store, uint32_t run, uint64_t prompt, bool *excluded, fault_t *fault)
{
    record_key_t key = label_key ('X', run, prompt);
    return record_has (store, TABLE_LABELS, &key, excluded, fault);
}

void record_put_excluded (store_batch_t *batch, uint32_t run, uint64_t prompt, const Rulemill__RejectRecord *why)
{
    record_key_t key = label_key ('X', run, prompt);
    record_put (batch, TABLE_LABELS, &key, &why->base);
}
