// reward_pairs: pairs to learn from, in memory.
//
// From a dataset that rulemill exported (its folder, or the job's: train, validation and ties, each .jsonl or .jsonl.zst), or from
// JSON Lines of chosen and rejected, or of response_a, response_b and preference. Each text is kept whole. Over the cap
// on pairs a seeded sample of whole prompts is kept, and it is said so. The texts have a cap on memory of their own.
#ifndef OPS_REWARD_PAIRS_H
#define OPS_REWARD_PAIRS_H

#include "base/digest.h"
#include "model/reward_learn.h"
#include "proto/text.pb-c.h"

typedef struct {
    reward_turns_t prompt, a, b;    // a is the chosen one, where there is one
    int label;                      // 1: a, -1: b, 0: a tie
    int given;                      // what the corpus's own votes say, 0 for a tie; only where has_given
    bool has_given;
    double margin;                  // of the label; NaN: unknown
    content_key_t group;            // of the prompt's first user turn
    bool validation;                // stands in the validation file, or its prompt does
    unsigned input;                 // which of the paths
} reward_pair_t;

typedef struct reward_pairs reward_pairs_t;

typedef struct { uint64_t rows, left_out, bad; char first_bad [512]; } reward_pairs_report_t;

// Rows that can't be used are counted, and the first is described. ERR_FORMAT where no row can be used, ERR_USAGE where a folder has
// no dataset, ERR_LIMIT where the texts that are kept take over bytes_max. *out is owned by the caller.
status_t reward_pairs_load (const char *const *paths, size_t n_paths, size_t pairs_max, uint64_t bytes_max, uint64_t seed,
                            reward_pairs_t **out, reward_pairs_report_t *report, fault_t *fault) MUST_USE;
void reward_pairs_destroy (reward_pairs_t **pairs);

// All of them, in the order of the files.
const reward_pair_t *reward_pairs_at (const reward_pairs_t *pairs, size_t *n);

// Turns of a conversation as reward_features.h wants them, borrowing from it; into room for text->n_turns of them.
void reward_turns_of (const Rulemill__Conversation *text, reward_text_t *turns);

#endif
