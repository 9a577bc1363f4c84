// reward_features: what a reward model sees of a prompt and a response.
//
// Three blocks of 2^bits dimensions side by side, then the lengths:
//
//   response   hashed n-grams of the response (model/features.h)
//   opening    the same of its first REWARD_OPENING_WORDS words: whether it refuses shows there
//   echo       for n-grams of the response that stand in the prompt too, the product of both values
//   lengths    log2 (1 + bytes) of the response, and its square / 16: see model/reward.h
//
// Features of the prompt alone are none: they are the same for two responses to it, so they cancel.
#ifndef MODEL_REWARD_FEATURES_H
#define MODEL_REWARD_FEATURES_H

#include "model/features.h"

enum { REWARD_OPENING_WORDS = 16, REWARD_BLOCKS = 3, REWARD_LENGTHS = 2 };

typedef struct { const char *text; size_t len; } reward_text_t;     // a turn

// Dimensions of all blocks; the lengths are the last REWARD_LENGTHS.
uint32_t reward_dimensions (const features_spec_t *spec);

// The number of a block's dimension; names for people: "response", "opening", "echo", "length".
const char *reward_block_name (const features_spec_t *spec, uint32_t index);

// Room to read in. Not for two threads at a time.
typedef struct reward_reader reward_reader_t;
reward_reader_t *reward_reader_new (const features_spec_t *spec);       // spec must be valid
void reward_reader_destroy (reward_reader_t **reader);

// The prompt first, then any number of responses to it; out is overwritten.
void reward_read_prompt (reward_reader_t *reader, const reward_text_t *turns, size_t n);
void reward_read_response (reward_reader_t *reader, const reward_text_t *turns, size_t n, features_t *out);

// Be told of each n-gram of responses with the dimensions that it may count in (of each block); watch NULL: no more.
void reward_watch (reward_reader_t *reader, features_watch_fn *watch, void *ctx);

#endif
