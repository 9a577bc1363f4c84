// adapter_part: which prompts a Rule Adapter learns from, and which are kept from it.
//
// Whole groups, by a threshold on the hash of seed and group key: rows added later move nobody.
#ifndef OPS_ADAPTER_PART_H
#define OPS_ADAPTER_PART_H

#include "model/adapter.h"
#include "model/rulepool.h"
#include "model/selection.h"
#include "storage/judged.h"

typedef enum { PART_LEARN, PART_VALIDATION, PART_TEST } adapter_part_t;

// test_share of the groups are for testing; a tenth of the rest is for validation.
adapter_part_t adapter_part (uint64_t seed, double test_share, const content_key_t *group_key);

// The exhaustive selection that a run stands for: its own weights and k, or the defaults where its policy has none.
// polarity (pool->count) is filled; the rest borrows from pool and digests.
selection_spec_t adapter_selection (const Rulemill__RunSpec *run, const rulepool_t *pool, const digest_t *digests, int8_t *polarity);

// The pairs of an open run that were judged by every rule. Of a run that labels some pairs through an adapter, those that it
// labelled exhaustively alone.
judged_walk_t *adapter_pairs (store_t *store, const Rulemill__RunRecord *run, const digest_t *digests, size_t n_rules);

// Texts of a conversation, borrowed; *turns is reused and grown as needed (free it).
size_t adapter_turns (const Rulemill__Conversation *conversation, adapter_text_t **turns, size_t *cap);

// Stored cells as selection knows them.
void adapter_cells (const cell_value_t *from, size_t n_rules, cell_t *to);

// A key as it stands in a record.
content_key_t adapter_key (const ProtobufCBinaryData *bytes);

// ERR_NOT_FOUND: no pair of the run has the word of its judge on all rules; says what to do.
status_t adapter_no_pairs (const char *dir, const Rulemill__RunRecord *run, uint64_t lacking, fault_t *fault) MUST_USE;

#endif
