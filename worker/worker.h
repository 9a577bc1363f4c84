// worker: the process that takes leases and does the work; see proto/PROTOCOL.md, "A worker's life".
//
// Two threads: the caller's talks to the coordinator and beats, the executor's runs the task kind. They share
// two bounded queues and nothing else.
#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H

#include "base/fault.h"
#include "proto/endpoint.h"

typedef struct {
    spoke_options_t endpoint;
    unsigned leases_max;        // held at a time; 0: 2. A kind that could do more at once gets more
    unsigned credit_bytes;      // of data held; 0: 2 MiB
    unsigned silence_ms;        // gives up when it has heard nothing for this long; 0: ten minutes
    int parent;                 // pid it must not outlive (its own parent's, PR_SET_PDEATHSIG); 0: none
} worker_options_t;

// Work until the coordinator says Finished or Refuse, or a signal comes. OK: finished. ERR_STOPPED: drained.
// ERR_DENIED, ERR_MISMATCH: refused; ERR_IO: the coordinator was silent too long; ERR_USAGE: unfit.
status_t worker_run (const worker_options_t *options, fault_t *fault) MUST_USE;

// From a signal handler: first call drains, second stops at once. Async-signal-safe.
void worker_interrupt (void);

#endif
