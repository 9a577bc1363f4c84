// Quarantined pairs that are taken up again.
#include "coordinator/kind_label_parts.h"

enum { RETRY_BATCH = 4096 };

void label_retry_key (uint32_t run, uint64_t pair, buf_t *key)
{
    buf_clear (key);
    buf_add_char (key, 'Q');
    buf_add_u32be (key, run);
    buf_add_u64be (key, pair);
}

status_t label_is_asked (label_kind_t *self, uint64_t item, uint64_t prompt, bool *asked, fault_t *fault)
{
    *asked = true;
    status_t status = label_prompts_differ (self) ? label_look_at_prompt (self, prompt, fault) : OK;
    if (status != OK || !label_prompts_differ (self) || self->prompt_due)
        return status;
    buf_t key = { 0 };
    label_retry_key (self->run, item, &key);
    status = store_get (self->options.store, TABLE_LABELS, key.data, key.len, NULL, asked, fault);
    buf_free (&key);
    return status;
}

// Forget up to RETRY_BATCH quarantined labels from *from on; *from moves on, *done says that there are no more.
static status_t retry_some (store_t *store, uint32_t run, Rulemill__RunCounts *counts, store_batch_t *batch, uint64_t *from, uint64_t *n, bool *done,
                            fault_t *fault)
{
    store_iter_t *labels = record_walk_labels (store, run, *from);
    buf_t key = { 0 };
    status_t status = OK;
    *n = 0;
    for (; *n < RETRY_BATCH && store_iter_valid (labels); store_iter_next (labels)) {
        uint64_t item = record_pair_at (labels);
        Rulemill__Label *label = record_read_label (labels, fault);
        if (label == NULL) {
            status = fault->code;
            break;
        }
        if (label->outcome == RULEMILL__OUTCOME__OUTCOME_QUARANTINED) {
            record_delete_label (batch, run, item);
            label_retry_key (run, item, &key);
            const uint8_t adapter = (uint8_t) label->adapter;
            store_batch_put (batch, TABLE_LABELS, key.data, key.len, &adapter, 1);
            (*n)++;
            counts->quarantined -= counts->quarantined > 0;
            counts->too_long -= label->too_long && counts->too_long > 0;
        }
        rulemill__label__free_unpacked (label, NULL);
        *from = item + 1;
    }
    *done = !store_iter_valid (labels);
    buf_free (&key);
    store_iter_destroy (&labels);
    return status;
}

status_t kind_label_retry (store_t *store, uint32_t run, Rulemill__RunCounts *counts, uint64_t *n, fault_t *fault)
{
    store_batch_t *batch = store_batch_new (store);
    status_t status = OK;
    uint64_t from = 0;
    bool done = false;
    *n = 0;
    while (status == OK && !done) {
        uint64_t some;
        status = retry_some (store, run, counts, batch, &from, &some, &done, fault);
        if (status == OK && some > 0) {
            record_put_counts (batch, run, counts);
            status = store_commit (store, batch, fault);
            *n += some;
        }
        store_batch_clear (batch);
    }
    store_batch_destroy (&batch);
    return status;
}

status_t kind_label_retry_now (kind_t *kind, uint64_t *n, fault_t *fault)
{
    label_kind_t *self = (label_kind_t *) kind;
    // The stored counts are those of the labels on disk; ours count results that are not there yet.
    Rulemill__RunCounts *stored = NULL;
    status_t status = record_get_counts (self->options.store, self->run, &stored, fault);
    if (status != OK)
        return status;
    uint64_t long_ones = stored->too_long;
    self->retrying = true;
    status = kind_label_retry (self->options.store, self->run, stored, n, fault);
    self->counts.quarantined -= *n < self->counts.quarantined ? *n : self->counts.quarantined;
    long_ones -= stored->too_long;
    self->counts.too_long -= long_ones < self->counts.too_long ? long_ones : self->counts.too_long;
    if (status == OK)
        self->written = *stored;
    rulemill__run_counts__free_unpacked (stored, NULL);
    return status;
}
