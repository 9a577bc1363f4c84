// judge: what scores a response against a rule.
//
// A judge is made from the run's setup. `cells` of a response are asked for as a set of rules; a judge that can
// answer at once calls done before judge_ask returns, one that asks a server calls it from judge_step. Everything
// happens on the executor's thread.
#ifndef WORKER_JUDGE_H
#define WORKER_JUDGE_H

#include "base/fault.h"
#include "model/rulepool.h"
#include "model/selection.h"
#include "proto/wire.pb-c.h"

typedef struct judge judge_t;

// One response to be judged against the rules that need names (n_rules flags). Texts stay valid until done is called.
typedef struct {
    const Rulemill__Conversation *prompt;
    const Rulemill__Conversation *response;
    const bool *need;
    cell_t *cells;              // n_rules; those needed are filled, with known set
    void *owner;                // handed to done
} judge_question_t;

// status OK, or ERR_* with why (the pair is quarantined with it).
typedef void judge_done_fn (void *ctx, judge_question_t *question, status_t status, const char *why);

// What a judge is made of: a table of functions, so that the worker does not know which it has.
typedef struct {
    const char *name;
    bool costly;                // each rule costs; false: second copies of leases are welcome
    status_t (*open) (judge_t *judge, const Rulemill__RunSpec *spec, const rulepool_t *pool, fault_t *fault);
    void (*ask) (judge_t *judge, judge_question_t *question);
    bool (*step) (judge_t *judge, int timeout_ms);      // false: nothing in flight; NULL for judges that answer at once
    void (*close) (judge_t *judge);
} judge_class_t;

struct judge {
    const judge_class_t *class;
    const rulepool_t *pool;     // outlives the judge
    judge_done_fn *done;
    void *done_ctx;
    void *self;                 // the class's own state
};

// Make the judge that spec->judge names. ERR_USAGE with the nearest known name for an unknown one.
status_t judge_open (judge_t *judge, const Rulemill__RunSpec *spec, const rulepool_t *pool,
                     judge_done_fn *done, void *done_ctx, fault_t *fault) MUST_USE;
void judge_ask (judge_t *judge, judge_question_t *question);
bool judge_step (judge_t *judge, int timeout_ms);
void judge_close (judge_t *judge);

// The names there are, for messages.
const char *const *judge_names (size_t *count);

// Add a judge, for tests; before any is opened.
void judge_add (const judge_class_t *class);

extern const judge_class_t judge_lexicon_class;     // judge_lexicon.c
extern const judge_class_t judge_replay_class;      // judge_replay.c: knows nothing itself; cells travel with the lease

#endif
