// plan: what a labelling will ask, use and cost, shown before it is spent (label --dry-run, label --plan, and when a run is begun).
//
// Calls are counted; tokens, cost and time are estimates by what this judge's calls have used in this store, or else by the lengths of
// the texts and what the probe found.
#ifndef OPS_PLAN_H
#define OPS_PLAN_H

#include "coordinator/kind_label_plan.h"
#include "ops/judge_members.h"
#include "ops/outcome.h"
#include "storage/store.h"

typedef enum { PLAN_BY_USE, PLAN_BY_BYTES } plan_basis_t;
typedef enum { PACE_UNKNOWN, PACE_MEASURED, PACE_ONE_BY_ONE } plan_pace_t;

typedef struct {
    const judge_members_t *judges;      // borrowed, with currency; their n is 0 where the judge asks nobody
    const char *currency;
    bool log;                           // tell in log lines when it is made

    label_plan_t counts;
    uint64_t probe_calls;               // before a judge's first run, at most; on top of calls
    usage_t use, most;                  // estimated, but for its calls; where every rule has to be judged
    uint64_t cells_most;                // that are missing then
    auto_price_t price;                 // of the policy auto's choices
    bool priced;
    plan_basis_t basis;
    plan_pace_t pace;
    double calls_per_s;                 // PACE_MEASURED
    double seconds;                     // -1: unknown
} plan_t;

// Fits job_options_t.on_plan with the plan_t as its context.
void plan_make (void *plan, store_t *store, const label_plan_t *counts);

// Lines for people; one object. outcome: of the job that made it, which was stopped there.
void plan_text (const plan_t *plan, const outcome_t *outcome, buf_t *out);
void plan_json (const plan_t *plan, const outcome_t *outcome, buf_t *out);

#endif
