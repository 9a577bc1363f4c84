// Cells, blobs, and the dense numbers of judges and rules.
#include <assert.h>

#include "storage/records_impl.h"

static record_key_t cells_key (uint64_t response, uint32_t judge)
{
    record_key_t key = { .len = 0 };
    key_add_u8 (&key, 'R');
    key_add_u64 (&key, response);
    key_add_u32 (&key, judge);
    return key;
}

static record_key_t pair_cells_key (uint64_t pair, uint32_t judge, int side)
{
    assert (side == 1 || side == 2);
    record_key_t key = { .len = 0 };
    key_add_u8 (&key, 'A');
    key_add_u64 (&key, pair);
    key_add_u32 (&key, judge);
    key_add_u8 (&key, (uint8_t) side);
    return key;
}

status_t record_get_cells (store_t *store, uint64_t response, uint32_t judge, Rulemill__Cells **out, fault_t *fault)
{
    record_key_t key = cells_key (response, judge);
    return record_get (store, TABLE_CELLS, &key, &rulemill__cells__descriptor, out, fault);
}

status_t record_get_pair_cells (store_t *store, uint64_t pair, uint32_t judge, int side, Rulemill__Cells **out, fault_t *fault)
{
    record_key_t key = pair_cells_key (pair, judge, side);
    return record_get (store, TABLE_CELLS, &key, &rulemill__cells__descriptor, out, fault);
}

void record_put_cells (store_batch_t *batch, uint64_t response, uint32_t judge, const Rulemill__Cells *cells)
{
    record_key_t key = cells_key (response, judge);
    record_put (batch, TABLE_CELLS, &key, &cells->base);
}

void record_put_pair_cells (store_batch_t *batch, uint64_t pair, uint32_t judge, int side, const Rulemill__Cells *cells)
{
    record_key_t key = pair_cells_key (pair, judge, side);
    record_put (batch, TABLE_CELLS, &key, &cells->base);
}

// --- blobs ---

static record_key_t digest_key (const char *word, const digest_t *digest)
{
    record_key_t key = { .len = 0 };
    key_add_text (&key, word);
    key_add (&key, digest->b, DIGEST_BYTES);
    return key;
}

status_t record_get_blob (store_t *store, const digest_t *digest, buf_t *out, bool *found, fault_t *fault)
{
    record_key_t key = digest_key ("blob", digest);
    return store_get (store, TABLE_META, key.bytes, key.len, out, found, fault);
}

void record_put_blob (store_batch_t *batch, const digest_t *digest, const void *bytes, size_t len)
{
    record_key_t key = digest_key ("blob", digest);
    record_put_bytes (batch, TABLE_META, &key, bytes, len);
}

status_t record_get_scores (store_t *store, const digest_t *identity, buf_t *out, bool *found, fault_t *fault)
{
    record_key_t key = digest_key ("scores", identity);
    return store_get (store, TABLE_META, key.bytes, key.len, out, found, fault);
}

void record_put_scores (store_batch_t *batch, const digest_t *identity, const void *bytes, size_t len)
{
    record_key_t key = digest_key ("scores", identity);
    record_put_bytes (batch, TABLE_META, &key, bytes, len);
}

// --- dense numbers ---

static record_key_t name_key (char kind, const digest_t *digest)
{
    record_key_t key = { .len = 0 };
    key_add_text (&key, "name");
    key_add_u8 (&key, (uint8_t) kind);
    key_add (&key, digest->b, DIGEST_BYTES);
    return key;
}

static record_key_t number_key (char kind, uint32_t number)
{
    record_key_t key = { .len = 0 };
    key_add_text (&key, "number");
    key_add_u8 (&key, (uint8_t) kind);
    key_add_u32 (&key, number);
    return key;
}

static record_key_t next_key (char kind)
{
    record_key_t key = { .len = 0 };
    key_add_text (&key, "next");
    key_add_u8 (&key, (uint8_t) kind);
    return key;
}

static status_t give_number (store_t *store, char kind, const digest_t *digest, uint32_t *number, fault_t *fault)
{
    record_key_t next = next_key (kind);
    uint8_t value [4];
    bool found;
    status_t status = record_get_fixed (store, TABLE_META, &next, value, sizeof value, &found, fault);
    if (status)
        return status;
    *number = found ? key_u32 (value) : 0;

    record_key_t name = name_key (kind, digest), back = number_key (kind, *number), mine = { .len = 0 }, following = { .len = 0 };
    key_add_u32 (&mine, *number);
    key_add_u32 (&following, *number + 1);
    store_batch_t *batch = store_batch_new (store);
    record_put_bytes (batch, TABLE_META, &name, mine.bytes, mine.len);
    record_put_bytes (batch, TABLE_META, &back, digest->b, DIGEST_BYTES);
    record_put_bytes (batch, TABLE_META, &next, following.bytes, following.len);
    status = store_write (store, batch, fault);
    store_batch_destroy (&batch);
    return status;
}

status_t record_find_number (store_t *store, char kind, const digest_t *digest, uint32_t *number, bool *found, fault_t *fault)
{
    record_key_t name = name_key (kind, digest);
    uint8_t value [4];
    status_t status = record_get_fixed (store, TABLE_META, &name, value, sizeof value, found, fault);
    if (status == OK && *found)
        *number = key_u32 (value);
    return status;
}

status_t record_number_of (store_t *store, char kind, const digest_t *digest, uint32_t *number, fault_t *fault)
{
    bool found = false;
    status_t status = record_find_number (store, kind, digest, number, &found, fault);
    return status == OK && !found ? give_number (store, kind, digest, number, fault) : status;
}

status_t record_digest_of (store_t *store, char kind, uint32_t number, digest_t *digest, bool *found, fault_t *fault)
{
    record_key_t key = number_key (kind, number);
    return record_get_fixed (store, TABLE_META, &key, digest->b, DIGEST_BYTES, found, fault);
}
