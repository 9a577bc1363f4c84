// auto_run: the policy `auto` at work: auto_plan.h with the store, and the files that training leaves.
//
// It says which phase comes next, how each pair is to be labelled, and which command trains an adapter. What is decided is
// committed at once. A training writes DIR/RUN/auto/NAME.adapter and, last, NAME.json; they become a blob of the store and a
// decision, and are removed. Killed anywhere, the same phases follow: a training that was cut off is done again, from the same pairs.
#ifndef COORDINATOR_AUTO_RUN_H
#define COORDINATOR_AUTO_RUN_H

#include "coordinator/auto_plan.h"
#include "coordinator/kind.h"
#include "storage/records.h"

typedef struct {
    store_t *store;                     // outlives it, as all pointers here
    const Rulemill__RunRecord *run;     // its spec's recipe is auto_recipe_write's
    const char *program, *dir;          // of the training's command, of the job
    bool dry;                           // only to count what there will be to ask: nothing is written, and what is undecided is taken to
                                        // go through an adapter
    uint32_t rules, judges;             // what all rules of a response cost: of the pool, and of a panel
    prices_t prices;                    // of the judge's tokens, a panel's mean
    // Is a pair of the phase at hand to be taken up again after it was set aside? A sample does not end before. NULL: none ever is.
    status_t (*any_retry) (void *ctx, bool *any, fault_t *fault);
    void *ctx;
} auto_run_options_t;

typedef struct auto_run auto_run_t;

#define AUTO_PHASE_REST "rest"          // the phase that ends a run; with a limit its name goes on

status_t auto_run_open (const auto_run_options_t *options, auto_run_t **out, fault_t *fault) MUST_USE;
void auto_run_close (auto_run_t **self);

// A corpus, and how much of it is to be labelled: `limit` of its prompts, a share of all (0 and 1: all), those whose group's hash is at
// most threshold (UINT64_MAX: all).
typedef struct { uint64_t pairs, responses, limit, threshold; double share; } auto_corpus_t;

// The next phase; *found false: all is done.
status_t auto_run_phase (auto_run_t *self, const auto_corpus_t *corpus, phase_t *phase, bool *found, fault_t *fault) MUST_USE;

// The command that the end of this phase asks for; NULL: none. Owned by self.
const char *const *auto_run_command (auto_run_t *self);

// How a pair is labelled; AUTO_HOW_LATER: not in this phase. group: of its prompt.
typedef enum { AUTO_HOW_LATER, AUTO_HOW_EXHAUSTIVE, AUTO_HOW_ADAPTER, AUTO_HOW_AUDIT } auto_how_t;
auto_how_t auto_run_how (const auto_run_t *self, uint64_t pair, const content_key_t *group);

// Are all pairs labelled exhaustively, whatever their prompt?
bool auto_run_all_exhaustive (const auto_run_t *self);

// The adapter of a pair that has no label yet and is labelled through one: its place in the record's list.
uint32_t auto_run_adapter (const auto_run_t *self, uint64_t pair);

// The most rules that any of the run's adapters has judged of a pair; 0 before there is one.
uint32_t auto_run_judged (const auto_run_t *self);

const Rulemill__AutoRecord *auto_run_record (const auto_run_t *self);     // NULL before the first phase

// Count what was audited behind the last whole block, for a look at a run at which nobody works.
status_t auto_run_audits (auto_run_t *self, fault_t *fault) MUST_USE;

// Where it stands, with the counts of its run; false before the first phase. What was audited behind the last whole block is known once all is
// done.
bool auto_run_state (const auto_run_t *self, const Rulemill__RunCounts *counts, auto_state_t *out);

#endif
