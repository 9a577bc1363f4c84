// reward_learn: a reward model from pairs, by Bradley-Terry (Bradley and Terry 1952): P (a is preferred) = sigmoid (r (a) - r (b)).
//
// That is logistic regression without a constant on the differences of features (liblinear's primal solver, which draws nothing):
//   - a pair enters in both orientations, +d as won and -d as lost; a tie enters as won and as lost;
//   - a pair of larger margin may count more: 1 + 3 * min (1, margin / the .95 quantile of margins) times, by a seeded draw;
//   - C is the one of REWARD_COSTS with the least log-loss of the validation pairs, then the model learns from all pairs;
//   - over the cap on pairs, or where memory does not suffice, a seeded sample is taken, and how many were left out is told.
// liblinear does not survive a failed allocation: run it in base/bounded.h's child.
#ifndef MODEL_REWARD_LEARN_H
#define MODEL_REWARD_LEARN_H

#include "model/reward.h"

enum { REWARD_COPIES_MAX = 4 };
#define REWARD_COSTS { 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30 }

typedef struct { const reward_text_t *turns; size_t n; } reward_turns_t;

typedef struct {
    reward_turns_t prompt, a, b;
    int preferred;                  // 1: a, -1: b, 0: a tie
    double margin;                  // of the label, 0 or more; NaN: unknown, which counts once
    bool validation;                // C is chosen on it
} reward_example_t;

typedef struct {
    features_spec_t spec;
    uint64_t seed;
    size_t pairs_max;
    uint64_t bytes_max;             // of rows and training
    bool margins;                   // count by margin
} reward_options_t;

reward_options_t reward_options_default (void);     // features_spec_default, 200,000 pairs, 1 GiB, margins

// Learn and append the file to out. note goes into it. ERR_FORMAT where no pair has a preference, ERR_LIMIT where not even a
// hundredth of the pairs fits into bytes_max.
status_t reward_learn (const reward_example_t *examples, size_t n, const reward_options_t *options, const char *note, buf_t *out,
                       fault_t *fault) MUST_USE;

#endif
