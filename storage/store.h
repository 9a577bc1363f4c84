// store: one RocksDB database in DIR/store, opened by one process at a time,
// that never says "kept" of what it could lose.
//
// Bytes in, bytes out: what they mean is records.h's business. Tables are column
// families. Writes are collected in a batch and written together.
//
// Durability: store_commit writes the batch, syncs the write-ahead log, writes
// and syncs the mark (DIR/store/MARK: the sequence number up to which writes
// were promised, with a checksum), and only then returns. Opening a database that
// has recovered less than its mark is refused with ERR_CORRUPT. What was written
// with store_write alone may be lost with the machine, never with the process. What was
// never promised may be torn in any way and is dropped. A refusal changes nothing on disk.
//
// Reading is safe from any thread; writing is for one thread at a time. Every
// iterator must be destroyed before store_close. A child made by fork must not touch a
// store that is open: RocksDB's threads are not in it.
#ifndef STORAGE_STORE_H
#define STORAGE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fault.h"

typedef struct store store_t;
typedef struct store_batch store_batch_t;
typedef struct store_iter store_iter_t;

typedef enum {
    TABLE_META,         // corpus state, runs, phases, counts, numbering, blobs
    TABLE_TEXTS,        // prompts and responses by dense number
    TABLE_PAIRS,        // pairs by dense number
    TABLE_ROWS,         // rows by place
    TABLE_INDEX,        // content key to dense number
    TABLE_DUPLICATES,   // by pair and place
    TABLE_REJECTS,      // rows set aside, by place
    TABLE_CELLS,        // by response (or pair) and judge
    TABLE_LABELS,       // by run and pair; also excluded prompts by run
    TABLE_COUNT
} store_table_t;

typedef struct {
    bool create;            // make it where it is missing; otherwise ERR_NOT_FOUND
    bool read_only;         // for export and inspect beside nobody; still takes the lock
    bool beside;            // read only, beside the process that holds the lock: for one that it has started and waits for. What was committed
                            // before is seen, what is committed meanwhile is not
    size_t cache_bytes;     // block cache; 0: 64 MiB
    int files_max;          // that it keeps open; 0: 512
} store_options_t;

// Open DIR/store. ERR_BUSY "in use by process N", ERR_CORRUPT where it holds less
// than its mark, ERR_MISMATCH for another format version. *out is owned by the caller.
status_t store_open (const char *dir, const store_options_t *options, store_t **out, fault_t *fault) MUST_USE;
void store_close (store_t **store);

// Look a key up. *found says whether it is there; value is cleared and filled. value may be NULL.
status_t store_get (store_t *store, store_table_t table, const void *key, size_t key_len,
                    buf_t *value, bool *found, fault_t *fault) MUST_USE;

// Collect writes. A batch belongs to the caller and can be reused after store_batch_clear.
store_batch_t *store_batch_new (store_t *store);
void store_batch_put (store_batch_t *batch, store_table_t table, const void *key, size_t key_len,
                      const void *value, size_t value_len);
void store_batch_delete (store_batch_t *batch, store_table_t table, const void *key, size_t key_len);
void store_batch_delete_all (store_batch_t *batch, store_table_t table);   // every key of a table
size_t store_batch_count (const store_batch_t *batch);      // operations
size_t store_batch_bytes (const store_batch_t *batch);
void store_batch_clear (store_batch_t *batch);
void store_batch_destroy (store_batch_t **batch);

// Write a batch: at once but unsynced; synced with its mark. Both leave the batch as it is.
status_t store_write (store_t *store, store_batch_t *batch, fault_t *fault) MUST_USE;
status_t store_commit (store_t *store, store_batch_t *batch, fault_t *fault) MUST_USE;

// Sync all that was written so far, and the mark.
status_t store_sync (store_t *store, fault_t *fault) MUST_USE;

// Write out what would otherwise be read from the log by each opening to come, and held in memory: all of it, or only where it is
// much (closing does that too). Nothing depends on it, so failing is none.
void store_settle (store_t *store, bool all);

// Walk the keys of a table in order, from `from` on, as long as they begin with `prefix`
// (prefix may be empty; from may be NULL: from the prefix). Sees the table as it was when made.
store_iter_t *store_iter_new (store_t *store, store_table_t table, const void *prefix, size_t prefix_len,
                              const void *from, size_t from_len);
bool store_iter_valid (const store_iter_t *iter);
void store_iter_next (store_iter_t *iter);
const uint8_t *store_iter_key (const store_iter_t *iter, size_t *len);      // valid until next or destroy
const uint8_t *store_iter_value (const store_iter_t *iter, size_t *len);
void store_iter_seek (store_iter_t *iter, const void *key, size_t key_len); // forward or back, within the prefix
status_t store_iter_status (const store_iter_t *iter, fault_t *fault) MUST_USE;   // an error ends a walk early
void store_iter_destroy (store_iter_t **iter);

#endif
