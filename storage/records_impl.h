// records_impl: how keys are put together and records packed; for records_*.c alone.
#ifndef STORAGE_RECORDS_IMPL_H
#define STORAGE_RECORDS_IMPL_H

#include <string.h>

#include "storage/records.h"

// A key being put together. The longest: "phase" + run + name.
enum { RECORD_NAME_MAX = 64, RECORD_KEY_MAX = 96 };
typedef struct { uint8_t bytes [RECORD_KEY_MAX]; size_t len; } record_key_t;

void key_add (record_key_t *key, const void *bytes, size_t len);    // asserts that it fits
void key_add_text (record_key_t *key, const char *text);
void key_add_u8 (record_key_t *key, uint8_t value);
void key_add_u32 (record_key_t *key, uint32_t value);
void key_add_u64 (record_key_t *key, uint64_t value);
void key_add_place (record_key_t *key, place_t place);
uint32_t key_u32 (const uint8_t *at);
uint64_t key_u64 (const uint8_t *at);

// Pack a message under a key.
void record_put (store_batch_t *batch, store_table_t table, const record_key_t *key, const ProtobufCMessage *message);
void record_put_bytes (store_batch_t *batch, store_table_t table, const record_key_t *key, const void *bytes, size_t len);

// Read and unpack one; *out NULL with OK where there is none. what is for messages ("pair 7").
status_t record_get (store_t *store, store_table_t table, const record_key_t *key, const ProtobufCMessageDescriptor *type,
                     void *out, fault_t *fault) MUST_USE;
status_t record_has (store_t *store, store_table_t table, const record_key_t *key, bool *has, fault_t *fault) MUST_USE;

// Read a value of exactly len bytes; ERR_CORRUPT where it has another length.
status_t record_get_fixed (store_t *store, store_table_t table, const record_key_t *key, void *out, size_t len,
                           bool *found, fault_t *fault) MUST_USE;

#endif
