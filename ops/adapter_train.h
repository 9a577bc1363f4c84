// adapter_train: from a run's exhaustively judged pairs to a Rule Adapter's bytes.
#ifndef OPS_ADAPTER_TRAIN_H
#define OPS_ADAPTER_TRAIN_H

#include "model/adapter_learn.h"
#include "ops/cmd.h"
#include "ops/config.h"

typedef struct {
    uint64_t learnt, validation, test;      // pairs
    uint64_t left_out;                      // judged pairs of neither, left out for adapter.max_pairs or memory
    uint64_t lacking;                       // labelled pairs without the judge's word on every rule
    uint64_t judged, top;                   // rules that it has judged of each pair, and how many of them selection takes
    size_t rows, columns;
    bool memory_short;                      // prompts or rows were left out because memory was short
    uint64_t bytes;                         // of the file
    digest_t digest;
} adapter_told_t;

// Learn by config's adapter.* from the run that is open and append the file's bytes to out. Deterministic. ERR_NOT_FOUND with
// what to do where nothing can be learnt from; ERR_USAGE.
status_t adapter_train (const char *dir, const opened_t *opened, const config_t *config, buf_t *out, adapter_told_t *told,
                        fault_t *fault) MUST_USE;

// How many of the rules that it foresees it is to have judged, for an adapter of the policy auto: as few of a ladder from what selection takes
// up to auto.judged_max, and at most half of the pool, as make its labels surely agree with exhaustive ones as often as auto.min_agreement asks:
// so does the lower end of the 95 % interval, over the prompts kept from it; and one step more, as the first of several that passes has luck to
// thank, too. Where none does, the most. What adapter.judged says, or with auto.accept_adapter what selection takes, is taken unasked.
// Written into bytes; *told follows.
status_t adapter_train_judged (const char *dir, const opened_t *opened, const config_t *config, buf_t *bytes, adapter_told_t *told, fault_t *fault) MUST_USE;

// Measure what was just trained on the prompts kept from it, and what half of the prompts that it learnt from would have
// taught; append to report, as coordinator/auto_plan.h reads it:
//
//   {"adapter": digest, "train_pairs", "held_out_pairs", "agreement": {"value", "low", "high"}, "agreement_half",
//    "captured": {..}, "overlap": {..}, "judged", "top", "responses", "cells_chosen",
//    "chosen_share"}
//
// judged: rules that it has judged of each pair, of which selection takes `top`. The last three are of the held-out pairs: distinct responses,
// cells of the rules that it would have judged, and what share of all cells these are.
// agreement is that of labels with exhaustive selection's. Where no prompt was kept, all is 0, an interval with one prompt
// reaches from 0 to 1, and agreement_half is 0 where half of the prompts are none. bytes is the adapter.
void adapter_train_nothing (buf_t *report);     // the same of a sample from which nothing can be learnt
status_t adapter_train_report (const char *dir, const opened_t *opened, const config_t *config, const buf_t *bytes,
                               const adapter_told_t *told, buf_t *report, fault_t *fault) MUST_USE;

#endif
