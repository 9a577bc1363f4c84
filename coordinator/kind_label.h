// kind_label: the coordinator's half of labelling; the worker's is worker/kind_label.h.
//
// Items are pair numbers. A pair is due where its group is in the phase's share, its prompt is not excluded and it has no
// label yet. Equal responses are settled here, as the tie that they are by definition. Results are checked before they
// are kept: a label must follow from the scores that it names.
//
// Pairs to be taken up again stand in the store under LABELS 'Q' + run u32 + pair u64 until they have a label; its byte is the adapter
// of the label that was set aside, as that has it.
#ifndef COORDINATOR_KIND_LABEL_H
#define COORDINATOR_KIND_LABEL_H

#include "coordinator/auto_plan.h"
#include "coordinator/kind.h"
#include "model/rulepool.h"
#include "proto/wire.pb-c.h"
#include "storage/records.h"

typedef struct {
    store_t *store;                     // outlives the kind, as all pointers here
    const Rulemill__RunRecord *run;
    const rulepool_t *pool;
    bool stored_cells;                  // the judge's cells are in the store: send them along, keep new ones
    bool second_copies;                 // the judge costs nothing
    bool costs;                         // there is a budget: an item costs the cells that it lacks
    const Rulemill__JudgeSetup *const *judges;  // sent to the workers, one for each member of the run's panel, or one
    size_t n_judges;                    // 0: the judge asks nobody
    const Rulemill__AdapterSetup *served_adapter;   // sent to the workers; NULL: the run's adapter is none that is served
    unsigned repeats;                   // how often cells of the share below are judged over; at most LIMIT_REPEATS
    double repeat_share;                // of prompts' groups, drawn by the run's seed
    const char *program, *dir;          // for the policy auto: rulemill's own path, the job's folder
    bool dry;                           // only to be counted (kind_label_plan.h), never labelled
    uint64_t limit;                     // label the groups of a seeded sample of at least this many prompts; 0: all
} kind_label_options_t;

status_t kind_label_new (const kind_label_options_t *options, kind_t **out, fault_t *fault) MUST_USE;
void kind_label_destroy (kind_t **kind);

// Counts of what is on disk.
const Rulemill__RunCounts *kind_label_counts (const kind_t *kind);

// With a limit: how many pairs it asks for, and how many of them are labelled or set aside. False without one, and before the first phase.
bool kind_label_limited (const kind_t *kind, uint64_t *done, uint64_t *pairs);

// Where the policy auto stands; false for other policies, and before it has begun.
bool kind_label_auto (const kind_t *kind, auto_state_t *out);


// Forget the quarantine of a run's pairs, so that they are due again. counts is brought up to date and stored too.
status_t kind_label_retry (store_t *store, uint32_t run, Rulemill__RunCounts *counts, uint64_t *n, fault_t *fault) MUST_USE;

// The same for a kind at work.
status_t kind_label_retry_now (kind_t *kind, uint64_t *n, fault_t *fault) MUST_USE;

#endif
