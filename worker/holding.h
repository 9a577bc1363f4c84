// holding: the leases that the worker has, and which of their items are not done.
//
// A lease gets a handle, a number that no other lease of this process has: (epoch, lease) repeats itself when a
// coordinator starts again, and the task kind knows leases by one number. A lease stays until nothing of it is
// undone or unacknowledged; a dropped one until the executor can have nothing more of it in hand.
#ifndef WORKER_HOLDING_H
#define WORKER_HOLDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/spend.h"

enum { HOLDING_LEASES_MAX = 1024 };     // with dropped ones, of which the oldest is forgotten beyond that

typedef struct held_item held_item_t;
typedef struct held_lease held_lease_t;

struct held_lease {
    uint64_t handle;
    uint64_t epoch, lease;      // the coordinator's name for it
    spend_t grant;              // what it may use
    uint32_t announced;         // items that it should have
    uint32_t received;          // items that have come
    uint32_t undone;            // of those, without a final result
    uint32_t unacked;           // with one that is not on disk
    bool last;                  // its last batch has come
    bool dropped;               // revoked, returned, or from before a Welcome
    uint64_t dropped_at;        // the executor's serial number of that
    held_item_t *items;         // none once it is dropped
    held_lease_t *prev, *next;  // oldest first
};

typedef struct {
    held_lease_t *leases;
    size_t n;
    uint64_t next_handle;
    uint64_t bytes;             // of the bodies of undone items
} holding_t;

void holding_clear (holding_t *holding);        // a zeroed one is empty

held_lease_t *holding_add (holding_t *holding, uint64_t epoch, uint64_t lease, uint32_t announced);
held_lease_t *holding_find (const holding_t *holding, uint64_t epoch, uint64_t lease);  // not dropped ones
held_lease_t *holding_by_handle (const holding_t *holding, uint64_t handle);
bool held_is_working (const held_lease_t *lease);       // there are undone items, or batches still to come
size_t holding_working (const holding_t *holding);      // number of such leases

// An item has come; false: it came before. It has its final result; false: it has none to wait for. It is undone again.
bool held_take (holding_t *holding, held_lease_t *lease, uint64_t item, size_t bytes);
bool held_done (holding_t *holding, held_lease_t *lease, uint64_t item);
void held_undo (held_lease_t *lease, uint64_t item);
bool held_has (const held_lease_t *lease, uint64_t item);
bool holding_waits_for (const holding_t *holding, uint64_t item);       // is it undone in any lease?

// Its undone items are nobody's business any more.
void holding_drop (holding_t *holding, held_lease_t *lease, uint64_t serial);

// Forget leases of which nothing can come. idle_at: the executor had nothing in hand when it had done this serial number.
void holding_sweep (holding_t *holding, uint64_t idle_at);

#endif
