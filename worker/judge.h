// judge: what scores a response against a rule.
//
// A judge is made from the run's setup. `cells` of a response are asked for as a set of rules; a judge that can
// answer at once calls done before judge_ask returns, one that asks a server calls it from judge_step. Everything
// happens on the executor's thread.
#ifndef WORKER_JUDGE_H
#define WORKER_JUDGE_H

#include "base/fault.h"
#include "base/spend.h"
#include "model/rulepool.h"
#include "model/selection.h"
#include "proto/wire.pb-c.h"

typedef struct judge judge_t;

// One response to be judged against the rules that need names (n_rules flags). Texts stay valid until done is called. A judge with
// several layers (worker/label_layers.h) has n_rules flags and cells of each.
typedef struct {
    const Rulemill__Conversation *prompt;
    const Rulemill__Conversation *response;
    const bool *need;
    cell_t *cells;              // those needed are filled, with known set
    void *owner;                // handed to done
    const uint32_t *order;      // in which the n_rules rules are asked; NULL: the pool's
    uint8_t *endpoints;         // of each rule 1 + the endpoint that judged it last, which is left out where there is another; 0: none.
                                // The judge sets those of the cells that it fills. NULL: nobody wants to know
    bool gave_up;               // set by a judge with layers: repeats could not be judged, which ends no question
    // set by the judge for done and valid in it, where the question ends without its cells
    const char *raw;            // the whole answer that could not be read (answer_raw); NULL: there was none
    bool too_long;              // the conversation is, for the model
    uint32_t failed;            // 1 + the cell whose answer ended it; 0: it is not said
} judge_question_t;

// What has become of a request: the bound that was allowed for it, what it spent of that, what the server counted.
typedef struct { spend_t bound, spent; usage_t usage; } judge_used_t;

typedef enum { JUDGE_MAY, JUDGE_LATER, JUDGE_MAY_NOT } judge_leave_t;

// What the judge says to whoever asks. All run on the executor's thread.
typedef struct {
    // A question has come to its end. OK; ERR_DENIED: this worker may not ask (it says so and exits); ERR_LIMIT: it was
    // not allowed to go on; others: the pair is quarantined with why.
    void (*done) (void *ctx, judge_question_t *question, status_t status, const char *why);
    // One cell of the question is known. NULL: nobody wants to know before the end.
    void (*cell) (void *ctx, judge_question_t *question, uint32_t rule);
    // May one more request be sent for the question, which uses at most bound? The bound is taken down then, until `used` tells
    // what came of it, once for each. JUDGE_LATER: when one that is in flight has ended. JUDGE_MAY_NOT: the question is to
    // end, with ERR_LIMIT. NULL: always.
    judge_leave_t (*allow) (void *ctx, judge_question_t *question, const spend_t *bound);
    // A request has ended, or was not sent after all (nothing used); before its cell and before the question's end. NULL: nobody counts.
    void (*used) (void *ctx, judge_question_t *question, const judge_used_t *used);
    void *ctx;
} judge_sink_t;

// What a judge is made of: a table of functions, so that the worker does not know which it has.
typedef struct {
    const char *name;
    bool costly;                // each rule costs; false: second copies of leases are welcome
    status_t (*open) (judge_t *judge, const Rulemill__RunSpec *spec, const rulepool_t *pool, fault_t *fault);
    void (*ask) (judge_t *judge, judge_question_t *question);
    bool (*step) (judge_t *judge, int timeout_ms);      // false: nothing in flight; NULL for judges that answer at once
    void (*share) (judge_t *judge, unsigned workers);   // how many share its limits; 0: it has no part in them. NULL: there are none
    bool (*hungry) (const judge_t *judge);              // more questions could be asked now than there are. NULL: never
    void (*close) (judge_t *judge);
    // For who has several to wait for: readable when step has something to do at once, and after how many ms it has something to do
    // that fd does not tell of (-1: never), as of its last call. NULL: never known.
    int (*fd) (const judge_t *judge);
    int64_t (*timer_ms) (const judge_t *judge);
} judge_class_t;

struct judge {
    const judge_class_t *class;
    const rulepool_t *pool;     // outlives the judge, as setup does
    const Rulemill__JudgeSetup *setup;  // NULL: the judge asks nobody
    const Rulemill__LabelSetup *run;    // the whole setup
    judge_sink_t sink;
    void *self;                 // the class's own state
};

// Make the judge that setup's run names: one, or where the setup has several layers, one that asks each of them. ERR_USAGE with the nearest known name for an unknown one.
status_t judge_open (judge_t *judge, const Rulemill__LabelSetup *setup, const rulepool_t *pool,
                     const judge_sink_t *sink, fault_t *fault) MUST_USE;
// One member of the setup's panel, or its one judge.
status_t judge_open_member (judge_t *judge, const Rulemill__LabelSetup *setup, size_t member, const rulepool_t *pool,
                            const judge_sink_t *sink, fault_t *fault) MUST_USE;
void judge_ask (judge_t *judge, judge_question_t *question);
bool judge_step (judge_t *judge, int timeout_ms);
void judge_share (judge_t *judge, unsigned workers);        // at first it has its limits alone
bool judge_hungry (const judge_t *judge);
void judge_close (judge_t *judge);

// The names there are, for messages.
const char *const *judge_names (size_t *count);

// Add a judge, for tests; before any is opened.
void judge_add (const judge_class_t *class);

extern const judge_class_t judge_lexicon_class;     // judge_lexicon.c
extern const judge_class_t judge_openai_class;      // judge_openai.c: any OpenAI-compatible server
extern const judge_class_t judge_panel_class;       // judge_panel.c: several of them, and repeats
extern const judge_class_t judge_replay_class;      // judge_replay.c: knows nothing itself; cells travel with the lease

#endif
