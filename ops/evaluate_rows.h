// evaluate_rows: a benchmark file in memory, and which benchmark it is.
//
// JSON Lines, plain, .gz or .zst. RewardBench: {"prompt", "chosen", "rejected", "subset", "id"}, each text a string or a list of
// {"role", "content"}; the responses may repeat the prompt's turns, and without "prompt" it is what both share. RewardBench 2:
// "chosen" and "rejected" are lists of strings, the first of one. A response may be empty: a reward model scores it all the same.
// A benchmark is taken whole: a row that can't be read is an error, not set aside.
#ifndef OPS_EVALUATE_ROWS_H
#define OPS_EVALUATE_ROWS_H

#include "base/fault.h"
#include "model/benchmark.h"
#include "proto/text.pb-c.h"

enum { EVALUATE_ROWS_MAX = 1000000, EVALUATE_RESPONSES_MAX = 1024, EVALUATE_MODELS_MAX = 2 };
#define EVALUATE_BYTES_MAX (1024 * 1024 * (size_t) 1024)    // of all texts

typedef struct {
    const char *id;                             // as written; the line's number where the row has none
    size_t subset;                              // place in the rows' list
    uint64_t prompt_key;                        // of the prompt's text: what is resampled together
    const Rulemill__Conversation *prompt;
    const Rulemill__Conversation **response;    // the chosen one first
    size_t n_responses;                         // 2 or more
    double *reward [EVALUATE_MODELS_MAX];       // n_responses each; NaN until known
    double points [EVALUATE_MODELS_MAX];        // what the row counts; NaN until known
    bool tie [EVALUATE_MODELS_MAX];
} evaluate_row_t;

typedef struct evaluate_rows evaluate_rows_t;

// column [m] is read into reward [m] where it is not NULL: "NAME_chosen" and "NAME_rejected" (a number, or a list of them),
// also as "chosen_NAME", "rejected_NAME"; or "NAME" as a list of numbers, the chosen one's first. ERR_FORMAT names the line.
status_t evaluate_rows_load (const char *path, const char *const column [EVALUATE_MODELS_MAX], evaluate_rows_t **out, fault_t *fault) MUST_USE;
void evaluate_rows_destroy (evaluate_rows_t **rows);

// RewardBench 2 where rows have lists of responses, else RewardBench.
const benchmark_t *evaluate_rows_benchmark (const evaluate_rows_t *rows);

evaluate_row_t *evaluate_rows_at (evaluate_rows_t *rows, size_t i);     // NULL past the last
size_t evaluate_rows_count (const evaluate_rows_t *rows);

// Bytes of all turns of a text.
uint64_t evaluate_rows_bytes (const Rulemill__Conversation *text);

// Subsets in the order of the benchmark's table, then those that it lacks in the order of the file.
const char *const *evaluate_rows_subsets (const evaluate_rows_t *rows, size_t *count);

// Is every subset of the table there in its size, and no other? ERR_MISMATCH says what is wrong, and of --partial.
status_t evaluate_rows_check (const evaluate_rows_t *rows, fault_t *fault) MUST_USE;

#endif
