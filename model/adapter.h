// adapter: the Rule Adapter. It foresees, from a prompt and two responses alone, which rules selection would pick, so that
// only those are judged (DESIGN "The method").
//
//     status = adapter_open_file (path, &adapter, fault);
//     reader = adapter_reader_new (adapter, rules, n_rules);      // the pool in use, which may be another than it learnt from
//     adapter_read_prompt (reader, turns, n_turns);               // once for all pairs of a prompt
//     adapter_read_pair (reader, a, n_a, b, n_b, value);          // a value for each rule of the pool
//     n = adapter_select (value, digests, n_rules, seed, &prompt_key, k, selected);
//
// Texts are read whole. Exchanging the responses gives the same bits: what is computed of both is computed of their sums and
// distances alone. No order of a sum depends on anything but the file, so the same file and texts give the same values.
#ifndef MODEL_ADAPTER_H
#define MODEL_ADAPTER_H

#include "model/adapter_file.h"

typedef struct adapter adapter_t;

// From bytes that are borrowed (a blob; aligned as malloc does, and outliving the adapter), or a file, which is mapped.
// Everything is checked first: see adapter_parts_read. ERR_IO.
status_t adapter_open (const char *name, const void *bytes, size_t len, adapter_t **out, fault_t *fault) MUST_USE;
status_t adapter_open_file (const char *path, adapter_t **out, fault_t *fault) MUST_USE;
void adapter_destroy (adapter_t **adapter);

const adapter_parts_t *adapter_parts (const adapter_t *adapter);
digest_t adapter_digest (const adapter_t *adapter);         // SHA-256 of all its bytes: its name everywhere
size_t adapter_size (const adapter_t *adapter);

// How many of the rules that it foresees are judged where a label is made of `top`.
size_t adapter_judged (const adapter_t *adapter, size_t top);

// Its twin that sees the prompt alone, borrowing from it; NULL where it has none.
const adapter_t *adapter_twin (const adapter_t *adapter);

// --- foreseeing ---

typedef struct { const char *text; size_t len; } adapter_text_t;   // a turn
typedef struct { const digest_t *digest; const char *text; } adapter_rule_t;

// Room to read in, and what binds the adapter to a pool. A rule that the adapter has learnt (the same digest) has its own
// weights. A stranger (reworded, new) gets a mixture of those of up to three learnt rules whose texts are most like its
// own, or the mean of all where none is like it. Not for two threads at a time; adapter and rules must outlive it.
typedef struct adapter_reader adapter_reader_t;
adapter_reader_t *adapter_reader_new (const adapter_t *adapter, const adapter_rule_t *rules, size_t n_rules);
void adapter_reader_destroy (adapter_reader_t **reader);

// How many rules of the pool it has not learnt; how many learnt ones the pool lacks.
size_t adapter_strangers (const adapter_reader_t *reader);
size_t adapter_unused (const adapter_reader_t *reader);

void adapter_read_prompt (adapter_reader_t *reader, const adapter_text_t *turns, size_t n_turns);
void adapter_read_pair (adapter_reader_t *reader, const adapter_text_t *a, size_t n_a, const adapter_text_t *b, size_t n_b,
                        float *value);

// The relevance alone that form `cells` foresees of the pair read last; false for the other forms.
bool adapter_relevance (const adapter_reader_t *reader, float *value);

// The k rules of largest value (fewer where the pool is smaller), best first, into selected. Equal values are ordered by a
// hash of (seed, prompt_key, rule digest), which is symmetric in the responses, as selection does it.
size_t adapter_select (const float *value, const digest_t *rule_digest, size_t n_rules, uint64_t seed,
                       const content_key_t *prompt_key, size_t k, uint32_t *selected);

#endif
