// toy_kind: a task kind that does what its items say, for tests of the worker around it.
//
// An item's body says what becomes of it: "now..." is answered within begin, "later..." by a step, "two..." with a
// partial and a final result, "block..." keeps the thread until the test lets it go, "bad..." can't be read,
// "never..." stays in flight, "unfit..." ends the worker's use. A result's body is the item's.
#ifndef TESTS_UNIT_TOY_KIND_H
#define TESTS_UNIT_TOY_KIND_H

#include <stdatomic.h>
#include <stdbool.h>

#include "worker/kind.h"

// What was called, and what the test lets happen.
typedef struct {
    _Atomic int opens, closes, settled, revokes, again, sharing;
    _Atomic bool blocked, go, hungry;
    _Atomic size_t blob_bytes;
} toy_seen_t;

extern toy_seen_t seen;
extern const worker_kind_class_t toy_kind;

#endif
