// count_kind: a trivial task kind, both halves, that uses every hook of coordinator/kind.h and worker/kind.h.
//
// Items are the numbers 0 .. n - 1, a result is the number's square. Phase "even" takes the even ones and ends with a command,
// phase "all" takes the rest.
//
//   LABELS  'L' + item u64     "=" + square u64, "s" settled by itself, "q" + reason
//           'Q' + item u64     to be taken up again
//   CELLS   'p' + item u64     a partial result
//   META    "mark" + phase     low-water mark u64;  "count"  final results u64, committed with them
#ifndef TESTS_UNIT_COUNT_KIND_H
#define TESTS_UNIT_COUNT_KIND_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "coordinator/kind.h"
#include "worker/kind.h"

enum { COUNT_MAX = 8192, COUNT_LEASES = 1024 };

// --- what both halves know: the setup message --------------------------------

typedef struct {
    uint64_t partials;      // a partial result before each final one
    uint64_t spend;         // units for each item
    uint64_t pause_us;      // for each item
    uint64_t deadly;        // the worker dies of this item; 0: of none
    uint64_t phase;         // 2 in phase "all", where the setup is to change; results say which they were made under
} count_setup_t;

static const char count_blob_text [] = "a blob that every worker must have";

uint64_t count_u64 (const void *bytes);
void count_key (buf_t *key, char type, uint64_t item);

// --- the coordinator's half ---------------------------------------------------

typedef struct {
    kind_t kind;
    kind_class_t class;
    store_t *store;
    count_setup_t setup;
    uint64_t n;
    uint64_t group;                 // items of a group; 0: one
    uint64_t cost;
    uint64_t self_every, not_every; // DUE_SELF, DUE_NOT; 0: none
    uint64_t pair_keys;             // items of one key, i % pair_keys; 0: no keys
    uint64_t stale;                 // items that are a multiple of it must be computed from 1000; 0: none
    uint64_t body_bytes;            // of padding
    const char *const *command;     // at the end of phase "even"
    bool even_alone;                // no phase "all"
    bool changes;                   // the setup changes with phase "all"
    unsigned other_setup;           // results that were made under another setup than the phase's
    bool asked_end, ended;
    unsigned commands;
    uint64_t count;                 // final results, with those not yet written
    uint64_t looked_past;           // the furthest item that was looked at
    unsigned writes, exit_after;    // _exit (7) after so many writes; 0: never
    bool first_seen;                // a batch begins with `first`
} count_kind_t;

uint64_t count_get_number (store_t *store, store_table_t table, const buf_t *key);
uint64_t count_mark (store_t *store, const char *phase);
bool count_has (store_t *store, char type, uint64_t item);
bool count_is_not (const count_kind_t *self, uint64_t item);
status_t count_settle (kind_t *kind, store_batch_t *batch, uint64_t item, fault_t *fault);
status_t count_quarantine (kind_t *kind, store_batch_t *batch, uint64_t item, const char *reason, fault_t *fault);
void count_kind_make (count_kind_t *self, store_t *store, uint64_t n);

// Quarantined items to be taken up again.
void count_take_up_again (count_kind_t *self);

// --- the worker's half --------------------------------------------------------

// Which items this process's workers were told are on disk.
extern _Atomic unsigned char count_settled_items [COUNT_MAX];

extern const worker_kind_class_t count_worker_class;

#endif
