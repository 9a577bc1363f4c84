// budget: units (calls, tokens) that are reserved on disk before they may be spent.
//
// A lease reserves the most that its items can use. What it reports as spent is spent; the rest returns when it ends, or,
// when it is lost with its worker or with the coordinator, counts as spent. The sum of spent and reserved never exceeds the limit.
//
//   META  "budget" + run u32     spent u64, reserved u64 (big-endian)
#ifndef COORDINATOR_BUDGET_H
#define COORDINATOR_BUDGET_H

#include "storage/store.h"

typedef struct {
    store_t *store;
    uint32_t run;
    uint64_t limit;         // 0: none; what is spent is recorded all the same, but no lease waits for the disk
    uint64_t spent, reserved;
    bool dirty;             // they have changed since they were written
} budget_t;

// Read what a run has spent; what an earlier coordinator had reserved counts as spent from now on.
status_t budget_open (budget_t *budget, store_t *store, uint32_t run, uint64_t limit, fault_t *fault) MUST_USE;

// Units that are left to reserve; UINT64_MAX without a limit.
uint64_t budget_left (const budget_t *budget);

// Reserve units; durably, where there is a limit. ERR_LIMIT where fewer are left. Reserving 0 writes nothing.
status_t budget_reserve (budget_t *budget, uint64_t units, fault_t *fault) MUST_USE;

// A reservation ends: spent of it is spent (at most granted), the rest returns. On disk with the next budget_put.
void budget_settle (budget_t *budget, uint64_t granted, uint64_t spent);

// Put the record into a batch that is about to be written: a record that waited in a batch while a reservation
// was written would undo the reservation.
void budget_put (budget_t *budget, store_batch_t *batch);

#endif
