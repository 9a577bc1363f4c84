// ingest_keys: which number a content key has, in the store or in the batch that is not written yet.
#ifndef STORAGE_INGEST_KEYS_H
#define STORAGE_INGEST_KEYS_H

#include "storage/records.h"

typedef struct ingest_keys ingest_keys_t;

typedef struct {
    bool found;
    bool pending;           // in the batch: whatever was made of it can't be in the store
    uint64_t number;
    uint64_t response_a;    // of a pair: the response that stands first
} known_t;

ingest_keys_t *ingest_keys_new (store_t *store);
void ingest_keys_destroy (ingest_keys_t **keys);

// Look a key of type 'P', 'R' or 'A' up. pending_only: it can't be in the store, so don't look there.
status_t ingest_keys_find (ingest_keys_t *keys, char type, const content_key_t *key, bool pending_only,
                           known_t *out, fault_t *fault) MUST_USE;

// Give a key its number: in the batch, and here until ingest_keys_written.
void ingest_keys_add (ingest_keys_t *keys, store_batch_t *batch, char type, const content_key_t *key,
                      uint64_t number, uint64_t response_a);

// The batch is in the store now.
void ingest_keys_written (ingest_keys_t *keys);

#endif
