// dataset_file: one file of a dataset while it is written.
//
// Bytes are buffered, optionally compressed (zstd), hashed as they stand on disk and counted. The file is
// made with its first byte, so one that gets no rows never exists. Syncs at its end.
#ifndef STORAGE_DATASET_FILE_H
#define STORAGE_DATASET_FILE_H

#include "base/buf.h"
#include "base/digest.h"
#include "base/fault.h"

typedef struct dataset_file dataset_file_t;

// folder_fd is borrowed and stays open for as long as the file lives; folder is its name in messages. The file is
// called name, with ".zst" behind it where zstd.
dataset_file_t *dataset_file_new (int folder_fd, const char *folder, const char *name, bool zstd);

// Append one row (a newline is added), or bytes as they are.
status_t dataset_file_row (dataset_file_t *file, const buf_t *line, fault_t *fault) MUST_USE;
status_t dataset_file_add (dataset_file_t *file, const void *bytes, size_t len, fault_t *fault) MUST_USE;

// Write what is left, sync and close. Nothing happens where nothing was added. Call it once.
status_t dataset_file_end (dataset_file_t *file, fault_t *fault) MUST_USE;

// What it is, once ended.
const char *dataset_file_name (const dataset_file_t *file);    // with its suffix
uint64_t dataset_file_rows (const dataset_file_t *file);
uint64_t dataset_file_bytes (const dataset_file_t *file);      // on disk
const digest_t *dataset_file_digest (const dataset_file_t *file);

// Closes without a word where it was not ended; what stands on disk stays.
void dataset_file_destroy (dataset_file_t **file);

#endif
