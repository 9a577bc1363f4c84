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
    uint64_t limit;         // 0: none, and nothing is written
    uint64_t spent, reserved;
} budget_t;

// Read what a run has spent; what an earlier coordinator had reserved counts as spent from now on.
status_t budget_open (budget_t *budget, store_t *store, uint32_t run, uint64_t limit, fault_t *fault) MUST_USE;

// Units that are left to reserve; UINT64_MAX without a limit.
uint64_t budget_left (const budget_t *budget);

// Reserve units durably. ERR_LIMIT where fewer are left. Reserving 0 writes nothing.
status_t budget_reserve (budget_t *budget, uint64_t units, fault_t *fault) MUST_USE;

// A reservation ends: spent of it is spent (at most granted), the rest returns. Written with the next batch.
void budget_settle (budget_t *budget, store_batch_t *batch, uint64_t granted, uint64_t spent);

#endif
