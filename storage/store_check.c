#include "storage/store_check.h"

#include "storage/dataset_walk.h"

static status_t read_table (store_t *store, store_table_t table, store_check_t *out, fault_t *fault)
{
    store_iter_t *iter = store_iter_new (store, table, "", 0, NULL, 0);
    for (; store_iter_valid (iter); store_iter_next (iter)) {
        size_t key_len, value_len;
        (void) store_iter_key (iter, &key_len);
        (void) store_iter_value (iter, &value_len);
        out->records++;
        out->bytes += key_len + value_len;
    }
    status_t status = store_iter_status (iter, fault);
    store_iter_destroy (&iter);
    return status;
}

// The walk itself unpacks a duplicate's records.
static status_t on_duplicate (void *ctx, const dataset_item_t *pair, place_t place, const Rulemill__RowRecord *row,
                              const Rulemill__DuplicateRecord *duplicate, fault_t *fault)
{
    (void) ctx, (void) pair, (void) place, (void) row, (void) duplicate, (void) fault;
    return OK;
}

static status_t read_pairs (store_t *store, const Rulemill__RunRecord *run, store_check_t *out, fault_t *fault)
{
    dataset_walk_t *walk = dataset_walk_new (store, run, 0, WALK_ALL_TEXTS, on_duplicate, NULL);
    const dataset_item_t *item;
    status_t status;
    while ((status = dataset_walk_next (walk, &item, fault)) == OK && item) {
        out->pairs++;
        out->labels += item->label != NULL;
    }
    dataset_walk_destroy (&walk);
    return status;
}

static status_t read_rejects (store_t *store, fault_t *fault)
{
    store_iter_t *iter = record_walk_rejects (store);
    status_t status = OK;
    for (; status == OK && store_iter_valid (iter); store_iter_next (iter)) {
        Rulemill__RejectRecord *reject = record_read_reject (iter, fault);
        if (reject == NULL)
            status = ERR_CORRUPT;
        else
            rulemill__reject_record__free_unpacked (reject, NULL);
    }
    if (status == OK)
        status = store_iter_status (iter, fault);
    store_iter_destroy (&iter);
    return status;
}

status_t store_check (store_t *store, const Rulemill__RunRecord *run, store_check_t *out, fault_t *fault)
{
    *out = (store_check_t) { 0 };
    status_t status = OK;
    for (int table = 0; status == OK && table < TABLE_COUNT; table++)
        status = read_table (store, (store_table_t) table, out, fault);
    if (status == OK)
        status = read_rejects (store, fault);
    if (status == OK && run)
        status = read_pairs (store, run, out, fault);
    return status;
}
