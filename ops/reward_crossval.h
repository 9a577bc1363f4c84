// reward_crossval: is a reward model that learns from labels any good? Held out by group, against the preferences that the corpus gave.
//
// Groups (prompts of the same first user turn) are cut into folds by a seeded hash. For each fold a model learns from the labels of the
// others, with C chosen on a tenth of their groups, and another one from the given preferences: its ceiling. Each pair with a
// given preference then counts 1 where the higher reward is that of the preferred response, 1/2 where there is no telling.
// Beside them stand a coin, the longer and the shorter response, the one that refuses (model/refusal.h) and the one that does
// not, and the labels themselves. Intervals: whole groups resampled, differences paired.
#ifndef OPS_REWARD_CROSSVAL_H
#define OPS_REWARD_CROSSVAL_H

#include "model/bootstrap.h"
#include "ops/reward_pairs.h"

enum { CROSSVAL_FOLDS = 5, CROSSVAL_INPUTS_MAX = 8 };

typedef enum {
    CROSS_LABELS_MODEL,             // the reward model that learnt from labels
    CROSS_LABELS_LENGTH,            // the same, length not held out
    CROSS_GIVEN_MODEL,              // that learnt from given preferences
    CROSS_GIVEN_LENGTH,
    CROSS_LABELS,                   // the labels themselves
    CROSS_COIN, CROSS_LONGER, CROSS_SHORTER, CROSS_REFUSAL, CROSS_COMPLIANCE,
    CROSS_COUNT
} cross_t;

const char *cross_name (cross_t which);

// Of one input, or of all.
typedef struct {
    uint64_t pairs, groups;
    interval_t agreement [CROSS_COUNT];
    interval_t difference [CROSS_COUNT];    // of CROSS_LABELS_MODEL less this one
} cross_part_t;

typedef struct {
    cross_part_t all, input [CROSSVAL_INPUTS_MAX];
    unsigned n_inputs;
    double cost [CROSSVAL_FOLDS] [2];       // C as chosen, for labels and for given preferences
    uint64_t learnt [CROSSVAL_FOLDS] [2];   // pairs
} crossval_t;

// scratch: a folder for the models. ERR_FORMAT where no pair has a given preference.
status_t reward_crossval (const reward_pairs_t *pairs, unsigned n_inputs, const reward_options_t *options, const char *scratch,
                          crossval_t *out, fault_t *fault) MUST_USE;

// names: of the inputs; origins: whose labels they are (ops/reward_origin.h).
void reward_crossval_text (const crossval_t *figures, const char *const *names, const char *const *origins, buf_t *out);
void reward_crossval_json (const crossval_t *figures, const char *const *names, const char *const *origins, buf_t *out);

#endif
