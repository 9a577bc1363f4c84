// ingest_change: where a file that has changed begins to differ from what was read of it.
#ifndef STORAGE_INGEST_CHANGE_H
#define STORAGE_INGEST_CHANGE_H

#include "storage/ingest.h"
#include "storage/records.h"

// Read the file's rows again and compare them with the store; rows of other parts, which it does not have, pass as the same. *row is the first that differs, 0 where none does;
// *ends says that the file has only *row rows, fewer than were read of it.
status_t ingest_change_find (store_t *store, const ingest_options_t *options, const Rulemill__InputFile *file,
                             uint32_t number, uint64_t *row, bool *ends, fault_t *fault) MUST_USE;

#endif
