// eval_preferences: how often a job's labels agree with the preferences that its rows gave, beside what needs no judge.
//
// Over labelled pairs with a given preference (the majority of its votes): agreement, a tie of the label counting 1/2; the share
// that is decided; each with a 95 % interval, bootstrapped by prompt. Several runs stand in one table, with the difference of
// each to one of them, paired: the same prompts are drawn for both.
//
// Baselines: a coin, the response that refuses (model/refusal.h), the one that does not, the longer one and the shorter one (in
// bytes). Where a baseline can't tell, it counts 1/2 as well.
#ifndef OPS_EVAL_PREFERENCES_H
#define OPS_EVAL_PREFERENCES_H

#include "model/stats.h"
#include "ops/parity.h"
#include "storage/dataset.h"
#include "storage/dataset_where.h"

enum { EVAL_RUNS_MAX = 24, EVAL_BASELINES = 5 };

typedef struct {
    char name [20];                 // of the run, "" for a baseline
    char *what;                     // "exhaustive 5", "prefer-longer"; owned
    bool baseline;
    uint64_t pairs, decided;
    interval_t agreement, difference;
} eval_line_t;

typedef struct {
    eval_line_t lines [EVAL_RUNS_MAX + EVAL_BASELINES];
    size_t count, n_runs;           // runs come first
    size_t reference;               // the run that differences are to
    uint64_t prompts;
} eval_preferences_t;

typedef struct {
    store_t *store;
    const Rulemill__RunRecord *const *runs;     // of one store; the first `exhaustive` one is the reference, else the first
    size_t n_runs;
    parity_t parity;
    const char *const *where;       // conditions as of storage/dataset_where.h
    size_t n_where;
    const Rulemill__RunRecord *foreseen;        // only pairs that this run of the policy auto or adapter labelled through an adapter and did not
                                                // audit, in the lines of all runs; NULL: all
    uint64_t seed;
} eval_preferences_options_t;

// One walk over the corpus for each run. Memory grows with the prompts (about 1 KB each). ERR_NOT_FOUND where no pair is left.
// What is in *out is freed with eval_preferences_free, also after a fault.
status_t eval_preferences (const eval_preferences_options_t *options, eval_preferences_t *out, fault_t *fault) MUST_USE;
void eval_preferences_free (eval_preferences_t *figures);

#endif
