// write_file: a file of the user's, whole or not at all.
#ifndef OPS_WRITE_FILE_H
#define OPS_WRITE_FILE_H

#include <stddef.h>

#include "base/fault.h"

// Written aside as PATH.new, synced, renamed. ERR_IO.
status_t write_file (const char *path, const void *bytes, size_t len, fault_t *fault) MUST_USE;

// Make the last folder of a path, if it is missing. ERR_IO.
status_t make_folder_of (const char *path, fault_t *fault) MUST_USE;

#endif
