// leases: who owns which items, and what becomes of them when an owner is lost. No input or output.
//
//   piece (pending) ──leases_grant──> lease ──all items final──> gone
//        ^                              │
//        └──────── leases_end ──────────┘   (undone items alone; split where a worker died of them)
//
// An item may occupy keys while it is leased; an item whose key another lease occupies waits until that lease has ended.
#ifndef COORDINATOR_LEASES_H
#define COORDINATOR_LEASES_H

#include <uthash.h>

#include "base/spend.h"
#include "coordinator/kind.h"

// Items that wait for a worker. Owned by leases_t.
typedef struct piece piece_t;
struct piece {
    due_t *items;
    size_t n;
    uint32_t attempt;           // of the lease that it becomes, from 1
    unsigned deaths;            // of a single item: workers that died or hung with it in hand
    piece_t *next;
};

typedef struct lease lease_t;
struct lease {
    uint64_t number;
    uint32_t attempt;
    unsigned deaths;
    bool alone;                 // one item, suspected of killing workers
    bool copy;                  // a second copy: its end returns nothing
    bool copied;                // has a second copy
    due_t *items;
    bool *final;                // [n] its final result is committed or about to be
    size_t n, left, sent;       // items; not final yet; handed over in batches so far
    spend_t grant;              // the rest of what is reserved for it
    bool has_spent;             // anything, since it was granted
    void *holder;               // the peer
    int64_t granted_ms, moved_ms;   // when; when progress was last seen
    uint64_t progress;          // the holder's progress number then
    lease_t *prev, *next;       // by age, oldest first
    lease_t *peer_prev, *peer_next;     // of the holder
    UT_hash_handle hh;
};

typedef struct leases leases_t;

// attempts_max: workers that a single item may take with it.
leases_t *leases_new (unsigned attempts_max);
void leases_destroy (leases_t **leases);

// Add items to the pending ones; items is copied.
void leases_add (leases_t *leases, const due_t *items, size_t n);

// What the items of a lease may cost together. The first may cost more, where anything may be spent at all.
typedef struct {
    uint64_t units;
    uint64_t (*cost) (void *ctx, const due_t *item);    // what it costs by now; NULL: as it was found due
    void *ctx;
} lease_price_t;

// Make a lease of pending items, at most max (a piece longer than that is cut at a group's end) and at most at price (which may cut a
// group); NULL: whatever they cost. Items whose keys are occupied step aside until they are free. NULL: nothing can be
// leased now, or the next item costs something and nothing may be spent; without a lease out, only the latter.
lease_t *leases_grant (leases_t *leases, size_t max, const lease_price_t *price, void *holder, int64_t now_ms);

// What the next pending item costs by now; 0 where nothing is pending.
uint64_t leases_next_cost (leases_t *leases, const lease_price_t *price);

// Make a second copy of the oldest lease that has none, is not holder's and is older than age_ms. NULL: there is none.
lease_t *leases_copy (leases_t *leases, void *holder, int64_t age_ms, int64_t now_ms);

// By its number; NULL: there is none.
lease_t *leases_find (const leases_t *leases, uint64_t number);
lease_t *leases_oldest (const leases_t *leases);

// The place of an item in a lease; n where it is not there.
size_t lease_place (const lease_t *lease, uint64_t item);

// Mark an item final in this lease (not in its copies). True: the lease has no item left.
bool lease_set_final (lease_t *lease, size_t place);

typedef enum {
    END_DONE,
    END_RETURNED,       // its holder gave it back
    END_LOST,           // taken back; its holder may still be at work on it
    END_KILLED          // the holder died or hung with it in hand
} lease_end_t;

// End a lease and free it. is_done (ctx, item) says which items got their final result elsewhere. Undone items
// become pending again. END_KILLED takes an attempt: the item in hand (has_hand) goes alone, the others in two halves; an item that
// took attempts_max workers with it is handed to quarantine (ctx, item, deaths) instead.
typedef bool lease_done_fn (void *ctx, uint64_t item);
typedef void lease_quarantine_fn (void *ctx, uint64_t item, unsigned deaths);
void leases_end (leases_t *leases, lease_t **lease, lease_end_t how, bool has_hand, uint64_t hand,
                 lease_done_fn *is_done, lease_quarantine_fn *quarantine, void *ctx);

// Drop all that is pending: the phase has ended.
void leases_forget (leases_t *leases);

size_t leases_active (const leases_t *leases);      // leases out
size_t leases_pending (const leases_t *leases);     // items pending or stepped aside

#endif
