// store_check: reads a store through, for who wants to know whether all of it can be read.
//
// Every record of every table is read, which RocksDB holds against its checksums; the pairs of a run, with rows, texts, duplicates
// and labels, are unpacked, and what they name must be there.
#ifndef STORAGE_STORE_CHECK_H
#define STORAGE_STORE_CHECK_H

#include "storage/records.h"

typedef struct {
    uint64_t records, bytes;        // read, of all tables
    uint64_t pairs, labels;         // unpacked; 0 without a run
} store_check_t;

// run may be NULL. ERR_CORRUPT or ERR_IO says what can't be read; *out holds what could until then.
status_t store_check (store_t *store, const Rulemill__RunRecord *run, store_check_t *out, fault_t *fault) MUST_USE;

#endif
