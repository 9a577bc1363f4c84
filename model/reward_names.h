// reward_names: what the dimensions that weigh most stand for, since a hash can't be turned back.
//
// The REWARD_NAMES_MAX dimensions of largest weight are watched for while texts are read once more; of several n-grams that share
// one the most frequent is kept (by Boyer and Moore's majority vote: the most frequent where it is more than half).
#ifndef MODEL_REWARD_NAMES_H
#define MODEL_REWARD_NAMES_H

#include "model/reward.h"

typedef struct reward_names reward_names_t;

// weights: one for each dimension; read here alone.
reward_names_t *reward_names_new (const features_spec_t *spec, const float *weights);

// For reward_watch; ctx is the reward_names_t.
void reward_names_watch (void *ctx, uint32_t index, const char *text, size_t len);

// Those that were seen, by ascending index, into names (room for REWARD_NAMES_MAX). Returns how many, and destroys.
size_t reward_names_end (reward_names_t **names, reward_name_t *out);

#endif
