// kind: the coordinator's half of a task kind. Leases, commits, heartbeats, budgets and resuming know no more of the
// work than this table; labelling (kind_label.h) is one kind, tests/unit/test_serve.c has a trivial one.
//
// Items are dense numbers, 0 up. All functions run on the event loop's thread and must not wait for anything but the store.
#ifndef COORDINATOR_KIND_H
#define COORDINATOR_KIND_H

#include <stdbool.h>

#include "base/digest.h"
#include "base/spend.h"
#include "storage/store.h"

typedef struct kind kind_t;

// A phase: which items are due, and where it stands. Kept in the store under its name.
typedef struct {
    char name [48];
    uint64_t end;           // the phase's items are below this number
    uint64_t items;         // that there are in all; a result for another one is wrong. 0: end
    uint64_t low_water;     // every item below is final or not due
} phase_t;

typedef enum {
    DUE_NOT,                // not due in this phase, or final already
    DUE_LEASE,              // to be leased
    DUE_SELF                // final without work: `settle` gives its result
} due_state_t;

enum { DUE_KEYS_MAX = 2 };

typedef struct {
    uint64_t item;
    due_state_t state;
    uint64_t group;                     // items of one group that stand together are leased together
    uint64_t keys [DUE_KEYS_MAX];       // what the item occupies while it is leased
    unsigned n_keys;
    uint64_t cost;                      // calls that it is expected to need; 0: none
} due_t;

typedef enum {
    VERDICT_PARTIAL,        // kept; the item goes on
    VERDICT_FINAL,          // kept; the item is done
    VERDICT_STALE,          // computed from something else than the store has: `known` says what; compute again
    VERDICT_BAD             // can't be read; the worker is at fault
} verdict_t;

typedef struct {
    const char *name;
    size_t lease_min;       // items that keep a worker busy while it waits for answers; 0: a few
    bool shares;                // its workers share limits: each is told how many they are
    bool second_copies;     // idle workers may take copies of the slowest leases (work that costs nothing)

    // What a worker needs: the kind's setup message, and the blobs that it names. Asked for before each phase; where it
    // has changed, workers are welcomed afresh.
    void (*setup) (kind_t *kind, buf_t *setup);
    size_t (*blobs) (kind_t *kind, digest_t *out, size_t max);
    status_t (*blob) (kind_t *kind, const digest_t *digest, buf_t *out, bool *found, fault_t *fault);

    // The next phase to work on; *found false when all are complete. Called again when a phase has ended.
    status_t (*phase) (kind_t *kind, phase_t *phase, bool *found, fault_t *fault);
    // A command to run in a child process when the phase has ended, NULL-terminated; NULL for none. Owned by the kind. It is
    // one of the program that the job runs as, where serve was given that.
    const char *const *(*phase_end) (kind_t *kind, const phase_t *phase);

    // Look at up to max items from `from` on; *next is where to go on (phase->end at the end).
    status_t (*due) (kind_t *kind, const phase_t *phase, uint64_t from, due_t *out, size_t max, size_t *n, uint64_t *next, fault_t *fault);
    // Items taken up again out of turn (retry), ascending from `from`; n 0: none left. Their final result forgets them.
    status_t (*retries) (kind_t *kind, uint64_t from, due_t *out, size_t max, size_t *n, fault_t *fault);

    // What an item that is due costs by now. NULL: as it was found due.
    status_t (*cost) (kind_t *kind, uint64_t item, uint64_t *cost, fault_t *fault);

    // The body of an item's message. first: of its batch, which later bodies may refer to.
    status_t (*body) (kind_t *kind, uint64_t item, bool first, buf_t *body, fault_t *fault);

    // Put what a result changes into the batch. Must see what earlier calls put into the same batch.
    status_t (*commit) (kind_t *kind, store_batch_t *batch, uint64_t item, bool final, const void *body, size_t len,
                        verdict_t *verdict, buf_t *known, fault_t *fault);
    // A result of an item that has its final one: keep what was paid for in it. NULL: nothing is.
    status_t (*late) (kind_t *kind, store_batch_t *batch, uint64_t item, const void *body, size_t len, fault_t *fault);
    // What requests used, beside a result or before the first one. NULL: nobody counts.
    void (*used) (kind_t *kind, const usage_t *usage);
    status_t (*settle) (kind_t *kind, store_batch_t *batch, uint64_t item, fault_t *fault);
    status_t (*quarantine) (kind_t *kind, store_batch_t *batch, uint64_t item, const char *reason, fault_t *fault);

    // Last words into a batch before it is written (counts, the phase's mark), and after it was.
    void (*before_write) (kind_t *kind, store_batch_t *batch, const phase_t *phase);
    void (*after_write) (kind_t *kind);
} kind_class_t;

// A kind's state begins with this.
struct kind {
    const kind_class_t *class;
};

#endif
