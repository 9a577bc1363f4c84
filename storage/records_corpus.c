// The corpus: prompts, responses, pairs, rows, and the index from content keys to numbers.
#include "storage/records_impl.h"

static record_key_t corpus_key (void)
{
    record_key_t key = { .len = 0 };
    key_add_text (&key, "corpus");
    return key;
}

static record_key_t text_key (uint8_t kind, uint64_t number)
{
    record_key_t key = { .len = 0 };
    key_add_u8 (&key, kind);
    key_add_u64 (&key, number);
    return key;
}

static record_key_t pair_number (uint64_t pair)
{
    record_key_t key = { .len = 0 };
    key_add_u64 (&key, pair);
    return key;
}

static record_key_t row_key (uint32_t input, uint64_t row)
{
    record_key_t key = { .len = 0 };
    key_add_u32 (&key, input);
    key_add_u64 (&key, row);
    return key;
}

static record_key_t index_key (char type, const content_key_t *content)
{
    record_key_t key = { .len = 0 };
    key_add_u8 (&key, (uint8_t) type);
    key_add (&key, content->b, KEY_BYTES);
    return key;
}

static record_key_t passed_key (uint32_t input, uint64_t row)
{
    record_key_t key = { .len = 0 };
    key_add_u8 (&key, 'N');
    key_add_u32 (&key, input);
    key_add_u64 (&key, row);
    return key;
}

status_t record_get_corpus (store_t *store, Rulemill__CorpusState **out, fault_t *fault)
{
    record_key_t key = corpus_key ();
    return record_get (store, TABLE_META, &key, &rulemill__corpus_state__descriptor, out, fault);
}

void record_put_corpus (store_batch_t *batch, const Rulemill__CorpusState *state)
{
    record_key_t key = corpus_key ();
    record_put (batch, TABLE_META, &key, &state->base);
}

void record_drop_corpus (store_batch_t *batch)
{
    static const store_table_t tables [] = { TABLE_TEXTS, TABLE_PAIRS, TABLE_ROWS, TABLE_INDEX, TABLE_DUPLICATES, TABLE_REJECTS };
    record_key_t key = corpus_key ();
    store_batch_delete (batch, TABLE_META, key.bytes, key.len);
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        store_batch_delete_all (batch, tables [i]);
}

status_t record_get_prompt (store_t *store, uint64_t prompt, Rulemill__PromptRecord **out, fault_t *fault)
{
    record_key_t key = text_key ('P', prompt);
    return record_get (store, TABLE_TEXTS, &key, &rulemill__prompt_record__descriptor, out, fault);
}

status_t record_get_response (store_t *store, uint64_t response, Rulemill__ResponseRecord **out, fault_t *fault)
{
    record_key_t key = text_key ('R', response);
    return record_get (store, TABLE_TEXTS, &key, &rulemill__response_record__descriptor, out, fault);
}

status_t record_get_pair (store_t *store, uint64_t pair, Rulemill__PairRecord **out, fault_t *fault)
{
    record_key_t key = pair_number (pair);
    return record_get (store, TABLE_PAIRS, &key, &rulemill__pair_record__descriptor, out, fault);
}

status_t record_get_row (store_t *store, uint32_t input, uint64_t row, Rulemill__RowRecord **out, fault_t *fault)
{
    record_key_t key = row_key (input, row);
    return record_get (store, TABLE_ROWS, &key, &rulemill__row_record__descriptor, out, fault);
}

void record_put_prompt (store_batch_t *batch, uint64_t prompt, const Rulemill__PromptRecord *record)
{
    record_key_t key = text_key ('P', prompt);
    record_put (batch, TABLE_TEXTS, &key, &record->base);
}

void record_put_response (store_batch_t *batch, uint64_t response, const Rulemill__ResponseRecord *record)
{
    record_key_t key = text_key ('R', response);
    record_put (batch, TABLE_TEXTS, &key, &record->base);
}

void record_put_pair (store_batch_t *batch, uint64_t pair, const Rulemill__PairRecord *record)
{
    record_key_t key = pair_number (pair);
    record_put (batch, TABLE_PAIRS, &key, &record->base);
}

void record_put_row (store_batch_t *batch, uint32_t input, uint64_t row, const Rulemill__RowRecord *record)
{
    record_key_t key = row_key (input, row);
    record_put (batch, TABLE_ROWS, &key, &record->base);
}

void record_put_duplicate (store_batch_t *batch, uint64_t pair, place_t place, const Rulemill__DuplicateRecord *record)
{
    record_key_t key = pair_number (pair);
    key_add_place (&key, place);
    record_put (batch, TABLE_DUPLICATES, &key, &record->base);
}

void record_put_reject (store_batch_t *batch, place_t place, const Rulemill__RejectRecord *record)
{
    record_key_t key = { .len = 0 };
    key_add_place (&key, place);
    record_put (batch, TABLE_REJECTS, &key, &record->base);
}

status_t record_find_key (store_t *store, char type, const content_key_t *content, uint64_t *number, bool *found, fault_t *fault)
{
    record_key_t key = index_key (type, content);
    uint8_t value [8];
    status_t status = record_get_fixed (store, TABLE_INDEX, &key, value, sizeof value, found, fault);
    if (status == OK && *found)
        *number = key_u64 (value);
    return status;
}

void record_put_key (store_batch_t *batch, char type, const content_key_t *content, uint64_t number)
{
    record_key_t key = index_key (type, content), value = pair_number (number);
    record_put_bytes (batch, TABLE_INDEX, &key, value.bytes, value.len);
}

void record_put_passed (store_batch_t *batch, uint32_t input, uint64_t row, const uint64_t *hashes, size_t n)
{
    record_key_t key = passed_key (input, row), value = { .len = 0 };
    for (size_t i = 0; i < n; i++)
        key_add_u64 (&value, hashes [i]);
    record_put_bytes (batch, TABLE_INDEX, &key, value.bytes, value.len);
}

void record_delete_passed (store_batch_t *batch, uint32_t input, uint64_t row)
{
    record_key_t key = passed_key (input, row);
    store_batch_delete (batch, TABLE_INDEX, key.bytes, key.len);
}
