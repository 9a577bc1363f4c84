// store_impl: what store.c, store_batch.c and store_iter.c share; nobody else includes it.
#ifndef STORAGE_STORE_IMPL_H
#define STORAGE_STORE_IMPL_H

#include <stdatomic.h>

#include "storage/store_mark.h"
#include "storage/store_options.h"

struct store {
    // set when it is opened
    char *path;                         // DIR/store, for messages
    bool read_only;
    int lock;                           // descriptor of the lock file; -1: not held
    store_setup_t setup;
    rocksdb_t *db;
    rocksdb_column_family_handle_t *table [TABLE_COUNT];
    rocksdb_readoptions_t *read;
    rocksdb_writeoptions_t *write;      // to the operating system
    rocksdb_writeoptions_t *sync;       // to the disk

    // moves with writing
    store_mark_t *mark;
    _Atomic long iterators;             // alive; RocksDB aborts when it is closed with any
};

struct store_batch {
    store_t *store;
    rocksdb_writebatch_t *writes;
};

// A message of RocksDB as a fault: ERR_CORRUPT where stored bytes do not agree with themselves, else ERR_IO. Frees error.
status_t store_fault (const store_t *store, const char *doing, char *error, fault_t *fault) MUST_USE;

#endif
