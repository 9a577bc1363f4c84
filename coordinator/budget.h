// budget: calls, tokens and cost that are reserved on disk before they may be spent.
//
// A lease reserves what its items are expected to need. What is reported as spent moves from its reservation to what is spent; the
// rest returns when the lease ends, or, when it is lost with its worker or with the coordinator, counts as spent. In each unit
// that has a limit the sum of spent and reserved never exceeds it by a reservation; units without one are counted all the same, so
// that a limit given later knows of them, but nothing of them is reserved.
//
//   META  "budget" + run u32     (run 0: of probes that no run has taken in) spent, then reserved: calls, tokens, cost as u64 (big-endian)
#ifndef COORDINATOR_BUDGET_H
#define COORDINATOR_BUDGET_H

#include "base/spend.h"
#include "storage/store.h"

typedef struct {
    store_t *store;
    uint32_t run;
    spend_t limit;              // SPEND_NO_LIMIT in a unit: none
    spend_t spent, reserved;
    bool dirty;                 // they have changed since they were written
} budget_t;

// Read what a run has spent; what an earlier coordinator had reserved counts as spent from now on.
status_t budget_open (budget_t *budget, store_t *store, uint32_t run, const spend_t *limit, fault_t *fault) MUST_USE;

// The same for somebody who only looks. Nothing spent where there is no record.
status_t budget_read (store_t *store, uint32_t run, spend_t *spent, fault_t *fault) MUST_USE;

bool budget_is_limited (const budget_t *budget);        // in any unit
bool budget_is_reserved (const budget_t *budget);       // anything at all
spend_t budget_left (const budget_t *budget);           // to reserve; SPEND_NO_LIMIT in units without a limit

// Reserve what of grant has a limit, durably; the rest of grant becomes 0. ERR_LIMIT where less is left. Reserving nothing writes
// nothing.
status_t budget_reserve (budget_t *budget, spend_t *grant, fault_t *fault) MUST_USE;

// Something was spent; grant is the rest of the reservation that it is taken from. What was spent beyond that is spent too.
void budget_spend (budget_t *budget, spend_t *grant, const spend_t *spent);

// A reservation ends: its rest returns, or is lost and counts as spent. Like what is spent, on disk with the next budget_put.
void budget_release (budget_t *budget, spend_t *grant, bool lost);

// Put the record into a batch that is about to be written: a record that waited in a batch while a reservation
// was written would undo the reservation.
void budget_put (budget_t *budget, store_batch_t *batch);

#endif
