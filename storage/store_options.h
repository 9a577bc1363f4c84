// store_options: how RocksDB is set up for each table, and within how much memory.
//
// The block cache (which also holds index and filter blocks) and the write buffers are bounds for all tables
// together, so the store's memory is about cache_bytes + STORE_BUFFER_BYTES whatever the corpus.
#ifndef STORAGE_STORE_OPTIONS_H
#define STORAGE_STORE_OPTIONS_H

#include <rocksdb/c.h>

#include "storage/store.h"

enum { STORE_BUFFER_BYTES = 64 * 1024 * 1024, STORE_CACHE_BYTES = 64 * 1024 * 1024, STORE_FILES_MAX = 512 };

typedef struct {
    rocksdb_options_t *database;
    rocksdb_options_t *table [TABLE_COUNT];
    rocksdb_cache_t *cache;
} store_setup_t;

// The column family of a table: "default" for TABLE_META.
const char *store_table_name (store_table_t table);

// ERR_IO only where this build of RocksDB does not know an option.
status_t store_setup_make (store_setup_t *setup, const store_options_t *options, fault_t *fault) MUST_USE;
void store_setup_free (store_setup_t *setup);

#endif
