#include "storage/ingest_keys.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/mem.h"
#include "storage/arena.h"

typedef struct {
    uint8_t name [1 + KEY_BYTES];   // type and key
    uint64_t number, response_a;
    UT_hash_handle hh;
} entry_t;

struct ingest_keys {
    store_t *store;
    entry_t *pending;       // a table; its entries are the arena's
    arena_t *arena;
};

ingest_keys_t *ingest_keys_new (store_t *store)
{
    ingest_keys_t *keys = mem_zero (1, sizeof *keys);
    keys->store = store;
    keys->arena = arena_new ();
    return keys;
}

void ingest_keys_destroy (ingest_keys_t **keys)
{
    if (*keys == NULL)
        return;
    ingest_keys_written (*keys);
    arena_destroy (&(*keys)->arena);
    free (*keys);
    *keys = NULL;
}

static void make_name (uint8_t out [1 + KEY_BYTES], char type, const content_key_t *key)
{
    out [0] = (uint8_t) type;
    memcpy (out + 1, key->b, KEY_BYTES);
}

static status_t first_response (store_t *store, uint64_t pair, uint64_t *out, fault_t *fault)
{
    Rulemill__PairRecord *record;
    status_t status = record_get_pair (store, pair, &record, fault);
    if (status != OK)
        return status;
    if (record == NULL)
        return fault_set (fault, ERR_CORRUPT, "pair %llu stands in the index but not in the store; restore a backup, or start anew in another folder",
                          (unsigned long long) pair);
    *out = record->response_a;
    rulemill__pair_record__free_unpacked (record, NULL);
    return OK;
}

status_t ingest_keys_find (ingest_keys_t *keys, char type, const content_key_t *key, bool pending_only,
                           known_t *out, fault_t *fault)
{
    uint8_t name [1 + KEY_BYTES];
    make_name (name, type, key);
    entry_t *entry;
    HASH_FIND (hh, keys->pending, name, sizeof name, entry);
    *out = (known_t) { .found = entry != NULL, .pending = entry != NULL };
    if (entry) {
        out->number = entry->number;
        out->response_a = entry->response_a;
    }
    if (entry || pending_only)
        return OK;
    status_t status = record_find_key (keys->store, type, key, &out->number, &out->found, fault);
    if (status == OK && out->found && type == 'A')
        status = first_response (keys->store, out->number, &out->response_a, fault);
    return status;
}

void ingest_keys_add (ingest_keys_t *keys, store_batch_t *batch, char type, const content_key_t *key,
                      uint64_t number, uint64_t response_a)
{
    record_put_key (batch, type, key, number);
    entry_t *entry = arena_take (keys->arena, sizeof *entry);
    *entry = (entry_t) { .number = number, .response_a = response_a };
    make_name (entry->name, type, key);
    HASH_ADD (hh, keys->pending, name, sizeof entry->name, entry);
}

void ingest_keys_written (ingest_keys_t *keys)
{
    HASH_CLEAR (hh, keys->pending);
    arena_reset (keys->arena);
}
