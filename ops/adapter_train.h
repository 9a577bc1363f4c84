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
    size_t rows, columns;
    bool memory_short;                      // prompts or rows were left out because memory was short
    uint64_t bytes;                         // of the file
    digest_t digest;
} adapter_told_t;

// Learn by config's adapter.* from the run that is open and append the file's bytes to out. Deterministic. ERR_NOT_FOUND with
// what to do where nothing can be learnt from; ERR_USAGE.
status_t adapter_train (const char *dir, const opened_t *opened, const config_t *config, buf_t *out, adapter_told_t *told,
                        fault_t *fault) MUST_USE;

#endif
