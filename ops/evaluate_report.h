// evaluate_report: what came of an evaluation, as a table, as JSON, row by row, and as reward-bench's own results file.
#ifndef OPS_EVALUATE_REPORT_H
#define OPS_EVALUATE_REPORT_H

#include "ops/evaluate_rows.h"

typedef struct {
    const char *path;                       // of the benchmark
    evaluate_rows_t *rows;                  // rewards and points filled in
    unsigned n_models;                      // 2: the second one is what the first is compared with
    const char *name [EVALUATE_MODELS_MAX]; // what people read
    bool generative;                        // the points are of judged pairs: 1/2 for a tie or an unreadable row
    bool partial;                           // not the whole benchmark: no published scores
} evaluation_t;

// By rewards: points and ties of a model's rows.
void evaluate_count (evaluate_rows_t *rows, unsigned model);

// Rows that a model could not be read for, and where the chosen one was among several with the largest reward.
uint64_t evaluate_unreadable (evaluate_rows_t *rows, unsigned model);
uint64_t evaluate_ties (evaluate_rows_t *rows, unsigned model);

// The table for a person, and the same figures for a script.
void evaluate_text (const evaluation_t *evaluation, buf_t *out);
void evaluate_json (const evaluation_t *evaluation, buf_t *out);

// One JSON object for each row: id, subset, points, tie; the first model's rewards where it has any.
void evaluate_write_rows (const evaluation_t *evaluation, buf_t *out);

// {"model", "model_type", "chat_template", SUBSET: accuracy, ...}, as rewardbench's run_rm.py (Apache-2.0) writes it. The names are
// what that tool would have: "ORG/MODEL", "Seq. Classifier", "tokenizer".
void evaluate_results (const evaluation_t *evaluation, const char *model, const char *model_type, const char *chat_template, buf_t *out);

#endif
