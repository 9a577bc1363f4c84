// reward_inspect: what a reward model is, and what speaks for and against a response; as text or as one JSON object.
#ifndef OPS_REWARD_INSPECT_H
#define OPS_REWARD_INSPECT_H

#include "model/reward.h"

// What a model is and which n-grams weigh most, `top` each way:
// {"file", "digest", "pairs", "ties", "left_out", "learnt_from", "cost", "validation_pairs", "validation_loss_bits" (null: none), "dimensions",
//  "words", "length_weights": [of log2 bytes, of its square / 16], "for": [{"weight", "block", "text"}], "against": [...]}
void reward_inspect (const reward_t *reward, const char *name, size_t top, bool json, buf_t *out);

// What speaks for and against each response of a row (from 1) of a file: {"file", "row", "responses": [{"key", "reward", "for", "against"}]}.
// ERR_NOT_FOUND where it has no such row.
status_t reward_inspect_row (const reward_t *reward, const char *path, uint64_t row, size_t top, bool json, buf_t *out, fault_t *fault) MUST_USE;

#endif
