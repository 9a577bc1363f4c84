// kind_label_plan: what labelling a run will ask of its judges, counted by walking its due pairs before anything is asked.
//
// Cells and calls are exact, as far as each request gets an answer that can be read; bytes are those of the texts, for an estimate of
// tokens. Takes one bit of memory for each cell that the corpus can have.
#ifndef COORDINATOR_KIND_LABEL_PLAN_H
#define COORDINATOR_KIND_LABEL_PLAN_H

#include <stdatomic.h>

#include "base/limits.h"
#include "coordinator/auto_plan.h"
#include "coordinator/kind.h"

// Of one judge: of a panel's members, each.
typedef struct {
    uint64_t cells;                 // that are missing
    uint64_t calls;                 // one for each of them and sample
    uint64_t prompt_bytes;          // that they say
    uint64_t shared_bytes;          // of those, what a call before it about the same response said too
} label_plan_judge_t;

typedef struct {
    bool made;
    bool begun;                     // the run is there already; else it would be begun
    uint64_t pairs_due;             // to be labelled by asking or from stored cells
    uint64_t pairs_identical;       // equal responses: ties that nobody is asked about
    uint64_t cells_needed;          // by due pairs, each counted once
    uint64_t cells_stored;          // of those
    uint64_t cells_most;            // of every rule, for the due pairs' responses
    bool foreseen;                  // an adapter is taken to foresee the rules of some: cells_needed are then about so many
    uint64_t responses;             // that are asked about
    label_plan_judge_t judge [LIMIT_JUDGES];
    label_plan_judge_t most [LIMIT_JUDGES];     // the same where every rule has to be judged
    bool has_auto;                  // the policy is auto, and
    auto_state_t automatic;         // this is where it stands, or would begin
} label_plan_t;

// kind is one of kind_label_new that nothing else uses meanwhile. ERR_STOPPED by stop, which another thread sets.
status_t kind_label_plan (kind_t *kind, const _Atomic bool *stop, label_plan_t *out, fault_t *fault) MUST_USE;

#endif
