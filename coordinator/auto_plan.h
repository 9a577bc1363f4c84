// auto_plan: how the policy `auto` goes about a corpus, as pure functions of its record.
//
//   sample 1, 2, ... ──train──> enough? ──> the rest, a block of pair numbers at a time ──> retrain? ──> ...
//                                  └──────> the rest exhaustively
//
// A sample of whole prompts is judged exhaustively, an adapter is trained on it and held against prompts that it has not seen.
// To be right often enough it may have more rules judged of each pair than selection takes. The sample doubles until it is, and
// more data no longer helps, or can't save what more sampling takes; or until the sample would outgrow its share of the corpus.
// (Where a worse one is accepted: until more data is known not to help.) Then the rest goes through the adapter, and a share of its prompts is audited: judged
// exhaustively besides. After each whole block the audits so far decide whether to train again. Decisions need all pairs of a
// phase, so no label depends on the order in which results arrive.
#ifndef COORDINATOR_AUTO_PLAN_H
#define COORDINATOR_AUTO_PLAN_H

#include "base/buf.h"
#include "base/fault.h"
#include "base/json.h"
#include "coordinator/auto_price.h"
#include "proto/record.pb-c.h"
#include "storage/auto_record.h"

enum { AUTO_RETRAININGS_MAX = 2, AUTO_BLOCK_PAIRS = 16384 };

// What decides an `auto` run besides its policy's numbers; a part of the run's name (RunSpec.recipe).
typedef struct {
    bool costly;                // each rule costs; else there is nothing to save
    const char *training;       // how it is learnt, a JSON object; written, not read. NULL: nothing is said
    uint64_t judged;            // what that says of the rules judged of each pair ("judged"); read, not written. 0: nothing
    uint64_t sample_pairs;      // of the first sample (1000)
    double sample_share;        // a sample has at most this share of the corpus's pairs (1/3)
    double min_agreement;       // of the adapter's labels with exhaustive ones, on held-out prompts (.90)
    uint64_t judged_max;        // rules judged of each pair, at most, to reach that (30); fewer than selection takes: no more than these
    double flat_gain;           // twice the data adding less than this to the agreement: the learning curve is flat (.01)
    double audit_share;         // of the prompts after the sample; < 0: what gives +-2 points, at most .02
    bool accept;                // go on with the adapter also under min_agreement
    uint64_t block_pairs;       // AUTO_BLOCK_PAIRS
} auto_recipe_t;

auto_recipe_t auto_recipe_default (void);
// How many rules of a pool an adapter may have judged of each pair, where selection takes `top` of them.
uint64_t auto_recipe_judged (const auto_recipe_t *recipe, uint64_t top, uint64_t rules);

void auto_recipe_write (const auto_recipe_t *recipe, buf_t *out);       // a JSON object in a fixed form
status_t auto_recipe_read (const char *text, auto_recipe_t *out, fault_t *fault) MUST_USE;

// What a training says of an adapter on prompts that it has not seen: shares, 0 to 1. With no pairs to learn from, or none held out, it says nothing.
typedef struct {
    double agreement, low, high;    // of its labels with exhaustive ones, 95 % interval by prompt
    double agreement_half;          // of one trained on half of the prompts
    uint64_t train_pairs, held_out_pairs;
    uint64_t judged, top;           // rules that it has judged of each pair, and how many of them selection takes; 0: not said
    double chosen_share;            // of all cells of these pairs' responses, those that it has judged
} auto_trained_t;

status_t auto_trained_read (const char *report, size_t len, auto_trained_t *out, fault_t *fault) MUST_USE;

// The record's strings and lists are its own (malloc); it is freed with rulemill__auto_record__free_unpacked.

// Begin: size the first sample of a corpus of `pairs`, of which `asked` are to be labelled.
Rulemill__AutoRecord *auto_begin (const auto_recipe_t *recipe, uint64_t asked, uint64_t pairs);

// More is to be labelled than when the sample was sized: `asked` pairs, of `pairs` in all. What was judged exhaustively as the corpus was too small, or the
// adapter too often wrong, is looked at again once there is room for the next sample. A sample whose adapter is in use need not grow with
// the corpus, so its share of what is not labelled yet shrinks. True: the record has changed.
bool auto_grown (const auto_recipe_t *recipe, Rulemill__AutoRecord *record, uint64_t asked, uint64_t pairs);

// The sample is labelled: it is time to train. Then what came of it: an adapter (digest), another sample, or neither.
void auto_sampled (Rulemill__AutoRecord *record);
void auto_trained (const auto_recipe_t *recipe, Rulemill__AutoRecord *record, const auto_trained_t *trained,
                   const char *report, const uint8_t *digest);

// The share of the prompts that is judged exhaustively, sampled or audited, where an adapter labels the others: of the sample drawn last, or of
// the first one that would be.
double auto_exhaustive_share (const auto_recipe_t *recipe, const Rulemill__AutoRecord *record);

// Prompts whose group's hash is at most this are asked for, by the present limit (UINT64_MAX: all). Where it is more than blocks below the
// position were gone through for, they are gone through again: the adapter in use labels what they have no label for, and all audits are
// counted anew. True: the record has changed.
bool auto_lifted (Rulemill__AutoRecord *record, uint64_t threshold);

// The end of the block that begins at record->position, in a corpus of so many pairs.
uint64_t auto_block_end (const auto_recipe_t *recipe, const Rulemill__AutoRecord *record, uint64_t pairs);

// Audited pairs: all, and those of them whose label is of the adapter in use, by which alone it is judged.
typedef struct { Rulemill__AuditSums all, in_use; } auto_audits_t;

// Pairs from the position up to end are labelled, of the prompts up to this hash, and these of them were audited. A whole block moves the
// position; true: train again.
bool auto_block_done (const auto_recipe_t *recipe, Rulemill__AutoRecord *record, uint64_t end, uint64_t threshold,
                      const auto_audits_t *audited);

// Where a run stands, for people: plain values.
typedef struct {
    Rulemill__AutoChoice choice;
    bool training;
    char reason [512];                      // "" while undecided
    uint32_t step;                          // samples so far; 0: none was needed
    double sampled, audited;                // shares of the prompts' hashes
    size_t n_adapters;
    uint64_t audited_pairs, failed_audits;  // the latter: of which some rule got no answer, so that there is nothing to compare
    auto_agreement_t agreement;             // of audited labels with exhaustive ones
    auto_price_t price;                     // of each choice
} auto_state_t;

// tail: audits that the record does not have yet; may be NULL. counts: of the run, which tell what the judge's cells use.
auto_state_t auto_state_of (const Rulemill__AutoRecord *record, const Rulemill__AuditSums *tail, const Rulemill__RunCounts *counts);
// As members of a JSON object, and back from there. sampled: the share to tell, of what was labelled.
void auto_state_write (const auto_state_t *state, double sampled, buf_t *out);
void auto_state_read (const json_value_t *object, auto_state_t *out);

#endif
