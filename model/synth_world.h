// synth_world: the hidden truth of a synthetic corpus (docs/SYNTH.md).
//
// Integers alone, in thousandths unless said otherwise, so that every machine
// computes the same. Which prompt, which rules matter to it and how much: a scene.
// What one response is like under those rules, and what it is worth: an actor.
// Neither ever sees a text.
#ifndef MODEL_SYNTH_WORLD_H
#define MODEL_SYNTH_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/rng.h"
#include "model/synth.h"
#include "model/synth_bank.h"

enum { SYNTH_ONE = 1000, SYNTH_MODELS = 8 };

// A rule of the pool as this world has it.
typedef struct {
    const char *id;             // borrowed
    int polarity;               // 1 or -1
    int reliability;            // of its cell scores, 600 .. 950
    synth_rule_bank_t bank;
} synth_world_rule_t;

// A rule that is relevant to a prompt.
typedef struct {
    unsigned rule;              // its number in the pool
    bool core;                  // the prompt is about it
    int weight;                 // in the hidden utility, before normalising; > 0
} synth_relevant_t;

typedef struct {
    const synth_kind_t *kind;
    const synth_topic_t *topic;
    uint64_t number;            // of the prompt, from 0
    size_t n_relevant;          // >= 1
    synth_relevant_t relevant [LIMIT_RULES];    // in the order of the pool
} synth_scene_t;

typedef struct {
    unsigned model;             // 0 .. SYNTH_MODELS - 1, best first
    int latent [LIMIT_RULES];   // -1000 broken .. 1000 followed, one for each relevant rule of the scene
    int64_t utility_micro;      // the hidden truth, units of 1e-6
} synth_actor_t;

// What a judge says of one cell; the three sum to 1000.
typedef struct { int yes, no, irrelevant; } synth_cell_t;

typedef struct synth_world synth_world_t;

// As synth_new, which see. many: the regime.
synth_world_t *synth_world_new (const synth_rule_t *rules, size_t n_rules, uint64_t seed, bool many);

size_t synth_world_n_rules (const synth_world_t *world);
const synth_world_rule_t *synth_world_rule (const synth_world_t *world, size_t rule);

// A generator of its own for purpose `tag` at (a, b).
rng_t synth_world_rng (const synth_world_t *world, uint64_t tag, uint64_t a, uint64_t b);

// A whole number with mean 0 and the given standard deviation: the sum of four
// uniform ones (Irwin-Hall), within 3.5 deviations.
int synth_noise (rng_t *rng, int deviation);

// The scene of prompt `number`.
void synth_world_scene (const synth_world_t *world, uint64_t number, synth_scene_t *scene);

// A response of `model` in that scene; draws from rng.
void synth_world_actor (const synth_world_t *world, const synth_scene_t *scene, unsigned model, rng_t *rng,
                        synth_actor_t *actor);

// Cells of all rules, in the order of the pool, for a response; draws from rng.
void synth_world_cells (const synth_world_t *world, const synth_scene_t *scene, const synth_actor_t *actor,
                        rng_t *rng, synth_cell_t *cells);

void synth_world_destroy (synth_world_t **world);

#endif
