// label_choice: which rules a pair is asked about where a Rule Adapter foresees them.
#ifndef WORKER_LABEL_CHOICE_H
#define WORKER_LABEL_CHOICE_H

#include "model/rulepool.h"
#include "model/selection.h"
#include "proto/wire.pb-c.h"
#include "worker/kind.h"

typedef struct label_choice label_choice_t;

// The setup's adapters, which are among the blobs, bound to the pool. spec and pool outlive it. *out is NULL where the setup names none.
// ERR_FORMAT: one is missing, or is no adapter.
status_t label_choice_open (const Rulemill__LabelSetup *setup, const rulepool_t *pool, const selection_spec_t *spec,
                            const worker_blob_t *blobs, size_t n_blobs, label_choice_t **out, fault_t *fault) MUST_USE;
void label_choice_close (label_choice_t **choice);

// How many adapters there are; 0 for NULL.
size_t label_choice_count (const label_choice_t *choice);

// How many rules a pair is asked about at most: spec->top, or more where an adapter has more judged; 0 for NULL.
size_t label_choice_judged (const label_choice_t *choice);

// The rules that adapter number `at` (below the count) foresees for a pair, best first; at most label_choice_judged, into rules. What is computed of a prompt
// serves the pairs of the same prompt that follow.
size_t label_choice_foresee (label_choice_t *choice, size_t at, const content_key_t *prompt_key, const Rulemill__Conversation *prompt,
                             const Rulemill__Conversation *a, const Rulemill__Conversation *b, uint32_t *rules);

#endif
