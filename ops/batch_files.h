// batch_files: a folder of request files, FOLDER/batch-00001.jsonl and on, none over a number of requests or bytes.
//
// A file is written as NAME.part and gets its name once it is whole and on disk.
#ifndef OPS_BATCH_FILES_H
#define OPS_BATCH_FILES_H

#include <stdint.h>

#include "base/buf.h"
#include "base/fault.h"

typedef struct batch_files batch_files_t;

// The folder is made where it is missing; one that holds request files already is ERR_USAGE. ERR_IO. *out is the caller's.
status_t batch_files_new (const char *folder, uint64_t requests_max, uint64_t bytes_max, batch_files_t **out, fault_t *fault) MUST_USE;

// Add a line (with its newline). One that is over bytes_max alone gets a file of its own, and a warning.
status_t batch_files_add (batch_files_t *files, const buf_t *line, fault_t *fault) MUST_USE;

// Complete the last file.
status_t batch_files_end (batch_files_t *files, fault_t *fault) MUST_USE;
void batch_files_destroy (batch_files_t **files);       // drops a file that is not complete

// Files that are complete, and bytes in all of them.
uint64_t batch_files_count (const batch_files_t *files);
uint64_t batch_files_bytes (const batch_files_t *files);

#endif
