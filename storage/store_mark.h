// store_mark: the file that remembers up to which sequence number writes were promised.
//
// Two slots of 32 bytes, 4096 bytes apart, so that no torn write reaches both:
//
//   "RMMARK01", sequence u64 big-endian, eight zero bytes, XXH3 of the 24 bytes before (u64 big-endian)
//
// A write goes to the slot that does not hold the highest valid number, which is the mark. The file keeps its
// size for life, so syncing it touches data alone.
#ifndef STORAGE_STORE_MARK_H
#define STORAGE_STORE_MARK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"

typedef struct store_mark store_mark_t;

// Make the file with the mark 0, complete and synced, or not at all. The caller syncs the folder.
status_t store_mark_create (const char *path, fault_t *fault) MUST_USE;

// Open it. ERR_NOT_FOUND where there is none, ERR_CORRUPT where no slot is valid. *out is owned by the caller.
status_t store_mark_open (const char *path, bool read_only, store_mark_t **out, fault_t *fault) MUST_USE;
uint64_t store_mark_sequence (const store_mark_t *mark);

// Raise it to sequence, on disk when this returns. A number that is not higher is no work.
status_t store_mark_raise (store_mark_t *mark, uint64_t sequence, fault_t *fault) MUST_USE;

void store_mark_close (store_mark_t **mark);

#endif
