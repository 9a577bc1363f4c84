// reward_train: learning in a child process that alone dies of memory (base/bounded.h), into a file that appears whole.
#ifndef OPS_REWARD_TRAIN_H
#define OPS_REWARD_TRAIN_H

#include "model/reward_learn.h"

// Learn from the examples, write path (aside, synced, renamed) and open it; a line says what did not fit. *out is owned by the caller.
status_t reward_train_file (const reward_example_t *examples, size_t n, const reward_options_t *options, const char *note, const char *path,
                            reward_t **out, fault_t *fault) MUST_USE;

#endif
