// bounded: work that may exhaust its memory, in a child process that alone dies of it.
//
// For libraries that do not survive a failed allocation. What the work makes must reach the caller through files.
#ifndef BASE_BOUNDED_H
#define BASE_BOUNDED_H

#include <stdint.h>

#include "base/fault.h"

typedef status_t bounded_fn (void *ctx, fault_t *fault);

// Run work (ctx) in a fork of this process with an address space of bytes_max (RLIMIT_AS; not under a sanitizer, which
// needs more than any limit) and wait for it. Its status and fault come back; a child that dies is ERR_LIMIT with advice
// ("raise adapter.memory"), which says what to do where the memory was too small. The child dies with its parent. Call it
// before threads are started and before the store is opened.
status_t bounded_run (uint64_t bytes_max, const char *advice, bounded_fn *work, void *ctx, fault_t *fault) MUST_USE;

#endif
