#include "worker/judge.h"

#include <string.h>

#include "base/nearest.h"

enum { JUDGES = 2 };

static const judge_class_t *const classes [JUDGES] = { &judge_lexicon_class, &judge_replay_class };
static const char *const names [JUDGES] = { "lexicon", "replay" };

const char *const *judge_names (size_t *count)
{
    *count = JUDGES;
    return names;
}

status_t judge_open (judge_t *judge, const Rulemill__RunSpec *spec, const rulepool_t *pool,
                     judge_done_fn *done, void *done_ctx, fault_t *fault)
{
    for (size_t i = 0; i < JUDGES; i++)
        if (strcmp (names [i], spec->judge) == 0) {
            *judge = (judge_t) { .class = classes [i], .pool = pool, .done = done, .done_ctx = done_ctx };
            return judge->class->open (judge, spec, pool, fault);
        }
    const char *nearest = nearest_name (spec->judge, names, JUDGES);
    return fault_set (fault, ERR_USAGE, "unknown judge \"%.64s\"; %s \"%s\"", spec->judge,
                      nearest ? "did you mean" : "the embedded one is", nearest ? nearest : names [0]);
}

void judge_ask (judge_t *judge, judge_question_t *question)
{
    judge->class->ask (judge, question);
}

bool judge_step (judge_t *judge, int timeout_ms)
{
    return judge->class->step ? judge->class->step (judge, timeout_ms) : false;
}

void judge_close (judge_t *judge)
{
    if (judge->class)
        judge->class->close (judge);
    *judge = (judge_t) { 0 };
}
