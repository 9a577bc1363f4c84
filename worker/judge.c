#include "worker/judge.h"

#include <assert.h>
#include <string.h>

#include "base/nearest.h"

enum { JUDGES = 3, ADDED_MAX = 4 };

static const judge_class_t *const classes [JUDGES] = { &judge_lexicon_class, &judge_openai_class, &judge_replay_class };
static const char *const names [JUDGES] = { "lexicon", "openai", "replay" };

// What tests added; the program itself never writes here.
static const judge_class_t *added [ADDED_MAX];

const char *const *judge_names (size_t *count)
{
    *count = JUDGES;
    return names;
}

void judge_add (const judge_class_t *class)
{
    size_t i = 0;
    while (i < ADDED_MAX && added [i] && added [i] != class)
        i++;
    assert (i < ADDED_MAX);
    added [i] = class;
}

static const judge_class_t *find_class (const char *name)
{
    for (size_t i = 0; i < JUDGES; i++)
        if (strcmp (names [i], name) == 0)
            return classes [i];
    for (size_t i = 0; i < ADDED_MAX && added [i]; i++)
        if (strcmp (added [i]->name, name) == 0)
            return added [i];
    return NULL;
}

status_t judge_open_member (judge_t *judge, const Rulemill__LabelSetup *setup, size_t member, const rulepool_t *pool,
                            const judge_sink_t *sink, fault_t *fault)
{
    const Rulemill__RunSpec *spec = setup->spec;
    const judge_class_t *class = find_class (spec->judge);
    if (class) {
        *judge = (judge_t) { .class = class, .pool = pool, .sink = *sink, .run = setup,
                             .setup = member < setup->n_judge ? setup->judge [member] : NULL };
        return class->open (judge, spec, pool, fault);
    }
    const char *nearest = nearest_name (spec->judge, names, JUDGES);
    return fault_set (fault, ERR_USAGE, "unknown judge \"%.64s\"; %s \"%s\"", spec->judge,
                      nearest ? "did you mean" : "the embedded one is", nearest ? nearest : names [0]);
}

status_t judge_open (judge_t *judge, const Rulemill__LabelSetup *setup, const rulepool_t *pool,
                     const judge_sink_t *sink, fault_t *fault)
{
    if (setup->spec->n_panel == 0 && setup->repeats == 0)
        return judge_open_member (judge, setup, 0, pool, sink, fault);
    *judge = (judge_t) { .class = &judge_panel_class, .pool = pool, .sink = *sink, .run = setup };
    return judge_panel_class.open (judge, setup->spec, pool, fault);
}

void judge_ask (judge_t *judge, judge_question_t *question)
{
    judge->class->ask (judge, question);
}

bool judge_step (judge_t *judge, int timeout_ms)
{
    return judge->class->step ? judge->class->step (judge, timeout_ms) : false;
}

void judge_share (judge_t *judge, unsigned workers)
{
    if (judge->class->share)
        judge->class->share (judge, workers);
}

bool judge_hungry (const judge_t *judge)
{
    return judge->class->hungry && judge->class->hungry (judge);
}

void judge_close (judge_t *judge)
{
    if (judge->class)
        judge->class->close (judge);
    *judge = (judge_t) { 0 };
}
