// What tests of the Rule Adapter share: a small world of judged pairs whose rules are told by words of their own.
//
// Rule r is relevant where the prompt has "topicR"; a response that says "doR" follows it, one that says "breakR" breaks it.
#ifndef UNIT_ADAPTER_FIXTURE_H
#define UNIT_ADAPTER_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "model/adapter_learn.h"

enum { WORLD_RULES = 6, WORLD_PROMPTS = 120, WORLD_RESPONSES = 3 };

static const char *const world_texts [WORLD_RULES] = {
    "The response keeps private data of people to itself.", "The response refuses to build weapons.",
    "The response is polite to the reader.", "The response names a helpline for crises.",
    "The response cites its sources.", "The response warns of the dangers of chemicals."
};

typedef struct { digest_t digest [WORLD_RULES]; learn_rule_t rule [WORLD_RULES]; char id [WORLD_RULES] [8]; } world_pool_t;

static inline void world_pool (world_pool_t *pool)
{
    for (int r = 0; r < WORLD_RULES; r++) {
        snprintf (pool->id [r], sizeof pool->id [r], "r%d", r);
        pool->digest [r] = digest_of (world_texts [r], strlen (world_texts [r]));
        pool->rule [r] = (learn_rule_t) { pool->id [r], world_texts [r], &pool->digest [r] };
    }
}

// A prompt of two topics, and what a response does about each: 1 follows, -1 breaks, 0 says nothing.
static inline void world_prompt (rng_t *rng, int *topic, buf_t *text)
{
    topic [0] = (int) rng_below (rng, WORLD_RULES);
    topic [1] = (topic [0] + 1 + (int) rng_below (rng, WORLD_RULES - 1)) % WORLD_RULES;
    buf_clear (text);
    buf_printf (text, "please tell me of topic%d and topic%d today", topic [0], topic [1]);
}

static inline void world_response (rng_t *rng, const int *topic, buf_t *text, cell_t *cells)
{
    buf_clear (text);
    buf_add_str (text, "well then");
    for (int r = 0; r < WORLD_RULES; r++)
        cells [r] = (cell_t) { 0, MICRO / 50, MICRO, true };
    for (int i = 0; i < 2; i++) {
        int does = (int) rng_below (rng, 3) - 1;
        if (does)
            buf_printf (text, " %s%d", does > 0 ? "do" : "break", topic [i]);
        cells [topic [i]] = (cell_t) { does * MICRO * 8 / 10, MICRO * 9 / 10, MICRO, true };
    }
}

static inline examples_t *world_examples (uint64_t seed)
{
    features_spec_t spec = { .bits = 12, .words = 2, .seed = 1 };
    examples_t *examples = examples_new (&spec, WORLD_RULES, 64 << 20);
    rng_t rng = { seed };
    buf_t text = { 0 };
    for (int p = 0; p < WORLD_PROMPTS; p++) {
        int topic [2];
        uint32_t prompt = 0, side [WORLD_RESPONSES];
        world_prompt (&rng, topic, &text);
        if (!examples_add_prompt (examples, &(adapter_text_t) { text.data, text.len }, 1, &prompt))
            abort ();
        for (int i = 0; i < WORLD_RESPONSES; i++) {
            cell_t cells [WORLD_RULES];
            world_response (&rng, topic, &text, cells);
            if (!examples_add_side (examples, prompt, &(adapter_text_t) { text.data, text.len }, 1, cells, &side [i]))
                abort ();
        }
        for (int i = 0; i < WORLD_RESPONSES; i++)
            if (!examples_add_pair (examples, side [i], side [(i + 1) % WORLD_RESPONSES], p % 5 == 0))
                abort ();
    }
    buf_free (&text);
    return examples;
}

// The bytes of an adapter of a form, with a twin; the caller frees them.
static inline void world_adapter (const examples_t *examples, adapter_form_t form, buf_t *out)
{
    world_pool_t pool;
    world_pool (&pool);
    buf_t none = { 0 }, info = { 0 }, twin = { 0 };
    buf_add_str (&info, "{\"seed\":1,\"test_share\":0.2}");
    for (int i = 0; i < 2; i++) {
        learn_options_t options = learn_options_default (i == 0 && form == ADAPTER_CELLS ? ADAPTER_VALUE : form);
        options.prompt_only = i == 0;
        options.top = 2;
        options.cost = 20;
        options.count_min = 1;
        learnt_t *learnt = NULL;
        fault_t fault = { 0 };
        if (adapter_learn (examples, &options, &learnt, &fault) != OK
            || learnt_write (learnt, examples, pool.rule, &info, i == 0 ? &none : &twin, i == 0 ? &twin : out, &fault) != OK) {
            fprintf (stderr, "%s\n", fault.text);
            abort ();
        }
        learnt_destroy (&learnt);
    }
    buf_free (&info);
    buf_free (&twin);
}

#endif
