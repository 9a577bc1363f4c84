// kind: the worker's half of a task kind. The loop that leases, beats, sends and drains knows no more of the work than this.
//
// Everything but `open` runs on the executor's thread.
#ifndef WORKER_KIND_H
#define WORKER_KIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/fault.h"
#include "base/spend.h"

typedef struct worker_kind worker_kind_t;

// What a lease used since its last result: of its grant, and by the server's own figures.
typedef struct { spend_t spent; usage_t usage; } worker_used_t;

// Where results go. Bodies are copied.
typedef struct {
    void *ctx;
    // One result of an item; final ends it. used: NULL where the lease used nothing since its last result.
    void (*result) (void *ctx, uint64_t lease, uint64_t item, bool final, const void *body, size_t len, const worker_used_t *used);
    // Something moved; the item is in hand (or, with busy false, nothing is).
    void (*progress) (void *ctx, bool busy, uint64_t item);
    // What is not done of a lease is to be given back; nothing of it is in flight and all that it used was told. need: what its
    // next request may use and the rest of its grant does not cover; NULL where that is not the reason.
    void (*give_back) (void *ctx, uint64_t lease, const spend_t *need);
    // The worker can do no more of this work (a refused key): it says Unfit and exits.
    void (*unfit) (void *ctx, const char *reason);
} worker_sink_t;

// A blob that the setup named; fetched and checked before open.
typedef struct { digest_t digest; const void *bytes; size_t len; } worker_blob_t;

typedef struct {
    const char *name;
    status_t (*open) (worker_kind_t **out, const void *setup, size_t setup_len, const worker_blob_t *blobs, size_t n_blobs,
                      const worker_sink_t *sink, fault_t *fault);
    // What a lease may use in all; told before its first batch where there is a limit. NULL: it spends nothing.
    void (*grant) (worker_kind_t *kind, uint64_t lease, const spend_t *grant);
    // So many workers, this one included, share the job's limits from now on; 0, and before it was told: it has no part in them.
    // NULL: it has none.
    void (*share) (worker_kind_t *kind, unsigned workers);
    // Take the items of one batch, in order. ERR_FORMAT: the batch can't be read (the lease is returned).
    // Items of a batch may refer to earlier ones of the same batch. May answer some or all at once.
    status_t (*begin) (worker_kind_t *kind, uint64_t lease, const uint64_t *items, const void *const *bodies,
                       const size_t *lens, size_t n, fault_t *fault);
    // Compute an item again from what the store has (Stale).
    status_t (*again) (worker_kind_t *kind, uint64_t lease, uint64_t item, const void *known, size_t len, fault_t *fault);
    // The item's final result is on disk: forget it.
    void (*settled) (worker_kind_t *kind, uint64_t item);
    // Drop what is not begun of a lease.
    void (*revoke) (worker_kind_t *kind, uint64_t lease);
    // Go on with what is in flight for at most timeout_ms; false: nothing is.
    bool (*step) (worker_kind_t *kind, int timeout_ms);
    // Could it do more at once than it has items for? Another lease is asked for then. NULL: never.
    bool (*hungry) (const worker_kind_t *kind);
    void (*close) (worker_kind_t **kind);
} worker_kind_class_t;

extern const worker_kind_class_t worker_kind_label;     // kind_label.c

// The class by name; NULL where there is none. Tests may add one with worker_kind_add.
const worker_kind_class_t *worker_kind_find (const char *name);
void worker_kind_add (const worker_kind_class_t *class);

#endif
