// kind_label_parts: what the files of kind_label share. Nobody else includes it.
#ifndef COORDINATOR_KIND_LABEL_PARTS_H
#define COORDINATOR_KIND_LABEL_PARTS_H

#include <uthash.h>

#include "coordinator/auto_run.h"
#include "coordinator/kind_label.h"
#include "model/selection.h"
#include "proto/wire.h"

enum { RAW_BYTES_MAX = 64 * 1024, SENT_MAX = 2048 };

// Cells of a response in one layer that a batch not yet written will change.
typedef struct { uint64_t response, layer; } overlay_key_t;

typedef struct {
    overlay_key_t key;
    Rulemill__Cells *cells;         // with dense rule numbers, ascending
    UT_hash_handle hh;
} overlay_t;

// What a served adapter chose for a pair, in a batch not yet written.
typedef struct {
    uint64_t item;
    buf_t chosen;                   // a Foreseen, packed
    UT_hash_handle hh;
} choice_t;

// What a limit leaves: the sample is drawn once for so many prompts, its share of the corpus's first `end` pairs counted once and followed
// by the run's counts. Both are kept in the store.
typedef struct {
    uint64_t prompts, threshold;    // prompts 0: not drawn yet
    uint64_t end, counted;          // by the threshold `counted`; end 0: not counted yet
    uint64_t pairs, done;           // done: had a label when they were counted
    uint64_t final_then;            // pairs of the run that had one then
} label_asked_t;

typedef struct {
    kind_t kind;
    kind_class_t class;             // a copy, as second_copies depends on the judge
    kind_label_options_t options;
    uint32_t run;
    Rulemill__RunCounts counts;     // with those of the batch that is not written yet
    Rulemill__RunCounts written;    // as they stand in the store
    uint64_t threshold;             // of the present phase
    uint64_t prompts, responses;    // of the corpus
    label_asked_t asked;            // where there is a limit
    bool has_excluded;

    // layers (PROTOCOL.md, "The labelling kind"): the members' cells first, then each repeat of them
    size_t members, layers;
    uint32_t *layer_judge;          // [layers] dense numbers of judges in the store
    Rulemill__JudgeSetup judge [LIMIT_JUDGES], *judges [LIMIT_JUDGES];  // how members are asked, with what the store knows of them

    // the pool's rules by their dense numbers in the store, and back
    uint32_t *rule_number;          // [pool->count]
    int32_t *rule_index;            // [rule_index_n] by dense number; -1: not of this pool
    uint32_t rule_index_n;

    // which cells a pair needs; NULL and unused for a policy that selection does not know
    selection_spec_t select;
    uint32_t *fixed;
    int8_t *polarity;
    digest_t *rule_digest;
    bool *need;                     // of the pair asked about last

    // the last prompt that was asked about
    uint64_t prompt;
    bool prompt_known, prompt_due;
    bool prompt_again;              // it is in the share that is judged over
    content_key_t prompt_group;     // where the policy is auto

    auto_run_t *auto_run;           // NULL: the policy is another one

    // what the present batch of a lease has brought already
    uint64_t sent_prompt;
    uint64_t sent [SENT_MAX];
    size_t n_sent;

    bool retrying;                  // there may be 'Q' records
    overlay_t *overlay;
    choice_t *choices;
} label_kind_t;

// kind_label_how.c
// What must be known of a prompt to tell whether its pairs are due, what they cost and how they are labelled: into self->prompt_...
status_t label_look_at_prompt (label_kind_t *self, uint64_t number, fault_t *fault) MUST_USE;
bool label_prompts_differ (const label_kind_t *self);   // else every prompt is due, and nothing need be looked at
uint64_t label_limit_hash (const label_kind_t *self, const Rulemill__PromptRecord *prompt);
status_t label_how (label_kind_t *self, uint64_t item, uint64_t prompt, Rulemill__LabelHow *how, bool *later, fault_t *fault) MUST_USE;
bool label_sampling (const label_kind_t *self);     // the policy auto judges its sample
// Who selects the rules of an item that is labelled so, as its label says.
const char *label_selector (const label_kind_t *self, Rulemill__LabelHow how);
// The adapter that the item goes through, where it goes through one: that by which it was set aside, or else the one of its number.
status_t label_adapter (label_kind_t *self, uint64_t item, uint32_t *place, fault_t *fault) MUST_USE;
// The same as its label has it.
status_t label_adapter_of (label_kind_t *self, uint64_t item, const Rulemill__Label *label, uint32_t *adapter, fault_t *fault) MUST_USE;
bool label_is_served (const label_kind_t *self);     // is the run's adapter behind HTTP?
// Are its rules foreseen by an adapter, so that only the worker knows which are asked about? Then they are this many.
bool label_foreseen (const label_kind_t *self, Rulemill__LabelHow how, uint64_t *rules);

// kind_label_limit.c
// What the store knows of the limit, at the start; and what is known now, for the next one.
status_t label_limit_open (label_kind_t *self, fault_t *fault) MUST_USE;
void label_limit_put (const label_kind_t *self, store_batch_t *batch);
// The largest group hash of the sample: that of the limit-th prompt by hash, by a walk over the prompts where that is not known yet. 8 bytes
// of memory for each prompt of the sample.
status_t label_limit_threshold (label_kind_t *self, uint64_t *threshold, fault_t *fault) MUST_USE;
// Count the pairs below end that self->threshold leaves, by a walk over the pairs where that is not known yet.
status_t label_limit_count (label_kind_t *self, uint64_t end, fault_t *fault) MUST_USE;

// kind_label.c
// Is there a label at `item`? labels walks along with items that come in order.
bool label_at (store_iter_t *labels, uint64_t item);

// kind_label_item.c
status_t label_body (kind_t *kind, uint64_t item, bool first, buf_t *body, fault_t *fault);
bool label_swapped (const label_kind_t *self, const Rulemill__PairRecord *pair);
content_key_t label_key (const ProtobufCBinaryData *bytes);
// Are a prompt's pairs judged over, and in how many layers is such a pair judged?
bool label_again (const label_kind_t *self, const Rulemill__PromptRecord *prompt);
size_t label_layers (const label_kind_t *self, bool again);
// The cells of the response on one side of a pair (1 A, 2 B as stored) in its first `layers` layers, numbered as on the wire; NULL where
// there are none.
status_t label_known (label_kind_t *self, uint64_t item, const Rulemill__PairRecord *pair, int side, size_t layers, Rulemill__Cells **out,
                      fault_t *fault) MUST_USE;
// What a served adapter chose for an item, NULL where nothing is known. The caller frees it.
status_t label_chosen (label_kind_t *self, uint64_t item, Rulemill__Foreseen **out, fault_t *fault) MUST_USE;
Rulemill__Cells *label_cells_new (size_t room);
void label_cells_add (Rulemill__Cells *cells, uint32_t rule, int32_t score, uint32_t relevance, uint32_t mass);


// kind_label_need.c
status_t label_need_open (label_kind_t *self, fault_t *fault) MUST_USE;
void label_need_close (label_kind_t *self);
// By rule, valid until the next call; NULL: all. Where an adapter foresees them, as many as it will be, not which.
const bool *label_needs (label_kind_t *self, const Rulemill__PairRecord *pair, Rulemill__LabelHow how);
// The cells that a pair needs and the store lacks: the calls that it costs.
status_t label_price (label_kind_t *self, uint64_t item, const Rulemill__PairRecord *pair, uint64_t *cost, fault_t *fault) MUST_USE;

// kind_label_commit.c
status_t label_commit (kind_t *kind, store_batch_t *batch, uint64_t item, bool final, const void *body, size_t len,
                       verdict_t *verdict, buf_t *known, fault_t *fault);
status_t label_late (kind_t *kind, store_batch_t *batch, uint64_t item, const void *body, size_t len, fault_t *fault);
void label_used (kind_t *kind, const usage_t *usage);
status_t label_settle (kind_t *kind, store_batch_t *batch, uint64_t item, fault_t *fault);
status_t label_quarantine (kind_t *kind, store_batch_t *batch, uint64_t item, const char *reason, fault_t *fault);
void label_after_write (kind_t *kind);

// kind_label_retry.c
// Is a label of this pair wanted now? Not where a limit leaves its prompt out, or it is excluded, unless it is taken up again.
status_t label_is_asked (label_kind_t *self, uint64_t item, uint64_t prompt, bool *asked, fault_t *fault) MUST_USE;
// The key of a pair that is to be taken up again: 'Q' + run + pair.
void label_retry_key (uint32_t run, uint64_t pair, buf_t *key);

#endif
