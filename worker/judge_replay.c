// Recorded scores travel with the lease as known cells. What is asked for here is what the record lacks.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "worker/judge.h"

typedef struct { bool missing_irrelevant; } self_t;

static status_t replay_open (judge_t *judge, const Rulemill__RunSpec *spec, const rulepool_t *pool, fault_t *fault)
{
    (void) pool;
    bool irrelevant = strcmp (spec->missing, "irrelevant") == 0;
    if (!irrelevant && strcmp (spec->missing, "quarantine") != 0)
        return fault_set (fault, ERR_USAGE, "missing can't be \"%.64s\"; use \"quarantine\" or \"irrelevant\"", spec->missing);
    self_t *self = mem_zero (1, sizeof *self);
    self->missing_irrelevant = irrelevant;
    judge->self = self;
    return OK;
}

// Name the first missing rule and count the others.
static void refuse (judge_t *judge, judge_question_t *question)
{
    size_t first = judge->pool->count, count = 0;
    for (size_t r = judge->pool->count; r-- > 0;)
        if (question->need [r]) {
            first = r;
            count++;
        }
    const char *id = count ? judge->pool->rules [first].id : "";
    char why [LIMIT_RULE_ID_BYTES + 200], others [40] = "";
    if (count > 1)
        snprintf (others, sizeof others, " and %zu other%s", count - 1, count > 2 ? "s" : "");
    snprintf (why, sizeof why, "no recorded score for rule %s%s; add it to the score file, or set missing to irrelevant", id,
              others);
    judge->sink.done (judge->sink.ctx, question, ERR_NOT_FOUND, why);
}

static void replay_ask (judge_t *judge, judge_question_t *question)
{
    const self_t *self = judge->self;
    if (!self->missing_irrelevant) {
        refuse (judge, question);
        return;
    }
    for (size_t r = 0; r < judge->pool->count; r++)
        if (question->need [r])
            question->cells [r] = (cell_t) { .known = true };
    judge->sink.done (judge->sink.ctx, question, OK, NULL);
}

static void replay_close (judge_t *judge)
{
    free (judge->self);
    judge->self = NULL;
}

const judge_class_t judge_replay_class = {
    .name = "replay", .costly = false, .open = replay_open, .ask = replay_ask, .close = replay_close,
};
