// read_file: a small file of the user's as a whole.
#ifndef OPS_READ_FILE_H
#define OPS_READ_FILE_H

#include <stddef.h>

#include "base/buf.h"
#include "base/fault.h"

// Append a file's bytes. ERR_USAGE: it can't be read, or has over bytes_max.
status_t read_file (const char *path, size_t bytes_max, buf_t *out, fault_t *fault) MUST_USE;

#endif
