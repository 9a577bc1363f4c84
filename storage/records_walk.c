// Walks over tables in key order, and what stands where a walk is.

#include "storage/records_impl.h"

static store_iter_t *walk (store_t *store, store_table_t table, const record_key_t *prefix, const record_key_t *from)
{
    return store_iter_new (store, table, prefix->bytes, prefix->len, from ? from->bytes : NULL, from ? from->len : 0);
}

store_iter_t *record_walk_rows (store_t *store, uint32_t from_input, uint64_t from_row)
{
    record_key_t prefix = { .len = 0 }, start = { .len = 0 };
    key_add_u32 (&start, from_input);
    key_add_u64 (&start, from_row);
    return walk (store, TABLE_ROWS, &prefix, &start);
}

store_iter_t *record_walk_pairs (store_t *store, uint64_t from)
{
    record_key_t prefix = { .len = 0 }, start = { .len = 0 };
    key_add_u64 (&start, from);
    return walk (store, TABLE_PAIRS, &prefix, &start);
}

static store_iter_t *walk_pairs_of (store_t *store, char type, uint32_t run, uint64_t from)
{
    record_key_t prefix = { .len = 0 };
    key_add_u8 (&prefix, (uint8_t) type);
    key_add_u32 (&prefix, run);
    record_key_t start = prefix;
    key_add_u64 (&start, from);
    return walk (store, TABLE_LABELS, &prefix, &start);
}

store_iter_t *record_walk_labels (store_t *store, uint32_t run, uint64_t from)
{
    return walk_pairs_of (store, 'L', run, from);
}

store_iter_t *record_walk_audits (store_t *store, uint32_t run, uint64_t from)
{
    return walk_pairs_of (store, 'U', run, from);
}

store_iter_t *record_walk_duplicates (store_t *store, uint64_t from_pair)
{
    record_key_t prefix = { .len = 0 }, start = { .len = 0 };
    key_add_u64 (&start, from_pair);
    return walk (store, TABLE_DUPLICATES, &prefix, &start);
}

store_iter_t *record_walk_rejects (store_t *store)
{
    record_key_t prefix = { .len = 0 };
    return walk (store, TABLE_REJECTS, &prefix, NULL);
}

store_iter_t *record_walk_passed (store_t *store)
{
    record_key_t prefix = { .len = 0 };
    key_add_u8 (&prefix, 'N');
    return walk (store, TABLE_INDEX, &prefix, NULL);
}

store_iter_t *record_walk_excluded (store_t *store, uint32_t run)
{
    record_key_t prefix = { .len = 0 };
    key_add_u8 (&prefix, 'X');
    key_add_u32 (&prefix, run);
    return walk (store, TABLE_LABELS, &prefix, NULL);
}

// "run" + u32 and not "runid" + digest: the prefix holds the number's first byte, which is 0 for 16 million runs.
store_iter_t *record_walk_runs (store_t *store)
{
    record_key_t prefix = { .len = 0 };
    key_add_text (&prefix, "run");
    key_add_u8 (&prefix, 0);
    return walk (store, TABLE_META, &prefix, NULL);
}

store_iter_t *record_walk_phases (store_t *store, uint32_t run)
{
    record_key_t prefix = { .len = 0 };
    key_add_text (&prefix, "phase");
    key_add_u32 (&prefix, run);
    return walk (store, TABLE_META, &prefix, NULL);
}

// Keys of another length would be another program's: they read as the place 0.
static const uint8_t *key_at (const store_iter_t *iter, size_t want)
{
    static const uint8_t nothing [RECORD_KEY_MAX];
    size_t len;
    const uint8_t *key = store_iter_key (iter, &len);
    return len == want ? key : nothing;
}

static place_t place_from (const uint8_t *at)
{
    return (place_t) { key_u32 (at), key_u64 (at + 4), key_u32 (at + 12), key_u32 (at + 16) };
}

place_t record_row_at (const store_iter_t *iter)
{
    const uint8_t *key = key_at (iter, 12);
    return (place_t) { .input = key_u32 (key), .row = key_u64 (key + 4) };
}

uint64_t record_pair_at (const store_iter_t *iter)
{
    size_t len;
    (void) store_iter_key (iter, &len);
    return len == 8 ? key_u64 (key_at (iter, 8)) : key_u64 (key_at (iter, 13) + 5);
}

uint64_t record_duplicate_at (const store_iter_t *iter, place_t *place)
{
    const uint8_t *key = key_at (iter, 28);
    *place = place_from (key + 8);
    return key_u64 (key);
}

place_t record_place_at (const store_iter_t *iter)
{
    return place_from (key_at (iter, 20));
}

place_t record_passed_at (const store_iter_t *iter)
{
    const uint8_t *key = key_at (iter, 13);
    return (place_t) { .input = key_u32 (key + 1), .row = key_u64 (key + 5) };
}

uint64_t record_excluded_at (const store_iter_t *iter)
{
    return key_u64 (key_at (iter, 13) + 5);
}

static void *read_at (const store_iter_t *iter, const ProtobufCMessageDescriptor *type, fault_t *fault)
{
    size_t len, key_len;
    const uint8_t *value = store_iter_value (iter, &len);
    void *message = protobuf_c_message_unpack (type, NULL, len, value);
    if (message)
        return message;
    const uint8_t *key = store_iter_key (iter, &key_len);
    char hex [2 * RECORD_KEY_MAX + 1];
    hex_encode (key, key_len < RECORD_KEY_MAX ? key_len : RECORD_KEY_MAX, hex);
    fault_set (fault, ERR_CORRUPT, "the store's %s under key %s can't be read; restore DIR from a copy, or start again in "
               "another folder", type->short_name, hex);
    return NULL;
}

Rulemill__RowRecord *record_read_row (const store_iter_t *iter, fault_t *fault)
{
    return read_at (iter, &rulemill__row_record__descriptor, fault);
}

Rulemill__PairRecord *record_read_pair (const store_iter_t *iter, fault_t *fault)
{
    return read_at (iter, &rulemill__pair_record__descriptor, fault);
}

Rulemill__Label *record_read_label (const store_iter_t *iter, fault_t *fault)
{
    return read_at (iter, &rulemill__label__descriptor, fault);
}

Rulemill__DuplicateRecord *record_read_duplicate (const store_iter_t *iter, fault_t *fault)
{
    return read_at (iter, &rulemill__duplicate_record__descriptor, fault);
}

Rulemill__RejectRecord *record_read_reject (const store_iter_t *iter, fault_t *fault)
{
    return read_at (iter, &rulemill__reject_record__descriptor, fault);
}

Rulemill__PhaseRecord *record_read_phase (const store_iter_t *iter, fault_t *fault)
{
    return read_at (iter, &rulemill__phase_record__descriptor, fault);
}

Rulemill__RunRecord *record_read_run (const store_iter_t *iter, fault_t *fault)
{
    return read_at (iter, &rulemill__run_record__descriptor, fault);
}

size_t record_read_passed (const store_iter_t *iter, uint64_t hashes [PASSED_NAMES_MAX])
{
    size_t len;
    const uint8_t *value = store_iter_value (iter, &len);
    if (len % 8 != 0 || len / 8 > PASSED_NAMES_MAX)
        return 0;
    for (size_t n = 0; n < len / 8; n++)
        hashes [n] = key_u64 (value + 8 * n);
    return len / 8;
}
