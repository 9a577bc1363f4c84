#include "storage/ingest_drop.h"

#include "base/log.h"

static store_iter_t *walk_input (store_t *store, store_table_t table, uint32_t input)
{
    buf_t prefix = { 0 };
    if (table == TABLE_INDEX)
        buf_add_char (&prefix, 'N');    // as storage/records.h has names of rows that were passed over
    buf_add_u32be (&prefix, input);
    store_iter_t *iter = store_iter_new (store, table, prefix.data, prefix.len, NULL, 0);
    buf_free (&prefix);
    return iter;
}

static status_t gave_rows (store_t *store, const Rulemill__CorpusState *state, uint32_t input, bool *any, fault_t *fault)
{
    const Rulemill__InputFile *file = state->inputs [input];
    store_iter_t *iter = walk_input (store, TABLE_ROWS, input);
    *any = store_iter_valid (iter) || file->passed > file->passed_unusable;
    status_t status = store_iter_status (iter, fault);
    store_iter_destroy (&iter);
    return status;
}

// Every row of such an input stands among the rejects, once, or was passed over.
static status_t forget (store_t *store, store_batch_t *batch, store_table_t table, uint32_t input, uint64_t *records, fault_t *fault)
{
    store_iter_t *iter = walk_input (store, table, input);
    for (*records = 0; store_iter_valid (iter); store_iter_next (iter), ++*records) {
        size_t len;
        const uint8_t *key = store_iter_key (iter, &len);
        store_batch_delete (batch, table, key, len);
    }
    status_t status = store_iter_status (iter, fault);
    store_iter_destroy (&iter);
    return status;
}

static void take_back (Rulemill__CorpusState *state, uint64_t rows)
{
    Rulemill__InputFile *file = state->inputs [--state->n_inputs];
    log_info ("%s is taken back: none of its rows could be used, and it is no longer given", file->path);
    rulemill__input_file__free_unpacked (file, NULL);
    state->rows_read -= rows < state->rows_read ? rows : state->rows_read;
    state->rows_rejected -= rows < state->rows_rejected ? rows : state->rows_rejected;
    if (state->input >= state->n_inputs) {
        state->input = (uint32_t) state->n_inputs;
        state->row = 1;
        state->offset = 0;
    }
}

static status_t drop_last (store_t *store, Rulemill__CorpusState *state, fault_t *fault)
{
    store_batch_t *batch = store_batch_new (store);
    uint64_t rows, names;
    uint32_t last = (uint32_t) state->n_inputs - 1;
    status_t status = forget (store, batch, TABLE_REJECTS, last, &rows, fault);
    if (status == OK)
        status = forget (store, batch, TABLE_INDEX, last, &names, fault);
    if (status == OK) {
        take_back (state, rows);
        record_put_corpus (batch, state);
        status = store_commit (store, batch, fault);
    }
    store_batch_destroy (&batch);
    return status;
}

status_t ingest_drop_barren (store_t *store, Rulemill__CorpusState *state, size_t n, fault_t *fault)
{
    while (state->n_inputs > n && n > 0) {
        bool any;
        status_t status = gave_rows (store, state, (uint32_t) state->n_inputs - 1, &any, fault);
        if (status != OK || any)
            return status;
        status = drop_last (store, state, fault);
        if (status != OK)
            return status;
    }
    return OK;
}
