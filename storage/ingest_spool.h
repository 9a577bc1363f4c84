// ingest_spool: standard input, kept as a file so that it can be read again.
#ifndef STORAGE_INGEST_SPOOL_H
#define STORAGE_INGEST_SPOOL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/fault.h"

// DIR/input-N.jsonl of the n-th input (from 0); the caller frees it.
char *ingest_spool_path (const char *dir, size_t n);

// Where the file is missing, copy fd into it: written aside, synced, renamed. Where it is there, fd may be a terminal
// (which is not read), empty, or hold the same again; more than that replaces the file, as one that has grown.
// ERR_MISMATCH for anything else, ERR_FORMAT for packed data or none at all, ERR_STOPPED when *stop becomes true;
// nothing is left behind then.
status_t ingest_spool (int fd, const char *path, const _Atomic bool *stop, fault_t *fault) MUST_USE;

#endif
