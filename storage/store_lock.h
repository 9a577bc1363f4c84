// store_lock: one process at a time, and the others are told which.
//
// RocksDB locks as well, but can't say who holds it. This is a flock on DIR/store/PID, which holds the process's
// number; the system drops it with the process, however that ends.
#ifndef STORAGE_STORE_LOCK_H
#define STORAGE_STORE_LOCK_H

#include <stdbool.h>

#include "base/fault.h"

// Take the lock; *fd is to be handed to store_lock_release. what names the store in "WHAT is in use by process N".
// With read_only a file that can't be written is locked as it is. A holder that took it with read_only is waited for,
// up to five seconds. ERR_BUSY, ERR_IO.
status_t store_lock_take (const char *path, const char *what, bool read_only, int *fd, fault_t *fault) MUST_USE;
void store_lock_release (int *fd);      // sets it to -1; nothing for -1

#endif
