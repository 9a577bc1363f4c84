// examples: judged pairs in memory, as a Rule Adapter learns from them.
//
// Prompts and responses are kept as vectors of features, responses with what the judge said of them; pairs point to both.
// What is kept is bounded: adding says when there is no room.
#ifndef MODEL_EXAMPLES_H
#define MODEL_EXAMPLES_H

#include "model/adapter.h"
#include "model/selection.h"

typedef struct examples examples_t;

// spec is copied. bytes_max: of all that is kept; the counting room of a reader and the names of n-grams come on top.
examples_t *examples_new (const features_spec_t *spec, size_t n_rules, uint64_t bytes_max);
void examples_destroy (examples_t **examples);

// Add a prompt; a response to it, with a cell for each rule (all known); a pair of two of its responses. Each is given the
// next number from 0. validation: the pair is not learnt from but used to set what can't be set on learnt pairs.
// False, and nothing is added: there is no room.
bool examples_add_prompt (examples_t *examples, const adapter_text_t *turns, size_t n_turns, uint32_t *number) MUST_USE;
bool examples_add_side (examples_t *examples, uint32_t prompt, const adapter_text_t *turns, size_t n_turns, const cell_t *cells,
                        uint32_t *number) MUST_USE;
bool examples_add_pair (examples_t *examples, uint32_t a, uint32_t b, bool validation) MUST_USE;

// --- what was added ---

typedef struct {
    uint32_t prompt;
    bool learnt;                // in a pair that is no validation pair
    features_side_t text;
    float *score, *relevance;   // of each rule, -1 .. 1 and 0 .. 1
} example_side_t;

typedef struct { uint32_t a, b; bool validation; } example_pair_t;

const features_spec_t *examples_spec (const examples_t *examples);
size_t examples_rules (const examples_t *examples);
size_t examples_sides (const examples_t *examples);
size_t examples_pairs (const examples_t *examples);
size_t examples_validation (const examples_t *examples);        // how many of the pairs
uint64_t examples_bytes (const examples_t *examples);
const features_t *examples_prompt (const examples_t *examples, uint32_t number);
const example_side_t *examples_side (const examples_t *examples, size_t number);
const example_pair_t *examples_pair (const examples_t *examples, size_t number);

// The n-gram that an index of a text's vector mostly stands for; at most ADAPTER_NGRAM_BYTES_MAX bytes, "" where none was seen.
const char *examples_ngram (const examples_t *examples, uint32_t index, size_t *len);

// The value of a rule for a pair; of each rule; the k rules of largest value, best first (by place in the pool where equal).
float examples_value (const examples_t *examples, const example_pair_t *pair, size_t rule, float weight_relevance,
                      float weight_discrepancy);
void examples_values (const examples_t *examples, const example_pair_t *pair, float weight_relevance, float weight_discrepancy,
                      float *value);
void examples_best (const float *value, size_t n_rules, size_t k, uint32_t *best);

#endif
